"""`static://`: outputs that are written down in the provisioner file."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from scorefly.problems import Problem
from scorefly.resources.provisioner import Outside, Provisioned, ProvisioningContext, Request, Spec
from scorefly.values import Tree, conceal


class StaticProvisioner(Struct, frozen=True):
    """Gives the same `outputs`, and `secrets` as secret ones, to every resource it matches."""

    spec: Spec
    outputs: Mapping[str, Tree] = field(default_factory=dict)
    secrets: Mapping[str, Tree] = field(default_factory=dict)

    def provision(self, request: Request, run_context: ProvisioningContext) -> Provisioned:  # noqa: ARG002
        """The outputs as they are written."""
        hidden = {name: conceal(value) for name, value in self.secrets.items()}
        return Provisioned(outputs={**self.outputs, **hidden})

    def reaches_out(self, outside: Outside) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def deprovision(self, request: Request, run_context: ProvisioningContext) -> tuple[Problem, ...]:  # noqa: ARG002
        """There is nothing to take away."""
        return ()

    def syntax_problems(self) -> list[Problem]:
        """It has no templates."""
        return []

"""The functions that templates call: workloads, ports, secrets, URLs and hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from scorefly.resources.lookup import STAND_IN
from scorefly.resources.own_tokens import is_own_name, refusal
from scorefly.resources.provisioner import ProvisioningContext, Request, WorkloadView
from scorefly.values import Secret, Tree


class TemplateFunctions(Struct, frozen=True):
    """The functions for the templates of one resource."""

    request: Request
    run_context: ProvisioningContext

    def by_name(self) -> dict[str, Callable[..., Any]]:
        """Return the functions by the names that templates call."""
        return {
            "find_workload": self.find_workload,
            "find_port": self.find_port,
            "find_secret": self.find_secret,
            "find_secrets": self.find_secrets,
            "url_parts": self.url_parts,
            "public_host": self.public_host,
            "previews_app": lambda kind: self.run_context.previews_app(str(kind)),
        }

    def find_workload(self, name: object) -> Tree:
        """Return the facts of a workload. Raises ExpressionError for an unknown one."""
        return workload_facts(self._workload(name))

    def public_host(self, host: object) -> Tree:
        """Return the canonical form of a host name that the environment uses, or nothing where it uses Fly's own names.

        A text that is not a host name is left as it is: it is reported where it is converted.
        """
        from scorefly.fly.hostnames import InvalidHostError, is_custom, normalise_host

        try:
            name = normalise_host(str(host or ""))
        except InvalidHostError:
            return str(host or "")
        return name if self.run_context.custom_domains or not is_custom(name) else ""

    def _workload(self, name: object) -> WorkloadView:
        from scorefly.resources.expressions import ExpressionError

        workload = self.run_context.workloads.get(str(name))
        if workload is None:
            known = ", ".join(sorted(self.run_context.workloads)) or "none"
            raise ExpressionError(f"no workload is called {name!r}; there are: {known}", "unknown workload")
        return workload

    def find_port(self, workload: object, port: object) -> Tree:
        """Return the port of that name or number of a workload. Raises ExpressionError."""
        from scorefly.resources.expressions import ExpressionError

        view = self._workload(workload)
        for name, (number, _) in view.ports.items():
            if port in (name, number, str(number)):
                return _port_facts(view, name)
        known = ", ".join(view.ports) or "none"
        message = f"workload {view.name!r} has no service port {port!r}; it has: {known}"
        raise ExpressionError(message, "unknown service port")

    def find_secret(self, name: object) -> Tree:
        """Return a GitHub secret. Raises ExpressionError where the run does not have it."""
        from scorefly.resources.expressions import ExpressionError

        if str(name) in self.run_context.own_secrets or is_own_name(str(name)):
            raise ExpressionError(refusal(str(name)), "secret of scorefly's own")
        granted = self.run_context.granted_secrets
        if granted is not None and str(name) not in granted:
            message = f"secret {name} is not granted to {self.request.owner.name}"
            hint = f"add it to workloads.{self.request.owner.name}.secrets in scorefly.yaml"
            raise ExpressionError(message, "secret that is not granted", hint)
        value = self.run_context.secrets.get(str(name)) or (STAND_IN if self.run_context.trial else "")
        if not value:
            message, hint = _no_secret(str(name), self.run_context.secrets)
            raise ExpressionError(message, "unknown secret", hint)
        return Secret(value, given=True)

    def url_parts(self, url: object) -> Tree:
        """Split a connection URL, percent signs decoded: host, port, username, password, name (the path)."""
        from scorefly.resources.expressions import ExpressionError

        if self.run_context.trial and url == STAND_IN:
            return dict.fromkeys(("scheme", "host", "port", "username", "password", "name"), STAND_IN)
        try:
            parts = urlsplit(str(url))
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if not parts.scheme or not parts.hostname:
            # Its text may be a secret, so it is not shown.
            message = "a URL is wanted, for example postgres://user:password@host:5432/name"
            raise ExpressionError(message, message)
        return {
            "scheme": parts.scheme,
            "host": parts.hostname,
            "port": port,
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "name": unquote(parts.path.removeprefix("/")),
        }

    def find_secrets(self, names: object) -> Tree:
        """Return GitHub secrets by name."""
        from scorefly.resources.expressions import ExpressionError

        if not isinstance(names, list):
            raise ExpressionError(f"a list of names is wanted, not {names!r}", "a list of names is wanted")
        return {str(name): self.find_secret(name) for name in names}


def _no_secret(name: str, secrets: Mapping[str, str]) -> tuple[str, str]:
    """Return why there is no value of a GitHub secret, and what to do: it is empty, called otherwise, or not given."""
    if name in secrets:
        return f"secret {name} is empty", "is it set in this repository or environment?"
    close = [other for other in secrets if other.upper() == name.upper()]
    if close:
        return f"secret {name} is not set", f"did you mean {close[0]!r}?"
    listed = f'"{name}": ${{{{ toJSON(secrets.{name}) }}}}'
    local = f'SCOREFLY_SECRETS=\'{{"{name}": "…"}}\''
    hint = f"in GitHub: gh secret set {name}, and list it in the step's `secrets` input as {listed}; locally: {local}"
    return f"secret {name} is not set", hint


def workload_facts(workload: WorkloadView) -> dict[str, Tree]:
    """Return what templates read of a workload."""
    first = next(iter(workload.ports), None)
    return {
        "name": workload.name,
        "app": workload.app,
        "hostname": workload.hostname,
        "url": f"https://{workload.app}.fly.dev",
        "port": workload.reached_at(first) if first else None,
        "ports": {name: _port_facts(workload, name) for name in workload.ports},
    }


def _port_facts(workload: WorkloadView, name: str) -> dict[str, Tree]:
    number, target = workload.ports[name]
    return {"port": number, "target": target, "reached_at": workload.reached_at(name)}

"""`template://`: outputs, state and Fly apps that come out of templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from scorefly.problems import InputError, Problem
from scorefly.resources.lookup import STAND_IN
from scorefly.resources.own_tokens import is_own_name, refusal
from scorefly.resources.provisioner import (
    Outside,
    Peer,
    Provisioned,
    ProvisioningContext,
    Request,
    ResourceApp,
    Spec,
)
from scorefly.resources.template_functions import TemplateFunctions, workload_facts
from scorefly.score.document import Places
from scorefly.values import Plain, Secret, Tree, conceal, merge_patch

if TYPE_CHECKING:
    from scorefly.resources.randoms import Randoms

Path = tuple[str | int, ...]


class TemplateProvisioner(Struct, frozen=True):
    """Evaluates its parts in the order refuse, warn, state, shared, outputs, secrets, apps; each sees those before.

    `places` knows the place of every leaf below `path`, the entry's own path in its file.
    """

    spec: Spec
    parts: Mapping[str, Plain]
    places: Places
    path: Path

    def provision(self, request: Request, run_context: ProvisioningContext) -> Provisioned:
        """Evaluates the templates. Raises InputError at the leaf that cannot be evaluated."""
        return _Evaluation(self, request, run_context).run()

    def reaches_out(self, outside: Outside) -> bool:  # noqa: ARG002
        """Never: its apps are created on Fly later."""
        return False

    def deprovision(self, request: Request, run_context: ProvisioningContext) -> tuple[Problem, ...]:  # noqa: ARG002
        """There is nothing to take away but the apps."""
        return ()

    def syntax_problems(self) -> list[Problem]:
        """Return what is wrong with the templates as they are written, all leaves."""
        return syntax_problems(self.parts, self.places, self.path)


def syntax_problems(parts: Mapping[str, Plain], places: Places, above: Path) -> list[Problem]:
    """Return what is wrong with the templates in `parts`, which are below the path `above`."""
    from scorefly.resources.expressions import ExpressionError, compile_leaf

    problems = []
    for path, text in _texts(parts, ()):
        try:
            compile_leaf(text)
        except ExpressionError as error:
            place = places.at(*above, *path)
            problems.append(Problem(f"{'.'.join(map(str, path))} is not a valid template: {error}", place=place))
    return problems


class _Evaluation(Struct):
    template: TemplateProvisioner
    request: Request
    run_context: ProvisioningContext
    context: dict[str, Tree] = field(default_factory=dict)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def run(self) -> Provisioned:
        # Jinja is only worth its import time where a template is evaluated.
        from scorefly.resources.randoms import Randoms

        request, parts = self.request, self.template.parts
        randoms = Randoms(request.random)
        stems = self._app_stems(parts.get("apps"))
        names = {key: self.run_context.app_name(stem) for key, stem in stems.items()}
        self._surround(names, randoms)
        if reason := self._text("refuse", randoms):
            raise InputError(Problem(f"{request.uid}: {reason}", place=request.place))
        warning = self._text("warn", randoms)
        warnings = [Problem(f"{request.uid}: {warning}", place=request.place, severity="warning")] if warning else []
        state = {**request.state, **self._mapping("state", randoms)}
        self.context["state"] = state
        self.context["peers"] = self._peers(state) if self.template.spec.reads_peers else {}
        shared = self._mapping("shared", randoms)
        self.context["shared"] = merge_patch(request.shared, shared)
        outputs = self._mapping("outputs", randoms)
        secrets = {name: conceal(value) for name, value in self._mapping("secrets", randoms).items()}
        apps = self._mapping("apps", randoms)
        for key, config in apps.items():
            if not isinstance(config, dict):
                raise self._error("an app is fly.toml as a mapping", "write build: {image: …} below it", ("apps", key))
        return Provisioned(
            outputs={name: value for name, value in {**outputs, **secrets}.items() if value is not None},
            state=state,
            shared=shared,
            random=randoms.all,
            apps=tuple(
                self._app(key, stems[key], names[key], config)
                for key, config in apps.items()
                if isinstance(config, dict)
            ),
            problems=tuple(warnings),
        )

    def _app(self, key: str, stem: str, name: str, config: dict[str, Tree]) -> ResourceApp:
        shared = "app" in config
        return ResourceApp(
            key=key,
            name=name,
            config={name: value for name, value in config.items() if name != "app"},
            place=self._place("apps", key),
            owner=min([self.request.uid, *self.request.peers]) if shared else self.request.uid,
            shared=shared,
            stem=stem,
        )

    def _app_stems(self, apps: Plain) -> dict[str, str]:
        """Compute `<workload>-<resource>[-<key>]`, or the shared id for the first two, for each app's key.

        An app that says `app: NAME` is one that all resources of the provisioner share. A name once given is kept.
        """
        configs = apps if isinstance(apps, dict) else {}
        stem = self.request.id.replace(".", "-")
        request, stems = self.request, {}
        for key, config in configs.items():
            shared = config.get("app") if isinstance(config, dict) else None
            own = stem if len(configs) == 1 else f"{stem}-{key}"
            kept = [request.app_stems, *(peer.app_stems for peer in request.peers.values() if shared)]
            stems[key] = next((each[key] for each in kept if key in each), str(shared) if shared else own)
            if not shared and self.run_context.app_name(stems[key]) in request.taken:
                stems[key] = f"{own}-{request.type}"
        return stems

    def _peers(self, state: Mapping[str, Tree]) -> Tree:
        """All resources of the provisioner, this one among them, by uid."""
        peers = {**self.request.peers, self.request.uid: Peer(self.request.params, state)}
        return {
            "params": {uid: dict(peers[uid].params) for uid in sorted(peers)},
            "states": {uid: dict(peers[uid].state) for uid in sorted(peers)},
        }

    def _surround(self, names: Mapping[str, str], randoms: Randoms) -> None:
        request, around = self.request, self.run_context
        self.context.update(
            params=dict(request.params),
            metadata=dict(request.metadata),  # type: ignore[arg-type]  # plain data is a tree
            uid=request.uid,
            guid=request.guid,
            type=request.type,
            id=request.id,
            name=request.name,
            workload=workload_facts(request.owner),
            environment=around.environment,
            state=dict(request.state),
            shared=dict(request.shared),
            variables=dict(around.variables),
            secrets={name: Secret(value, given=True) for name, value in around.secrets.items()},
            apps={key: {"name": name, "hostname": f"{name}.internal"} for key, name in names.items()},
        )
        self.context["class"] = request.class_
        self.functions.update(
            random_password=randoms.password,
            random_name=randoms.name,
            **TemplateFunctions(self.request, self.run_context).by_name(),
        )

    def _text(self, part: str, randoms: Randoms) -> str:
        """Return what a part says, or nothing when it is not there or comes to nothing."""
        value = self._evaluate(self.template.parts.get(part, ""), (part,), randoms)
        if isinstance(value, Secret):
            raise self._error(f"{part} is printed, and reads something secret", "name no secret in it", (part,))
        return str(value or "")

    def _mapping(self, part: str, randoms: Randoms) -> dict[str, Tree]:
        value = self._evaluate(self.template.parts.get(part, {}), (part,), randoms)
        if isinstance(value, Secret) and isinstance(value.value, dict):
            hint = "write `name: value` lines, and read the secret in the values only"
            raise self._error(f"{part} has names that depend on a secret", hint, (part,))
        if not isinstance(value, dict):
            raise self._error(f"{part} is no mapping", "write `name: value` lines", (part,))
        return value

    def _evaluate(self, tree: Plain, path: Path, randoms: Randoms) -> Tree:
        from scorefly.resources.expressions import ExpressionError, evaluate

        if isinstance(tree, dict):
            return {key: self._evaluate(value, (*path, key), randoms) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self._evaluate(value, (*path, index), randoms) for index, value in enumerate(tree)]
        if not isinstance(tree, str):
            return tree
        randoms.at(".".join(str(key) for key in path))
        try:
            refuse_own_secrets(tree, self.run_context)
            if self.run_context.trial:
                self._stand_in_secrets(tree)
            return evaluate(tree, self.context, self.functions)
        except ExpressionError as error:
            raise self._error(str(error), error.hint, path) from error

    def _stand_in_secrets(self, text: str) -> None:
        from scorefly.resources.expressions import compile_leaf

        known = self.context["secrets"]
        for chain in compile_leaf(text).reads if "{" in text else ():
            if chain[0] == "secrets" and len(chain) > 1 and isinstance(known, dict):
                known.setdefault(str(chain[1]), Secret(STAND_IN, given=True))

    def _error(self, message: str, hint: str, path: Path) -> InputError:
        """At the template's leaf; of a built-in one at the Score file, because users cannot fix the built-in."""
        leaf = ".".join(str(key) for key in path)
        if self.template.spec.built_in:
            return InputError(Problem(f"{self.request.uid}: {message}", hint, self.request.place))
        about = f"{leaf}, evaluated for {self.request.uid} ({self.request.place}): {message}"
        return InputError(Problem(about, hint, self._place(*path)))

    def _place(self, *path: str | int) -> Any:
        return self.template.places.at(*self.template.path, *path)


def refuse_own_secrets(text: str, run_context: ProvisioningContext) -> None:
    """Raise ExpressionError when a template names one of scorefly's own tokens."""
    from scorefly.resources.expressions import ExpressionError, compile_leaf

    for chain in compile_leaf(text).reads if "{" in text else ():
        if chain[0] == "secrets" and len(chain) > 1:
            name = str(chain[1])
            if name in run_context.own_secrets or is_own_name(name):
                raise ExpressionError(refusal(name), "secret of scorefly's own")


def _texts(tree: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(tree, str):
        if "{" in tree:
            yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _texts(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _texts(value, (*path, index))

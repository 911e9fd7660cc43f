"""Resolves placeholders: outputs of a workload's resources, and its metadata."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from scorefly.problems import nearest
from scorefly.score.placeholders import Lookup, Reference, UnknownReference, metadata_lookup
from scorefly.values import Plain, Secret, Tree

STAND_IN = "stand-in"


def output_lookup(
    metadata: Mapping[str, Plain],
    outputs: Mapping[str, Mapping[str, Tree]],
    open_outputs: Collection[str] = (),
    variables: Collection[str] = (),
) -> Lookup:
    """Looks references up; `outputs` are by the resource names of the workload.

    `${resources.x}` alone means the `source` of a resource that has one: that is how Score files name volumes.
    The resources in `open_outputs` have a stand-in for every output that is not known. The outputs of those in
    `variables` are the variables that are given.
    """
    of_metadata = metadata_lookup(metadata)

    def lookup(reference: Reference) -> Tree:
        if reference[0] != "resources":
            return of_metadata(reference)
        if len(reference) < 2 or reference[1] not in outputs:
            name = reference[1] if len(reference) > 1 else ""
            raise UnknownReference(f"no resource is called {name!r}", nearest(name, sorted(outputs)))
        name, keys = reference[1], reference[2:]
        known = outputs[name]
        if name in open_outputs and (keys[:1] or ("source",))[0] not in known:
            return STAND_IN
        if name in variables and keys and keys[0] not in known:
            raise _no_variable(keys[0], known)
        if not keys and "source" not in known:
            raise UnknownReference(
                f"resources.{name} is a resource, not a value", f"name one of its outputs: {_names(known)}"
            )
        return _walk(known, keys or ("source",), f"resource {name!r}")

    return lookup


def _no_variable(name: str, known: Mapping[str, Tree]) -> UnknownReference:
    close = [other for other in known if other.upper() == name.upper()]
    hint = f"set it in `variables` or SCOREFLY_VAR_{name}, or list the secret under params.secrets"
    return UnknownReference(f"no variable {name}", f"did you mean {close[0]!r}?" if close else hint)


def _walk(tree: Mapping[str, Tree], keys: Reference, owner: str) -> Tree:
    value: Tree = dict(tree)
    for depth, key in enumerate(keys):
        if isinstance(value, Secret):
            value = _below_secret(value, key, f"{owner}: {'.'.join(keys[:depth])}")
            continue
        if not isinstance(value, dict) or key not in value:
            below = ".".join(keys[:depth])
            known = value if isinstance(value, dict) else {}
            raise UnknownReference(
                f"{owner} has no output {'.'.join(keys[: depth + 1])!r}",
                nearest(key, sorted(known))
                if known
                else f"{below} has nothing below it"
                if below
                else "it has no outputs",
            )
        value = value[key]
    return value


def _below_secret(secret: Secret, key: str, owner: str) -> Secret:
    """One value of a mapping that is secret as a whole."""
    known = secret.value
    if not isinstance(known, dict) or key not in known:
        raise UnknownReference(f"{owner} is secret, and has no {key!r} below it")
    return Secret(known[key], secret.given)


def _names(known: Mapping[str, object]) -> str:
    return ", ".join(sorted(known)) or "none"

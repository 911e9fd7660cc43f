"""The entries of provisioner files: their keys by scheme, and the provisioners that are made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from msgspec import Struct
from msgspec.structs import replace

from scorefly.problems import InputError, Problem, nearest
from scorefly.resources.provisioner import Provisioner, Spec
from scorefly.resources.static import StaticProvisioner
from scorefly.resources.template import TemplateProvisioner
from scorefly.score.document import AnyDocument
from scorefly.values import Plain, Tree

if TYPE_CHECKING:
    pass

COMMON_KEYS: Mapping[str, type] = {
    "uri": str,
    "type": str,
    "class": str,
    "id": str,
    "description": str,
    "supported_params": list,
    "expected_outputs": list,
}
_CALL_KEYS: Mapping[str, tuple[type, ...]] = {"timeout": (str, int), "plan": (bool,), "rehearse": (bool,)}
# What each scheme reads beside the common keys, with the types it may have: a template may be an expression.
SCHEME_KEYS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "static": {"outputs": (dict,), "secrets": (dict,)},
    "template": {
        "refuse": (str,),
        "warn": (str,),
        "state": (dict, str),
        "shared": (dict, str),
        "outputs": (dict, str),
        "secrets": (dict, str),
        "apps": (dict,),
    },
    "cmd": {"args": (list,), "env": (dict,), **_CALL_KEYS},
    "https": {"headers": (dict,), **_CALL_KEYS},
    "http": {"headers": (dict,), "insecure": (bool,), **_CALL_KEYS},
}
_KINDS = {str: "a text", list: "a list", dict: "a mapping", int: "a number", bool: "true or false"}
# Other implementations of Score: what their provisioners make, and the keys that only they have.
_OTHERS: Mapping[str, tuple[str, frozenset[str]]] = {
    "score-k8s": ("Kubernetes manifests", frozenset({"manifests"})),
    "score-compose": ("Compose services", frozenset({"init", "volumes", "networks", "services"})),
}
# What Go's templates have and Jinja's do not: `{{ .State.x }}`, `{{ $x }}`, `{{- if … }}`.
_GO_TEMPLATE = re.compile(r"\{\{-?\s*(?:\.\w|\$\w|(?:if|range|with|end|else|define|dig|set|print\w*)\b)")


def _other_implementation(entries: list[Plain]) -> str:
    """Return the implementation of Score whose provisioners these are; empty where they may be ours.

    The others' parts are Go templates: texts, where a misplaced key of ours is a mapping.
    """
    parts = {
        key: value
        for entry in entries
        if isinstance(entry, dict)
        for key, value in entry.items()
        if isinstance(value, str)
    }
    named = next((name for name, (_, own) in _OTHERS.items() if parts.keys() & own), "")
    go_template = any(_GO_TEMPLATE.search(value) for value in parts.values())
    return named or ("score-compose or score-k8s" if go_template else "")


class EntryReader(Struct):
    """Reads one file's entries; an entry with a problem is left out and reading goes on."""

    document: AnyDocument
    problems: list[Problem]
    built_in: bool = False

    def read(self) -> list[Provisioner]:
        """Return the provisioners of the entries that are right."""
        data = self.document.data
        if data is None:  # nothing but comments
            return []
        if not isinstance(data, list):
            self._problem("a provisioner file is a list of entries", "begin each with `- uri: …`", ())
            return []
        if other := _other_implementation(data):
            makes = _OTHERS[other][0] if other in _OTHERS else "Compose services or Kubernetes manifests"
            about = f"this is a provisioner file of {other}, which makes {makes} and no Fly apps"
            hint = (
                "remove the file, or rewrite its entries: `scorefly provisioners list` shows what is built in, and "
                "docs/provisioners.md how to write your own"
            )
            self._problem(about, hint, ())
            return []
        return [found for index, entry in enumerate(data) if (found := self._entry(index, entry))]

    def _entry(self, index: int, entry: Plain) -> Provisioner | None:
        if not isinstance(entry, dict):
            self._problem("an entry is a mapping", "write `uri: …` and `type: …`", (index,))
            return None
        before = len(self.problems)
        scheme = self._scheme(index, entry)
        allowed: dict[str, tuple[type, ...]] = {key: (kind,) for key, kind in COMMON_KEYS.items()}
        allowed |= SCHEME_KEYS.get(scheme, {})
        for key, value in entry.items():
            if key not in allowed:
                if scheme:
                    hint = nearest(key, allowed, f"{scheme}:// knows:")
                    self._problem(f"unknown key {key!r}", hint, (index, key))
            elif not isinstance(value, allowed[key]):
                expected = " or ".join(_KINDS[kind] for kind in allowed[key])
                self._problem(f"{key} has to be {expected}", "", (index, key))
        for key in ("supported_params", "expected_outputs"):
            value = entry.get(key)
            if isinstance(value, list) and not all(isinstance(name, str) for name in value):
                self._problem(f"{key} is a list of names", "", (index, key))
        if "type" not in entry:
            self._problem("type is missing", "say which resource type the entry provisions", (index,))
        if len(self.problems) > before:
            return None
        try:
            return _MAKERS[scheme](self._spec(index, entry), entry, self.document, index)
        except InputError as error:
            at = self.document.places.at(index, "uri")
            self.problems += [replace(problem, place=problem.place or at) for problem in error.problems]
            return None

    def _scheme(self, index: int, entry: Mapping[str, Plain]) -> str:
        uri = entry.get("uri")
        if uri is None:
            self._problem("uri is missing", "for example uri: template://acme/cache", (index,))
            return ""
        scheme, separator, _ = uri.partition("://") if isinstance(uri, str) else ("", "", "")
        if not separator or scheme not in SCHEME_KEYS:
            known = ", ".join(f"{name}://" for name in SCHEME_KEYS)
            self._problem(f"the scheme of uri {uri!r} is unknown", f"there are {known}", (index, "uri"))
            return ""
        return scheme

    def _spec(self, index: int, entry: Mapping[str, Plain]) -> Spec:
        supported = entry.get("supported_params")
        expected = entry.get("expected_outputs")
        return Spec(
            uri=str(entry["uri"]),
            type=str(entry["type"]),
            class_=cast("str | None", entry.get("class")),
            id=cast("str | None", entry.get("id")),
            description=str(entry.get("description", "")),
            supported_params=tuple(map(str, supported)) if isinstance(supported, list) else None,
            expected_outputs=tuple(map(str, expected)) if isinstance(expected, list) else (),
            place=self.document.places.at(index),
            built_in=self.built_in,
            reads_peers=_reads_peers(entry),
        )

    def _problem(self, message: str, hint: str, path: tuple[str | int, ...]) -> None:
        self.problems.append(Problem(message, hint, self.document.places.at(*path)))


def _reads_peers(entry: Mapping[str, Plain]) -> bool:
    """Decide whether a template names its peers, or shares an app with them."""
    apps = entry.get("apps")
    shares = isinstance(apps, dict) and any(isinstance(each, dict) and "app" in each for each in apps.values())
    return shares or "peers" in str(entry)


def _static(spec: Spec, entry: Mapping[str, Plain], _document: AnyDocument, _index: int) -> Provisioner:
    return StaticProvisioner(spec, _part(entry, "outputs"), _part(entry, "secrets"))


def _template(spec: Spec, entry: Mapping[str, Plain], document: AnyDocument, index: int) -> Provisioner:
    parts = {key: value for key, value in entry.items() if key in SCHEME_KEYS["template"]}
    return TemplateProvisioner(spec, parts, document.places, (index,))


def _command(spec: Spec, entry: Mapping[str, Plain], document: AnyDocument, index: int) -> Provisioner:
    from scorefly.resources.call_entries import command_provisioner

    return command_provisioner(spec, entry, document, index)


def _server(spec: Spec, entry: Mapping[str, Plain], document: AnyDocument, index: int) -> Provisioner:
    from scorefly.resources.call_entries import server_provisioner

    return server_provisioner(spec, entry, document, index)


_MAKERS: Mapping[str, Callable[[Spec, Mapping[str, Plain], AnyDocument, int], Provisioner]] = {
    "static": _static,
    "template": _template,
    "cmd": _command,
    "https": _server,
    "http": _server,
}


def _part(entry: Mapping[str, Plain], key: str) -> dict[str, Tree]:
    value = entry.get(key)
    return cast("dict[str, Tree]", value) if isinstance(value, dict) else {}

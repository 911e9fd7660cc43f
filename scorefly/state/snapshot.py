"""A snapshot of an app's last deploy, kept in state to compute what a plan changes, and drift."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping

from msgspec import Struct, field

Facts = Mapping[str, tuple[str, ...]]


class Record(Struct, frozen=True):
    """`texts` are the artefact's own files by name, `files` the digests of those it mounts.

    `built` summarises the files that its image was built from: see `desired/build_context.py`.

    `image` is the reference that was deployed, by digest where that is known; `build` is the key of the last build and
    its image, which is not yet deployed where that failed.

    `facts` describe the Machines as they were after the deploy: what flyctl makes of a fly.toml is flyctl's business,
    so a Machine is compared with what it was, not with what we think it should be. `secrets` are the names of those it
    used (None: not known), `machines` is how many there should be: a shortage does not lower it. `removing` are the ids
    of volumes that are to be removed, and may still be there. `counts` is the stated number of Machines by process
    group and region. `images` are those of further containers as they were deployed, by name, and `builds` the images
    that were built for them, by the key of the build.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    secrets: tuple[str, ...] | None = None
    machines: int = 0
    built: Mapping[str, str] = field(default_factory=dict)
    removing: tuple[str, ...] = ()
    image: str = ""
    build: tuple[str, str] = ("", "")
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    builds: Mapping[str, str] = field(default_factory=dict)


def pack(record: Record) -> str:
    """As text for the state document: compressed, for a machine.json can be long."""
    data = {"texts": dict(record.texts), "files": dict(record.files), "facts": dict(record.facts)}
    data |= {"secrets": record.secrets, "machines": record.machines}
    if record.built:
        data["built"] = dict(record.built)
    if record.removing:
        data["removing"] = record.removing
    if record.image:
        data["image"] = record.image
    if record.build[0]:
        data["build"] = list(record.build)
    if record.counts:
        data["counts"] = {group: dict(regions) for group, regions in record.counts.items()}
    for name, mapping in (("images", record.images), ("builds", record.builds)):
        if mapping:
            data[name] = dict(mapping)
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(packed: str) -> Record | None:
    """The record, or None where state has none."""
    if not packed:
        return None
    data = json.loads(zlib.decompress(b64decode(packed)))
    facts = {key: tuple(each) for key, each in data["facts"].items()}
    secrets = data.get("secrets")
    return Record(
        data["texts"],
        data["files"],
        facts,
        None if secrets is None else tuple(secrets),
        data.get("machines", 0),
        data.get("built", {}),
        tuple(data.get("removing", ())),
        data.get("image", ""),
        tuple(data.get("build", ("", ""))),
        data.get("counts", {}),
        data.get("images", {}),
        data.get("builds", {}),
    )

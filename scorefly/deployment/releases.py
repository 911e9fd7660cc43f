"""Records each different deploy of an app as a release, and turns a release back into an app to deploy."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scorefly.deployment.machine_counts import app_machines
from scorefly.desired.artefacts import artefact_texts, file_digests
from scorefly.desired.build_context import summarised
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App, Port, volume_claims
from scorefly.fly.machine_config import size_text
from scorefly.state.document import AppState
from scorefly.state.releases import (
    MAX_COMMITS,
    MAX_RELEASES,
    Artefact,
    Release,
    Rollback,
    digest_of,
    pack_artefacts,
    unpack_artefacts,
)
from scorefly.state.snapshot import unpack


class RollbackTarget(Struct, frozen=True):
    """The release that a rollback deploys, the commit it stands for, and the rollback that is in force afterwards.

    `rollback` is None where the newest release is deployed again.
    """

    release: Release
    artefact: Artefact
    commit: str
    rollback: Rollback | None

    def begun(self) -> dict[str, Any]:
        """Return what state says of the app before its Machines are replaced: a deploy must not come between."""
        return {"rollback": self.rollback} if self.rollback else {}

    def done(self, known: AppState) -> dict[str, Any]:
        """Return what state says of the app once the release runs."""
        later = _later_ids(known.releases, self.release.id)
        releases = tuple(
            replace(each, rolled_back=each.id in later or (each.rolled_back and each.id != self.release.id))
            for each in known.releases
        )
        return {
            "releases": releases,
            "release": self.release.id,
            "rollback": self.rollback,
            "commit": self.commit,
        }


def timestamp() -> str:
    """Return the time now, in UTC, as RFC 3339 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def artefact_key(app: App, built: Mapping[str, str]) -> str:
    """Return a digest of what a release consists of, without its image and the values of its secrets."""
    return digest_of(artefact_texts(app), file_digests(app), summarised(built), sorted(app.secrets))


def release_changes(
    known: AppState,
    app: App,
    machines: Sequence[MachineView],
    built: Mapping[str, str],
    commit: str,
    at: str,
    others: Mapping[str, str],
) -> dict[str, Any]:
    """Return what state says more of an app after a good deploy; only workloads have releases.

    `others` are the images of further containers that were deployed.
    """
    if not app.workload:
        return {"rollback": None}
    key, shown = artefact_key(app, built), shown_image(app, machines)
    name = digest_of(key, shown)
    before = next((each for each in known.releases if each.id == name), None)
    if before is not None and known.release == name:
        return {**unchanged_release(known, commit), "rollback": None}
    commits = tuple(each for each in (before.commit, *before.commits) if each not in ("", commit)) if before else ()
    release = Release(name, key, at, commit, shown, commits[-MAX_COMMITS:])
    releases = (*(each for each in known.releases if each.id != name), release)[-MAX_RELEASES:]
    artefacts = unpack_artefacts(known.artefacts) | {
        name: _artefact(app.with_other_images(others), _exact_image(app, machines))
    }
    packed = pack_artefacts(artefacts, [each.id for each in reversed(releases)])
    return {"releases": releases, "release": name, "artefacts": packed, "rollback": None}


def unchanged_release(known: AppState, commit: str) -> dict[str, Any]:
    """Return what state says of an app that another commit left as it was."""
    current = known.current_release
    if current is None or not commit or commit in (current.commit, *current.commits):
        return {}
    more = replace(current, commits=(*current.commits, commit)[-MAX_COMMITS:])
    return {"releases": tuple(more if each is current else each for each in known.releases)}


def app_of_release(known: AppState, artefact: Artefact) -> App:
    """Return the app as it was deployed with an artefact. An image that was built is used, not built again.

    The stated number of Machines stays what it is now.
    """
    record = unpack(known.record)
    config = tomllib.loads(artefact.texts["fly.toml"])
    config["build"] = {"image": artefact.image}
    machine = json.loads(artefact.texts.get("machine.json", "{}"))
    # A build's files are found from its context, an image's from its artefact.
    if "machine_config" in config:
        config["machine_config"] = "machine.json"
    for each in (config, *(machine.get("containers") or ())):
        for file in each.get("files") or ():
            if "local_path" in file:
                file["local_path"] = _own_path(file["local_path"], artefact)
    return App(
        name=known.name,
        owner=known.owner,
        workload=known.workload,
        config=config,
        machine=machine,
        image=artefact.image,
        size=size_text(config),
        files=artefact.files,
        ports=tuple(Port(*each) for each in artefact.ports),
        volumes=volume_claims(config.get("mounts")),
        addresses=artefact.addresses,
        needs=artefact.needs,
        url=artefact.url,
        region=str(config.get("primary_region", "")),
        counts=record.counts if record else {},
    )


def rollback_to(known: AppState, target: Release, artefact: Artefact, commit: str, at: str) -> RollbackTarget:
    """Return the target of a rollback; `commit` is the one that was asked for, or empty."""
    later = _later_ids(known.releases, target.id)
    newest = known.rollback.from_commit if known.rollback else known.commit
    own = next((each for each in (*reversed(target.commits), target.commit) if commit and each.startswith(commit)), "")
    own = own or (target.commits or (target.commit,))[-1]
    keys = tuple(each.key for each in known.releases if each.id in later)
    return RollbackTarget(target, artefact, own, Rollback(at, own, newest, keys) if later else None)


def shown_image(app: App, machines: Sequence[MachineView]) -> str:
    """Return the image that the Machines run; where they do not tell, the desired one."""
    images = sorted({each.image for each in app_machines(machines) if each.image})
    return ", ".join(images) or (app.image if isinstance(app.image, str) else "")


def _exact_image(app: App, machines: Sequence[MachineView]) -> str:
    """Return the reference to deploy again: with the digest that Fly resolved it to, where it says so."""
    ours = app_machines(machines)
    references = {
        f"{each.image}@{each.image_digest}" if each.image_digest and "@" not in each.image else each.image
        for each in ours
        if each.image
    }
    return references.pop() if len(references) == 1 else shown_image(app, ours[:1])


def _artefact(app: App, image: str) -> Artefact:
    return Artefact(
        texts=artefact_texts(app),
        image=image,
        files=app.files,
        ports=tuple((port.name, port.port, port.internal, port.how) for port in app.ports),
        addresses=app.addresses,
        needs=app.needs,
        url=app.url,
        secrets=tuple(sorted(app.secrets)),
    )


def _own_path(local_path: str, artefact: Artefact) -> str:
    names = (f"files/{name}" for name in artefact.files)
    return next((name for name in names if local_path == name or local_path.endswith(f"/{name}")), local_path)


def _later_ids(releases: Sequence[Release], name: str) -> set[str]:
    ids = [each.id for each in releases]
    return set(ids[ids.index(name) + 1 :]) if name in ids else set()

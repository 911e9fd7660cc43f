"""`images-from`: containers whose image is `.` run what another environment runs, by the same digest."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence

from msgspec.structs import replace

from scorefly.config.settings import Images, Settings
from scorefly.problems import Problem, option_place, raise_errors
from scorefly.score.workload import Workload
from scorefly.state.document import AppState
from scorefly.state.session import read_state
from scorefly.state.snapshot import Record, unpack


def with_promoted_images(settings: Settings, workloads: Sequence[Workload]) -> Settings:
    """Return the settings with the images that `images-from` names. Raises InputError where there is no such image.

    An image that `images` gives by name comes first.
    """
    source = settings.images_from
    if not source:
        return settings
    place = option_place("images-from")
    if source == settings.environment:
        hint = "name the environment to take images from"
        raise_errors([Problem(f"images-from is {source!r}, the environment of this run", hint, place)])
    apps = {app.workload: app for app in read_state(replace(settings, environment=source)).apps.values()}
    found: dict[str, str] = {}
    problems = []
    for workload in workloads:
        deployed = _images(apps.get(workload.name))
        for name, container in workload.containers.items():
            key = f"{workload.name}.{name}"
            if container.image != "." or key in settings.images.by_name or workload.name in settings.images.by_name:
                continue
            image = deployed.get(name) or (deployed.get("", "") if len(workload.containers) == 1 else "")
            if image:
                found[key] = image
            else:
                hint = f"deploy {workload.name} to {source} first, or give its image with images: {key}=REFERENCE"
                at = workload.place("containers", name, "image")
                problems.append(Problem(f"{source} has no deployed image of container {name!r}", hint, at))
    raise_errors(problems)
    return replace(settings, images=Images(settings.images.default, {**settings.images.by_name, **found}))


def _images(app: AppState | None) -> dict[str, str]:
    """Return the images of the last good deploy by container; an app without containers has one, under no name."""
    record = unpack(app.record) if app else None
    if record is None:
        return {}
    front = str(tomllib.loads(record.texts.get("fly.toml", "")).get("container", ""))
    containers = json.loads(record.texts.get("machine.json", "{}")).get("containers") or ()
    others = {each["name"]: each["image"] for each in containers if each.get("image", ".") != "."}
    return {**others, **record.images, front: _front_image(record)}


def _front_image(record: Record) -> str:
    """Return the image that was deployed; what an earlier version of scorefly deployed is known from its Machines."""
    facts = [image for image in record.facts.get("image", ()) if ": " not in image]
    return record.image or (facts[0] if len(facts) == 1 else "")

"""Tags of images resolved at their registries, so that one that was moved to another image is noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.desired.apps import DesiredApps
from scorefly.desired.load import Loaded
from scorefly.fly.app import App
from scorefly.fly.registry import Registries, RegistryError, parse_reference
from scorefly.problems import InputError, Place, Problem, option_place
from scorefly.score.workload import Workload

LOOKUPS = 8  # images looked up at a time


def resolve_tags(
    settings: Settings, loaded: Loaded, desired: DesiredApps, registries: Registries
) -> tuple[DesiredApps, list[Problem]]:
    """Return the apps with the digest that each tag has now, and one notice about those that no registry told.

    Apps of resources keep their images: a server that holds data is not restarted because its tag was moved. Raises
    InputError for images that Fly cannot pull: private ones, and those that are missing.
    """
    if settings.untrusted:
        return desired, []
    images = sorted({image for app in desired.apps for image in _tagged(app) if registries.can_ask(image)})
    if not images:
        return desired, []
    with ThreadPoolExecutor(LOOKUPS, thread_name_prefix="registry") as pool:
        results = dict(zip(images, pool.map(lambda image: _digest(registries, image), images), strict=True))
    own = registries.own
    refused = {
        image: result
        for image, result in results.items()
        if isinstance(result, RegistryError) and result.kind != "unreachable" and parse_reference(image).registry != own
    }
    if refused:
        raise InputError(
            *(
                _refusal(loaded, app, image, refused[image])
                for app in desired.apps
                for image in dict.fromkeys(_tagged(app))
                if image in refused
            )
        )
    digests = {image: digest for image, digest in results.items() if isinstance(digest, str)}
    apps = tuple(_with_digests(app, digests) for app in desired.apps)
    failures = {image: result.reason for image, result in results.items() if isinstance(result, RegistryError)}
    return replace(desired, apps=apps), _notice(failures)


def _digest(registries: Registries, image: str) -> str | RegistryError:
    try:
        return registries.digest(image)
    except RegistryError as error:
        return error


def _tagged(app: App) -> list[str]:
    """Return the images of a workload's containers that have a tag."""
    if not app.workload:
        return []
    images = [*([app.image] if isinstance(app.image, str) else []), *app.other_images.values()]
    return [image for image in images if image != "." and "@" not in image]


def _with_digests(app: App, digests: Mapping[str, str]) -> App:
    if not app.workload:
        return app
    image = str(app.image)
    pinned = _pinned(image, digests[image]) if image in digests else app.pinned
    others = {name: _pinned(each, digests[each]) for name, each in app.other_images.items() if each in digests}
    return replace(app, pinned=pinned, other_pins=others)


def _pinned(image: str, digest: str) -> str:
    """Return the reference by digest, without the tag, which says nothing more."""
    head, slash, last = image.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}@{digest}"


def _refusal(loaded: Loaded, app: App, image: str, error: RegistryError) -> Problem:
    place = _place(loaded.workloads, app, image)
    if error.kind == "missing":
        return Problem(f"{image}: {error.reason} in its registry", "check the reference", place)
    fly = parse_reference(image).repository.rpartition("/")[2]
    return Problem(
        f"Fly cannot pull {image}: {error.reason}",
        "make it public, build it with builds in scorefly.yaml, or copy it to Fly's registry: "
        f"`docker buildx imagetools create --tag registry.fly.io/{app.name}:{fly} {image}`",
        place,
    )


def _place(workloads: Sequence[Workload], app: App, image: str) -> Place:
    for workload in workloads:
        if workload.name == app.workload:
            for name, container in workload.containers.items():
                if container.image == image:
                    return workload.place("containers", name, "image")
    return option_place("images")


def _notice(failures: Mapping[str, str]) -> list[Problem]:
    if not failures:
        return []
    reasons = ", ".join(f"{image} ({reason})" for image, reason in failures.items())
    return [
        Problem(
            f"the registry did not tell which image a tag has now, so a newer one is not noticed: {reasons}",
            "set force to deploy what the tags have now, or use digests",
            severity="notice",
        )
    ]

"""Everything that a workload is converted with, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from scorefly.config.settings import Settings
from scorefly.convert.overlay import Overlay, published_ports
from scorefly.convert.routes import Route
from scorefly.convert.target import Target
from scorefly.desired.artefacts import artefact_folder
from scorefly.desired.builds import repository_root, stated_builds
from scorefly.desired.counts import Scale, read_scale
from scorefly.desired.dependencies import REFERRING_TYPES, needed_apps
from scorefly.desired.load import Loaded
from scorefly.desired.overlaid import has_builtin
from scorefly.desired.resolution import Resolution
from scorefly.problems import Problem
from scorefly.score.placeholders import Lookup
from scorefly.score.workload import Workload
from scorefly.values import holds_secret, reveal_text, to_text


class WorkloadInputs(Struct, frozen=True):
    """One workload, ready to be converted.

    `lookup` resolves its placeholders, `routes` publish its ports, `target` is the app to convert it to, `scale` says
    how many Machines that has where, `overlays` are laid over the result, in this order, and `needs` are the names of
    apps to deploy first.
    """

    workload: Workload
    lookup: Lookup
    routes: tuple[Route, ...]
    target: Target
    scale: Scale
    overlays: tuple[Overlay, ...]
    needs: tuple[str, ...]


def workload_inputs(
    settings: Settings,
    workload: Workload,
    loaded: Loaded,
    resolution: Resolution,
    overlays: tuple[Overlay, ...],
    problems: list[Problem],
    *,
    trial: bool,
) -> WorkloadInputs | None:
    """Gather the inputs of a workload; None where something it needs is not right, which is added to `problems`."""
    uids = loaded.graph.uids_of(workload)
    if any(uid not in resolution.outputs for uid in uids.values()):
        # An error upstream would come again as an unknown output of everything that reads it.
        return None
    if secret := _secret_words(workload, loaded, resolution):
        problems += secret
        return None
    scale = read_scale(settings, workload, loaded, resolution.params, problems)
    routes = tuple(
        _route(resource, resolution.params[uid])
        for resource, uid in uids.items()
        if loaded.graph.nodes[uid].type == "route"
    )
    return WorkloadInputs(
        workload=workload,
        lookup=resolution.lookup(workload, loaded),
        routes=routes,
        target=_target(settings, workload, resolution, scale, overlays, trial=trial),
        scale=scale,
        overlays=overlays,
        needs=needed_apps(settings, workload, loaded, resolution, problems),
    )


def _target(
    settings: Settings,
    workload: Workload,
    resolution: Resolution,
    scale: Scale,
    overlays: Sequence[Overlay],
    *,
    trial: bool,
) -> Target:
    name, config = settings.app_name(workload.name), settings.config(workload.name)
    auto_stop = scale.autoscaler.auto_stop if scale.autoscaler else "off"
    return Target(
        workspace=settings.workspace,
        app_name=name,
        region=scale.region,
        images={**({workload.name: config.image} if config.image else {}), **settings.images.by_name},
        default_image=settings.images.default,
        unsupported="warn" if settings.unsupported == "warn" else "error",
        flycast=resolution.workloads[workload.name].flycast,
        artefact=PurePosixPath(artefact_folder(settings, name).as_posix()),
        auto_stop=settings.auto_stop or auto_stop,
        min_running=scale.autoscaler.least if scale.autoscaler else None,
        trial=trial,
        builds=stated_builds(settings, workload),
        checkout=repository_root(settings, workload.file.parent),
        builtin=has_builtin(overlays),
        published=published_ports(overlays),
    )


def _secret_words(workload: Workload, loaded: Loaded, resolution: Resolution) -> list[Problem]:
    """Params that fly.toml or messages show, and that are secret."""
    shown = {
        "route": ("host", "path", "port"),
        "dns": ("host",),
        **dict.fromkeys(REFERRING_TYPES, ("workload", "port")),
    }
    return [
        Problem(
            f"{name} of {loaded.graph.nodes[uid].type} {resource!r} is secret, and is shown in fly.toml or messages",
            "take it from something that is not secret",
            workload.place("resources", resource, "params", name),
        )
        for resource, uid in loaded.graph.uids_of(workload).items()
        for name in shown.get(loaded.graph.nodes[uid].type, ())
        if holds_secret(resolution.params[uid].get(name))
    ]


def _route(name: str, params: Mapping[str, object]) -> Route:
    port = params.get("port", "")
    text = reveal_text(to_text(port)) if not isinstance(port, int) else port  # type: ignore[arg-type]
    return Route(
        name=name,
        path=reveal_text(to_text(params.get("path", "/"))),  # type: ignore[arg-type]
        port=int(text) if str(text).isdecimal() else text,
    )

"""`rehearsal serve`: the simulated Fly by itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from scorefly.cli.group import Group
from scorefly.cli.session import Session


@click.group(cls=Group)
def rehearsal() -> None:
    """Run the simulated Fly as a server."""


@rehearsal.command("serve")
@click.option("--port", default=4280, show_default=True, help="The port on 127.0.0.1; 0 takes a free one.")
@click.option("--world", type=click.Path(dir_okay=False, path_type=Path), help="Keep its state in this file.")
@click.option(
    "--latency", default="0ms", show_default=True, metavar="TIME", help="How long each call takes, e.g. 100ms."
)
@click.option(
    "--fail", "failures", multiple=True, metavar="METHOD:PATH:KIND[:TIMES[:FIRST]]", help="Answer with a failure."
)
@click.option(
    "--lag",
    default="0ms",
    show_default=True,
    metavar="TIME",
    help="How late the listing of an organization's Machines is.",
)
@click.option(
    "--error-region", "error_regions", multiple=True, metavar="REGION", help="Leave this region out of that listing."
)
@click.pass_obj
def rehearsal_serve(
    session: Session,
    /,
    port: int,
    world: Path | None,
    latency: str,
    failures: tuple[str, ...],
    lag: str,
    error_regions: tuple[str, ...],
) -> None:
    """Serve the simulated Fly to flyctl or your own tools, until interrupted.

    \b
    Example:
      scorefly rehearsal serve --latency 100ms --fail 'POST:/v1/apps/*/machines:503:2'
    """
    from scorefly.commands.rehearsal_serve import parse_fault, parse_latency, serve

    session.progress.clear()
    serve(
        port,
        world,
        sys.stdout,
        latency=parse_latency(latency),
        failures=[parse_fault(each) for each in failures],
        lag=parse_latency(lag, "lag"),
        error_regions=error_regions,
    )

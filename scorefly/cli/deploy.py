"""Commands from Score files to running apps: validate, generate, plan, deploy, preview."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.json_run import progress_option, run_as_json
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("validate")
@click.pass_obj
def validate(session: Session, /, **values: Any) -> None:
    """Check Score, project and provisioner files, and report every problem."""
    run_command("validate", values, session)


@click.command(cls=Command)
@options("generate")
@click.pass_obj
def generate(session: Session, /, **values: Any) -> None:
    """Validate, provision resources, and write a fly.toml for each app.

    \b
    Examples:
      scorefly generate
      scorefly generate web/score.yaml --images ghcr.io/acme/web:1.4
      scorefly generate --environment staging --override-property metadata.name=web-two
    """
    run_command("generate", values, session)


@click.command(cls=Command)
@options("plan")
@click.option(
    "--subtree",
    "subtrees",
    multiple=True,
    metavar="NAME",
    help="Plan only this project, environment, unit or folder of a tree.",
)
@progress_option
@click.pass_obj
def plan(session: Session, /, progress: str, **values: Any) -> None:
    """Show what deploy would change, and write plan.json. Changes nothing.

    \b
    Examples:
      scorefly plan --environment production --app-prefix acme-
      scorefly plan --environment production --subtree shop
    """
    if progress == "json":
        run_as_json("plan", values, session)
    run_command("plan", values, session)


@click.command(cls=Command)
@options("deploy")
@click.pass_obj
def deploy(session: Session, /, **values: Any) -> None:
    """Generate, then create or update every app that changed, in dependency order.

    \b
    Examples:
      scorefly deploy --rehearse
      FLY_API_TOKEN=… scorefly deploy --org acme --region ams --app-prefix acme-
    """
    run_command("deploy", values, session)


@click.command(cls=Command)
@options("preview")
@click.pass_obj
def preview(session: Session, /, **values: Any) -> None:
    """In a workflow: deploy a pull request as environment pr-<number>, and destroy it when it is closed."""
    run_command("preview", values, session)

"""`install`: the listener on Fly."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from scorefly.cli.session import Session
from scorefly.problems import input_error, option_place

_FAKE_TOKEN = "FlyV1 fm2_simulated-token-of-the-listener"  # noqa: S105 - of a rehearsal


@click.command("install")
@click.option("--project", required=True, metavar="URL[#REF[:PATH]]", help="Repository with scorefly.yaml to follow.")
@click.option("--image", required=True, metavar="REFERENCE", help="scorefly's image, e.g. ghcr.io/OWNER/scorefly:v1.")
@click.option("--name", default="scorefly-listener", show_default=True, metavar="APP", help="Name of the app on Fly.")
@click.option("--org", metavar="TEXT", help="Fly organization.  [default: personal; or $FLY_ORG]")
@click.option("--region", metavar="TEXT", help="Region, e.g. ams.  [or $FLY_REGION]")
@click.option(
    "--sender",
    "senders",
    multiple=True,
    metavar="NAME",
    help="Git host that sends webhooks: github, gitlab, gitea, forgejo, bitbucket or generic.  [default: github]",
)
@click.option(
    "--expiry", default="8760h", show_default=True, metavar="TIME", help="Life of the listener's Fly token, e.g. 90d."
)
@click.option("--memory", default="512mb", show_default=True, metavar="SIZE", help="Memory of the Machine.")
@click.option(
    "--listen-arg", "arguments", multiple=True, metavar="ARGUMENT", help="Further argument of scorefly listen."
)
@click.option(
    "--folder", default="scorefly-listener", show_default=True, metavar="DIR", help="Folder for its files and state."
)
@click.option("--dispatch", metavar="OWNER/REPO/WORKFLOW", help="Start this workflow on GitHub; no Fly token is made.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option("--rehearse", is_flag=True, help="Deploy to the embedded rehearsal of Fly: no token, no network.")
@click.pass_obj
def install(session: Session, /, folder: str, **values: Any) -> None:
    """Deploy the listener to Fly, or upgrade it: an app with a volume, secrets and a token of its own.

    \b
    Webhook secrets and tokens are shown once, when they are made.
    Example:
      FLY_API_TOKEN=… scorefly install --project https://github.com/acme/environments \\
        --image ghcr.io/acme/scorefly:v1 --org acme --region ams
    """
    from msgspec.structs import replace

    from scorefly.commands import install as steps
    from scorefly.commands.registry import execute, hide_given
    from scorefly.config.load import load_settings
    from scorefly.listen.settings import parse_project
    from scorefly.state.session import read_state

    parse_project(values["project"])
    senders = tuple(dict.fromkeys(values["senders"])) or ("github",)
    if unknown := [name for name in senders if name not in steps.SENDERS]:
        raise input_error(f"unknown sender {unknown[0]!r}", f"use {', '.join(steps.SENDERS)}", option_place("sender"))
    seconds = steps.expiry_seconds(values["expiry"])
    place = Path.cwd().resolve() / folder
    if values["dispatch"]:
        values["arguments"] = (*values["arguments"], "--dispatch", values["dispatch"])
    options = {name: values[name] for name in ("org", "region") if values[name]}
    options |= {name: "true" for name in ("rehearse", "dry-run") if values[name.replace("-", "_")]}
    passed = [name for name in steps.PASSED_ON if session.environ.get(name)]
    installation = steps.Installation(
        values["name"], values["project"], values["image"], senders, tuple(values["arguments"]), values["memory"]
    )
    has_token = not values["dispatch"]
    expires = f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%d}" if has_token else ""
    steps.write_files(place, installation, passed, expires)
    # What is handed on is not what this run itself uses.
    environ = {name: value for name, value in session.environ.items() if name not in steps.PASSED_ON}
    settings = load_settings(
        "deploy", {**options, "environment": steps.ENVIRONMENT, "state": "file"}, environ, place, in_action=False
    )
    secrets = {f"LISTENER_{name}": session.environ[name] for name in passed}
    is_real = not (settings.rehearse or settings.dry_run)
    if has_token:
        token = steps.create_token(settings, values["name"], seconds) if is_real else _FAKE_TOKEN
        secrets["LISTENER_FLY_API_TOKEN"] = token
    settings = replace(settings, secrets=secrets)
    hide_given(settings, session.progress)
    before = read_state(settings)
    report = execute(settings, session.progress)
    session.show(report)
    if not settings.dry_run:
        # Also after a deploy that failed: they are in the state now, and the next run makes no others.
        if expires and is_real:
            click.echo(f"\nThe listener's Fly token is valid until {expires}. Run this command again before.")
        _show_secrets(steps.new_secrets(read_state(settings), before), f"https://{values['name']}.fly.dev")
    if report.exit_code:
        raise SystemExit(report.exit_code)


def _show_secrets(made: Any, url: str) -> None:
    """Show what was made now. It is kept in the state, and shown nowhere else."""
    if not made:
        click.echo(f"\nWebhook secrets and tokens are as they were. The page is {url}/")
        return
    click.echo("\nKeep these: they are not shown again.")
    for name, value in sorted(made.items()):
        sender = name.removeprefix("webhook-")
        what = f"{url}/hooks/{sender}" if name.startswith("webhook-") else f"{url}/  ({name})"
        click.echo(f"  {what}{os.linesep}    {value}")

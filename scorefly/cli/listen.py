"""`listen`: the service that follows git."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.session import Session
from scorefly.problems import input_error


@click.command("listen")
@click.option(
    "--project",
    required=True,
    metavar="URL[#REF[:PATH]]",
    help="Repository with scorefly.yaml: a URL, or the path of a repository on this machine.",
)
@click.option("--data", default="/data", show_default=True, metavar="DIR", help="Folder for the ledger and checkouts.")
@click.option(
    "--port", default="8080", show_default=True, metavar="NUMBER", help="Port to listen on; 0 takes a free one."
)
@click.option("--host", default="::", metavar="ADDRESS", help="Address to listen on.  [default: all]")
@click.option("--poll", default="3m", show_default=True, metavar="TIME", help="Time between two looks at a repository.")
@click.option("--parallel", default="2", show_default=True, metavar="NUMBER", help="Units that run at a time.")
@click.option("--state", metavar="git|file", help="Where state is kept: git, or file below --data.  [default: file]")
@click.option(
    "--notify", metavar="URL", help="Webhook for failures and recoveries, signed with $SCOREFLY_NOTIFY_SECRET."
)
@click.option(
    "--dispatch",
    metavar="OWNER/REPO/WORKFLOW",
    help="Start this workflow on GitHub for every change; deploy nothing here.",
)
@click.option(
    "--read-timeout",
    default="10s",
    show_default=True,
    metavar="TIME",
    help="Time for a request's head, and its body.",
)
@click.option(
    "--kill-timeout", default="290s", show_default=True, metavar="TIME", help="Time that runs get to end after SIGTERM."
)
@click.option("--rehearse", is_flag=True, help="Deploy to the embedded rehearsal of Fly: no token.")
@click.pass_obj
def listen(session: Session, /, **values: Any) -> None:
    """Receive pushes, poll, deploy what changed, and show it.

    \b
    Example:
      export SCOREFLY_WEBHOOK_SECRET_GITHUB=… SCOREFLY_READ_TOKEN=… SCOREFLY_ACT_TOKEN=…
      scorefly listen --project https://github.com/acme/environments --data /data
    """
    try:
        from scorefly.listen.server import listen as serve
    except ImportError as error:
        raise input_error(
            f"the listener is not installed: {error.name} is missing", "pip install scorefly[listen]"
        ) from error
    from scorefly.listen.settings import load_settings

    options = {name.replace("_", "-"): value for name, value in values.items()}
    session.progress.clear()
    serve(load_settings(options, session.environ))

"""Commands for trees of projects: sync, repos, pin."""

from __future__ import annotations

import sys
from typing import Any

import click

from scorefly.cli.arguments import Command, format_option, options
from scorefly.cli.json_run import progress_option, run_as_json
from scorefly.cli.session import Session
from scorefly.ui.terminal import table


@click.command(cls=Command)
@options("sync", score_files=False)
@click.argument("names", nargs=-1, metavar="[SUBTREE]...")
@progress_option
@click.pass_obj
def sync(session: Session, /, names: tuple[str, ...], progress: str, **values: Any) -> None:
    """Deploy what differs from git: every project and environment of the tree, or those named.

    \b
    A SUBTREE is a project, an environment, a unit (PROJECT.ENVIRONMENT) or a folder.
    Examples:
      scorefly sync --rehearse
      scorefly sync --environment production
      scorefly sync shop --prune
    """
    from scorefly.commands.registry import execute

    values["subtrees"] = (*(values.get("subtrees") or ()), *names)
    if progress == "plain":
        session.report(execute(session.settings("sync", values), session.progress))
        return
    run_as_json("sync", values, session)


@click.command(cls=Command)
@options("repos", score_files=False)
@format_option
@click.option(
    "--webhook",
    metavar="URL",
    help="Add this webhook of a listener where it is missing on GitHub, with $SCOREFLY_WEBHOOK_SECRET_GITHUB.",
)
@click.pass_obj
def repos(session: Session, /, shape: str, webhook: str | None, **values: Any) -> None:
    """List the repositories of the tree: who uses them, at which commit, and whether they can be read.

    \b
    Examples:
      scorefly repos --format json
      scorefly repos --webhook https://scorefly-listener.fly.dev/hooks/github
    """
    from scorefly.commands.repos import list_repositories

    settings = session.settings("repos", values)
    rows, code = list_repositories(settings, session.progress)
    if webhook is not None:
        from scorefly.commands.webhooks import add_webhooks

        checked = add_webhooks(settings, rows, webhook)
        if shape == "json":
            session.write_json([each.json() for each in checked])
        else:
            lines = [("repository", "webhook"), *((each.repository, str(each)) for each in checked)]
            session.write("\n".join(table(lines)))
        code = max(code, int(any(not each.is_there for each in checked)))
    elif shape == "json":
        session.write_json([row.json() for row in rows])
    else:
        found = [
            (
                row.repository or "(this repository)",
                row.ref,
                row.commit[:7],
                "yes" if row.readable else f"no: {row.problem}",
                ", ".join(row.workloads),
            )
            for row in rows
        ]
        session.write("\n".join(table([("repository", "ref", "commit", "readable", "workloads"), *found])))
    if code:
        sys.exit(code)


@click.command(cls=Command)
@options("pin", score_files=False)
@click.argument("workload")
@click.option("--to", "target", required=True, metavar="ENVIRONMENT", help="Environment to write the commit for.")
@click.option("--from", "origin", metavar="ENVIRONMENT", help="Environment whose commit is written.")
@click.pass_obj
def pin(session: Session, /, workload: str, target: str, origin: str | None, **values: Any) -> None:
    """Write the commit that runs in one environment into scorefly.yaml, for another environment.

    \b
    WORKLOAD is a name, or PROJECT/WORKLOAD.
    Example:
      scorefly pin web --from staging --to production
    """
    from scorefly.commands.pin import write_pin

    if origin:
        values["environment"] = origin
    settings = session.settings("pin", values)
    session.write(write_pin(settings, session.progress, workload, target))

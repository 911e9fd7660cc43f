"""Commands about what was provisioned."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import format_option, options
from scorefly.cli.confirmation import confirm
from scorefly.cli.group import Group
from scorefly.cli.session import Session
from scorefly.ui.terminal import table


@click.group(cls=Group)
def resources() -> None:
    """List resources, show their outputs, upgrade, move and deprovision them."""


@resources.command("list")
@options("resources list")
@format_option
@click.pass_obj
def resources_list(session: Session, /, shape: str, **values: Any) -> None:
    """List the resources that Score files declare or that state has."""
    from msgspec import to_builtins

    from scorefly.commands.listing import list_resources

    rows = list_resources(session.settings("resources list", values))
    if shape == "json":
        session.write_json([to_builtins(row) for row in rows])
        return
    shown = [
        (
            row.uid,
            row.provisioner,
            ", ".join(row.workloads),
            ", ".join(row.apps),
            "orphaned" if row.orphaned else "yes" if row.provisioned else "no",
        )
        for row in rows
    ]
    session.write("\n".join(table([("uid", "provisioner", "workloads", "apps", "provisioned"), *shown])))


@resources.command("outputs")
@options("resources outputs")
@click.argument("uid")
@click.option("--reveal", is_flag=True, help="Show secret outputs too.")
@click.pass_obj
def resources_outputs(session: Session, /, uid: str, reveal: bool, **values: Any) -> None:
    """Show the outputs of a resource as JSON; secret ones are *** without --reveal."""
    from scorefly.commands.listing import resource_outputs

    found = resource_outputs(session.settings("resources outputs", values), uid, show_secrets=reveal)
    session.write_json(found, reveal=reveal)


resources.add_command(resources_outputs, "get-outputs")  # its name in score-compose and score-k8s


@resources.command("deprovision")
@options("resources deprovision", score_files=False)
@click.argument("uid")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--forget", is_flag=True, help="Only remove it from state: call no provisioner, destroy no app.")
@click.pass_obj
def resources_deprovision(session: Session, /, uid: str, yes: bool, forget: bool, **values: Any) -> None:
    """Remove a resource: what its provisioner made, its Fly apps, and its entry in state.

    \b
    Example:
      scorefly resources deprovision 'redis.default#web.cache' --environment staging
    """
    from scorefly.deployment.deprovisioning import apps_to_destroy, deprovision, resource_in
    from scorefly.desired.managed_data import managed_data
    from scorefly.run import open_run
    from scorefly.state.session import read_state

    settings = session.settings("resources deprovision", values)
    known = read_state(settings)
    resource = resource_in(known, uid)
    apps, data = apps_to_destroy(known, resource), managed_data(known, resource)
    confirm(
        session,
        f"{'Forget' if forget else 'Deprovision'} {uid} of {settings.environment}, made by {resource.provisioner}"
        + (f", used by {', '.join(resource.workloads)}" if resource.workloads else "")
        + (f", and destroy {', '.join(apps)}" if apps and not forget else "")
        + (f", and destroy {data} with all its data" if data and not forget else ""),
        sure=yes,
    )
    with open_run(settings, session.progress) as run:
        deprovision(run, [uid], forget=forget)
    session.progress.clear()
    session.write(f"{uid}: {'forgotten' if forget else 'deprovisioned'}")


@resources.command("move")
@options("resources move", score_files=False)
@click.argument("old")
@click.argument("new")
@click.pass_obj
def resources_move(session: Session, /, old: str, new: str, **values: Any) -> None:
    """Change the UID of a resource in state, and keep its app, its volume and its password.

    Run this after you renamed a workload or resource, or gave it an id, and before you deploy.

    \b
    Example:
      scorefly resources move 'postgres.default#web.db' 'postgres.default#main' --environment staging
    """
    from scorefly.commands.resources_move import move_resource
    from scorefly.run import open_run

    settings = session.settings("resources move", values)
    with open_run(settings, session.progress) as run:
        warning = move_resource(old, new, run.keeper)
    session.progress.clear()
    if warning:
        session.progress.problem(warning)
    session.write(f"{old} is {new} now: deploy the Score files that say so")


@resources.command("upgrade")
@options("resources upgrade", score_files=False)
@click.argument("uid")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def resources_upgrade(session: Session, /, uid: str, yes: bool, **values: Any) -> None:
    """Move a database server to the newest release of its line, after a snapshot of its volume.

    The server restarts. To another line, such as Postgres 17 to 18, data is dumped and restored: docs/databases.md.

    \b
    Example:
      scorefly resources upgrade 'postgres.default#web.db' --environment production
    """
    from scorefly.commands.resources_upgrade import find_upgrade, upgrade
    from scorefly.deployment.token_check import with_organization_of_token
    from scorefly.run import open_run
    from scorefly.state.session import read_state

    settings = with_organization_of_token(session.settings("resources upgrade", values))
    found = find_upgrade(settings, read_state(settings), uid)
    if found is None:
        session.write(f"{uid} runs the newest release of its line")
        return
    moved = f"{found.engine} {found.before} to {found.after}"
    confirm(session, f"Move {uid} from {moved}, and restart {', '.join(found.apps)}", sure=yes or settings.dry_run)
    with open_run(settings, session.progress) as run:
        report = upgrade(run, found)
    session.report(report)

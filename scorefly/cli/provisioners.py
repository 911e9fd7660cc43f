"""Commands about what provisions resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorefly.cli.arguments import format_option, options
from scorefly.cli.group import Group
from scorefly.cli.session import Session
from scorefly.ui.terminal import table


@click.group(cls=Group)
def provisioners() -> None:
    """List provisioners, and add provisioner files from elsewhere."""


@provisioners.command("list")
@options("provisioners list")
@format_option
@click.pass_obj
def provisioners_list(session: Session, /, shape: str, **values: Any) -> None:
    """List provisioners in order: the first one that matches a resource provisions it."""
    from scorefly.commands.listing import list_provisioners

    rows = list_provisioners(session.settings("provisioners list", values))
    if shape == "json":
        session.write_json(
            [
                {
                    "uri": row.uri,
                    "type": row.type,
                    "class": row.class_,
                    "id": row.id,
                    "description": row.description,
                    "params": row.params,
                    "outputs": row.outputs,
                    "from": str(row.source),
                    "hidden_by": row.hidden_by or None,
                }
                for row in rows
            ]
        )
        return
    shown = [
        (
            row.type,
            row.class_ or "any",
            row.id or "any",
            row.uri,
            "any" if row.params is None else ", ".join(row.params),
            ", ".join(row.outputs),
            row.source.file,
            row.hidden_by,
        )
        for row in rows
    ]
    session.write("\n".join(table([("type", "class", "id", "uri", "params", "outputs", "from", "hidden by"), *shown])))


@provisioners.command("add")
@click.argument("uri")
@click.option("--config", default="scorefly.yaml", show_default=True, metavar="TEXT", help="Project file.")
@click.pass_obj
def provisioners_add(session: Session, /, uri: str, config: str) -> None:
    """Fetch a provisioner file, show it, and add its pinned URI to the project file.

    Add it again to pin its current content.

    \b
    Examples:
      scorefly provisioners add https://platform.example/queue.provisioners.yaml
      scorefly provisioners add git+https://github.com/acme/platform@main#path=queue.provisioners.yaml
    """
    from scorefly.commands.provisioners_add import add_provisioners

    added = add_provisioners(uri, Path.cwd().resolve(), config, session.environ)
    session.progress.clear()
    session.write("\n".join(added.text.splitlines()))
    session.write(f"{config}: {'replaced' if added.replaced else 'added'} {added.uri}", err=True)

"""The command line: options in; artefacts, tables and problems out."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from scorefly import __version__, interruption, standard_streams
from scorefly.cli.group import Group
from scorefly.cli.session import Session
from scorefly.cli.usage import usage_problem
from scorefly.isolation import take_environment
from scorefly.problems import Problem, ScoreflyError
from scorefly.ui.early_secrets import early_secrets, options_in

# In the order in which a newcomer meets them. A command is imported when it is called, or when help is shown.
COMMANDS: Mapping[str, str] = {
    "init": "scorefly.cli.init:init",
    "convert": "scorefly.cli.convert:convert",
    "validate": "scorefly.cli.deploy:validate",
    "generate": "scorefly.cli.deploy:generate",
    "plan": "scorefly.cli.deploy:plan",
    "deploy": "scorefly.cli.deploy:deploy",
    "sync": "scorefly.cli.tree:sync",
    "repos": "scorefly.cli.tree:repos",
    "pin": "scorefly.cli.tree:pin",
    "status": "scorefly.cli.status:status",
    "logs": "scorefly.cli.logs:logs",
    "open": "scorefly.cli.logs:open_",
    "history": "scorefly.cli.status:history",
    "rollback": "scorefly.cli.status:rollback",
    "doctor": "scorefly.cli.doctor:doctor",
    "adopt": "scorefly.cli.adopt:adopt",
    "cleanup": "scorefly.cli.removal:cleanup",
    "destroy": "scorefly.cli.removal:destroy",
    "preview": "scorefly.cli.deploy:preview",
    "remove-unused-secrets": "scorefly.cli.removal:remove_unused_secrets",
    "export-secrets": "scorefly.cli.export_secrets:export_secrets",
    "provisioners": "scorefly.cli.provisioners:provisioners",
    "resources": "scorefly.cli.resources:resources",
    "state": "scorefly.cli.state:state",
    "rehearsal": "scorefly.cli.rehearsal:rehearsal",
    "schema": "scorefly.cli.shells:schema",
    "completion": "scorefly.cli.shells:completion",
    "version": "scorefly.cli.version:version",
    "check-version": "scorefly.cli.version:check_version",
    "help": "scorefly.cli.help:help_",
    "listen": "scorefly.cli.listen:listen",
    "install": "scorefly.cli.install:install",
}


_LOST_OUTPUT = (errno.ENOSPC, errno.EPIPE, errno.EIO)


class Commands(Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="scorefly")
def cli() -> None:
    """Deploy Score workloads (score.dev) to Fly.io.

    \b
    Begin with:
      scorefly init                 write sample files to start from
      scorefly validate             check all files and report every problem
      scorefly deploy --rehearse    deploy to a simulated Fly: needs no token
    """


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit status."""
    interruption.install()
    session = Session(take_environment())
    # Errors of options may name what is beside them, and that may be a secret.
    session.progress.hide(early_secrets(options_in(sys.argv[1:]), session.environ))
    try:
        code = _run(session)
    finally:
        session.progress.close()
    if error := standard_streams.flush(sys.stdout):
        session.fail(_unwritable(error))
        code = code or 1
    standard_streams.flush(sys.stderr)
    gc.freeze()  # the end of the process frees all of it, cycles too
    sys.exit(code)


def _run(session: Session) -> int:
    again = "run it again: it converges"
    try:
        cli.main(prog_name="scorefly", standalone_mode=False, obj=session)
        interruption.check()
    except ScoreflyError as error:
        session.fail(*error.problems)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        session.fail(usage_problem(error))
        return 2
    except click.Abort:
        session.fail(Problem("interrupted", again, severity="warning"))
        return 130
    except interruption.Interrupted as interrupted:
        interruption.ignore_further_signals()
        message = "interrupted" if interrupted.exit_code == 130 else "terminated"
        session.fail(Problem(message, again, severity="warning"))
        return interrupted.exit_code
    except OSError as error:
        session.fail(_surroundings_problem(error) or _fault(error))
        return 1
    except Exception as error:  # noqa: BLE001 - a fault ends in words, not in a traceback
        session.fail(_fault(error))
        return 1
    return 0


def _fault(error: Exception) -> Problem:
    return Problem(f"scorefly has a fault: {type(error).__name__}: {error}", "--debug shows where")


def _surroundings_problem(error: OSError) -> Problem | None:
    """Return what is wrong with standard output or the working folder, if that is why a command failed.

    What is longer than the buffer fails at once, and leaves nothing to flush.
    """
    if standard_streams.flush(sys.stdout) or (error.errno in _LOST_OUTPUT and error.filename is None):
        return _unwritable(error)
    try:
        Path.cwd()
    except FileNotFoundError:
        return Problem("the working folder does not exist any longer", "change to a folder that exists")
    return None


def _unwritable(error: OSError) -> Problem:
    return Problem(f"the outcome cannot be written to standard output: {error.strerror}")

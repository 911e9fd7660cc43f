"""The command line: options in; artefacts, tables and problems out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from scorefly import __version__, interruption
from scorefly.cli.usage import usage_problem
from scorefly.config.load import gather
from scorefly.config.options import OPTIONS, Kind, Option
from scorefly.config.settings import Settings
from scorefly.isolation import take_environment
from scorefly.problems import Problem, ScoreflyError, failed, option_place, wrong
from scorefly.report.report import Report, redacted_report
from scorefly.ui.early_secrets import early_secrets, options_in, secrets_in_project_file
from scorefly.ui.lines import one_line
from scorefly.ui.terminal import TerminalProgress, report_text, table


class Face:
    """What every command needs: the settings of its options, and progress to tell."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.debug = False
        self.environ = environ
        self.progress = TerminalProgress(sys.stderr, environ)

    def fail(self, *problems: Problem) -> None:
        """Shows what ended the run, with where it came from when `--debug` asks."""
        self.progress.clear()
        for problem in problems:
            self.progress.problem(problem)
        if self.debug:
            import traceback

            with self.progress.output("traceback") as write:
                for line in self.progress.redact(traceback.format_exc()).splitlines():
                    write(line)

    def write(self, text: str, *, err: bool = False) -> None:
        """Writes lines without secrets, and with control characters written out: all that is not asked for raw."""
        self.progress.clear()
        lines = self.progress.redact(text).split("\n")
        click.echo("\n".join(map(one_line, lines)), err=err)

    def write_json(self, data: object, *, reveal: bool = False) -> None:
        """Writes JSON without secrets, unless they are asked for, and with what a terminal may obey escaped."""
        import json

        text = json.dumps(data, indent=2, ensure_ascii=False)
        text = text if reveal else self.progress.redact(text)
        shown = (each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text)
        click.echo("".join(shown))

    def settings(self, command: str, values: dict[str, Any]) -> Settings:
        """Settings from the options given on the command line, the environment and the project file."""
        from scorefly.commands.registry import hide_given

        given = {name.replace("_", "-"): value for name, value in values.items() if value is not None and value != ()}
        workspace = Path.cwd().resolve()
        self.progress.hide(
            [*early_secrets(given, self.environ), *secrets_in_project_file(given, self.environ, workspace)]
        )
        settings = gather(command, given, self.environ, workspace, in_action=False)
        hide_given(settings, self.progress)
        for notice in settings.notices:
            self.progress.problem(notice)
        return settings

    def show(self, report: Report) -> None:
        """Writes a run's outcome to standard output."""
        self.progress.clear()
        shown = redacted_report(report, self.progress.redact)
        click.echo(report_text(shown, coloured=sys.stdout.isatty() and self.progress.coloured))

    def report(self, report: Report) -> None:
        """Shows the outcome, and ends the process where it is not a good one."""
        self.show(report)
        if report.exit_code:
            sys.exit(report.exit_code)


class Commands(click.Group):
    """Shows commands in the order in which a newcomer meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of definition."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="scorefly")
@click.option("--debug", is_flag=True, help="Show all output of flyctl, and where a problem came from.")
@click.pass_obj
def cli(face: Face, /, debug: bool) -> None:
    """Deploys Score workloads (score.dev) to Fly.io.

    \b
    Begin with:
      scorefly init                 a score.yaml, a scorefly.yaml and a workflow to start from
      scorefly validate             is everything right?
      scorefly deploy --rehearse    the whole deploy against an embedded Fly: no token, no network
    """
    face.debug = face.progress.verbose = debug


def options(command: str, *, score_files: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of a command, from the one table; those of other commands are taken and not shown."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(OPTIONS):
            if option.name != "score-files":
                function = _click_option(option, hidden=command not in option.commands)(function)
        if not score_files:
            return function
        return click.argument("score_files", nargs=-1, metavar="[SCORE_FILE]...")(function)

    return decorate


def _click_option(option: Option, *, hidden: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Values stay text here: every source is checked and typed in one place."""
    default = option.cli_default or option.default
    notes = [f"default: {default}"] if default and option.kind != "flag" else []
    notes += [f"or ${name}" for name in option.variables]
    shown = option.help + (f"  [{'; '.join(notes)}]" if notes else "")
    metavar = "|".join(option.choices) if option.choices else _METAVARS[option.kind]
    many = option.kind in ("lines", "pairs", "images", "words")
    return click.option(f"--{option.name}", option.field, multiple=many, metavar=metavar, help=shown, hidden=hidden)


_METAVARS: Mapping[Kind, str] = {
    "text": "TEXT",
    "flag": "[true|false]",
    "optional_flag": "[true|false]",
    "count": "NUMBER",
    "duration": "TIME",
    "lines": "LINE",
    "pairs": "NAME=VALUE",
    "json": "JSON",
    "images": "[NAME=]REFERENCE",
    "words": "WORDS",
}

_FLAGS = {f"--{option.name}" for option in OPTIONS if option.kind in ("flag", "optional_flag")}


def _format(function: Callable[..., Any]) -> Callable[..., Any]:
    """A list for people, or for programs."""
    kinds = click.Choice(["table", "json"])
    return click.option("--format", "shape", type=kinds, default="table", show_default=True, help="How to show it.")(
        function
    )


class Command(click.Command):
    """A command whose flags take `true` or `false`, and mean true where they stand alone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Writes every flag as `--flag=value`, so that the word behind it is never taken for its value."""
        return super().parse_args(ctx, list(_flags_with_values(args)))


def _flags_with_values(args: Sequence[str]) -> Iterator[str]:
    words = iter(args)
    for word in words:
        if word == "--":
            yield word
            yield from words
        elif word not in _FLAGS:
            yield word
        else:
            following = next(words, None)
            if following is not None and following.lower() in ("true", "false"):
                yield f"{word}={following}"
            else:
                yield f"{word}=true"
                if following is not None:
                    yield from _flags_with_values([following, *words])


def _reporting(command: str, values: dict[str, Any], face: Face) -> None:
    from scorefly.commands.registry import execute

    settings = face.settings(command, values)
    report = execute(settings, face.progress)
    if report.plan:
        from scorefly.previews.plan_comment import comment_plan

        comment_plan(settings, report, face.progress)
    face.report(report)


@cli.command()
@click.pass_obj
def init(face: Face) -> None:
    """Write a sample score.yaml, scorefly.yaml and workflow. What is there already stays."""
    from scorefly.commands.init import init as write_samples

    written, kept = write_samples(Path.cwd())
    for path in kept:
        face.write(f"{path} is there already, and stays as it is")
    for path in written:
        face.write(f"{path} written")
    face.write("Next: scorefly validate, then scorefly deploy --rehearse")


@cli.command(cls=Command)
@options("validate")
@click.pass_obj
def validate(face: Face, /, **values: Any) -> None:
    """Check Score files and provisioner files, and tell all problems at once."""
    _reporting("validate", values, face)


@cli.command(cls=Command)
@options("generate")
@click.pass_obj
def generate(face: Face, /, **values: Any) -> None:
    """Validate, provision resources, and write fly.toml artefacts.

    \b
    Examples:
      scorefly generate
      scorefly generate web/score.yaml --images ghcr.io/acme/web:1.4
      scorefly generate --environment staging --override-property metadata.name=web-two
    """
    _reporting("generate", values, face)


@cli.command(cls=Command)
@options("plan")
@click.pass_obj
def plan(face: Face, /, **values: Any) -> None:
    """Tell what deploy would do, against what was deployed and what runs, and write plan.json. Changes nothing.

    \b
    Example:
      scorefly plan --environment production --app-prefix acme-
    """
    _reporting("plan", values, face)


@cli.command(cls=Command)
@options("deploy")
@click.pass_obj
def deploy(face: Face, /, **values: Any) -> None:
    """Generate, then create or update every app that is not as wanted, in dependency order.

    \b
    Examples:
      scorefly deploy --rehearse
      FLY_API_TOKEN=… scorefly deploy --org acme --region ams --app-prefix acme-
    """
    _reporting("deploy", values, face)


@cli.command(cls=Command)
@options("cleanup")
@click.pass_obj
def cleanup(face: Face, /, **values: Any) -> None:
    """Remove what nobody needs any longer: unused secrets, orphaned resources with their apps, unused addresses.

    Volumes and what holds data on them are reported, and removed only with `--cleanup volumes` among the parts.

    \b
    Examples:
      scorefly cleanup --dry-run
      scorefly cleanup --cleanup secrets,resources,volumes
    """
    _reporting("cleanup", values, face)


@cli.command(cls=Command)
@options("destroy")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def destroy(face: Face, /, yes: bool, **values: Any) -> None:
    """Deprovision the environment's resources, destroy its apps with their data, and delete its state.

    Apps that scorefly did not make for this environment are left alone.

    \b
    Examples:
      scorefly destroy --environment staging --dry-run
      scorefly destroy --environment staging --yes
    """
    from dataclasses import replace

    from scorefly.commands.registry import execute

    settings = face.settings("destroy", values)
    if not (yes or settings.dry_run):
        if sys.stdin.isatty():
            doomed = execute(replace(settings, dry_run=True), face.progress)
            face.show(doomed)
            if not (doomed.apps or doomed.findings):
                return
        _confirm(face, f"Destroy all of {settings.environment}, with its data", sure=False)
    face.report(execute(settings, face.progress))


@cli.command(cls=Command)
@options("preview")
@click.pass_obj
def preview(face: Face, /, **values: Any) -> None:
    """In a workflow: deploy the pull request as environment pr-<number>, or destroy it when it is closed."""
    _reporting("preview", values, face)


@cli.command("remove-unused-secrets", cls=Command)
@options("remove-unused-secrets")
@click.pass_obj
def remove_unused_secrets(face: Face, /, **values: Any) -> None:
    """Remove secrets from Fly that no Score file wants any longer."""
    _reporting("remove-unused-secrets", values, face)


@cli.command("export-secrets", cls=Command)
@options("export-secrets")
@click.option(
    "--app", "app_name", default="", metavar="NAME", help="The app or workload; not needed when there is one."
)
@click.option("--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write here, mode 0600.")
@click.pass_obj
def export_secrets(face: Face, /, app_name: str, path: Path | None, **values: Any) -> None:
    """Print an app's secrets as dotenv, or write them to a file only you can read."""
    from scorefly import safe_files
    from scorefly.commands.listing import dotenv, export_secrets
    from scorefly.state.session import open_state

    settings = face.settings("export-secrets", values)
    with open_state(settings, face.progress) as keeper:
        content = dotenv(export_secrets(settings, app_name, keeper, face.progress))
        keeper.save()
    face.progress.clear()
    if path is None:
        click.echo(content, nl=False)
    else:
        try:
            safe_files.write(*safe_files.locate(Path.cwd().resolve(), path), content.encode(), private=True)
        except OSError as error:
            raise failed(f"{path} cannot be written: {error.strerror}", "check the folder, and the disk") from error
        face.write(f"{path} written", err=True)


@cli.group()
def provisioners() -> None:
    """Look at what provisions resources."""


@provisioners.command("list", cls=Command)
@options("provisioners list")
@_format
@click.pass_obj
def provisioners_list(face: Face, /, shape: str, **values: Any) -> None:
    """List provisioners in the order in which they are asked: the first match wins."""
    from scorefly.commands.listing import list_provisioners

    rows = list_provisioners(face.settings("provisioners list", values))
    if shape == "json":
        face.write_json(
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
    face.write("\n".join(table([("type", "class", "id", "uri", "params", "outputs", "from", "hidden by"), *shown])))


@provisioners.command("add")
@click.argument("uri")
@click.option("--config", default="scorefly.yaml", show_default=True, metavar="TEXT", help="Project file.")
@click.pass_obj
def provisioners_add(face: Face, /, uri: str, config: str) -> None:
    """Fetch a provisioner file from elsewhere, show it, and write its uri, pinned, into the project file.

    Adding it again pins what it is now.

    \b
    Examples:
      scorefly provisioners add https://platform.example/queue.provisioners.yaml
      scorefly provisioners add git+https://github.com/acme/platform@main#path=queue.provisioners.yaml
    """
    from scorefly.commands.provisioners_add import add_provisioners

    added = add_provisioners(uri, Path.cwd().resolve(), config, face.environ)
    face.progress.clear()
    face.write("\n".join(added.text.splitlines()))
    face.write(f"{config}: {'replaced' if added.replaced else 'added'} {added.uri}", err=True)


@cli.group()
def resources() -> None:
    """Look at what was provisioned."""


@resources.command("list", cls=Command)
@options("resources list")
@_format
@click.pass_obj
def resources_list(face: Face, /, shape: str, **values: Any) -> None:
    """List the resources that Score files ask for, and those that state remembers."""
    from dataclasses import asdict

    from scorefly.commands.listing import list_resources

    rows = list_resources(face.settings("resources list", values))
    if shape == "json":
        face.write_json([asdict(row) for row in rows])
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
    face.write("\n".join(table([("uid", "provisioner", "workloads", "apps", "provisioned"), *shown])))


@resources.command("outputs", cls=Command)
@click.argument("uid")
@click.option("--reveal", is_flag=True, help="Show secret outputs too.")
@click.option("--environment", metavar="TEXT", help="Names the state.")
@click.option("--state", metavar="TEXT", help="Where state is kept.")
@click.option("--state-key", metavar="TEXT", help="Fernet key(s) of the state.")
@click.option("--rehearse", is_flag=False, flag_value="true", metavar="[BOOL]", help="The state of rehearsals.")
@click.pass_obj
def resources_outputs(face: Face, /, uid: str, reveal: bool, **values: Any) -> None:
    """Show the outputs of a resource as JSON; secret ones are *** without --reveal."""
    from scorefly.commands.listing import resource_outputs

    found = resource_outputs(face.settings("resources outputs", values), uid, show_secrets=reveal)
    face.write_json(found, reveal=reveal)


@resources.command("deprovision", cls=Command)
@options("resources deprovision", score_files=False)
@click.argument("uid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--forget", is_flag=True, help="Only take it out of state: call no provisioner, destroy no app.")
@click.pass_obj
def resources_deprovision(face: Face, /, uid: str, yes: bool, forget: bool, **values: Any) -> None:
    """Take a resource away: what its provisioner made, its Fly apps, and what state knows of it.

    \b
    Example:
      scorefly resources deprovision 'redis.default#web.cache' --environment staging
    """
    from scorefly.deployment.deprovisioning import apps_to_destroy, deprovision, resource_in
    from scorefly.state.session import open_state, read_state

    settings = face.settings("resources deprovision", values)
    known = read_state(settings)
    resource = resource_in(known, uid)
    apps = apps_to_destroy(known, resource)
    _confirm(
        face,
        f"{'Forget' if forget else 'Deprovision'} {uid} of {settings.environment}, made by {resource.provisioner}"
        + (f", used by {', '.join(resource.workloads)}" if resource.workloads else "")
        + (f", and destroy {', '.join(apps)}" if apps and not forget else ""),
        sure=yes,
    )
    with open_state(settings, face.progress) as keeper:
        deprovision(settings, [uid], keeper, face.progress, forget=forget)
    face.progress.clear()
    face.write(f"{uid}: {'forgotten' if forget else 'deprovisioned'}")


@resources.command("move", cls=Command)
@options("resources move", score_files=False)
@click.argument("old")
@click.argument("new")
@click.pass_obj
def resources_move(face: Face, /, old: str, new: str, **values: Any) -> None:
    """Give a resource another uid in state, and keep its app, its volume and its password.

    Do this after you renamed a workload or resource, or gave it an id, and before you deploy.

    \b
    Example:
      scorefly resources move 'postgres.default#web.db' 'postgres.default#main' --environment staging
    """
    from scorefly.commands.resources_move import move_resource
    from scorefly.state.session import open_state

    settings = face.settings("resources move", values)
    with open_state(settings, face.progress) as keeper:
        warning = move_resource(old, new, keeper)
    face.progress.clear()
    if warning:
        face.progress.problem(warning)
    face.write(f"{old} is {new} now: deploy the Score files that say so")


def _confirm(face: Face, what: str, *, sure: bool) -> None:
    """Asks a person at a terminal; anybody else has to have said --yes."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise wrong(f"{what}?", "say --yes where nobody can be asked", option_place("yes"))
    if not _ask(one_line(face.progress.redact(f"{what}? [y/N]: "))):
        face.write("nothing was changed", err=True)
        sys.exit(1)


def _ask(question: str) -> bool:
    """Ask a person. Waits in slices, because a read that blocks may miss a signal that arrives just before it."""
    import select

    answer = "?"
    while answer not in ("", "y", "yes", "n", "no"):
        click.echo(question, nl=False, err=True)
        while not select.select([sys.stdin], [], [], interruption.WAKE)[0]:
            interruption.check()
        line = sys.stdin.readline()
        if not line:
            raise click.Abort
        answer = line.strip().lower()
    return answer in ("y", "yes")


@cli.group()
def state() -> None:
    """Look after the state of environments."""


@state.command("new-key")
def state_new_key() -> None:
    """Print a new key to encrypt state with: store it as the secret SCOREFLY_STATE_KEY."""
    from scorefly.state.encryption import new_key

    click.echo(new_key())


@state.command("show", cls=Command)
@options("state show", score_files=False)
@click.pass_obj
def state_show(face: Face, /, **values: Any) -> None:
    """Show everything the state knows but secrets, as YAML.

    \b
    Example:
      scorefly state show --state git --environment production
    """
    import yaml

    from scorefly.commands.state import show_state

    shown = show_state(face.settings("state show", values))
    face.write(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120).rstrip("\n"))


@state.command("unlock", cls=Command)
@options("state unlock", score_files=False)
@click.pass_obj
def state_unlock(face: Face, /, **values: Any) -> None:
    """Take the lock from a run that is dead. One that is alive stops when it saves next.

    \b
    Example:
      scorefly state unlock --state git --environment production
    """
    from scorefly.commands.state import unlock_state

    settings = face.settings("state unlock", values)
    holder = unlock_state(settings)
    face.write(f"{settings.environment} was locked by {holder}" if holder else f"{settings.environment} is not locked")


@state.command("rotate-key", cls=Command)
@options("state rotate-key", score_files=False)
@click.pass_obj
def state_rotate_key(face: Face, /, **values: Any) -> None:
    """Encrypt the state with the first key of state-key.

    \b
    Example, with the new key in front of the old one:
      SCOREFLY_STATE_KEY="$NEW
      $OLD" scorefly state rotate-key --state git --environment production
    """
    from scorefly.commands.state import rotate_key

    place = rotate_key(face.settings("state rotate-key", values), face.progress)
    face.progress.clear()
    face.write(f"{place} is encrypted with the first key now: the others are not needed for it any longer")


@state.command("rebind", cls=Command)
@options("state rebind", score_files=False)
@click.pass_obj
def state_rebind(face: Face, /, **values: Any) -> None:
    """Bind the state to this repository, after it was renamed or moved.

    \b
    Example:
      scorefly state rebind --state git --environment production
    """
    from scorefly.commands.state import rebind

    settings = face.settings("state rebind", values)
    place = rebind(settings, face.progress)
    face.progress.clear()
    face.write(f"{place} belongs to {settings.repository or 'no repository'} now")


@state.command("import", cls=Command)
@options("state import", score_files=False)
@click.argument("path", default=".score-flyio/state.yaml", metavar="[FILE]")
@click.pass_obj
def state_import(face: Face, /, path: str, **values: Any) -> None:
    """Take over what score-flyio knows: its resources with their passwords, its provisioners, its apps.

    \b
    Example:
      scorefly state import .score-flyio/state.yaml --environment production --state git
    """
    from scorefly.commands.state_import import import_score_flyio
    from scorefly.state.session import open_state

    settings = face.settings("state import", values)
    with open_state(settings, face.progress) as keeper:
        found = import_score_flyio(settings, path, keeper, face.progress)
    face.progress.clear()
    face.write(f"{settings.environment} knows {len(found.resources)} resources and {len(found.apps)} apps more")
    if found.taken_over:
        face.write(f"taken over on Fly: {', '.join(found.taken_over)}")
    if found.provisioners:
        face.write(f"their provisioners are in {found.provisioners}")
    if found.app_prefix:
        face.write(f"say app-prefix: {found.app_prefix} in scorefly.yaml")
    face.write(f"delete {path} when all is well: everybody can read its passwords")


@cli.group()
def rehearsal() -> None:
    """Run the embedded Fly by itself."""


@rehearsal.command("serve")
@click.option("--port", default=4280, show_default=True, help="The port on 127.0.0.1; 0 takes a free one.")
@click.option("--world", type=click.Path(dir_okay=False, path_type=Path), help="Keep its world in this file.")
@click.option("--latency", default="0ms", show_default=True, metavar="TIME", help="What a call takes, such as 100ms.")
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
    face: Face,
    /,
    port: int,
    world: Path | None,
    latency: str,
    failures: tuple[str, ...],
    lag: str,
    error_regions: tuple[str, ...],
) -> None:
    """Serve the rehearsal until interrupted, for flyctl or your own tools.

    \b
    Example:
      scorefly rehearsal serve --latency 100ms --fail 'POST:/v1/apps/*/machines:503:2'
    """
    from scorefly.commands.rehearsal_serve import parse_fault, parse_latency, serve

    face.progress.clear()
    serve(
        port,
        world,
        sys.stdout,
        latency=parse_latency(latency),
        failures=[parse_fault(each) for each in failures],
        lag=parse_latency(lag, "lag"),
        error_regions=error_regions,
    )


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit status."""
    interruption.install()
    face = Face(take_environment())
    # Errors of options may name what stands beside them, and that may be a secret.
    face.progress.hide(early_secrets(options_in(sys.argv[1:]), face.environ))
    sys.exit(_run(face))


def _run(face: Face) -> int:
    again = "run it again: it converges"
    try:
        cli.main(standalone_mode=False, obj=face)
        interruption.check()
    except ScoreflyError as error:
        face.fail(*error.problems)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        face.fail(usage_problem(error))
        return 2
    except click.Abort:
        face.fail(Problem("interrupted", again, severity="warning"))
        return 130
    except interruption.Interrupted as interrupted:
        interruption.ignore_further_signals()
        message = "interrupted" if interrupted.exit_code == 130 else "terminated"
        face.fail(Problem(message, again, severity="warning"))
        return interrupted.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - a fault ends in words, not in a traceback
        face.fail(Problem(f"scorefly has a fault: {type(error).__name__}: {error}", "--debug shows where"))
        return 1
    return 0

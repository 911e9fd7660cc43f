"""Describes wrong use of the command line as a problem: what is unknown, and what was probably meant."""

from __future__ import annotations

import click

from scorefly.config.options import BY_NAME
from scorefly.problems import Problem, nearest, option_place


def usage_problem(error: click.ClickException) -> Problem:
    """Describe an error of click as every other problem is."""
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "scorefly"
    help_hint = f"run `{path} --help`"
    if isinstance(error, click.exceptions.NoSuchCommand):
        commands = _commands(error.ctx) if error.ctx else []
        return Problem(f"no such command {error.command_name!r}{_meant(error.command_name, commands)}", help_hint)
    if isinstance(error, click.NoSuchOption):
        if unused := _unused(error.option_name.lstrip("-"), path, help_hint):
            return unused
        meant = _meant_option(error.option_name, error.ctx)
        message = f"no such option {error.option_name!r}{meant}"
        return Problem(message, help_hint, option_place(error.option_name.lstrip("-")))
    if isinstance(error, click.BadParameter) and isinstance(error.param, click.Argument):
        return _argument_problem(error, error.param, help_hint)
    if isinstance(error, click.BadOptionUsage):
        return Problem(error.message.rstrip("."), help_hint, option_place(error.option_name.lstrip("-")))
    if isinstance(error, click.BadParameter) and error.param:
        option = max(error.param.opts, key=len).lstrip("-")
        return Problem(error.message.rstrip("."), help_hint, option_place(option))
    return Problem(error.format_message().rstrip("."), help_hint)


def _argument_problem(error: click.BadParameter, argument: click.Argument, help_hint: str) -> Problem:
    """Describe a missing or invalid argument, with its choices."""
    choices = [str(each) for each in argument.type.choices] if isinstance(argument.type, click.Choice) else []
    name = (argument.human_readable_name if not choices else argument.name or "").upper()
    if isinstance(error, click.MissingParameter):
        message = f"missing argument {name}" + (f", which is one of {', '.join(choices)}" if choices else "")
    else:
        message = f"invalid argument {name}: {error.message.rstrip('.')}"
    return Problem(message, help_hint)


def _unused(name: str, path: str, help_hint: str) -> Problem | None:
    """Describe an option that only other commands use."""
    option = BY_NAME.get(name)
    if option is None:
        return None
    hint = f"it is used by: {', '.join(option.commands)}; {help_hint}"
    return Problem(f"`{path}` does not use --{name}", hint, option_place(name))


def _commands(ctx: click.Context) -> list[str]:
    return ctx.command.list_commands(ctx) if isinstance(ctx.command, click.Group) else []


def _meant_option(name: str, ctx: click.Context | None) -> str:
    params = ctx.command.params if ctx else []
    options = [each for each in params if isinstance(each, click.Option) and not each.hidden]
    names = [word for option in options for word in option.opts if word.startswith("--")]
    begin = [word for word in names if word.startswith(f"--{name.lstrip('-')}")]
    return f". Did you mean {begin[0]!r}?" if begin else _meant(name, names)


def _meant(name: str, names: list[str]) -> str:
    hint = nearest(name, names, "")
    return f". Did you mean {hint.removeprefix('did you mean ')}" if hint.startswith("did you mean") else ""

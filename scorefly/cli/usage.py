"""Describes wrong use of the command line as a problem: what is unknown, and what was probably meant."""

from __future__ import annotations

import re

import click

from scorefly.config.options import BY_NAME
from scorefly.problems import Place, Problem, nearest, option_place


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
        return Problem(message, help_hint, Place(error.option_name, is_option=True))
    if isinstance(error, click.BadOptionUsage):
        return Problem("needs a value", help_hint, Place(error.option_name, is_option=True))
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _bad_parameter(error, error.param, help_hint)
    message = error.format_message().rstrip(".")
    return Problem(f"{message[:1].lower()}{message[1:]}", help_hint)


def _bad_parameter(error: click.BadParameter, param: click.Parameter, help_hint: str) -> Problem:
    """Describe an argument or a value that is missing or invalid, with the choices if there are some."""
    choices = list(param.type.choices) if isinstance(param.type, click.Choice) else []
    is_option = isinstance(param, click.Option)
    place = Place(max(param.opts, key=len), is_option=True) if is_option else None
    if isinstance(error, click.MissingParameter):
        what = "option" if is_option else "argument"
        name = ", ".join(choices) if choices else param.human_readable_name
        return Problem(f"missing {what}: {'one of ' if choices else ''}{name}", help_hint, place)
    given = re.search(r"'(.*)' is not one of", error.message)
    if choices and given:
        return Problem(f"invalid value {given[1]!r}", f"{nearest(given[1], choices)}; {help_hint}", place)
    return Problem(error.message.rstrip("."), help_hint, place)


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

"""Options of the command line, from the one table of options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

import click

from scorefly.cli.help_page import GroupedOption, write_options
from scorefly.cli.session import Session
from scorefly.config.option import Kind, Option
from scorefly.config.options import BY_NAME, OPTIONS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def options(command: str, *, score_files: bool = True, without: Iterable[str] = ()) -> Decorator:
    """Add the options that a command uses, and its Score files as arguments; `without` leaves out other names."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        used = [option for option in OPTIONS if command in option.commands]
        takes_files = score_files and BY_NAME["score-files"] in used
        if takes_files:
            function = _joining_score_files(function)
        for option in reversed(used):
            function = _click_option(option, tuple(without))(function)
        if not takes_files:
            return function
        files = click.Path()  # only for shells that complete it
        return click.argument("score_arguments", nargs=-1, metavar="[SCORE_FILE]...", type=files)(function)

    return decorate


def _joining_score_files(function: Callable[..., Any]) -> Callable[..., Any]:
    """Score files may be arguments or options: a command is given both as one."""

    @wraps(function)
    def call(*arguments: Any, score_arguments: tuple[str, ...], score_files: tuple[str, ...], **values: Any) -> Any:
        return function(*arguments, score_files=(*score_files, *score_arguments), **values)

    return call


def _click_option(option: Option, without: tuple[str, ...]) -> Decorator:
    """Values stay text here: every source is checked and typed in one place."""
    default = option.cli_default or option.default
    notes = [f"default: {default}"] if default and option.kind != "flag" else []
    notes += [f"or ${name}" for name in option.variables]
    shown = option.help + (f"  [{'; '.join(notes)}]" if notes else "")
    metavar = "|".join(option.choices) if option.choices else _METAVARS[option.kind]
    many = option.kind in ("lines", "pairs", "images", "builds", "words")
    names = [f"--{option.name}", *(name for name in option.flags if name not in without)]
    return click.option(
        *names,
        option.field,
        cls=GroupedOption,
        group=option.group,
        multiple=many,
        metavar=metavar,
        help=shown,
        shell_complete=_completion(option),
    )


def _completion(option: Option) -> Callable[..., list[str]]:
    """Return what a shell offers as the option's value."""
    values = ("true", "false") if option.kind in ("flag", "optional_flag") else option.choices

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return complete


_METAVARS: Mapping[Kind, str] = {
    "text": "TEXT",
    "flag": "[true|false]",
    "optional_flag": "[true|false]",
    "count": "NUMBER",
    "duration": "TIME",
    "lines": "LINE",
    "pairs": "NAME=VALUE",
    "json": "JSON",
    "images": "[NAME=]IMAGE",
    "builds": "CONTAINER=PATH|JSON",
    "words": "WORDS",
}

_FLAGS = {f"--{option.name}" for option in OPTIONS if option.kind in ("flag", "optional_flag")}


def format_choice(*kinds: str) -> Decorator:
    """Add `--format` with the kinds of output there are; the first one is the default."""
    return click.option(
        "--format", "shape", type=click.Choice(kinds), default=kinds[0], show_default=True, help="Output format."
    )


format_option = format_choice("table", "json")  # a table for people, or JSON for programs


def _set_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    session = ctx.find_object(Session)
    if value and session:
        session.debug = session.progress.verbose = True


def _set_quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    session = ctx.find_object(Session)
    if value and session:
        session.progress.quiet = True


def common_options() -> list[click.Parameter]:
    """Return the options that may stand anywhere on the command line."""
    return [
        click.Option(
            ["-v", "--verbose", "--debug"],
            is_flag=True,
            expose_value=False,
            callback=_set_debug,
            help="Show all output of flyctl, and the traceback of an error.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_set_quiet,
            help="Show warnings, errors and the result only.",
        ),
    ]


class Command(click.Command):
    """A command whose flags take `true` or `false`, and mean true where they are alone."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params += common_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line, with a value for each flag."""
        return super().parse_args(ctx, list(_flags_with_values(args)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below the headings of their groups."""
        write_options(self, ctx, formatter)


def _flags_with_values(args: Sequence[str]) -> Iterator[str]:
    """Write every flag of the table as `--flag=value`, so that the word after it is never taken for its value."""
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

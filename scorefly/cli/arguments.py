"""Options of the command line, from the one table of options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from scorefly.config.options import OPTIONS, Kind, Option


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
    many = option.kind in ("lines", "pairs", "images", "builds", "words")
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
    "builds": "CONTAINER=PATH|JSON",
    "words": "WORDS",
}

_FLAGS = {f"--{option.name}" for option in OPTIONS if option.kind in ("flag", "optional_flag")}


def format_option(function: Callable[..., Any]) -> Callable[..., Any]:
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

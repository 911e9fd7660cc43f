"""Problems and their places: values, until the UI prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

SHORTENED = "…"

Severity = Literal["error", "warning", "notice"]


class Place(Struct, frozen=True, order=True):
    """A place: a file (relative to the workspace) with line and column from 1, or an option, which has neither."""

    file: str
    line: int = 1
    column: int = 1
    is_option: bool = False

    def __str__(self) -> str:
        return self.file if self.is_option else f"{self.file}:{self.line}:{self.column}"


def option_place(name: str) -> Place:
    """The place of a value that came from an option or input, by its bare name (`app-prefix`)."""
    return Place(f"--{name}", is_option=True)


class Problem(Struct, frozen=True):
    """One cause: what is wrong, what to do about it (may be empty), and where.

    `of_file` says that the place is only the file that the problem belongs to, which the message needs not repeat.
    """

    message: str
    hint: str = ""
    place: Place | None = None
    severity: Severity = "error"
    of_file: bool = False

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        what_to_do = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{what_to_do}"

    def of_input(self) -> Problem:
        """Return the problem as the Action shows it: an option is an input there, without line and column."""
        if self.place is None or not (self.place.is_option and self.place.file.startswith("--")):
            return self
        return replace(self, message=f"input {self.place.file.removeprefix('--')}: {self.message}", place=None)

    def redacted(self, redact: Callable[[str], str]) -> Problem:
        """Return the problem without secrets; to be called before it is escaped for any format."""
        return replace(self, message=redact(self.message), hint=redact(self.hint))


class ScoreflyError(Exception):
    """A failure a user can cause or meet: problems to show, and the exit status they mean."""

    exit_code = 1

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InputError(ScoreflyError):
    """The input is wrong and nothing was changed."""

    exit_code = 2


class ExternalError(ScoreflyError):
    """Something outside failed: a provisioner, the Fly API, a deploy. What succeeded is kept."""

    exit_code = 1


def input_error(message: str, hint: str = "", place: Place | None = None) -> InputError:
    """An InputError of one problem, to raise."""
    return InputError(Problem(message, hint, place))


def external_error(message: str, hint: str = "", place: Place | None = None) -> ExternalError:
    """An ExternalError of one problem, to raise."""
    return ExternalError(Problem(message, hint, place))


def raise_errors(problems: Iterable[Problem]) -> None:
    """Raises one InputError of all problems that are errors; returns when there are none."""
    errors = tuple(problem for problem in problems if problem.severity == "error")
    if errors:
        raise InputError(*errors)
    return


def one_edit_apart(one: str, other: str) -> bool:
    """Decide whether two names differ by one letter too many, too few, different or swapped.

    Short names and those that only have different numbers are often meant to be near each other.
    """
    if one == other or min(len(one), len(other)) < 4:
        return False
    for _ in range(2):  # without the equal beginnings, and read backwards without the equal ends
        equal = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
        equal = min(len(one), len(other)) if equal is None else equal
        one, other = one[equal:][::-1], other[equal:][::-1]
    near = max(len(one), len(other)) == 1 or (len(one) == len(other) == 2 and one == other[::-1])
    return near and not (one + other).isdigit()


def shortened(text: str, length: int) -> str:
    """Return a text of at most `length` characters. The mark at its end tells a redactor that a secret may be cut."""
    return text if len(text) <= length else text[: length - 1] + SHORTENED


def nearest(name: str, known: Iterable[str], otherwise: str = "there are:") -> str:
    """Suggest the closest known name, or list all known names. Upper and lower case do not matter."""
    names = list(known)
    close = _closest(name.casefold(), {each.casefold(): each for each in reversed(names)})
    return f"did you mean {close!r}?" if close else f"{otherwise} {', '.join(names) or 'none'}"


def _closest(name: str, names: Mapping[str, str]) -> str:
    """Return the value of the key that a name is like, or is the beginning of; empty if there is none."""
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=1)
    if close:
        return names[close[0]]
    longer = [each for each in names if len(name) > 1 and each.startswith(name)]
    return names[longer[0]] if len(longer) == 1 else ""

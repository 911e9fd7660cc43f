"""Rules for single texts. Each answers with what is wrong, or None."""

from __future__ import annotations

import re
from base64 import b64decode


def region_problem(text: str) -> str | None:
    """Regions are three letters; which there are changes, and Fly says so."""
    return None if re.fullmatch(r"[a-z]{3}", text) else f"{text!r} is no region"


def path_problem(text: str) -> str | None:
    """An absolute path in a Machine."""
    if not text.startswith("/") or "\0" in text or ".." in text.split("/"):
        return f"{text!r} is no absolute path"
    return None


def mount_problem(text: str) -> str | None:
    """A path where a volume can be."""
    return "the root of the file system is no place for a volume" if text.strip("/") == "" else path_problem(text)


def url_path_problem(text: str) -> str | None:
    """The path of a request."""
    return None if re.fullmatch(r"/\S*", text) else f"{text!r} is no path of a request"


def variable_problem(text: str) -> str | None:
    """Whatever a process can have in its environment."""
    return None if text and "=" not in text and "\0" not in text else f"{text!r} is no name of a variable"


def header_problem(text: str) -> str | None:
    """A token, as RFC 9110 has it."""
    return None if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text) else f"{text!r} is no name of a header"


def value_problem(text: str) -> str | None:
    """A variable's value, which is not shown."""
    return "holds a NUL, which ends a variable" if "\0" in text else None


def empty_problem(text: str) -> str | None:
    """Something has to be there."""
    return None if text.strip() else "is empty"


def base64_problem(text: str) -> str | None:
    """Standard base64."""
    try:
        b64decode(text, validate=True)
    except ValueError:
        return "is no base64"
    return None


def words_problem(text: str) -> str | None:
    """A command line: flyctl splits it as a shell would (google/shlex), but for variables and operators."""
    quote, escaped, in_word, comment = "", False, False, False
    for sign in text:
        if comment:
            comment = sign != "\n"
        elif escaped:
            escaped = False
        elif sign == "\\" and quote != "'":
            escaped = in_word = True
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote, in_word = sign, True
        elif sign == "#" and not in_word:
            comment = True
        else:
            in_word = sign not in " \t\r\n"
    if quote:
        return f"has a {quote} that is not closed"
    return "ends with a \\ that escapes nothing" if escaped else None


def machine_config_problem(text: str) -> str | None:
    """JSON itself, or the name of a file with it."""
    if text.startswith("{") or text.endswith(".json"):
        return None
    return "is neither JSON that begins with { nor a .json file"

"""One comment on a pull request, kept up to date: known by a marker that nobody sees."""

from __future__ import annotations

from scorefly.github.api import GitHubApi
from scorefly.github.markdown import shorten

COMMENT_LIMIT = 65536  # characters that GitHub takes
_NOTE = "_The rest was over GitHub's limit for comments._"


def keep_comment(api: GitHubApi, number: int, marker: str, body: str, *, create: bool = True) -> None:
    """Writes the comment that begins with `marker`, anew when it is there already; `create` says: also when not.

    A comment of somebody who may not write to the repository is never taken for ours, whatever it begins with.
    """
    text = shorten(f"{marker}\n{body}", COMMENT_LIMIT, _NOTE)
    known = next((each for each in api.comments(number) if each.ours and each.body.startswith(marker)), None)
    if not (known and api.update_comment(known.id, text)) and create:
        api.create_comment(number, text)

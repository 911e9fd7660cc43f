"""One comment on a pull request, kept up to date: found by a hidden marker."""

from __future__ import annotations

from scorefly.github.api import GitHubApi
from scorefly.github.markdown import cut

COMMENT_LIMIT = 65536  # characters that GitHub takes
_NOTE = "_The rest was over GitHub's limit for comments._\n"


def keep_comment(api: GitHubApi, number: int, marker: str, body: str, *, create: bool = True) -> None:
    """Writes the comment that begins with `marker`, anew when it is there already; `create` says: also when not.

    Only what the token's own user or app wrote is taken for ours, whatever another comment begins with.
    """
    text = f"{marker}\n{body}"
    text = cut(text, COMMENT_LIMIT, _NOTE)
    marked = [each for each in api.comments(number) if each.body.startswith(marker)]
    own = api.login() if marked else ""
    known = next((each for each in marked if each.author == own), None)
    if not (known and api.update_comment(known.id, text)) and create:
        api.create_comment(number, text)

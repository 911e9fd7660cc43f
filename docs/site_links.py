"""Hooks of mkdocs: links to files outside of docs/ lead to the repository, and pages can be used without a mouse."""

from __future__ import annotations

import re
from typing import Any

# Up to the docs folder's parent: `](../examples/secrets)`.
_OUTSIDE = re.compile(r"\]\(\.\./")


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Return the page with its links to the repository's other files made absolute."""
    return _OUTSIDE.sub(f"]({config.repo_url.rstrip('/')}/blob/main/", markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Return a page's HTML that a keyboard and a screen reader can use: the theme forgets the search's name."""
    named = output.replace('role="dialog"', 'role="dialog" aria-label="Search"')
    # A block of code may be wider than its page, and has to be scrolled.
    return named.replace("<pre><span></span><code>", '<pre tabindex="0"><span></span><code>')

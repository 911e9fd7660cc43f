"""A hook of mkdocs: links from pages to files outside of docs/ lead to the repository."""

from __future__ import annotations

import re
from typing import Any

# Up to the docs folder's parent: `](../examples/secrets)`.
_OUTSIDE = re.compile(r"\]\(\.\./")


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Return the page with its links to the repository's other files made absolute."""
    return _OUTSIDE.sub(f"]({config.repo_url.rstrip('/')}/blob/main/", markdown)

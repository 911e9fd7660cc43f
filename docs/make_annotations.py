"""Writes docs/annotations.md from the table of annotations; `make docs` runs it."""

from __future__ import annotations

from pathlib import Path

from scorefly.convert.annotations import ANNOTATIONS, PREFIX

PAGE = Path(__file__).with_name("annotations.md")
HEAD = f"""\
# Annotations and overlays

What Fly has and Score has no word for is set in `metadata.annotations` of a Score file, under `{PREFIX}`; other
implementations pass over it. Each is checked, with its place; one that does not exist is an error.

```yaml
metadata:
  name: web
  annotations:
    {PREFIX}strategy: bluegreen
    {PREFIX}auto-stop: suspend
    {PREFIX}service-grpc-handlers: tls
```

`<port>` is the name of a service port. `auto-stop`, `auto-start`, `min-running` and `concurrency` are for all ports of
the workload, and with `service-<port>-` for one.

| annotation | example | what it does |
|---|---|---|
"""
TAIL = """
score-flyio's own (`score-flyio.astromechza.github.com/service-<port>-` with `handlers`, `http-options`, `auto-stop`,
`min-running` and `concurrency`) mean the same here: a port with `handlers` is public. Ours come first where both stand.

## Overlays

For anything else of [fly.toml](https://fly.io/docs/reference/configuration/): `.scorefly/overlay.toml` is merged over
what scorefly generates for every workload, `.scorefly/overlay.WORKLOAD.toml` over that of one; both may be `.yaml`.
Tables are merged key by key, everything else is replaced, and `null` (in YAML) takes a key out. The result is read as
flyctl reads it, and checked like the rest: old spellings become current ones, and a key that flyctl ignores is left out
with a warning. A key that is misspelt or in the wrong table is an error. For a whole fly.toml there is
[`scorefly convert`](from-fly-toml.md).

```toml
[[restart]]
policy = "on-failure"
retries = 3
```
"""


def page() -> str:
    """The page's text."""
    rows = [f"| `{each.name}` | `{each.example}` | {each.help} |" for each in ANNOTATIONS]
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

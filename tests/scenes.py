"""What people see on GitHub, made by real runs against the simulated Fly, and shown as GitHub shows it.

docs/make_pictures.py takes the documentation's pictures from here.
"""

from __future__ import annotations

import io
import sys
from html import escape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from browser import NODE_MODULES
from github_events import pull_request, push, variables
from github_server import GitHub
from killing import environment
from scorefly.rehearsal.server import Rehearsal
from terminals import Screen
from workspaces import Workspace

STYLES = NODE_MODULES / "github-markdown-css/github-markdown.css"
NUMBER = 7
KEY = "WTXL8yM5hhGBCQ1U2vZmb8vUlvNQ0xR-g0pQAnCXFqs="
WEB = """\
    variables:
      DATABASE_URL: postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}/shop
      SESSION_KEY: ${resources.session.value}
      LOG_LEVEL: info
    livenessProbe: {httpGet: {path: /healthz, port: 8080}}
service: {ports: {http: {port: 80, targetPort: 8080}}}
resources:
  db: {type: postgres, id: db}
  session: {type: secret, params: {name: SESSION_KEY}}
  dns: {type: dns}
  route: {type: route, params: {host: "${resources.dns.host}", path: /, port: http}}
"""
WORKER = """\
    variables: {SHOP: "http://${resources.shop.hostname}:${resources.shop.port}", QUEUES: mail}
resources:
  shop: {type: service-port, params: {workload: shop, port: http}}
"""
PROJECT = "app-prefix: acme-\nregion: ams\n"
NEW_WEB = WEB.replace("LOG_LEVEL: info", "LOG_LEVEL: debug")
COMMIT, HEAD = "4f1c09ab6de2" * 3 + "4f1c", "d20b7e35c981" * 3 + "d20b"
SECRETS = '{"SESSION_KEY": "canary-4711-session"}'


def make_scenes(folder: Path) -> dict[str, str]:
    """Return the Markdown of each scene by its name, from runs in a folder."""
    workspace = Workspace(folder / "shop")
    workspace.path.mkdir(parents=True)
    workspace.write("scorefly.yaml", PROJECT)
    with Rehearsal(None) as fly, GitHub() as github:
        github.open_pull(NUMBER, sha=HEAD)
        real = {**environment(folder / "bin", fly), "SCOREFLY_STATE_KEY": KEY, "SCOREFLY_SECRETS": SECRETS}

        def act(command: str, *, pull: bool = True, **inputs: str) -> str:
            event = pull_request(github, NUMBER, "synchronize") if pull else push()
            name = "pull_request" if pull else "push"
            runner = {
                **variables(github, name, event, folder),
                "GITHUB_SHA": COMMIT,
                **({} if "rehearse" in inputs else real),
            }
            given = {"command": command, "state": "file", "secrets": SECRETS, **inputs}
            return workspace.action(given, **runner).summary

        workspace.workload("shop", WEB, image="ghcr.io/acme/shop:1.4.0")
        workspace.workload("mailer", WORKER, image="ghcr.io/acme/mailer:2.1")
        scenes = {"summary": act("deploy", pull=False)}
        workspace.workload("shop", NEW_WEB, image="ghcr.io/acme/shop:1.5.0")
        workspace.workload(
            "mailer",
            WORKER.replace("mail}", "mail}\n    resources: {limits: {memory: 512Mi}}"),
            image="ghcr.io/acme/mailer:2.1",
        )
        act("plan")
        act("preview")
        plan, success = github.bodies(NUMBER)
        workspace.workload("mailer", WORKER, image="rehearsal.invalid/crashing:1")
        scenes["failed-summary"] = act("preview")
        _, failure = github.bodies(NUMBER)
        workspace.workload("mailer", WORKER, image="ghcr.io/acme/mailer:2.2")
        act("preview", rehearse="true")
        _, rehearsal = github.bodies(NUMBER)
    return {**scenes, "plan": plan, "preview": success, "preview-failed": failure, "preview-rehearsed": rehearsal}


def show_deploy(folder: Path, *, columns: int = 80) -> tuple[str, str]:
    """Return what a terminal shows in the middle of a first deploy and at its end, with colours."""
    workspace = Workspace(folder / "shop")
    workspace.path.mkdir(parents=True)
    workspace.write("scorefly.yaml", PROJECT)
    workspace.workload("shop", WEB, image="ghcr.io/acme/shop:1.4.0")
    workspace.workload("mailer", WORKER, image="ghcr.io/acme/mailer:2.1")
    with Rehearsal(None, latency=0.15) as fly:
        given = {**environment(folder / "bin", fly), "SCOREFLY_STATE_KEY": KEY, "SCOREFLY_SECRETS": SECRETS}
        command = [sys.executable, "-m", "scorefly", "deploy", "--environment", "production"]
        with Screen(command, cwd=workspace.path, environment=given, size=(columns, 24)) as screen:
            middle = screen.wait_for(r"creating .*\n    \S(?s:.*)1 of 3 apps done")
            end = screen.wait_for("Next: ")
            assert screen.cursor_is_visible()
    return middle, end


def as_github_shows(markdown: str, *, comment: bool) -> str:
    """Return a page with the Markdown as a comment of a bot, or as a job's summary."""
    if not STYLES.exists():
        pytest.skip("needs github-markdown-css: npm ci --prefix tests/node")
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    author = "<b>github-actions</b> <span>bot</span> commented now" if comment else "<b>deploy</b> summary"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>scorefly</title>'
        f"<style>{STYLES.read_text()}\n{_FRAME}</style></head>"
        f'<body class="markdown-body"><main class="box"><div class="head">{author}</div>'
        f'<div class="body">{reader.render(markdown)}</div></main></body></html>'
    )


def as_a_terminal_shows(text: str) -> str:
    """Return a page with what a terminal shows; `text` may have its control sequences for colours."""
    from rich.console import Console
    from rich.terminal_theme import DIMMED_MONOKAI
    from rich.text import Text

    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    plain = text.replace("\x1b[49m", "").replace("\x1b[39m", "\x1b[0m")
    console.print(Text.from_ansi(plain), soft_wrap=True)
    body = console.export_html(inline_styles=True, code_format="{code}", theme=DIMMED_MONOKAI)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape("scorefly")}</title>'
        f'<style>{_TERMINAL}</style></head><body><main class="box"><pre>{body}</pre></main></body></html>'
    )


_FRAME = """
body { margin: 0; padding: 12px; box-sizing: border-box; }
.box { max-width: 880px; border: 1px solid #d1d9e0; border-radius: 6px; overflow: hidden; }
.head { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 16px; font-size: 14px; color: #59636e; }
.head b { color: #1f2328; }
.head span { border: 1px solid #d1d9e0; border-radius: 2em; padding: 0 7px; font-size: 12px; }
.body { padding: 16px; font-size: 14px; }
"""
_TERMINAL = """
body { margin: 0; padding: 12px; background: #fff; }
.box { display: inline-block; background: #1b1f24; color: #e6edf3; border-radius: 8px; padding: 14px 18px; }
pre { margin: 0; font: 13px/1.45 "DejaVu Sans Mono", monospace; }
"""

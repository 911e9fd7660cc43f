"""The content of the page and the API: plain data from the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from scorefly.listen.ledger import Ledger
from scorefly.listen.pending import plans
from scorefly.listen.units import FAILING

HISTORY = 50  # runs, and deliveries
TOKEN_WARNING = 30 * 86400.0  # seconds before the end
MAX_ID = 2**63 - 1  # of a row in SQLite


def units(ledger: Ledger) -> list[dict[str, Any]]:
    """Return all units with their apps, sources, pending changes and last run."""
    apps: dict[str, list[dict[str, Any]]] = {}
    for row in ledger.rows("SELECT unit, app, details FROM apps ORDER BY unit, app"):
        apps.setdefault(row["unit"], []).append({**json.loads(row["details"]), "app": row["app"]})
    follows: dict[str, list[dict[str, Any]]] = {}
    for row in ledger.rows(
        "SELECT f.unit, f.key, f.ref, r.value, p.error, p.looked_at FROM follows f JOIN refs r USING (key, ref) "
        "JOIN repositories p USING (key) ORDER BY f.key, f.ref"
    ):
        source = {"repository": row["key"], "ref": short_ref(row["ref"]), "commit": row["value"], "error": row["error"]}
        follows.setdefault(row["unit"], []).append(source)
    runs = {
        row["unit"]: row
        for row in ledger.rows("SELECT * FROM runs WHERE id IN (SELECT max(id) FROM runs GROUP BY unit)")
    }
    deployed = {
        row["unit"]: json.loads(row["commits"])
        for row in ledger.rows(
            "SELECT unit, commits FROM runs WHERE id IN (SELECT max(id) FROM runs WHERE status = 'ok' GROUP BY unit)"
        )
    }
    tree = {ledger.get("root_key"): ledger.get("tree")}
    planned = plans(ledger)
    rows = ledger.rows("SELECT * FROM units ORDER BY name")
    due = {row["name"] for row in rows if row["wanted"] > row["done"]}
    blocking = due | {row["name"] for row in rows if row["running"] or row["status"] in FAILING}
    return [
        {
            **_unit(row, apps.get(row["name"], []), follows.get(row["name"], []), runs.get(row["name"]),
                    deployed.get(row["name"], {}), tree),
            "plan": planned.get(row["name"]),
            "waits_for": [name for name in json.loads(row["after"]) if name in blocking and not row["running"]]
            if row["name"] in due else [],
        }
        for row in rows
    ]  # fmt: skip


def _unit(
    row: Any, apps: list[dict[str, Any]], sources: list[dict[str, Any]], run: Any, deployed: Any, tree: dict[str, str]
) -> dict[str, Any]:
    details = json.loads(row["details"])
    desired = tree | {_source_name(each): each["commit"] for each in sources}
    apps = with_suspended(apps, details.get("suspended") or {})
    is_due = row["wanted"] > row["done"]
    pending = [
        {"repository": name, "from": deployed.get(name, ""), "to": commit}
        for name, commit in desired.items()
        if name and commit and commit != deployed.get(name)
    ]
    return {
        "unit": row["name"],
        "project": details.get("project") or "",
        "environment": details.get("environment", ""),
        "state": "running" if row["running"] else "due" if is_due and row["status"] not in FAILING else row["status"],
        "status": row["status"],
        "since": row["status_since"],
        "retry_at": row["not_before"] if is_due and row["attempts"] else 0,
        "attempts": row["attempts"],
        "pending": pending,
        "sources": sources,
        "apps": apps,
        "drift": any(each.get("drift") for each in apps),
        "last_run": run_summary(run) if run else None,
    }


def with_suspended(apps: list[dict[str, Any]], suspended: dict[str, str]) -> list[dict[str, Any]]:
    """Return apps with the reasons of those that the tree suspends; one that was never deployed is a row of its own."""
    marked = [{**app, "suspended": suspended.get(app.get("workload", ""), app.get("suspended"))} for app in apps]
    known = {app.get("workload") for app in apps}
    return marked + [
        {"app": "", "workload": name, "status": "suspended", "suspended": reason, "since": 0}
        for name, reason in suspended.items()
        if name not in known
    ]


def _source_name(source: dict[str, Any]) -> str:
    ref = source["ref"]
    return source["repository"] if ref == "HEAD" else f"{source['repository']}#{ref}"


def short_ref(ref: str) -> str:
    """Return a branch without `refs/heads/`, and any other ref as it is."""
    return ref.removeprefix("refs/heads/")


def run_summary(row: Any) -> dict[str, Any]:
    """Return a run without its log."""
    return {
        "id": row["id"],
        "unit": row["unit"],
        "began": row["began"],
        "ended": row["ended"],
        "status": row["status"],
        "reason": row["reason"],
        "commits": json.loads(row["commits"]),
    }


def unit_runs(ledger: Ledger, name: str) -> list[dict[str, Any]]:
    """Return the runs of a unit, the newest first."""
    rows = ledger.rows("SELECT * FROM runs WHERE unit = ? ORDER BY id DESC LIMIT ?", name, HISTORY)
    return [{**run_summary(row), "has_log": bool(row["log"])} for row in rows]


def run_log(ledger: Ledger, identity: int) -> dict[str, Any] | None:
    """Return a run with its redacted log, or None."""
    if identity > MAX_ID:
        return None
    row = ledger.row("SELECT * FROM runs WHERE id = ?", identity)
    return {**run_summary(row), "log": row["log"]} if row else None


def history(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the last deliveries and runs, the newest first."""
    deliveries = ledger.rows("SELECT * FROM deliveries ORDER BY id DESC LIMIT ?", HISTORY)
    runs = ledger.rows("SELECT * FROM runs ORDER BY id DESC LIMIT ?", HISTORY)
    lines = [
        {"at": row["at"], "kind": "delivery", "subject": row["sender"], "result": row["verdict"],
         "detail": " ".join(part for part in (row["repository"], short_ref(row["ref"])) if part)}
        for row in deliveries
    ]  # fmt: skip
    lines += [
        {"at": row["ended"] or row["began"], "kind": "run", "subject": row["unit"], "result": row["status"],
         "detail": row["reason"], "run": row["id"]}
        for row in runs
    ]  # fmt: skip
    return sorted(lines, key=lambda line: -float(line["at"]))


def repositories(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the followed repositories with when they were looked at, and the error if they cannot be read."""
    rows = ledger.rows("SELECT key, looked_at, next_look, attempts, error, moved_to FROM repositories ORDER BY key")
    return [dict(row) for row in rows]


def token_notice(environ: Mapping[str, str], now: float) -> str:
    """Return what to do about a Fly token that expires within a month, or ""."""
    text = environ.get("SCOREFLY_FLY_ACCESS_UNTIL", "")
    try:
        end = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return ""
    if now < end - TOKEN_WARNING:
        return ""
    return f"The Fly token {'expired' if now > end else 'expires'} on {text}: run scorefly install again."


def tree(ledger: Ledger) -> dict[str, Any]:
    """Return the project's commit and the error of its last reading."""
    return {"project": ledger.get("root_key"), "commit": ledger.get("tree"), "error": ledger.get("tree_error")}


def counts(ledger: Ledger) -> dict[str, Any]:
    """Return the numbers that metrics and readiness are made of."""
    rows = ledger.rows(
        "SELECT CASE WHEN running THEN 'running' WHEN status IN ('failed', 'invalid') THEN status "
        "WHEN wanted > done THEN 'due' ELSE status END AS state, count(*) AS number FROM units GROUP BY 1"
    )
    apps: dict[str, int] = {}
    for row in ledger.rows("SELECT details FROM apps"):
        status = str(json.loads(row["details"]).get("status", "unknown"))
        apps[status] = apps.get(status, 0) + 1
    unreadable = ledger.row("SELECT count(*) FROM repositories WHERE attempts > 0 AND error != ''")
    return {
        "units": {row["state"]: row["number"] for row in rows},
        "apps": apps,
        "unreadable": unreadable[0] if unreadable else 0,
        "tree": ledger.get("tree"),
        "bytes": ledger.bytes_on_disk(),
    }

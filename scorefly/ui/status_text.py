"""The status of apps and their releases, for people: at a terminal and in a job summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from scorefly.fly.certificates import PENDING_OWNERSHIP
from scorefly.github.markdown import code, link, table, text
from scorefly.report.status import AppStatus, CertificateStatus, MachineStatus, ReleaseRow, RollbackStatus
from scorefly.ui.lines import one_line

_LABEL_WIDTH = 10


def status_lines(apps: Sequence[AppStatus]) -> list[str]:
    """Return a block of lines for each app."""
    lines: list[str] = []
    for app in apps:
        lines.append(one_line(f"{app.workload or app.app}{f' ({app.app})' if app.workload != app.app else ''}"))
        lines += [one_line(f"  {label.ljust(_LABEL_WIDTH)}{value}") for label, value in _facts(app)]
        lines.append("")
    return lines


def status_summary(apps: Sequence[AppStatus]) -> str:
    """Return a table in Markdown, and what needs attention below it."""
    if not apps:
        return ""
    rows = [
        (
            link(app.app, app.url) if app.url else text(app.app),
            code(app.commit[:7]),
            code(app.image),
            text(app.since),
            text(machines_text(app)),
            text(_checks(app)),
        )
        for app in apps
    ]
    notes = [
        f"- {text(app.app)}: {text(value)}"
        for app in apps
        for label, value in _facts(app)
        if label in ("problem", "host", "rollback", "drift")
    ]
    shown = table(("App", "Commit", "Image", "Since", "Machines", "Checks"), rows)
    return "\n\n".join(filter(None, (shown, "\n".join(notes))))


def machines_text(app: AppStatus) -> str:
    """Return how many Machines are in which state and region."""
    counted = Counter((_state(each), each.region) for each in app.machines)
    return ", ".join(f"{count} {state} in {region}" for (state, region), count in sorted(counted.items()))


def _state(machine: MachineStatus) -> str:
    if machine.exit_code:
        return f"crashed (exit code {machine.exit_code})"
    return "standby" if machine.standby and machine.state == "stopped" else machine.state


def rollback_text(rollback: RollbackStatus) -> str:
    """Return which commit was replaced by which, and until when that holds."""
    if not (rollback.commit and rollback.from_commit):
        held = "rolled back; stays until something else is deployed"
    else:
        newest = rollback.from_commit[:7]
        held = f"from {newest} to {rollback.commit[:7]}; stays until a commit newer than {newest} is deployed"
    return held if rollback.finished else f"{held} (not finished: run rollback again, or deploy)"


def history_rows(rows: Sequence[ReleaseRow]) -> list[tuple[str, ...]]:
    """Return the cells of a table of releases, the heading first."""
    return [
        ("workload", "commit", "image", "at", "now"),
        *(
            (
                row.workload,
                row.commit[:7],
                row.image,
                row.at,
                "current" if row.current else "rolled back" if row.rolled_back else "",
            )
            for row in rows
        ),
    ]


def _facts(app: AppStatus) -> Iterator[tuple[str, str]]:
    if app.problem:
        yield "problem", app.problem
    if app.url:
        yield "url", app.url
    if app.commit:
        yield "commit", app.commit
    yield "image", app.image or "unknown"
    if app.since:
        yield "since", app.since
    yield "machines", machines_text(app) or "none"
    if app.checks:
        yield "checks", _checks(app)
    for certificate in app.certificates:
        yield "host", f"{certificate.host}: {certificate.status}{_records_text(certificate)}"
    if app.rollback:
        yield "rollback", rollback_text(app.rollback)
    for each in app.drift:
        yield "drift", str(each)


def _records_text(certificate: CertificateStatus) -> str:
    """Return which DNS records are still to be set: those that send traffic, or what replaces them."""
    texts: dict[str, list[str]] = {}
    for each in certificate.records:
        texts.setdefault(each.purpose, []).append(f"{each.type} {each.name} {each.value}")
    needed = [" and ".join(texts[purpose]) for purpose in ("address", "alias") if purpose in texts]
    needed = needed or [", ".join(each for found in texts.values() for each in found)]
    if certificate.host.startswith("*.") and "validation" in texts and "address" in texts:
        needed = [f"{each}, with {texts['validation'][0]}" for each in needed]
    if certificate.status == PENDING_OWNERSHIP and "ownership" in texts:
        needed = texts["ownership"]
    return f" (set {', or '.join(needed)})" if certificate.records else ""


def _checks(app: AppStatus) -> str:
    failing = [each for each in app.checks if each.status != "passing"]
    shown = f"{len(app.checks) - len(failing)} of {len(app.checks)} passing" if app.checks else ""
    more = "; ".join(f"{each.name} is {each.status}" for each in failing[:3])
    return f"{shown}: {more}" if more else shown

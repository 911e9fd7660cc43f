"""Reads the tree and runs units, in the threads of the service: checkouts, environments and child processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from scorefly.listen.child import Program, read_plan, read_repositories, run_sync
from scorefly.listen.child_environment import child_environment
from scorefly.listen.dispatch import dispatch_tree, start_workflow
from scorefly.listen.git_repositories import ProjectRepository, Reading, logins_of, read_refs
from scorefly.listen.github_tokens import GitHubTokens
from scorefly.listen.pending import PlannedUnit
from scorefly.listen.repository_keys import repository_key
from scorefly.listen.settings import Settings
from scorefly.listen.sources import Look, Seen
from scorefly.listen.tree import parse_tree, values_of
from scorefly.listen.units import DueUnit, Outcome, Run, Tree
from scorefly.problems import ExternalError, ScoreflyError


class Runner:
    """Everything that starts a process or makes a call, and so is not done on the event loop."""

    def __init__(
        self,
        settings: Settings,
        argv: tuple[str, ...],
        redact: Callable[[str], str],
        stop: Callable[[], bool],
        ends: Callable[[], bool],
    ) -> None:
        """Take when runs have to stop, and when the service ends: then looks end at once."""
        self._settings = settings
        self._argv = argv
        self._redact = redact
        self._stop = stop
        self._ends = ends
        self._tokens = GitHubTokens(settings.environ)
        self._reading = Reading(settings.environ, logins_of(settings.environ, self._tokens), ends)
        self._project = threading.Lock()  # on the checkout that the tree is read in
        self._repository = ProjectRepository(settings.project, settings.data, settings.environ)

    def look(self, look: Look) -> Seen:
        """Return the values of the refs that somebody follows. Raises ExternalError.

        A source that is not readable with the listener's own token is read by `scorefly repos`, which has the
        credentials that the project names.
        """
        try:
            return read_refs(look.url, look.refs, self._settings.data, self._reading)
        except ExternalError:
            if look.key == repository_key(self._settings.project.url):
                raise
        with self._project:
            return Seen(values_of(self._read_repositories(self._repository.folder("project")), look.key))

    def read_tree(self) -> tuple[str, Tree]:
        """Fetch the project. Returns its commit and its tree. Raises ExternalError."""
        with self._project:
            commit = self._repository.fetch(self._reading)
            tree = parse_tree(self._read_repositories(self._repository.check_out("project", commit)))
        return commit, dispatch_tree(tree) if self._settings.dispatch else tree

    def run(
        self, run: Run, commit: str, environment: str, others: Collection[str], on_start: Callable[[int], None]
    ) -> Outcome:
        """Run a unit to its end."""
        settings = self._settings
        if settings.dispatch:
            return start_workflow(self._tokens, settings.dispatch, settings.project.ref)
        try:
            folder = self._repository.check_out(run.unit, commit)
            # A run that was killed left its lock: no other process of this instance runs the unit.
            instance = {"SCOREFLY_INSTANCE": f"{run.instance}:{run.unit}"}
            program = self._program(environment, others, instance)
        except ScoreflyError as error:
            return Outcome("failed", self._redact(str(error)))
        arguments = [*run.arguments, *self._options()]
        return run_sync(program, arguments, folder, redact=self._redact, stop=self._stop, on_start=on_start)

    def plan(self, due: DueUnit, commit: str, environment: str, others: Collection[str]) -> PlannedUnit | None:
        """Return what a run of a unit would change now; None when it was stopped."""
        try:
            folder = self._repository.check_out(due.name, commit)
            program = self._program(environment, others)
        except ScoreflyError as error:
            return PlannedUnit(error=self._redact(str(error)))
        arguments = ["--subtree", due.name, "--environment", environment, *self._options()]
        return read_plan(program, arguments, folder, redact=self._redact, stop=self._ends)

    def _options(self) -> list[str]:
        settings = self._settings
        return ["--rehearse"] if settings.rehearse else ["--state", settings.state] if settings.state else []

    def _read_repositories(self, folder: Path) -> Any:
        return read_repositories(self._program("", ()), (), folder, redact=self._redact, stop=self._ends)

    def _program(self, environment: str, others: Collection[str], more: Mapping[str, str] | None = None) -> Program:
        variables = {**child_environment(self._settings.environ, environment, others), **(more or {})}
        if self._tokens.has_app and (owner := github_owner(self._settings)):
            variables["GITHUB_TOKEN"] = self._tokens.token(owner)
        if own := self._settings.environ.get("FLY_APP_NAME"):
            variables["SCOREFLY_LISTENER_APP"] = own
        variables.setdefault("SCOREFLY_SOURCE_CACHE", str(self._settings.data / "sources"))
        return Program(self._argv, variables)


def github_owner(settings: Settings) -> str:
    """Return the owner of the project on GitHub; "" for a project elsewhere."""
    host, _, rest = repository_key(settings.project.url).partition("/")
    server = settings.environ.get("GITHUB_SERVER_URL") or "https://github.com"
    return rest.partition("/")[0] if host == repository_key(f"{server}/x").partition("/")[0] else ""

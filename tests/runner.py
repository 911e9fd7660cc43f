"""A small emulation of GitHub's runner: enough of it for the workflows in examples/ and their scorefly steps.

It starts a workflow when the event asks for it, goes through jobs in the order of `needs`, evaluates expressions,
gives a job's token the permissions the job names, and keeps secrets and variables from pull requests of forks and of
Dependabot. It refuses what it does not know.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import yaml

import github_events
from docker_actions import run_docker_action
from github_server import GitHub
from workspaces import REPOSITORY, ActionResult, Workspace

WORKFLOWS = REPOSITORY / "examples/workflows"
CHECKOUT = re.compile(r"actions/checkout@[0-9a-f]{40}")
_DEFAULT_TYPES = {key: ["opened", "synchronize", "reopened"] for key in ("pull_request", "pull_request_target")}
_TOKEN = re.compile(r"\s*(?:(\|\||&&|==|!=|[!().,\[\]])|'((?:[^']|'')*)'|(\d+)|([A-Za-z_][\w-]*))")


@dataclass(frozen=True)
class Job:
    """A finished job: what its scorefly steps did, what was checked out, its outputs, and why another step failed."""

    results: tuple[ActionResult, ...] = ()
    refs: tuple[str, ...] = ()
    outputs: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    skipped: bool = False
    failed: str = ""

    @property
    def result(self) -> str:
        if self.skipped:
            return "skipped"
        return "failure" if self.failed or any(each.code for each in self.results) else "success"


@dataclass(frozen=True)
class Runner:
    """Where workflows run; `rehearse` is said by a variable, for the workflows deploy in earnest.

    `beyond` is what the token may beyond what the job names: that of a GitHub App, say. `registry` is the host and port
    that stand for Fly's registry.
    """

    workspace: Workspace
    github: GitHub
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    beyond: dict[str, str] = field(default_factory=dict)
    registry: str = ""

    def run(
        self, name: str, event: str, payload: Mapping[str, Any], *, changed: Sequence[str] = (), attempt: int = 1
    ) -> dict[str, Job]:
        """The jobs of workflow `name` by their id; none when the event does not start it."""
        workflow = read(name)
        if not starts(workflow[True], event, payload, changed):
            return {}
        fork = event == "pull_request" and (_is_fork(payload) or _login(payload) == "dependabot[bot]")
        runner = replace(self, secrets={}, variables={}) if fork else self
        context = {
            **event_context(workflow, self.github.repository, event, payload),
            "secrets": runner.secrets,
            "vars": runner.variables,
        }
        environment = github_events.variables(
            self.github, event, dict(payload), self.workspace.path.parent, attempt=attempt
        )
        return runner._jobs(workflow, context, environment, fork)

    def _jobs(
        self, workflow: Mapping[str, Any], context: Mapping[str, Any], environment: dict[str, str], fork: bool
    ) -> dict[str, Job]:
        done: dict[str, Job] = {}
        waiting = dict(workflow["jobs"])
        while waiting:
            name = next(each for each, job in waiting.items() if set(_list(job.get("needs"))) <= set(done))
            job = waiting.pop(name)
            needs = {
                each: {"result": done[each].result, "outputs": done[each].outputs} for each in _list(job.get("needs"))
            }
            around = {**context, "needs": needs}
            if any(each["result"] != "success" for each in needs.values()) or not _truth(job.get("if", "true"), around):
                done[name] = Job(skipped=True)
                continue
            done[name] = self._job(job, {**around, "permissions": workflow.get("permissions", {})}, environment, fork)
        return done

    def _job(self, job: Mapping[str, Any], context: dict[str, Any], environment: dict[str, str], fork: bool) -> Job:
        if "uses" in job:
            return self._called(job, context, environment, fork)
        granted = job.get("permissions", context["permissions"])
        self.github.permissions = {
            "metadata": "read",
            **{key: "read" if fork else each for key, each in granted.items()},
            **self.beyond,
        }
        results: list[ActionResult] = []
        refs: list[str] = []
        failed = ""
        outputs: dict[str, Any] = {}
        for matrix in _combinations(job, context):
            steps: dict[str, Any] = {}
            around = {**context, "matrix": matrix, "steps": steps}
            for step in job["steps"]:
                if failed:
                    break
                if "run" in step:
                    code, written = self._script(step, around)
                    failed = f"exit status {code}" if code else ""
                    steps[step.get("id", "")] = {"outputs": written}
                    continue
                given = {key: _text(_filled(value, around)) for key, value in step.get("with", {}).items()}
                if CHECKOUT.fullmatch(step["uses"]):
                    assert given["persist-credentials"] == "false"
                    refs.append(given.get("ref", ""))
                    failed = _refused_checkout(given, context["github"])
                    continue
                if step["uses"].startswith("docker/"):
                    outputs_of_step = run_docker_action(step["uses"], given, self.workspace.path, self.registry)
                    steps[step.get("id", "")] = {"outputs": outputs_of_step}
                    continue
                assert step["uses"] == "scorefly/scorefly@v1", f"nobody knows {step['uses']}"
                # Where secrets are withheld, scorefly has to know by itself that it can only simulate.
                rehearse = {} if fork else {"SCOREFLY_REHEARSE": "true"}
                results.append(self.workspace.action(given, **rehearse, **environment))
                steps[step.get("id", "")] = {"outputs": results[-1].outputs}
            outputs = {key: _filled(value, around) for key, value in job.get("outputs", {}).items()}
        named = job.get("environment")
        urls = {"url": _filled(named.get("url", ""), around)} if isinstance(named, Mapping) else {}
        masks = masks_of(self.secrets.values(), "".join(result.out for result in results))
        url = _text(without_masked(urls, masks).get("url"))
        return Job(tuple(results), tuple(refs), without_masked(outputs, masks), url, failed=failed)

    def _script(self, step: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[int, dict[str, str]]:
        """A step of bash, with the variables it names and no others: its exit status and outputs."""
        assert "${{" not in step["run"], "an expression in a script is an injection"
        output = self.workspace.path.parent / "script-output"
        output.write_text("")
        named = {key: _text(_filled(value, context)) for key, value in step.get("env", {}).items()}
        environment = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(output), **named}
        done = subprocess.run(["bash", "-e", "-c", step["run"]], env=environment, check=False, capture_output=True)
        lines = (line.partition("=") for line in output.read_text().splitlines())
        return done.returncode, {key: value for key, _, value in lines}

    def _called(self, job: Mapping[str, Any], context: dict[str, Any], environment: dict[str, str], fork: bool) -> Job:
        """A reusable workflow: it sees the inputs and secrets it is given, and no others."""
        path = job["uses"].removeprefix("./.github/workflows/")
        workflow = read(path)
        call = workflow[True]["workflow_call"]
        given = {key: _filled(value, context) for key, value in job.get("with", {}).items()}
        secrets = {key: _filled(value, context) for key, value in job.get("secrets", {}).items()}
        assert set(given) <= set(call["inputs"])
        assert set(secrets) <= set(call["secrets"])
        assert {key for key, each in call["secrets"].items() if each and each.get("required")} <= set(secrets)
        inner = {**context, "inputs": _inputs(call, given), "secrets": secrets}
        jobs = self._jobs(workflow, inner, environment, fork)
        outside = {**context, "jobs": {name: {"outputs": each.outputs} for name, each in jobs.items()}}
        outputs = {key: _filled(each["value"], outside) for key, each in call.get("outputs", {}).items()}
        results = tuple(result for each in jobs.values() for result in each.results)
        return Job(results, tuple(ref for each in jobs.values() for ref in each.refs), outputs)


def masks_of(secrets: Iterable[Any], log: str) -> set[str]:
    """What the runner hides: its own secrets and what `::add-mask::` says, each also line by line."""
    said = (line.removeprefix("::add-mask::") for line in log.splitlines() if line.startswith("::add-mask::"))
    unescaped = (text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") for text in said)
    texts = [str(text) for text in (*secrets, *unescaped) if text]
    return {line for text in texts for line in (text.strip(), *re.split("[\r\n]+", text)) if line}


def without_masked(outputs: Mapping[str, Any], masks: Collection[str]) -> dict[str, Any]:
    """Job outputs, or an environment's URL, as the runner keeps them: one that holds a masked text is dropped."""
    return {name: value for name, value in outputs.items() if not any(mask in _text(value) for mask in masks)}


def hidden_in_log(text: str, masks: Collection[str]) -> str:
    """A log as the runner keeps it."""
    for mask in sorted(masks, key=len, reverse=True):
        text = text.replace(mask, "***")
    return text


def read(name: str) -> dict[Any, Any]:
    """A workflow of examples/."""
    workflow: dict[Any, Any] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    return workflow


def event_context(
    workflow: Mapping[Any, Any], repository: str, event: str, payload: Mapping[str, Any], run: str = "42"
) -> dict[str, Any]:
    """What expressions know of an event, in a workflow that it starts."""
    return {
        "github": {
            "event": payload,
            "event_name": event,
            "repository": repository,
            "run_id": run,
            "sha": "b" * 40,
            "token": "given by default",
            "workflow": workflow["name"],
        },
        "inputs": _inputs(workflow[True].get(event), payload.get("inputs") or {}),
    }


def cancelled(runs: Sequence[tuple[str, str, Mapping[str, Any]]], repository: str = "acme/shop") -> list[int]:
    """Which of these runs GitHub cancels, when each begins or waits while those before it are still under way.

    A run is the file of its workflow, the event and the payload. A group has one run under way and one that waits.
    """
    busy: set[str] = set()
    waiting: dict[str, int] = {}
    found = []
    for number, (name, event, payload) in enumerate(runs):
        workflow = read(name)
        context = event_context(workflow, repository, event, payload, run=str(1000 + number))
        group = _text(_filled(workflow["concurrency"]["group"], context)).lower()
        assert workflow["concurrency"]["cancel-in-progress"] is False
        if group in busy and group in waiting:
            found.append(waiting[group])
        if group in busy:
            waiting[group] = number
        busy.add(group)
    return found


def starts(on: Mapping[str, Any], event: str, payload: Mapping[str, Any], changed: Sequence[str]) -> bool:
    """Whether an event starts a workflow: its name, its type, its branch and the paths it changes."""
    if event not in on:
        return False
    if event == "schedule":
        return True
    wanted = on[event] or {}
    types = wanted.get("types", _DEFAULT_TYPES.get(event, []))
    if types and payload.get("action") not in types:
        return False
    if "branches" in wanted and payload.get("ref", "").removeprefix("refs/heads/") not in wanted["branches"]:
        return False
    patterns = [pattern.replace("**", "*") for pattern in wanted.get("paths", [])]
    return not patterns or any(fnmatchcase(path, pattern) for path in changed for pattern in patterns)


def evaluate(text: str, context: Mapping[str, Any]) -> Any:
    """The value of an expression, in the subset of GitHub's language that the workflows use."""
    return _Expression(text, context).value()


class _Expression:
    """Recursive descent: or, and, comparison, not, then names, calls and literals."""

    def __init__(self, text: str, context: Mapping[str, Any]) -> None:
        self.tokens = list(_tokens(text))
        self.context = context

    def value(self) -> Any:
        found = self._or()
        assert not self.tokens, f"more than an expression: {self.tokens}"
        return found

    def _or(self) -> Any:
        left = self._and()
        while self._take("||"):
            right = self._and()
            left = left or right
        return left

    def _and(self) -> Any:
        left = self._compared()
        while self._take("&&"):
            right = self._compared()
            left = left and right
        return left

    def _compared(self) -> Any:
        left = self._not()
        for operator in ("==", "!="):
            if self._take(operator):
                # What is not set is an empty text beside a text.
                left, right = ("" if each is None else each for each in (left, self._not()))
                same = (
                    left.lower() == right.lower() if isinstance(left, str) and isinstance(right, str) else left == right
                )
                return same == (operator == "==")
        return left

    def _not(self) -> Any:
        return not self._not() if self._take("!") else self._primary()

    def _primary(self) -> Any:
        kind, text = self.tokens.pop(0)
        if text == "(" and kind == "sign":
            found = self._or()
            assert self._take(")")
            return found
        if kind == "text":
            return text
        if kind == "number":
            return int(text)
        assert kind == "name", f"unexpected {text}"
        if text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        if self._take("("):
            return _FUNCTIONS[text](*self._arguments())
        found = self.context.get(text)
        while self._take("."):
            _, name = self.tokens.pop(0)
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def _arguments(self) -> list[Any]:
        found = []
        while not self._take(")"):
            found.append(self._or())
            self._take(",")
        return found

    def _take(self, sign: str) -> bool:
        if self.tokens and self.tokens[0] == ("sign", sign):
            self.tokens.pop(0)
            return True
        return False


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        assert match, f"nobody can read {text[position:]!r}"
        position = match.end()
        sign, quoted, number, name = match.groups()
        if sign is not None:
            yield "sign", sign
        elif quoted is not None:
            yield "text", quoted.replace("''", "'")
        elif number is not None:
            yield "number", number
        else:
            yield "name", name


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "toJSON": lambda value: json.dumps(value, indent=2),
    "fromJSON": json.loads,
    "format": lambda text, *values: re.sub(r"\{(\d+)\}", lambda found: _text(values[int(found[1])]), text),
    "startsWith": lambda text, start: _text(text).lower().startswith(start.lower()),
    "contains": lambda where, what: what in where,
}


def _filled(value: Any, context: Mapping[str, Any]) -> Any:
    """A value with its expressions evaluated; one that is a single expression keeps its type."""
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{\{((?:(?!\}\}).)*)\}\}", value.strip(), re.DOTALL)
    if whole:
        return evaluate(whole[1], context)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(evaluate(found[1], context)), value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _truth(condition: Any, context: Mapping[str, Any]) -> bool:
    text = str(condition)
    return bool(evaluate(text.removeprefix("${{").removesuffix("}}"), context))


def _inputs(declared: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    wanted = (declared or {}).get("inputs", {}) if isinstance(declared, Mapping) else {}
    found = {}
    for name, each in wanted.items():
        value = given.get(name, each.get("default"))
        found[name] = str(value).lower() == "true" if each.get("type") == "boolean" else value
    return found


def _combinations(job: Mapping[str, Any], context: Mapping[str, Any]) -> list[Any]:
    matrix = job.get("strategy", {}).get("matrix")
    if matrix is None:
        return [{}]
    found = _filled(matrix, context)
    assert set(found) == {"include"}
    included = _filled(found["include"], context)
    assert isinstance(included, list)
    return included


def _is_fork(payload: Mapping[str, Any]) -> bool:
    pull = payload["pull_request"]
    return bool((pull["head"]["repo"] or {}).get("full_name") != pull["base"]["repo"]["full_name"])


def _login(payload: Mapping[str, Any]) -> str:
    return str(payload["sender"]["login"])


def _refused_checkout(given: Mapping[str, str], github: Mapping[str, Any]) -> str:
    """What actions/checkout v7 says of a fork's code in a job that has secrets."""
    pull = github["event"].get("pull_request")
    if github["event_name"] != "pull_request_target" or not pull or not _is_fork(github["event"]):
        return ""
    theirs = given.get("ref") in (pull["head"]["sha"], pull["head"]["ref"]) or given.get("ref", "").startswith(
        "refs/pull"
    )
    allowed = given.get("allow-unsafe-pr-checkout") == "true"
    return "Refusing to check out code of a fork's pull request" if theirs and not allowed else ""


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])

"""The Action with its default state: on a ref of the repository, over HTTP, with the workflow's token."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import write_stand_in
from git_servers import Bare, HttpServer, bare_repository, git, http_server
from scorefly.rehearsal.server import Rehearsal
from scorefly.state.encryption import new_key
from workspaces import HEARING, REPOSITORY, ActionResult, Result, Workspace, read_outputs

REF, LOCK = "refs/scorefly/production", "refs/scorefly-locks/production"
SCORE = "apiVersion: score.dev/v1b1\nmetadata: {{name: web}}\ncontainers: {{main: {{image: {image}}}}}\n"
REDIS = "resources: {cache: {type: redis, id: cache}}\n"


@dataclass
class GitHub:
    """A repository, Fly, and the workflow's jobs that work with both."""

    root: Path
    bare: Bare
    server: HttpServer
    fly: Rehearsal
    key: str = field(default_factory=new_key)
    jobs: int = 0

    def job(self, *clone: str) -> Workspace:
        """A workspace of its own with a checkout, as actions/checkout leaves it without persisted credentials."""
        self.jobs += 1
        folder = self.root / f"job{self.jobs}"
        folder.mkdir()
        git(folder, "clone", "--quiet", *(clone or ("--depth=1",)), self.bare.path.as_uri(), "workspace")
        git(folder / "workspace", "remote", "set-url", "origin", f"{self.server.url}/acme/shop")
        return Workspace(folder / "workspace")

    def variables(self, commit: str = "", actor: str = "octocat") -> dict[str, str]:
        return {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": str(self.jobs),
            "GITHUB_ACTOR": actor,
            "GITHUB_SHA": commit,
            **dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), self.fly.url),
        }

    def deploy(self, job: Workspace, commit: str = "", **inputs: str) -> ActionResult:
        """Deploy with `commit` checked out."""
        if commit:
            self.check_out(job, commit)
        return self.deploy_as_it_is(job, commit, **inputs)

    def deploy_as_it_is(self, job: Workspace, started_by: str, **inputs: str) -> ActionResult:
        """Deploy what is checked out, in a run that GitHub says was started by another commit."""
        given = {"fly-api-token": "fo1_token", "github-token": self.server.token, "state-key": self.key, **inputs}
        return job.action(given, **self.variables(started_by))

    def check_out(self, job: Workspace, commit: str, folder: str = ".") -> None:
        """Move the checkout to a commit, as actions/checkout does with `ref`."""
        git(job.path / folder, "fetch", "--quiet", "--depth=1", self.bare.path.as_uri(), commit)
        git(job.path / folder, "checkout", "--quiet", "--force", commit)

    def cli(self, *arguments: str) -> Result:
        """The command line on a laptop with a clone."""
        own = {"SCOREFLY_STATE_KEY": self.key, "GITHUB_TOKEN": self.server.token, "GITHUB_SERVER_URL": self.server.url}
        options = ("--state", "git", "--environment", "production")
        return self.job().run(*arguments, *options, **own)

    @property
    def password(self) -> str:
        """What the only redis was given last."""
        return str(self.fly.received_secrets("cache")["REDIS_PASSWORD"])

    def with_machines(self) -> GitHub:
        """From here on a deploy makes Machines, and takes its time."""
        write_stand_in(self.root / "bin" / "flyctl")
        return self

    def runs(self, app: str) -> list[str]:
        """The images that an app's Machines run."""
        machines = self.fly.world.data["apps"][app]["machines"].values()
        return [each["config"]["image"] for each in machines if each["state"] == "started"]

    @property
    def deployed(self) -> list[list[str]]:
        """App and image of each `flyctl deploy`, in order."""
        log = self.root / "deployed"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    bare = bare_repository(tmp_path / "server")
    bare.commit("first", "second")
    flyctl = tmp_path / "bin" / "flyctl"
    flyctl.parent.mkdir()
    flyctl.write_text(
        f"#!{sys.executable}\nimport sys\narguments = sys.argv\n"
        "if arguments[1] == 'deploy':\n"
        "    app, image = (arguments[arguments.index(name) + 1] for name in ('--app', '--image'))\n"
        f"    open({str(tmp_path / 'deployed')!r}, 'a').write(f'{{app}} {{image}}\\n')\n"
    )
    flyctl.chmod(0o755)
    with http_server(bare.root) as server, Rehearsal(None) as fly:
        yield GitHub(tmp_path, bare, server, fly)


def test_state_is_on_the_repository_and_the_next_job_finds_it(github: GitHub) -> None:
    for _ in range(2):
        job = github.job()
        job.workload("web", REDIS)
        result = github.deploy(job)
        assert result.code == 0, result.out
        assert not (job.path / ".scorefly" / "state").exists()
        assert set(github.bare.refs) == {REF}
    shown = github.cli("resources", "outputs", "redis.default#cache", "--reveal")
    assert json.loads(shown.out)["password"] == github.password


def test_an_environment_that_is_destroyed_leaves_no_ref_behind(github: GitHub) -> None:
    job = github.job()
    job.workload("web", REDIS)
    assert github.deploy(job).code == 0
    planned = github.deploy(job, command="plan")
    assert planned.code == 0, planned.out
    before = git(github.bare.path, "for-each-ref")
    destroyed = github.deploy(github.job(), command="destroy")
    assert destroyed.code == 0, destroyed.out
    assert github.fly.world.data["apps"] == {}
    assert REF in before
    assert LOCK not in before
    assert "scorefly" not in git(github.bare.path, "for-each-ref")


def test_the_token_and_the_password_are_seen_by_nobody(github: GitHub, tmp_path: Path) -> None:
    job = github.job()
    job.workload("web", REDIS)
    result = github.deploy(job)
    log = "\n".join(line for line in result.out.splitlines() if not line.startswith("::add-mask::"))
    seen = log + result.err + result.summary + json.dumps(result.outputs) + str(job.tree())
    seen += git(github.bare.path, "log", "--all", "-p")
    assert [text for text in (github.server.token, github.password, github.key) if text in seen] == []


def test_a_checkout_of_another_user_and_none_at_all_both_do(github: GitHub, tmp_path: Path) -> None:
    job = github.job()
    job.workload("web")
    git(job.path, "config", "core.fsmonitor", "false")
    for path in [job.path, *job.path.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, 12345, 12345, follow_symlinks=False)
    assert github.deploy(job).code == 0
    (tmp_path / "bare-of-git" / "workspace").mkdir(parents=True)
    without = Workspace(tmp_path / "bare-of-git" / "workspace")
    without.workload("web")
    result = github.deploy(without)
    assert result.code == 0, result.out


def test_a_commit_that_is_older_than_what_runs_is_superseded(github: GitHub) -> None:
    older, newer = github.bare.commit("older", "newer")
    job = github.job()
    job.workload("web", image="web:newer")
    assert github.deploy(job, newer).code == 0
    job.workload("web", image="web:older")
    result = github.deploy(job, older)
    assert (result.code, result.outputs["changed"], result.outputs["unchanged"]) == (0, "false", '["web"]')
    assert f"superseded, for {older[:7]} is older than {newer[:7]}" in result.out
    assert result.summary.startswith("## Superseded: <code>production</code> runs a newer commit\n")
    assert github.deployed == [["web", "web:newer"]]
    assert github.deploy(job, older, force="true").code == 0
    assert github.deployed[-1] == ["web", "web:older"]


def test_an_app_the_newer_run_did_not_deploy_is_not_superseded(github: GitHub) -> None:
    older, newer = github.bare.commit("older", "newer")
    job = github.job()
    job.workload("web", image="web:newer")
    github.deploy(job, newer)
    job.workload("web", image="web:older")
    job.workload("worker", image="worker:older")
    result = github.deploy(job, older)
    assert (result.outputs["unchanged"], result.outputs["deployed"]) == ('["web"]', '["worker"]')
    assert f"web runs {newer[:7]}, which is newer than this run's {older[:7]}, and stays as it is" in result.out
    assert github.deployed == [["web", "web:newer"], ["worker", "worker:older"]]


def test_commits_of_another_branch_supersede_nobody(github: GitHub) -> None:
    main = github.bare.commit("main")[0]
    git(github.bare.source, "checkout", "--quiet", "-b", "side", "HEAD~1")
    git(github.bare.source, "commit", "--quiet", "--allow-empty", "-m", "side")
    git(github.bare.source, "push", "--quiet", "origin", "side")
    side = git(github.bare.source, "rev-parse", "HEAD")
    job = github.job()
    job.workload("web", image="web:1")
    for number, commit in enumerate((main, side, main), start=1):
        job.workload("web", image=f"web:{number}")
        assert github.deploy(job, commit).outputs["deployed"] == '["web"]'


def test_a_commit_nobody_knows_any_longer_stops_nobody_and_is_said(github: GitHub) -> None:
    job = github.job()
    job.workload("web", image="web:1")
    git(job.path, "commit", "--quiet", "--allow-empty", "-m", "never pushed")
    lost = git(job.path, "rev-parse", "HEAD")
    github.deploy_as_it_is(job, "")
    job = github.job()
    job.workload("web", image="web:2")
    result = github.deploy(job, github.bare.commit("on")[0])
    assert result.outputs["deployed"] == '["web"]'
    assert f"git cannot tell whether {lost[:7]}, which runs now, came before or after" in result.out


# What started the run may be older or newer than what it checked out: workflow_run, schedule, workflow_dispatch with
# another `ref`, pull_request_target.
@pytest.mark.parametrize("depth", ["--depth=1", "--no-local"])
def test_older_checkout_is_superseded_though_a_newer_commit_started_the_run(github: GitHub, depth: str) -> None:
    older, newer = github.bare.commit("older", "newer")
    job = github.job(depth)
    job.workload("web", image="web:newer")
    assert github.deploy(job, newer).code == 0
    github.check_out(job, older)
    job.workload("web", image="web:older")
    result = github.deploy_as_it_is(job, newer)
    assert f"superseded, for {older[:7]} is older than {newer[:7]}" in result.out
    assert github.deployed == [["web", "web:newer"]]


def test_newer_checkout_is_deployed_though_an_older_commit_started_the_run(github: GitHub) -> None:
    older, newer = github.bare.commit("older", "newer")
    job = github.job()
    for image in ("web:newer", "web:newer-again"):
        github.check_out(job, newer)
        job.workload("web", image=image)
        assert github.deploy_as_it_is(job, older).outputs["deployed"] == '["web"]'
    assert f"commit: {newer}" in github.cli("state", "show").out


def test_commit_of_a_checkout_below_the_workspace_counts(github: GitHub) -> None:
    older, newer = github.bare.commit("older", "newer")
    (github.root / "runner").mkdir()
    job = Workspace(github.root / "runner")
    git(job.path, "clone", "--quiet", "--depth=1", github.bare.path.as_uri(), "shop")
    for commit in (newer, older):
        github.check_out(job, commit, "shop")
        job.write("shop/score.yaml", SCORE.format(image=f"web:{commit[:7]}"))
        result = github.deploy_as_it_is(job, newer)
    assert f"superseded, for {older[:7]} is older than {newer[:7]}" in result.out
    assert github.deployed == [["web", f"web:{newer[:7]}"]]


def test_an_app_that_a_newer_commit_left_unchanged_is_of_that_commit_all_the_same(github: GitHub) -> None:
    first, changed, reverted = github.with_machines().bare.commit("first", "changed", "reverted")
    job = github.job()
    job.workload("web", image="nginx:1")
    assert github.deploy(job, first).outputs["deployed"] == '["web"]'
    assert github.deploy(job, reverted).outputs["unchanged"] == '["web"]'
    job.workload("web", image="nginx:2")
    assert "superseded" in github.deploy(job, changed).out
    assert github.runs("web") == ["nginx:1"]


def test_two_jobs_at_once_share_one_redis_and_the_newer_commit_is_what_runs(github: GitHub) -> None:
    older, newer = github.with_machines().bare.commit("older", "newer")
    jobs = []
    for name, commit in (("older", older), ("newer", newer)):
        job = github.job()
        job.workload("web", REDIS, image=f"nginx:{name}")
        job.workload(name, REDIS)
        jobs.append((job, commit))
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda each: github.deploy(*each), jobs))
    assert [result.code for result in results] == [0, 0], results
    assert github.runs("web") == ["nginx:newer"]
    assert len(github.runs("cache")) == 1
    shown = github.cli("state", "show").out
    assert re.findall(r"^  ([a-z]+):$", shown.partition("resources:")[0], re.MULTILINE) == [
        "cache",
        "newer",
        "older",
        "web",
    ]
    outputs = json.loads(github.cli("resources", "outputs", "redis.default#cache", "--reveal").out)
    assert outputs["password"] == github.password
    assert set(github.bare.refs) == {REF}


def test_a_token_that_may_only_read_changes_nothing_on_fly(github: GitHub) -> None:
    github.server.readonly = True
    job = github.job()
    job.workload("web", REDIS)
    result = github.deploy(job)
    assert result.code == 1
    assert "permissions: contents: write" in result.out
    assert (github.deployed, github.bare.refs) == ([], {})


def test_a_server_that_refuses_the_state_changes_nothing_on_fly(github: GitHub) -> None:
    github.bare.hook("update", f"test $1 != {REF}")
    job = github.job()
    job.workload("web", REDIS)
    result = github.deploy(job)
    assert result.code == 1
    assert "a rule or hook against it" in result.out
    assert (github.deployed, github.bare.refs) == ([], {})
    (github.bare.path / "hooks" / "update").unlink()
    assert github.deploy(job).code == 0


def test_a_server_that_stops_taking_the_state_stops_the_deploy_and_all_is_reported(github: GitHub) -> None:
    github.bare.hook("update", f"test $1 != {REF} || mkdir once")
    job = github.job()
    job.workload("web", REDIS)
    result = github.deploy(job)
    assert (result.code, result.outputs["failed"]) == (1, '["cache","web"]')
    assert "rule or hook" in result.summary
    assert (github.deployed, set(github.bare.refs)) == ([], {REF})


def test_without_a_key_the_commands_that_make_one_are_told(github: GitHub) -> None:
    job = github.job()
    job.workload("web")
    result = github.deploy(job, **{"state-key": ""})
    assert result.code == 2
    assert "scorefly state new-key" in result.out
    assert "gh secret set SCOREFLY_STATE_KEY" in result.out
    assert github.server.requests == []


@pytest.fixture
def stopped(github: GitHub, tmp_path: Path) -> Iterator[tuple[Workspace, subprocess.Popen[bytes]]]:
    """A job whose `flyctl deploy` is under way, and goes on until it is told to end."""
    started = tmp_path / "started"
    os.mkfifo(started)
    flyctl = tmp_path / "bin" / "flyctl"
    whole = flyctl.read_text()
    flyctl.write_text(
        f"#!{sys.executable}\nimport os, signal, sys\n"
        "if sys.argv[1] == 'deploy':\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        f"    print(os.getpid(), file=open({str(started)!r}, 'w'), flush=True)\n"
        "    signal.sigwait({signal.SIGINT})\n"
    )
    job = github.job()
    job.workload("web", REDIS)
    leftovers = tmp_path / "leftovers"
    leftovers.mkdir()
    given = {"fly-api-token": "x", "github-token": github.server.token, "state-key": github.key}
    inputs = {f"INPUT_{name.upper()}": value for name, value in given.items()}
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "entrypoint.py")],
        cwd=job.path,
        env={**github.variables(), **inputs, "GITHUB_WORKSPACE": str(job.path), "TMPDIR": str(leftovers)},
        stdout=subprocess.PIPE,
    )
    with started.open() as pipe:
        child = int(pipe.readline())
    flyctl.write_text(whole)
    yield job, process
    process.communicate(timeout=60)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def test_a_run_that_was_killed_leaves_a_lock_which_says_so_and_expires(
    github: GitHub, stopped: tuple[Workspace, subprocess.Popen[bytes]]
) -> None:
    job, process = stopped
    process.kill()
    process.communicate(timeout=60)
    password = github.password
    # A job has a machine of its own: what this one sees of processes says nothing about another's.
    _change_lock(github.bare, lambda entry: {"process": ""})
    result = github.deploy(job, **{"lock-timeout": "1s"})
    assert result.code == 1
    assert "another run is working on production: octocat, since" in result.out
    assert f"{github.server.url}/acme/shop/actions/runs/" in result.out
    assert "scorefly state unlock --state git --environment production" in result.out
    _expire(github.bare)
    result = github.deploy(job, **{"lock-timeout": "1s"})
    assert (result.code, github.password) == (0, password), result.out
    assert set(github.bare.refs) == {REF}


def test_a_run_that_was_killed_leaves_nothing_anybody_could_read(
    github: GitHub, stopped: tuple[Workspace, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    job, process = stopped
    process.kill()
    process.communicate(timeout=60)
    files = [path for folder in (tmp_path / "leftovers", job.path) for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if "scorefly-git-" in str(path)]
    secrets = [github.server.token.encode(), github.password.encode(), github.key.encode()]
    assert not [path for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_a_run_that_is_cancelled_gives_its_lock_back(
    github: GitHub, stopped: tuple[Workspace, subprocess.Popen[bytes]]
) -> None:
    _, process = stopped
    assert set(github.bare.refs) == {REF, LOCK}
    process.terminate()
    process.communicate(timeout=60)
    assert (process.returncode, set(github.bare.refs)) == (143, {REF})


def test_a_run_that_is_cancelled_as_the_runner_does_it_ends_its_programs_first_and_in_time(
    github: GitHub, tmp_path: Path
) -> None:
    """SIGINT, and SIGTERM while the first is being obeyed; flyctl does not end by itself."""
    started = tmp_path / "started"
    os.mkfifo(started)
    (tmp_path / "bin" / "flyctl").write_text(
        f"#!{sys.executable}\nimport os, signal, sys\n"
        "if sys.argv[1] == 'deploy':\n"
        "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"    print(os.getpid(), file=open({str(started)!r}, 'w'), flush=True)\n"
        "    while True: signal.pause()\n"
    )
    job = github.job()
    for number in range(12):
        job.workload(f"web-{number}")
    given = {"fly-api-token": "x", "github-token": github.server.token, "state-key": github.key}
    inputs = {f"INPUT_{name.upper()}": value for name, value in given.items()}
    process = subprocess.Popen(
        [*HEARING, sys.executable, str(REPOSITORY / "entrypoint.py")],
        cwd=job.path,
        env={**github.variables(), **inputs, "GITHUB_WORKSPACE": str(job.path), "INPUT_MAX-PARALLEL": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with started.open() as pipe:
        child = int(pipe.readline())
    assert set(github.bare.refs) == {REF, LOCK}
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, set(github.bare.refs)) == (130, {REF}), out
    assert time.monotonic() - begun < 10
    assert "the run was interrupted" in out
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def _post(github: GitHub, job: Workspace, **variables: str) -> subprocess.CompletedProcess[str]:
    """The post step of the last job."""
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "post-entrypoint.py")],
        env={
            **github.variables(),
            "GITHUB_WORKSPACE": str(job.path),
            "INPUT_GITHUB-TOKEN": github.server.token,
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_post_step_gives_back_the_lock_of_a_step_that_was_killed_and_no_other(
    github: GitHub, stopped: tuple[Workspace, subprocess.Popen[bytes]]
) -> None:
    job, process = stopped
    for other in ({"GITHUB_RUN_ATTEMPT": "2"}, {"GITHUB_RUN_ID": "999"}, {"RUNNER_NAME": "another"}):
        done = _post(github, job, **other)
        assert (done.returncode, LOCK in github.bare.refs) == (0, True), done.stdout
    process.kill()
    process.communicate(timeout=60)
    done = _post(github, job)
    assert (done.returncode, set(github.bare.refs)) == (0, {REF}), done.stdout
    assert f"released {LOCK}" in done.stdout


def test_the_post_step_asks_no_server_after_a_step_that_ended(github: GitHub, tmp_path: Path) -> None:
    job = github.job()
    job.workload("web")
    saved = tmp_path / "saved"
    saved.touch()
    given = {"fly-api-token": "fo1_token", "github-token": github.server.token, "state-key": github.key}
    assert job.action(given, **github.variables(), GITHUB_STATE=str(saved)).code == 0
    values = read_outputs(saved.read_text())
    before = len(github.server.requests)
    done = _post(github, job, **{f"STATE_{name}": value for name, value in values.items()})
    assert (done.returncode, len(github.server.requests)) == (0, before), done.stdout


def test_a_post_step_that_cannot_reach_the_server_only_warns(github: GitHub, tmp_path: Path) -> None:
    job = github.job()
    done = _post(github, job, GITHUB_SERVER_URL="http://127.0.0.1:9")
    assert done.returncode == 0
    assert "::warning" in done.stdout


def _expire(bare: Bare) -> None:
    """Put the end of the lock's life into the past."""
    _change_lock(bare, lambda entry: {"expires": entry["since"] - 60})


def _change_lock(bare: Bare, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the entry of the lock."""
    entry = json.loads(bare.show(LOCK))
    (bare.source / "document").write_text(json.dumps({**entry, **change(entry)}))
    git(bare.source, "add", "document")
    tree = git(bare.source, "write-tree")
    commit = git(bare.source, "commit-tree", tree, "-m", "expired")
    git(bare.source, "push", "--quiet", "--force", "origin", f"{commit}:{LOCK}")


def test_a_rollback_with_state_on_git_holds_until_a_newer_commit(github: GitHub) -> None:
    """The jobs of the rolled back commit and of older ones leave the environment as it is."""
    github.with_machines()
    first, second, third = github.bare.commit("one", "two", "three")[-3:]
    for commit in (first, second, third):
        job = github.job()
        github.check_out(job, commit)
        job.workload("web", image=f"nginx:{commit[:7]}")
        result = github.deploy_as_it_is(job, commit)
        assert result.code == 0, result.out
    result = github.deploy_as_it_is(job, third, command="rollback", to=first)
    assert result.code == 0, result.out
    assert set(github.runs("web")) == {f"nginx:{first[:7]}"}
    for commit in (third, second):
        job = github.job()
        github.check_out(job, commit)
        job.workload("web", image=f"nginx:{commit[:7]}")
        result = github.deploy_as_it_is(job, commit)
        assert (result.code, set(github.runs("web"))) == (0, {f"nginx:{first[:7]}"}), result.out
        assert f"was rolled back from {third[:7]} to {first[:7]}" in result.out
        assert "production</code> stays as it is" in result.summary
    (newer,) = github.bare.commit("four")[-1:]
    job = github.job()
    github.check_out(job, newer)
    job.workload("web", image=f"nginx:{newer[:7]}")
    result = github.deploy_as_it_is(job, newer)
    assert (result.code, set(github.runs("web"))) == (0, {f"nginx:{newer[:7]}"}), result.out

"""The scenarios of `chaos.py`: projects, and steps that are each disturbed and repeated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fork_server
from flyctl_programs import FLYCTL, write_stand_in
from git_servers import Bare, HttpServer, bare_repository, git, http_server
from github_events import pull_request, variables
from github_server import TOKEN as GITHUB_TOKEN
from github_server import GitHub
from scorefly.rehearsal.server import Rehearsal
from scorefly.state.encryption import new_key

TOKEN = "fo1_canarytokenofchaos"
BUILT_IN = Path(__file__).parents[1] / "scorefly/resources/builtin"


class Counted(list[Any]):
    """A list of requests that calls a function when number `at` arrives."""

    def __init__(self, at: int = 0, act: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.at, self.act = at, act

    def append(self, request: Any) -> None:
        """Add a request."""
        super().append(request)
        if self.act and len(self) == self.at:
            self.act()


@dataclass
class Project:
    """One repository with its workloads, its state, its part of Fly and its pull request."""

    folder: Path
    fly: Rehearsal
    server: HttpServer
    sources: HttpServer
    bare: Bare
    github: GitHub
    on_git: bool
    key: str = field(default_factory=new_key)
    commits: list[str] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        """The folder with the Score files."""
        return self.folder / "workspace"

    @property
    def servers(self) -> tuple[Any, ...]:
        """Everything that takes requests."""
        return self.fly, self.server, self.sources, self.github

    def write(self, files: Mapping[str, str]) -> None:
        """Replace the files of the workspace, and commit them."""
        for path in self.workspace.iterdir():
            if path.name not in (".git", ".scorefly"):
                path.unlink()
        shutil.rmtree(self.workspace / ".scorefly/provisioners", ignore_errors=True)
        for name, text in {".gitignore": ".scorefly/\n", **files}.items():
            (self.workspace / name).write_text(text)
        git(self.workspace, "add", "--all")
        git(self.workspace, "commit", "--quiet", "--allow-empty", "-m", "change")
        git(self.workspace, "push", "--quiet", self.bare.path.as_uri(), "HEAD:main")
        self.commits.append(git(self.workspace, "rev-parse", "HEAD"))

    def source(self, name: str, image: str) -> None:
        """Commit a Score file to a repository of the tree."""
        bare, clone = self.sources.root / "acme" / f"{name}.git", self.sources.root / "clones" / name
        if not bare.exists():
            for folder, kind in ((bare, "--bare"), (clone, "--quiet")):
                folder.mkdir(parents=True)
                git(folder, "init", "--quiet", kind)
        (clone / "score.yaml").write_text(workload(name, image))
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--allow-empty", "-m", "change")
        git(clone, "push", "--quiet", "--force", bare.as_uri(), "HEAD:main")

    def run(self, *command: str, environment: str = "production") -> fork_server.Ended:
        """Run a command of scorefly in a process of its own."""
        options = ["--environment", environment, "--state", "git" if self.on_git else "file"]
        stores = ("deploy", "cleanup", "destroy", "rollback", "resources", "state", "plan")
        lock = ["--lock-timeout", "30s"] if command[0] in stores[:-2] else []
        given = {
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_TOKEN": GITHUB_TOKEN,
            "SCOREFLY_SECRETS": json.dumps({"READ": self.sources.token}),
            "SCOREFLY_SOURCE_CACHE": str(self.folder / "cache"),
        }
        return self._run("cli", [*command, *(options if command[0] in stores else options[2:]), *lock], given)

    def event(self, action: str) -> fork_server.Ended:
        """Run the Action for an event of pull request 7."""
        folder = self.folder / "event"
        folder.mkdir(exist_ok=True)
        given = variables(self.github, "pull_request", pull_request(self.github, 7, action), folder)
        inputs = {"command": "preview", "state": "git" if self.on_git else "file", "lock-timeout": "30s"}
        runner = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
        }
        return self._run("action", [], {**given, **runner, "GITHUB_SERVER_URL": self.server.url})

    def _run(self, program: str, arguments: list[str], given: Mapping[str, str]) -> fork_server.Ended:
        (self.folder / "tmp").mkdir(exist_ok=True)
        bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), self.fly.url)
        environment = {
            **bases,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "FLY_API_TOKEN": TOKEN,
            "SCOREFLY_STATE_KEY": self.key,
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "FLY_SEND_METRICS": "0",
            **given,
        }
        ended = fork_server.run(
            program,
            arguments,
            cwd=self.workspace,
            environment=environment,
            timeout=500,  # a killed flyctl leaves leases of five minutes
            on_start=self.processes.append,
        )
        self.said += [f"$ {program} {' '.join(arguments)}: {ended.code}", ended.out, ended.err]
        return ended

    def signal(self, number: int) -> None:
        """Send a signal to the runs: SIGKILL to all that they started, too."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                (os.killpg if number == signal.SIGKILL else os.kill)(process, number)

    def shape(self) -> dict[str, Any]:
        """Return what there is at Fly and on the pull request, without ids."""
        data = self.fly.world.data
        found: dict[str, Any] = {name: _app_shape(app) for name, app in sorted(data["apps"].items())}
        for cluster in data.get("postgres", {}).values():
            found[f"cluster {cluster['name']}"] = (len(cluster["databases"]), len(cluster["users"]))
        found["buckets"] = len(data.get("buckets", {}))
        states = self.github.states("pr-7")
        found["pull request"] = (len(self.github.bodies(7)), states[-1:], set(states[:-1]) - {"inactive"})
        return found

    def given_passwords(self) -> dict[str, str]:
        """Return the passwords that Fly has, by app and name; those of clusters and buckets are in the users' URLs."""
        names = ("REDIS_PASSWORD", "POSTGRES_PASSWORD", "CACHE", "KEYS", "URL")
        return {
            f"{app} {name}": secret
            for app in self.fly.world.data["apps"]
            for name, secret in self.fly.received_secrets(app).items()
            if name in names
        }


def _app_shape(app: Mapping[str, Any]) -> Any:
    machines = [each for each in app["machines"].values() if each["state"] != "destroyed"]
    return {
        "machines": Counter(
            (each["region"], each["config"]["image"], each["state"], len(each["config"].get("mounts") or ()))
            for each in machines
        ),
        "volumes": Counter((each["name"], each["region"], each["size_gb"]) for each in app["volumes"].values()),
        "addresses": Counter(each["kind"] if "kind" in each else each.get("type", "") for each in app["addresses"]),
        "certificates": sorted(app.get("certificates", {})),
        "secrets": sorted(name for name in app["secrets"] if not name.startswith("BogusDummy")),
    }


def open_project(stack: ExitStack, *, on_git: bool) -> Project:
    """Make a project that was never deployed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True)))
    bare = bare_repository(folder / "server")
    bare.commit("first")
    (folder / "sources").mkdir()
    server = stack.enter_context(http_server(bare.root, token=GITHUB_TOKEN))
    sources = stack.enter_context(http_server(folder / "sources"))
    fly, github = stack.enter_context(Rehearsal(None)), stack.enter_context(GitHub())
    project = Project(folder, fly, server, sources, bare, github, on_git)
    git(folder, "clone", "--quiet", bare.path.as_uri(), "workspace")
    git(project.workspace, "remote", "set-url", "origin", f"{server.url}/acme/shop")
    flyctl = folder / "bin" / "flyctl"
    flyctl.parent.mkdir()
    if FLYCTL:
        flyctl.write_text(f'#!/bin/sh\nexec {FLYCTL} "$@"\n')
        flyctl.chmod(0o755)
    else:
        write_stand_in(flyctl)
    return project


@dataclass(frozen=True)
class Step:
    """A command and what comes before it. `done` are words of an error that says that it was done before."""

    prepare: Callable[[Project], None]
    run: Callable[[Project], fork_server.Ended]
    done: str = ""
    settles: bool = False


def workload(name: str, image: str, variables: str = "", resources: str = "", more: str = "") -> str:
    """Return a Score file; `variables`, `resources` and `more` are YAML in flow style."""
    return (
        f"apiVersion: score.dev/v1b1\nmetadata: {{name: {name}}}\n"
        f"containers: {{main: {{image: {image}, variables: {{{variables}}}{more}}}}}\nresources: {{{resources}}}\n"
    )


CACHE = 'CACHE: "redis://:${resources.cache.password}@${resources.cache.host}"'
DISK = ', volumes: {/data: {source: "${resources.disk}"}}'
PORT = "service: {ports: {http: {port: 80, targetPort: 8080}}}\n"


def deploy(**files: str) -> Step:
    """A deploy of Score files, by the name of their workload; `scorefly` is the project file."""

    def prepare(project: Project) -> None:
        names = {name: f"{name}.score.yaml" for name in files} | {"scorefly": "scorefly.yaml"}
        project.write({names[name]: text for name, text in files.items()})

    return Step(prepare, lambda project: project.run("deploy"), settles=True)


def command(*arguments: str, done: str = "") -> Step:
    """A command on what is there."""
    return Step(lambda _: None, lambda project: project.run(*arguments), done)


DESTROY = command("destroy", "--yes")


def apps() -> list[Step]:
    """Two workloads with servers of their own, Machines in several regions, a rollback and a cleanup."""

    def web(number: int) -> str:
        return workload("web", f"nginx:1.{number}", CACHE, "cache: {type: redis}, disk: {type: volume}", DISK) + PORT

    def api(number: int) -> str:
        return workload("api", f"nginx:1.{number}", 'CACHE: "${resources.queue.password}"', "queue: {type: redis}")

    counts = "workloads: {{web: {{regions: {{{}}}}}, api: {{count: {}}}}}\n"
    rollback = Step(lambda _: None, lambda project: project.run("rollback", "api", "--to", project.commits[-3]))
    return [
        deploy(web=web(1), api=api(1)),
        deploy(web=web(2), api=api(2), scorefly=counts.format("ams: 2, iad: 1", 2)),
        deploy(web=web(3), api=api(3), scorefly=counts.format("ams: 1, iad: 1, fra: 1", 1)),
        rollback,
        deploy(web=web(4), api=workload("api", "nginx:1.4"), scorefly=counts.format("ams: 1, iad: 1", 1)),
        command("cleanup", "--cleanup", "secrets,resources,volumes"),
        DESTROY,
    ]


def domains() -> list[Step]:
    """A workload with a certificate for a host, which changes and is dropped."""

    def web(*hosts: str) -> str:
        params = ", ".join(
            f"h{at}: {{type: route, params: {{host: {host}, port: http}}}}" for at, host in hosts_(hosts)
        )
        return workload("web", "nginx:1.1", "", params) + PORT

    def hosts_(hosts: tuple[str, ...]) -> list[tuple[int, str]]:
        return list(enumerate(hosts))

    return [
        deploy(web=web("one.example.com")),
        deploy(web=web("two.example.com", "three.example.com")),
        deploy(web=web()),
        DESTROY,
    ]


def managed() -> list[Step]:
    """Managed databases in one cluster, and a bucket."""
    entry = "{name}: {{type: postgres, class: managed, params: {{accept_cost: true, region: ams}}}}"
    bucket = "files: {type: s3, class: tigris, params: {accept_terms: true}}"
    url = "${resources.db.username}:${resources.db.password}@${resources.db.host}/${resources.db.name}"
    given = f'URL: "{url}", KEYS: "${{resources.files.access_key_id}} ${{resources.files.secret_key}}"'
    both = f"{entry.format(name='db')}, {entry.format(name='log')}, {bucket}"
    one = f"{entry.format(name='db')}, {bucket}"
    return [
        deploy(web=workload("web", "nginx:1.1", given, one)),
        deploy(web=workload("web", "nginx:1.1", given, both)),
        deploy(web=workload("web", "nginx:1.2", given, one)),
        command("resources", "deprovision", "postgres.managed#web.log", "--yes", done="state has no resource"),
        DESTROY,
    ]


def upgrade() -> list[Step]:
    """A database server of an older release that is upgraded."""
    score = workload("web", "nginx:1.1", 'URL: "${resources.db.password}"', "db: {type: postgres}")

    def prepare(project: Project) -> None:
        project.write({"web.score.yaml": score})
        text = (BUILT_IN / "postgres.provisioners.yaml").read_text()
        older = project.workspace / ".scorefly/postgres.provisioners.yaml"
        older.parent.mkdir(exist_ok=True)
        older.write_text(text.replace("'17.11'", "'17.6'"))

    def without(project: Project) -> None:
        (project.workspace / ".scorefly/postgres.provisioners.yaml").unlink(missing_ok=True)

    upgraded = Step(without, lambda project: project.run("resources", "upgrade", "postgres.default#web.db", "--yes"))
    return [Step(prepare, lambda project: project.run("deploy")), upgraded, deploy(web=score), DESTROY]


def preview() -> list[Step]:
    """A pull request that is opened, pushed to and closed."""

    def happens(action: str, number: int, state: str = "open") -> Step:
        def prepare(project: Project) -> None:
            project.write(
                {"web.score.yaml": workload("web", f"nginx:1.{number}", CACHE, "cache: {type: redis}") + PORT}
            )
            project.github.open_pull(7, sha=project.commits[-1])["state"] = state

        return Step(prepare, lambda project: project.event(action))

    return [happens("opened", 1), happens("synchronize", 2), happens("closed", 2, "closed")]


def tree() -> list[Step]:
    """Workloads of other repositories, of which one moves on and one is dropped."""
    names = ("web", "api", "jobs")

    def sync(numbers: tuple[int, ...], *options: str) -> Step:
        def prepare(project: Project) -> None:
            for name, number in zip(names, numbers, strict=False):
                project.source(name, f"nginx:1.{number}")
            url = project.sources.url
            lines = [f"  {name}: {{source: {{repo: {url}/acme/{name}.git}}}}\n" for name in names[: len(numbers)]]
            access = f"access: {{{url.partition('://')[2]}: {{token: READ}}}}\n"
            environments = "environments: {production: {}}\n"
            project.write({"scorefly.yaml": f"{access}workloads:\n{''.join(lines)}{environments}"})

        return Step(prepare, lambda project: project.run("sync", *options))

    return [
        sync((1, 1, 1)),
        sync((2, 1, 2)),
        sync((2, 2)),
        sync((3, 2), "--prune"),
        sync((3,), "--prune", "--prune-limit", "100"),
    ]


SCENARIOS: Mapping[str, Callable[[], list[Step]]] = {
    "apps": apps,
    "domains": domains,
    "managed": managed,
    "upgrade": upgrade,
    "preview": preview,
    "tree": tree,
}

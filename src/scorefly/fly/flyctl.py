"""flyctl as the deploy engine: one process an app, each in a configuration folder of its own.

Why each switch is there: flyctl writes request bodies, secrets included, to its log folder; parallel processes
in one folder lose each other's secrets version; some of its telemetry sends the token in clear.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scorefly.fly.app import App, Build
from scorefly.problems import InputError, OutsideError, Problem, option_place

LEAST_VERSION = (0, 4, 87)
GRACE = 20.0  # seconds flyctl gets to end by itself once it is told to
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # flyctl colours its check marks whatever NO_COLOR says


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """What a user may choose of a deploy. Times are seconds."""

    wait_timeout: float = 300.0
    ha: bool | None = None
    strategy: str = ""
    extra: tuple[str, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)


def deploy_command(flyctl: str, app: App, fly_toml: str, options: DeployOptions) -> tuple[str, ...]:
    """The command line that deploys an app from its fly.toml. Nothing on it is secret."""
    command = [flyctl, "deploy", "--config", fly_toml, "--app", app.name, "--yes"]
    if isinstance(app.image, str):
        command += ["--image", app.image]
    else:
        command += ["--remote-only", *_build_args(options.build_args)]
    if app.region:
        command += ["--primary-region", app.region]
    if options.ha is not None:
        command.append(f"--ha={str(options.ha).lower()}")
    if options.strategy:
        command += ["--strategy", options.strategy]
    command += ["--wait-timeout", f"{options.wait_timeout:.0f}s"]
    # Addresses are allocated before; retries of flyctl's own would be another code path, checked by nobody.
    command += ["--no-public-ips", "--deploy-retries", "0", "--dns-checks=false"]
    return (*command, *options.extra)


def _build_args(arguments: Mapping[str, str]) -> list[str]:
    return [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]


def child_environment(environ: Mapping[str, str], token: str, home: Path, *, building: bool) -> dict[str, str]:
    """All that flyctl sees of our environment. What only a build needs stays away from other deploys."""
    passed: tuple[str, ...] = (
        "PATH",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NO_PROXY",
        "no_proxy",
    )
    passed += ("HTTPS_PROXY", "https_proxy", "FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL")
    passed += ("FLY_REGISTRY_HOST", "DOCKER_HOST") if building else ()
    return {
        **{name: environ[name] for name in passed if environ.get(name)},
        "HOME": str(home),
        "FLY_CONFIG_DIR": str(home),
        "FLY_API_TOKEN": token,
        "FLY_SEND_METRICS": "0",
        "FLY_TRACE_COLLECTOR_URL": "127.0.0.1",
        "FLY_NO_UPDATE_CHECK": "1",
        "FLY_NO_INCIDENTS_CHECK": "1",
        "NO_COLOR": "1",
        "CI": "1",
    }


class FlyctlDeployer:
    """Runs `flyctl deploy`, and `flyctl secrets sync` before it where the app has secrets."""

    def __init__(
        self, token: str, options: DeployOptions, environ: Mapping[str, str], redact: Sequence[str] = ()
    ) -> None:
        self._token = token
        self._options = options
        self._environ = environ
        self._hidden = sorted({token, *redact} - {""}, key=len, reverse=True)
        self._flyctl = shutil.which("flyctl", path=environ.get("PATH")) or shutil.which("fly", path=environ.get("PATH"))

    def check(self) -> None:
        """Raises InputError when there is no flyctl, or one too old."""
        wanted = ".".join(map(str, LEAST_VERSION))
        if self._flyctl is None:
            hint = f"install flyctl {wanted} or newer (https://fly.io/docs/flyctl/install/), or use `rehearse`"
            raise InputError(Problem("there is no flyctl on PATH", hint, option_place("command")))
        with tempfile.TemporaryDirectory(prefix="scorefly-") as home:
            result = subprocess.run(
                [self._flyctl, "version", "--json"],
                env=child_environment(self._environ, "", Path(home), building=False),
                capture_output=True,
                timeout=60,
                check=False,
            )
        version = _version(result.stdout)
        if version and version < LEAST_VERSION:
            found = ".".join(map(str, version))
            raise InputError(
                Problem(
                    f"flyctl is {found}, and scorefly needs {wanted}",
                    "upgrade flyctl",
                    option_place("command"),
                )
            )

    def deploy(
        self, app: App, artefact: Path, folder: Path, *, on_line: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Deploys with flyctl. Raises OutsideError that says what kind of failure it was."""
        with tempfile.TemporaryDirectory(prefix="scorefly-") as name:
            home = Path(name)
            environment = child_environment(self._environ, self._token, home, building=isinstance(app.image, Build))
            if app.secrets:
                # Secrets were set over REST, which this folder of flyctl's does not know of yet.
                self._run(
                    (str(self._flyctl), "secrets", "sync", "--app", app.name),
                    app,
                    folder,
                    environment,
                    on_line,
                    stop,
                )
            command = deploy_command(str(self._flyctl), app, str(artefact / "fly.toml"), self._options)
            self._run(command, app, folder, environment, on_line, stop)

    def _run(
        self,
        command: Sequence[str],
        app: App,
        folder: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        ended = threading.Event()
        lines: list[str] = []
        with subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            watcher = threading.Thread(target=self._watch, args=(process, stop, ended), daemon=True)
            watcher.start()
            try:
                for line in process.stdout or ():
                    lines.append(self._redacted(line.rstrip("\n")))
                    on_line(lines[-1])
                code = process.wait()
            finally:
                ended.set()
                watcher.join()
        if code:
            raise explain(app.name, code, lines, stopped=stop.is_set())

    def _watch(self, process: subprocess.Popen[str], stop: threading.Event, ended: threading.Event) -> None:
        """Ends the process when the run is stopped or its time is over: asks first, then insists."""
        # A deploy waits for state and for health, on each of its Machines in turn, and builds before that.
        deadline = threading.Event()
        timer = threading.Timer(self._options.wait_timeout * 4 + 600, deadline.set)
        timer.daemon = True
        timer.start()
        try:
            while not ended.wait(0.2):
                if stop.is_set() or deadline.is_set():
                    _signal(process, signal.SIGINT)
                    if not ended.wait(GRACE):
                        _signal(process, signal.SIGKILL)
                    return
        finally:
            timer.cancel()

    def _redacted(self, line: str) -> str:
        line = _COLOURS.sub("", line)
        for text in self._hidden:
            line = line.replace(text, "***")
        return line


def _signal(process: subprocess.Popen[str], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _version(output: bytes) -> tuple[int, ...]:
    """The version in `flyctl version --json`; empty for a build that has none."""
    try:
        text = str(json.loads(output).get("Version", ""))
    except ValueError:
        return ()
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    version = tuple(int(part) for part in match.groups()) if match else ()
    return version if any(version) else ()


# flyctl's words, and what to do about them; the first that is found decides.
_FAILURES: tuple[tuple[str, str, str], ...] = (
    ("no access token available", "flyctl has no token", "set fly-api-token"),
    ("(status 401)", "the Fly API token is not accepted", "check fly-api-token"),
    (
        "(status 403)",
        "the Fly API token may not deploy this app",
        "use a deploy token of the app or its organization",
    ),
    (
        "not authorized",
        "the Fly API token may not deploy this app",
        "use a deploy token of the app or its organization",
    ),
    ("could not find image", "Fly cannot find the image", "check the reference, and that Fly may pull it"),
    (
        "app configuration is not valid",
        "flyctl refuses the fly.toml",
        "see the lines above; this is worth an issue",
    ),
    (
        "timeout reached waiting for health checks",
        "the app did not become healthy in time",
        "look at `fly logs`, or raise wait-timeout",
    ),
    ("appears to be crashing", "the app keeps crashing", "look at `fly logs`"),
    (
        "timeout reached waiting for machine's state",
        "a Machine did not start in time",
        "run it again, or raise wait-timeout",
    ),
    ("lease currently held", "another deploy of the app is under way", "run it again when that has ended"),
    ("failed to get lease", "another deploy of the app is under way", "run it again when that has ended"),
    (
        "insufficient resources",
        "Fly has no room in this region now",
        "run it again, or choose another region",
    ),
    (
        "could not reserve resource",
        "Fly has no room in this region now",
        "run it again, or choose another region",
    ),
    ("payment method", "the organization has no payment method", "add one at https://fly.io/dashboard"),
    ("release command failed", "the release command failed", "see the lines above"),
    ("unattached", "a volume is missing", "run it again: scorefly makes what is missing"),
)


def explain(app: str, code: int, lines: Sequence[str], *, stopped: bool) -> OutsideError:
    """One problem that says what kind of failure ended flyctl."""
    if stopped:
        return OutsideError(Problem(f"the deploy of {app} was interrupted", "run it again: it converges"))
    text = "\n".join(lines).lower()
    for words, what, hint in _FAILURES:
        if words in text:
            return OutsideError(Problem(f"{app}: {what}", hint))
    last = next((line for line in reversed(lines) if line.startswith("Error:")), lines[-1] if lines else "no output")
    return OutsideError(Problem(f"{app}: flyctl ended with {code}: {last.strip()}", "see its output above"))

"""flyctl as the deploy engine: one process an app, each in a configuration folder of its own.

Why each switch is there: flyctl writes request bodies, secrets included, to its log folder; parallel processes
in one folder lose each other's secrets version; some of its telemetry sends the token in clear.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from scorefly import interruption, safe_files
from scorefly.child_output import Buffer, Lines
from scorefly.fly.app import App, Build
from scorefly.fly.config import dump
from scorefly.fly.flyctl_arguments import DeployOptions, build_arguments, deploy_arguments
from scorefly.fly.flyctl_failures import Failure, explain, interrupted, just_pushed
from scorefly.fly.registry import Registries, pushed_digest
from scorefly.fly.registry_credentials import fly_registry
from scorefly.problems import ExternalError, InputError, Problem
from scorefly.process import run

LEAST_VERSION = (0, 4, 87)
VERSION_TIMEOUT = 60.0  # seconds
MAX_VERSION = 1 << 16  # bytes
KEPT_LINES = 2000  # of the output, to explain a failure with
BUILD_VARIABLES = ("FLY_REGISTRY_HOST", "FLY_REMOTE_BUILDER_REGION", "DOCKER_HUB_USERNAME", "DOCKER_HUB_PASSWORD")
_BUILT = re.compile(r"image: (\S+/\S+:\S+)")  # what `flyctl deploy --build-only` says of the image that it pushed
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # flyctl colours its check marks whatever NO_COLOR says


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
    passed += (*BUILD_VARIABLES, "DOCKER_HOST") if building else ()
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
    """Runs `flyctl deploy`, and `flyctl secrets sync` before it where the app has secrets.

    What may pass by itself is tried again after `delays`, in seconds: running a deploy again is safe.
    """

    def __init__(
        self,
        token: str,
        options: DeployOptions,
        environ: Mapping[str, str],
        redact: Sequence[str] = (),
        delays: tuple[float, ...] = (5.0, 20.0),
        registries: Registries | None = None,
    ) -> None:
        self._token = token
        self._options = options
        self._environ = environ
        self._delays = delays
        self._registries = registries or Registries(offline=True)
        redact = (*redact, environ.get("DOCKER_HUB_PASSWORD", ""))
        self._hidden = sorted({token, *redact} - {""}, key=len, reverse=True)
        self._flyctl = shutil.which("flyctl", path=environ.get("PATH")) or shutil.which("fly", path=environ.get("PATH"))
        self._homes = tempfile.TemporaryDirectory(prefix="scorefly-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._homes.cleanup()

    def check(self) -> None:
        """Raises InputError when there is no flyctl, or one too old."""
        self.version()

    def version(self) -> str:
        """Return flyctl's version, empty for a build that has none. Raises InputError: missing, or too old."""
        desired = ".".join(map(str, LEAST_VERSION))
        if self._flyctl is None:
            hint = f"install flyctl {desired} or newer (https://fly.io/docs/flyctl/install/), or use `rehearse`"
            raise InputError(Problem("there is no flyctl on PATH", hint))
        output = Buffer(MAX_VERSION, strict=False)
        try:
            ended = run(
                [self._flyctl, "version", "--json"],
                folder=None,
                environ=child_environment(self._environ, "", Path(self._homes.name), building=False),
                seconds=VERSION_TIMEOUT,
                output=output,
            )
        except OSError as error:
            reason = f"{self._flyctl} cannot be started: {error.strerror}"
            raise InputError(Problem(reason, f"install flyctl {desired} or newer")) from error
        interruption.check()
        if ended.reason:
            hint = f"run `{self._flyctl} version` to see why, or install flyctl {desired} or newer"
            raise ExternalError(Problem(f"flyctl did not tell its version within {VERSION_TIMEOUT:.0f} s", hint))
        version = _version(bytes(output.content))
        if version and version < LEAST_VERSION:
            found = ".".join(map(str, version))
            raise InputError(
                Problem(
                    f"flyctl is {found}, and scorefly needs {desired}",
                    "upgrade flyctl",
                )
            )
        return ".".join(map(str, version))

    def prepare(self, app: App, *, stop: threading.Event) -> None:
        """Secrets were set over REST, which the app's configuration folder does not know of yet."""
        if app.secrets:
            self._run(("secrets", "sync", "--app", app.name), app, Path.cwd(), lambda _: None, stop)

    def build(
        self,
        app: App,
        artefact: Path,
        folder: Path,
        label: str,
        *,
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> str:
        """Build with flyctl, and ask the registry for the digest of what was pushed.

        Where the registry does not tell, the image keeps its tag.
        """
        if not isinstance(app.image, Build):
            return app.image
        pushed: list[str] = []

        def hear(line: str) -> None:
            pushed.extend(_BUILT.findall(line))
            on_line(line)

        toml = self._build_toml(app, app.image) if app.image.container else str(artefact / "fly.toml")
        self._run(build_arguments(app, app.image, toml, folder, label, self._options), app, folder, hear, stop)
        image = pushed[-1] if pushed else f"{fly_registry(self._environ)}/{app.name}:{label}"
        return pushed_digest(self._registries, image, on_line, stop, self._delays)

    def deploy(
        self, app: App, artefact: Path, folder: Path, *, on_line: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Deploys with flyctl. Raises ExternalError that says what kind of failure it was."""
        try:
            arguments = deploy_arguments(app, str(artefact / "fly.toml"), self._options)
            self._run(arguments, app, folder, on_line, stop)
        finally:
            shutil.rmtree(self._home(app), ignore_errors=True)

    def _build_toml(self, app: App, build: Build) -> str:
        """Write a fly.toml for the build of a further container: the app's own says how another image is built."""
        config: dict[str, Any] = {"app": app.name}
        if build.builder:
            table = {"builder": build.builder, "buildpacks": list(build.buildpacks), "args": dict(build.args)}
            config["build"] = {key: each for key, each in table.items() if each}
        name = f"{app.name}.{build.container}.toml"
        safe_files.write(Path(self._homes.name), Path(name), dump(config, "Made by scorefly for one build.").encode())
        return str(Path(self._homes.name, name))

    def _home(self, app: App) -> Path:
        return Path(self._homes.name) / app.name

    def _run(
        self,
        arguments: Sequence[str],
        app: App,
        folder: Path,
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        delays = list(self._delays)
        while failure := self._attempt(arguments, app, folder, on_line, stop):
            if not (failure.again and delays):
                raise ExternalError(Problem(failure.what, failure.hint))
            delay = delays.pop(0)
            on_line(f"{failure.what}: once more in {delay:.0f} s")
            if stop.wait(delay):
                raise ExternalError(Problem(*interrupted(app.name)))

    def _attempt(
        self,
        arguments: Sequence[str],
        app: App,
        folder: Path,
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> Failure | None:
        """Runs flyctl once, to its end or to ours."""
        home = self._home(app)
        home.mkdir(mode=0o700, exist_ok=True)
        lines: deque[str] = deque(maxlen=KEPT_LINES)

        def hear(line: str) -> None:
            lines.append(self._redacted(line))
            on_line(lines[-1])

        ended = run(
            (str(self._flyctl), *arguments),
            folder=folder,
            environ=child_environment(self._environ, self._token, home, building=isinstance(app.image, Build)),
            seconds=self._options.attempt_timeout or self._deadline,
            extends=bool(self._options.attempt_timeout),
            output=Lines(hear),
            stop=lambda: stop.is_set() or interruption.requested(),
            ask=signal.SIGINT,
        )
        if not (ended.code or ended.reason):
            return None
        if ended.reason == "stopped" or stop.is_set():
            return Failure(*interrupted(app.name))
        if ended.reason and (seconds := self._options.attempt_timeout):
            message = f"{app.name}: flyctl wrote nothing for {seconds:.0f} s, and was ended"
            return Failure(message, "run it again: it converges; or raise attempt-timeout")
        if ended.reason:
            return Failure(
                f"{app.name}: flyctl was still not done after {self._deadline:.0f} s, and was ended",
                "run it again: it converges; or raise wait-timeout",
            )
        failure = explain(app.name, ended.code, tuple(lines))
        is_ours = isinstance(app.image, str) and app.image.startswith(f"{fly_registry(self._environ)}/")
        return just_pushed(failure) if is_ours else failure

    @property
    def _deadline(self) -> float:
        """Seconds: a deploy waits for state and for health, on each of its Machines in turn, and builds before."""
        return self._options.wait_timeout * 4 + 600

    def _redacted(self, line: str) -> str:
        line = _COLOURS.sub("", line)
        for text in self._hidden:
            line = line.replace(text, "***")
        return line


def _version(output: bytes) -> tuple[int, ...]:
    """The version in `flyctl version --json`; empty for a build that has none."""
    try:
        text = str(json.loads(output).get("Version", ""))
    except ValueError:
        return ()
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    version = tuple(int(part) for part in match.groups()) if match else ()
    return version if any(version) else ()

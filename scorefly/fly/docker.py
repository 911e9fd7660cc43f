"""Builds images with `docker buildx` on this machine and pushes them to Fly's registry.

No secret is on a command line: build secrets travel in the environment of the one process that builds, or in the files
that they are in, passwords by standard input, and logins are kept in a folder that is removed at the end.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from msgspec import field

from scorefly import interruption, safe_files
from scorefly.child_output import Lines
from scorefly.confidential import Confidential
from scorefly.confined import exists, read_file
from scorefly.fly.app import App, Build
from scorefly.fly.flyctl_failures import interrupted
from scorefly.fly.registry import Registries, pushed_digest
from scorefly.fly.registry_credentials import fly_registry, registry_password
from scorefly.problems import InputError, Place, external_error, input_error, option_place
from scorefly.process import run

LOGIN_TIMEOUT = 60.0  # seconds
BUILD_TIMEOUT = 3600.0  # seconds
MAX_SECRET_FILE = 500 * 1024  # bytes: BuildKit takes no more
MIN_HIDDEN = 8  # characters of a line of a secret file that is taken out of docker's output
KEPT_LINES = 200  # of the output, to explain a failure with
SECRET_PREFIX = "SCOREFLY_BUILD_SECRET_"  # noqa: S105 - the beginning of a variable's name
_PASSED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "BUILDX_BUILDER"),
)
# What a workflow has to hand on for GitHub's cache, and buildx reads itself.
_CACHE = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_SERVICE_V2")
_LINKED = ("buildx", "cli-plugins", "contexts")  # folders of Docker's configuration that logins are not in


class DockerOptions(Confidential, frozen=True):
    """The choices of a user for builds with docker. It holds secrets and so has no repr.

    `secret_files` are the absolute paths of files whose content is secret, and that content.
    """

    build_args: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    secret_files: Mapping[str, tuple[Path, str]] = field(default_factory=dict)
    no_cache: bool = False


class DockerBuilder:
    """Runs `docker buildx build --push`. A context manager, usable from several threads."""

    def __init__(
        self,
        token: str,
        options: DockerOptions,
        environ: Mapping[str, str],
        redact: Sequence[str] = (),
        registries: Registries | None = None,
    ) -> None:
        self._token = registry_password(token)
        self._options = options
        self._environ = environ
        self._registries = registries or Registries(offline=True)
        self._registry = fly_registry(environ)
        hidden = {token, self._token, environ.get("DOCKER_HUB_PASSWORD", ""), *redact, *options.secrets.values()}
        for _, content in options.secret_files.values():
            hidden |= {line.strip() for line in content.splitlines() if len(line.strip()) >= MIN_HIDDEN}
        self._hidden = sorted(hidden - {""}, key=len, reverse=True)
        self._docker = shutil.which("docker", path=environ.get("PATH"))
        self._home = tempfile.TemporaryDirectory(prefix="scorefly-docker-", ignore_cleanup_errors=True)
        self._login = threading.Lock()
        self._logged_in = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._home.cleanup()

    def check(self) -> None:
        """Raises InputError when there is no docker with buildx."""
        place = option_place("builder")
        if self._docker is None:
            hint = "install docker with buildx (the image of scorefly has none), or set builder to depot"
            raise input_error("there is no docker on PATH", hint, place)
        lines: list[str] = []
        if self._run(("buildx", "version"), None, lines.append, interruption.requested, LOGIN_TIMEOUT):
            raise input_error("docker has no buildx", "install docker-buildx, or set builder to depot", place)

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
        """Build and push, and return the reference by digest. Raises ExternalError."""
        del artefact
        build = app.image
        if not isinstance(build, Build):
            return build
        if build.builder:
            raise external_error(
                f"{app.name}: docker builds from Dockerfiles, not with {build.builder}", "set builder to depot"
            )
        self._log_in(app, on_line, stop)
        image = f"{self._registry}/{app.name}:{label}"
        metadata = f"{app.name}.json"
        arguments = self._arguments(app, build, folder, image, Path(self._home.name) / metadata)
        lines: deque[str] = deque(maxlen=KEPT_LINES)

        def hear(line: str) -> None:
            lines.append(self._redacted(line))
            on_line(lines[-1])

        secrets = {f"{SECRET_PREFIX}{name}": value for name, value in self._options.secrets.items()}
        code = self._run(arguments, folder, hear, stop.is_set, BUILD_TIMEOUT, environ=secrets)
        if stop.is_set() or interruption.requested():
            raise external_error(*interrupted(app.name))
        if code:
            raise external_error(
                f"{app.name}: docker buildx build ended with {code}: {_reason(lines)}", "see its output above"
            )
        if digest := self._digest(metadata):
            return f"{self._registry}/{app.name}@{digest}"
        return pushed_digest(self._registries, image, on_line, stop, ())

    def _arguments(self, app: App, build: Build, folder: Path, image: str, metadata: Path) -> tuple[str, ...]:
        """Return docker's arguments, none of which is secret."""
        options = self._options
        args = dict(build.args) if build.stated else options.build_args
        arguments = ["buildx", "build", "--platform", "linux/amd64", "--provenance=false", "--push", "--tag", image]
        arguments += ["--file", str(folder / build.dockerfile_in_context), "--metadata-file", str(metadata)]
        arguments += [
            "--progress",
            "plain",
            *(["--no-cache"] if options.no_cache or "--no-cache" in app.deploy_args else []),
        ]
        arguments += ["--target", build.target] if build.target else []
        arguments += [word for name, value in args.items() for word in ("--build-arg", f"{name}={value}")]
        for name in options.secrets:
            arguments += ["--secret", f"id={name},env={SECRET_PREFIX}{name}"]
        for name, (path, _) in options.secret_files.items():
            arguments += ["--secret", f"id={name},{_csv_field(f'src={path}')}"]
        if self._has_cache:
            scope = f"scope=scorefly-{app.name}"
            arguments += ["--cache-from", f"type=gha,{scope}"]
            arguments += ["--cache-to", f"type=gha,mode=max,ignore-error=true,{scope}"]
        return (*arguments, str(folder))

    @property
    def _has_cache(self) -> bool:
        given = [name for name in _CACHE[1:3] if self._environ.get(name)]
        return bool(given and self._environ.get(_CACHE[0]))

    def _log_in(self, app: App, on_line: Callable[[str], None], stop: threading.Event) -> None:
        """Log in to Fly's registry and, where there are credentials, to Docker Hub. Once for all builds."""
        with self._login:
            if self._logged_in:
                return
            self._copy_configuration()
            logins = [(self._registry, "x", self._token)]
            user, password = (self._environ.get(f"DOCKER_HUB_{name}", "") for name in ("USERNAME", "PASSWORD"))
            if user and password:
                logins.append(("", user, password))
            for registry, name, secret in logins:
                words = ("login", "--username", name, "--password-stdin", *([registry] if registry else []))
                lines: list[str] = []
                code = self._run(words, None, lines.append, stop.is_set, LOGIN_TIMEOUT, question=secret.encode())
                if code:
                    where = registry or "Docker Hub"
                    reason = self._redacted(_reason(lines))
                    hint = "check fly-api-token" if registry else "check DOCKER_HUB_USERNAME and DOCKER_HUB_PASSWORD"
                    raise external_error(f"{app.name}: docker cannot log in to {where}: {reason}", hint)
            on_line(f"logged in to {' and '.join(registry or 'Docker Hub' for registry, *_ in logins)}")
            self._logged_in = True

    def _copy_configuration(self) -> None:
        """Give docker its usual builders, plugins and logins in a folder whose own logins go nowhere else."""
        home = self._environ.get("HOME", "")
        source = Path(self._environ.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else ""))
        config: dict[str, object] = {}
        if source.is_absolute():
            try:
                data = json.loads(read_file(source, "config.json", Place("config.json")))
                config = data if isinstance(data, dict) else {}
            except (InputError, ValueError):
                config = {}
            for name in _LINKED:
                if exists(source, name):
                    (Path(self._home.name) / name).symlink_to(source / name)
        helpers = config.get("credHelpers")
        # An empty helper keeps the login in this file, and out of the user's key ring.
        own = dict.fromkeys((self._registry, "https://index.docker.io/v1/"), "")
        config["credHelpers"] = {**(helpers if isinstance(helpers, dict) else {}), **own}
        safe_files.write(Path(self._home.name), Path("config.json"), json.dumps(config).encode())

    def _run(
        self,
        arguments: Sequence[str],
        folder: Path | None,
        hear: Callable[[str], None],
        stop: Callable[[], bool],
        seconds: float,
        *,
        question: bytes = b"",
        environ: Mapping[str, str] | None = None,
    ) -> int:
        passed = {name: self._environ[name] for name in (*_PASSED, *_CACHE) if self._environ.get(name)}
        ended = run(
            (str(self._docker), *arguments),
            folder=folder,
            environ={**passed, "DOCKER_CONFIG": self._home.name, **(environ or {})},
            seconds=seconds,
            output=Lines(hear),
            question=question,
            stop=lambda: stop() or interruption.requested(),
        )
        return ended.code or (1 if ended.reason else 0)

    def _digest(self, metadata: str) -> str:
        """Return the digest that buildx wrote, or an empty string."""
        try:
            data = json.loads(read_file(Path(self._home.name), metadata, Place(metadata)))
            return str(data.get("containerimage.digest") or "")
        except (InputError, ValueError, AttributeError):
            return ""

    def _redacted(self, line: str) -> str:
        for text in self._hidden:
            line = line.replace(text, "***")
        return line


def _csv_field(text: str) -> str:
    """Return a field as docker reads it: it takes the parts of an option apart as CSV."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text


def _reason(lines: Sequence[str]) -> str:
    """Return the line that says why docker failed: its last one that begins with `ERROR`, else the last one."""
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or [line for line in lines if line.strip()] or ["no output"])[-1].strip()

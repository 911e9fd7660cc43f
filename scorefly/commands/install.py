"""`install`: the listener as an app on Fly: a Score workload that scorefly itself deploys."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from scorefly import process, safe_files
from scorefly.child_output import Buffer
from scorefly.config.settings import Settings
from scorefly.durations import parse_duration
from scorefly.fly.flyctl import child_environment
from scorefly.problems import external_error, input_error, option_place
from scorefly.state.document import EnvironmentState
from scorefly.values import reveal_text, to_text

ENVIRONMENT = "listener"
SENDERS = ("github", "gitlab", "gitea", "forgejo", "bitbucket", "generic")
TOKEN_SECONDS = 60.0
MIN_EXPIRY, MAX_EXPIRY = 3600.0, 7300 * 86400.0
_SECRET_TYPE = "listener-secret"  # noqa: S105 - the type of a resource

# Secrets that are handed on to the listener when they are in the environment of `install`.
PASSED_ON = (
    "SCOREFLY_SECRETS",
    "SCOREFLY_STATE_KEY",
    "SCOREFLY_GITHUB_TOKEN",
    "SCOREFLY_GITHUB_APP_ID",
    "SCOREFLY_GITHUB_APP_KEY",
    "SCOREFLY_NOTIFY_SECRET",
)
PROVISIONERS = f"""\
# Written by `scorefly install`. Values are made once and kept in the state.
- uri: template://scorefly/listener-secret
  type: {_SECRET_TYPE}
  supported_params: [prefix]
  expected_outputs: [value]
  state: {{value: "{{{{ state.value or random_password(32) }}}}"}}
  secrets: {{value: "{{{{ (params.prefix or '') ~ state.value }}}}"}}
"""


class Installation(Struct, frozen=True):
    """The options of an installation. `senders` are the git hosts that get a webhook secret."""

    name: str
    project: str
    image: str
    senders: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    memory: str = "512mb"
    volume_gb: int = 1


def expiry_seconds(text: str) -> float:
    """Return the life of a token in seconds. Raises InputError."""
    seconds = parse_duration(text)
    if seconds is None or not MIN_EXPIRY <= seconds <= MAX_EXPIRY:
        hint = "give a time from 1h to 7300d, e.g. 90d"
        raise input_error(f"invalid time {text!r}", hint, option_place("expiry"))
    return seconds


def workload(installation: Installation, passed: Sequence[str], expires: str) -> str:
    """Return the Score file of the listener. Without a Fly token `expires` is empty."""
    secrets = {f"SCOREFLY_WEBHOOK_SECRET_{sender.upper()}": f"webhook-{sender}" for sender in installation.senders}
    secrets |= {"SCOREFLY_READ_TOKEN": "read-token", "SCOREFLY_ACT_TOKEN": "act-token"}
    resources: dict[str, object] = {
        name: {"type": _SECRET_TYPE, **({"params": {"prefix": "whsec_"}} if name == "webhook-generic" else {})}
        for name in secrets.values()
    }
    given = {"SCOREFLY_FLY_API_TOKEN": "LISTENER_FLY_API_TOKEN"} if expires else {}
    given |= {name: f"LISTENER_{name}" for name in passed}
    for variable, secret in given.items():
        resources[variable.lower().replace("_", "-")] = {"type": "secret", "params": {"name": secret}}
        secrets[variable] = variable.lower().replace("_", "-")
    resources["data"] = {"type": "volume", "params": {"size_gb": installation.volume_gb}}
    document = {
        "apiVersion": "score.dev/v1b1",
        "metadata": {
            "name": installation.name,
            "annotations": {
                "scorefly/auto-stop": "off",  # work in the background is invisible to Fly's proxy
                "scorefly/count": "1",
                "scorefly/kill-timeout": "300s",
                "scorefly/memory": installation.memory,
                "scorefly/metrics-port": "8080",
                "scorefly/metrics-path": "/metrics",
                "scorefly/strategy": "immediate",
            },
        },
        "containers": {
            "main": {
                "image": installation.image,
                "command": ["/opt/scorefly/bin/scorefly"],
                "args": ["listen", "--project", _escaped(installation.project), "--data", "/data",
                         *map(_escaped, installation.arguments)],
                "variables": {
                    **{name: f"${{resources.{resource}.value}}" for name, resource in secrets.items()},
                    **({"SCOREFLY_FLY_ACCESS_UNTIL": expires} if expires else {}),
                },
                "volumes": {"/data": {"source": "${resources.data}"}},
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
            }
        },
        "service": {"ports": {"web": {"port": 80, "targetPort": 8080}}},
        "resources": resources,
    }  # fmt: skip
    # JSON is YAML; a line for each value is what people can read and compare.
    return f"# Written by `scorefly install`: run it again to change it.\n{json.dumps(document, indent=2)}\n"


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


def write_files(folder: Path, installation: Installation, passed: Sequence[str], expires: str) -> None:
    """Write the Score file and its provisioners into a folder of their own. Raises InputError."""
    files = {
        "score.yaml": workload(installation, passed, expires),
        ".scorefly/listener.provisioners.yaml": PROVISIONERS,
    }
    try:
        for name, content in files.items():
            safe_files.write(folder, Path(name), content.encode())
    except OSError as error:
        raise input_error(f"cannot write to {folder}: {error.strerror}", "", option_place("folder")) from error


def create_token(settings: Settings, name: str, seconds: float) -> str:
    """Return a new organization token for the listener: an app's deploy token cannot create apps.

    Raises InputError without flyctl, and ExternalError.
    """
    program = shutil.which("flyctl", path=settings.environ.get("PATH")) or shutil.which(
        "fly", path=settings.environ.get("PATH")
    )
    if program is None:
        raise input_error("there is no flyctl on PATH", "install flyctl: https://fly.io/docs/flyctl/install/")
    expiry = f"{seconds:.0f}s"
    output, errors = Buffer(1 << 16), Buffer(1 << 16, strict=False)
    with tempfile.TemporaryDirectory(prefix="scorefly-flyctl-") as home:
        environ = child_environment(settings.environ, settings.fly_api_token, Path(home), building=False)
        ended = process.run(
            [program, "tokens", "create", "org", "--org", settings.org, "--expiry", expiry, "--name", name, "--json"],
            folder=Path(home),
            environ=environ,
            seconds=TOKEN_SECONDS,
            output=output,
            errors=errors,
            ask=signal.SIGINT,
        )
    token = _token_in(bytes(output.content))
    if ended.code or not token:
        said = errors.content.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit status {ended.code}"]
        raise external_error(
            f"flyctl tokens create org failed: {said[0][:300]}",
            f"check that the token may manage the organization {settings.org!r}",
        )
    return token


def _token_in(output: bytes) -> str:
    try:
        data = json.loads(output)
    except ValueError:
        return ""
    token = data.get("token") if isinstance(data, dict) else ""
    return token if isinstance(token, str) else ""


def new_secrets(state: EnvironmentState, before: EnvironmentState) -> Mapping[str, str]:
    """Return the webhook secrets and tokens that an installation made now, by the name of their resource."""
    made = {}
    for uid, resource in state.resources.items():
        if resource.type != _SECRET_TYPE or uid in before.resources:
            continue
        value = resource.outputs.get("value")
        made[resource.id.rpartition(".")[2]] = reveal_text(to_text(value))
    return made

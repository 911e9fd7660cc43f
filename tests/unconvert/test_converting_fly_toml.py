"""`convert`: a fly.toml becomes a Score file, and `generate` gives back a fly.toml that means the same."""

from __future__ import annotations

import posixpath
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scorefly.unconvert.meaning import meaning
from scorefly.unconvert.reading import read_as_flyctl
from workspaces import Workspace

LAUNCHED = """
app = "hello"
primary_region = "ams"

[build]
  image = "nginx:1.27"

[deploy]
  strategy = "rolling"
  release_command = "bin/migrate up"

[env]
  PORT = "8080"
  PRICE = "$$5 ${HOME}"

[http_service]
  internal_port = 8080
  force_https = true
  auto_stop_machines = "stop"
  auto_start_machines = true
  min_machines_running = 0
  processes = ["app"]

  [[http_service.checks]]
    interval = "30s"
    timeout = "5s"
    grace_period = "10s"
    method = "GET"
    path = "/health"

[[mounts]]
  source = "my_data"
  destination = "/data"
  initial_size = "10gb"

[[vm]]
  memory = "1gb"
  cpu_kind = "shared"
  cpus = 1
"""

BUILT = 'app = "hello"\nbuild.image = "nginx:1.27"\n'

# One of each shape that people write.
SHAPES = {
    "as flyctl writes it": LAUNCHED,
    "services as old files have them": BUILT
    + """
kill_signal = "SIGINT"
kill_timeout = 5
processes = []

[experimental]
  allowed_public_ports = []
  auto_rollback = true

[[services]]
  http_checks = []
  internal_port = 8080
  processes = ["app"]
  protocol = "tcp"
  script_checks = []
  [services.concurrency]
    hard_limit = 25
    soft_limit = 20
    type = "connections"
  [[services.ports]]
    force_https = true
    handlers = ["http"]
    port = 80
  [[services.ports]]
    handlers = ["tls", "http"]
    port = 443
  [[services.tcp_checks]]
    grace_period = "1s"
    interval = "15s"
    restart_limit = 0
    timeout = "2s"
""",
    "a service of 80 and 443 without checks": BUILT
    + """
[[services]]
  internal_port = 3000
  protocol = "tcp"
  auto_stop_machines = true
  auto_start_machines = true
  [[services.ports]]
    handlers = ["http"]
    port = 80
    force_https = true
  [[services.ports]]
    handlers = ["tls", "http"]
    port = 443
    tls_options = { alpn = ["h2"] }
""",
    "several services": BUILT
    + """
[http_service]
  internal_port = 80
[[services]]
  internal_port = 5432
  protocol = "tcp"
  auto_stop_machines = "off"
  auto_start_machines = true
  [[services.ports]]
    port = 5432
    handlers = ["pg_tls"]
[[services]]
  internal_port = 5000
  protocol = "udp"
  auto_stop_machines = "off"
  auto_start_machines = false
  [[services.ports]]
    port = 5000
""",
    "ranges of ports and private services": BUILT
    + """
[[services]]
  internal_port = 4000
  protocol = "tcp"
  [[services.ports]]
    start_port = 4000
    end_port = 4100
[[services]]
  internal_port = 80
  protocol = "tcp"
""",
    "process groups": BUILT
    + """
[processes]
  web = "bin/server"
  worker = "bin/work --queue 'a b'"
[http_service]
  internal_port = 8080
  processes = ["web"]
[[vm]]
  size = "performance-2x"
  processes = ["web"]
[[vm]]
  memory = 512
[[mounts]]
  source = "data"
  destination = "/data"
  processes = ["worker"]
[[restart]]
  policy = "always"
  processes = ["worker"]
[checks.up]
  type = "tcp"
  port = 8080
  processes = ["web"]
""",
    "one group of another name": BUILT
    + '[processes]\nweb = "run"\n[http_service]\ninternal_port = 8080\nprocesses = ["web"]\n',
    "one group called app": BUILT
    + '[processes]\napp = "sh -c \'echo $HOME\'"\n[http_service]\ninternal_port = 8080\nprocesses = ["app"]\n',
    "old spellings": """
app = "hello"
mount = { source = "data", destination = "/data", initial_size = 5 }
vm = { memory = 512 }
[build]
  image = "nginx:1.27"
[[env]]
  TWO = 2
  YES = true
[[processes]]
  name = "app"
  command = "serve"
[experimental]
  cmd = "run"
  entrypoint = "start"
  kill_timeout = 3
  metrics_port = 9000
  metrics_path = "/m"
[[services]]
  internal_port = "8080"
  protocol = "tcp"
  processes = ["app"]
  concurrency = "12,23"
  [[services.ports]]
    port = "80"
    handlers = ["http"]
  [[services.http_checks]]
    interval = 10000
    timeout = 2000
    [[services.http_checks.headers]]
      name = "origin"
      value = "http://localhost:8000"
""",
    "buildpacks": 'app = "hello"\n[build]\nbuilder = "heroku/builder:24"\nbuildpacks = ["heroku/go"]\nargs = {A = "b"}\n',
    "a Dockerfile with a target": """
app = "hello"
[build]
  dockerfile = "docker/web.Dockerfile"
  build-target = "prod"
  compression = "zstd"
  [build.args]
    VERSION = "1"
""",
    "the Dockerfile beside it": 'app = "hello"\n[build]\ndockerfile = "./Dockerfile"\n',
    "a builtin": 'app = "hello"\n[build]\nbuiltin = "static"\n[build.settings]\npath = "/public"\n',
    "sizes": BUILT + '[[vm]]\nsize = "performance-4x"\nmemory = "16gb"\n',
    "a size by its CPUs": BUILT + '[[vm]]\ncpu_kind = "performance"\ncpus = 2\nmemory_mb = 8192\n',
    "a volume that grows": BUILT
    + """
[[mounts]]
  source = "data"
  destination = "/data"
  initial_size = "3gb"
  snapshot_retention = 14
  scheduled_snapshots = false
  auto_extend_size_threshold = 80
  auto_extend_size_increment = "1GB"
  auto_extend_size_limit = "20GB"
""",
    "checks of the Machine": BUILT
    + """
[checks.liveness]
  type = "http"
  port = 9000
  path = "/alive"
  method = "GET"
  interval = "10s"
  timeout = "2s"
  grace_period = "0s"
[checks.readiness]
  type = "http"
  port = 9000
  path = "/ready"
  method = "POST"
  interval = "10s"
[checks.redis]
  type = "tcp"
  port = 6379
  interval = "15s"
  timeout = "10s"
""",
    "files": BUILT
    + """
[[files]]
  guest_path = "/etc/a.conf"
  raw_value = "x = ${y}\\n"
[[files]]
  guest_path = "/etc/b.conf"
  secret_name = "B_CONF"
""",
    "files by content only": BUILT + '[[files]]\nguest_path = "/etc/a.conf"\nraw_value = "$$"\n',
    "a machine_config": BUILT + 'machine_config = \'{"schedule": "hourly"}\'\n',
    "the rest": BUILT
    + """
kill_signal = "SIGHUP"
kill_timeout = "1m30s"
swap_size_mb = 512
console_command = "/app/bin/console"
host_dedication_id = "abc"
[deploy]
  strategy = "immediate"
  max_unavailable = 0.5
  wait_timeout = "10m"
  release_command_timeout = "90s"
  [deploy.release_command_vm]
    size = "shared-cpu-2x"
[[restart]]
  policy = "on-failure"
  retries = 5
[[statics]]
  guest_path = "/app/public"
  url_prefix = "/public"
[[statics]]
  guest_path = "/app/more"
  url_prefix = "/more"
  tigris_bucket = "bucket"
  index_document = "index.html"
[[metrics]]
  port = 9091
  path = "/metrics"
[[metrics]]
  port = 9092
  path = "/metrics"
  processes = ["other"]
[processes]
  app = ""
  other = "x"
""",
}


def round_trip(workspace: Workspace, text: str) -> dict[str, Any]:
    """The fly.toml that generate makes of what convert makes of a text."""
    workspace.write("fly.toml", "").write_text(text, encoding="utf-8")
    if "ockerfile" in text:
        workspace.write("docker/web.Dockerfile" if "docker/" in text else "Dockerfile", "FROM scratch\n")
    converted = workspace.run("convert", "fly.toml")
    assert converted.code == 0, converted.err
    generated = workspace.run("generate")
    assert generated.code == 0, generated.err
    toml = workspace.toml("hello")
    if dockerfile := toml.get("build", {}).get("dockerfile"):
        # There it is relative to the artefact.
        toml["build"]["dockerfile"] = posixpath.normpath(posixpath.join(".scorefly/out/local/hello", dockerfile))
    return toml


@pytest.mark.parametrize("name", SHAPES)
def test_a_generated_fly_toml_means_what_the_converted_one_does(workspace: Workspace, name: str) -> None:
    text = SHAPES[name]
    generated = round_trip(workspace, text)
    original = read_as_flyctl(tomllib.loads(text)).document
    artefact = workspace.path / ".scorefly/out/local/hello"

    def content(path: str) -> bytes:
        return (artefact / path).read_bytes()

    assert meaning(generated, content) == meaning(original, content)


def test_what_score_and_annotations_can_express_leaves_no_fragment(workspace: Workspace) -> None:
    round_trip(workspace, LAUNCHED)
    assert not list((workspace.path / ".scorefly").glob("overlay*"))
    score = (workspace.path / "score.yaml").read_text()
    for line in ("targetPort: 8080", "size_gb: 10", "scorefly/auto-stop: stop", "memory: 1024Mi", "path: /health"):
        assert line in score


def test_keys_that_flyctl_ignores_are_listed_and_left_out(workspace: Workspace) -> None:
    workspace.write("fly.toml", SHAPES["services as old files have them"])
    result = workspace.run("convert", "fly.toml")
    assert result.code == 0
    for line in (
        "fly.toml:6:1: processes",
        "fly.toml:9:3: experimental.allowed_public_ports",
        "services[0].script_checks",
    ):
        assert line in result.err
    written = (workspace.path / ".scorefly/overlay.hello.yaml").read_text()
    assert "script_checks" not in written
    assert "restart_limit" not in written


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BUILT + "[[services]]\ninternal_port = 1\nconcurrency = 20\n", "fly.toml:5:1: services[0].concurrency"),
        (BUILT + '[deploy]\nstrategy = "rolling-eyes"\n', "fly.toml:4:1: deploy.strategy is 'rolling-eyes'"),
        (BUILT + "[env\n", "fly.toml:3:5: invalid TOML"),
        (
            'app = "{APP_NAME}"\nprimary_region = "{REGION}"\n',
            "fly.toml:2:1: primary_region has the placeholder {REGION}",
        ),
        (BUILT + '[build.compose]\nfile = "compose.yaml"\n', "fly.toml:3:1: build.compose makes flyctl read files"),
        ("app = {{ name }}\n", "fly.toml:1:7: the placeholder {{ name }} makes this file a template"),
    ],
)
def test_a_fly_toml_that_fly_refuses_is_refused_at_its_line(workspace: Workspace, text: str, problem: str) -> None:
    workspace.write("fly.toml", "").write_text(text)
    result = workspace.run("convert", "fly.toml")
    assert result.code == 2
    assert problem in result.err
    assert list(workspace.tree()) == ["fly.toml"]


def test_files_that_exist_are_never_overwritten(workspace: Workspace) -> None:
    workspace.write("fly.toml", BUILT)
    workspace.write("score.yaml", "mine: true\n")
    result = workspace.run("convert", "fly.toml")
    assert (result.code, result.problems) == (
        2,
        [
            "score.yaml:1:1: the file exists, and convert overwrites nothing (move it away, or give another folder with --output)"
        ],
    )
    assert (workspace.path / "score.yaml").read_text() == "mine: true\n"
    assert workspace.run("convert", "fly.toml", "--output", "converted").code == 0
    assert (workspace.path / "converted/score.yaml").exists()


def test_converting_again_changes_nothing(workspace: Workspace) -> None:
    workspace.write("fly.toml", LAUNCHED)
    assert workspace.run("convert", "fly.toml").code == 0
    before = workspace.tree()
    assert workspace.run("convert", "fly.toml").code == 0
    assert workspace.tree() == before


def test_a_folder_stands_for_every_fly_toml_below_it(workspace: Workspace) -> None:
    for name in ("web", "api"):
        workspace.write(f"services/{name}/fly.toml", BUILT.replace("hello", name))
    assert workspace.run("convert", ".").code == 0
    assert {path for path in workspace.tree() if path.endswith("score.yaml")} == {
        "services/web/score.yaml",
        "services/api/score.yaml",
    }
    assert workspace.run("generate").code == 0


def test_an_output_folder_has_all_that_the_score_files_name(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write("app/Dockerfile", "FROM scratch\n")
    workspace.write("app/nginx.conf", "server {}\n")
    files = '[[files]]\nguest_path = "/etc/nginx.conf"\nlocal_path = "nginx.conf"\n'
    workspace.write("app/fly.toml", 'app = "hello"\n' + files)
    assert workspace.run("convert", "app/fly.toml", "--output", str(tmp_path / "made")).code == 0
    made = Workspace(tmp_path / "made")
    assert made.run("generate").code == 0
    assert made.tree()[".scorefly/out/local/hello/files/etc/nginx.conf"] == b"server {}\n"

"""fly.toml files of every shape that people write, for conversions."""

from __future__ import annotations

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

"""The scripts that start the built-in servers: all are shell, and the one of Postgres runs where a Postgres is there."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from scorefly.deployment.shared_servers import Database, creation_sql, removal_sql
from scorefly.resources.files import built_in_provisioners
from scorefly.resources.template import TemplateProvisioner

SCRIPTS: dict[str, str] = {}
for provisioner in built_in_provisioners():
    apps = provisioner.parts.get("apps", {}) if isinstance(provisioner, TemplateProvisioner) else {}
    for app in cast("dict[str, dict[str, dict[str, list[str]]]]", apps).values():
        if "experimental" in app:
            SCRIPTS[provisioner.spec.uri] = app["experimental"]["cmd"][-1]

BINARIES = max((path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()), default=None)


@pytest.mark.parametrize("uri", SCRIPTS)
def test_a_script_is_valid_shell_that_ends_in_the_server(uri: str) -> None:
    script = SCRIPTS[uri]
    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in script.splitlines() if line.startswith("exec ")]


@dataclass
class Server:
    """The Postgres of the script, on a port of loopback, with its data in a folder of the test."""

    folder: Path
    port: int
    environment: dict[str, str]

    def start(self, databases: str, until: str) -> subprocess.Popen[str]:
        """The script, run until a line holds these words."""
        script = SCRIPTS["template://scorefly/postgres"]
        for path in ("/data", "/run/postgresql"):
            script = script.replace(path, f"{self.folder}{path}")
        process = subprocess.Popen(
            ["sh", "-euc", script],
            env={**self.environment, "DATABASES": databases},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if until in line:
                return process
        raise AssertionError("".join(lines))

    def stop(self, process: subprocess.Popen[str], how: signal.Signals) -> None:
        with process:
            os.killpg(process.pid, how)
            if process.stdout:
                process.stdout.read()

    def query(self, name: str, password: str, sql: str, host: str = "127.0.0.1") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["psql", "-w", "-At", "-h", host, "-p", str(self.port), "-U", name, name, "-c", sql],
            env={**self.environment, "PGPASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.fixture
def postgres() -> Iterator[Server]:
    """The commands of the image that are not here, in a few lines each: who runs as root becomes postgres."""
    if BINARIES is None or not shutil.which("psql"):
        pytest.skip("no Postgres is installed")
    root = os.getuid() == 0
    # Not below pytest's own folder, which another user cannot enter.
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    become = "setpriv --reuid=postgres --regid=postgres --clear-groups" if root else ""
    commands = {
        "gosu": f'shift; [ "$2" = -D ] && set -- "$@" -c listen_addresses=localhost -p {port} '
        f'-c unix_socket_directories={folder}/run/postgresql\nexec {become} "$@"',
        "sync": "",  # of the whole machine
        "install": f'for folder do :; done; mkdir -p "$folder"; {"chown postgres:postgres" if root else ":"} "$folder"',
    }
    (folder / "bin").mkdir()
    for name, text in commands.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    (folder / "data").mkdir()
    folder.chmod(0o755)
    path = f"{folder / 'bin'}:{BINARIES}:{os.environ['PATH']}"
    try:
        yield Server(folder, port, {"PATH": path, "LANG": "C.UTF-8"})
    finally:
        shutil.rmtree(folder)


READY = "ready to accept connections"


def test_postgres_makes_databases_with_passwords_and_has_none_in_its_command_line(postgres: Server) -> None:
    process = postgres.start("one first-password\ntwo second-password\n", READY)
    try:
        for name, password in (("one", "first-password"), ("two", "second-password")):
            assert postgres.query(name, password, "SELECT current_user").stdout == f"{name}\n"
            assert postgres.query(name, "wrong", "SELECT 1").returncode != 0
            assert postgres.query(name, "", "SELECT 1").returncode != 0
        assert postgres.query("postgres", "", "SELECT 1").returncode != 0
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert "postgres -D" in listed
        assert "first-password" not in listed
    finally:
        postgres.stop(process, signal.SIGINT)


def test_postgres_keeps_its_data_and_takes_new_databases_and_passwords_at_a_second_start(postgres: Server) -> None:
    process = postgres.start("one first-password", READY)
    postgres.query("one", "first-password", "CREATE TABLE kept AS SELECT 7 AS value")
    postgres.stop(process, signal.SIGKILL)
    process = postgres.start("one changed-password\nthree third-password", READY)
    try:
        assert postgres.query("one", "changed-password", "SELECT value FROM kept").stdout == "7\n"
        assert postgres.query("one", "first-password", "SELECT 1").returncode != 0
        assert postgres.query("three", "third-password", "SELECT 1").stdout == "1\n"
    finally:
        postgres.stop(process, signal.SIGINT)


@pytest.mark.parametrize("moment", ["post-bootstrap", "syncing data to disk", READY])
def test_postgres_killed_while_it_makes_its_data_starts_well_the_next_time(postgres: Server, moment: str) -> None:
    postgres.stop(postgres.start("one first-password", moment), signal.SIGKILL)
    process = postgres.start("one first-password", READY)
    try:
        assert postgres.query("one", "first-password", "SELECT 1").stdout == "1\n"
    finally:
        postgres.stop(process, signal.SIGINT)


def test_databases_of_previews_are_made_and_dropped_by_their_sql(postgres: Server) -> None:
    database = Database("previews-postgres", "pr_7_web_db_1a2b3c4d", "a" * 32)

    def psql(sql: str) -> None:
        socket_folder = f"{postgres.folder}/run/postgresql"
        command = f"gosu postgres psql -v ON_ERROR_STOP=1 -q -d postgres -h {socket_folder} -p {postgres.port}"
        done = subprocess.run(
            ["sh", "-c", command], input=sql, env=postgres.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    process = postgres.start("", READY)
    try:
        psql(creation_sql(database))
        asked = (database.name, database.password)
        assert postgres.query(*asked, "CREATE TABLE kept AS SELECT 7 AS value").returncode == 0
        psql(creation_sql(Database(database.server, database.name, "b" * 32)))
        assert postgres.query(*asked, "SELECT 1").returncode != 0
        assert postgres.query(database.name, "b" * 32, "SELECT value FROM kept").stdout == "7\n"
        psql(removal_sql(database).replace("IF EXISTS", ""))
        psql(removal_sql(database))
        assert postgres.query(database.name, "b" * 32, "SELECT 1").returncode != 0
    finally:
        postgres.stop(process, signal.SIGINT)

"""`cmd://` provisioners, through the command line and the Action, with real programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workspaces import HEARING, Workspace

UID = "queue.default#web.queue"

SCORE = """\
    variables: {HOST: "${resources.queue.host}", PASSWORD: "${resources.queue.password}"}
resources: {queue: {type: queue, metadata: {a: b}, params: {size: 3}}}
"""

HEAD = "import json, os, signal, sys\nquestion = json.load(sys.stdin)\n"
GOOD = 'print(json.dumps({"values": {"host": "there"}, "secrets": {"password": "pass-word-1"}}))\n'


@pytest.fixture
def queue(workspace: Workspace) -> Workspace:
    workspace.workload("web", SCORE)
    entry(workspace)
    return workspace


def entry(workspace: Workspace, more: str = "") -> None:
    workspace.write(
        ".scorefly/queue.provisioners.yaml",
        f"- {{uri: 'cmd://{sys.executable}', type: queue, args: [provision.py, $SCORE_PROVISIONER_MODE] {more}}}\n",
    )


def program(workspace: Workspace, body: str) -> None:
    workspace.write("provision.py", HEAD + body)


def outputs(workspace: Workspace, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(workspace.run("resources", "outputs", UID, "--reveal", *options).out)
    return found


def test_it_is_asked_in_the_documented_form_and_its_state_comes_back(queue: Workspace) -> None:
    program(
        queue,
        'json.dump({"question": question, "argv": sys.argv, "mode": os.environ["SCORE_PROVISIONER_MODE"],\n'
        '           "folder": os.getcwd()}, open("asked.json", "w"))\n'
        'runs = question["state"].get("runs", 0) + 1\n'
        'print(json.dumps({"state": {"runs": runs}, "values": {"host": f"host-{runs}"}, "secrets": {"password": "pass-word-1"},\n'
        '                  "shared": {"queues": {question["resource_id"]: runs}}}))\n',
    )
    assert queue.run("generate").code == 0
    first = json.loads((queue.path / "asked.json").read_text())
    assert queue.run("generate").code == 0
    second = json.loads((queue.path / "asked.json").read_text())
    guid = first["question"].pop("resource_uid")
    assert first == {
        "question": {
            "resource_type": "queue",
            "resource_class": "default",
            "resource_id": "web.queue",
            "resource_params": {"size": 3},
            "resource_metadata": {"a": "b"},
            "state": {},
            "shared": {},
        },
        "argv": ["provision.py", "provision"],
        "mode": "provision",
        "folder": str(queue.path),
    }
    assert (second["question"]["state"], second["question"]["shared"]) == ({"runs": 1}, {"queues": {"web.queue": 1}})
    assert second["question"]["resource_uid"] == guid
    assert queue.toml("web")["env"] == {"HOST": "host-2"}
    assert queue.run("export-secrets").out == "PASSWORD='pass-word-1'\n"


def test_the_1password_example_of_score_flyio_runs_unchanged(workspace: Workspace) -> None:
    """It never reads its question, which is longer than a pipe holds."""
    op = workspace.write(
        "bin/op",
        """\
        #!/bin/sh
        test "$*" = "read op://Private/prod-database-resource/outputs" || exit 3
        echo '{"values": {"host": "/cloudsql/x", "port": "", "name": "dbname", "user": "username"},
               "secrets": {"password": "password-1"}}'
        """,
    )
    op.chmod(0o755)
    workspace.write(
        ".scorefly/op.provisioners.yaml",
        "- {uri: 'cmd://op', type: postgres, args: [read, 'op://Private/prod-database-resource/outputs']}\n",
    )
    workspace.workload(
        "web",
        '    variables: {DB: "${resources.db.user}:${resources.db.password}@${resources.db.host}"}\n'
        f"resources: {{db: {{type: postgres, params: {{long: '{'x' * 300_000}'}}}}}}\n",
    )
    result = workspace.run("generate", PATH=f"{workspace.path / 'bin'}:{os.environ['PATH']}")
    assert result.code == 0, result.err
    exported = workspace.run("export-secrets").out
    assert exported == "DB='username:password-1@/cloudsql/x'\n"


def test_a_program_sees_the_environment_it_is_meant_to_and_no_more(queue: Workspace) -> None:
    entry(queue, ", env: {TOKEN: '{{ secrets.QUEUE }}', STAGE: 'in-{{ environment }}-{{ variables.V }}', N: 1}")
    program(queue, 'json.dump(dict(os.environ), open("environ.json", "w"))\n' + GOOD)
    result = queue.run(
        "generate",
        "--secrets",
        json.dumps({"QUEUE": "queue-token", "OTHER": "other-token"}),
        "--variables",
        '{"V": "v"}',
        FLY_API_TOKEN="fo1_token",
        GITHUB_TOKEN="ghs_token",
        INPUT_SECRETS="{}",
        ACTIONS_RUNTIME_TOKEN="runtime",
        SCOREFLY_STATE_KEY=queue.run("state", "new-key").out,
        HTTPS_PROXY="http://proxy.example",
    )
    assert result.code == 0, result.err
    seen = json.loads((queue.path / "environ.json").read_text())
    given = {name: seen.pop(name) for name in ("TOKEN", "STAGE", "N", "SCORE_PROVISIONER_MODE", "HTTPS_PROXY")}
    assert given == {
        "TOKEN": "queue-token",
        "STAGE": "in-local-v",
        "N": "1",
        "SCORE_PROVISIONER_MODE": "provision",
        "HTTPS_PROXY": "http://proxy.example",
    }
    assert seen.keys() <= {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}


def test_what_a_failing_program_gave_is_kept(queue: Workspace) -> None:
    program(queue, 'print(json.dumps({"state": {"made": "half"}}))\nprint("it broke", file=sys.stderr)\nsys.exit(7)\n')
    failed = queue.run("generate")
    assert failed.code == 1
    assert "ended with status 7" in failed.err
    assert "  it broke" in failed.err
    assert not (queue.path / ".scorefly/out").exists()
    program(queue, 'print(json.dumps({"values": {"host": question["state"]["made"]}, "secrets": {"password": "p"}}))\n')
    assert queue.run("generate").code == 0
    assert outputs(queue)["host"] == "half"


def test_what_an_answer_leaves_out_stays_as_it_was(queue: Workspace) -> None:
    program(queue, GOOD)
    queue.run("generate")
    program(queue, 'print(json.dumps({"values": {"host": "elsewhere"}}))\n')
    assert queue.run("generate").code == 0
    assert outputs(queue) == {"host": "elsewhere", "password": "pass-word-1"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "it gave no output"),
        ('print("hush-hush")', "its output is no JSON: Expecting value at line 1, column 1"),
        ('print(json.dumps(["hush-hush"]))', "its output is no JSON object"),
        ('print(json.dumps({"values": "hush-hush"}))', "values in its output is no object"),
        ('print(json.dumps({"value": {"host": "hush-hush"}}))', "unknown key: did you mean 'values'?"),
        ('print(\'{"values": {"host": NaN}}\')', "its output is no JSON that can be kept"),
        ('print(\'{"values": {"host": "\\\\ud800"}}\')', "its output is no JSON that can be kept"),
        ("print('[' * 100000)", "its output is no JSON that can be kept"),
        ('while True: print("hush-hush" * 1000)', "it wrote more than 1 MiB"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it ended by signal 9"),
    ],
)
def test_an_answer_that_is_none_is_a_failure_that_quotes_nothing(queue: Workspace, body: str, message: str) -> None:
    program(queue, body + "\n")
    result = queue.run("generate")
    assert (result.code, len(result.problems)) == (1, 1), result.err
    assert result.problems[0].startswith(".scorefly/queue.provisioners.yaml:1:3: ")
    assert message in result.problems[0]
    assert "hush" not in result.err


def test_an_output_it_promised_and_did_not_give_is_a_failure_after_its_state_is_kept(queue: Workspace) -> None:
    entry(queue, ", expected_outputs: [host, port]")
    program(queue, GOOD)
    result = queue.run("generate")
    assert result.code == 1
    assert "it gave no output port (give it, or take it out of expected_outputs)" in result.err
    assert outputs(queue)["host"] == "there"


def test_a_program_that_takes_too_long_is_ended_and_heard(queue: Workspace) -> None:
    os.mkfifo(queue.path / "nothing")
    queue.write(
        "late.sh", """trap 'echo "{\\"values\\": {\\"host\\": \\"late\\"}}"; exit' TERM\ncat nothing & wait\n"""
    )
    queue.write(".scorefly/queue.provisioners.yaml", "- {uri: cmd://sh, type: queue, args: [late.sh], timeout: 1s}\n")
    result = queue.run("generate")
    assert result.code == 1
    assert "it did not end within 1 s" in result.err
    assert outputs(queue)["host"] == "late"


@pytest.mark.parametrize("session", ["", "os.setsid()"])
def test_a_child_left_behind_holds_nothing_up_and_is_ended(queue: Workspace, session: str) -> None:
    program(
        queue,
        GOOD
        + "sys.stdout.flush()\nready = os.pipe()\n"
        + f"if not os.fork():\n    {session or 'pass'}\n    open('child', 'w').write(str(os.getpid()))\n"
        + "    os.write(ready[1], b'x')\n    while True: signal.pause()\nos.read(ready[0], 1)\n",
    )
    assert queue.run("generate").code == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((queue.path / "child").read_text()), 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_told_to_end_ends_the_program_and_its_children_and_keeps_its_answer(
    queue: Workspace, tmp_path: Path, number: int, code: int
) -> None:
    started, alive = tmp_path / "started", tmp_path / "alive"
    os.mkfifo(started)
    os.mkfifo(alive)
    program(
        queue,
        f"held = os.open({str(alive)!r}, os.O_WRONLY)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    while True: signal.pause()\n"
        "def end(*_):\n"
        '    print(json.dumps({"state": {"made": "half"}, "values": {"host": "half"}}), flush=True)\n'
        "    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(started)!r}, 'w').close()\n"
        "while True: signal.pause()\n",
    )
    command = [sys.executable, "-m", "scorefly", "generate"]
    ours = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen([*HEARING, *command], cwd=queue.path, stderr=subprocess.PIPE, text=True)
    started.read_text()
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "run it again: it converges" in err
    assert os.read(ours, 1) == b"", "nobody of the group holds the pipe any more"
    os.close(ours)
    assert outputs(queue)["host"] == "half"


def test_a_run_that_is_killed_knows_whom_it_had_asked(queue: Workspace, tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    program(
        queue,
        f'with open({str(started)!r}, "w") as file: file.write(question["resource_uid"])\n'
        "os.kill(os.getppid(), signal.SIGKILL)\n",
    )
    process = subprocess.Popen([sys.executable, "-m", "scorefly", "generate"], cwd=queue.path)
    asked = started.read_text()
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert queue.run("resources", "list").out.splitlines()[1].split()[-1] == "yes"
    program(queue, 'print(json.dumps({"values": {"host": question["resource_uid"]}, "secrets": {"password": "p"}}))\n')
    assert queue.run("generate").code == 0
    assert outputs(queue)["host"] == asked


def test_its_messages_are_fenced_and_hold_no_secret_not_even_the_one_it_is_about_to_give(queue: Workspace) -> None:
    entry(queue, ", rehearse: true")
    program(queue, 'print("::error::pass-word-1", "##[group]x", file=sys.stderr)\n' + GOOD)
    result = queue.action({"rehearse": "true"})
    assert result.code == 0, result.out
    lines = [line for line in result.out.splitlines() if not line.startswith("::add-mask::")]
    at = lines.index("::error::*** ##[group]x")
    fence = lines[at - 1].removeprefix("::stop-commands::")
    assert (lines[at - 2], lines[at + 1]) == (f"::group::provision {UID}", f"::{fence}::")
    assert "pass-word-1" not in "\n".join(lines)


def test_an_echo_of_a_secret_is_secret_wherever_it_is_given(queue: Workspace) -> None:
    program(
        queue,
        'print(json.dumps({"values": {"host": "amqp://user:pass-word-1@there", "list": ["there", {"a": "pass-word-1"}]},\n'
        '                  "secrets": {"password": "pass-word-1"}, "shared": {"url": "of pass-word-1"}}))\n',
    )
    assert queue.run("generate").code == 0
    shown = json.loads(queue.run("resources", "outputs", UID).out)
    assert shown == {"host": "***", "list": ["there", {"a": "***"}], "password": "***"}
    assert queue.toml("web").get("env", {}) == {}


def test_shared_state_is_patched_and_others_read_it(queue: Workspace) -> None:
    with (queue.path / ".scorefly/queue.provisioners.yaml").open("a") as file:
        file.write("- {uri: template://test/reader, type: reader, outputs: {all: '{{ shared | tojson }}'}}\n")
    queue.workload(
        "web", "    variables: {ALL: '${resources.zz.all}'}\nresources: {queue: {type: queue}, zz: {type: reader}}\n"
    )
    program(queue, 'print(json.dumps({"shared": {"a": {"b": 1, "c": 2}, "d": 3}}))\n')
    queue.run("generate")
    program(queue, 'print(json.dumps({"shared": {"a": {"b": None, "e": 4}, "d": None}}))\n')
    assert queue.run("generate").code == 0
    assert json.loads(queue.toml("web")["env"]["ALL"]) == {"a": {"c": 2, "e": 4}}


def test_nothing_is_called_where_the_input_is_wrong(queue: Workspace) -> None:
    program(queue, 'open("called", "w")\n' + GOOD)
    queue.write(
        ".scorefly/a.provisioners.yaml", "- {uri: template://test/a, type: aaa, outputs: {x: '{{ secrets.NO }}'}}\n"
    )
    queue.workload("web", "resources: {first: {type: aaa}, queue: {type: queue}}\n")
    result = queue.run("generate")
    assert (result.code, len(result.problems)) == (2, 1)
    assert not (queue.path / "called").exists()
    assert not (queue.path / ".scorefly/state").exists()


def test_validate_calls_nothing_and_needs_no_secret(queue: Workspace) -> None:
    entry(queue, ", plan: true, rehearse: true, env: {TOKEN: '{{ secrets.QUEUE }}'}")
    program(queue, 'open("called", "w")\n' + GOOD)
    assert queue.run("validate").code == 0
    assert not (queue.path / "called").exists()


def test_validate_knows_the_outputs_that_are_promised(queue: Workspace) -> None:
    entry(queue, ", expected_outputs: [host]")
    result = queue.run("validate")
    assert result.code == 2
    assert "resource 'queue' has no output 'password'" in result.err


def test_a_rehearsal_calls_only_what_says_that_it_may(queue: Workspace) -> None:
    program(queue, 'open("called", "w").write(sys.argv[1])\n' + GOOD)
    result = queue.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    assert "is not called in a rehearsal" in result.err
    assert not (queue.path / "called").exists()
    assert queue.toml("web")["env"] == {"HOST": "stand-in", "PASSWORD": "stand-in"}
    entry(queue, ", rehearse: true")
    assert queue.run("deploy", "--rehearse").code == 0
    assert (queue.path / "called").read_text() == "provision"
    assert queue.toml("web")["env"] == {"HOST": "there"}


def test_a_dry_run_asks_only_those_that_can_plan_and_remembers_nothing(queue: Workspace) -> None:
    entry(queue, ", rehearse: true")
    program(queue, 'open("called", "w").write(sys.argv[1])\n' + GOOD)
    result = queue.run("deploy", "--rehearse", "--dry-run")
    assert result.code == 0, result.err
    assert "is not called in a plan" in result.err
    assert not (queue.path / "called").exists()
    entry(queue, ", rehearse: true, plan: true")
    assert queue.run("deploy", "--rehearse", "--dry-run").code == 0
    assert (queue.path / "called").read_text() == "plan"
    assert queue.run("resources", "outputs", UID, "--rehearse").code == 2


def test_a_dry_run_takes_what_is_known_of_a_resource(queue: Workspace) -> None:
    entry(queue, ", rehearse: true")
    program(queue, GOOD)
    assert queue.run("deploy", "--rehearse").code == 0
    program(queue, "sys.exit(1)\n")
    result = queue.run("deploy", "--rehearse", "--dry-run")
    assert "1 unchanged" in result.out


def test_secrets_are_not_exported_of_what_was_never_provisioned(queue: Workspace) -> None:
    result = queue.run("export-secrets")
    assert result.code == 2
    assert "is not provisioned yet, and this command calls no provisioner (run generate or deploy first)" in result.err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("uri: cmd://nowhere-to-be-found", "there is no program 'nowhere-to-be-found' on PATH"),
        ("uri: cmd://./score.yaml", "there is no program './score.yaml' at that path, or it may not be executed"),
        ("uri: 'cmd://'", "cmd:// names no program"),
        ("uri: cmd://scripts/a.py", "is neither a program of PATH nor a path (write cmd://./scripts/a.py)"),
        ("uri: cmd://sh, args: [1]", "args are texts (put it in quotes)"),
        ("uri: cmd://sh, args: x", "args has to be a list"),
        ("uri: cmd://sh, env: {A-B: c}", "env has the name 'A-B', which none can have"),
        ("uri: cmd://sh, env: {A: [b]}", "env.A has to be a text"),
        ("uri: cmd://sh, env: {A: '{{ nope }}'}", "env.A: 'nope' is not there"),
        ("uri: cmd://sh, timeout: soon", "timeout is 'soon' (give a duration such as 90s or 5m)"),
        ("uri: cmd://sh, timeout: true", "timeout is True (give a duration such as 90s or 5m)"),
        ("uri: cmd://sh, plan: 'yes'", "plan has to be true or false"),
        ("uri: cmd://sh, headers: {}", "unknown key 'headers'"),
        ("uri: ftp://sh", "the scheme of uri 'ftp://sh' is unknown"),
    ],
)
def test_an_entry_that_is_wrong_is_told_where_it_stands(queue: Workspace, text: str, problem: str) -> None:
    queue.write(".scorefly/queue.provisioners.yaml", f"- {{{text}, type: queue}}\n")
    result = queue.run("generate")
    assert result.code == 2, result.err
    assert result.problems[0].startswith(".scorefly/queue.provisioners.yaml:1:")
    assert problem in result.problems[0]


@pytest.mark.parametrize(
    "uri", ["cmd://./bin/make-queue", "cmd://~/bin/make-queue", "cmd://{home}/bin/make-queue#its-name"]
)
def test_a_path_is_absolute_or_below_home_or_relative_to_the_workspace(queue: Workspace, uri: str) -> None:
    made = queue.write("bin/make-queue", f"#!{sys.executable}\n{HEAD}{GOOD}")
    made.chmod(0o755)
    queue.write(".scorefly/queue.provisioners.yaml", f"- {{uri: '{uri.format(home=queue.path)}', type: queue}}\n")
    result = queue.run("generate", HOME=str(queue.path))
    assert result.code == 0, result.err
    assert outputs(queue)["host"] == "there"


def test_a_resource_that_changes_hands_is_told(queue: Workspace) -> None:
    program(queue, GOOD)
    assert queue.run("generate").code == 0
    queue.write(
        ".scorefly/a.provisioners.yaml",
        "- {uri: static://test/queue, type: queue, outputs: {host: h}, secrets: {password: p}}\n",
    )
    assert f"{UID} was made by cmd://{sys.executable}, and is made by static://test/queue" in queue.run("generate").err
    assert "was made by" not in queue.run("generate").err

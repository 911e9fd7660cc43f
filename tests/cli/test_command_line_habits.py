"""What people type out of habit: short options, help, version, completion, other names of commands and options."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from scorefly import __version__
from scorefly.cli.main import COMMANDS, cli
from scorefly.config.options import OPTIONS
from workspaces import Workspace

# `subtrees` are the arguments of sync.
SHOWN = [option for option in OPTIONS if option.name not in ("environment", "config", "subtrees")]


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-V"]])
def test_version_prints_the_version(workspace: Workspace, words: list[str]) -> None:
    assert workspace.run(*words).out == f"scorefly, version {__version__}\n"


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["help"]])
def test_help_shows_every_description_in_full_at_80_columns(workspace: Workspace, words: list[str]) -> None:
    page = workspace.run(*words, COLUMNS="80").out
    assert all(len(line) <= 80 for line in page.splitlines())
    assert "..." not in page.split("Commands:")[1]
    text = " ".join(page.split())
    for name in COMMANDS:
        command = cli.get_command(None, name)  # type: ignore[arg-type]  # the table needs no context
        assert command is not None
        assert " ".join((command.help or "").split("\n\n")[0].replace("\b", "").split()) in text, name


@pytest.mark.parametrize("words", [["deploy"], ["state", "show"], ["resources"]])
def test_help_of_a_command_is_the_page_of_its_help_option(workspace: Workspace, words: list[str]) -> None:
    assert workspace.run("help", *words).out == workspace.run(*words, "--help").out


def test_options_are_grouped_in_the_help_of_a_command(workspace: Workspace) -> None:
    page = workspace.run("deploy", "-h").out
    headings = [line.removesuffix(":") for line in page.splitlines() if line.endswith("options:")]
    assert headings == [
        f"{group} options" for group in ("Input", "Environment", "Fly", "State", "GitHub", "Cleanup", "Output", "Run")
    ] + ["Other options"]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("flag", ["--debug", "-v", "--verbose"])
def test_debug_is_taken_anywhere_on_the_line(workspace: Workspace, flag: str, at: int) -> None:
    words = ["resources", "list"]
    words.insert(at, flag)
    result = workspace.run(*words)
    assert result.code == 2
    assert "Traceback" in result.err


def test_quiet_shows_the_result_and_no_progress(workspace: Workspace) -> None:
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").err
    quiet = workspace.run("deploy", "--rehearse", "--force", "-q")
    assert (quiet.code, quiet.err) == (0, "")
    assert "1 deployed" in quiet.out


def test_short_options_name_the_file_the_image_and_the_output(workspace: Workspace) -> None:
    workspace.workload("web", image=".", file="deploy/app.yaml")
    result = workspace.run("generate", "-f", "deploy/app.yaml", "-i", "ghcr.io/acme/web:1.4", "-o", "made")
    assert result.code == 0, result.err
    assert "ghcr.io/acme/web:1.4" in (workspace.path / "made/local/web/fly.toml").read_text()
    same = workspace.run("generate", "--score-files", "deploy/app.yaml", "--image", "x:1", "--output", "made")
    assert same.code == 0, same.err


def test_export_secrets_writes_no_score_file_over(workspace: Workspace) -> None:
    """Its --file is the file it writes: -f, which names a Score file elsewhere, is refused."""
    path = workspace.workload("web", file="score.yaml")
    before = path.read_text()
    assert workspace.run("export-secrets", "-f", "score.yaml").code == 2
    assert path.read_text() == before


@pytest.mark.parametrize(
    "words",
    [
        ["validate", "--max-parallel", "3"],
        ["generate", "--force"],
        ["destroy", "--strategy", "rolling"],
        ["state", "show", "--region", "ams"],
        ["provisioners", "list", "--images", "x:1"],
        ["destroy", "--yes", "web.score.yaml"],
    ],
)
def test_an_option_that_a_command_does_not_use_is_refused(workspace: Workspace, words: list[str]) -> None:
    workspace.workload("web")
    before = workspace.tree()
    result = workspace.run(*words)
    assert result.code == 2, result.out
    assert workspace.tree() == before


def test_a_refused_option_names_the_commands_that_use_it(workspace: Workspace) -> None:
    result = workspace.run("validate", "--dry-run")
    assert "`scorefly validate` does not use --dry-run (it is used by: " in result.err
    assert "deploy, cleanup, destroy" in result.err


def test_variables_and_project_keys_of_other_commands_are_fine(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "max-parallel: 2\nstrategy: rolling\npreview-ttl: 3d\n")
    assert workspace.run("validate", SCOREFLY_DRY_RUN="true", SCOREFLY_FORCE="true").code == 0


@pytest.mark.parametrize(
    ("constraint", "meets"),
    [
        (__version__, True),
        (f"={__version__}", True),
        (f"v{__version__}", True),
        (">=0.1", True),
        ("<1", True),
        (">99", False),
        (">=99.1.2", False),
        ("=0.0.1", False),
    ],
)
def test_check_version_compares_with_a_constraint(workspace: Workspace, constraint: str, meets: bool) -> None:
    result = workspace.run("check-version", constraint)
    assert (result.code == 0) is meets, result


def test_check_version_refuses_what_is_no_constraint(workspace: Workspace) -> None:
    result = workspace.run("check-version", "new enough")
    assert result.code == 2
    assert "invalid version constraint 'new enough'" in result.err


def test_resources_get_outputs_is_resources_outputs(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    assert workspace.run("generate").code == 0
    outputs = workspace.run("resources", "get-outputs", "redis.default#web.cache")
    assert json.loads(outputs.out)["port"] == 6379
    assert outputs.out == workspace.run("resources", "outputs", "redis.default#web.cache").out


@pytest.mark.parametrize("words", [["resources", "list"], ["provisioners", "list"], ["state", "show"]])
def test_every_list_is_written_as_json_too(workspace: Workspace, words: list[str]) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    assert workspace.run("generate").code == 0
    assert "redis" in str(json.loads(workspace.run(*words, "--format", "json").out))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_the_shell_can_read(workspace: Workspace, shell: str) -> None:
    script = workspace.run("completion", shell).out
    assert "_SCOREFLY_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=20)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["de"], "deploy"),
        (["deploy", "--strat"], "--strategy"),
        (["deploy", "--strategy", "r"], "rolling"),
        (["state", "u"], "unlock"),
        (["completion", ""], "fish"),
    ],
)
def test_a_shell_is_offered_commands_options_and_values(workspace: Workspace, line: list[str], offered: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scorefly"],
        env={
            "PATH": os.environ["PATH"],
            "_SCOREFLY_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["scorefly", *line]),
            "COMP_CWORD": str(len(line)),
        },
        cwd=workspace.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"plain,{offered}" in done.stdout.splitlines(), done


def test_every_option_is_used_by_a_command_and_shown_in_its_help(workspace: Workspace) -> None:
    assert [option.name for option in SHOWN if not option.commands] == []
    help_of = {
        command: workspace.run(*command.split(), "--help").out for command in {each.commands[0] for each in SHOWN}
    }
    assert [each.name for each in SHOWN if f"--{each.name}" not in help_of[each.commands[0]]] == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("schema", "missing argument NAME, which is one of project, provisioners, plan (run `scorefly schema --help`)"),
        ("completion csh", "invalid argument SHELL: 'csh' is not one of 'bash', 'zsh', 'fish' (run"),
        ("logs", "missing argument WORKLOAD (run `scorefly logs --help`)"),
        ("resources outputs --rehearse", "missing argument UID (run `scorefly resources outputs --help`)"),
        ("status --format xml", "--format: 'xml' is not one of 'table', 'json' (run `scorefly status --help`)"),
        ("deploy --region", "--region: Option '--region' requires an argument (run"),
    ],
)
def test_wrong_arguments_are_named_without_an_option_that_was_not_meant(
    workspace: Workspace, words: str, problem: str
) -> None:
    result = workspace.run(*words.split())
    assert result.code == 2
    assert result.err.removeprefix("error: ").startswith(problem)

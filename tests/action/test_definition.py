"""action.yml, the table of options and the contract say the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from scorefly.config.options import OPTIONS
from scorefly.report.report import Report
from scorefly.ui.outputs import outputs
from workspaces import DATA, REPOSITORY

ADDED = (  # since the contract was written
    *("build", "build-secret-files", "builder", "images-from", "new-state", "replace", "workload", "to"),
    *("subtrees", "fail-fast", "prune", "prune-limit", "source-cache"),
    *("drift", "attempts", "attempt-timeout", "commit-status"),
    *("certificates", "wait-for-certificates", "isolate-previews"),
)


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    return found


def test_every_option_is_an_input_with_its_help(definition: dict[str, Any]) -> None:
    inputs = dict(definition["inputs"])
    inputs.pop("command")
    assert list(inputs) == [option.name for option in OPTIONS]
    assert all(inputs[option.name]["description"].startswith(option.help) for option in OPTIONS)


def test_defaults_stay_in_the_program_for_a_project_file_comes_before_them(definition: dict[str, Any]) -> None:
    assert {name for name, each in definition["inputs"].items() if "default" in each} == {"github-token"}


def test_no_description_holds_an_expression_for_the_runner_would_evaluate_it(definition: dict[str, Any]) -> None:
    assert not [name for name, each in definition["inputs"].items() if "${{" in each["description"]]


def test_every_output_is_defined(definition: dict[str, Any]) -> None:
    assert list(definition["outputs"]) == list(outputs(Report("deploy", "production")))


def test_inputs_that_users_rely_on_have_the_same_names_and_defaults() -> None:
    table = (DATA / "inputs.md").read_text()
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    names = [name for row in rows for name in re.findall(r"`([\w-]+)`", row[1])]
    assert sorted([*names, *ADDED]) == sorted(["command", *(option.name for option in OPTIONS)])
    defaults = {name: re.findall(r"`([^`]+)`", row[2]) for row in rows for name in re.findall(r"`([\w-]+)`", row[1])}
    plain = [option for option in OPTIONS if option.default and option.name not in ("score-files", "org", *ADDED)]
    assert {option.name: option.default for option in plain} == {
        option.name: defaults[option.name][0] for option in plain
    }


def test_the_page_of_options_is_the_table() -> None:
    import runpy

    made = runpy.run_path(str(REPOSITORY / "docs/make_options.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"]()


def test_the_post_step_is_a_program_of_the_image(definition: dict[str, Any]) -> None:
    """The runner starts it by its path, whatever became of the step: without `post-if` that is its rule."""
    runs = definition["runs"]
    assert runs["post-entrypoint"] == "/post-entrypoint.py"
    program = REPOSITORY / "post-entrypoint.py"
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    interpreter = " ".join(re.findall(r'^ENTRYPOINT \["(\S+)", "(-I)"', dockerfile, re.MULTILINE)[0])
    assert program.read_text().startswith(f"#!{interpreter}\n")
    assert program.stat().st_mode & 0o111 == 0o111
    assert re.search(r"^COPY entrypoint\.py post-entrypoint\.py /$", dockerfile, re.MULTILINE)
    assert "!post-entrypoint.py" in (REPOSITORY / ".dockerignore").read_text().splitlines()

"""The section `workloads` of scorefly.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorefly.config.load import load_settings
from scorefly.config.settings import Settings
from scorefly.problems import InputError
from workspaces import Workspace


def _settings(path: Path, text: str, environment: str) -> Settings:
    (path / "scorefly.yaml").write_text(text, encoding="utf-8")
    return load_settings("generate", {"environment": environment}, {}, path, in_action=False)


def test_environment_value_replaces_the_top_level_one_per_workload_and_key(tmp_path: Path) -> None:
    text = """\
workloads:
  web: {count: 2, regions: {ams: 2}}
  api: {count: 1}
environments:
  staging:
    workloads:
      web: {count: 1, regions: }
      job: {regions: {a: {ams: 1}, b: {iad: 2}}, count: {a: 1, b: 2}}
  production: {}
  qa: {workloads: {web: {regions: {iad: 1}}}}
"""
    staging = _settings(tmp_path, text, "staging").workloads
    assert staging["web"].count == {"": 1}
    assert staging["web"].regions == {"": {"ams": 2}}
    assert staging["api"].count == {"": 1}
    assert staging["job"].regions == {"a": {"ams": 1}, "b": {"iad": 2}}
    assert staging["job"].count == {"a": 1, "b": 2}
    assert str(staging["web"].place("count")) == "scorefly.yaml:7:13"
    assert str(staging["web"].place("regions", "ams")) == "scorefly.yaml:2:29"
    assert str(staging["job"].place("builds")) == "scorefly.yaml:8:7"
    production = _settings(tmp_path, text, "production").workloads
    assert set(production) == {"web", "api"}
    assert production["web"].count == {"": 2}
    assert _settings(tmp_path, text, "qa").workloads["web"].regions == {"": {"iad": 1}}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("workloads: [web]", "scorefly.yaml:1:1: workloads: expected a mapping of workload names"),
        ("workloads: {web: 3}", "scorefly.yaml:1:13: workload 'web': expected a mapping"),
        ("workloads: {web: {cuont: 3}}", "scorefly.yaml:1:19: unknown key 'cuont' (did you mean 'count'?)"),
        ("workloads: {web: {count: three}}", "1:19: count: expected a whole number from 1 to 500, not 'three'"),
        ("workloads: {web: {count: 0}}", "1:19: count: expected a whole number from 1 to 500, not 0"),
        ("workloads: {web: {count: -1}}", "1:19: count: expected a whole number from 1 to 500, not -1"),
        ("workloads: {web: {count: true}}", "1:19: count: expected a whole number from 1 to 500, not true"),
        ("workloads: {web: {regions: {ams: 1.5}}}", "1:29: ams: expected a whole number from 1 to 500, not 1.5"),
        ("workloads: {web: {regions: {ams: [1]}}}", "1:29: ams: expected a whole number from 1 to 500, not a list"),
        ("workloads: {web: {regions: [ams, iad]}}", "1:19: regions: expected a mapping of regions"),
        ("workloads: {web: {regions: {}}}", "1:19: regions: the mapping is empty"),
        ("workloads: {web: {regions: {ams: 1, ams: 2}}}", "1:37: key 'ams' is here twice"),
        ("environments: {a: {workloads: {web: {count: x}}}}", "1:38: count: expected a whole number"),
        ("wokloads: {}", "scorefly.yaml:1:1: unknown key 'wokloads' (did you mean 'workloads'?)"),
    ],
)
def test_invalid_entries_are_refused_with_their_place(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        _settings(tmp_path, f"{line}\n", "a")
    assert message in str(error.value)
    assert len(error.value.problems) == 1


def test_unknown_workload_is_a_warning_only_where_all_score_files_were_loaded(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "workloads: {wbe: {count: 2}}\n")
    result = workspace.run("validate")
    assert result.code == 0
    assert "scorefly.yaml:1:13: no workload is called 'wbe' (did you mean 'web'?)" in result.out + result.err
    result = workspace.run("validate", "web.score.yaml")
    assert result.code == 0
    assert "wbe" not in result.out + result.err

"""Many hostile templates are bounded together, when they are compiled and when they are evaluated."""

from __future__ import annotations

import pytest

from workspaces import Workspace

SLOW = "{% for a in range(300) %}{% for b in range(300) %}{% endfor %}{% endfor %}"
LONG = "{{ 1+1 }}" * 10_000
SCORE = "resources: {queue: {type: queue}}\n"


@pytest.mark.parametrize(("command", "leaf", "count"), [("generate", SLOW, 300), ("validate", LONG, 5)])
def test_templates_of_a_run_share_a_number_of_steps(workspace: Workspace, command: str, leaf: str, count: int) -> None:
    workspace.workload("web", SCORE)
    leaves = "".join(f"    key{number}: '{leaf}{number}'\n" for number in range(count))
    workspace.write(".scorefly/q.provisioners.yaml", f"- uri: template://q\n  type: queue\n  outputs:\n{leaves}")
    result = workspace.run(command)
    assert result.code == 2
    assert ".scorefly/q.provisioners.yaml:" in result.err
    assert "the templates are too slow: all of this run together take more than 4000000 steps" in result.err


def test_hundreds_of_ordinary_templates_are_within_the_bounds(workspace: Workspace) -> None:
    workspace.workload("web", SCORE)
    leaf = "{% for a in range(20) %}{{ params.size or 10 }}-{{ name }}{% endfor %}"
    leaves = "".join(f"    key{number}: '{leaf}{number}'\n" for number in range(500))
    workspace.write(".scorefly/q.provisioners.yaml", f"- uri: template://q\n  type: queue\n  outputs:\n{leaves}")
    result = workspace.run("generate")
    assert result.code == 0, result.err

"""An answer of a provisioner that is nested too deeply does not lose what it made."""

from __future__ import annotations

import pytest

from workspaces import Workspace

PROGRAM = """\
import sys
sys.stdin.read()
print('{"state": {"id": "made-1"}, "values": {"host": "h.example", "deep": ' + "[" * %d + "]" * %d + "}}")
"""


@pytest.mark.parametrize("levels", [101, 500, 900])
def test_state_beside_a_deep_value_is_kept(workspace: Workspace, levels: int) -> None:
    workspace.write("make.py", PROGRAM % (levels, levels))
    workspace.write(".scorefly/a.provisioners.yaml", "- {uri: 'cmd://python3', type: thing, args: [make.py]}\n")
    workspace.workload("web", "resources: {thing: {type: thing}}\n")
    result = workspace.run("generate")
    assert result.code == 1
    assert "values in its output is nested deeper than 100 levels" in result.err
    shown = workspace.run("state", "show").out
    assert "id: '***'" in shown
    assert "host: h.example" in shown

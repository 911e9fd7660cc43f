"""Files with nothing but comments: they say nothing, and are no mistake where that is a way to begin."""

from __future__ import annotations

import pytest

from workspaces import Workspace

CONTENT = ["", "# app-prefix: acme-\n", "---\n# nothing yet\n"]


@pytest.mark.parametrize("content", CONTENT, ids=["empty", "comment", "document of comments"])
@pytest.mark.parametrize("name", ["scorefly.yaml", ".scorefly/own.provisioners.yaml", "override.yaml"])
def test_nothing_is_said_in_a_file_of_comments(workspace: Workspace, name: str, content: str) -> None:
    workspace.workload("web")
    workspace.write(name, content)
    options = ("--overrides-file", name) if name == "override.yaml" else ()
    result = workspace.run("validate", *options)
    assert (result.code, result.problems) == (0, []), result.err


@pytest.mark.parametrize("content", CONTENT, ids=["empty", "comment", "document of comments"])
def test_score_file_has_to_say_something(workspace: Workspace, content: str) -> None:
    workspace.write("score.yaml", content)
    result = workspace.run("validate")
    assert result.problems == ["score.yaml:1:1: the document is empty, and has to be a mapping"]

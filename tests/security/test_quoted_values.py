"""Values of private options are not quoted in errors."""

from __future__ import annotations

import pytest

from workspaces import Workspace


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--build-secrets", "canary+value/with=padding"),
        ("--build-secrets", "A=1\ncanary-second-line=="),
        ("--build-secrets", "canary-without-separator"),
        ("--secrets", '{"canary-key!": 1}'),
        ("--secrets", '{"canary": '),
        ("--secrets", "canary"),
    ],
)
def test_invalid_private_value_is_refused_without_being_quoted(workspace: Workspace, option: str, value: str) -> None:
    workspace.workload("web")
    name = option.removeprefix("--").replace("-", "_").upper()
    result = workspace.run("deploy", "--rehearse", **{f"SCOREFLY_{name}": value})
    assert result.code == 2, result.err
    assert option.removeprefix("--") in result.err
    assert "canary" not in result.out + result.err

"""A secret that is asked for and has no value is an error that says why."""

from __future__ import annotations

import pytest

from workspaces import Workspace

BODY = """\
    variables: {A: "${resources.key.value}"}
resources: {key: {type: secret, params: {name: API_KEY}}}
"""


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ("{}", "secret API_KEY is not set"),
        ("{}", "gh secret set API_KEY"),
        ('{"API_KEY": null}', "secret API_KEY is not set"),
        ('{"API_KEY": ""}', "secret API_KEY is empty"),
        ('{"api_key": "x"}', "did you mean 'api_key'?"),
    ],
)
def test_secret_without_a_value_is_not_deployed(workspace: Workspace, secrets: str, words: str) -> None:
    workspace.workload("web", BODY)
    result = workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS=secrets)
    assert result.code == 2
    assert words in result.err


def test_validate_needs_no_secret(workspace: Workspace) -> None:
    workspace.workload("web", BODY)
    assert workspace.run("validate", SCOREFLY_SECRETS='{"API_KEY": null}').code == 0

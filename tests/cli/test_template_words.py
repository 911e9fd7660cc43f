"""What a template can say beside outputs and apps: that it refuses, that it warns, and what its peers keep."""

from __future__ import annotations

import json
import re

import pytest

from workspaces import Workspace

LISTS = """\
- uri: template://acme/list
  type: list
  state: {item: "{{ params.item }}"}
  outputs: {seen: "{{ peers.states.values() | map(attribute='item') | join(',') }}"}
  apps:
    server:
      app: lists
      build: {image: "nginx:1.27"}
      env: {ITEMS: "{{ peers.params.values() | map(attribute='item') | join(',') }}"}
"""


def asks(workspace: Workspace, workload: str, item: str) -> None:
    workspace.workload(workload, f"resources: {{mine: {{type: list, params: {{item: {item}}}}}}}\n")


def test_an_app_that_names_itself_is_one_for_all_and_knows_all(workspace: Workspace) -> None:
    workspace.write(".scorefly/list.provisioners.yaml", LISTS)
    asks(workspace, "aa", "one")
    asks(workspace, "bb", "two")
    assert workspace.run("deploy", "--rehearse", "--app-prefix", "acme-", "--app-suffix", "-x").code == 0
    assert sorted(workspace.world["apps"]) == ["acme-aa-x", "acme-bb-x", "acme-lists-x"]
    assert workspace.toml("acme-lists-x")["env"]["ITEMS"] == "one,two"
    asks(workspace, "aa", "three")
    assert (
        workspace.run("generate", "--rehearse", "--app-prefix", "acme-", "--app-suffix", "-x", "aa.score.yaml").code
        == 0
    )
    assert workspace.toml("acme-lists-x")["env"]["ITEMS"] == "three,two"


def test_apps_of_two_provisioners_are_never_one(workspace: Workspace) -> None:
    other = LISTS.replace("acme/list", "acme/other").replace("type: list", "type: other")
    workspace.write(".scorefly/list.provisioners.yaml", LISTS + other)
    workspace.workload("aa", "resources: {x1: {type: list, params: {item: a}}, x2: {type: other, params: {item: b}}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 2
    assert "two apps would be called 'lists'" in result.problems[0]


def test_what_a_secret_was_asked_of_a_peer_stays_secret(workspace: Workspace) -> None:
    workspace.write(".scorefly/list.provisioners.yaml", LISTS)
    workspace.workload(
        "aa",
        "resources: {key: {type: secret, params: {name: K}}, "
        'mine: {type: list, params: {item: "${resources.key.value}"}}}\n',
    )
    asks(workspace, "bb", "two")
    secrets = {"SCOREFLY_SECRETS": json.dumps({"K": "s3cret-s3cret"})}
    assert workspace.run("deploy", "--rehearse", **secrets).code == 0
    assert "env" not in workspace.toml("lists")
    assert "s3cret-s3cret,two" in workspace.run("export-secrets", "--app", "lists", "--rehearse", **secrets).out
    assert workspace.run("resources", "outputs", "list.default#bb.mine", "--rehearse").out.count("***") == 1


def test_a_template_refuses_and_warns_where_the_resource_is_asked_for(workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/words.provisioners.yaml",
        """\
        - uri: template://acme/words
          type: words
          refuse: "{{ 'it has to be small' if params.size > 3 }}"
          warn: "{{ 'three is almost too large' if params.size == 3 }}"
          outputs: {size: "{{ params.size }}"}
        """,
    )
    sizes = "\n".join(f"  size{size}: {{type: words, params: {{size: {size}}}}}" for size in (2, 3))
    workspace.workload("web", f"resources:\n{sizes}\n")
    result = workspace.run("validate")
    assert result.code == 0
    assert "warning: web.score.yaml:8:3: words.default#web.size3: three is almost too large" in result.err
    assert "size2" not in result.err
    workspace.workload("web", "resources:\n  size4: {type: words, params: {size: 4}}\n")
    result = workspace.run("validate")
    assert result.code == 2
    assert result.problems == ["web.score.yaml:7:3: words.default#web.size4: it has to be small"]


def test_a_warning_with_a_secret_in_it_is_an_error_that_does_not_show_it(workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/words.provisioners.yaml",
        '- {uri: "template://acme/words", type: words, warn: "look: {{ secrets.K }}"}\n',
    )
    workspace.workload("web", "resources: {it: {type: words}}\n")
    result = workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS=json.dumps({"K": "s3cret-s3cret"}))
    assert result.code == 2
    assert "warn is printed, and reads something secret" in result.problems[0]
    assert "s3cret-s3cret" not in result.err


@pytest.mark.parametrize(
    ("vm", "shown"),
    [
        ("{memory: 3gb}", "shared-cpu-2x, 3072 MB"),
        ("{memory: 300}", "shared-cpu-1x, 512 MB"),
        ("{size: shared-cpu-4x}", "shared-cpu-4x, 1024 MB"),
        ("{size: shared-cpu-1x, memory: 512mb}", "shared-cpu-1x, 512 MB"),
    ],
)
def test_memory_alone_is_the_smallest_machine_that_has_it(workspace: Workspace, vm: str, shown: str) -> None:
    workspace.write(".scorefly/list.provisioners.yaml", LISTS + f"      vm: [{vm}]\n")
    asks(workspace, "aa", "one")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    assert re.search(rf"^lists +created +{shown} +ams( +[\d.]+)?$", result.out, re.MULTILINE)

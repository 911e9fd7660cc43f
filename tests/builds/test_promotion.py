"""`images-from`: an environment runs the images of another one."""

from __future__ import annotations

from workspaces import Workspace

CONTAINERS = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
containers:
  main: {image: ., variables: {A: a}}
  side: {image: ., variables: {A: b}}
"""


def test_every_container_gets_the_image_of_its_name(workspace: Workspace) -> None:
    workspace.write("score.yaml", CONTAINERS)
    given = ("--images", "web.main=nginx:1.27", "--images", "web.side=redis:7.4")
    assert (
        workspace.run("deploy", "--rehearse", "--environment", "staging", "--app-suffix", "-staging", *given).code == 0
    )
    result = workspace.run("plan", "--rehearse", "--images-from", "staging")
    assert result.code == 0, result.err
    assert workspace.toml("web")["build"] == {"image": "nginx:1.27"}
    assert '"redis:7.4"' in (workspace.path / ".scorefly/out/local/web/machine.json").read_text()


def test_image_given_by_name_comes_first(workspace: Workspace) -> None:
    workspace.workload("web", image=".")
    assert workspace.run("deploy", "--rehearse", "--environment", "staging", "--images", "nginx:1.27").code == 0
    assert workspace.run("generate", "--rehearse", "--images-from", "staging").code == 0
    assert workspace.toml("web")["build"] == {"image": "nginx:1.27"}
    result = workspace.run("generate", "--rehearse", "--images-from", "staging", "--images", "web=nginx:1.28")
    assert result.code == 0
    assert workspace.toml("web")["build"] == {"image": "nginx:1.28"}

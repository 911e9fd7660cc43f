"""Every input a user can get wrong: exit 2, a place, words, and nothing changed."""

from __future__ import annotations

import re

import pytest

from workspaces import Workspace

HEAD = "apiVersion: score.dev/v1b1\nmetadata: {name: web}\ncontainers:\n  main:\n    image: nginx\n"
PROVISIONERS = ".scorefly/x.provisioners.yaml"

# name, files, arguments, where the first problem is, and words of it
CASES: list[tuple[str, dict[str, str], tuple[str, ...], str, str]] = [
    ("no yaml", {"score.yaml": "a: [1\n"}, (), "score.yaml:2:1", "this is not valid YAML"),
    ("a tab", {"score.yaml": "a:\n\tb: 1\n"}, (), "score.yaml:2:1", "tabs are not allowed in YAML"),
    ("a list", {"score.yaml": "- a\n"}, (), "score.yaml:1:1", "has to be a mapping"),
    ("empty", {"score.yaml": ""}, (), "score.yaml:1:1", "has to be a mapping"),
    ("two documents", {"score.yaml": HEAD + "---\na: 1\n"}, (), "score.yaml:6:1", "a second document"),
    (
        "a key twice",
        {"score.yaml": HEAD + "metadata: {name: x}\n"},
        (),
        "score.yaml:6:1",
        "is here twice, first in line 2",
    ),
    ("an object", {"score.yaml": "a: !!python/object:os.system x\n"}, (), "score.yaml:1:4", "tag"),
    ("deep nesting", {"score.yaml": "a: " + "[" * 5000 + "]" * 5000}, (), "score.yaml:1:", "nested deeper"),
    (
        "a wrong type",
        {"score.yaml": HEAD.replace("image: nginx", "image: 5")},
        (),
        "score.yaml:5:5",
        "has to be a text",
    ),
    ("an unknown key", {"score.yaml": HEAD + "    imagee: x\n"}, (), "score.yaml:6:5", "did you mean 'image'?"),
    (
        "no image",
        {"score.yaml": HEAD.replace("    image: nginx\n", "    args: []\n")},
        (),
        "score.yaml:4:3",
        "image is missing",
    ),
    ("a bad name", {"score.yaml": HEAD.replace("name: web", 'name: "web\\n"')}, (), "score.yaml:2:12", "invalid value"),
    (
        "a foreign digit",
        {"score.yaml": HEAD + '    resources: {limits: {cpu: "٣"}}\n'},
        (),
        "score.yaml:6:26",
        "whole or fractional",
    ),
    (
        "an unknown resource",
        {"score.yaml": HEAD + '    variables: {A: "${resources.nope.x}"}\n'},
        (),
        "score.yaml:6:17",
        "no resource is called 'nope'",
    ),
    (
        "an unknown output",
        {"score.yaml": HEAD + '    variables: {A: "${resources.name.hots}"}\nresources: {name: {type: dns}}\n'},
        (),
        "score.yaml:6:17",
        "did you mean 'host'?",
    ),
    (
        "an unknown root",
        {"score.yaml": HEAD + '    variables: {A: "${resource.x}"}\n'},
        (),
        "score.yaml:6:17",
        "did you mean 'resources'?",
    ),
    (
        "unknown metadata",
        {"score.yaml": HEAD + '    variables: {A: "${metadata.nme}"}\n'},
        (),
        "score.yaml:6:17",
        "there is no 'metadata.nme'",
    ),
    (
        "a cycle",
        {
            "score.yaml": HEAD + "resources:\n"
            '  one: {type: volume, params: {name: "${resources.two.source}"}}\n'
            '  two: {type: volume, params: {name: "${resources.one.source}"}}\n'
        },
        (),
        "score.yaml:7:3",
        "volume.default#web.one -> volume.default#web.two -> volume.default#web.one",
    ),
    (
        "one name twice",
        {"a.score.yaml": HEAD, "b.score.yaml": HEAD},
        (),
        "b.score.yaml:2:12",
        "already, at a.score.yaml:2:12",
    ),
    (
        "no provisioner",
        {"score.yaml": HEAD + "resources: {x1: {type: nope}}\n"},
        (),
        "score.yaml:6:13",
        "no provisioner",
    ),
    (
        "params that differ",
        {
            "a.score.yaml": HEAD + "resources: {db: {type: volume, id: one, params: {size_gb: 1}}}\n",
            "b.score.yaml": HEAD.replace("web", "zwei")
            + "resources: {db: {type: volume, id: one, params: {size_gb: 2}}}\n",
        },
        (),
        "b.score.yaml:6:41",
        "params differ from those at",
    ),
    (
        "an option of other commands",
        {"score.yaml": HEAD},
        ("--max-parallel", "3"),
        "--max-parallel",
        "`scorefly generate` does not use --max-parallel",
    ),
    ("a long app name", {"score.yaml": HEAD}, ("--app-prefix", "x" * 61), "score.yaml:2:12", "has 64 characters"),
    ("a bad prefix", {"score.yaml": HEAD}, ("--app-prefix", "A_"), "--app-prefix", "lower-case"),
    (
        "a source outside",
        {"score.yaml": HEAD + "    files: {/x: {source: ../x}}\n"},
        (),
        "score.yaml:6:18",
        "outside the workspace",
    ),
    (
        "an absolute source",
        {"score.yaml": HEAD + "    files: {/x: {source: /etc/passwd}}\n"},
        (),
        "score.yaml:6:18",
        "no relative path",
    ),
    (
        "no such source",
        {"score.yaml": HEAD + "    files: {/x: {source: x}}\n"},
        (),
        "score.yaml:6:18",
        "there is no file",
    ),
    (
        "a relative target",
        {"score.yaml": HEAD + "    files: {x: {content: y}}\n"},
        (),
        "score.yaml:6:13",
        "cannot be mounted",
    ),
    ("no base64", {"score.yaml": HEAD + "    files: {/x: {binaryContent: '?'}}\n"}, (), "score.yaml:6:18", "no base64"),
    (
        "a placeholder in a source",
        {"score.yaml": HEAD + "    files: {/x: {source: x}}\n", "x": "one\n  ${resources.a.b}\n"},
        (),
        "x:2:3",
        "no resource is called 'a'",
    ),
    (
        "a volume's name",
        {"score.yaml": HEAD + "    volumes: {/x: {source: My Data}}\n"},
        (),
        "score.yaml:6:15",
        "'my_data'",
    ),
    (
        "two volumes",
        {"score.yaml": HEAD + "    volumes: {/x: {source: x}, /y: {source: y}}\n"},
        (),
        "score.yaml:6:32",
        "one volume at most",
    ),
    ("a bad image", {"score.yaml": HEAD.replace("nginx", "Nginx latest")}, (), "score.yaml:5:5", "no image reference"),
    ("no image to build", {"score.yaml": HEAD.replace("nginx", ".")}, (), "score.yaml:5:5", "there is no Dockerfile"),
    (
        "no second image to build",
        {"score.yaml": HEAD + "  two: {image: .}\n"},
        (),
        "score.yaml:6:9",
        "there is no Dockerfile",
    ),
    (
        "a container before itself",
        {"score.yaml": HEAD + "    before: {main: {ready: started}}\n"},
        (),
        "score.yaml:6:14",
        "before itself",
    ),
    (
        "a container before nobody",
        {"score.yaml": HEAD + "    before: {db: {ready: started}}\n"},
        (),
        "score.yaml:6:14",
        "which there is not",
    ),
    (
        "containers in a circle",
        {
            "score.yaml": HEAD
            + "    before: {two: {ready: started}}\n"
            + "  two: {image: x, before: {main: {ready: started}}}\n"
        },
        (),
        "score.yaml:",
        "containers wait for each other",
    ),
    (
        "an annotation nobody knows",
        {"score.yaml": HEAD.replace("{name: web}", "{name: web, annotations: {scorefly/stratgy: canary}}")},
        (),
        "score.yaml:2:37",
        "did you mean 'scorefly/strategy'",
    ),
    (
        "an annotation of another kind",
        {"score.yaml": HEAD.replace("{name: web}", "{name: web, annotations: {scorefly/restart-retries: many}}")},
        (),
        "score.yaml:2:37",
        "must be a whole number",
    ),
    (
        "too large",
        {"score.yaml": HEAD + "    resources: {requests: {memory: 1Ti}}\n"},
        (),
        "score.yaml:6:5",
        "the largest Machine is performance-16x",
    ),
    (
        "larger than a number can be",
        {"score.yaml": HEAD + f"    resources: {{requests: {{cpu: '{'9' * 5000}'}}}}\n"},
        (),
        "score.yaml:6:5",
        "larger than any Machine",
    ),
    (
        "larger than a float can be",
        {"score.yaml": HEAD + f"    resources: {{requests: {{cpu: '{'9' * 500}'}}}}\n"},
        (),
        "score.yaml:6:5",
        "more than a billion CPUs",
    ),
    (
        "a file at the root",
        {"score.yaml": HEAD + "    files: {/.: {content: x}}\n"},
        (),
        "score.yaml:6:13",
        "cannot be mounted",
    ),
    (
        "a volume at the root",
        {"score.yaml": HEAD + "    volumes: {/.: {source: x}}\n"},
        (),
        "score.yaml:6:15",
        "cannot be mounted",
    ),
    (
        "a source that is too long",
        {"score.yaml": HEAD + f"    files: {{/a: {{source: {'x' * 5000}}}}}\n"},
        (),
        "score.yaml:6:18",
        "there is no file",
    ),
    (
        "a probe with a path nobody can ask for",
        {"score.yaml": HEAD + '    readinessProbe: {httpGet: {path: "/\\u0007", port: 80}}\n'},
        (),
        "score.yaml:6:32",
        "is no path",
    ),
    (
        "a secret with half a character",
        {"score.yaml": HEAD},
        ("--secrets", '{"A": "\\ud800"}'),
        "--secrets",
        "half a character",
    ),
    (
        "an unknown scheme",
        {"score.yaml": HEAD, PROVISIONERS: "- {uri: ftp://x, type: y}\n"},
        (),
        f"{PROVISIONERS}:1:4",
        "is unknown",
    ),
    (
        "an unknown provisioner key",
        {"score.yaml": HEAD, PROVISIONERS: "- {uri: static://x, type: y, output: {}}\n"},
        (),
        f"{PROVISIONERS}:1:30",
        "did you mean 'outputs'?",
    ),
    (
        "a bad template",
        {
            "score.yaml": HEAD + "resources: {x1: {type: y1}}\n",
            PROVISIONERS: '- {uri: template://x, type: y1, outputs: {a: "{{ b }}"}}\n',
        },
        (),
        f"{PROVISIONERS}:1:43",
        "'b' is not there",
    ),
    (
        "an output that was promised",
        {
            "score.yaml": HEAD + "resources: {x1: {type: y1}}\n",
            PROVISIONERS: "- {uri: static://x, type: y1, expected_outputs: [a]}\n",
        },
        (),
        f"{PROVISIONERS}:1:3",
        "no output a",
    ),
    (
        "no such provisioner file",
        {"score.yaml": HEAD},
        ("--provisioners", "x.yaml"),
        "--provisioners",
        "there is no provisioner file",
    ),
    (
        "an unknown workload",
        {"score.yaml": HEAD + "resources: {x1: {type: service, params: {workload: nope}}}\n"},
        (),
        "score.yaml:6:13",
        "no workload is called 'nope'; there are: web",
    ),
    (
        "a missing GitHub secret",
        {"score.yaml": HEAD + "resources: {x1: {type: secret, params: {name: NOPE}}}\n"},
        (),
        "score.yaml:6:13",
        "secret NOPE is not set",
    ),
    (
        "a route to nowhere",
        {"score.yaml": HEAD + "resources: {x1: {type: route, params: {port: web}}}\n"},
        (),
        "score.yaml:6:40",
        "'web'",
    ),
    ("secrets that are no object", {"score.yaml": HEAD}, ("--secrets", "[1]"), "--secrets", "no JSON object"),
    (
        "secrets that are no JSON",
        {"score.yaml": HEAD},
        ("--secrets", '{"A":\n tr0ub4dor'),
        "--secrets",
        "is not JSON: Expecting value at line 2, column 2",
    ),
    ("a bad choice", {"score.yaml": HEAD}, ("--unsupported", "wran"), "--unsupported", "did you mean 'warn'?"),
    (
        "a bad number",
        {"score.yaml": HEAD, "scorefly.yaml": "max-parallel: many\n"},
        (),
        "scorefly.yaml:1:1",
        "whole number",
    ),
    ("a bad time", {"score.yaml": HEAD}, ("--lock-timeout", "soon"), "--lock-timeout", "duration"),
    ("a bad truth", {"score.yaml": HEAD}, ("--rehearse=perhaps",), "--rehearse", "true or false"),
    ("a bad environment", {"score.yaml": HEAD}, ("--environment", "../x"), "--environment", "letters"),
    ("a bad region", {"score.yaml": HEAD}, ("--region", "Amsterdam"), "--region", "three letters"),
    ("an unknown option", {"score.yaml": HEAD}, ("--nope",), "--nope", "no such option"),
    ("no such file", {"score.yaml": HEAD}, ("nope.yaml",), "--score-files", "there is no Score file 'nope.yaml'"),
    ("no file at all", {"x.yaml": HEAD}, (), "--score-files", "scorefly init"),
    ("no such project file", {"score.yaml": HEAD}, ("--config", "x.yaml"), "--config", "no project file"),
    (
        "an unknown project key",
        {"score.yaml": HEAD, "scorefly.yaml": "regoin: ams\n"},
        (),
        "scorefly.yaml:1:1",
        "did you mean 'region'?",
    ),
    (
        "a secret in a file",
        {"score.yaml": HEAD, "scorefly.yaml": "fly-api-token: x\n"},
        (),
        "scorefly.yaml:1:1",
        "does not belong",
    ),
    (
        "an override of nothing",
        {"score.yaml": HEAD},
        ("--override-property", "x"),
        "--override-property",
        "has no `=`",
    ),
    (
        "an index that is not there",
        {"score.yaml": HEAD},
        ("--override-property", "containers.main.image.x=1"),
        "--override-property",
        "no mapping and no list",
    ),
    (
        "an override that breaks the schema",
        {"score.yaml": HEAD},
        ("--override-property", "containers.main.image=[1]"),
        "--override-property",
        "has to be a text",
    ),
    ("a bad key", {"score.yaml": HEAD}, ("--state-key", "tr0ub4dor"), "--state-key", "key 1 is no Fernet key"),
]


@pytest.mark.parametrize(
    ("files", "arguments", "place", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_it_ends_with_a_place_and_changes_nothing(
    workspace: Workspace, files: dict[str, str], arguments: tuple[str, ...], place: str, words: str
) -> None:
    for name, text in files.items():
        path = workspace.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    before = workspace.tree()
    result = workspace.run("generate", "--rehearse", *arguments)
    assert result.code == 2, result
    assert result.problems, result.err
    assert result.problems[0].startswith(place), result.err
    assert words in result.problems[0]
    assert "Traceback" not in result.err
    assert "tr0ub4dor" not in result.err + result.out
    assert workspace.tree() == before
    assert (workspace.path / ".scorefly").exists() == any(name.startswith(".scorefly/") for name in files)


def test_all_problems_of_all_files_come_in_one_run(workspace: Workspace) -> None:
    workspace.write("a.score.yaml", HEAD + "    nope: 1\n    nada: 2\n")
    workspace.write("b.score.yaml", "x: [\n")
    workspace.write(PROVISIONERS, "- {uri: nope://x, type: y}\n")
    found = [re.split(r":(?=\d)", line)[0] for line in workspace.run("validate").problems]
    assert found == ["a.score.yaml", "a.score.yaml", "b.score.yaml", PROVISIONERS]


def test_what_fly_cannot_give_may_pass_with_a_warning(workspace: Workspace) -> None:
    workspace.write("score.yaml", HEAD + "    volumes: {/x: {source: x, readOnly: true}}\n")
    assert workspace.run("generate").code == 2
    result = workspace.run("generate", "--unsupported", "warn")
    assert result.code == 0
    assert (
        "warning: score.yaml:6:15: readOnly: Fly mounts volumes for reading and writing; it is left out" in result.err
    )


def test_a_fault_of_our_own_shows_no_traceback_unless_asked(workspace: Workspace) -> None:
    workspace.write("score.yaml", HEAD)
    (workspace.path / ".scorefly").write_text("a file where a folder must be")
    result = workspace.run("generate")
    assert result.code == 1
    assert "Traceback" not in result.err

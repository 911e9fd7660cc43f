"""A secret that a template reads is in no error, no artefact and no state, however the template is written."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace

SECRET = "aardvark-7f3e9c51"
DECODED = "pa ss/word-77"
URL = "postgres://user:pa%20ss%2Fword-77@hidden-host.example:5432/name"
SECRETS = json.dumps({"X": SECRET, "URL": URL})


def provisioner(workspace: Workspace, body: str, resource: str = "{type: thing}", variables: str = "") -> None:
    """A workload with one resource that an entry with `body` provisions."""
    workspace.workload("web", f"{variables}resources:\n  thing: {resource}\n")
    workspace.write(".scorefly/thing.provisioners.yaml", "- uri: template://test/thing\n  type: thing\n" + body)


def shown(workspace: Workspace, *command: str) -> tuple[int, str]:
    """The exit status of a run, and all that it shows and writes but the Score files."""
    result = workspace.run("--debug", *command, SCOREFLY_SECRETS=SECRETS)
    written = "".join(
        text.decode("latin-1") for name, text in workspace.tree().items() if name.startswith(".scorefly/out")
    )
    return result.code, result.out + result.err + written


@pytest.mark.parametrize(
    "expression",
    [
        "{{ find_workload(url_parts(secrets.URL).password) }}",
        "{{ find_port(url_parts(secrets.URL).password, 1) }}",
        "{{ find_port('web', secrets.X | upper) }}",
        "{{ find_secret(secrets.X | upper) }}",
        "{{ find_secrets(secrets.X | upper) }}",
        "{{ find_workload(url_parts(find_secret('URL')).password) }}",
        "{{ int(secrets.X | upper) }}",
        "{{ params[secrets.X | upper] }}",
        "{{ params[secrets.X | upper].more }}",
        "{{ (secrets.X | upper) + 1 }}",
        "{{ secrets.X.format(1, **{}) .nope }}",
        "{{ ('%d' ~ '') % (secrets.X | upper) }}",
        "{{ random_password(secrets.X | upper) }}",
        "{{ {}[secrets.X | upper] }}",
        "{{ state.kept.nope }}",
        "{{ range(0, secrets.X | upper) | list }}",
    ],
)
def test_error_of_expression_that_reads_secret_shows_no_value(workspace: Workspace, expression: str) -> None:
    provisioner(
        workspace, f"""  state: {{kept: "{{{{ secrets.X | upper }}}}"}}\n  outputs:\n    out: "{expression}"\n"""
    )
    code, text = shown(workspace, "generate", "--rehearse")
    assert code == 2, text
    assert ".scorefly/thing.provisioners.yaml:5:" in text
    assert not [value for value in (SECRET, SECRET.upper(), DECODED, DECODED.upper()) if value in text]


def test_error_of_expression_that_reads_secret_says_why_value_is_hidden(workspace: Workspace) -> None:
    provisioner(workspace, """  outputs: {out: "{{ find_workload(url_parts(secrets.URL).host) }}"}\n""")
    _, text = shown(workspace, "generate", "--rehearse")
    assert "unknown workload (the value is hidden because the expression reads a secret)" in text


LAUNDERED = {
    "mapping keys": """{{ {secrets.X: 1} }}""",
    "numbers of empty lists": """{% set ns = namespace(l=[]) %}{% for c in secrets.X %}[]{% endfor %}""",
    "one list for each character": """{{ secrets.X | map('list') | list }}""",
    "empty lists": """{{ [[]] * (secrets.X | length) }}""",
    "empty mappings": """{{ [{}] * (secrets.X | length) }}""",
    "empty list or mapping": """{{ [] if secrets.X[0] == 'a' else {} }}""",
    "is defined": """{{ secrets.X is defined }}""",
    "comparison": """{{ secrets.X[0] == 'a' }}""",
    "condition": """{% if secrets.X[0] == 'a' %}yes{% else %}no{% endif %}""",
    "loop index": """{% for c in secrets.X %}{{ loop.index }}{% endfor %}""",
    "namespace": """{% set ns = namespace(v=0) %}{% for c in secrets.X %}{% set ns.v = ns.v + 1 %}{% endfor %}{{ ns.v }}""",
    "macro": """{% macro m(x) %}{{ x }}{% endmacro %}{{ m(secrets.X) }}""",
    "set block": """{% set x %}{{ secrets.X }}{% endset %}{{ x }}""",
    "filter block": """{% filter upper %}{{ secrets.X }}{% endfilter %}""",
    "groupby": """{{ [{'a': secrets.X}] | groupby('a') | list }}""",
    "tojson": """{{ {'a': secrets.X} | tojson }}""",
    "format": """{{ '%s' | format(secrets.X) }}""",
    "concatenation": """{{ 'a' ~ secrets.X }}""",
    "multiplication": """{{ 'a' * (secrets.X | length) }}""",
    "state": """{{ state.flag }}""",
    "keys of state": """{{ state.names }}""",
    "shared": """{{ shared.flag }}""",
    "shared is defined": """{{ shared.gone is defined }}""",
}  # fmt: skip


@pytest.mark.parametrize("expression", LAUNDERED.values(), ids=LAUNDERED)
def test_what_is_derived_from_secret_is_secret(workspace: Workspace, expression: str) -> None:
    body = f"""  state:
    flag: "{{{{ secrets.X[0] == 'a' }}}}"
    names: "{{{{ {{secrets.X: []}} }}}}"
  shared:
    flag: "{{{{ [[]] * (secrets.X | length) }}}}"
    gone: "{{{{ none if secrets.X[0] == 'a' else 1 }}}}"
  outputs:
    out: "{expression}"
"""
    variables = "    variables: {OUT: '${resources.thing.out}'}\n"
    provisioner(workspace, body, variables=variables)
    code, text = shown(workspace, "deploy", "--rehearse")
    assert code == 0, text
    assert "OUT" not in workspace.toml("web").get("env", {})
    outputs = workspace.run("resources", "outputs", "thing.default#web.thing", "--rehearse", "--json")
    assert SECRET not in text + outputs.out


@pytest.mark.parametrize("part", ["outputs", "secrets", "state", "shared"])
def test_names_that_depend_on_secret_are_refused(workspace: Workspace, part: str) -> None:
    provisioner(workspace, f"""  {part}: "{{{{ {{secrets.X: 1}} }}}}"\n""")
    code, text = shown(workspace, "generate", "--rehearse")
    assert code == 2
    assert f"{part} has names that depend on a secret" in text
    assert ".scorefly/thing.provisioners.yaml:3:" in text
    assert SECRET not in text


def test_mapping_with_written_names_keeps_them(workspace: Workspace) -> None:
    body = """  secrets: "{{ url_parts(secrets.URL) }}"\n  state: "{{ {'kept': secrets.X} }}"\n"""
    provisioner(workspace, body, variables="    variables: {HOST: '${resources.thing.host}'}\n")
    code, text = shown(workspace, "deploy", "--rehearse")
    assert code == 0, text


SIDE = """  apps:
    side:
      build: {image: "redis:7"}
"""


@pytest.mark.parametrize(
    "line",
    [
        "primary_region: '{{ secrets.X | upper }}'",
        "vm: [{memory: '{{ secrets.X | upper }}'}]",
        "vm: [{size: '{{ secrets.X | upper }}'}]",
        "mounts: [{source: data, destination: /data, initial_size: '{{ secrets.X | upper }}'}]",
        "mounts: [{source: '{{ secrets.X | upper }}', destination: /data}]",
        "mounts: [{source: data, destination: '{{ secrets.X | upper }}'}]",
        "experimental: {cmd: ['{{ secrets.X | upper }}']}",
        'services: "{{ [{}] * (secrets.X | length) }}"',
        'env: "{{ {secrets.X | upper: 1} }}"',
        'secrets: "{{ {secrets.X | upper: 1} }}"',
    ],
)
def test_secret_in_config_of_resource_app_is_refused(workspace: Workspace, line: str) -> None:
    provisioner(workspace, f"{SIDE}      {line}\n")
    code, text = shown(workspace, "generate", "--rehearse")
    assert code == 2, text
    assert ".scorefly/thing.provisioners.yaml:4:" in text
    assert SECRET.upper() not in text


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("{type: route, params: {port: '${resources.pw.value}'}}", "port"),
        ("{type: route, params: {host: 'a-${resources.pw.value}', port: 80}}", "host"),
        ("{type: route, params: {path: '/${resources.pw.value}', port: 80}}", "path"),
        ("{type: service, params: {workload: '${resources.pw.value}'}}", "workload"),
    ],
)
@pytest.mark.parametrize("value", ["8080", "web", "odd-value-91"])
def test_secret_param_that_would_be_shown_is_refused(
    workspace: Workspace, resource: str, name: str, value: str
) -> None:
    resources = f"  pw: {{type: secret, params: {{name: P}}}}\n  way: {resource}\n"
    workspace.workload("web", f"service: {{ports: {{http: {{port: 80}}}}}}\nresources:\n{resources}")
    result = workspace.run("generate", "--rehearse", SCOREFLY_SECRETS=json.dumps({"P": value}))
    assert result.code == 2
    assert result.problems[0].startswith("web.score.yaml:")
    assert name in result.problems[0] or "hidden" in result.problems[0]
    assert "odd-value-91" not in result.out + result.err


def test_secret_size_of_volume_is_refused(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        "    volumes: {/data: {source: '${resources.disk}'}}\n"
        "resources:\n  pw: {type: secret, params: {name: P}}\n"
        "  disk: {type: volume, params: {size_gb: '${resources.pw.value}'}}\n",
    )
    result = workspace.run("generate", "--rehearse", SCOREFLY_SECRETS='{"P": "37"}')
    assert result.code == 2
    assert "the volume's size is secret" in result.problems[0]
    assert "37" not in result.problems[0]

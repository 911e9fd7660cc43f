"""Masks and redaction hide secrets, and take no public name, no job output and no link away."""

from __future__ import annotations

import json

import pytest

from runner import hidden_in_log, masks_of, without_masked
from scorefly.ui.redaction import Redactor
from workspaces import ActionResult, Workspace

KEY = json.dumps({"type": "service_account", "private_key": "s3cr3tk3y77QZ"}, indent=2)
URL = "postgres://shop:QZpw@db.flympg.net:5432/shop"
PUBLIC = {
    "FLAG": "true",
    "ONE": "1",
    "ENVIRONMENT": "production",
    "ORG": "acme-group",
    "REGION": "ams",
    "PREFIX": "acme-",
    "APP": "acme-storefront-2024",
    "WORKLOAD": "storefront-2024",
    "RESOURCE_APP": "acme-storefront-2024-cache",
    "HOST": "acme-storefront-2024.fly.dev",
    "LINK": "https://acme-storefront-2024.fly.dev",
    "WORD": "deployed",
    "TYPE": "postgres",
}
INPUTS = {
    "rehearse": "true",
    "environment": "production",
    "org": "acme-group",
    "region": "ams",
    "app-prefix": "acme-",
}


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.workload(
        "storefront-2024",
        """\
    variables:
      DB: '${resources.db.name} ${resources.db.port} ${resources.db.host}'
      KEY: '${resources.key.value}'
service: {ports: {web: {port: 80, targetPort: 80}}}
resources:
  site: {type: route, params: {host: shop.example, path: /, port: 80}}
  db: {type: postgres, class: managed, params: {secret: DATABASE_URL}}
  key: {type: secret, params: {name: KEY}}
  cache: {type: redis}
""",
    )
    return workspace


def run(shop: Workspace, command: str, **more: str) -> ActionResult:
    secrets = {"DATABASE_URL": URL, "KEY": KEY, **PUBLIC, **more}
    result = shop.action({**INPUTS, "command": command, "secrets": json.dumps(secrets)})
    assert result.code == 0, result.out + result.err
    return result


def test_outputs_survive_secrets_that_equal_public_names(shop: Workspace) -> None:
    planned, deployed = run(shop, "plan"), run(shop, "deploy")
    for result in (planned, deployed):
        masks = masks_of((), result.out)
        assert without_masked(result.outputs, masks) == result.outputs
        assert any("s3cr3tk3y77QZ" in mask for mask in masks)
        assert "QZ" not in hidden_in_log(result.out, masks) + result.summary
    assert json.loads(planned.outputs["matrix"])["include"][0]["app"] == "acme-storefront-2024"
    assert deployed.outputs["url"] == "https://acme-storefront-2024.fly.dev"
    assert json.loads(deployed.outputs["deployed"]) == ["acme-storefront-2024-cache", "acme-storefront-2024"]
    assert "[acme\\-storefront\\-2024](https://acme-storefront-2024.fly.dev)" in deployed.summary
    assert "| 🟢 created |" in deployed.summary
    assert "***" not in deployed.summary


def test_warning_names_the_outputs_that_github_drops(shop: Workspace) -> None:
    result = run(shop, "deploy")
    dropped = set(result.outputs) - set(without_masked(result.outputs, masks_of(PUBLIC.values(), "")))
    line = next(line for line in result.out.splitlines() if "GitHub drops job outputs" in line)
    assert dropped >= {"apps", "url", "urls", "deployed", "changed", "environment"}
    assert all(name in line for name in dropped)


@pytest.mark.parametrize("weak", ["hunter", "Summer", "12345", "shopkeeper"])
def test_weak_value_is_hidden_from_our_own_text_without_a_mask(weak: str, workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.action(
        {"rehearse": "true", "secrets": json.dumps({"WEAK": weak}), "images": f"web=nginx:{weak}"}
    )
    assert f"::add-mask::{weak}" not in result.out
    assert weak not in result.out + result.summary


def test_password_of_a_url_is_hidden_however_weak() -> None:
    redactor = Redactor()
    redactor.add(["DSN=postgres://shop:pass@db.example:5432/shop"])
    assert redactor.redact("pass for shop at 5432") == "*** for shop at 5432"


def test_secret_inside_a_public_name_is_hidden_elsewhere() -> None:
    redactor = Redactor()
    redactor.add(["acme"])
    redactor.publish(["acme-web"])
    assert redactor.redact("acme-web has acme and acme-we") == "acme-web has *** and ***-we"


def test_beginning_of_a_secret_is_hidden_where_a_text_was_shortened() -> None:
    redactor = Redactor()
    redactor.add(["s3cr3t-token-of-the-run"])
    assert redactor.redact("Fly says s3cr3t-tok… (HTTP 500)") == "Fly says ***… (HTTP 500)"

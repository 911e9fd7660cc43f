"""Certificates of the simulated Fly: the published shapes, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rehearsing import Client
from workspaces import DATA

HOST = "shop.example.com"


def mistakes(data: Any, name: str) -> list[str]:
    document = json.loads((DATA / "fly/machines-openapi.json").read_text())
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(data)]


def test_answers_have_the_published_shapes(call: Client) -> None:
    call("POST", "/apps/web/ip_assignments", {"type": "v6"})
    path = f"/apps/web/certificates/{HOST}"
    made = call.made("/apps/web/certificates/acme", {"hostname": HOST})
    shapes = [
        (made, "CertificateDetail"),
        (call("GET", path)[1], "CertificateDetail"),
        (call("GET", "/apps/web/certificates")[1], "listCertificatesResponse"),
        (call("POST", f"{path}/check")[1], "CertificateCheckResponse"),
        (call("GET", path)[1], "CertificateDetail"),
    ]
    assert [mistakes(data, name) for data, name in shapes] == [[]] * len(shapes)
    assert [shapes[0][0]["status"], shapes[3][0]["status"]] == ["pending_validation", "active"]
    assert call("DELETE", path) == (204, None)
    assert call("GET", path)[0] == call("DELETE", path)[0] == call("POST", f"{path}/check")[0] == 404


@pytest.mark.parametrize("host", ["shop", "Shop.example.com", "shop.example.com.", "1.2.3.4", "a..b", 7, None])
def test_what_is_not_a_full_domain_name_is_refused(call: Client, host: Any) -> None:
    status, answer = call("POST", "/apps/web/certificates/acme", {"hostname": host})
    assert (status, answer["error"]) == (422, "Validation failed: Hostname is not a fully qualified domain name")


def test_a_host_belongs_to_one_app(call: Client) -> None:
    call("POST", "/apps", {"name": "api", "org_slug": "personal"})
    body = {"hostname": HOST}
    assert [call("POST", f"/apps/{app}/certificates/acme", body)[0] for app in ("web", "web", "api")] == [201, 422, 422]
    call("DELETE", "/apps/web")
    assert call("POST", "/apps/api/certificates/acme", body)[0] == 201
    assert call("POST", "/apps/api/certificates/acme", {"hostname": "taken.example.com"})[0] == 422


def test_an_app_without_an_address_is_never_validated(call: Client) -> None:
    call.made("/apps/web/certificates/acme", {"hostname": HOST})
    checks = [call("POST", f"/apps/web/certificates/{HOST}/check")[1]["status"] for _ in range(3)]
    assert checks == ["pending_validation"] * 3


def test_the_list_has_filters_and_pages(call: Client) -> None:
    for number in range(5):
        call.made("/apps/web/certificates/acme", {"hostname": f"n{number}.example.com"})
    cursor, hosts = "", list[str]()
    for _ in range(3):
        page = call("GET", f"/apps/web/certificates?limit=2{cursor and f'&cursor={cursor}'}")[1]
        hosts += [each["hostname"] for each in page["certificates"]]
        cursor = page["next_cursor"]
    assert (hosts, cursor) == ([f"n{number}.example.com" for number in range(5)], "")
    assert call("GET", "/apps/web/certificates?filter=n3")[1]["total_count"] == 1

"""A state of any version there ever was is read, and goes on as one of the newest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from scorefly.state.document import AppState, EnvironmentState, Repository, ResourceState, SecretState
from scorefly.state.document_json import VERSION, dump, load
from scorefly.state.releases import Release, Rollback
from scorefly.values import Secret

FIXTURES = Path(__file__).parent / "fixtures"

COMMIT = "9bb6137c0b928133a63713c8be222106e9d8c930"
CACHE = ResourceState(
    uid="redis.default#web.cache",
    guid="a57aa526-e0c5-5b05-9c15-fb57bfb26557",
    provisioner="template://scorefly/redis",
    type="redis",
    class_="default",
    id="web.cache",
    workloads=("web",),
    needs=("environment.default#web.env",),
    metadata={"annotations": {"size": "1"}},
    params={"size": 1, "$odd": [True, None]},
    state={"password": Secret("x-y-z")},
    outputs={"host": "web-cache.internal", "password": Secret("x-y-z")},
    random={"state.password#0": Secret("x-y-z")},
    apps=("web-cache",),
    owner="web",
    app_stems={"redis": "web-cache"},
    defined_by="web",
)
WEB = AppState(
    name="web",
    owner="web",
    workload="web",
    digest="digest",
    url="https://web.fly.dev",
    commit=COMMIT,
    secrets={"CACHE": SecretState("fp", "fd")},
    ports={"http": (80, 8080)},
    flycast=True,
    id="jlyv9r5d56v18xrl",
    needs=("web-cache",),
    addresses=("2001:db8::1",),
    record="packed",
    uses=(CACHE.uid,),
    used_secrets=("CACHE",),
    deployed_at="2026-11-25T10:46:23.123Z",
    releases=(
        Release("r1", "k1", "2026-11-24T10:00:00.000Z", COMMIT, "nginx:1.27", (COMMIT[::-1],)),
        Release("r2", "k2", "2026-11-25T10:00:00.000Z", COMMIT[::-1], "nginx:1.28", (), rolled_back=True),
    ),
    release="r1",
    artefacts="packed",
    rollback=Rollback("2026-11-25T10:46:23.123Z", COMMIT, COMMIT[::-1], ("k2",)),
    certificates={"shop.example.com": "active"},
)
NEWEST = EnvironmentState(
    environment="production",
    seed="00112233445566778899aabbccddeeff",
    resources={CACHE.uid: CACHE},
    shared={"zone": "eu"},
    apps={"web": WEB},
    workloads={"web": "web/score.yaml"},
    repository=Repository("acme/shop", "123456"),
)
FOURTH = replace(
    NEWEST,
    apps={"web": replace(WEB, deployed_at="", releases=(), release="", artefacts="", rollback=None, certificates={})},
)
THIRD = replace(
    FOURTH,
    repository=Repository(),
    apps={"web": replace(FOURTH.apps["web"], uses=())},
    resources={CACHE.uid: replace(CACHE, app_stems={})},
)
SECOND = replace(
    THIRD,
    apps={"web": replace(THIRD.apps["web"], id="", needs=(), addresses=(), record="", uses=())},
    resources={CACHE.uid: replace(CACHE, owner="", app_stems={}, defined_by="")},
    workloads={},
)
# What each version could not know yet.
READ = {
    1: replace(
        SECOND,
        apps={"web": replace(SECOND.apps["web"], commit="", flycast=False)},
        resources={CACHE.uid: replace(SECOND.resources[CACHE.uid], needs=(), metadata={})},
    ),
    2: SECOND,
    3: THIRD,
    4: FOURTH,
    5: NEWEST,
}


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_document_of_every_version_is_read(version: int) -> None:
    content = (FIXTURES / f"version-{version}.json").read_bytes()
    assert load(content) == READ[version]


def test_the_newest_fixture_is_what_is_written_today() -> None:
    assert json.loads(dump(NEWEST)) == json.loads((FIXTURES / f"version-{VERSION}.json").read_bytes())

#!/usr/bin/env python3
"""A stand-in for flyctl: the commands scorefly runs, with the calls and the words of the real one.

It finds the API as flyctl does, by FLY_FLAPS_BASE_URL, FLY_API_BASE_URL and FLY_UIEX_BASE_URL.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import threading
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import requests

from scorefly.fly.api import FlyApi
from scorefly.fly.app import App, VolumeClaim
from scorefly.fly.machines import MachinesDeployer
from scorefly.problems import ScoreflyError


def api_token() -> str:
    return os.environ.get("FLY_API_TOKEN", "")


@cache
def session() -> requests.Session:
    """Connections are kept, and no proxy is looked for."""
    session = requests.Session()
    session.trust_env = False
    return session


def main() -> int:
    """Runs one command, and returns the exit status."""
    parser = argparse.ArgumentParser("flyctl")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("version").add_argument("--json", action="store_true")
    sync = verbs.add_parser("secrets").add_subparsers(dest="verb", required=True).add_parser("sync")
    sync.add_argument("--app", required=True)
    tokens = verbs.add_parser("tokens").add_subparsers(dest="verb", required=True).add_parser("create")
    tokens.add_argument("kind", choices=["org"])
    for name in ("org", "expiry", "name"):
        tokens.add_argument(f"--{name}", required=True)
    tokens.add_argument("--json", action="store_true")
    deploy = verbs.add_parser("deploy")
    for name in (
        "config",
        "app",
        "image",
        "strategy",
        "wait-timeout",
        "primary-region",
        "deploy-retries",
        "ha",
        "dockerfile",
        "build-target",
        "image-label",
    ):
        deploy.add_argument(f"--{name}", default="")
    for name in ("yes", "no-public-ips", "remote-only", "build-only", "push"):
        deploy.add_argument(f"--{name}", action="store_true")
    deploy.add_argument("--build-arg", action="append", default=[])
    deploy.add_argument("--dns-checks", choices=["false"])
    arguments = parser.parse_args()
    if arguments.verb == "version":
        print(json.dumps({"Name": "flyctl", "Version": "0.4.87"}))
        return 0
    if arguments.verb == "create":
        print(json.dumps({"token": f"FlyV1 fm2_canary-of-{arguments.org}-{arguments.expiry}"}))
        return 0
    try:
        return {"sync": sync_secrets, "deploy": release}[arguments.verb](arguments)
    except (ScoreflyError, requests.RequestException, AttributeError, LookupError, TypeError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def sync_secrets(arguments: argparse.Namespace) -> int:
    """A write that changes nothing tells the version."""
    with FlyApi(api_token(), base_url=os.environ["FLY_FLAPS_BASE_URL"]) as api:
        api.update_secrets(arguments.app, {f"BogusDummySecret_{secrets.token_hex(8)}": None})
    return 0


def release(arguments: argparse.Namespace) -> int:
    """Resolves the image, begins a release, replaces the Machines one after the other, ends the release."""
    toml = tomllib.loads(Path(arguments.config).read_text(encoding="utf-8"))
    with FlyApi(api_token(), base_url=os.environ["FLY_FLAPS_BASE_URL"]) as api:
        view = api.app(arguments.app)
        if view is None:
            print(f"Error: the app name {arguments.app} could not be found", file=sys.stderr)
            return 1
        call("GET", f"/api/v1/organizations/{view.organization}")
        if not (arguments.image or toml.get("build", {}).get("image")):
            return build(arguments, toml)
        call("POST", "/api/v1/builds", {"app_name": arguments.app})
        query = "query($appName: String!, $imageRef: String!){ app(name:$appName){ id image(ref:$imageRef){ id digest ref } } }"
        variables = {"appName": arguments.app, "imageRef": arguments.image}
        found = call("POST", "/graphql", {"query": query, "variables": variables}, base="FLY_API_BASE_URL")
        image = ((found.get("data") or {}).get("app") or {}).get("image")
        if image is None:
            print(f'Error: could not find image "{arguments.image}"', file=sys.stderr)
            return 1
        call("POST", "/api/v1/builds/finish", {"app_name": arguments.app})
        made = call("POST", "/api/v1/releases", {"app_name": arguments.app, "image": image["ref"], "definition": toml})
        path = f"/api/v1/releases/{made['release']['id']}"
        call("PATCH", path, {"status": "running"})
        claims = tuple(VolumeClaim(each["source"], 1) for each in toml.get("mounts", ()))
        machine = json.loads(Path(toml["machine_config"]).read_text()) if "machine_config" in toml else {}
        app = App(
            name=arguments.app,
            owner=arguments.app,
            config=toml,
            image=image["ref"],
            size="",
            machine=machine,
            region=arguments.primary_region,
            volumes=claims,
        )
        ha = {"": None, "true": True, "false": False}[arguments.ha]
        engine = MachinesDeployer(api, float(arguments.wait_timeout.removesuffix("s") or 300), ha)
        try:
            folder = Path(arguments.config).parent
            engine.deploy(app, folder, Path.cwd(), on_line=lambda line: print(line, flush=True), stop=threading.Event())
        except ScoreflyError as error:
            call("PATCH", path, {"status": "failed"})
            print(f"Error: {in_its_words(str(error))}", file=sys.stderr)
            return 1
        call("PATCH", path, {"status": "complete"})
    return 0


def build(arguments: argparse.Namespace, toml: dict[str, Any]) -> int:
    """Find the Dockerfile as flyctl does, relative to fly.toml where fly.toml names it, and ask for a builder."""
    table = toml.get("build", {})
    named = table.get("dockerfile", "")
    path = Path(arguments.config).parent / named if named else Path(arguments.dockerfile or "Dockerfile")
    if not table.get("builder") and not path.is_file():
        print(f"Error: failed to fetch an image or build from source: dockerfile '{path}' not found", file=sys.stderr)
        return 1
    if path.is_file() and "FAIL" in path.read_text():
        print("Error: failed to fetch an image or build from source: error building: exit code: 1", file=sys.stderr)
        return 1
    answer = request("POST", "/api/v1/builds/depot_builder", {"app_name": arguments.app})
    if answer.status_code != 200:
        reason = answer.json()["error"]
        print(f"Error: failed to fetch an image or build from source: {path}: {reason}", file=sys.stderr)
        return 1
    label = arguments.image_label or f"deployment-{secrets.token_hex(8)}"
    manifest = {
        "dockerfile": path.read_text() if path.is_file() else "",
        "context": os.path.relpath(Path.cwd(), os.environ.get("STAND_IN_ROOT", "/")),
        "target": table.get("build-target", "") or arguments.build_target,
        "args": {**table.get("args", {}), **dict(each.split("=", 1) for each in arguments.build_arg)},
        "builder": table.get("builder", ""),
        "user": os.environ.get("DOCKER_HUB_USERNAME", ""),
    }
    host = os.environ["FLY_REGISTRY_HOST"]
    push(host, arguments.app, label, manifest, api_token())
    print(f"image: {host}/{arguments.app}:{label}\nimage size: 1 MB")
    return 0


def push(host: str, repository: str, tag: str, manifest: dict[str, Any], token: str) -> str:
    """Push a manifest, and return its digest, as the registry's clients do: refused first, then with a token."""
    url = f"http://{host}/v2/{repository}/manifests/{tag}"
    challenge = requests.put(url, json=manifest, timeout=60).headers["WWW-Authenticate"]
    parts = dict(each.split("=", 1) for each in challenge.removeprefix("Bearer ").replace('"', "").split(",", 2))
    asked = {"service": parts["service"], "scope": parts["scope"]}
    token = requests.get(parts["realm"], params=asked, auth=("x", token), timeout=60).json()["token"]
    answer = requests.put(url, json=manifest, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    answer.raise_for_status()
    return answer.headers["Docker-Content-Digest"]


def in_its_words(told: str) -> str:
    """What flyctl says where scorefly's own engine says something else."""
    if "was not healthy" in told:
        return f"timeout reached waiting for health checks to pass for machine: {told}"
    if "keeps crashing" in told:
        return f"smoke checks failed: the app appears to be crashing: {told}"
    return told


def call(method: str, path: str, body: Any = None, *, base: str = "FLY_UIEX_BASE_URL") -> Any:
    """One call beside the Machines API; its answer as JSON."""
    answer = request(method, path, body, base=base)
    answer.raise_for_status()
    return answer.json()


def request(method: str, path: str, body: Any = None, *, base: str = "FLY_UIEX_BASE_URL") -> requests.Response:
    """One call, whatever the answer."""
    return session().request(
        method,
        os.environ[base] + path,
        json=body,
        headers={"Authorization": f"Bearer {api_token()}"},
        timeout=60,
    )


if __name__ == "__main__":
    sys.exit(main())

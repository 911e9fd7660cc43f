"""Gives a resource the next free number, and a token; asked again, it gives the same."""

import json
import secrets
import sys

mode, question = sys.argv[1], json.load(sys.stdin)
uid, state = question["resource_uid"], question["state"]

if mode == "deprovision":
    # A patch of what all share: null takes this resource's number away.
    json.dump({"shared": {"tenants": {uid: None}}}, sys.stdout)
    sys.exit()

taken = question["shared"].get("tenants", {})
number = taken.get(uid) or max([question["resource_params"].get("first", 1) - 1, *taken.values()]) + 1
token = state.get("token") or secrets.token_urlsafe(24)
print(f"tenant {number}", file=sys.stderr)
json.dump(
    {
        "state": {"token": token},
        "values": {"number": number},
        "secrets": {"token": token},
        "shared": {"tenants": {uid: number}},
    },
    sys.stdout,
)

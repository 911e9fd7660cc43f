"""Fly's API: one client, and a module for each of the things that can be asked about."""

from __future__ import annotations

from scorefly.fly.api.addresses import AddressCalls
from scorefly.fly.api.apps import AppCalls
from scorefly.fly.api.current_token import TokenCalls
from scorefly.fly.api.logs import LogCalls
from scorefly.fly.api.machines import MachineCalls
from scorefly.fly.api.regions import RegionCalls
from scorefly.fly.api.secrets import SecretCalls
from scorefly.fly.api.volumes import VolumeCalls


class FlyApi(AppCalls, MachineCalls, VolumeCalls, SecretCalls, AddressCalls, RegionCalls, TokenCalls, LogCalls):
    """All calls of Fly's API, with typed answers. Certificates and managed data have modules of their own in `fly/`."""

"""Requests one after another are done by one thread, and an answer that never comes keeps only its own."""

from __future__ import annotations

import socket
import threading

import pytest
import requests

from scorefly.http import exchange
from scorefly.rehearsal.server import Rehearsal


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "http"}


def test_requests_one_after_another_share_a_thread() -> None:
    with Rehearsal(None) as fly, requests.Session() as session:
        exchange(session, "GET", fly.url, seconds=60)
        before = _threads()
        for _ in range(20):
            assert exchange(session, "GET", fly.url, seconds=60).status_code == 401
        assert _threads() == before


def test_a_request_after_one_without_an_answer_is_done_by_another_thread() -> None:
    with Rehearsal(None) as fly, requests.Session() as session, socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(requests.RequestException):
            exchange(session, "GET", f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.1)
        assert exchange(session, "GET", fly.url, seconds=60).status_code == 401

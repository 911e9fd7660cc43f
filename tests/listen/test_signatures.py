"""Signatures of every sender: what its secret signed is taken, and nothing else."""

from __future__ import annotations

import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners import SECRETS, push_payload, signed, standard_headers
from scorefly.listen.hosts import SENDERS

names = st.sampled_from(sorted(SENDERS))
bodies = st.binary(max_size=200)


def verify(sender: str, headers: dict[str, str], body: bytes, *secrets: str) -> bool:
    lower = {name.lower(): value for name, value in headers.items()}
    check = SENDERS[sender].begin(lower, secrets or (SECRETS[sender],), time.time())
    if check is None:
        return False
    for start in range(0, len(body), 7):
        check.feed(body[start : start + 7])
    return check.matches()


@given(names, st.text("abc{}", max_size=50), st.booleans())
def test_what_one_of_two_secrets_signed_is_valid(sender: str, text: str, is_first: bool) -> None:
    other = "whsec_" + b64encode(b"another-secret").decode() if sender == "generic" else "another-secret"
    secrets = (SECRETS[sender], other) if is_first else (other, SECRETS[sender])
    body, headers = signed(sender, text.encode())
    assert verify(sender, headers, body, *secrets)


@given(names.filter(lambda sender: sender != "gitlab"), bodies, st.data())
def test_a_changed_body_is_not_valid(sender: str, body: bytes, data: st.DataObject) -> None:
    text = body.hex().encode()
    _, headers = signed(sender, text)
    other = data.draw(st.binary(max_size=400).filter(lambda other: other != text))
    assert not verify(sender, headers, other)


@given(names, bodies, st.text(max_size=90), st.text(max_size=90))
def test_no_made_up_header_is_valid(sender: str, body: bytes, value: str, identity: str) -> None:
    now = str(int(time.time()))
    signatures = dict.fromkeys(("X-Hub-Signature-256", "X-Hub-Signature", "X-Gitea-Signature", "X-Forgejo-Signature"), value)  # fmt: skip
    standard = {"webhook-id": identity, "webhook-timestamp": now, "webhook-signature": f"v1,{value} {value}"}
    for headers in (signatures, {"X-Gitlab-Token": value}, standard, {**signatures, **standard}):
        assert not verify(sender, headers, body)


@given(names, names)
def test_a_signature_of_another_sender_is_not_valid(one: str, other: str) -> None:
    body, headers = signed(one, push_payload(one, "https://github.com/acme/web.git"))
    assert verify(other, headers, body) == (one == other)


@pytest.mark.parametrize("secret", ["plain-text-secret", "whsec_" + b64encode(b"0123456789abcdef").decode()])
def test_a_generic_secret_may_be_plain_text_or_base64(secret: str) -> None:
    key = secret if secret.startswith("whsec_") else "whsec_" + b64encode(secret.encode()).decode()
    assert verify("generic", standard_headers(key, b"{}"), b"{}", secret)


def test_an_old_sha1_signature_is_not_valid() -> None:
    import hmac

    digest = hmac.new(SECRETS["github"].encode(), b"{}", "sha1").hexdigest()
    assert not verify("github", {"X-Hub-Signature": f"sha1={digest}"}, b"{}")
    assert not verify("bitbucket", {"X-Hub-Signature": f"sha1={digest}"}, b"{}")

"""scorefly's own tokens and key among the secrets of a run: no Score file and no provisioner is given them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_NAMES = frozenset({"github_token", "fly_api_token", "fly_access_token", "scorefly_state_key"})
_LEAST = 16  # characters: a shorter token may be part of a longer text by chance


def is_own_name(name: str) -> bool:
    """Decide whether a secret is called as scorefly's own tokens are."""
    return name.lower() in _NAMES or name.lower().startswith("fly_api_token_")


def own_secrets(secrets: Mapping[str, str], *, fly_api_token: str, github_token: str, state_key: str) -> frozenset[str]:
    """The names of the secrets that are scorefly's own, by their name or by their value."""
    tokens = {*_parts(fly_api_token), *_parts(github_token), *_parts(state_key)}
    return frozenset(name for name, value in secrets.items() if is_own_name(name) or _holds(value, tokens))


def refusal(name: str) -> str:
    """The message for who asks for one of them."""
    return f"secret {name} is scorefly's own token and is not handed to Score files"


def _parts(text: str) -> Iterator[str]:
    """Every line, without the word before Fly's tokens, and each of several tokens in it."""
    for line in text.splitlines():
        for part in line.strip().removeprefix("FlyV1").split(","):
            if token := part.strip():
                yield token


def _holds(value: str, tokens: set[str]) -> bool:
    return not tokens.isdisjoint(_parts(value)) or any(len(token) >= _LEAST and token in value for token in tokens)

"""Encryption of the state: Fernet, with as many keys as are being rotated; the first one encrypts."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode

from scorefly.confidential import Confidential
from scorefly.problems import InputError, Problem, option_place

_HEADER = "scorefly-state"
_COMPRESSED = "zlib"  # in the header of a content that was compressed; earlier versions did not compress


class Keys(Confidential, frozen=True):
    """Fernet keys: 32 bytes each, URL-safe base64."""

    keys: tuple[str, ...]

    @property
    def first(self) -> Keys:
        """The one that encrypts, alone."""
        return Keys(self.keys[:1])

    @property
    def names(self) -> tuple[str, ...]:
        """Return what stands for each key: the same for the same key, and of no use without it."""
        return tuple(map(_name, self.keys))

    def first_encrypted(self, content: bytes) -> bool:
        """Decide whether what can be decrypted was encrypted with the first key."""
        return _named(content) == self.names[0]

    def encrypt(self, content: bytes) -> bytes:
        """Compress and encrypt: a header line that names the key without giving it away, then the token."""
        import zlib

        from cryptography.fernet import Fernet

        header = f"{_HEADER} key={_name(self.keys[0])} {_COMPRESSED}\n"
        return header.encode() + Fernet(self.keys[0]).encrypt(zlib.compress(content, 6)) + b"\n"

    def decrypt(self, content: bytes) -> bytes:
        """Return what was encrypted with one of the keys. Raises InputError: wrong key, or damaged."""
        import zlib

        from cryptography.fernet import Fernet, InvalidToken

        named = _named(content)
        if not named:
            raise InputError(Problem("the state is damaged: its first line is not a header", "restore it from a copy"))
        key = next((key for key in self.keys if _name(key) == named), None)
        if key is None:
            raise InputError(
                Problem(
                    f"the state was encrypted with another key, {named}; given: {', '.join(self.names)}",
                    "give the key it was encrypted with",
                    option_place("state-key"),
                )
            )
        try:
            decrypted = Fernet(key).decrypt(content.partition(b"\n")[2].strip())
            return zlib.decompress(decrypted) if _is_compressed(content) else decrypted
        except (InvalidToken, zlib.error):
            raise InputError(
                Problem("the state is damaged: the key is right, and the content is not", "restore it from a copy")
            ) from None


def new_key() -> str:
    """A fresh Fernet key."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def parse_keys(text: str) -> Keys:
    """Read the keys of a text, one per line. Raises InputError without quoting them."""
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    for number, line in enumerate(lines, start=1):
        if not _is_key(line):
            raise InputError(
                Problem(
                    f"key {number} is no Fernet key",
                    "`scorefly state new-key` prints one",
                    option_place("state-key"),
                )
            )
    if not lines:
        raise InputError(Problem("there is no key", "`scorefly state new-key` prints one", option_place("state-key")))
    return Keys(lines)


def _is_key(line: str) -> bool:
    try:
        return len(urlsafe_b64decode(line)) == 32 and line.isascii()
    except ValueError:
        return False


def _named(content: bytes) -> str:
    """The key's name in the header; empty when there is none."""
    words = _header(content)
    good = words[:1] == [_HEADER] and len(words) > 1 and words[1].startswith("key=") and words[2:] in _FORMS
    return words[1].removeprefix("key=") if good else ""


_FORMS: tuple[list[str], ...] = ([], [_COMPRESSED])


def _is_compressed(content: bytes) -> bool:
    return _header(content)[2:] == [_COMPRESSED]


def _header(content: bytes) -> list[str]:
    return content.partition(b"\n")[0].decode("ascii", "replace").split()


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]

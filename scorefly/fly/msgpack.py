"""A reader of MessagePack, as much of it as Fly's tokens use; https://github.com/msgpack/msgpack/blob/master/spec.md."""

from __future__ import annotations

import struct
from typing import Any

MAX_DEPTH = 32

_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
# The formats of lengths: of bytes, strings, arrays and maps.
_BINARY = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
_STRINGS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_ARRAYS = {0xDC: ">H", 0xDD: ">I"}
_MAPS = {0xDE: ">H", 0xDF: ">I"}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


class MalformedError(ValueError):
    """The bytes are not MessagePack, or use a part of it that is not read here."""


def decode(data: bytes) -> Any:
    """Return the value of which `data` begins with the encoding. Raises MalformedError."""
    return _Reader(data).value(0)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise MalformedError("too deep")
        kind = self._bytes(1)[0]
        if kind < 0x80:
            return kind
        if kind >= 0xE0:
            return kind - 0x100
        if kind < 0x90:
            return self._map(kind & 0x0F, depth)
        if kind < 0xA0:
            return self._array(kind & 0x0F, depth)
        if kind < 0xC0:
            return self._text(kind & 0x1F)
        return self._tagged(kind, depth)

    def _tagged(self, kind: int, depth: int) -> Any:
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _NUMBERS:
            return self._number(_NUMBERS[kind])
        if kind in _BINARY:
            return self._bytes(self._number(_BINARY[kind]))
        if kind in _STRINGS:
            return self._text(self._number(_STRINGS[kind]))
        if kind in _ARRAYS:
            return self._array(self._number(_ARRAYS[kind]), depth)
        if kind in _MAPS:
            return self._map(self._number(_MAPS[kind]), depth)
        raise MalformedError(f"unknown type {kind:#x}")

    def _bytes(self, length: int) -> bytes:
        part = self._data[self._at : self._at + length]
        if len(part) != length:
            raise MalformedError("cut off")
        self._at += length
        return part

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def _text(self, length: int) -> str:
        return self._bytes(length).decode("utf-8", "replace")

    def _array(self, length: int, depth: int) -> list[Any]:
        self._check_length(length)
        return [self.value(depth + 1) for _ in range(length)]

    def _map(self, length: int, depth: int) -> list[tuple[Any, Any]]:
        """A map as pairs: a key may be anything."""
        self._check_length(length)
        return [(self.value(depth + 1), self.value(depth + 1)) for _ in range(length)]

    def _check_length(self, length: int) -> None:
        if length > len(self._data) - self._at:
            raise MalformedError("cut off")

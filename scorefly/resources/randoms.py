"""Random values for templates, made once: what was given before is given again."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from scorefly.resources.expressions import ExpressionError
from scorefly.values import Secret, Tree

_LETTERS = string.ascii_lowercase
_PASSWORD = string.ascii_letters + string.digits  # goes into URLs and shells as it is


class Randoms(Struct):
    """The random values of one resource. `known` is what earlier runs made; `leaf` says where we are now."""

    known: Mapping[str, Tree]
    made: dict[str, Tree] = field(default_factory=dict)
    leaf: str = ""
    _calls: int = 0

    def at(self, leaf: str) -> None:
        """From here on values belong to this leaf of the template."""
        self.leaf = leaf
        self._calls = 0

    def password(self, length: int = 24) -> Secret:
        """Letters and digits, secret."""
        self._check(length, least=12)
        value = self._once(lambda: Secret("".join(secrets.choice(_PASSWORD) for _ in range(length))))
        return value if isinstance(value, Secret) else Secret(str(value))

    def name(self, length: int = 8) -> Tree:
        """Lower-case letters and digits behind a letter; not secret."""
        self._check(length, least=4)
        return self._once(
            lambda: (
                secrets.choice(_LETTERS) + "".join(secrets.choice(_LETTERS + string.digits) for _ in range(length - 1))
            )
        )

    @property
    def all(self) -> dict[str, Tree]:
        """Return what was known and what was made."""
        return {**self.known, **self.made}

    def _once(self, make: Callable[[], Tree]) -> Tree:
        key = f"{self.leaf}#{self._calls}"
        self._calls += 1
        if key not in self.known and key not in self.made:
            self.made[key] = make()
        return self.all[key]

    @staticmethod
    def _check(length: object, least: int) -> None:
        if not isinstance(length, int) or not least <= length <= 256:
            raise ExpressionError(f"a random value has {least} to 256 characters, not {length!r}")

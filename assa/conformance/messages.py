"""What came over the wire, and how it is told when it is not what the protocol asks for."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from attrs import frozen

Json = dict[str, Any]

_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_LONGEST_TEXT: Final = 120
_LONGEST_MESSAGE: Final = 900
_MISSING: Final = object()


class Broken(Exception):  # noqa: N818 - a finding about the server, not a defect of this program
    """A rule does not hold; the text says what was sent, what was expected and what came."""


class NotTried(Exception):  # noqa: N818 - likewise
    """A rule cannot be tried; the text says what is missing."""


def same(one: object, other: object) -> bool:
    """Return whether two JSON values are equal, types included: true is not 1, nor 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def shown(value: object) -> str:
    """Return a JSON value for a person, shortened, with every token hidden."""
    text = json.dumps(_shortened(value), ensure_ascii=False)
    text = text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."
    return _TOKEN.sub("(token)", text)


def _shortened(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: "(token)" if key == "jwt_token" and one else _shortened(one) for key, one in value.items()
        }
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT and not _TOKEN.fullmatch(value):
        return f"{value[:40]}... ({len(value)} characters)"
    return value


@frozen
class Message:
    """A message that came, and the request that it answers.

    Attributes:
        raw: The message.
        sent: The request; None for an event.
    """

    raw: Json
    sent: Json | None = None

    def __str__(self) -> str:
        """Return what was sent and what came."""
        sent = "" if self.sent is None else f"\nsent: {shown(self.sent)}"
        return f"{sent}\ncame: {shown(self.raw)}"

    def at(self, path: str) -> Any:
        """Return the value at a path such as ``data.participants.0.role``.

        Raises:
            Broken: There is none.
        """
        value: Any = self.raw
        for key in path.split("."):
            value = _step(value, key)
            if value is _MISSING:
                raise Broken(f"expected a field {path}, there is none{self}")
        return value

    def has(self, path: str) -> bool:
        """Return whether there is a value at a path."""
        try:
            self.at(path)
        except Broken:
            return False
        return True

    def shows(self, fields: Json, under: str = "") -> Message:
        """Check values by their paths, all of them under one path if it is given, and return the message.

        Raises:
            Broken: One of them is another, or is not there.
        """
        for name, expected in fields.items():
            path = f"{under}.{name}" if under else name
            came = self.at(path)
            self.require(same(came, expected), f"{path}: expected {shown(expected)}, got {shown(came)}")
        return self

    def require(self, holds: bool, text: str) -> Message:  # noqa: FBT001 - reads as a sentence where it is used
        """Check something about the message, and return it.

        Raises:
            Broken: It does not hold; `text` says what was expected and what is.
        """
        if not holds:
            raise Broken(f"{text}{self}")
        return self

    def ids(self, path: str, key: str) -> list[Any]:
        """Return one field of each object in a list.

        Raises:
            Broken: There is no such list, or an object without the field.
        """
        found = self.at(path)
        self.require(isinstance(found, list), f"{path}: expected a list")
        return [self.at(f"{path}.{index}.{key}") for index in range(len(found))]


def _step(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, _MISSING)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return _MISSING

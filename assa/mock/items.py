"""What becomes of a message: it arrives, late or as other bytes, or in half, or nothing does any more."""

from __future__ import annotations

from typing import Any

import orjson
from attrs import frozen

Message = dict[str, Any]
"""A message as its JSON says it, envelope and all."""


@frozen
class Late:
    """A message that takes a while to arrive.

    Args:
        message: Which.
        seconds: How long; what is sent after it arrives after it.
    """

    message: Message
    seconds: float


@frozen
class Cut:
    """The first half of a message, and the end of the connection.

    Args:
        message: Which.
    """

    message: Message


@frozen
class Stall:
    """From here on nothing arrives any more, in either direction, and nothing is closed."""


Item = Message | bytes | Late | Cut | Stall
"""What a fault makes of a message; bytes go out as they are, over WebSocket a frame for each line of them."""


def parsed(line: bytes) -> Message | None:
    """Return a message, None for what is none or nested too deep: the server says what is wrong with it."""
    try:
        value = orjson.loads(line)
        orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value if isinstance(value, dict) else None


def messages_of(lines: bytes) -> list[Message]:
    """Return the messages of lines that the server sends."""
    return [orjson.loads(line) for line in lines.split(b"\n") if line]


def bytes_of(item: Item) -> bytes:
    """Return the bytes of an item, those of a cut one whole."""
    if isinstance(item, bytes):
        return item
    if isinstance(item, Stall):
        return b""
    message = item if isinstance(item, dict) else item.message
    return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)


def seconds_of(item: Item) -> float:
    """Return how late something arrives, seconds."""
    return item.seconds if isinstance(item, Late) else 0

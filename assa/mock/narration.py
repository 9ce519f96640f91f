"""What happens on a mock's lines, told in lines that people read; a token is never in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import orjson

from assa.mock.items import Cut, Item, Late, Message, Stall
from assa.mock.line import Line, Watch

LEGEND: Final = "#1 is the first connection; > comes from the client, < goes to it"
_HIDDEN: Final = "(token)"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
"""Anything that looks like a JWT, wherever a client has put it."""
_CHARACTERS: Final = 200
"""Of a message's data."""


class Narration(Watch):
    """Tells everything.

    Args:
        say: Gets each line.
        now: The time, seconds since the epoch.
    """

    def __init__(self, say: Callable[[str], None], now: Callable[[], float]) -> None:
        self._say = say
        self._now = now

    def opened(self, line: Line) -> None:
        """Tell of a new connection."""
        self._tell(line, f"opened: {line.kind}, from {line.address}")

    def came(self, line: Line, message: Message | bytes, *, lost: bool = False) -> None:
        """Tell what a client has sent."""
        said = f"{len(message)} bytes that are no message" if isinstance(message, bytes) else told(message)
        self._tell(line, f"> {said}{'  LOST' if lost else ''}")

    def went(self, line: Line, item: Item) -> None:
        """Tell what a client gets."""
        match item:
            case Stall():
                said = "  STALLED: nothing gets through any more"
            case Cut(message):
                said = f"{told(message)}  CUT in the middle"
            case Late(message, seconds):
                said = f"{told(message)}  {seconds * 1000:.0f} ms LATE"
            case bytes():
                said = f"{len(item)} bytes that are no message"
            case _:
                said = told(item)
        self._tell(line, f"< {said}")

    def kept(self, line: Line, message: Message) -> None:
        """Tell what a client does not get."""
        self._tell(line, f"< {told(message)}  LOST")

    def closes(self, line: Line, reason: str) -> None:
        """Tell that the server closes a connection, and why."""
        self._tell(line, f"closed by the server: {reason}")

    def gone(self, line: Line) -> None:
        """Tell that a connection is over."""
        self._tell(line, "gone")

    def _tell(self, line: Line, text: str) -> None:
        time = datetime.fromtimestamp(self._now()).astimezone().strftime("%H:%M:%S.%f")[:-3]
        user = "" if line.user_id is None else f" user {line.user_id}"
        self._say(f"{time} #{line.number}{user} {_harmless(text)}")


def told(message: Message) -> str:
    """Return a message in a line: what it is, whether it succeeded, and the beginning of its data."""
    words = [_word(message.get("action")), _word(message.get("seq_id"))]
    if message.get("success") is False:
        words.append(_word(message.get("error_code")))
    if "session_id" in message:
        words.append(f"session_id={_word(message['session_id'])}")
    if "data" in message:
        words.append(_shortened(orjson.dumps(_without_token(message["data"])).decode()))
    return " ".join(words)


def _word(value: Any) -> str:
    return _shortened(value if isinstance(value, str) else orjson.dumps(value).decode())


def _without_token(value: Any) -> Any:
    """Return data in which whatever calls itself a token is hidden."""
    if isinstance(value, list):
        return [_without_token(one) for one in value]
    if isinstance(value, dict):
        return {
            name: _HIDDEN if "token" in name.lower() else _without_token(one) for name, one in value.items()
        }
    return value


def _shortened(text: str) -> str:
    text = _TOKEN.sub(_HIDDEN, text)
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}… ({len(text)} characters)"


def _harmless(text: str) -> str:
    """Return a text in which nothing steers a terminal."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)

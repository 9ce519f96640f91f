"""Rules that every message is held to, whatever is tried at the moment: its shape, its text, its number.

They are told apart from the rules with a case of their own so that one wrong field in one message is one
finding, in the section of that message, and not one in every rule that meets it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from assa.conformance.answers import is_answer, position_of
from assa.conformance.messages import Json, Message
from assa.conformance.registry import VERSIONS, Rule
from assa.conformance.shapes import Shapes
from assa.conformance.texts import CONNECT_REFUSED, ERRORS, SECTIONS, SUCCESSES
from assa.conformance.user import User

_SIGNALS: Final = ("PING", "PONG", "TOKEN_EXPIRING")
"""What is in no log: without a position."""
_GENERAL: Final = (
    ("1.1", "1.0", "lines", "Every line is one JSON object in UTF-8, and ends in LF"),
    ("2.2", "1.0", "envelope", "Every message has an action, an ISO 8601 timestamp and a seq_id"),
    ("2.3", "1.0", "seq_id", "An answer repeats the seq_id of its request"),
    ("3.1", "1.0", "text_CONNECT_refused", f"A failed CONNECT says {CONNECT_REFUSED}"),
    ("2.3", "1.1", "seq_id", "An answer repeats the seq_id of its request"),
    ("2.1", "1.1", "known", "Every message is one that the protocol knows"),
    ("2.1", "1.1", "events", "An event has neither success nor message"),
    ("2.2", "1.1", "positions", "The positions of a connection's events grow"),
    ("2.2", "1.1", "logged", "The seq_id of an event that is kept is a position: e and a decimal number"),
    ("3.1", "1.1", "nicknames", "Every user is shown with the nickname of his token"),
    ("2.3", "1.1", "no_text", "A success has a message only where v1.0 shows one"),
    ("9.2", "1.1", "error_texts", "Each error_code comes with its Korean message"),
    ("9.1", "1.1", "secrets", "A failure shows no token"),
)


def general_rules() -> Iterator[Rule]:
    """Return the rules that every message is held to."""
    for section, version, name, text in _GENERAL:
        yield Rule(section=section, version=version, name=name, text=text)
    for version in VERSIONS:
        for action, text in SUCCESSES[version].items():
            section = section_of(f"{action}_RESPONSE")
            yield Rule(
                section=section, version=version, name=f"text_{action}", text=f"{action} succeeds with {text}"
            )
        for message in messages_of(version):
            text = f"Every {message} has the published shape"
            yield Rule(section=section_of(message), version=version, name=f"shape_{message}", text=text)


def messages_of(version: str) -> Mapping[str, str]:
    """Return the messages of a server of that version, with their sections."""
    return SECTIONS["1.0"] if version == "1.0" else SECTIONS["1.0"] | SECTIONS["1.1"]


def section_of(message: str) -> str:
    """Return where a message is described."""
    return messages_of("1.1")[message]


class Findings:
    """What has been seen and what was wrong with it, by rule.

    Args:
        version: Whose rules the messages are held to.
        shapes: The schemas of that version.
    """

    def __init__(self, version: str, shapes: Shapes) -> None:
        self._version = version
        self._shapes = shapes
        self._positions: dict[User, int] = {}
        self._names: dict[Any, str] = {}
        self.tried: Counter[str] = Counter()
        """How often each rule was met."""
        self.wrong: dict[str, str] = {}
        """The first breach of each rule."""

    def _check(self, rule: str, holds: object, text: str) -> None:
        self.tried[rule] += 1
        if not holds:
            self.wrong.setdefault(rule, text)

    # --- stage.Watch ---

    def malformed(self, text: str) -> None:
        """Take note of what is no message."""
        self._check("lines", holds=False, text=text)

    def arrived(self, user: User, message: Json) -> None:
        """Look at a message."""
        name = str(message.get("action"))
        self._check("lines", holds=True, text="")
        if self._version == "1.0" and name not in self._shapes:
            return  # an addition, which v1.0 says nothing of
        self._check("envelope", _has_envelope(message), _came(message))
        if name in self._shapes:
            problem = self._shapes.problem(name, message)
            self._check(f"shape_{name}", problem is None, f"{problem}")
        self._check("known", name in self._shapes, _came(message))
        self._names[user.user_id] = user.nickname
        for person in _people(message.get("data")):
            expected = self._names.get(person["user_id"], person["nickname"])
            text = f"expected nickname {expected}{_came(message)}"
            self._check("nicknames", person["nickname"] == expected, text)
        if is_answer(message):
            self._look_at_failure(message)
        else:
            self._look_at_event(user, message)

    def _look_at_event(self, user: User, message: Json) -> None:
        self._check("events", "message" not in message, _came(message))
        position = position_of(message.get("seq_id"))
        if message.get("action") not in _SIGNALS and "reconnect_after_ms" not in str(message.get("data")):
            self._check("logged", position is not None, _came(message))
        if position is not None:
            before = self._positions.get(user, -1)
            text = f"expected a position after e{before}{_came(message)}"
            self._check("positions", position > before, text)
            self._positions[user] = max(before, position)

    def _look_at_failure(self, message: Json) -> None:
        code, text = message.get("error_code"), message.get("message")
        if message.get("success") is not False or not isinstance(code, str):
            return
        expected = f"expected message {ERRORS.get(code)} for {code}{_came(message)}"
        self._check("error_texts", text == ERRORS.get(code), expected)
        if message.get("action") == "CONNECT_RESPONSE" and code in ("AUTH_FAILED", "INVALID_TOKEN"):
            self._check("text_CONNECT_refused", text == CONNECT_REFUSED, _came(message))

    def answered(self, sent: Json, answer: Json) -> None:
        """Look at an answer beside its request."""
        both = str(Message(answer, sent))
        self._check("seq_id", answer.get("seq_id") == sent.get("seq_id"), both)
        token = _token(sent)
        if answer.get("success") is True:
            self._look_at_text(str(sent.get("action")), answer, both)
        elif token:
            self._check("secrets", token not in str(answer), both)

    def _look_at_text(self, action: str, answer: Json, both: str) -> None:
        expected = (SUCCESSES["1.0"] | SUCCESSES["1.1"]).get(action)
        if expected is None:
            self._check("no_text", "message" not in answer, both)
        else:
            self._check(
                f"text_{action}", answer.get("message") == expected, f"expected message {expected}{both}"
            )


def _came(message: Json) -> str:
    return str(Message(message))


def _people(value: Any) -> Iterator[Json]:
    """Find users with their nicknames, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("user_id"), int) and "nickname" in value:
            yield value
        for one in value.values():
            yield from _people(one)
    elif isinstance(value, list):
        for one in value:
            yield from _people(one)


def _has_envelope(message: Json) -> bool:
    failed = message.get("success") is False
    seq_id = message.get("seq_id")
    # What answers no request, or one that could not be understood, has none to repeat.
    numbered = isinstance(seq_id, str) or (failed and seq_id is None)
    return isinstance(message.get("action"), str) and numbered and _is_time(message.get("timestamp"))


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return "T" in value


def _token(sent: Json) -> str | None:
    data = sent.get("data")
    token = data.get("jwt_token") if isinstance(data, dict) else None
    return token if isinstance(token, str) and len(token) > 20 else None  # noqa: PLR2004 - a shorter one is none

"""The wire: lines of bytes to checked requests, answers and events to lines (§2, §9.1).

Pure: no Twisted, no I/O.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from assa.errors import MESSAGES, Code, Refused
from assa.protocol.base import Event
from assa.protocol.envelope import ACTION_CHARACTERS, SEQ_ID_CHARACTERS, ConnectErrorData, Envelope, ErrorData
from assa.schema import structure, unstructure

MAX_DEPTH: Final = 32
_DIGITS: Final = 18
"""Of the largest position that is surely a 64-bit integer."""


def parse(line: bytes, brackets: int | None = None) -> dict[str, Any]:
    """Parse one line (§2, protocol v1.1 framing).

    Args:
        line: One message without its line end.
        brackets: Objects and lists that it may have, None for any number: parsing costs by them.

    Raises:
        Refused: INVALID_MESSAGE when it is not one JSON object, nested deeper than 32, or has too
            many brackets.
    """
    if brackets is not None and line.count(b"{") + line.count(b"[") > brackets:
        raise Refused(Code.INVALID_MESSAGE, "too many objects and lists for a line before CONNECT")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as wrong:
        raise Refused(Code.INVALID_MESSAGE, f"expected one JSON object per line: {wrong.msg}") from None
    if type(value) is not dict:
        raise Refused(Code.INVALID_MESSAGE, "expected one JSON object per line")
    # Counting brackets is cheap; only a line that has many is walked.
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Refused(Code.INVALID_MESSAGE, f"nested deeper than {MAX_DEPTH}")
    return value


def own_words(message: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the action and the `seq_id` that an error may repeat, as far as they are fit for it."""
    name, seq = message.get("action"), message.get("seq_id")
    return (
        name if type(name) is str and len(name) <= ACTION_CHARACTERS else None,
        seq if type(seq) is str and len(seq) <= SEQ_ID_CHARACTERS else None,
    )


def envelope(message: dict[str, Any]) -> Envelope:
    """Return the checked envelope of a message.

    Raises:
        Refused: INVALID_MESSAGE.
    """
    return structure(Envelope, message, "")


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            item
            for one in level
            for item in (one.values() if type(one) is dict else one)
            if type(item) is dict or type(item) is list
        ]
    return depth


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso(at_ms: int) -> str:
    """Return a time in milliseconds since the epoch as ISO 8601 in UTC with milliseconds (§2.2)."""
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


def encode_answer(action: str, message: str | None, data: Any, seq_id: str, now_ms: int) -> bytes:
    """Encode a success (§2.3): `message` only where the protocol's example has one."""
    answer: dict[str, Any] = {"action": f"{action}_RESPONSE", "success": True}
    if message is not None:
        answer["message"] = message
    answer["data"] = unstructure(data)
    answer["timestamp"] = iso(now_ms)
    answer["seq_id"] = seq_id
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)


def encode_error(refused: Refused, action: str | None, seq_id: str | None, now_ms: int) -> bytes:
    """Encode a refusal (§9.1), or of a CONNECT the failed answer (§3.1)."""
    error: dict[str, Any] = {
        "success": False,
        "message": MESSAGES[refused.code],
        "error_code": refused.code.value,
    }
    if action == "CONNECT":
        # §3.1 shows no data; what is no matter of authentication deserves to be explained all the same.
        explained = refused.code in (Code.INVALID_MESSAGE, Code.INTERNAL_ERROR)
        told = ConnectErrorData(
            error_details=refused.details if explained else None, retry_after_ms=refused.retry_after_ms
        )
        data = unstructure(told)
        error |= {"action": "CONNECT_RESPONSE"} | ({"data": data} if data else {})
    else:
        about = ErrorData(
            original_action=action, error_details=refused.details, retry_after_ms=refused.retry_after_ms
        )
        error |= {"action": "ERROR", "data": unstructure(about)}
    error |= {"timestamp": iso(now_ms), "seq_id": seq_id}
    return orjson.dumps(error, option=orjson.OPT_APPEND_NEWLINE)


def encode_event(event: Event, now_ms: int) -> bytes:
    """Encode an event without its `seq_id`, which :func:`with_seq_id` adds when it is known."""
    return orjson.dumps(
        {"action": event.action, "data": unstructure(event), "timestamp": iso(now_ms)},
    )


def seq_id_at(position: int) -> str:
    """Return the `seq_id` of the event of the log at a position."""
    return f"e{position}"


def position_of(seq_id: str) -> int | None:
    """Return the position that a `seq_id` names, or None when it is no position."""
    digits = seq_id[1:]
    if seq_id[:1] != "e" or not digits.isdecimal() or not digits.isascii() or len(digits) > _DIGITS:
        return None
    return int(digits)


def with_seq_id(body: bytes, seq_id: str) -> bytes:
    """Return a line: an encoded event completed with its `seq_id`."""
    return b'%b,"seq_id":"%b"}\n' % (body[:-1], seq_id.encode())


def encode_signal(action: str, seq_id: str, now_ms: int) -> bytes:
    """Encode a message without data: PING and PONG (§8.2)."""
    return orjson.dumps(
        {"action": action, "timestamp": iso(now_ms), "seq_id": seq_id}, option=orjson.OPT_APPEND_NEWLINE
    )

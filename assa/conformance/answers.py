"""What kind of message one is, and whether a request went as it should (§2.3, §9.1). Pure."""

from __future__ import annotations

import json
from typing import Final

from assa.conformance.messages import Json, Message, same

_LONGEST_WAIT_S: Final = 60.0


def is_answer(message: Json) -> bool:
    """Return whether a message answers something (§2.3): events have no `success`."""
    return "success" in message or message.get("action") == "ERROR"


def position_of(seq_id: object) -> int | None:
    """Return the position that the `seq_id` of an event is (v1.1), None when it is none."""
    is_one = isinstance(seq_id, str) and seq_id.startswith("e") and seq_id[1:].isdecimal()
    return int(str(seq_id)[1:]) if is_one else None


def is_event(message: Json, event: str, data: Json) -> bool:
    """Return whether a message is that event, with these fields in its data."""
    if message.get("action") != event or is_answer(message):
        return False
    came = message.get("data")
    return not data or (isinstance(came, dict) and all(same(came.get(key), one) for key, one in data.items()))


def succeeded(answer: Message) -> Message:
    """Return the answer of a request that should have succeeded.

    Raises:
        Broken: It did not.
    """
    action = (answer.sent or {}).get("action")
    answer.require(
        answer.raw.get("success") is True,
        f"expected {action}_RESPONSE with success: true, got {answer.raw.get('action')}"
        f" {answer.raw.get('error_code', '')}".rstrip(),
    )
    return answer.shows({"action": f"{action}_RESPONSE"})


def failed(answer: Message, codes: str) -> Message:
    """Return the answer of a request that should have failed.

    Raises:
        Broken: It did not, or with another code.
    """
    expected = " or ".join(codes.split())
    got = answer.raw.get("error_code") or answer.raw.get("action")
    answer.require(answer.raw.get("success") is False, f"expected success: false with {expected}, got {got}")
    answer.require(
        answer.raw.get("error_code") in codes.split(), f"expected error_code {expected}, got {got}"
    )
    return answer


def wait_s(answer: Message) -> float:
    """Return how many seconds an answer with RATE_LIMITED asks to wait."""
    after_ms = answer.at("data.retry_after_ms") if answer.has("data.retry_after_ms") else None
    return min(after_ms / 1000, _LONGEST_WAIT_S) if isinstance(after_ms, int) else 1.0


def line_of(message: Json) -> bytes:
    """Return a message as a line."""
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"

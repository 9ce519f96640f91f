"""Wrong replays, wrong errors, rights that nobody has given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import jwt

from assa.mock import Fault, Item, Line, Message
from tests.mutations.base import mutant, says
from tests.rehearsal import SECRET

# --- replays ---


class _Replay(Fault):
    """Has the missed events of a CONNECT together before they are sent."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._missing = 0
        self._events: list[Message] = []

    def outgoing(self, message: Message) -> Iterable[Item]:
        if message["action"] == "CONNECT_RESPONSE" and message["success"]:
            self._missing = message["data"]["reconnection_info"]["replayed_events"]
        elif self._missing and message["seq_id"].startswith("e"):
            self._missing -= 1
            self._events.append(message)
            if self._missing:
                return []
            events, self._events = self._events, []
            return self.changed(events)
        return [message]

    def changed(self, events: list[Message]) -> list[Message]:
        """Return what is sent of the missed events."""
        return events


@mutant(
    "1.1 10.3 replay",
    "1.1 10.3 relays_are_replayed",
    "1.1 2.2 positions",
)
def replay_with_a_double() -> Callable[[Line], Fault]:
    """Replay the first missed event twice."""

    class Double(_Replay):
        def changed(self, events: list[Message]) -> list[Message]:
            return [events[0], *events]

    return Double


@mutant(
    "1.1 10.3 replay",
    "1.1 10.3 relays_are_replayed",
)
def replay_with_a_gap() -> Callable[[Line], Fault]:
    """Leave a missed event out, and say that the session was resumed."""

    class Gap(_Replay):
        def changed(self, events: list[Message]) -> list[Message]:
            return events[1:] if len(events) > 1 else events

    return Gap


@mutant(
    "1.1 10.3 replay",
    "1.1 10.3 relays_are_replayed",
    "1.1 2.2 positions",
)
def replay_reversed() -> Callable[[Line], Fault]:
    """Replay the newest first."""

    class Reversed(_Replay):
        def changed(self, events: list[Message]) -> list[Message]:
            return events[::-1]

    return Reversed


# --- errors and rights ---


@mutant(
    "1.0 7.2 join_video_nowhere",
    "1.0 7.7 participants_of_nowhere",
    "1.1 7.2 ice_servers",
    "1.1 7.3 sdp_without_seat",
    "1.1 7.6 exit_video_without_seat",
    "1.1 7.6 video_room_closed",
)
def wrong_code() -> Callable[[Line], Fault]:
    """Say PERMISSION_DENIED of a video room that does not exist."""

    def change(message: Message) -> None:
        if message.get("error_code") == "VIDEO_ROOM_NOT_FOUND":
            message |= {"error_code": "PERMISSION_DENIED", "message": "권한이 없습니다"}

    return says(change)


@mutant(
    "1.0 9.1 errors_close_nothing",
    "1.1 2.3 answers_in_order",
    "1.1 4.3 last_member_closes",
    "1.1 5.3 get_messages_refused",
    "1.1 9.2 payload_before_room",
)
def error_closes() -> Callable[[Line], Fault]:
    """Close the connection after an ERROR that tells of a room that does not exist."""

    class Closing(Fault):
        def outgoing(self, message: Message) -> Iterable[Item]:
            if message.get("error_code") == "ROOM_NOT_FOUND":
                self.line.send(message)
                self.line.close()
                return []
            return [message]

    return Closing


@mutant(
    "1.0 3.1 expired_token",
    "1.1 3.1 expired_is_invalid",
    "1.1 3.1 token_expiring",
)
def expired_token_accepted() -> Callable[[Line], Fault]:
    """Look at the signature of a token, and not at its time."""

    class Lenient(Fault):
        def incoming(self, message: Message) -> Message | None:
            data = message.get("data")
            if message.get("action") == "CONNECT" and isinstance(data, dict):
                data["jwt_token"] = _prolonged(data.get("jwt_token"))
            return message

    return Lenient


def _prolonged(token: Any) -> Any:
    options = {"verify_exp": False, "verify_iat": False}
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], options=options)
    except jwt.InvalidTokenError:
        return token
    return (
        jwt.encode(claims | {"exp": int(time.time()) + 3_600}, SECRET, "HS256") if "exp" in claims else token
    )


@mutant(
    "1.0 4.2 closed_room",
    "1.1 4.2 history_of_a_closed_room",
    "1.1 4.3 exit_uses_the_invitation_up",
    "1.1 4.4 info_for_strangers",
    "1.1 9.2 permission_before_full",
)
def closed_rooms_are_open() -> Callable[[Line], Fault]:
    """Make every room an open one."""

    class Open(Fault):
        def incoming(self, message: Message) -> Message | None:
            if message.get("action") == "CREATE_ROOM" and isinstance(message.get("data"), dict):
                message["data"]["is_open"] = True
            return message

        def outgoing(self, message: Message) -> Iterable[Item]:
            if message["action"] == "ROOM_INFO_RESPONSE" and message["data"]["name"] != "정보":
                message["data"]["is_open"] = False
            return [message]

    return Open


@mutant(
    "1.0 5.1 send_without_membership",
    "1.0 9.2 refused_changes_nothing",
    "1.1 9.2 payload_before_room",
)
def membership_not_checked() -> Callable[[Line], Fault]:
    """Take messages from everybody."""

    def change(message: Message) -> None:
        if (
            message.get("error_code") == "USER_NOT_IN_ROOM"
            and message["data"]["original_action"] == "SEND_MESSAGE"
        ):
            del message["error_code"]
            data = {"message_id": 999_999, "room_id": 1, "content": "나도", "message_type": "text"}
            data |= {"created_at": message["timestamp"], "client_message_id": None}
            message |= {"action": "SEND_MESSAGE_RESPONSE", "success": True, "data": data}
            message["message"] = "메시지가 전송되었습니다"

    return says(change)

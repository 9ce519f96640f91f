"""Servers that are wrong in one thing each: the mock, with a fault that no network makes.

Each says which rules have to find it. All others have to hold: a finding that is told in the wrong place
sends a developer to the wrong place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import jwt
from attrs import frozen

from assa.mock import Fault, Item, Line, Message, is_answer
from tests.rehearsal import SECRET

Make = Callable[[], Callable[[Line], Fault]]
"""Makes the fault of one server, with what its connections share."""


@frozen
class Mutant:
    """A broken server.

    Attributes:
        make: Makes its fault.
        found: The rules that find it, `version section name`.
    """

    make: Make
    found: frozenset[str]


MUTANTS: dict[str, Mutant] = {}
"""Those that the rules have been looked at with."""
UNSEEN: dict[str, Mutant] = {}
"""Those that were made when the rules were finished."""


def mutant(*found: str, among: dict[str, Mutant] = MUTANTS) -> Callable[[Make], Make]:
    """Register a server and what finds it."""

    def register(make: Make) -> Make:
        among[make.__name__] = Mutant(make, frozenset(found))
        return make

    return register


def _says(change: Callable[[Message], Iterable[Item] | None]) -> Callable[[Line], Fault]:
    """Return a fault that changes what the server says: in place, or into what `change` returns."""

    class Saying(Fault):
        def outgoing(self, message: Message) -> Iterable[Item]:
            changed = change(message)
            return [message] if changed is None else changed

    return Saying


# --- answers ---


@mutant(
    "1.0 2.3 seq_id",
    "1.0 2.3 answers_by_number",
    "1.0 9.1 error_names_the_request",
    "1.1 2.3 answers_in_order",
    "1.1 2.3 seq_id",
)
def wrong_seq_id() -> Callable[[Line], Fault]:
    """Give answers another number than their requests."""

    def change(message: Message) -> None:
        if is_answer(message):
            message["seq_id"] = f"answer-{message['seq_id']}"

    return _says(change)


@mutant(
    "1.0 5.1 shape_NEW_MESSAGE",
    "1.1 5.1 shape_NEW_MESSAGE",
    "1.1 3.1 nickname_of_the_token",
    "1.1 5.3 told_alike",
)
def field_missing() -> Callable[[Line], Fault]:
    """Leave a field out of NEW_MESSAGE."""

    def change(message: Message) -> None:
        if message["action"] == "NEW_MESSAGE":
            del message["data"]["user"]["profile_image"]

    return _says(change)


@mutant(
    "1.0 7.1 create_video_room",
    "1.0 7.1 shape_CREATE_VIDEO_ROOM_RESPONSE",
    "1.1 7.1 shape_CREATE_VIDEO_ROOM_RESPONSE",
    "1.1 7.1 video_room_created",
)
def wrong_type() -> Callable[[Line], Fault]:
    """Send a number as a text."""

    def change(message: Message) -> None:
        if message["action"] == "CREATE_VIDEO_ROOM_RESPONSE":
            message["data"]["max_participants"] = str(message["data"]["max_participants"])

    return _says(change)


@mutant(
    "1.0 4.3 text_EXIT_ROOM",
    "1.0 4.3 shape_EXIT_ROOM_RESPONSE",
    "1.1 4.3 shape_EXIT_ROOM_RESPONSE",
)
def wrong_text() -> Callable[[Line], Fault]:
    """Say something else than v1.0 does."""

    def change(message: Message) -> None:
        if message["action"] == "EXIT_ROOM_RESPONSE":
            message["message"] = "퇴장했습니다"

    return _says(change)


@mutant(
    "1.1 8.2 pong",
    "1.1 8.2 pong_before_connect",
)
def no_pong() -> Callable[[Line], Fault]:
    """Answer no PING."""
    return _says(lambda message: [] if message["action"] == "PONG" else None)


# --- who hears what ---


@mutant("1.0 5.1 not_to_the_sender", "1.1 2.2 logged")
def echo_to_the_sender() -> Callable[[Line], Fault]:
    """Send NEW_MESSAGE to its sender too."""

    def change(message: Message) -> Iterable[Item] | None:
        if message["action"] != "SEND_MESSAGE_RESPONSE" or message["data"].get("duplicate"):
            return None
        data = {key: value for key, value in message["data"].items() if key != "client_message_id"}
        data |= {"user": {"user_id": 1, "nickname": "나", "profile_image": None}, "reply_to_message_id": None}
        echo = {"action": "NEW_MESSAGE", "data": data, "timestamp": message["timestamp"], "seq_id": "x1"}
        return [message, echo]

    return _says(change)


@mutant(
    "1.0 5.1 reaches_every_other_member",
    "1.1 2.2 one_number_for_all",
    "1.1 5.1 ids_grow",
    "1.1 10.3 replay_follows_the_answer",
)
def third_member_forgotten() -> Callable[[Line], Fault]:
    """Send each NEW_MESSAGE to one user only."""
    sent: dict[str, int | None] = {}

    class Forgetful(Fault):
        def outgoing(self, message: Message) -> Iterable[Item]:
            user_id = self.line.user_id
            if message["action"] == "NEW_MESSAGE" and sent.setdefault(message["seq_id"], user_id) != user_id:
                return []
            return [message]

    return Forgetful


# --- sending once ---


@mutant(
    "1.1 5.1 sent_twice_stored_once",
    "1.1 5.1 sent_twice_heard_once",
    "1.1 5.1 conflict",
)
def stored_twice() -> Callable[[Line], Fault]:
    """Take every SEND_MESSAGE for a new one, whatever its client_message_id."""

    class Forgetful(Fault):
        def __init__(self, line: Line) -> None:
            super().__init__(line)
            self._names: dict[str, Any] = {}

        def incoming(self, message: Message) -> Message | None:
            data = message.get("data")
            if (
                message.get("action") == "SEND_MESSAGE"
                and isinstance(data, dict)
                and "client_message_id" in data
            ):
                self._names[str(message["seq_id"])] = data["client_message_id"]
                data["client_message_id"] = f"{message['seq_id']}-{self.line.number}"
            return message

        def outgoing(self, message: Message) -> Iterable[Item]:
            if message["action"] == "SEND_MESSAGE_RESPONSE" and message["seq_id"] in self._names:
                message["data"]["client_message_id"] = self._names[message["seq_id"]]
            return [message]

    return Forgetful


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

    return _says(change)


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

    return _says(change)


# --- made when the rules were finished, to see how many they find ---


@mutant(
    "1.1 4.3 user_left",
    among=UNSEEN,
)
def user_left_unsaid() -> Callable[[Line], Fault]:
    """Tell nobody that somebody has left a room."""
    return _says(lambda message: [] if message["action"] == "USER_LEFT" else None)


@mutant(
    "1.0 3.1 existing_rooms",
    "1.0 3.2 rooms_outlive_disconnect",
    "1.0 10.3 rooms_after_a_cut",
    "1.1 10.3 unread_in_all_rooms",
    among=UNSEEN,
)
def rooms_forgotten() -> Callable[[Line], Fault]:
    """Name no rooms to one who connects."""

    def change(message: Message) -> None:
        if message["action"] == "CONNECT_RESPONSE" and message["success"]:
            message["data"]["reconnection_info"]["existing_rooms"] = []

    return _says(change)


@mutant(
    "1.0 5.1 content_unchanged",
    among=UNSEEN,
)
def content_trimmed() -> Callable[[Line], Fault]:
    """Take the white space at the ends of texts away."""

    class Trimming(Fault):
        def incoming(self, message: Message) -> Message | None:
            data = message.get("data")
            if message.get("action") == "SEND_MESSAGE" and isinstance(data, dict):
                content = data.get("content")
                if isinstance(content, str) and content.strip():
                    data["content"] = content.strip()
            return message

    return Trimming


@mutant(
    "1.1 5.3 plain_question",
    among=UNSEEN,
)
def oldest_pending_last() -> Callable[[Line], Fault]:
    """Give what is pending with the newest first."""

    def change(message: Message) -> None:
        if message["action"] == "CHECK_RECEIVE_RESPONSE":
            message["data"]["pending_messages"].reverse()

    return _says(change)


@mutant(
    "1.0 4.2 user_joined",
    among=UNSEEN,
)
def count_before_the_join() -> Callable[[Line], Fault]:
    """Count participants as they were before the one who joins."""

    def change(message: Message) -> None:
        if message["action"] == "USER_JOINED":
            message["data"]["participants_count"] -= 1

    return _says(change)


@mutant(
    "1.0 7.3 sdp",
    among=UNSEEN,
)
def sender_of_sdp_missing() -> Callable[[Line], Fault]:
    """Relay SDP with the id of its target in place of its sender."""

    class Confusing(Fault):
        def outgoing(self, message: Message) -> Iterable[Item]:
            if message["action"] == "SDP":
                message["data"]["sender_user_id"] = self.line.user_id
            return [message]

    return Confusing


@mutant(
    "1.0 5.1 reaches_every_other_member",
    "1.1 5.1 shape_NEW_MESSAGE",
    "1.1 5.3 told_alike",
    "1.1 5.3 pending_alike",
    among=UNSEEN,
)
def time_without_a_zone() -> Callable[[Line], Fault]:
    """Write created_at as a local time."""

    def change(message: Message) -> None:
        if message["action"] == "NEW_MESSAGE":
            message["data"]["created_at"] = message["data"]["created_at"].replace("T", " ")[:19]

    return _says(change)


@mutant(
    "1.1 4.3 host_changed",
    among=UNSEEN,
)
def host_for_ever() -> Callable[[Line], Fault]:
    """Show who made a room as its host after he has left."""
    hosts: dict[int, int] = {}

    def change(message: Message) -> None:
        data = message.get("data")
        if message["action"] == "CREATE_ROOM_RESPONSE":
            hosts[data["room_id"]] = data["host_user_id"]
        elif message["action"] == "ROOM_INFO_RESPONSE":
            data["host_user_id"] = hosts.get(data["room_id"], data["host_user_id"])

    return _says(change)


@mutant(
    "1.0 6.1 invited_while_offline",
    "1.1 6.1 invited_member",
    "1.1 6.1 invited_stranger",
    among=UNSEEN,
)
def everybody_is_online() -> Callable[[Line], Fault]:
    """Say of everybody who is invited that he is online."""

    def change(message: Message) -> None:
        if message["action"] == "INVITE_RESPONSE":
            for user in message["data"]["invited_users"]:
                user["status"] = "invited"

    return _says(change)


@mutant(
    "1.0 7.5 media_status_is_kept",
    among=UNSEEN,
)
def media_forgotten() -> Callable[[Line], Fault]:
    """Show every participant with microphone and camera on."""

    def change(message: Message) -> None:
        if message["action"] in ("JOIN_VIDEO_ROOM_RESPONSE", "GET_VIDEO_ROOM_PARTICIPANT_RESPONSE"):
            for one in message["data"]["participants"]:
                one["media_status"] = {"audio_enabled": True, "video_enabled": True}

    return _says(change)

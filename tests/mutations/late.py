"""Servers that were made when the rules were finished, to see how many of them they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jwt

from assa.mock import Fault, Item, Line, Message
from tests.mutations.base import UNSEEN, mutant, says
from tests.rehearsal import SECRET


@mutant("1.1 4.3 user_left", among=UNSEEN)
def user_left_unsaid() -> Callable[[Line], Fault]:
    """Tell nobody that somebody has left a room."""
    return says(lambda message: [] if message["action"] == "USER_LEFT" else None)


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

    return says(change)


@mutant("1.0 5.1 content_unchanged", among=UNSEEN)
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


@mutant("1.1 5.3 plain_question", among=UNSEEN)
def oldest_pending_last() -> Callable[[Line], Fault]:
    """Give what is pending with the newest first."""

    def change(message: Message) -> None:
        if message["action"] == "CHECK_RECEIVE_RESPONSE":
            message["data"]["pending_messages"].reverse()

    return says(change)


@mutant("1.0 4.2 user_joined", among=UNSEEN)
def count_before_the_join() -> Callable[[Line], Fault]:
    """Count participants as they were before the one who joins."""

    def change(message: Message) -> None:
        if message["action"] == "USER_JOINED":
            message["data"]["participants_count"] -= 1

    return says(change)


@mutant("1.0 7.3 sdp", among=UNSEEN)
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

    return says(change)


@mutant("1.1 4.3 host_changed", among=UNSEEN)
def host_for_ever() -> Callable[[Line], Fault]:
    """Show who made a room as its host after he has left."""
    hosts: dict[int, int] = {}

    def change(message: Message) -> None:
        data = message.get("data")
        if message["action"] == "CREATE_ROOM_RESPONSE":
            hosts[data["room_id"]] = data["host_user_id"]
        elif message["action"] == "ROOM_INFO_RESPONSE":
            data["host_user_id"] = hosts.get(data["room_id"], data["host_user_id"])

    return says(change)


@mutant("1.0 6.1 invited_while_offline", "1.1 6.1 invited_member", "1.1 6.1 invited_stranger", among=UNSEEN)
def everybody_is_online() -> Callable[[Line], Fault]:
    """Say of everybody who is invited that he is online."""

    def change(message: Message) -> None:
        if message["action"] == "INVITE_RESPONSE":
            for user in message["data"]["invited_users"]:
                user["status"] = "invited"

    return says(change)


@mutant("1.0 7.5 media_status_is_kept", among=UNSEEN)
def media_forgotten() -> Callable[[Line], Fault]:
    """Show every participant with microphone and camera on."""

    def change(message: Message) -> None:
        if message["action"] in ("JOIN_VIDEO_ROOM_RESPONSE", "GET_VIDEO_ROOM_PARTICIPANT_RESPONSE"):
            for one in message["data"]["participants"]:
                one["media_status"] = {"audio_enabled": True, "video_enabled": True}

    return says(change)


@mutant(
    "1.0 3.1 forged_token",
    "1.0 3.1 unsigned_token",
    "1.0 3.1 refused_is_not_connected",
    "1.1 3.1 invalid_token",
    "1.1 3.1 renewal_that_fails",
    among=UNSEEN,
)
def signature_not_checked() -> Callable[[Line], Fault]:
    """Sign what comes anew, whoever has signed it."""

    class Trusting(Fault):
        def incoming(self, message: Message) -> Message | None:
            data = message.get("data")
            if message.get("action") == "CONNECT" and isinstance(data, dict):
                data["jwt_token"] = _signed(data.get("jwt_token"))
            return message

    return Trusting


def _signed(token: Any) -> Any:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return token
    return jwt.encode(claims, SECRET, "HS256")


@mutant("1.0 10.1 too_long_a_text", "1.1 10.1 characters_not_bytes", among=UNSEEN)
def long_texts_cut() -> Callable[[Line], Fault]:
    """Take texts that are too long, and keep the beginning."""

    class Cutting(Fault):
        def incoming(self, message: Message) -> Message | None:
            data = message.get("data")
            if message.get("action") == "SEND_MESSAGE" and isinstance(data, dict):
                content = data.get("content")
                data["content"] = content[:5_000] if isinstance(content, str) else content
            return message

    return Cutting


@mutant("1.0 7.2 full_video_room", "1.1 7.1 video_room_created", among=UNSEEN)
def calls_never_full() -> Callable[[Line], Fault]:
    """Give every call fifty places, and say that it has as many as were asked for."""
    asked: dict[str, int] = {}

    class Large(Fault):
        def incoming(self, message: Message) -> Message | None:
            data = message.get("data")
            if message.get("action") == "CREATE_VIDEO_ROOM" and isinstance(data, dict):
                places = data.get("max_participants", 10)
                if isinstance(places, int) and 2 <= places <= 50:
                    asked[f"{self.line.number} {message['seq_id']}"] = places
                    data["max_participants"] = 50
            return message

        def outgoing(self, message: Message) -> Iterable[Item]:
            if message["action"] == "CREATE_VIDEO_ROOM_RESPONSE":
                message["data"]["max_participants"] = asked[f"{self.line.number} {message['seq_id']}"]
            return [message]

    return Large


@mutant(
    "1.0 4.3 exited_hears_nothing",
    "1.0 5.1 not_to_the_sender",
    "1.0 5.1 not_to_strangers",
    "1.1 2.2 positions",
    "1.1 5.1 ids_grow",
    among=UNSEEN,
)
def leak_to_strangers() -> Callable[[Line], Fault]:
    """Send NEW_MESSAGE to everybody who is connected."""
    sent: set[str] = set()

    class Leaking(Fault):
        def outgoing(self, message: Message) -> Iterable[Item]:
            if message["action"] == "NEW_MESSAGE" and message["seq_id"] not in sent:
                sent.add(message["seq_id"])
                for other in self.line.lines:
                    if other.user_id not in (None, self.line.user_id):
                        other.send(message)
            return [message]

    return Leaking


@mutant("1.1 4.2 recent_messages", "1.1 5.3 told_alike", among=UNSEEN)
def join_forgets_a_message() -> Callable[[Line], Fault]:
    """Leave the newest message out of what JOIN_ROOM shows."""

    def change(message: Message) -> None:
        if message["action"] == "JOIN_ROOM_RESPONSE":
            message["data"]["recent_messages"] = message["data"]["recent_messages"][:-1]

    return says(change)


@mutant("1.0 9.1 error_names_the_request", among=UNSEEN)
def error_of_another_action() -> Callable[[Line], Fault]:
    """Say of every ERROR that it answers SEND_MESSAGE."""

    def change(message: Message) -> None:
        if message["action"] == "ERROR" and message["data"]["original_action"]:
            message["data"]["original_action"] = "SEND_MESSAGE"

    return says(change)


@mutant("1.1 2.2 positions", "1.1 7.3 relays_in_order", "1.1 10.3 relays_are_replayed", among=UNSEEN)
def candidates_out_of_order() -> Callable[[Line], Fault]:
    """Relay each second ICE_CANDIDATE before the first."""

    class Swapping(Fault):
        def __init__(self, line: Line) -> None:
            super().__init__(line)
            self._kept: Message | None = None

        def outgoing(self, message: Message) -> Iterable[Item]:
            kept = self._kept
            if message["action"] != "ICE_CANDIDATE" or not message["data"]["candidate"][10:].isdecimal():
                return [message]
            self._kept = None if kept else message
            return [message, kept] if kept else []

    return Swapping

"""Wrong answers, wrong hearers, messages that are stored twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from assa.mock import Fault, Item, Line, Message, is_answer
from tests.mutations.base import mutant, says

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

    return says(change)


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

    return says(change)


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

    return says(change)


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

    return says(change)


@mutant(
    "1.1 8.2 pong",
    "1.1 8.2 pong_before_connect",
)
def no_pong() -> Callable[[Line], Fault]:
    """Answer no PING."""
    return says(lambda message: [] if message["action"] == "PONG" else None)


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

    return says(change)


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

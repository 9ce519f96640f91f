"""Events as lines for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from assa.cli.chat.words import Words, harmless
from assa.client import Event, Gap, NewMessage, Postponed, Rejected, ServerError, Unknown
from assa.protocol.shapes import nickname_of
from assa.schema import unstructure

Data = dict[str, Any]


class Narrator:
    """Tells what happens, and remembers what people and rooms are called.

    Args:
        words: The language.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._people: dict[int, str] = {}
        self._rooms: dict[int, str] = {}

    # --- names ---

    def name_room(self, room_id: int, name: str) -> None:
        """Remember what a room is called."""
        self._rooms[room_id] = name

    def room(self, room_id: int) -> str:
        """Return what a room is called, as far as it is known."""
        return self._rooms.get(room_id, "")

    def person(self, data: Data) -> str:
        """Return what somebody is called, and remember it."""
        user_id = data.get("user_id", 0)
        if "nickname" in data:
            self._people[user_id] = str(data["nickname"])
        return self.named(user_id)

    def named(self, user_id: int) -> str:
        """Return what the user with an id is called, as far as it is known."""
        return nickname_of(user_id, self._people.get(user_id))

    def people(self, participants: list[Data]) -> str:
        """Return what several people are called."""
        return ", ".join(self.person(one) for one in participants)

    # --- lines ---

    def message(self, data: Data, room_id: int | None = None) -> str:
        """Return a message as a line; pending ones do not say which room they are of."""
        text, file = data["content"], data.get("file_info")
        if file:
            name, size = harmless(str(file["file_name"])), file["file_size"]
            text = self._words("image", name=name, size=size, caption=text).rstrip()
        reply_to = data.get("reply_to_message_id")
        return self._words(
            "message" if reply_to is None else "reply",
            room_id=data.get("room_id", room_id),
            nickname=self.person(data["user"]),
            text=text,
            message_id=data["message_id"],
            reply_to=reply_to,
        )

    def old_message(self, data: Data, room_id: int | None = None) -> str:
        """Return a message with the time when it was sent."""
        return self._words(
            "old_message", time=self.time(data["created_at"]), line=self.message(data, room_id)
        )

    @staticmethod
    def time(iso: str) -> str:
        """Return a time of the wire as people here would say it; what is none, as it is."""
        try:
            return datetime.fromisoformat(iso).astimezone().strftime("%m-%d %H:%M")
        except ValueError:
            return iso

    def refusal(self, wrong: Rejected) -> str:
        """Return why something was refused."""
        key = "error_details" if wrong.details else "error"
        return self._words(key, code=wrong.code, text=wrong.message, details=wrong.details)

    def event(self, event: Event) -> str:
        """Return what happened."""
        match event:
            case ServerError():
                return self.refusal(event.error)
            case Postponed():
                key = "retry" if event.error.code == "RATE_LIMITED" else "retry_away"
                return self._words(key, delay=f"{event.delay_s:.0f}")
            case Gap():
                return self._words("gap", room_id=event.room_id, reason=event.reason)
            case NewMessage():
                return self.message(unstructure(event))
            case Unknown():
                text = orjson.dumps(event.data).decode()
                return self._words("unknown_event", action=event.action, text=text)
            case _:
                return self._words(event.action, **self._fields(event.action, unstructure(event)))

    def _fields(self, action: str, data: Data) -> dict[str, Any]:
        """Return everything that a line about an event may want to say."""
        room = data.get("room_info") or {}
        if room:
            self.name_room(data["room_id"], room["name"])
        return {
            "room_id": data.get("room_id", data.get("chat_room_id")),
            "call_id": data.get("video_room_id"),
            "nickname": self._who(data),
            "name": room.get("name", data.get("video_room_name")),
            "count": data.get("participants_count", room.get("participants_count")),
            "ids": ", ".join(f"#{one}" for one in data.get("message_ids", ())),
            "text": data.get("message", data.get("candidate")),
            "title": data.get("title"),
            "priority": data.get("priority"),
            "kind": data.get("announcement_type", data.get("sdp_type")),
            "reason": data.get("reason"),
            "audio": self.switch(on=data.get("audio_enabled", True)),
            "video": self.switch(on=data.get("video_enabled", True)),
            "size": len(data.get("sdp_data", "").encode()),
            "time": self.time(str(data.get("expires_at"))) if action == "TOKEN_EXPIRING" else "",
        }

    def _who(self, data: Data) -> str:
        """Return whom an event is about; where it does not say, who is host now."""
        for key in ("user", "inviter", "participant"):
            if isinstance(data.get(key), dict):
                return self.person(data[key])
        for key in ("user_id", "sender_user_id", "host_user_id"):
            if key in data:
                return self.person({"user_id": data[key]} | {k: data[k] for k in ("nickname",) if k in data})
        return ""

    def switch(self, *, on: bool) -> str:
        """Return the word for on or off."""
        return self._words("on" if on else "off")

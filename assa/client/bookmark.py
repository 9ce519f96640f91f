"""What a program keeps over its restarts, so that its next connection goes on where the last one ended."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from assa.client.inbox import Room
from assa.errors import Refused
from assa.schema import structure, unstructure


@frozen(kw_only=True)
class MarkedRoom:
    """How far a room was heard.

    Args:
        room_id: The room.
        newest: The id of the last message that was heard; None: none was, since `since`.
        own: Ids of later messages that were sent with this client.
    """

    room_id: int
    newest: int | None = None
    own: list[int] = field(factory=list)


@frozen(kw_only=True)
class Bookmark:
    """How far a client has come: what `connect` goes on from (§10.3). Keep it secret: it names the session.

    Args:
        session_id: Of the session.
        last_seq_id: Of the last event that was heard.
        since: When the first connection began, ISO 8601; older messages are not heard.
        rooms: How far each room was heard.
    """

    session_id: str | None = field(default=None, repr=False)  # it is a secret
    last_seq_id: str | None = None
    since: str = ""
    rooms: list[MarkedRoom] = field(factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        data: dict[str, Any] = unstructure(self)
        return data

    @classmethod
    def from_json(cls, data: Any) -> Bookmark:
        """Return what :meth:`to_json` has made.

        Raises:
            ValueError: It is something else.
        """
        try:
            return structure(cls, data, "bookmark")
        except Refused as wrong:
            raise ValueError(f"no bookmark: {wrong.details}") from None

    def room_records(self) -> dict[int, Room]:
        """Return what is known of each room."""
        records: dict[int, Room] = {}
        for marked in self.rooms:
            record = records[marked.room_id] = Room(newest=marked.newest, floor=marked.newest or 0)
            for message_id in marked.own:
                record.own(message_id)
        return records


def mark(rooms: dict[int, Room]) -> list[MarkedRoom]:
    """Return how far rooms were heard."""
    return [
        MarkedRoom(room_id=room_id, newest=room.newest, own=room.own_after) for room_id, room in rooms.items()
    ]

"""Queries about video rooms and their participants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from assa.errors import Code, Refused
from assa.protocol.shapes import nickname_of

if TYPE_CHECKING:
    from assa.storage import Transaction


@frozen
class VideoRoom:
    """A video room; `created_at` in milliseconds since the epoch."""

    video_room_id: int
    chat_room_id: int
    name: str
    host_user_id: int
    max_participants: int
    participants: int
    created_at: int


_COLUMNS = "video_room_id, chat_room_id, name, host_user_id, max_participants, participants, created_at"


@frozen
class Seat:
    """A participation: it belongs to the session that joined."""

    user_id: int
    nickname: str
    session_id: str
    audio_enabled: bool
    video_enabled: bool


async def create(
    tx: Transaction, *, chat_room_id: int, name: str, host_user_id: int, max_participants: int, now_ms: int
) -> VideoRoom:
    """Create a video room that nobody has joined yet."""
    row = await tx.first("UPDATE counters SET value = value + 1 WHERE name = 'video_room' RETURNING value")
    assert row is not None  # noqa: S101 - the migration inserts it
    await tx.insert(
        "video_rooms",
        [
            {
                "video_room_id": row[0],
                "chat_room_id": chat_room_id,
                "name": name,
                "host_user_id": host_user_id,
                "max_participants": max_participants,
                "participants": 0,
                "opened": 0,
                "created_at": now_ms,
            }
        ],
    )
    return VideoRoom(row[0], chat_room_id, name, host_user_id, max_participants, 0, now_ms)


async def find(tx: Transaction, video_room_id: int) -> VideoRoom:
    """Return a video room.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND.
    """
    row = await tx.first(f"SELECT {_COLUMNS} FROM video_rooms WHERE video_room_id = :id", id=video_room_id)  # noqa: S608
    if row is None:
        raise Refused(Code.VIDEO_ROOM_NOT_FOUND, "data.video_room_id: no such video room")
    return VideoRoom(*row)


async def seats(tx: Transaction, video_room_id: int) -> list[Seat]:
    """Return the participants, the longest-present first."""
    rows = await tx.all(
        "SELECT p.user_id, u.nickname, p.session_id, p.audio_enabled, p.video_enabled FROM participants p"
        " LEFT JOIN users u ON u.user_id = p.user_id WHERE p.video_room_id = :id ORDER BY p.joined_position",
        id=video_room_id,
    )
    return [Seat(row[0], nickname_of(row[0], row[1]), row[2], bool(row[3]), bool(row[4])) for row in rows]


async def find_for_member(tx: Transaction, video_room_id: int, user_id: int) -> VideoRoom:
    """Return a video room to a member of its chat room.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    room = await find(tx, video_room_id)
    member = await tx.first(
        "SELECT 1 FROM members WHERE room_id = :room_id AND user_id = :user_id",
        room_id=room.chat_room_id,
        user_id=user_id,
    )
    if member is None:
        raise Refused(Code.USER_NOT_IN_ROOM, "data.video_room_id: you are not a member of its chat room")
    return room


async def seat_of(tx: Transaction, video_room_id: int, session_id: str) -> Seat:
    """Return the seat of a session.

    Raises:
        Refused: USER_NOT_IN_ROOM.
    """
    for seat in await seats(tx, video_room_id):
        if seat.session_id == session_id:
            return seat
    raise Refused(Code.USER_NOT_IN_ROOM, "data.video_room_id: you do not take part from this connection")


async def take_seat(tx: Transaction, video_room_id: int) -> bool:
    """Count one participant more, unless the room is full."""
    return bool(
        await tx.execute(
            "UPDATE video_rooms SET participants = participants + 1, opened = 1"
            " WHERE video_room_id = :id AND participants < max_participants",
            id=video_room_id,
        )
    )


async def put_seat(
    tx: Transaction, video_room_id: int, user_id: int, *, session_id: str, audio: bool, video: bool
) -> None:
    """Write a participant, or move his participation to another session; its position comes next."""
    await tx.execute(
        "INSERT INTO participants"
        " (video_room_id, user_id, session_id, audio_enabled, video_enabled, joined_position, heard_from)"
        " VALUES (:room, :user_id, :session_id, :audio, :video, 0, 0)"
        " ON CONFLICT (video_room_id, user_id) DO UPDATE SET session_id = excluded.session_id,"
        " audio_enabled = excluded.audio_enabled, video_enabled = excluded.video_enabled",
        room=video_room_id,
        user_id=user_id,
        session_id=session_id,
        audio=int(audio),
        video=int(video),
    )


async def set_position(tx: Transaction, video_room_id: int, user_id: int, position: int) -> None:
    """Write the log position of a participant's join, or of his move to another session."""
    await tx.execute(
        "UPDATE participants SET heard_from = :position,"
        " joined_position = CASE joined_position WHEN 0 THEN :position ELSE joined_position END"
        " WHERE video_room_id = :id AND user_id = :user_id",
        id=video_room_id,
        user_id=user_id,
        position=position,
    )


async def remove_seat(tx: Transaction, video_room_id: int, user_id: int) -> int:
    """Remove a participant and return how many are left."""
    await tx.execute(
        "DELETE FROM participants WHERE video_room_id = :id AND user_id = :user_id",
        id=video_room_id,
        user_id=user_id,
    )
    row = await tx.first(
        "UPDATE video_rooms SET participants = participants - 1"
        " WHERE video_room_id = :id RETURNING participants",
        id=video_room_id,
    )
    assert row is not None  # noqa: S101 - a participant's room exists
    return int(row[0])


async def set_media(tx: Transaction, video_room_id: int, user_id: int, *, audio: bool, video: bool) -> None:
    """Write a participant's media state."""
    await tx.execute(
        "UPDATE participants SET audio_enabled = :audio, video_enabled = :video"
        " WHERE video_room_id = :id AND user_id = :user_id",
        id=video_room_id,
        user_id=user_id,
        audio=int(audio),
        video=int(video),
    )


async def set_host(tx: Transaction, video_room_id: int, user_id: int) -> None:
    """Make a participant the host."""
    await tx.execute(
        "UPDATE video_rooms SET host_user_id = :user_id WHERE video_room_id = :id",
        user_id=user_id,
        id=video_room_id,
    )


async def remove(tx: Transaction, video_room_id: int) -> None:
    """Remove an empty video room."""
    await tx.execute("DELETE FROM video_rooms WHERE video_room_id = :id", id=video_room_id)


async def of_session(tx: Transaction, session_id: str) -> dict[int, int]:
    """Return the video rooms of a session, ascending, each with the position from which it hears."""
    return dict(
        await tx.all(
            "SELECT video_room_id, heard_from FROM participants"
            " WHERE session_id = :id ORDER BY video_room_id",
            id=session_id,
        )
    )


async def of_chat_room(tx: Transaction, chat_room_id: int) -> list[int]:
    """Return the video rooms of a chat room."""
    rows = await tx.all(
        "SELECT video_room_id FROM video_rooms WHERE chat_room_id = :id ORDER BY video_room_id",
        id=chat_room_id,
    )
    return [row[0] for row in rows]


async def unopened(tx: Transaction, before_ms: int) -> list[VideoRoom]:
    """Return rooms created before a time that nobody has joined."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM video_rooms WHERE opened = 0 AND created_at <= :before",  # noqa: S608
        before=before_ms,
    )
    return [VideoRoom(*row) for row in rows]

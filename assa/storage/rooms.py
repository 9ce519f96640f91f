"""Queries about chat rooms, their members and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from assa.errors import Code, Refused
from assa.protocol.shapes import nickname_of
from assa.storage import Row, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assa.storage import Transaction

_COLUMNS = (
    "r.room_id, r.name, r.description, r.is_open, r.max_participants, r.members, r.host_user_id, r.created_at"
)


_INVITATIONS = 100
"""Delivered with one CONNECT; the rest waits for the next one."""


@frozen
class Room:
    """A chat room; `created_at` in milliseconds since the epoch."""

    room_id: int
    name: str
    description: str
    is_open: bool
    max_participants: int
    members: int
    host_user_id: int
    created_at: int

    def role_of(self, user_id: int) -> str:
        """Return host or member."""
        return "host" if user_id == self.host_user_id else "member"


@frozen
class Member:
    """A member of a chat room; `joined_at` in milliseconds since the epoch."""

    user_id: int
    nickname: str
    joined_at: int
    joined_position: int


def _room(row: Row) -> Room:
    room_id, name, description, is_open, max_participants, members, host_user_id, created_at = row[:8]
    return Room(
        room_id, name, description, bool(is_open), max_participants, members, host_user_id, created_at
    )


async def create(
    tx: Transaction,
    *,
    name: str,
    description: str,
    is_open: bool,
    max_participants: int,
    host_user_id: int,
    now_ms: int,
) -> Room:
    """Create an empty room; its host joins next."""
    row = await tx.first("UPDATE counters SET value = value + 1 WHERE name = 'room' RETURNING value")
    assert row is not None  # noqa: S101 - the migration inserts it
    await tx.insert(
        "rooms",
        [
            {
                "room_id": row[0],
                "name": name,
                "description": description,
                "is_open": int(is_open),
                "max_participants": max_participants,
                "members": 0,
                "host_user_id": host_user_id,
                "created_at": now_ms,
            }
        ],
    )
    return Room(row[0], name, description, is_open, max_participants, 0, host_user_id, now_ms)


async def find(tx: Transaction, room_id: int) -> Room:
    """Return a room that is not closed.

    Raises:
        Refused: ROOM_NOT_FOUND.
    """
    row = await tx.first(f"SELECT {_COLUMNS} FROM rooms r WHERE room_id = :id AND members > 0", id=room_id)  # noqa: S608
    if row is None:
        raise Refused(Code.ROOM_NOT_FOUND, "data.room_id: no such room")
    return _room(row)


async def membership(tx: Transaction, room_id: int, user_id: int) -> int | None:
    """Return the position of a member's join, or None for a non-member."""
    row = await tx.first(
        "SELECT joined_position FROM members WHERE room_id = :room_id AND user_id = :user_id",
        room_id=room_id,
        user_id=user_id,
    )
    return None if row is None else int(row[0])


async def find_for_member(tx: Transaction, room_id: int, user_id: int) -> tuple[Room, int]:
    """Return a room and the position of the member's join.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    room = await find(tx, room_id)
    joined_position = await membership(tx, room_id, user_id)
    if joined_position is None:
        raise Refused(Code.USER_NOT_IN_ROOM, "data.room_id: you are not a member of this room")
    return room, joined_position


async def members(tx: Transaction, room_id: int) -> list[Member]:
    """Return the members, the longest-standing first."""
    rows = await tx.all(
        "SELECT m.user_id, u.nickname, m.joined_at, m.joined_position FROM members m"
        " LEFT JOIN users u ON u.user_id = m.user_id WHERE m.room_id = :room_id ORDER BY m.joined_position",
        room_id=room_id,
    )
    return [Member(row[0], nickname_of(row[0], row[1]), row[2], row[3]) for row in rows]


async def take_place(tx: Transaction, room_id: int) -> bool:
    """Count one member more, unless the room is full."""
    return bool(
        await tx.execute(
            "UPDATE rooms SET members = members + 1 WHERE room_id = :room_id AND members < max_participants",
            room_id=room_id,
        )
    )


async def add_member(tx: Transaction, room_id: int, user_id: int, *, position: int, now_ms: int) -> None:
    """Write a member who has taken a place and use up his invitation."""
    await tx.insert(
        "members",
        [
            {
                "room_id": room_id,
                "user_id": user_id,
                "joined_at": now_ms,
                "joined_position": position,
                "confirmed_through": position,
            }
        ],
    )
    await drop_invitation(tx, room_id, user_id)


async def remove_member(tx: Transaction, room_id: int, user_id: int) -> int:
    """Remove a member and what only he needed; return how many are left."""
    for table in ("members", "receipts", "invitations"):
        await tx.execute(
            f"DELETE FROM {table} WHERE room_id = :room_id AND user_id = :user_id",  # noqa: S608
            room_id=room_id,
            user_id=user_id,
        )
    row = await tx.first(
        "UPDATE rooms SET members = members - 1 WHERE room_id = :room_id RETURNING members", room_id=room_id
    )
    assert row is not None  # noqa: S101 - the caller found it
    if not row[0]:
        await tx.execute("DELETE FROM invitations WHERE room_id = :room_id", room_id=room_id)
    return int(row[0])


async def set_host(tx: Transaction, room_id: int, user_id: int) -> None:
    """Make a member the host."""
    await tx.execute(
        "UPDATE rooms SET host_user_id = :user_id WHERE room_id = :id", user_id=user_id, id=room_id
    )


async def of_user(tx: Transaction, user_id: int) -> dict[int, int]:
    """Return the rooms of a user, ascending, each with the position of his join."""
    return dict(
        await tx.all(
            "SELECT room_id, joined_position FROM members WHERE user_id = :user_id ORDER BY room_id",
            user_id=user_id,
        )
    )


async def by_activity(tx: Transaction, user_id: int) -> list[tuple[Room, int | None]]:
    """Return a user's rooms with the id of the newest message he may see, the newest activity first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS}, (SELECT max(message_id) FROM messages x WHERE x.room_id = r.room_id"  # noqa: S608
        " AND (r.is_open = 1 OR x.message_id > m.joined_position)) AS newest, m.joined_position"
        " FROM members m JOIN rooms r ON r.room_id = m.room_id WHERE m.user_id = :user_id",
        user_id=user_id,
    )
    rows.sort(key=lambda row: max(row[8] or 0, row[9]), reverse=True)
    return [(_room(row), row[8]) for row in rows]


async def invited(tx: Transaction, room_id: int, user_id: int) -> bool:
    """Return whether an invitation of the user to the room stands."""
    row = await tx.first(
        "SELECT 1 FROM invitations WHERE room_id = :room_id AND user_id = :user_id",
        room_id=room_id,
        user_id=user_id,
    )
    return row is not None


async def invite(
    tx: Transaction, room_id: int, user_id: int, *, inviter_user_id: int, delivered: bool, now_ms: int
) -> None:
    """Write an invitation; a newer one replaces an older."""
    await tx.execute(
        "INSERT INTO invitations (room_id, user_id, inviter_user_id, invited_at, delivered)"
        " VALUES (:room_id, :user_id, :inviter, :now, :delivered)"
        " ON CONFLICT (room_id, user_id) DO UPDATE SET inviter_user_id = excluded.inviter_user_id,"
        " invited_at = excluded.invited_at, delivered = excluded.delivered",
        room_id=room_id,
        user_id=user_id,
        inviter=inviter_user_id,
        now=now_ms,
        delivered=int(delivered),
    )


async def drop_invitation(tx: Transaction, room_id: int, user_id: int) -> None:
    """Use up an invitation, if there is one."""
    await tx.execute(
        "DELETE FROM invitations WHERE room_id = :room_id AND user_id = :user_id",
        room_id=room_id,
        user_id=user_id,
    )


async def undelivered_invitations(tx: Transaction, user_id: int) -> list[tuple[int, int]]:
    """Count the oldest invitations that wait for the user as delivered; return (room_id, inviter)."""
    rows = await tx.all(
        "UPDATE invitations SET delivered = 1 WHERE user_id = :user_id AND delivered = 0 AND room_id IN"
        " (SELECT room_id FROM invitations WHERE user_id = :user_id AND delivered = 0"
        " ORDER BY invited_at, room_id LIMIT :most)"
        " RETURNING invited_at, room_id, inviter_user_id",
        user_id=user_id,
        most=_INVITATIONS,
    )
    return [(row[1], row[2]) for row in sorted(rows)]


async def members_among(tx: Transaction, room_id: int, user_ids: Sequence[int]) -> set[int]:
    """Return which of the users are members."""
    chosen, values = listed("u", user_ids)
    rows = await tx.all(
        f"SELECT user_id FROM members WHERE room_id = :room_id AND user_id IN {chosen}",  # noqa: S608
        room_id=room_id,
        **values,
    )
    return {row[0] for row in rows}

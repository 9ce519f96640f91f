"""Queries of operators: what a user, a session or a room is like. None of them reads a message's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from assa.protocol.shapes import nickname_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assa.storage import Row, Transaction

_COUNTED = 10_000
"""Messages of a room that are counted at most: counting all of a large one would hold everybody up."""
_SESSIONS = 100
_ROOM = (
    "SELECT r.room_id, r.name, r.is_open, r.members, r.max_participants, r.host_user_id, r.created_at,"
    " (SELECT m.created_at FROM messages m WHERE m.room_id = r.room_id ORDER BY m.message_id DESC LIMIT 1)"
    " FROM rooms r"
)


@frozen
class Account:
    """A user; `seen_at` of the newest CONNECT, ms since the epoch."""

    user_id: int
    nickname: str
    active: bool
    seen_at: int
    rooms: int


@frozen
class Session:
    """A session on any node; `node` is None and `dropped_at` a time when it has no connection (ms)."""

    session_id: str
    node: str | None
    device_id: str | None
    attachment: int
    connected_at: int
    dropped_at: int | None


@frozen
class Room:
    """A room; `last_message_at` is None before its first message (ms)."""

    room_id: int
    name: str
    is_open: bool
    members: int
    max_participants: int
    host_user_id: int
    created_at: int
    last_message_at: int | None


@frozen
class Member:
    """A member of a room; `connections` on all nodes, `joined_at` in ms."""

    user_id: int
    nickname: str
    joined_at: int
    connections: int


@frozen
class Counts:
    """What belongs to a room; `messages` is exact up to 10,000, and 10,001 when there are more."""

    messages: int
    invitations: int
    video_rooms: int


async def may_connect(tx: Transaction, user_id: int) -> bool:
    """Return whether a user's account is not deactivated; one that never connected is not."""
    row = await tx.first("SELECT active FROM users WHERE user_id = :user_id", user_id=user_id)
    return row is None or bool(row[0])


async def account(tx: Transaction, user_id: int) -> tuple[Account | None, Sequence[Session]]:
    """Return a user, None for one that never connected, and his newest sessions, a hundred at most."""
    row = await tx.first(
        "SELECT user_id, nickname, active, seen_at,"
        " (SELECT count(*) FROM members WHERE user_id = :user_id) FROM users WHERE user_id = :user_id",
        user_id=user_id,
    )
    if row is None:
        return None, ()
    rows = await tx.all(
        "SELECT session_id, node, device_id, attachment, connected_at, dropped_at FROM sessions"
        " WHERE user_id = :user_id ORDER BY connected_at DESC, session_id LIMIT :most",
        user_id=user_id,
        most=_SESSIONS,
    )
    known = Account(row[0], nickname_of(row[0], row[1]), bool(row[2]), row[3], row[4])
    return known, [Session(*one) for one in rows]


async def rooms(tx: Transaction, *, after: int, limit: int) -> list[Room]:
    """Return rooms that have members, by id, after one."""
    rows = await tx.all(
        f"{_ROOM} WHERE r.room_id > :after AND r.members > 0 ORDER BY r.room_id LIMIT :most",
        after=after,
        most=limit,
    )
    return [_room(row) for row in rows]


async def room(tx: Transaction, room_id: int) -> tuple[Room, list[Member], Counts] | None:
    """Return a room with its members, the longest-standing first; None when it is closed or never was."""
    row = await tx.first(f"{_ROOM} WHERE r.room_id = :room_id AND r.members > 0", room_id=room_id)
    if row is None:
        return None
    rows = await tx.all(
        "SELECT m.user_id, u.nickname, m.joined_at,"
        " (SELECT count(*) FROM sessions s WHERE s.user_id = m.user_id AND s.node IS NOT NULL)"
        " FROM members m LEFT JOIN users u ON u.user_id = m.user_id"
        " WHERE m.room_id = :room_id ORDER BY m.joined_position",
        room_id=room_id,
    )
    members = [Member(one[0], nickname_of(one[0], one[1]), one[2], one[3]) for one in rows]
    return _room(row), members, await _counts(tx, room_id)


async def _counts(tx: Transaction, room_id: int) -> Counts:
    row = await tx.first(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM messages WHERE room_id = :room_id LIMIT :most) AS m),"
        " (SELECT count(*) FROM invitations WHERE room_id = :room_id),"
        " (SELECT count(*) FROM video_rooms WHERE chat_room_id = :room_id)",
        room_id=room_id,
        most=_COUNTED + 1,
    )
    assert row is not None  # noqa: S101 - it has no table to be empty
    return Counts(*row)


def _room(row: Row) -> Room:
    room_id, name, is_open, members, most, host_user_id, created_at, last_message_at = row
    return Room(room_id, name, bool(is_open), members, most, host_user_id, created_at, last_message_at)

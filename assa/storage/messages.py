"""Queries about messages and receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa.protocol.shapes import Author, ChatMessage, FileInfo, nickname_of
from assa.storage import Row, given, listed
from assa.wire import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from assa.storage import Transaction, Value

_COLUMNS = (
    "m.message_id, m.room_id, m.content, m.message_type, m.user_id, u.nickname, u.profile_image,"
    " m.created_at, m.reply_to_message_id, m.file_path, m.file_name, m.file_size, m.mime_type"
)
_FROM = "FROM messages m LEFT JOIN users u ON u.user_id = m.user_id"
_COUNTED = 10_000
_OWN_IN_A_ROW = 1_000
# The user's unconfirmed messages of others: `r` is the confirmation that is missing.
_UNCONFIRMED = (
    " JOIN members mine ON mine.room_id = m.room_id AND m.message_id > mine.confirmed_through"
    " LEFT JOIN receipts r"
    " ON r.room_id = m.room_id AND r.user_id = mine.user_id AND r.message_id = m.message_id"
    " WHERE mine.user_id = :reader AND m.user_id <> :reader AND r.message_id IS NULL"
)


def _message(row: Row) -> ChatMessage:
    file_info = None
    if row[9] is not None:
        file_info = FileInfo(file_path=row[9], file_name=row[10], file_size=row[11], mime_type=row[12])
    return ChatMessage(
        message_id=row[0],
        room_id=row[1],
        content=row[2],
        message_type=row[3],
        user=Author(user_id=row[4], nickname=nickname_of(row[4], row[5]), profile_image=row[6]),
        created_at=iso(row[7]),
        reply_to_message_id=row[8],
        file_info=file_info,
    )


async def before_sending(
    tx: Transaction, asked: Iterable[tuple[int, int, str | None]]
) -> tuple[dict[tuple[int, int], Author], dict[tuple[int, int, str], ChatMessage]]:
    """Return what has to be known of each (room_id, user_id, client_message_id) before it is sent.

    Returns:
        The members among the (room_id, user_id), as authors; and the messages that have been stored
        under one of the keys before.
    """
    authors: dict[tuple[int, int], Author] = {}
    keys: dict[int, tuple[int, int, str]] = {}
    for wanted, values in given("room_id, user_id, client_id", asked):
        rows = await tx.all(
            f"{wanted} SELECT g.room_id, g.user_id, g.client_id, u.nickname, u.profile_image, m.message_id"  # noqa: S608
            " FROM given g JOIN members mine ON mine.room_id = g.room_id AND mine.user_id = g.user_id"
            " LEFT JOIN users u ON u.user_id = g.user_id"
            " LEFT JOIN messages m ON m.room_id = g.room_id AND m.user_id = g.user_id"
            " AND m.client_message_id = g.client_id",
            **values,
        )
        for room_id, user_id, client_id, nickname, profile_image, message_id in rows:
            authors[room_id, user_id] = Author(
                user_id=user_id, nickname=nickname_of(user_id, nickname), profile_image=profile_image
            )
            if message_id is not None:
                keys[message_id] = room_id, user_id, client_id
    stored = await by_ids(tx, tuple(keys))
    return authors, {key: stored[message_id] for message_id, key in keys.items()}


async def insert(tx: Transaction, messages: Sequence[tuple[ChatMessage, str | None, int]]) -> None:
    """Write messages, each with its client_message_id and its time in ms."""
    await tx.insert("messages", [_row(*one) for one in messages])


def _row(message: ChatMessage, client_message_id: str | None, now_ms: int) -> dict[str, Value]:
    file_info = message.file_info
    return {
        "message_id": message.message_id,
        "room_id": message.room_id,
        "user_id": message.user.user_id,
        "message_type": message.message_type,
        "content": message.content,
        "file_path": file_info.file_path if file_info else None,
        "file_name": file_info.file_name if file_info else None,
        "file_size": file_info.file_size if file_info else None,
        "mime_type": file_info.mime_type if file_info else None,
        "reply_to_message_id": message.reply_to_message_id,
        "client_message_id": client_message_id,
        "created_at": now_ms,
    }


async def in_room(tx: Transaction, room_id: int, message_ids: Sequence[int]) -> dict[int, int]:
    """Return the author of each of the ids that is a message of the room."""
    if not message_ids:
        return {}
    chosen, values = listed("m", message_ids)
    return dict(
        await tx.all(
            f"SELECT message_id, user_id FROM messages WHERE room_id = :room_id AND message_id IN {chosen}",  # noqa: S608
            room_id=room_id,
            **values,
        )
    )


async def newest(
    tx: Transaction, room_id: int, *, after: int, before: int | None = None, limit: int
) -> list[ChatMessage]:
    """Return the newest messages between two ids, both excluded, oldest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} {_FROM} WHERE m.room_id = :room_id AND m.message_id > :after"
        " AND m.message_id < :before ORDER BY m.message_id DESC LIMIT :most",
        room_id=room_id,
        after=after,
        before=before or 2**62,
        most=limit,
    )
    return [_message(row) for row in reversed(rows)]


async def oldest(tx: Transaction, room_id: int, *, after: int, limit: int) -> list[ChatMessage]:
    """Return the oldest messages after an id, oldest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} {_FROM} WHERE m.room_id = :room_id AND m.message_id > :after"
        " ORDER BY m.message_id LIMIT :most",
        room_id=room_id,
        after=after,
        most=limit,
    )
    return [_message(row) for row in rows]


async def by_ids(tx: Transaction, message_ids: Sequence[int]) -> dict[int, ChatMessage]:
    """Return messages by id."""
    if not message_ids:
        return {}
    chosen, values = listed("m", message_ids)
    rows = await tx.all(f"SELECT {_COLUMNS} {_FROM} WHERE m.message_id IN {chosen}", **values)
    return {row[0]: _message(row) for row in rows}


async def unread(tx: Transaction, user_id: int) -> dict[int, int]:
    """Return the number of unconfirmed messages of others in each of the user's rooms that has any.

    At most 10,000 are counted in a room: a user who confirms nothing must not cost more and more.
    """
    rows = await tx.all(
        "SELECT mine.room_id, mine.confirmed_through,"
        " (SELECT max(message_id) FROM messages x WHERE x.room_id = mine.room_id),"
        " (SELECT count(*) FROM (SELECT 1 FROM messages m LEFT JOIN receipts r"
        " ON r.room_id = m.room_id AND r.user_id = mine.user_id AND r.message_id = m.message_id"
        " WHERE m.room_id = mine.room_id AND m.message_id > mine.confirmed_through"
        " AND m.user_id <> mine.user_id AND r.message_id IS NULL LIMIT :most) AS counted)"
        " FROM members mine WHERE mine.user_id = :user_id",
        user_id=user_id,
        most=_COUNTED,
    )
    for room_id, through, newest_id, count in rows:
        if not count and newest_id is not None and newest_id - through > _OWN_IN_A_ROW:
            # All his own: they would be looked at each time.
            await _raise_watermark(tx, room_id, user_id, newest_id)
    return {room_id: count for room_id, _, _, count in rows if count}


async def unconfirmed(tx: Transaction, room_id: int, user_id: int, *, limit: int) -> list[ChatMessage]:
    """Return the reader's unconfirmed messages of others in a room, oldest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} {_FROM}{_UNCONFIRMED} AND m.room_id = :room_id ORDER BY m.message_id LIMIT :most",
        reader=user_id,
        room_id=room_id,
        most=limit,
    )
    return [_message(row) for row in rows]


async def confirm(tx: Transaction, room_id: int, user_id: int, message_ids: Sequence[int]) -> list[int]:
    """Confirm messages for a reader and return those that were not confirmed before."""
    if not message_ids:
        return []
    row = await tx.first(
        "SELECT joined_position, confirmed_through FROM members"
        " WHERE room_id = :room_id AND user_id = :user_id",
        room_id=room_id,
        user_id=user_id,
    )
    joined, through = row or (0, 0)
    chosen, values = listed("m", message_ids)
    before = {
        row[0]
        for row in await tx.all(
            "SELECT message_id FROM receipts WHERE room_id = :room_id AND user_id = :user_id"  # noqa: S608
            f" AND message_id IN {chosen}",
            room_id=room_id,
            user_id=user_id,
            **values,
        )
    }
    new = [one for one in message_ids if not joined < one <= through and one not in before]
    await tx.insert("receipts", [{"room_id": room_id, "user_id": user_id, "message_id": one} for one in new])
    return new


async def still_unconfirmed(
    tx: Transaction, room_id: int, user_id: int, *, limit: int, changed: bool
) -> list[ChatMessage]:
    """Return the reader's oldest unconfirmed messages.

    Receipts that lie before all of them are forgotten, when there are new ones (`changed`) or
    when his own messages have piled up: they would be looked at each time.
    """
    waiting = await unconfirmed(tx, room_id, user_id, limit=limit)
    if waiting:
        through = waiting[0].message_id - 1
    else:
        row = await tx.first("SELECT max(message_id) FROM messages WHERE room_id = :room_id", room_id=room_id)
        through = (row[0] if row else None) or 0
    await _raise_watermark(tx, room_id, user_id, through, slack=0 if changed else _OWN_IN_A_ROW)
    return waiting


async def _raise_watermark(
    tx: Transaction, room_id: int, user_id: int, through: int, *, slack: int = 0
) -> None:
    """Replace receipts without a gap by one number, so that they do not pile up for ever."""
    place: dict[str, Value] = {"room_id": room_id, "user_id": user_id, "through": through}
    raised = await tx.execute(
        "UPDATE members SET confirmed_through = :through"
        " WHERE room_id = :room_id AND user_id = :user_id AND confirmed_through + :slack < :through",
        slack=slack,
        **place,
    )
    if raised:
        await tx.execute(
            "DELETE FROM receipts WHERE room_id = :room_id AND user_id = :user_id AND message_id <= :through"
            " AND message_id > (SELECT joined_position FROM members"
            " WHERE room_id = :room_id AND user_id = :user_id)",
            **place,
        )

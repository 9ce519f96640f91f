"""Queries about sessions: who is online, on any node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from assa.storage import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assa.storage import Transaction


@frozen
class Session:
    """A client's session; `attachment` counts its connections one after another."""

    session_id: str
    attachment: int
    connected: bool


async def find(tx: Transaction, session_id: str, user_id: int) -> Session | None:
    """Return a session that is kept, if it is this user's."""
    row = await tx.first(
        "SELECT session_id, attachment, node FROM sessions WHERE session_id = :id AND user_id = :user_id",
        id=session_id,
        user_id=user_id,
    )
    return None if row is None else Session(row[0], row[1], row[2] is not None)


async def connected_of(tx: Transaction, user_id: int) -> list[tuple[str, str | None]]:
    """Return (session_id, device_id) of a user's connected sessions, the oldest first."""
    return [
        (row[0], row[1])
        for row in await tx.all(
            "SELECT session_id, device_id FROM sessions WHERE user_id = :user_id AND node IS NOT NULL"
            " ORDER BY connected_at, session_id",
            user_id=user_id,
        )
    ]


async def attach(
    tx: Transaction, session_id: str, *, user_id: int, device_id: str | None, node: str, now_ms: int
) -> int:
    """Write that a node holds the session's connection and return the attachment number."""
    row = await tx.first(
        "INSERT INTO sessions (session_id, user_id, device_id, node, attachment, connected_at)"
        " VALUES (:id, :user_id, :device_id, :node, 1, :now)"
        " ON CONFLICT (session_id) DO UPDATE SET node = excluded.node, attachment = sessions.attachment + 1,"
        " device_id = COALESCE(excluded.device_id, sessions.device_id),"
        " connected_at = excluded.connected_at, dropped_at = NULL RETURNING attachment",
        id=session_id,
        user_id=user_id,
        device_id=device_id,
        node=node,
        now=now_ms,
    )
    assert row is not None  # noqa: S101 - an upsert returns its row
    return int(row[0])


async def drop(tx: Transaction, session_id: str, now_ms: int) -> None:
    """Write that a session's connection has been replaced."""
    await tx.execute(
        "UPDATE sessions SET node = NULL, dropped_at = :now WHERE session_id = :id", id=session_id, now=now_ms
    )


async def detach(tx: Transaction, session_id: str, attachment: int, now_ms: int) -> None:
    """Write that a connection is gone, unless a newer one has taken its place."""
    await tx.execute(
        "UPDATE sessions SET node = NULL, dropped_at = :now"
        " WHERE session_id = :id AND attachment = :attachment AND node IS NOT NULL",
        id=session_id,
        attachment=attachment,
        now=now_ms,
    )


async def holds(tx: Transaction, session_id: str, attachment: int) -> bool:
    """Return whether the session's connection is still this one."""
    row = await tx.first(
        "SELECT 1 FROM sessions WHERE session_id = :id AND attachment = :attachment",
        id=session_id,
        attachment=attachment,
    )
    return row is not None


async def expired(tx: Transaction, before_ms: int, *, limit: int) -> list[str]:
    """Return sessions dropped before a time, the oldest first."""
    rows = await tx.all(
        "SELECT session_id FROM sessions WHERE dropped_at <= :before ORDER BY dropped_at LIMIT :most",
        before=before_ms,
        most=limit,
    )
    return [row[0] for row in rows]


async def end(tx: Transaction, session_id: str) -> None:
    """Forget a session."""
    await tx.execute("DELETE FROM sessions WHERE session_id = :id", id=session_id)


async def online(tx: Transaction, user_ids: Sequence[int]) -> set[int]:
    """Return which of the users have a connection now, on any node."""
    chosen, values = listed("u", user_ids)
    rows = await tx.all(
        f"SELECT DISTINCT user_id FROM sessions WHERE node IS NOT NULL AND user_id IN {chosen}",  # noqa: S608
        **values,
    )
    return {row[0] for row in rows}


async def count_connected(tx: Transaction) -> int:
    """Return the number of connections on all nodes."""
    row = await tx.first("SELECT count(*) FROM sessions WHERE node IS NOT NULL")
    return int(row[0]) if row else 0

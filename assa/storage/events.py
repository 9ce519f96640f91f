"""Queries of the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa.storage import Entry, given

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assa.storage import Transaction


async def append(tx: Transaction, entries: Sequence[Entry], now_ms: int) -> None:
    """Write entries at their reserved positions and have them delivered after the commit."""
    await write(tx, entries, now_ms)
    for entry in entries:
        tx.stage(entry)


async def write(tx: Transaction, entries: Sequence[Entry], now_ms: int) -> None:
    """Write entries at their reserved positions."""
    await tx.insert(
        "events",
        [
            {
                "position": entry.position,
                "channel": entry.channel,
                "body": None if entry.body is None else entry.body.decode(),
                "origin": entry.origin,
                "effect": entry.effect,
                "created_at": now_ms,
            }
            for entry in entries
        ],
    )


async def bounds(tx: Transaction) -> tuple[int, int]:
    """Return the newest position, and the newest one that has been removed."""
    row = await tx.first("SELECT position, trimmed FROM log_head")
    assert row is not None  # noqa: S101 - the migration inserts it
    return int(row[0]), int(row[1])


async def after(
    tx: Transaction, channels: Mapping[str, int], *, origin: str | None, limit: int
) -> list[Entry]:
    """Return events with a body, oldest first, at most `limit`.

    Args:
        tx: The transaction.
        channels: Channels to read, each with the position after which its events count.
        origin: The session whose own events are left out, or None.
        limit: Most entries to return.
    """
    found: list[Entry] = []
    for wanted, values in given("channel, since", channels.items()):
        rows = await tx.all(
            f"{wanted} SELECT e.position, e.channel, e.body FROM given w"  # noqa: S608 - placeholders only
            " JOIN events e ON e.channel = w.channel AND e.position > w.since"
            " WHERE e.body IS NOT NULL AND (e.origin IS NULL OR e.origin <> :origin)"
            " ORDER BY e.position LIMIT :most",
            origin=origin or "",
            most=limit,
            **values,
        )
        found += [Entry(position=row[0], channel=row[1], body=row[2].encode()) for row in rows]
    return sorted(found, key=lambda entry: entry.position)[:limit]


async def trim(tx: Transaction, *, before_ms: int, limit: int) -> int:
    """Remove the oldest events that are older than `before_ms`; return how many, at most `limit`."""
    row = await tx.first(
        "SELECT max(position), count(*) FROM"
        " (SELECT position, created_at FROM events ORDER BY position LIMIT :most) AS oldest"
        " WHERE created_at < :before",
        most=limit,
        before=before_ms,
    )
    if row is None or row[0] is None:
        return 0
    await tx.execute("DELETE FROM events WHERE position <= :position", position=row[0])
    await tx.execute("UPDATE log_head SET trimmed = :position", position=row[0])
    return int(row[1])


async def trim_sessions(tx: Transaction, *, before_ms: int, limit: int) -> int:
    """Remove events of single sessions that are older than `before_ms`; return how many, at most `limit`."""
    return await tx.execute(
        "DELETE FROM events WHERE position IN (SELECT position FROM events"
        " WHERE channel >= 'session:' AND channel < 'session;' AND created_at < :before LIMIT :most)",
        before=before_ms,
        most=limit,
    )

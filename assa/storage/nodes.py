"""Queries about the nodes of a deployment: who is alive, and whose clients have gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from assa.storage import Transaction


async def join(tx: Transaction, node: str, now_ms: int) -> None:
    """Write that a node serves clients from now on; again, when it is not known whether it was written."""
    await tx.execute(
        "INSERT INTO nodes (node, beat, joined_at) VALUES (:node, 0, :now) ON CONFLICT (node) DO NOTHING",
        node=node,
        now=now_ms,
    )


async def join_alone(tx: Transaction, node: str, now_ms: int) -> None:
    """Write that a node is the only one; the connections of an earlier life are gone."""
    await tx.execute("DELETE FROM nodes")
    await tx.execute(
        "UPDATE sessions SET node = NULL, dropped_at = :now WHERE node IS NOT NULL AND node <> :own",
        now=now_ms,
        own=node,
    )
    await join(tx, node, now_ms)


async def renew(tx: Transaction, node: str) -> dict[str, int]:
    """Write a sign of life and return the beats of all nodes."""
    await stir(tx, node)
    return dict(await tx.all("SELECT node, beat FROM nodes ORDER BY node"))


async def stir(tx: Transaction, node: str) -> None:
    """Write a sign of life."""
    await tx.execute("UPDATE nodes SET beat = beat + 1 WHERE node = :node", node=node)


async def give_up(tx: Transaction, node: str, beat: int, now_ms: int) -> bool:
    """Give up a node that has not stirred since `beat`: its clients are gone. Return whether it was."""
    silent = await tx.execute("DELETE FROM nodes WHERE node = :node AND beat = :beat", node=node, beat=beat)
    if silent:
        await _detach(tx, node, now_ms)
    return bool(silent)


async def leave(tx: Transaction, node: str, now_ms: int) -> None:
    """Write that a node serves no clients any more."""
    await tx.execute("DELETE FROM nodes WHERE node = :node", node=node)
    await _detach(tx, node, now_ms)


async def _detach(tx: Transaction, node: str, now_ms: int) -> None:
    await tx.execute(
        "UPDATE sessions SET node = NULL, dropped_at = :now WHERE node = :node", node=node, now=now_ms
    )


async def detach_strays(
    tx: Transaction, node: str, held: Collection[str], before_ms: int, now_ms: int
) -> int:
    """Detach sessions that a node is said to hold since before a time, and does not; return how many.

    A CONNECT whose commit went through while its answer was lost leaves one.
    """
    rows = await tx.all(
        "SELECT session_id FROM sessions WHERE node = :node AND connected_at < :before",
        node=node,
        before=before_ms,
    )
    strays = [row[0] for row in rows if row[0] not in held]
    for session_id in strays:
        await tx.execute(
            "UPDATE sessions SET node = NULL, dropped_at = :now WHERE session_id = :id",
            id=session_id,
            now=now_ms,
        )
    return len(strays)

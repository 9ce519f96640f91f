"""Announcements to everybody (§8.1), whoever has them made: an admin's connection or the admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import asdict

from assa import log
from assa.protocol.system import Announce, Announced, Announcement
from assa.storage import sessions

if TYPE_CHECKING:
    from assa.storage import Transaction


async def announce(tx: Transaction, asked: Announce, now_ms: int) -> Announced:
    """Send an announcement to every connected client on every node."""
    await log.publish(tx, log.EVERYONE, Announcement(**asdict(asked)), now_ms=now_ms)
    return Announced(recipients=await sessions.count_connected(tx))

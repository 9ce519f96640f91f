"""Announcements to everybody (§8.1), whoever has them made: an admin's connection or the admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from attrs import asdict, frozen

from assa import log
from assa.schema import Length, omitted
from assa.storage import sessions

if TYPE_CHECKING:
    from assa.storage import Transaction


@frozen(kw_only=True)
class Announce:
    """v1.1, from whoever has the scope `admin`."""

    title: Annotated[str, Length(1, 200)]
    message: Annotated[str, Length(1, 5000)]
    priority: Literal["low", "normal", "high"] = "normal"
    announcement_type: Annotated[str, Length(1, 64)] = "notice"


@frozen(kw_only=True)
class Announcement(Announce):
    """§8.1, to everybody; `reconnect_after_ms` (v1.1) is in that of a shutdown alone."""

    action: ClassVar[str] = "SERVER_ANNOUNCEMENT"
    reconnect_after_ms: int | None = omitted()


@frozen(kw_only=True)
class Announced:
    """v1.1: how many connections the announcement goes to."""

    recipients: int


async def announce(tx: Transaction, asked: Announce, now_ms: int) -> Announced:
    """Send an announcement to every connected client on every node."""
    await log.publish(tx, log.EVERYONE, Announcement(**asdict(asked)), now_ms=now_ms)
    return Announced(recipients=await sessions.count_connected(tx))

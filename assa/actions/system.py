"""Announcements and the heartbeat (§8)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from attrs import asdict, frozen

from assa import log
from assa.errors import Code, Refused
from assa.registry import Actions, Context
from assa.schema import Length, omitted
from assa.storage import Transaction, sessions

actions = Actions()


@frozen(kw_only=True)
class Announce:
    """v1.1, from an admin-scoped connection."""

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


@actions.on("SERVER_ANNOUNCEMENT", Announce)
async def announce(ctx: Context, request: Announce) -> Announced:
    """Send an announcement to every connected client on every node.

    Raises:
        Refused: PERMISSION_DENIED without the scope `admin`.
    """
    if "admin" not in ctx.scopes:
        raise Refused(Code.PERMISSION_DENIED, "the token lacks the scope admin")
    return await ctx.store.run(_announce, Announcement(**asdict(request)), ctx.now_ms)


async def _announce(tx: Transaction, announcement: Announcement, now_ms: int) -> Announced:
    await log.publish(tx, log.EVERYONE, announcement, now_ms=now_ms)
    return Announced(recipients=await sessions.count_connected(tx))

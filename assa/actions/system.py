"""Announcements and the heartbeat (§8)."""

from __future__ import annotations

from assa.changes import announcing
from assa.errors import Code, Refused
from assa.protocol.system import Announce, Announced
from assa.registry import Actions, Context

actions = Actions()


@actions.on(Announce)
async def announce(ctx: Context, request: Announce) -> Announced:
    """Send an announcement to every connected client on every node.

    Raises:
        Refused: PERMISSION_DENIED without the scope `admin`.
    """
    if "admin" not in ctx.scopes:
        raise Refused(Code.PERMISSION_DENIED, "the token lacks the scope admin")
    return await ctx.store.run(announcing.announce, request, ctx.now_ms)

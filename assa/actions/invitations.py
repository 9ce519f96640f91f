"""Invitations (§6)."""

from __future__ import annotations

from assa.changes import inviting
from assa.protocol.invitations import Invite, Invited
from assa.registry import Actions, Context
from assa.storage import Transaction, rooms

actions = Actions()


@actions.on(Invite)
async def invite(ctx: Context, request: Invite) -> Invited:
    """Invite users into a room that one is a member of.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    return await ctx.store.run(_invite, ctx.user_id, request, ctx.now_ms)


async def _invite(tx: Transaction, user_id: int, request: Invite, now_ms: int) -> Invited:
    room, _ = await rooms.find_for_member(tx, request.room_id, user_id)
    invited = await inviting.invite(
        tx, room, inviter_user_id=user_id, user_ids=request.invited_user_ids, now_ms=now_ms
    )
    return Invited(room_id=request.room_id, invited_users=invited)

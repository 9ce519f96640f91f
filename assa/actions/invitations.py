"""Invitations (§6)."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from assa.changes import inviting
from assa.changes.inviting import InvitedUser
from assa.registry import Actions, Context
from assa.schema import Id, Length
from assa.storage import Transaction, rooms

actions = Actions()


@frozen(kw_only=True)
class Invite:
    """§6.1."""

    room_id: Id
    invited_user_ids: Annotated[list[Id], Length(1, 100)]


@frozen(kw_only=True)
class Invited:
    """§6.1."""

    room_id: int
    invited_users: list[InvitedUser]


@actions.on("INVITE", Invite, message="사용자들이 초대되었습니다")
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

"""TYPING: "mina is writing ...", an action that version 1.1 of the protocol does not have.

docs/architecture.rst builds it step by step. In ASSA itself it would be ``assa/actions/typing.py``.
"""

# ruff: noqa: INP001 - an example beside a script

from __future__ import annotations

from attrs import frozen

from assa import log
from assa.protocol import Event, Request
from assa.registry import Actions, Context, Rate
from assa.schema import Id
from assa.storage import Transaction, rooms, users

actions = Actions()


@frozen(kw_only=True)
class Typing(Request[None]):
    """The request: who asks is known, where has to be said."""

    action = "TYPING"
    room_id: Id
    is_typing: bool = True


@frozen(kw_only=True)
class UserTyping(Event):
    """The event, to the room's other connections."""

    action = "USER_TYPING"
    room_id: int
    user_id: int
    nickname: str
    is_typing: bool


@actions.on(Typing, rate=Rate.RELAYS)
async def typing(ctx: Context, request: Typing) -> None:
    """Tell the room that somebody is writing, or no longer.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    await ctx.store.run(_tell, ctx.user_id, ctx.session_id, request, ctx.now_ms)


async def _tell(tx: Transaction, user_id: int, session_id: str, request: Typing, now_ms: int) -> None:
    await rooms.find_for_member(tx, request.room_id, user_id)
    author = await users.author(tx, user_id)
    event = UserTyping(
        room_id=request.room_id, user_id=user_id, nickname=author.nickname, is_typing=request.is_typing
    )
    await log.publish(tx, log.room(request.room_id), event, now_ms=now_ms, origin=session_id)

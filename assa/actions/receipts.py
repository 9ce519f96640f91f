"""Receipts (§5.3): what a reader has confirmed, and what he still has to."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, ClassVar

from attrs import frozen

from assa import log
from assa.registry import Actions, Context
from assa.schema import Id, Length, omitted
from assa.shapes import ChatMessage, FileInfo, Person
from assa.storage import Transaction, messages, rooms

actions = Actions()
_PENDING = 100


@frozen(kw_only=True)
class CheckReceive:
    """§5.3."""

    room_id: Id
    message_ids: Annotated[list[Id], Length(0, 500)]


@frozen(kw_only=True)
class PendingMessage:
    """A message that the reader has not confirmed (§5.3)."""

    message_id: int
    content: str
    user: Person
    created_at: str
    message_type: str
    reply_to_message_id: int | None
    file_info: FileInfo | None = omitted()


@frozen(kw_only=True)
class ReceiveChecked:
    """§5.3."""

    room_id: int
    received_messages: list[int]
    failed_messages: list[int]
    pending_messages: list[PendingMessage]


@frozen(kw_only=True)
class MessageReceived:
    """v1.1, to the author: somebody has confirmed his messages."""

    action: ClassVar[str] = "MESSAGE_RECEIVED"
    room_id: int
    user_id: int
    message_ids: list[int]


@actions.on("CHECK_RECEIVE", CheckReceive, exclusive=True)
async def check_receive(ctx: Context, request: CheckReceive) -> ReceiveChecked:
    """Confirm messages and return those that are still unconfirmed.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    return await ctx.store.run(_check, ctx.user_id, request, ctx.now_ms)


async def _check(tx: Transaction, user_id: int, request: CheckReceive, now_ms: int) -> ReceiveChecked:
    room_id = request.room_id
    await rooms.find_for_member(tx, room_id, user_id)
    asked = list(dict.fromkeys(request.message_ids))
    authors = await messages.in_room(tx, room_id, asked)
    received = [one for one in asked if one in authors and authors[one] != user_id]
    by_author: dict[int, list[int]] = defaultdict(list)
    for one in await messages.confirm(tx, room_id, user_id, received):
        by_author[authors[one]].append(one)
    for author, confirmed in by_author.items():
        event = MessageReceived(room_id=room_id, user_id=user_id, message_ids=confirmed)
        await log.publish(tx, log.user(author), event, now_ms=now_ms)
    waiting = await messages.still_unconfirmed(tx, room_id, user_id, limit=_PENDING, changed=bool(by_author))
    return ReceiveChecked(
        room_id=room_id,
        received_messages=received,
        failed_messages=[one for one in asked if one not in authors],
        pending_messages=[_pending(one) for one in waiting],
    )


def _pending(message: ChatMessage) -> PendingMessage:
    return PendingMessage(
        message_id=message.message_id,
        content=message.content,
        user=Person(user_id=message.user.user_id, nickname=message.user.nickname),
        created_at=message.created_at,
        message_type=message.message_type,
        reply_to_message_id=message.reply_to_message_id,
        file_info=message.file_info,
    )

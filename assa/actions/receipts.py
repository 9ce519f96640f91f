"""Receipts (§5.3): what a reader has confirmed, and what he still has to."""

from __future__ import annotations

from collections import defaultdict

from assa import log
from assa.protocol.receipts import CheckReceive, MessageReceived, PendingMessage, ReceiveChecked
from assa.protocol.shapes import ChatMessage, Person
from assa.registry import Actions, Context
from assa.storage import Transaction, messages, rooms

actions = Actions()
_PENDING = 100


@actions.on(CheckReceive, exclusive=True)
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

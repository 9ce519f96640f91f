"""Catching up (v1.1): LIST_ROOMS and GET_MESSAGES."""

from __future__ import annotations

from assa.errors import Code, Refused
from assa.protocol.history import GetMessages, ListedRoom, ListRooms, MessagesGot, RoomsListed
from assa.registry import Actions, Context
from assa.storage import Transaction, messages, rooms

actions = Actions()


@actions.on(ListRooms, exclusive=True)
async def list_rooms(ctx: Context, request: ListRooms) -> RoomsListed:  # noqa: ARG001 - the request has no fields
    """List the user's rooms, the newest activity first."""
    return await ctx.store.run(_list, ctx.user_id)


async def _list(tx: Transaction, user_id: int) -> RoomsListed:
    unread = await messages.unread(tx, user_id)
    mine = await rooms.by_activity(tx, user_id)
    last = await messages.by_ids(tx, [newest for _, newest in mine if newest is not None])
    return RoomsListed(
        rooms=[
            ListedRoom(
                room_id=room.room_id,
                name=room.name,
                description=room.description,
                is_open=room.is_open,
                host_user_id=room.host_user_id,
                participants_count=room.members,
                unread_messages=unread.get(room.room_id, 0),
                last_message=None if newest is None else last.get(newest),
            )
            for room, newest in mine
        ]
    )


@actions.on(GetMessages, exclusive=True)
async def get_messages(ctx: Context, request: GetMessages) -> MessagesGot:
    """Return a page of the messages that the member may see, oldest first.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM, INVALID_MESSAGE.
    """
    if request.before_message_id is not None and request.after_message_id is not None:
        raise Refused(Code.INVALID_MESSAGE, "data: before_message_id or after_message_id, not both")
    return await ctx.store.run(_get, ctx.user_id, request)


async def _get(tx: Transaction, user_id: int, request: GetMessages) -> MessagesGot:
    room, joined_position = await rooms.find_for_member(tx, request.room_id, user_id)
    after = 0 if room.is_open else joined_position
    more = request.limit + 1  # one more than asked tells whether there is more
    if request.after_message_id is not None:
        found = await messages.oldest(
            tx, request.room_id, after=max(after, request.after_message_id), limit=more
        )
        page = found[: request.limit]
    else:
        found = await messages.newest(
            tx, request.room_id, after=after, before=request.before_message_id, limit=more
        )
        page = found[-request.limit :]
    return MessagesGot(room_id=request.room_id, messages=page, has_more=len(found) > request.limit)

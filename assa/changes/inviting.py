"""Inviting people into a room (§6, and CREATE_ROOM's `invited_user_ids`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa import log
from assa.errors import Refused
from assa.protocol.invitations import InvitationReceived, InvitationRoom, InvitedUser
from assa.protocol.shapes import Author
from assa.storage import Entry, events, rooms, sessions, users
from assa.wire import encode_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assa.storage import Transaction
    from assa.storage.rooms import Room


def _received(room: Room, inviter: Author) -> InvitationReceived:
    shown = InvitationRoom(name=room.name, description=room.description, participants_count=room.members)
    return InvitationReceived(room_id=room.room_id, room_info=shown, inviter=inviter)


async def invite(
    tx: Transaction, room: Room, *, inviter_user_id: int, user_ids: Sequence[int], now_ms: int
) -> list[InvitedUser]:
    """Invite users, each told at once when online, else with the next CONNECT."""
    asked = list(dict.fromkeys(user_ids))
    if not asked:
        return []
    members = await rooms.members_among(tx, room.room_id, asked)
    online = await sessions.online(tx, asked)
    nicknames = await users.nicknames(tx, asked)
    event = _received(room, await users.author(tx, inviter_user_id))
    invited = []
    for user_id in asked:
        status = "member" if user_id in members else "invited" if user_id in online else "offline"
        if status != "member":
            await rooms.invite(
                tx,
                room.room_id,
                user_id,
                inviter_user_id=inviter_user_id,
                delivered=status == "invited",
                now_ms=now_ms,
            )
        if status == "invited":
            await log.publish(tx, log.user(user_id), event, now_ms=now_ms)
        invited.append(InvitedUser(user_id=user_id, nickname=nicknames[user_id], status=status))
    return invited


async def waiting(tx: Transaction, user_id: int, now_ms: int) -> list[Entry]:
    """Return the invitations that waited for a user who connects now, as entries of the log.

    They are not delivered through the hub: the one connection that makes the user online gets
    them after its CONNECT_RESPONSE.
    """
    entries = []
    for room_id, inviter_user_id in await rooms.undelivered_invitations(tx, user_id):
        try:
            room = await rooms.find(tx, room_id)
        except Refused:
            continue  # closed meanwhile
        event = _received(room, await users.author(tx, inviter_user_id))
        position = await tx.reserve(1)
        entries.append(Entry(position=position, channel=log.user(user_id), body=encode_event(event, now_ms)))
    await events.write(tx, entries, now_ms)
    return entries

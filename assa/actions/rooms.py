"""Chat rooms (§4) and LIST_ROOMS (v1.1)."""

from __future__ import annotations

from attrs import evolve

from assa import log
from assa.changes import inviting, leaving
from assa.errors import Code, Refused
from assa.protocol.rooms import (
    CreateRoom,
    ExitRoom,
    GetRoomInfo,
    HostChanged,
    JoinedRoomInfo,
    JoinRoom,
    ListedMember,
    RoomCreated,
    RoomInfo,
    RoomJoined,
    RoomLeft,
    UserJoined,
    UserLeft,
)
from assa.protocol.shapes import RoomMember
from assa.registry import Actions, Context
from assa.storage import Transaction, messages, rooms, users
from assa.storage.rooms import Member, Room
from assa.wire import iso

actions = Actions()
_RECENT = 50


def _shown(room: Room, member: Member) -> RoomMember:
    return RoomMember(user_id=member.user_id, nickname=member.nickname, role=room.role_of(member.user_id))


@actions.on(CreateRoom)
async def create_room(ctx: Context, request: CreateRoom) -> RoomCreated:
    """Create a room with the asking user as host; the invited are handled as INVITE."""
    return await ctx.store.run(_create, ctx.user_id, request, ctx.now_ms)


async def _create(tx: Transaction, user_id: int, request: CreateRoom, now_ms: int) -> RoomCreated:
    room = await rooms.create(
        tx,
        name=request.name,
        description=request.description or "",
        is_open=request.is_open,
        max_participants=request.max_participants,
        host_user_id=user_id,
        now_ms=now_ms,
    )
    await rooms.take_place(tx, room.room_id)
    # Nobody is told, but the host's devices listen from here on.
    channel = log.room(room.room_id)
    position = await log.publish(tx, channel, None, now_ms=now_ms, effect=f"+{log.user(user_id)}")
    await rooms.add_member(tx, room.room_id, user_id, position=position, now_ms=now_ms)
    room = evolve(room, members=1)
    await inviting.invite(tx, room, inviter_user_id=user_id, user_ids=request.invited_user_ids, now_ms=now_ms)
    return RoomCreated(
        room_id=room.room_id,
        name=room.name,
        description=room.description,
        host_user_id=user_id,
        participants=[_shown(room, member) for member in await rooms.members(tx, room.room_id)],
        created_at=iso(room.created_at),
    )


@actions.on(JoinRoom, exclusive=True)
async def join_room(ctx: Context, request: JoinRoom) -> RoomJoined:
    """Become a member of an open room, or of one with an invitation.

    Raises:
        Refused: ROOM_NOT_FOUND, PERMISSION_DENIED, ROOM_FULL.
    """
    return await ctx.store.run(_join, request.room_id, ctx.user_id, ctx.now_ms)


async def _join(tx: Transaction, room_id: int, user_id: int, now_ms: int) -> RoomJoined:
    room = await rooms.find(tx, room_id)
    position = await rooms.membership(tx, room_id, user_id)
    if position is None:
        position = await _enter(tx, room, user_id, now_ms)
        room = evolve(room, members=room.members + 1)
    return RoomJoined(
        room_id=room_id,
        room_info=JoinedRoomInfo(
            name=room.name,
            description=room.description,
            host_user_id=room.host_user_id,
            participants_count=room.members,
        ),
        participants=[_shown(room, member) for member in await rooms.members(tx, room_id)],
        recent_messages=await messages.newest(
            tx, room_id, after=0 if room.is_open else position, limit=_RECENT
        ),
    )


async def _enter(tx: Transaction, room: Room, user_id: int, now_ms: int) -> int:
    if not room.is_open and not await rooms.invited(tx, room.room_id, user_id):
        raise Refused(Code.PERMISSION_DENIED, "data.room_id: the room is not open and you are not invited")
    if not await rooms.take_place(tx, room.room_id):
        raise Refused(Code.ROOM_FULL, f"data.room_id: the room has its {room.max_participants} members")
    author = await users.author(tx, user_id)
    joined = UserJoined(
        room_id=room.room_id,
        user=RoomMember(user_id=user_id, nickname=author.nickname, role=room.role_of(user_id)),
        participants_count=room.members + 1,
    )
    channel = log.room(room.room_id)
    position = await log.publish(tx, channel, joined, now_ms=now_ms, effect=f"+{log.user(user_id)}")
    await rooms.add_member(tx, room.room_id, user_id, position=position, now_ms=now_ms)
    return position


@actions.on(ExitRoom)
async def exit_room(ctx: Context, request: ExitRoom) -> RoomLeft:
    """Leave a room and its video rooms.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    await ctx.store.run(_exit, request.room_id, ctx.user_id, ctx.now_ms)
    return RoomLeft(room_id=request.room_id)


async def _exit(tx: Transaction, room_id: int, user_id: int, now_ms: int) -> None:
    room, _ = await rooms.find_for_member(tx, room_id, user_id)
    await leaving.leave_chat_room(tx, room_id, user_id, now_ms)
    author = await users.author(tx, user_id)
    left = await rooms.remove_member(tx, room_id, user_id)
    gone = UserLeft(
        room_id=room_id,
        user=RoomMember(user_id=user_id, nickname=author.nickname, role=room.role_of(user_id)),
        participants_count=left,
    )
    await log.publish(tx, log.room(room_id), gone, now_ms=now_ms, effect=f"-{log.user(user_id)}")
    if left and room.host_user_id == user_id:
        host = (await rooms.members(tx, room_id))[0]
        await rooms.set_host(tx, room_id, host.user_id)
        changed = HostChanged(room_id=room_id, host_user_id=host.user_id, nickname=host.nickname)
        await log.publish(tx, log.room(room_id), changed, now_ms=now_ms)
    if not left:
        await leaving.close_chat_room(tx, room_id, now_ms)


@actions.on(GetRoomInfo, exclusive=True)
async def room_info(ctx: Context, request: GetRoomInfo) -> RoomInfo:
    """Show a room to its members, to invited users, and when it is open to anyone.

    Raises:
        Refused: ROOM_NOT_FOUND, PERMISSION_DENIED.
    """
    return await ctx.store.run(_info, request.room_id, ctx.user_id)


async def _info(tx: Transaction, room_id: int, user_id: int) -> RoomInfo:
    room = await rooms.find(tx, room_id)
    if (
        not room.is_open
        and await rooms.membership(tx, room_id, user_id) is None
        and not await rooms.invited(tx, room_id, user_id)
    ):
        raise Refused(Code.PERMISSION_DENIED, "data.room_id: the room is not open and you are not invited")
    return RoomInfo(
        room_id=room_id,
        name=room.name,
        description=room.description,
        is_open=room.is_open,
        host_user_id=room.host_user_id,
        participants_count=room.members,
        max_participants=room.max_participants,
        created_at=iso(room.created_at),
        participants=[
            ListedMember(
                user_id=one.user_id,
                nickname=one.nickname,
                role=room.role_of(one.user_id),
                joined_at=iso(one.joined_at),
            )
            for one in await rooms.members(tx, room_id)
        ],
    )

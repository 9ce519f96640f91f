"""Video rooms (§7.1, §7.2, §7.5 to §7.7) and GET_ICE_SERVERS (v1.1)."""

from __future__ import annotations

from assa import log
from assa.changes import leaving
from assa.errors import Code, Refused
from assa.protocol.video import (
    CreateVideoRoom,
    ExitVideoRoom,
    GetIceServers,
    GetVideoRoomParticipant,
    IceServersGot,
    JoinVideoRoom,
    MediaStatus,
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantsGot,
    VideoRoomCreated,
    VideoRoomJoined,
    VideoRoomLeft,
)
from assa.registry import Actions, Context
from assa.storage import Transaction, rooms, video
from assa.storage.video import Seat, VideoRoom
from assa.wire import iso

actions = Actions()


def _shown(room: VideoRoom, seat: Seat) -> Participant:
    return Participant(
        user_id=seat.user_id,
        nickname=seat.nickname,
        role="host" if seat.user_id == room.host_user_id else "participant",
        media_status=MediaStatus(audio_enabled=seat.audio_enabled, video_enabled=seat.video_enabled),
    )


@actions.on(CreateVideoRoom)
async def create_video_room(ctx: Context, request: CreateVideoRoom) -> VideoRoomCreated:
    """Open a video room in a chat room; its creator joins like the others.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    return await ctx.store.run(_create, ctx.user_id, ctx.session_id, request, ctx.now_ms)


async def _create(
    tx: Transaction, user_id: int, session_id: str, request: CreateVideoRoom, now_ms: int
) -> VideoRoomCreated:
    await rooms.find_for_member(tx, request.chat_room_id, user_id)
    room = await video.create(
        tx,
        chat_room_id=request.chat_room_id,
        name=request.video_room_name,
        host_user_id=user_id,
        max_participants=request.max_participants,
        now_ms=now_ms,
    )
    # The creator's connection has it in the answer, as a sender has his message.
    created = VideoRoomCreated(
        video_room_id=room.video_room_id,
        video_room_name=room.name,
        chat_room_id=room.chat_room_id,
        host_user_id=user_id,
        participants=[],
        max_participants=room.max_participants,
        created_at=iso(now_ms),
    )
    await log.publish(tx, log.room(room.chat_room_id), created, now_ms=now_ms, origin=session_id)
    return created


@actions.on(JoinVideoRoom)
async def join_video_room(ctx: Context, request: JoinVideoRoom) -> VideoRoomJoined:
    """Take part in a video room from this session; a participation elsewhere moves here.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM, MAX_PARTICIPANTS_REACHED.
    """
    participants = await ctx.store.run(_join, ctx.user_id, ctx.session_id, request, ctx.now_ms)
    ice_servers = ctx.services.ice_servers(ctx.user_id, ctx.now_ms)
    return VideoRoomJoined(
        video_room_id=request.video_room_id, participants=participants, ice_servers=ice_servers
    )


async def _join(
    tx: Transaction, user_id: int, session_id: str, request: JoinVideoRoom, now_ms: int
) -> list[Participant]:
    room = await video.find_for_member(tx, request.video_room_id, user_id)
    seat = next((one for one in await video.seats(tx, room.video_room_id) if one.user_id == user_id), None)
    if seat is None or seat.session_id != session_id:
        if seat is not None:
            await _move(tx, room, seat, now_ms)
        elif not await video.take_seat(tx, room.video_room_id):
            rule = f"data.video_room_id: the video room has its {room.max_participants} participants"
            raise Refused(Code.MAX_PARTICIPANTS_REACHED, rule)
        await _sit(tx, room, user_id, session_id, request.media_status or MediaStatus(), now_ms)
    return [_shown(room, one) for one in await video.seats(tx, room.video_room_id)]


async def _move(tx: Transaction, room: VideoRoom, seat: Seat, now_ms: int) -> None:
    """Tell everybody, the old device too, that a participation goes to another session."""
    moved = ParticipantLeft(
        video_room_id=room.video_room_id, user_id=seat.user_id, nickname=seat.nickname, reason="moved"
    )
    old = log.session(seat.session_id)
    await log.publish(tx, log.video(room.video_room_id), moved, now_ms=now_ms, effect=f"-{old}")
    await log.publish(tx, old, moved, now_ms=now_ms)  # on its own channel: it may be away and come back


async def _sit(
    tx: Transaction, room: VideoRoom, user_id: int, session_id: str, media: MediaStatus, now_ms: int
) -> None:
    await video.put_seat(
        tx,
        room.video_room_id,
        user_id,
        session_id=session_id,
        audio=media.audio_enabled,
        video=media.video_enabled,
    )
    joined = ParticipantJoined(
        video_room_id=room.video_room_id,
        participant=_shown(room, await video.seat_of(tx, room.video_room_id, session_id)),
    )
    channel = log.video(room.video_room_id)
    position = await log.publish(tx, channel, joined, now_ms=now_ms, effect=f"+{log.session(session_id)}")
    await video.set_position(tx, room.video_room_id, user_id, position)


@actions.on(ExitVideoRoom)
async def exit_video_room(ctx: Context, request: ExitVideoRoom) -> VideoRoomLeft:
    """Leave a video room.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    await ctx.store.run(_exit, request.video_room_id, ctx.session_id, ctx.now_ms)
    return VideoRoomLeft(video_room_id=request.video_room_id)


async def _exit(tx: Transaction, video_room_id: int, session_id: str, now_ms: int) -> None:
    room = await video.find(tx, video_room_id)
    seat = await video.seat_of(tx, video_room_id, session_id)
    await leaving.leave(tx, room, seat, reason="exit", now_ms=now_ms)


@actions.on(GetVideoRoomParticipant)
async def get_video_room_participant(ctx: Context, request: GetVideoRoomParticipant) -> ParticipantsGot:
    """List the participants for a member of the chat room.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    participants = await ctx.store.run(_participants, request.video_room_id, ctx.user_id)
    return ParticipantsGot(video_room_id=request.video_room_id, participants=participants)


async def _participants(tx: Transaction, video_room_id: int, user_id: int) -> list[Participant]:
    room = await video.find_for_member(tx, video_room_id, user_id)
    return [_shown(room, one) for one in await video.seats(tx, video_room_id)]


@actions.on(GetIceServers)
async def get_ice_servers(ctx: Context, request: GetIceServers) -> IceServersGot:
    """Give fresh TURN credentials to a member of the chat room.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    await ctx.store.run(video.find_for_member, request.video_room_id, ctx.user_id)
    ice_servers = ctx.services.ice_servers(ctx.user_id, ctx.now_ms)
    return IceServersGot(video_room_id=request.video_room_id, ice_servers=ice_servers)

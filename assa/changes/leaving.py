"""Leaving video rooms: by EXIT_VIDEO_ROOM, EXIT_ROOM, DISCONNECT, or by staying away (§7.6, §10.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa import log
from assa.protocol.video import ParticipantLeft, VideoHostChanged, VideoRoomClosed
from assa.storage import sessions, video

if TYPE_CHECKING:
    from assa.storage import Transaction
    from assa.storage.video import Seat, VideoRoom


async def leave(tx: Transaction, room: VideoRoom, seat: Seat, *, reason: str, now_ms: int) -> None:
    """Give up a seat; the others hear it, get a new host if need be, or the room ends."""
    left = await video.remove_seat(tx, room.video_room_id, seat.user_id)
    gone = ParticipantLeft(
        video_room_id=room.video_room_id, user_id=seat.user_id, nickname=seat.nickname, reason=reason
    )
    channel = log.video(room.video_room_id)
    await log.publish(tx, channel, gone, now_ms=now_ms, effect=f"-{log.session(seat.session_id)}")
    if not left:
        await close(tx, room, now_ms)
    elif seat.user_id == room.host_user_id:
        host = (await video.seats(tx, room.video_room_id))[0]
        await video.set_host(tx, room.video_room_id, host.user_id)
        changed = VideoHostChanged(video_room_id=room.video_room_id, host_user_id=host.user_id)
        await log.publish(tx, channel, changed, now_ms=now_ms)


async def close(tx: Transaction, room: VideoRoom, now_ms: int) -> None:
    """End a video room that is empty."""
    await video.remove(tx, room.video_room_id)
    over = VideoRoomClosed(video_room_id=room.video_room_id, chat_room_id=room.chat_room_id)
    await log.publish(tx, log.room(room.chat_room_id), over, now_ms=now_ms)


async def leave_chat_room(tx: Transaction, chat_room_id: int, user_id: int, now_ms: int) -> None:
    """Give up a user's seats in the video rooms of a chat room that he leaves."""
    for video_room_id in await video.of_chat_room(tx, chat_room_id):
        for seat in await video.seats(tx, video_room_id):
            if seat.user_id == user_id:
                await leave(tx, await video.find(tx, video_room_id), seat, reason="exit", now_ms=now_ms)


async def close_chat_room(tx: Transaction, chat_room_id: int, now_ms: int) -> None:
    """End the video rooms of a chat room that nobody is in any more."""
    for video_room_id in await video.of_chat_room(tx, chat_room_id):
        await close(tx, await video.find(tx, video_room_id), now_ms)


async def end_session(tx: Transaction, session_id: str, *, reason: str, now_ms: int) -> None:
    """End a session: its seats in video rooms are given up."""
    for video_room_id in await video.of_session(tx, session_id):
        room = await video.find(tx, video_room_id)
        for seat in await video.seats(tx, video_room_id):
            if seat.session_id == session_id:
                await leave(tx, room, seat, reason=reason, now_ms=now_ms)
    await sessions.end(tx, session_id)

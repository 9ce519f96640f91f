"""The relay of SDP, ICE candidates and media state between participants (§7.3 to §7.5).

SDP and candidates are neither parsed nor changed. All of it goes through the event log, so a short
drop loses none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from assa import log
from assa.errors import Code, Refused
from assa.protocol.base import Event
from assa.protocol.signalling import (
    IceCandidate,
    ParticipantMediaStatus,
    Sdp,
    SendIceCandidate,
    SendSdp,
    SetMediaStatus,
)
from assa.registry import Actions, Context, Rate
from assa.storage import Transaction, video

if TYPE_CHECKING:
    from assa.limits import Limits

actions = Actions()


@frozen(kw_only=True)
class _Relay:
    event: Event
    video_room_id: int
    target_user_id: int
    session_id: str
    now_ms: int
    wrong: Refused | None
    """What the content is refused for, once the participants are known to be right."""


def _too_long(field: str, text: str, limit: int) -> Refused | None:
    if len(text.encode()) <= limit:
        return None
    return Refused(Code.MESSAGE_TOO_LONG, f"data.{field}: expected at most {limit} bytes")


@actions.on(SendSdp, rate=Rate.RELAYS)
async def sdp(ctx: Context, request: SendSdp) -> None:
    """Relay a session description to another participant.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM, MESSAGE_TOO_LONG.
    """
    event = Sdp(
        video_room_id=request.video_room_id,
        sender_user_id=ctx.user_id,
        sdp_type=request.sdp_type,
        sdp_data=request.sdp_data,
    )
    limits: Limits = ctx.services.limits
    await _send(ctx, request, event, _too_long("sdp_data", request.sdp_data, limits.sdp_bytes))


@actions.on(SendIceCandidate, rate=Rate.RELAYS)
async def ice_candidate(ctx: Context, request: SendIceCandidate) -> None:
    """Relay an ICE candidate to another participant.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM, MESSAGE_TOO_LONG.
    """
    event = IceCandidate(
        video_room_id=request.video_room_id,
        sender_user_id=ctx.user_id,
        candidate=request.candidate,
        sdp_mid=request.sdp_mid,
        sdp_mline_index=request.sdp_mline_index,
    )
    limit = ctx.services.limits.candidate_bytes
    wrong = _too_long("candidate", request.candidate, limit)
    wrong = wrong or _too_long("sdp_mid", request.sdp_mid or "", limit)
    await _send(ctx, request, event, wrong)


async def _send(
    ctx: Context, request: SendSdp | SendIceCandidate, event: Sdp | IceCandidate, wrong: Refused | None
) -> None:
    relay = _Relay(
        event=event,
        video_room_id=request.video_room_id,
        target_user_id=request.target_user_id,
        session_id=ctx.session_id,
        now_ms=ctx.now_ms,
        wrong=wrong,
    )
    await ctx.store.run(_relay, relay)


async def _relay(tx: Transaction, relay: _Relay) -> None:
    await video.find(tx, relay.video_room_id)
    await video.seat_of(tx, relay.video_room_id, relay.session_id)
    seats = await video.seats(tx, relay.video_room_id)
    target = next((seat for seat in seats if seat.user_id == relay.target_user_id), None)
    if target is None:
        raise Refused(Code.USER_NOT_IN_ROOM, "data.target_user_id: does not take part in this video room")
    if relay.wrong is not None:
        raise relay.wrong
    await log.publish(tx, log.session(target.session_id), relay.event, now_ms=relay.now_ms)


@actions.on(SetMediaStatus, rate=Rate.RELAYS)
async def media_status(ctx: Context, request: SetMediaStatus) -> None:
    """Tell the other participants whether one's microphone and camera are on.

    Raises:
        Refused: VIDEO_ROOM_NOT_FOUND, USER_NOT_IN_ROOM.
    """
    await ctx.store.run(_set_media, ctx.session_id, request, ctx.now_ms)


async def _set_media(tx: Transaction, session_id: str, request: SetMediaStatus, now_ms: int) -> None:
    await video.find(tx, request.video_room_id)
    seat = await video.seat_of(tx, request.video_room_id, session_id)
    await video.set_media(
        tx, request.video_room_id, seat.user_id, audio=request.audio_enabled, video=request.video_enabled
    )
    event = ParticipantMediaStatus(
        video_room_id=request.video_room_id,
        user_id=seat.user_id,
        nickname=seat.nickname,
        audio_enabled=request.audio_enabled,
        video_enabled=request.video_enabled,
    )
    await log.publish(tx, log.video(request.video_room_id), event, now_ms=now_ms, origin=session_id)

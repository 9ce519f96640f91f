"""What has to happen by itself: sessions end, empty video rooms close, old events go.

All of it is done a part at a time, so that others get at the database in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa.changes import leaving
from assa.storage import events, sessions, video

if TYPE_CHECKING:
    from assa.limits import Limits
    from assa.storage import Transaction

_AT_ONCE = 20
_EVENTS_AT_ONCE = 2_000
_RELAYS_AT_ONCE = 500
_MARGIN_S = 60.0


async def expire(tx: Transaction, limits: Limits, now_ms: int) -> bool:
    """End sessions whose client stayed away, and video rooms that nobody joined; return whether more do."""
    gone = now_ms - int(limits.session_retention_s * 1000)
    expired = await sessions.expired(tx, gone, limit=_AT_ONCE)
    for session_id in expired:
        await leaving.end_session(tx, session_id, reason="disconnected", now_ms=now_ms)
    for room in await video.unopened(tx, now_ms - int(limits.empty_video_room_s * 1000)):
        await leaving.close(tx, room, now_ms)
    return len(expired) == _AT_ONCE


async def trim(tx: Transaction, limits: Limits, now_ms: int) -> bool:
    """Remove events that are older than their retention; return whether there are more."""
    before_ms = now_ms - int(limits.event_retention_s * 1000)
    return await events.trim(tx, before_ms=before_ms, limit=_EVENTS_AT_ONCE) == _EVENTS_AT_ONCE


async def trim_relays(tx: Transaction, limits: Limits, now_ms: int) -> bool:
    """Remove what was relayed to single sessions once none of them can ask for it; return if there is more.

    A connected client has heard it, or is found dead by its heartbeat and forgotten after the
    retention. SDP is large, and would fill the log.
    """
    needed_s = limits.ping_interval_s + limits.pong_timeout_s + limits.session_retention_s + _MARGIN_S
    before_ms = now_ms - int(needed_s * 1000)
    return await events.trim_sessions(tx, before_ms=before_ms, limit=_RELAYS_AT_ONCE) == _RELAYS_AT_ONCE

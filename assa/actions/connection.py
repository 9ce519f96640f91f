"""CONNECT and DISCONNECT (§3), sessions and their recovery (§10.3)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from assa import log
from assa.changes import inviting, leaving
from assa.errors import Code, Refused
from assa.protocol.connection import Connect, ConnectAnswer, Disconnect, ReconnectionInfo, SessionEnded
from assa.registry import Actions, Attached, Context
from assa.storage import Entry, Transaction, events, messages, rooms, sessions, users, video
from assa.wire import iso, position_of, seq_id_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from assa.auth import Identity
    from assa.limits import Limits

actions = Actions()
_REPLAYED_AT_ONCE = 100


@frozen(kw_only=True)
class _Opening:
    """A verified CONNECT on its way to the store."""

    identity: Identity
    asked_session_id: str | None
    since: int | None
    """Position of the last event received; -1 for a `last_seq_id` that is no position."""
    device_id: str | None
    node: str
    limits: Limits
    now_ms: int
    gone: Callable[[], bool]
    """Whether the connection has been lost meanwhile."""


@actions.on(Connect, exclusive=True, early=True)
async def connect(ctx: Context, request: Connect) -> ConnectAnswer:
    """Log in with a JWT, resume a session, or renew the token of the connection.

    Raises:
        Refused: AUTH_FAILED, INVALID_TOKEN, PERMISSION_DENIED, SERVER_FULL.
    """
    if not request.jwt_token:
        raise Refused(Code.AUTH_FAILED, "data.jwt_token: required")
    identity = ctx.services.tokens.identify(request.jwt_token)
    current = ctx.client.identity
    if current is not None:
        return await _renew(ctx, current, identity)
    ctx.client.admit(identity.user_id, ctx.asked_session_id)
    since = None
    if request.last_seq_id:
        position = position_of(request.last_seq_id)
        since = -1 if position is None else position
    opening = _Opening(
        identity=identity,
        asked_session_id=ctx.asked_session_id,
        since=since,
        device_id=(request.device_info and request.device_info.device_id) or None,
        node=ctx.services.node,
        limits=ctx.services.limits,
        now_ms=ctx.now_ms,
        gone=lambda: ctx.client.gone,
    )
    attached, info = await ctx.store.run(_open, opening)
    ctx.client.attach(attached)
    return _answer(attached.session_id, identity.user_id, info, ctx.now_ms)


def _answer(session_id: str, user_id: int, info: ReconnectionInfo, now_ms: int) -> ConnectAnswer:
    return ConnectAnswer(
        user_id=user_id, session_id=session_id, server_time=iso(now_ms), reconnection_info=info
    )


async def _renew(ctx: Context, current: Identity, identity: Identity) -> ConnectAnswer:
    if identity.user_id != current.user_id:
        raise Refused(Code.PERMISSION_DENIED, "data.jwt_token: this connection belongs to another user")
    info = await ctx.store.run(_renewed, identity, ctx.session_id, ctx.now_ms)
    ctx.client.renew(identity)
    return _answer(ctx.session_id, identity.user_id, info, ctx.now_ms)


async def _renewed(tx: Transaction, identity: Identity, session_id: str, now_ms: int) -> ReconnectionInfo:
    await _remember(tx, identity, now_ms)
    head, _ = await events.bounds(tx)
    # The connection has heard everything so far: it is as good as resumed.
    mine, seats = await rooms.of_user(tx, identity.user_id), await video.of_session(tx, session_id)
    return await _info(tx, identity.user_id, mine, seats, head, resumed=True, replayed=0)


async def _remember(tx: Transaction, identity: Identity, now_ms: int) -> None:
    active = await users.remember(
        tx, identity.user_id, nickname=identity.nickname, profile_image=identity.profile_image, now_ms=now_ms
    )
    if not active:
        raise Refused(Code.AUTH_FAILED, "the account is deactivated")


async def _info(
    tx: Transaction,
    user_id: int,
    mine: dict[int, int],
    seats: dict[int, int],
    start: int,
    *,
    resumed: bool,
    replayed: int,
) -> ReconnectionInfo:
    return ReconnectionInfo(
        existing_rooms=list(mine),
        unread_messages=sum((await messages.unread(tx, user_id)).values()) if mine else 0,
        resumed=resumed,
        replayed_events=replayed,
        video_rooms=list(seats),
        last_seq_id=seq_id_at(start),
    )


async def _open(tx: Transaction, opening: _Opening) -> tuple[Attached, ReconnectionInfo]:
    identity, user_id, now_ms = opening.identity, opening.identity.user_id, opening.now_ms
    if opening.gone():  # its client may have connected to another node by now, and must not be replaced
        raise Refused(Code.REQUEST_TIMEOUT, "the connection has been lost")
    await _remember(tx, identity, now_ms)
    kept = await sessions.find(tx, opening.asked_session_id, user_id) if opening.asked_session_id else None
    session_id = kept.session_id if kept else secrets.token_urlsafe(24)
    await _replace(tx, opening, session_id)
    attachment = await sessions.attach(
        tx, session_id, user_id=user_id, device_id=opening.device_id, node=opening.node, now_ms=now_ms
    )
    mine = await rooms.of_user(tx, user_id)
    seats = await video.of_session(tx, session_id) if kept else {}
    starts = {log.EVERYONE: 0, log.user(user_id): 0, log.session(session_id): 0}
    starts |= {log.room(room_id): position for room_id, position in mine.items()}
    starts |= {log.video(video_room_id): position for video_room_id, position in seats.items()}
    head, trimmed = await events.bounds(tx)
    missed = await _missed(tx, opening, starts, head, trimmed)
    resumed = missed is not None and (kept is not None or opening.since is not None)
    # A client that is lost again before the replay has arrived must still be able to ask for it.
    start = opening.since if missed and opening.since is not None else head
    info = await _info(tx, user_id, mine, seats, start, resumed=resumed, replayed=len(missed or ()))
    waiting = await inviting.waiting(tx, user_id, now_ms)
    attached = Attached(
        identity=identity,
        session_id=session_id,
        attachment=attachment,
        channels=tuple(starts),
        replay=(*(missed or ()), *waiting),
        replayed=info.replayed_events,
        outcome=_outcome(opening, resumed=resumed),
        device_id=opening.device_id,
    )
    return attached, info


def _outcome(opening: _Opening, *, resumed: bool) -> Literal["fresh", "resumed", "incomplete"]:
    if resumed:
        return "resumed"
    return "fresh" if opening.since is None and not opening.asked_session_id else "incomplete"


async def _replace(tx: Transaction, opening: _Opening, session_id: str) -> None:
    """Close the connections that this one takes the place of."""
    connected = await sessions.connected_of(tx, opening.identity.user_id)
    others = [one for one in connected if one[0] != session_id]
    same_device = [
        one for one, device_id in others if device_id is not None and device_id == opening.device_id
    ]
    too_many = len(others) - len(same_device) - opening.limits.connections_per_user + 1
    oldest = [one for one, _ in others if one not in same_device][: max(0, too_many)]
    same_session = [one for one, _ in connected if one == session_id]
    for replaced in (*same_session, *same_device, *oldest):
        channel = log.session(replaced)
        await log.publish(tx, channel, None, now_ms=opening.now_ms, effect=f"!{channel}")
        await sessions.drop(tx, replaced, opening.now_ms)


async def _missed(
    tx: Transaction, opening: _Opening, starts: dict[str, int], head: int, trimmed: int
) -> list[Entry] | None:
    """Return the events after the last one received, or None when they cannot be complete."""
    since = opening.since
    if since is None:
        return []
    if not trimmed <= since <= head:
        return None
    limits = opening.limits
    missed: list[Entry] = []
    while True:
        # A part at a time: a thousand SDPs would be read in vain, while everybody waits.
        channels = {channel: max(since, start) for channel, start in starts.items()}
        part = await events.after(tx, channels, origin=opening.asked_session_id, limit=_REPLAYED_AT_ONCE)
        missed += part
        size = sum(len(entry.body or b"") for entry in missed)
        if len(missed) > limits.replay_events or size > limits.replay_bytes:
            return None
        if len(part) < _REPLAYED_AT_ONCE:
            return missed
        since = part[-1].position


@actions.on(Disconnect, exclusive=True)
async def disconnect(ctx: Context, request: Disconnect) -> SessionEnded:
    """End the session; its seats in video rooms are given up at once."""
    await ctx.store.run(_end, ctx.session_id, ctx.attachment, ctx.now_ms)
    ctx.client.end()
    return SessionEnded(reason=request.reason)


async def _end(tx: Transaction, session_id: str, attachment: int, now_ms: int) -> None:
    if await sessions.holds(tx, session_id, attachment):  # else another connection has resumed it
        await leaving.end_session(tx, session_id, reason="disconnected", now_ms=now_ms)

"""The event log as actions use it: an event is written in the transaction of its change.

Everything a client must not miss goes through here. Delivery to listeners is the hub's part; it
happens after the commit, in position order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa.storage import Entry, events
from assa.wire import encode_event

if TYPE_CHECKING:
    from assa.protocol.base import Event
    from assa.storage import Transaction

EVERYONE = "all"


def room(room_id: int) -> str:
    """Return the channel of a chat room's members."""
    return f"room:{room_id}"


def video(video_room_id: int) -> str:
    """Return the channel of a video room's participants."""
    return f"video:{video_room_id}"


def user(user_id: int) -> str:
    """Return the channel of all connections of a user."""
    return f"user:{user_id}"


def session(session_id: str) -> str:
    """Return the channel of one session."""
    return f"session:{session_id}"


async def publish(
    tx: Transaction,
    channel: str,
    event: Event | None,
    *,
    now_ms: int,
    origin: str | None = None,
    effect: str | None = None,
) -> int:
    """Write one event and return its position.

    Args:
        tx: The transaction of the change that the event tells about.
        channel: Who hears it, see :class:`assa.storage.Entry`.
        event: What is told; None for an effect on subscriptions alone.
        now_ms: Its timestamp, milliseconds since the epoch.
        origin: The session that caused it and does not hear it.
        effect: What it does to subscriptions.
    """
    position = await tx.reserve(1)
    body = None if event is None else encode_event(event, now_ms)
    entry = Entry(position=position, channel=channel, body=body, origin=origin, effect=effect)
    await events.append(tx, [entry], now_ms)
    return position

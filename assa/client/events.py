"""What a client hears besides the events of :mod:`assa.protocol`."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from assa.client.refusals import Rejected
from assa.protocol import Event as ProtocolEvent
from assa.protocol import NewMessage


@frozen(kw_only=True)
class Unknown:
    """An event of a newer server, or one whose data have not the form that is known.

    Args:
        action: Its name.
        data: Its payload, as it came.
    """

    action: str
    data: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class ServerError:
    """ERROR that answers no request of `ask` (§9.1): to one that has no answer, such as SDP, or of its own.

    Args:
        error: What it says.
        original_action: Whose it is, where the server says so.
    """

    error: Rejected
    original_action: str | None = None


@frozen(kw_only=True)
class Postponed:
    """A message was refused for now; it is sent again in `delay_s` seconds, and those behind it wait.

    Args:
        room_id: The room.
        client_message_id: The message.
        delay_s: Seconds.
        error: RATE_LIMITED or SERVICE_UNAVAILABLE.
    """

    room_id: int
    client_message_id: str
    delay_s: float
    error: Rejected


@frozen(kw_only=True)
class Gap:
    """Messages of a room that were missed could not be fetched, after several attempts.

    Args:
        room_id: The room.
        after_message_id: The last one that was heard there; None: none was.
        reason: What went wrong last.
    """

    room_id: int
    after_message_id: int | None
    reason: str


Event = ProtocolEvent | NewMessage | Unknown | ServerError | Postponed | Gap
"""Whatever is heard."""

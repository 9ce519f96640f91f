"""What a client tells the program that uses it: events, and how the connection is."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from assa.client.refusals import Rejected


@frozen(kw_only=True)
class Event:
    """Something that the server says unasked.

    Args:
        action: Its name, such as ``NEW_MESSAGE``.
        data: Its payload.
        error: What ``ERROR`` tells, else None.
    """

    action: str
    data: dict[str, Any] = field(factory=dict)
    error: Rejected | None = None


@frozen(kw_only=True)
class Welcome:
    """The answer to CONNECT (§3.1).

    Args:
        user_id: Whom the token names.
        session_id: What resumes the session later.
        existing_rooms: The ids of the user's rooms.
        unread_messages: How many messages he has not confirmed.
        resumed: Whether nothing was missed since the connection before; False for a first one.
        replayed_events: How many missed events follow.
    """

    user_id: int
    session_id: str
    existing_rooms: tuple[int, ...] = ()
    unread_messages: int = 0
    resumed: bool = False
    replayed_events: int = 0


@frozen(kw_only=True)
class Online:
    """Connected, for the first time or again."""

    welcome: Welcome


@frozen(kw_only=True)
class Waiting:
    """The connection is lost; the next attempt comes in `delay_s` seconds.

    Args:
        attempt: 1 to `attempts`.
        attempts: After so many it is given up.
        delay_s: Seconds until this attempt.
        reason: Why there is no connection.
    """

    attempt: int
    attempts: int
    delay_s: float
    reason: str


@frozen(kw_only=True)
class Offline:
    """The connection is gone for good, or there was none yet."""

    reason: str


State = Online | Waiting | Offline

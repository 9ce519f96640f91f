"""How the connection is: what a client tells the program that uses it when that changes (§10.3)."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from assa.protocol import ConnectAnswer

V1_0: Final = "1.0"
V1_1: Final = "1.1"


@frozen(kw_only=True)
class Session:
    """What resumes a session: its id, and the position of the last event that came."""

    session_id: str | None = field(default=None, repr=False)
    last_seq_id: str | None = None


@frozen(kw_only=True)
class Welcome:
    """The answer to CONNECT (§3.1).

    Args:
        user_id: Whom the token names.
        session_id: What resumes the session later.
        server_time: When the server answered, ISO 8601.
        existing_rooms: The ids of the user's rooms.
        unread_messages: How many messages he has not confirmed.
        version: The protocol that the server speaks: ``1.0`` or ``1.1``.
        resumed: Whether nothing was missed since the connection before; False for a first one.
        replayed_events: How many missed events follow.
        video_rooms: The ids of the video rooms in which the session has a seat.
    """

    user_id: int
    session_id: str = field(repr=False)  # it is a secret, and states are logged
    server_time: str = ""
    existing_rooms: tuple[int, ...] = ()
    unread_messages: int = 0
    version: str = V1_1
    resumed: bool = False
    replayed_events: int = 0
    video_rooms: tuple[int, ...] = ()

    @classmethod
    def of(cls, answer: ConnectAnswer) -> Welcome:
        """Return what an answer says; one of v1.0 has less to say."""
        info = answer.reconnection_info
        is_old = not isinstance(info.resumed, bool)
        return cls(
            user_id=answer.user_id,
            session_id=answer.session_id,
            server_time=answer.server_time,
            existing_rooms=tuple(info.existing_rooms),
            unread_messages=info.unread_messages,
            version=V1_0 if is_old else V1_1,
            resumed=bool(info.resumed),
            replayed_events=info.replayed_events or 0,
            video_rooms=tuple(info.video_rooms or ()),
        )


@frozen(kw_only=True)
class Online:
    """Connected, for the first time or again.

    Args:
        welcome: What the server said.
        complete: Whether every event since the connection before is heard. Where it is False, messages are
            heard all the same, each once and in order; other events may have been missed: whoever shows
            rooms, members or calls asks for them anew.
    """

    welcome: Welcome
    complete: bool = True


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
    """The connection is gone for good, or there was none yet.

    Args:
        reason: Why; for people who develop.
        code: The `error_code` for which the server ended it, else None.
    """

    reason: str
    code: str | None = None


State = Online | Waiting | Offline

"""CONNECT as a client says it, and what its answer means (§3.1, §10.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from assa.client.messages import Welcome

Token = str | Callable[[], str]
"""A JWT, or a function that returns a fresh one for every CONNECT."""


@frozen(kw_only=True)
class Session:
    """What resumes a session: its id, and the position of the last event that came."""

    session_id: str | None = None
    last_seq_id: str | None = None


def fresh(token: Token) -> str:
    """Return the JWT itself."""
    return token() if callable(token) else token


def greet(token: Token, device_info: dict[str, Any] | None, session: Session) -> dict[str, Any]:
    """Return the data of CONNECT."""
    greeting: dict[str, Any] = {
        "jwt_token": fresh(token),
        "device_info": device_info,
        "last_seq_id": session.last_seq_id,
    }
    return {name: value for name, value in greeting.items() if value is not None}


def welcomed(data: dict[str, Any], before: Session) -> tuple[Welcome, Session]:
    """Return what the answer says, and what resumes the session from here on."""
    info = data.get("reconnection_info") or {}
    welcome = Welcome(
        user_id=data["user_id"],
        session_id=data["session_id"],
        existing_rooms=tuple(info.get("existing_rooms", ())),
        unread_messages=info.get("unread_messages", 0),
        resumed=info.get("resumed", False),
        replayed_events=info.get("replayed_events", 0),
    )
    # Resumed: what was missed comes next, so the old position counts until then.
    position = before.last_seq_id if welcome.resumed and before.last_seq_id else info.get("last_seq_id")
    return welcome, Session(session_id=welcome.session_id, last_seq_id=position)

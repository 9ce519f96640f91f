"""Connecting and disconnecting (§3), sessions and their recovery (§10.3)."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from assa.protocol.base import Added, Event, Request
from assa.schema import Length


@frozen(kw_only=True)
class DeviceInfo:
    """The device that connects (§3.1)."""

    platform: Annotated[str, Length(0, 128)] | None = None
    app_version: Annotated[str, Length(0, 128)] | None = None
    device_id: Annotated[str, Length(0, 128)] | None = None


@frozen(kw_only=True)
class ReconnectionInfo:
    """What a client that comes back has to know (§3.1)."""

    existing_rooms: list[int]
    unread_messages: int
    resumed: Added[bool]
    replayed_events: Added[int]
    video_rooms: Added[list[int]]
    last_seq_id: Added[str]


@frozen(kw_only=True)
class ConnectAnswer:
    """§3.1."""

    user_id: int
    session_id: str = field(repr=False)  # it is a secret
    server_time: str
    reconnection_info: ReconnectionInfo


@frozen(kw_only=True)
class Connect(Request[ConnectAnswer]):
    """§3.1; `last_seq_id` is the `seq_id` of the last event received."""

    action = "CONNECT"
    section = "3.1"
    success_text = "연결이 성공적으로 설정되었습니다"
    jwt_token: str | None = field(default=None, repr=False)  # it is a secret
    device_info: DeviceInfo | None = None
    last_seq_id: Added[Annotated[str, Length(0, 128)] | None] = None


@frozen(kw_only=True)
class SessionEnded:
    """v1.1: v1.0 shows no answer to DISCONNECT."""

    reason: str | None


@frozen(kw_only=True)
class Disconnect(Request[SessionEnded]):
    """§3.2."""

    action = "DISCONNECT"
    section = "3.2"
    success_text = "연결이 종료되었습니다"
    reason: Annotated[str, Length(0, 200)] | None = None


@frozen(kw_only=True)
class TokenExpiring(Event):
    """v1.1: a second CONNECT with a newer token renews the connection."""

    action = "TOKEN_EXPIRING"
    since = "1.1"
    expires_at: str

"""Announcements (§8.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from attrs import frozen

from assa.protocol.base import Added, Event, Request
from assa.schema import Length, omitted

Priority = Literal["low", "normal", "high"]


@frozen(kw_only=True)
class Announced:
    """v1.1: how many connections the announcement goes to."""

    recipients: int


@frozen(kw_only=True)
class Announce(Request[Announced]):
    """v1.1, from whoever has the scope `admin`."""

    action = "SERVER_ANNOUNCEMENT"
    since = "1.1"
    title: Annotated[str, Length(1, 200)]
    message: Annotated[str, Length(1, 5000)]
    priority: Priority = "normal"
    announcement_type: Annotated[str, Length(1, 64)] = "notice"


@frozen(kw_only=True)
class Announcement(Event):
    """§8.1, to everybody; `reconnect_after_ms` is in that of a shutdown alone."""

    action = "SERVER_ANNOUNCEMENT"
    section = "8.1"
    title: str
    message: str
    priority: Priority = "normal"
    announcement_type: str = "notice"
    reconnect_after_ms: Added[int | None] = omitted()

"""Receipts (§5.3)."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from assa.protocol.base import Added, Event, Request
from assa.protocol.shapes import FileInfo, Person
from assa.schema import Id, Length, omitted


@frozen(kw_only=True)
class PendingMessage:
    """A message that the reader has not confirmed (§5.3)."""

    message_id: int
    content: str
    user: Person
    created_at: str
    message_type: Added[str]
    reply_to_message_id: Added[int | None]
    file_info: Added[FileInfo | None] = omitted()


@frozen(kw_only=True)
class ReceiveChecked:
    """§5.3."""

    room_id: int
    received_messages: list[int]
    failed_messages: list[int]
    pending_messages: list[PendingMessage]


@frozen(kw_only=True)
class CheckReceive(Request[ReceiveChecked]):
    """§5.3."""

    action = "CHECK_RECEIVE"
    section = "5.3"
    room_id: Id
    message_ids: Annotated[list[Id], Length(0, 500)]


@frozen(kw_only=True)
class MessageReceived(Event):
    """v1.1, to the author: somebody has confirmed his messages."""

    action = "MESSAGE_RECEIVED"
    since = "1.1"
    room_id: int
    user_id: int
    message_ids: list[int]

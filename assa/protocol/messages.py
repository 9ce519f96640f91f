"""Messages (§5.1, §5.2)."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from assa.protocol.base import Added, Event, Request
from assa.protocol.shapes import ChatMessage, FileInfo
from assa.schema import Id, Length, omitted


@frozen(kw_only=True)
class MessageSent:
    """§5.1; `duplicate` when the same client_message_id had been stored before."""

    message_id: int
    room_id: int
    content: str
    message_type: str
    created_at: str
    client_message_id: str | None
    file_info: Added[FileInfo | None] = omitted()
    duplicate: Added[bool | None] = omitted()


@frozen(kw_only=True)
class SendMessage(Request[MessageSent]):
    """§5.1, §5.2."""

    action = "SEND_MESSAGE"
    section = "5.1"
    success_text = "메시지가 전송되었습니다"
    room_id: Id
    content: str
    message_type: str
    file_info: FileInfo | None = None
    reply_to_message_id: Id | None = None
    client_message_id: Annotated[str, Length(0, 128)] | None = None


@frozen(kw_only=True)
class NewMessage(ChatMessage, Event):
    """§5.1, to every connection of every member but the one that sent it."""

    action = "NEW_MESSAGE"
    section = "5.1"

"""Catching up (v1.1): LIST_ROOMS and GET_MESSAGES."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from assa.protocol.base import Request
from assa.protocol.shapes import ChatMessage
from assa.schema import Id, Range


@frozen(kw_only=True)
class ListedRoom:
    """A room of the user with what he has not read (v1.1)."""

    room_id: int
    name: str
    description: str
    is_open: bool
    host_user_id: int
    participants_count: int
    unread_messages: int
    last_message: ChatMessage | None


@frozen(kw_only=True)
class RoomsListed:
    """v1.1: the newest activity first."""

    rooms: list[ListedRoom]


@frozen(kw_only=True)
class ListRooms(Request[RoomsListed]):
    """v1.1; it has no fields."""

    action = "LIST_ROOMS"
    since = "1.1"


@frozen(kw_only=True)
class MessagesGot:
    """v1.1: oldest first; `has_more` in the direction asked for."""

    room_id: int
    messages: list[ChatMessage]
    has_more: bool


@frozen(kw_only=True)
class GetMessages(Request[MessagesGot]):
    """v1.1: a page of history before or after a message."""

    action = "GET_MESSAGES"
    since = "1.1"
    room_id: Id
    before_message_id: Id | None = None
    after_message_id: Id | None = None
    limit: Annotated[int, Range(1, 100)] = 50

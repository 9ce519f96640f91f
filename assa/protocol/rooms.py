"""Chat rooms (§4)."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from assa.protocol.base import Event, Request
from assa.protocol.shapes import ChatMessage, RoomMember
from assa.schema import Id, Length, Range


@frozen(kw_only=True)
class RoomCreated:
    """§4.1; `created_at` ISO 8601."""

    room_id: int
    name: str
    description: str
    host_user_id: int
    participants: list[RoomMember]
    created_at: str


@frozen(kw_only=True)
class CreateRoom(Request[RoomCreated]):
    """§4.1."""

    action = "CREATE_ROOM"
    section = "4.1"
    success_text = "채팅방이 생성되었습니다"
    name: Annotated[str, Length(1, 100)]
    description: Annotated[str, Length(0, 500)] | None = None
    is_open: bool = False
    max_participants: Annotated[int, Range(2, 1000)] = 50
    invited_user_ids: Annotated[list[Id], Length(0, 100)] = field(factory=list)


@frozen(kw_only=True)
class JoinedRoomInfo:
    """§4.2."""

    name: str
    description: str
    host_user_id: int
    participants_count: int


@frozen(kw_only=True)
class RoomJoined:
    """§4.2: a snapshot of the room at the position of the join."""

    room_id: int
    room_info: JoinedRoomInfo
    participants: list[RoomMember]
    recent_messages: list[ChatMessage]


@frozen(kw_only=True)
class JoinRoom(Request[RoomJoined]):
    """§4.2."""

    action = "JOIN_ROOM"
    section = "4.2"
    success_text = "채팅방에 참가했습니다"
    room_id: Id


@frozen(kw_only=True)
class RoomLeft:
    """§4.3."""

    room_id: int


@frozen(kw_only=True)
class ExitRoom(Request[RoomLeft]):
    """§4.3."""

    action = "EXIT_ROOM"
    section = "4.3"
    success_text = "채팅방에서 나갔습니다"
    room_id: Id


@frozen(kw_only=True)
class ListedMember:
    """A member as ROOM_INFO shows him (§4.4)."""

    user_id: int
    nickname: str
    role: str
    joined_at: str


@frozen(kw_only=True)
class RoomInfo:
    """§4.4."""

    room_id: int
    name: str
    description: str
    is_open: bool
    host_user_id: int
    participants_count: int
    max_participants: int
    created_at: str
    participants: list[ListedMember]


@frozen(kw_only=True)
class GetRoomInfo(Request[RoomInfo]):
    """§4.4."""

    action = "ROOM_INFO"
    section = "4.4"
    room_id: Id


@frozen(kw_only=True)
class UserJoined(Event):
    """§4.2, to the other members."""

    action = "USER_JOINED"
    section = "4.2"
    room_id: int
    user: RoomMember
    participants_count: int


@frozen(kw_only=True)
class UserLeft(Event):
    """v1.1, to the members who stay."""

    action = "USER_LEFT"
    since = "1.1"
    room_id: int
    user: RoomMember
    participants_count: int


@frozen(kw_only=True)
class HostChanged(Event):
    """v1.1: the longest-standing member has become host."""

    action = "HOST_CHANGED"
    since = "1.1"
    room_id: int
    host_user_id: int
    nickname: str

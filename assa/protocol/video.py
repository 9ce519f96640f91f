"""Video rooms (§7.1, §7.2, §7.6, §7.7)."""

from __future__ import annotations

from typing import Annotated, Any

from attrs import frozen

from assa.protocol.base import Added, Event, Request
from assa.schema import Id, Length, Range


@frozen(kw_only=True)
class MediaStatus:
    """Whether a participant's microphone and camera are on (§7.2)."""

    audio_enabled: bool = True
    video_enabled: bool = True


@frozen(kw_only=True)
class Participant:
    """A participant of a video room (§7.2): `role` is host or participant."""

    user_id: int
    nickname: str
    role: str
    media_status: MediaStatus


@frozen(kw_only=True)
class VideoRoomCreated(Event):
    """The answer of §7.1, and v1.1 to the members of the chat room; `participants` is empty: nobody is in."""

    action = "VIDEO_ROOM_CREATED"
    since = "1.1"
    video_room_id: int
    video_room_name: str
    chat_room_id: int
    host_user_id: int
    participants: list[Participant]
    max_participants: int
    created_at: str


@frozen(kw_only=True)
class CreateVideoRoom(Request[VideoRoomCreated]):
    """§7.1."""

    action = "CREATE_VIDEO_ROOM"
    section = "7.1"
    success_text = "영상회의 방이 생성되었습니다"
    chat_room_id: Id
    video_room_name: Annotated[str, Length(1, 100)]
    max_participants: Annotated[int, Range(2, 50)] = 10


@frozen(kw_only=True)
class VideoRoomJoined:
    """§7.2; `ice_servers` is the W3C RTCIceServer list."""

    video_room_id: int
    participants: list[Participant]
    ice_servers: Added[list[dict[str, Any]]]


@frozen(kw_only=True)
class JoinVideoRoom(Request[VideoRoomJoined]):
    """§7.2."""

    action = "JOIN_VIDEO_ROOM"
    section = "7.2"
    success_text = "영상회의에 참가했습니다"
    video_room_id: Id
    media_status: Added[MediaStatus | None] = None


@frozen(kw_only=True)
class VideoRoomLeft:
    """§7.6; v1.0 shows no answer."""

    video_room_id: int


@frozen(kw_only=True)
class ExitVideoRoom(Request[VideoRoomLeft]):
    """§7.6."""

    action = "EXIT_VIDEO_ROOM"
    section = "7.6"
    success_text = "영상회의에서 나갔습니다"
    video_room_id: Id


@frozen(kw_only=True)
class ParticipantsGot:
    """§7.7."""

    video_room_id: int
    participants: list[Participant]


@frozen(kw_only=True)
class GetVideoRoomParticipant(Request[ParticipantsGot]):
    """§7.7."""

    action = "GET_VIDEO_ROOM_PARTICIPANT"
    section = "7.7"
    video_room_id: Id


@frozen(kw_only=True)
class IceServersGot:
    """v1.1."""

    video_room_id: int
    ice_servers: list[dict[str, Any]]


@frozen(kw_only=True)
class GetIceServers(Request[IceServersGot]):
    """v1.1: fresh TURN credentials."""

    action = "GET_ICE_SERVERS"
    since = "1.1"
    video_room_id: Id


@frozen(kw_only=True)
class ParticipantJoined(Event):
    """v1.1, to the other participants."""

    action = "PARTICIPANT_JOINED"
    since = "1.1"
    video_room_id: int
    participant: Participant


@frozen(kw_only=True)
class ParticipantLeft(Event):
    """Somebody left a video room (v1.1): `reason` is exit, disconnected, moved or kicked."""

    action = "PARTICIPANT_LEFT"
    since = "1.1"
    video_room_id: int
    user_id: int
    nickname: str
    reason: str


@frozen(kw_only=True)
class VideoHostChanged(Event):
    """A video room has another host (v1.1)."""

    action = "VIDEO_HOST_CHANGED"
    since = "1.1"
    video_room_id: int
    host_user_id: int


@frozen(kw_only=True)
class VideoRoomClosed(Event):
    """A video room is over; the chat room hears it (v1.1)."""

    action = "VIDEO_ROOM_CLOSED"
    since = "1.1"
    video_room_id: int
    chat_room_id: int

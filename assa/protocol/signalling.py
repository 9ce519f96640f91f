"""What participants of a video room tell each other: SDP, ICE candidates, media state (§7.3 to §7.5)."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from assa.protocol.base import Event, Request
from assa.schema import Id

SdpType = Literal["offer", "answer", "pranswer", "rollback"]


@frozen(kw_only=True)
class SendSdp(Request[None]):
    """§7.3, from the sender."""

    action = "SDP"
    section = "7.3"
    video_room_id: Id
    target_user_id: Id
    sdp_type: SdpType
    sdp_data: str


@frozen(kw_only=True)
class Sdp(Event):
    """§7.3, to the target."""

    action = "SDP"
    section = "7.3"
    video_room_id: int
    sender_user_id: int
    sdp_type: SdpType
    sdp_data: str


@frozen(kw_only=True)
class SendIceCandidate(Request[None]):
    """§7.4, from the sender; an empty candidate is the end of candidates."""

    action = "ICE_CANDIDATE"
    section = "7.4"
    video_room_id: Id
    target_user_id: Id
    candidate: str
    sdp_mid: str | None = None
    sdp_mline_index: int | None = None


@frozen(kw_only=True)
class IceCandidate(Event):
    """§7.4, to the target."""

    action = "ICE_CANDIDATE"
    section = "7.4"
    video_room_id: int
    sender_user_id: int
    candidate: str
    sdp_mid: str | None
    sdp_mline_index: int | None


@frozen(kw_only=True)
class SetMediaStatus(Request[None]):
    """§7.5."""

    action = "MEDIA_STATUS"
    section = "7.5"
    video_room_id: Id
    audio_enabled: bool
    video_enabled: bool


@frozen(kw_only=True)
class ParticipantMediaStatus(Event):
    """§7.5, to the other participants."""

    action = "PARTICIPANT_MEDIA_STATUS"
    section = "7.5"
    video_room_id: int
    user_id: int
    nickname: str
    audio_enabled: bool
    video_enabled: bool

"""What participants of a video room tell each other: SDP, ICE candidates, media (§7.3 to §7.5)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from typing import Any

from assa.conformance.cases.examples import NOWHERE
from assa.conformance.messages import Json
from assa.conformance.registry import rule
from assa.conformance.stage import Stage
from assa.conformance.user import User

_OFFER = "v=0\r\no=- 123456789 123456789 IN IP4 192.168.1.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
_CANDIDATE = "candidate:1 1 UDP 2130706431 192.168.1.1 54400 typ host"


def _sdp(video_room_id: int, target: User, **more: Any) -> Json:
    to = {"video_room_id": video_room_id, "target_user_id": target.user_id}
    return to | {"sdp_type": "offer", "sdp_data": _OFFER} | more


def _ice(video_room_id: int, target: User, **more: Any) -> Json:
    to = {"video_room_id": video_room_id, "target_user_id": target.user_id}
    return to | {"candidate": _CANDIDATE, "sdp_mid": "0", "sdp_mline_index": 0} | more


async def _meeting(stage: Stage, number: int = 2) -> tuple[int, list[User]]:
    users = await stage.users(number)
    return await stage.meeting(await stage.room(*users), *users), users


@rule("7.3")
async def sdp(stage: Stage) -> None:
    """SDP reaches its target unchanged, with the sender in place of the target."""
    video_room_id, (mina, jun) = await _meeting(stage)
    mina.tell("SDP", _sdp(video_room_id, jun), user_id=mina.user_id)
    heard = await jun.hear("SDP", video_room_id=video_room_id)
    heard.shows({"data.sender_user_id": mina.user_id, "data.sdp_type": "offer", "data.sdp_data": _OFFER})


@rule("7.3")
async def sdp_to_the_target_alone(stage: Stage) -> None:
    """SDP reaches nobody but its target."""
    video_room_id, (mina, jun, sora) = await _meeting(stage, 3)
    mina.tell("SDP", _sdp(video_room_id, jun))
    await jun.hear("SDP", video_room_id=video_room_id)
    await sora.quiet("SDP", video_room_id=video_room_id)
    await mina.quiet("SDP", video_room_id=video_room_id)


@rule("7.4")
async def ice_candidate(stage: Stage) -> None:
    """ICE_CANDIDATE reaches its target unchanged."""
    video_room_id, (mina, jun) = await _meeting(stage)
    mina.tell("ICE_CANDIDATE", _ice(video_room_id, jun), user_id=mina.user_id)
    heard = await jun.hear("ICE_CANDIDATE", video_room_id=video_room_id)
    heard.shows({"data.candidate": _CANDIDATE, "data.sdp_mid": "0", "data.sdp_mline_index": 0})


@rule("7.4")
async def ice_to_the_target_alone(stage: Stage) -> None:
    """ICE_CANDIDATE reaches nobody but its target."""
    video_room_id, (mina, jun, sora) = await _meeting(stage, 3)
    mina.tell("ICE_CANDIDATE", _ice(video_room_id, jun))
    await jun.hear("ICE_CANDIDATE", video_room_id=video_room_id)
    await sora.quiet("ICE_CANDIDATE", video_room_id=video_room_id)


@rule("7.5")
async def media_status(stage: Stage) -> None:
    """MEDIA_STATUS reaches all other participants as PARTICIPANT_MEDIA_STATUS, and not its sender."""
    video_room_id, (mina, jun, sora) = await _meeting(stage, 3)
    status = {"audio_enabled": False, "video_enabled": True}
    mina.tell("MEDIA_STATUS", {"video_room_id": video_room_id} | status, user_id=mina.user_id)
    for user in (jun, sora):
        heard = await user.hear("PARTICIPANT_MEDIA_STATUS", video_room_id=video_room_id)
        heard.shows({"data.user_id": mina.user_id, "data.audio_enabled": False, "data.video_enabled": True})
    await mina.quiet("PARTICIPANT_MEDIA_STATUS", video_room_id=video_room_id)


@rule("7.5")
async def media_status_is_kept(stage: Stage) -> None:
    """Who joins later sees the media of the others as they are."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina)
    status = {"audio_enabled": False, "video_enabled": False}
    mina.tell("MEDIA_STATUS", {"video_room_id": video_room_id} | status)
    await mina.ask(
        "GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video_room_id}
    )  # so that it has been dealt with
    joined = await jun.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    place = joined.ids("data.participants", "user_id").index(mina.user_id)
    joined.shows({f"data.participants.{place}.media_status": status})


# --- v1.1 ---


@rule("7.3", "1.1")
async def sdp_without_seat(stage: Stage) -> None:
    """Sender and target of SDP must take part, else USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina)
    await mina.refused("USER_NOT_IN_ROOM", "SDP", _sdp(video_room_id, jun))
    await jun.refused("USER_NOT_IN_ROOM", "SDP", _sdp(video_room_id, mina))
    await mina.refused("VIDEO_ROOM_NOT_FOUND", "SDP", _sdp(NOWHERE, jun))


@rule("7.3", "1.1")
async def kinds_of_sdp(stage: Stage) -> None:
    """sdp_type is offer, answer, pranswer or rollback, else INVALID_MESSAGE."""
    video_room_id, (mina, jun) = await _meeting(stage)
    for sdp_type in ("offer", "answer", "pranswer", "rollback"):
        mina.tell("SDP", _sdp(video_room_id, jun, sdp_type=sdp_type))
        (await jun.hear("SDP", video_room_id=video_room_id)).shows({"data.sdp_type": sdp_type})
    await mina.refused("INVALID_MESSAGE", "SDP", _sdp(video_room_id, jun, sdp_type="bid"))


@rule("7.3", "1.1")
async def largest_sdp(stage: Stage) -> None:
    """sdp_data may have 128 KiB; a larger one gets MESSAGE_TOO_LONG."""
    video_room_id, (mina, jun) = await _meeting(stage)
    mina.tell("SDP", _sdp(video_room_id, jun, sdp_data="x" * 131_072))
    (await jun.hear("SDP", video_room_id=video_room_id)).shows({"data.sdp_data": "x" * 131_072})
    await mina.refused("MESSAGE_TOO_LONG", "SDP", _sdp(video_room_id, jun, sdp_data="x" * 131_073))


@rule("7.3", "1.1")
async def relays_in_order(stage: Stage) -> None:
    """What one participant sends another arrives in order."""
    video_room_id, (mina, jun) = await _meeting(stage)
    expected = [f"candidate:{number}" for number in range(10)]
    for candidate in expected:
        mina.tell("ICE_CANDIDATE", _ice(video_room_id, jun, candidate=candidate))
    heard = [await jun.hear("ICE_CANDIDATE", video_room_id=video_room_id) for _ in expected]
    came = [one.at("data.candidate") for one in heard]
    heard[-1].require(came == expected, f"expected {expected}, got {came}")


@rule("7.4", "1.1")
async def ice_names_the_sender(stage: Stage) -> None:
    """The relay names its sender; sdp_mid and sdp_mline_index may be null, the candidate empty."""
    video_room_id, (mina, jun) = await _meeting(stage)
    mina.tell("ICE_CANDIDATE", _ice(video_room_id, jun, candidate="", sdp_mid=None, sdp_mline_index=None))
    heard = await jun.hear("ICE_CANDIDATE", video_room_id=video_room_id)
    heard.shows({"data.sender_user_id": mina.user_id, "data.candidate": ""})
    heard.shows({"data.sdp_mid": None, "data.sdp_mline_index": None})


@rule("7.4", "1.1")
async def largest_candidate(stage: Stage) -> None:
    """A candidate may have 4 KiB; a larger one gets MESSAGE_TOO_LONG."""
    video_room_id, (mina, jun) = await _meeting(stage)
    mina.tell("ICE_CANDIDATE", _ice(video_room_id, jun, candidate="x" * 4_096))
    await jun.hear("ICE_CANDIDATE", video_room_id=video_room_id)
    await mina.refused("MESSAGE_TOO_LONG", "ICE_CANDIDATE", _ice(video_room_id, jun, candidate="x" * 4_097))


@rule("7.5", "1.1")
async def media_without_seat(stage: Stage) -> None:
    """MEDIA_STATUS by one who does not take part gets USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina)
    status = {"video_room_id": video_room_id, "audio_enabled": True, "video_enabled": True}
    await jun.refused("USER_NOT_IN_ROOM", "MEDIA_STATUS", status)
    await mina.refused("INVALID_MESSAGE", "MEDIA_STATUS", status | {"audio_enabled": 1})

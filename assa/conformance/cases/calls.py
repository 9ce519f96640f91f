"""Video rooms: created, joined, left, asked about (§7.1, §7.2, §7.6, §7.7)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.cases.examples import NOWHERE
from assa.conformance.registry import rule
from assa.conformance.stage import Stage

_ON = {"audio_enabled": True, "video_enabled": True}


@rule("7.1")
async def create_video_room(stage: Stage) -> None:
    """CREATE_VIDEO_ROOM makes a video room of the chat room, with nobody in it."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    asked = {"chat_room_id": room_id, "video_room_name": "영상회의", "max_participants": 10}
    made = await mina.ask("CREATE_VIDEO_ROOM", asked, user_id=mina.user_id)
    made.shows(
        {"data.video_room_name": "영상회의", "data.chat_room_id": room_id, "data.max_participants": 10}
    )
    made.shows({"data.host_user_id": mina.user_id, "data.participants": []})


@rule("7.1")
async def create_video_without_membership(stage: Stage) -> None:
    """CREATE_VIDEO_ROOM by one who is no member of the chat room gets USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    asked = {"chat_room_id": await stage.room(mina), "video_room_name": "영상회의", "max_participants": 10}
    await jun.refused("USER_NOT_IN_ROOM", "CREATE_VIDEO_ROOM", asked)


@rule("7.1")
async def create_video_nowhere(stage: Stage) -> None:
    """CREATE_VIDEO_ROOM in a chat room that does not exist gets ROOM_NOT_FOUND."""
    mina = await stage.user()
    asked = {"chat_room_id": NOWHERE, "video_room_name": "영상회의", "max_participants": 10}
    await mina.refused("ROOM_NOT_FOUND", "CREATE_VIDEO_ROOM", asked)


@rule("7.2")
async def join_video_room(stage: Stage) -> None:
    """JOIN_VIDEO_ROOM tells all participants, the one who joined among them, with roles and media."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina)
    joined = await jun.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id}, user_id=jun.user_id)
    joined.shows({"data.video_room_id": video_room_id})
    who = joined.ids("data.participants", "user_id")
    joined.require(
        sorted(who) == sorted([mina.user_id, jun.user_id]), f"participants: expected both, got {who}"
    )
    for user, role in ((mina, "host"), (jun, "participant")):
        place = f"data.participants.{who.index(user.user_id)}"
        joined.shows({f"{place}.role": role, f"{place}.media_status": _ON})


@rule("7.2")
async def join_video_nowhere(stage: Stage) -> None:
    """JOIN_VIDEO_ROOM of a video room that does not exist gets VIDEO_ROOM_NOT_FOUND."""
    mina = await stage.user()
    await mina.refused("VIDEO_ROOM_NOT_FOUND", "JOIN_VIDEO_ROOM", {"video_room_id": NOWHERE})


@rule("7.2")
async def full_video_room(stage: Stage) -> None:
    """A video room with max_participants participants is full: MAX_PARTICIPANTS_REACHED."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    video_room_id = await stage.meeting(room_id, mina, jun, max_participants=2)
    await sora.refused("MAX_PARTICIPANTS_REACHED", "JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})


@rule("7.6")
async def exit_video_room(stage: Stage) -> None:
    """Who has left a video room is no participant any more."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina, jun)
    jun.tell("EXIT_VIDEO_ROOM", {"video_room_id": video_room_id}, user_id=jun.user_id)
    await jun.ask("ROOM_INFO", {"room_id": room_id})  # answered after what came before it
    asked = await mina.ask("GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video_room_id})
    who = asked.ids("data.participants", "user_id")
    asked.require(who == [mina.user_id], f"participants: expected {[mina.user_id]}, got {who}")


@rule("7.7")
async def get_participants(stage: Stage) -> None:
    """GET_VIDEO_ROOM_PARTICIPANT is answered with the participants as JOIN_VIDEO_ROOM shows them."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina)
    joined = await jun.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    asked = await mina.ask(
        "GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video_room_id}, user_id=mina.user_id
    )
    asked.shows({"data.video_room_id": video_room_id, "data.participants": joined.at("data.participants")})


@rule("7.7")
async def participants_of_nowhere(stage: Stage) -> None:
    """GET_VIDEO_ROOM_PARTICIPANT of a video room that does not exist gets VIDEO_ROOM_NOT_FOUND."""
    mina = await stage.user()
    await mina.refused("VIDEO_ROOM_NOT_FOUND", "GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": NOWHERE})


# --- v1.1 ---


@rule("7.1", "1.1")
async def video_room_created(stage: Stage) -> None:
    """VIDEO_ROOM_CREATED tells the other members of the chat room, with the data of the answer."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    made = await mina.ask("CREATE_VIDEO_ROOM", {"chat_room_id": room_id, "video_room_name": "영상회의"})
    made.shows({"data.max_participants": 10})
    (await jun.hear("VIDEO_ROOM_CREATED", chat_room_id=room_id)).shows({"data": made.at("data")})
    await mina.quiet("VIDEO_ROOM_CREATED", chat_room_id=room_id)


@rule("7.1", "1.1")
async def bounds_of_a_video_room(stage: Stage) -> None:
    """A video room has a name of 1 to 100 characters and 2 to 50 places."""
    mina = await stage.user()
    asked = {"chat_room_id": await stage.room(mina), "video_room_name": "회의"}
    for wrong in (
        {"video_room_name": ""},
        {"video_room_name": "가" * 101},
        {"max_participants": 1},
        {"max_participants": 51},
    ):
        await mina.refused("INVALID_MESSAGE", "CREATE_VIDEO_ROOM", asked | wrong)


@rule("7.2", "1.1")
async def participant_joined(stage: Stage) -> None:
    """PARTICIPANT_JOINED tells the other participants, with the media that the newcomer begins with."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina)
    media = {"audio_enabled": False, "video_enabled": True}
    await jun.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id, "media_status": media})
    heard = await mina.hear("PARTICIPANT_JOINED", video_room_id=video_room_id)
    heard.shows({"data.participant.user_id": jun.user_id, "data.participant.media_status": media})
    heard.shows({"data.participant.role": "participant"})
    await jun.quiet("PARTICIPANT_JOINED", video_room_id=video_room_id)


@rule("7.2", "1.1")
async def join_video_without_membership(stage: Stage) -> None:
    """JOIN_VIDEO_ROOM by one who is no member of its chat room gets USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina), mina)
    for action in ("JOIN_VIDEO_ROOM", "GET_VIDEO_ROOM_PARTICIPANT", "GET_ICE_SERVERS"):
        await jun.refused("USER_NOT_IN_ROOM", action, {"video_room_id": video_room_id})


@rule("7.2", "1.1")
async def join_video_again(stage: Stage) -> None:
    """A participant who joins again changes nothing, and nobody is told."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina, jun)
    await mina.hear("PARTICIPANT_JOINED", video_room_id=video_room_id)
    joined = await jun.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    number = len(joined.at("data.participants"))
    joined.require(number == 2, f"participants: expected 2, got {number}")  # noqa: PLR2004
    await mina.quiet("PARTICIPANT_JOINED", video_room_id=video_room_id)


@rule("7.2", "1.1")
async def seat_moves(stage: Stage) -> None:
    """Joining from a second device moves the seat; all hear PARTICIPANT_LEFT with the reason moved."""
    mina, phone = await stage.users(2)
    tablet = await stage.user(phone.identity)
    video_room_id = await stage.meeting(await stage.room(mina, phone), mina, phone)
    await mina.hear("PARTICIPANT_JOINED", video_room_id=video_room_id)
    await tablet.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    for user in (mina, phone):
        await user.hear(
            "PARTICIPANT_LEFT", video_room_id=video_room_id, user_id=phone.user_id, reason="moved"
        )
    await mina.hear("PARTICIPANT_JOINED", video_room_id=video_room_id)
    media = {"video_room_id": video_room_id} | _ON
    phone.tell("MEDIA_STATUS", media)
    await phone.error("USER_NOT_IN_ROOM")


@rule("7.2", "1.1")
async def ice_servers(stage: Stage) -> None:
    """GET_ICE_SERVERS lists servers as RTCPeerConnection takes them."""
    mina = await stage.user()
    video_room_id = await stage.meeting(await stage.room(mina), mina)
    got = await mina.ask("GET_ICE_SERVERS", {"video_room_id": video_room_id})
    got.shows({"data.video_room_id": video_room_id}).ids("data.ice_servers", "urls")
    await mina.refused("VIDEO_ROOM_NOT_FOUND", "GET_ICE_SERVERS", {"video_room_id": NOWHERE})


@rule("7.6", "1.1")
async def participant_left(stage: Stage) -> None:
    """EXIT_VIDEO_ROOM is answered, and the others hear PARTICIPANT_LEFT with the reason exit."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina, jun)
    left = await jun.ask("EXIT_VIDEO_ROOM", {"video_room_id": video_room_id})
    left.shows({"data.video_room_id": video_room_id})
    heard = await mina.hear("PARTICIPANT_LEFT", video_room_id=video_room_id)
    heard.shows({"data.user_id": jun.user_id, "data.nickname": jun.nickname, "data.reason": "exit"})


@rule("7.6", "1.1")
async def exit_video_without_seat(stage: Stage) -> None:
    """EXIT_VIDEO_ROOM by one who does not take part gets USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina)
    await jun.refused("USER_NOT_IN_ROOM", "EXIT_VIDEO_ROOM", {"video_room_id": video_room_id})
    await jun.refused("VIDEO_ROOM_NOT_FOUND", "EXIT_VIDEO_ROOM", {"video_room_id": NOWHERE})


@rule("7.6", "1.1")
async def video_host_changed(stage: Stage) -> None:
    """When the host leaves, the longest-present participant becomes host."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    video_room_id = await stage.meeting(room_id, mina, jun, sora)
    await mina.ask("EXIT_VIDEO_ROOM", {"video_room_id": video_room_id})
    for user in (jun, sora):
        await user.hear("VIDEO_HOST_CHANGED", video_room_id=video_room_id, host_user_id=jun.user_id)


@rule("7.6", "1.1")
async def video_room_closed(stage: Stage) -> None:
    """With its last participant a video room is over, and the members of the chat room hear it."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina)
    await mina.ask("EXIT_VIDEO_ROOM", {"video_room_id": video_room_id})
    await jun.hear("VIDEO_ROOM_CLOSED", video_room_id=video_room_id, chat_room_id=room_id)
    await jun.refused("VIDEO_ROOM_NOT_FOUND", "JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})


@rule("7.6", "1.1")
async def exit_room_leaves_calls(stage: Stage) -> None:
    """EXIT_ROOM leaves the video rooms of the chat room."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina, jun)
    await jun.ask("EXIT_ROOM", {"room_id": room_id})
    await mina.hear("PARTICIPANT_LEFT", video_room_id=video_room_id, user_id=jun.user_id, reason="exit")


@rule("7.6", "1.1")
async def disconnect_leaves_calls(stage: Stage) -> None:
    """DISCONNECT gives up the seats in video rooms at once."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina, jun)
    await jun.ask("DISCONNECT", {"reason": "user_logout"})
    await mina.hear(
        "PARTICIPANT_LEFT", video_room_id=video_room_id, user_id=jun.user_id, reason="disconnected"
    )


@rule("7.7", "1.1")
async def members_may_ask(stage: Stage) -> None:
    """Members of the chat room may ask who takes part, without taking part."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina)
    await jun.ask("GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video_room_id})

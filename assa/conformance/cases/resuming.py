"""Sessions and their recovery (§10.3)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.messages import Message
from assa.conformance.registry import rule
from assa.conformance.stage import Stage
from assa.conformance.user import User

_INFO = "data.reconnection_info"
_TOO_MANY = 1_001
_AT_ONCE = 100
_BURST = 250
_PAUSE_S = 1.05


async def _say(user: User, room_id: int, *contents: str) -> None:
    for content in contents:
        await user.ask("SEND_MESSAGE", {"room_id": room_id, "content": content, "message_type": "text"})


async def _replayed(user: User, number: int) -> list[str]:
    """Return the contents of so many NEW_MESSAGEs."""
    return [(await user.hear("NEW_MESSAGE")).at("data.content") for _ in range(number)]


@rule("10.3")
async def rooms_after_a_cut(stage: Stage) -> None:
    """Who comes back after a cut is in his rooms as before, and hears what is said there."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await stage.dropped(jun)
    again = await stage.user(jun.identity)
    rooms = again.welcome.at(f"{_INFO}.existing_rooms")
    again.welcome.require(room_id in rooms, f"existing_rooms: expected {room_id} among {rooms}")
    await _say(mina, room_id, "다시 왔네")
    await again.hear("NEW_MESSAGE", room_id=room_id, content="다시 왔네")


@rule("10.3")
async def unread_after_a_cut(stage: Stage) -> None:
    """What was said meanwhile is pending when he comes back."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await stage.dropped(jun)
    await _say(mina, room_id, "없는 사이에")
    again = await stage.user(jun.identity)
    checked = await again.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": [1]})
    came = checked.ids("data.pending_messages", "content")
    checked.require(
        "없는 사이에" in came, f"pending_messages: expected the message that was sent meanwhile, got {came}"
    )


# --- v1.1 ---


@rule("10.3", "1.1")
async def unread_in_all_rooms(stage: Stage) -> None:
    """unread_messages is the sum of what LIST_ROOMS has for each room; existing_rooms is ascending."""
    mina, jun = await stage.users(2)
    for room_id in [await stage.room(mina, jun) for _ in range(2)]:
        await _say(mina, room_id, "새 글")
    again = await stage.user(jun.identity)
    listed = await again.ask("LIST_ROOMS", {})
    unread = sum(listed.ids("data.rooms", "unread_messages"))
    rooms = sorted(listed.ids("data.rooms", "room_id"))
    again.welcome.shows({"existing_rooms": rooms, "unread_messages": unread}, _INFO)


@rule("10.3", "1.1")
async def session_resumed(stage: Stage) -> None:
    """CONNECT with the session_id of before resumes the session under the same id."""
    mina = await stage.user()
    await stage.dropped(mina)
    again = await stage.user(mina.identity, session_id=mina.session_id)
    again.welcome.shows(
        {"data.session_id": mina.session_id, f"{_INFO}.resumed": True, f"{_INFO}.replayed_events": 0}
    )


@rule("10.3", "1.1")
async def fresh_session(stage: Stage) -> None:
    """A CONNECT that resumes nothing says resumed: false and tells the position at which it begins."""
    mina = await stage.user()
    mina.welcome.shows({f"{_INFO}.resumed": False, f"{_INFO}.replayed_events": 0, f"{_INFO}.video_rooms": []})
    mina.welcome.at(f"{_INFO}.last_seq_id")


def _count(resumed: User, missed: int) -> None:
    """Compare `replayed_events`; an announcement to everybody may have been missed besides."""
    told = resumed.welcome.at(f"{_INFO}.replayed_events")
    others = resumed.history.count("SERVER_ANNOUNCEMENT")
    is_right = isinstance(told, int) and missed <= told <= missed + others
    resumed.welcome.require(is_right, f"{_INFO}.replayed_events: expected {missed}, got {told}")


@rule("10.3", "1.1")
async def replay(stage: Stage) -> None:
    """Every event after last_seq_id is replayed, in order, none twice, replayed_events of them."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await _say(mina, room_id, "들은 것")
    await jun.hear("NEW_MESSAGE", content="들은 것")
    await stage.dropped(jun)
    missed = [f"{number}" for number in range(5)]
    await _say(mina, room_id, *missed)
    again = await stage.resumed(jun)
    again.welcome.shows({f"{_INFO}.resumed": True})
    await _say(mina, room_id, "이제부터")
    came = await _replayed(again, len(missed) + 1)
    _count(again, len(missed))
    again.welcome.require(came == [*missed, "이제부터"], f"expected {[*missed, '이제부터']}, got {came}")
    await again.quiet("NEW_MESSAGE", room_id=room_id)


@rule("10.3", "1.1")
async def replay_follows_the_answer(stage: Stage) -> None:
    """The missed events come after CONNECT_RESPONSE, with the seq_id that everybody has seen."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    await stage.dropped(jun)
    await _say(mina, room_id, "놓친 것")
    seen = await sora.hear("NEW_MESSAGE", content="놓친 것")
    again = await stage.resumed(jun)
    (await again.hear("NEW_MESSAGE", content="놓친 것")).shows(
        {"seq_id": seen.at("seq_id"), "data": seen.at("data")}
    )
    first = again.history[0]
    again.welcome.require(
        first == "CONNECT_RESPONSE", f"expected CONNECT_RESPONSE first, got {again.history}"
    )


@rule("10.3", "1.1")
async def resume_without_events(stage: Stage) -> None:
    """last_seq_id of CONNECT_RESPONSE resumes a connection that had heard nothing yet."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await stage.dropped(jun)
    quiet = await stage.user(jun.identity)
    await stage.dropped(quiet)
    await _say(mina, room_id, "첫 소식")
    again = await stage.resumed(quiet, last_seq_id=quiet.welcome.at(f"{_INFO}.last_seq_id"))
    again.welcome.shows({f"{_INFO}.resumed": True})
    await again.hear("NEW_MESSAGE", room_id=room_id, content="첫 소식")


@rule("10.3", "1.1")
async def resume_twice(stage: Stage) -> None:
    """A session can be resumed again and again, and nothing is replayed that was heard."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    for number in range(3):
        await stage.dropped(jun)
        await _say(mina, room_id, f"{number}")
        jun = await stage.resumed(jun)
        jun.welcome.shows({f"{_INFO}.resumed": True})
        await jun.hear("NEW_MESSAGE", room_id=room_id, content=f"{number}")
        _count(jun, 1)


@rule("10.3", "1.1")
async def own_messages_not_replayed(stage: Stage) -> None:
    """What the session itself sent is not replayed to it."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    before = jun.position
    await _say(jun, room_id, "내가 한 말")
    await _say(mina, room_id, "남이 한 말")
    await jun.hear("NEW_MESSAGE", content="남이 한 말")
    await stage.dropped(jun)
    again = await stage.resumed(jun, last_seq_id=before)
    await again.hear("NEW_MESSAGE", content="남이 한 말")
    await again.quiet("NEW_MESSAGE", content="내가 한 말")


@rule("10.3", "1.1")
async def unknown_position(stage: Stage) -> None:
    """A position that does not exist gives resumed: false, and nothing is replayed."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    for wrong in ("e999999999999999", "nonsense"):
        await stage.dropped(jun)
        await _say(mina, room_id, "놓친 것")
        jun = await stage.resumed(jun, last_seq_id=wrong)
        jun.welcome.shows({f"{_INFO}.resumed": False, f"{_INFO}.replayed_events": 0})
        await jun.quiet("NEW_MESSAGE", room_id=room_id)
        jun.position = jun.welcome.at(f"{_INFO}.last_seq_id")


@rule("10.3", "1.1")
async def too_many_events(stage: Stage) -> None:
    """More than 1,000 missed events give resumed: false, and nothing is replayed, rather than a part."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    video_room_id = await stage.meeting(room_id, mina, jun)
    await jun.ask("ROOM_INFO", {"room_id": room_id})
    await stage.dropped(jun)
    status = {"video_room_id": video_room_id, "audio_enabled": True}
    for number in range(_TOO_MANY):
        mina.tell("MEDIA_STATUS", status | {"video_enabled": number % 2 == 0})
        if number % _AT_ONCE == 0:
            await mina.ask("LIST_ROOMS", {})
            await stage.sleep(_PAUSE_S if number > _BURST else 0)  # no faster than a server allows by default
    await mina.settled()
    again = await stage.resumed(jun)
    again.welcome.shows({f"{_INFO}.resumed": False, f"{_INFO}.replayed_events": 0})
    await again.quiet("PARTICIPANT_MEDIA_STATUS", video_room_id=video_room_id)


@rule("10.3", "1.1")
async def rooms_left_meanwhile(stage: Stage) -> None:
    """Of a room that the user has left meanwhile nothing is replayed."""
    mina, phone = await stage.users(2)
    tablet = await stage.user(phone.identity)
    left, kept = [await stage.room(mina, phone) for _ in range(2)]
    await tablet.settled()
    await stage.dropped(tablet)
    await _say(mina, left, "떠난 방")
    await _say(mina, kept, "남은 방")
    await phone.ask("EXIT_ROOM", {"room_id": left})
    again = await stage.resumed(tablet)
    await again.hear("NEW_MESSAGE", room_id=kept)
    await again.quiet("NEW_MESSAGE", room_id=left)


@rule("10.3", "1.1")
async def anothers_session(stage: Stage) -> None:
    """Nobody resumes the session of another user."""
    mina, jun = await stage.users(2)
    await stage.dropped(mina)
    thief = await stage.user(jun.identity, session_id=mina.session_id)
    thief.welcome.shows({"data.user_id": jun.user_id})
    thief.welcome.require(thief.session_id != mina.session_id, "session_id: expected one of his own")


@rule("10.3", "1.1")
async def seat_is_kept(stage: Stage) -> None:
    """A lost connection's seat in a video room is kept, and video_rooms names it after the resume."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina, jun)
    await stage.dropped(jun)
    await mina.quiet("PARTICIPANT_LEFT", video_room_id=video_room_id)
    again = await stage.resumed(jun)
    again.welcome.shows({f"{_INFO}.video_rooms": [video_room_id], f"{_INFO}.resumed": True})
    mina.tell("MEDIA_STATUS", {"video_room_id": video_room_id, "audio_enabled": False, "video_enabled": True})
    await again.hear("PARTICIPANT_MEDIA_STATUS", video_room_id=video_room_id, user_id=mina.user_id)


@rule("10.3", "1.1")
async def relays_are_replayed(stage: Stage) -> None:
    """SDP and candidates that were missed are replayed in order."""
    mina, jun = await stage.users(2)
    video_room_id = await stage.meeting(await stage.room(mina, jun), mina, jun)
    await jun.settled()
    await stage.dropped(jun)
    to = {"video_room_id": video_room_id, "target_user_id": jun.user_id}
    mina.tell("SDP", to | {"sdp_type": "offer", "sdp_data": "v=0"})
    mina.tell("ICE_CANDIDATE", to | {"candidate": "candidate:1"})
    await mina.settled()
    again = await stage.resumed(jun)
    await again.hear("SDP", video_room_id=video_room_id, sdp_type="offer")
    await again.hear("ICE_CANDIDATE", video_room_id=video_room_id, candidate="candidate:1")
    came = [one for one in again.history if one in ("SDP", "ICE_CANDIDATE")]
    again.welcome.require(came == ["SDP", "ICE_CANDIDATE"], f"expected SDP, then ICE_CANDIDATE, got {came}")


@rule("10.3", "1.1")
async def older_connection_replaced(stage: Stage) -> None:
    """A resume takes the place of the session's older connection, which gets SESSION_REPLACED."""
    mina = await stage.user()
    again = await stage.resumed(mina)
    again.welcome.shows({"data.session_id": mina.session_id})
    await mina.error("SESSION_REPLACED")
    await mina.closed()


@rule("10.3", "1.1")
async def forged_resume(stage: Stage) -> None:
    """A session_id is no proof of identity: without a good token nothing is resumed."""
    mina = await stage.user()
    await stage.dropped(mina)
    stranger = await stage.stranger(mina.identity)
    data = {"jwt_token": "not.a.token", "last_seq_id": "e0"}
    answer: Message = await stranger.call("CONNECT", data, session_id=mina.session_id)
    answer.shows({"action": "CONNECT_RESPONSE", "success": False})

"""Chat rooms: made and joined (§4.1, §4.2)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.cases.examples import NOWHERE, text
from assa.conformance.registry import rule
from assa.conformance.stage import Stage


@rule("4.1")
async def create_room(stage: Stage) -> None:
    """CREATE_ROOM makes the room that was asked for, with its host as the only member."""
    mina = await stage.user()
    asked = {"name": "새 채팅방", "description": "채팅방 설명", "is_open": False, "max_participants": 50}
    made = await mina.ask("CREATE_ROOM", asked | {"invited_user_ids": []})
    made.shows(
        {"data.name": "새 채팅방", "data.description": "채팅방 설명", "data.host_user_id": mina.user_id}
    )
    members = made.at("data.participants")
    made.require(len(members) == 1, f"participants: expected 1, got {len(members)}")
    made.shows({"data.participants.0.user_id": mina.user_id, "data.participants.0.role": "host"})


@rule("4.1")
async def rooms_differ(stage: Stage) -> None:
    """Every room has an id of its own."""
    mina = await stage.user()
    rooms = [await mina.ask("CREATE_ROOM", {"name": "방", "is_open": False}) for _ in range(2)]
    rooms[1].require(rooms[0].at("data.room_id") != rooms[1].at("data.room_id"), "expected another room_id")


@rule("4.1")
async def create_with_invitations(stage: Stage) -> None:
    """Who is named in invited_user_ids may join a closed room."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, is_open=False, invited_user_ids=[jun.user_id])
    await jun.ask("JOIN_ROOM", {"room_id": room_id})


@rule("4.2")
async def join_room(stage: Stage) -> None:
    """JOIN_ROOM tells the room and all its members, the one who joined among them."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, name="열린 방", description="설명")
    joined = await jun.ask("JOIN_ROOM", {"room_id": room_id}, user_id=jun.user_id)
    joined.shows(
        {"data.room_id": room_id, "data.room_info.name": "열린 방", "data.room_info.description": "설명"}
    )
    joined.shows({"data.room_info.host_user_id": mina.user_id, "data.room_info.participants_count": 2})
    roles = dict(
        zip(joined.ids("data.participants", "user_id"), joined.ids("data.participants", "role"), strict=True)
    )
    expected = {mina.user_id: "host", jun.user_id: "member"}
    joined.require(roles == expected, f"participants: expected {expected}, got {roles}")


@rule("4.2")
async def user_joined(stage: Stage) -> None:
    """USER_JOINED tells every other member who has joined."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    for member in (mina, jun):
        heard = await member.hear("USER_JOINED", room_id=room_id, participants_count=3)
        heard.shows({"data.user.user_id": sora.user_id, "data.user.role": "member"})


@rule("4.2")
async def user_joined_not_to_himself(stage: Stage) -> None:
    """USER_JOINED does not go to the one who has joined."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await mina.hear("USER_JOINED", room_id=room_id)
    await jun.quiet("USER_JOINED", room_id=room_id)


@rule("4.2")
async def closed_room(stage: Stage) -> None:
    """A room that is not open lets nobody in without an invitation: PERMISSION_DENIED."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, is_open=False)
    await jun.refused("PERMISSION_DENIED", "JOIN_ROOM", {"room_id": room_id})


@rule("4.2")
async def join_nowhere(stage: Stage) -> None:
    """JOIN_ROOM of a room that does not exist gets ROOM_NOT_FOUND."""
    mina = await stage.user()
    await mina.refused("ROOM_NOT_FOUND", "JOIN_ROOM", {"room_id": NOWHERE})


@rule("4.2")
async def full_room(stage: Stage) -> None:
    """A room with max_participants members is full: ROOM_FULL."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, max_participants=2)
    await sora.refused("ROOM_FULL", "JOIN_ROOM", {"room_id": room_id})


# --- v1.1 ---


@rule("4.1", "1.1")
async def bounds_of_a_room(stage: Stage) -> None:
    """A name has 1 to 100 characters, a description at most 500; a room has 2 to 1000 places."""
    mina = await stage.user()
    await mina.ask("CREATE_ROOM", {"name": "가" * 100, "description": "나" * 500, "max_participants": 1000})
    for wrong in (
        {"name": ""},
        {"name": "가" * 101},
        {"description": "나" * 501},
        {"max_participants": 1},
        {"max_participants": 1001},
        {"invited_user_ids": list(range(1, 102))},
    ):
        await mina.refused("INVALID_MESSAGE MESSAGE_TOO_LONG", "CREATE_ROOM", {"name": "방"} | wrong)


@rule("4.1", "1.1")
async def defaults_of_a_room(stage: Stage) -> None:
    """Without further fields a room is closed, has 50 places and an empty description."""
    mina = await stage.user()
    made = await mina.ask("CREATE_ROOM", {"name": "방"})
    info = await mina.ask("ROOM_INFO", {"room_id": made.at("data.room_id")})
    info.shows({"data.is_open": False, "data.max_participants": 50, "data.description": ""})


@rule("4.2", "1.1")
async def join_again(stage: Stage) -> None:
    """A member who joins again succeeds, and nobody is told."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await mina.hear("USER_JOINED", room_id=room_id)
    (await jun.ask("JOIN_ROOM", {"room_id": room_id})).shows({"data.room_info.participants_count": 2})
    await mina.quiet("USER_JOINED", room_id=room_id)


@rule("4.2", "1.1")
async def recent_messages(stage: Stage) -> None:
    """recent_messages of an open room has its newest 50 messages, oldest first."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    for number in range(52):
        await mina.ask("SEND_MESSAGE", text(room_id, f"{number}"))
    joined = await jun.ask("JOIN_ROOM", {"room_id": room_id})
    came = joined.ids("data.recent_messages", "content")
    joined.require(
        came == [f"{number}" for number in range(2, 52)], f"recent_messages: expected 2 to 51, got {came}"
    )


@rule("4.2", "1.1")
async def history_of_a_closed_room(stage: Stage) -> None:
    """In a closed room a member sees nothing from before he joined."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, is_open=False, invited_user_ids=[jun.user_id])
    await mina.ask("SEND_MESSAGE", text(room_id, "아직 둘이 아니다"))
    (await jun.ask("JOIN_ROOM", {"room_id": room_id})).shows({"data.recent_messages": []})
    (await jun.ask("GET_MESSAGES", {"room_id": room_id})).shows({"data.messages": []})


@rule("4.2", "1.1")
async def join_is_a_snapshot(stage: Stage) -> None:
    """Of recent_messages and the events after the answer, none is missing and none comes twice."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    contents = [f"{number}" for number in range(12)]
    for content in contents[:6]:
        mina.tell("SEND_MESSAGE", text(room_id, content))
    sent = jun.tell("JOIN_ROOM", {"room_id": room_id})
    for content in contents[6:]:
        mina.tell("SEND_MESSAGE", text(room_id, content))
    joined = await jun.answer(sent)
    seen = list(joined.ids("data.recent_messages", "content"))
    while len(seen) < len(contents):
        seen.append((await jun.hear("NEW_MESSAGE", room_id=room_id)).at("data.content"))
    joined.require(seen == contents, f"expected {contents}, got {seen}")

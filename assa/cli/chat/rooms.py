"""Commands about rooms (§4, §6)."""

from __future__ import annotations

from assa.cli.chat.narration import Data
from assa.cli.chat.talk import Commands, Talk, number, required

commands = Commands()


def _write_in(talk: Talk, room_id: int, name: str) -> None:
    talk.room_id = room_id
    talk.narrator.name_room(room_id, name)


@commands.on("create", "NAME", en="create a room for invited people", ko="초대제 방 만들기")
async def create(talk: Talk, argument: str) -> None:
    """Create a closed room."""
    await _create(talk, argument, is_open=False)


@commands.on("open", "NAME", en="create a room that anybody may join", ko="공개 방 만들기")
async def create_open(talk: Talk, argument: str) -> None:
    """Create an open room."""
    await _create(talk, argument, is_open=True)


async def _create(talk: Talk, name: str, *, is_open: bool) -> None:
    answer = await talk.ask("CREATE_ROOM", name=required(name), description="", is_open=is_open)
    talk.narrator.people(answer["participants"])
    _write_in(talk, answer["room_id"], answer["name"])
    talk.say("opened" if is_open else "created", room_id=answer["room_id"], name=answer["name"])


@commands.on("join", "ID", en="join a room, and write there", ko="방에 참가하기")
async def join(talk: Talk, argument: str) -> None:
    """Join a room and show what was said last."""
    answer = await talk.ask("JOIN_ROOM", room_id=number(argument))
    room_id, info = answer["room_id"], answer["room_info"]
    _write_in(talk, room_id, info["name"])
    for message in answer["recent_messages"]:
        talk.show(talk.narrator.old_message(message))
        talk.confirm(room_id, message)
    nicknames = talk.narrator.people(answer["participants"])
    talk.say("entered", room_id=room_id, name=info["name"], nicknames=nicknames)


@commands.on("leave", "[ID]", en="leave this room, or another", ko="방에서 나가기")
async def leave(talk: Talk, argument: str) -> None:
    """Leave a room."""
    room_id = number(argument) if argument else talk.here()
    await talk.ask("EXIT_ROOM", room_id=room_id)
    if talk.room_id == room_id:
        talk.room_id = None
    talk.say("exited", room_id=room_id)


@commands.on("rooms", en="list your rooms", ko="내 방 목록")
async def rooms(talk: Talk, _: str) -> None:
    """List the rooms."""
    await list_rooms(talk)


async def list_rooms(talk: Talk) -> None:
    """Show the user's rooms, the newest activity first, and write in the first unless there is a choice."""
    listed = (await talk.ask("LIST_ROOMS"))["rooms"]
    if not listed:
        talk.say("no_rooms")
        return
    for room in listed:
        talk.narrator.name_room(room["room_id"], room["name"])
    if talk.room_id is None:
        talk.room_id = listed[0]["room_id"]
        await _learn(talk, talk.room_id)
    talk.say("your_rooms")
    for room in listed:
        talk.say(
            "listed_room",
            room_id=room["room_id"],
            name=room["name"],
            count=room["participants_count"],
            unread=room["unread_messages"],
            here=talk.words("here") if room["room_id"] == talk.room_id else "",
        )


async def _learn(talk: Talk, room_id: int) -> Data:
    """Ask about a room, and remember what it and its members are called."""
    info = await talk.ask("ROOM_INFO", room_id=room_id)
    talk.narrator.name_room(room_id, info["name"])
    talk.narrator.people(info["participants"])
    return info


@commands.on("room", "ID", en="write in another of your rooms", ko="다른 방에 쓰기")
async def room(talk: Talk, argument: str) -> None:
    """Go to another room."""
    info = await _learn(talk, number(argument))
    if not any(one["user_id"] == talk.user_id for one in info["participants"]):
        await join(talk, argument)
        return
    talk.room_id = info["room_id"]
    talk.say("in_room", room_id=info["room_id"], name=info["name"])


@commands.on("invite", "USER_ID...", en="invite people into this room", ko="이 방에 초대하기")
async def invite(talk: Talk, argument: str) -> None:
    """Invite people."""
    room_id = talk.here()
    user_ids = [number(word) for word in required(argument).replace(",", " ").split()]
    answer = await talk.ask("INVITE", room_id=room_id, invited_user_ids=user_ids)
    for one in answer["invited_users"]:
        nickname = talk.narrator.person(one)
        talk.say("invited", nickname=nickname, user_id=one["user_id"], status=one["status"])


@commands.on("who", en="show this room and who is in it", ko="이 방과 참가자 보기")
async def who(talk: Talk, _: str) -> None:
    """Show the room."""
    info = await _learn(talk, talk.here())
    talk.say(
        "room_described",
        room_id=info["room_id"],
        name=info["name"],
        count=info["participants_count"],
        most=info["max_participants"],
        open=talk.words("open" if info["is_open"] else "closed"),
        description=info["description"],
    )
    for one in info["participants"]:
        nickname = talk.narrator.person(one)
        talk.say("member", nickname=nickname, user_id=one["user_id"], role=one["role"])

"""Chat rooms: left and asked about (§4.3, §4.4)."""

from __future__ import annotations

from assa.conformance.cases.examples import NOWHERE, text
from assa.conformance.registry import rule
from assa.conformance.stage import Stage


@rule("4.3")
async def exit_room(stage: Stage) -> None:
    """EXIT_ROOM tells which room was left, and the member is in ROOM_INFO no more."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    (await jun.ask("EXIT_ROOM", {"room_id": room_id})).shows({"data.room_id": room_id})
    info = await mina.ask("ROOM_INFO", {"room_id": room_id})
    info.shows({"data.participants_count": 1})
    info.require(
        jun.user_id not in info.ids("data.participants", "user_id"),
        f"participants: expected no {jun.user_id}",
    )


@rule("4.3")
async def exited_hears_nothing(stage: Stage) -> None:
    """Who has left a room hears none of its messages."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    await jun.ask("EXIT_ROOM", {"room_id": room_id})
    await mina.ask("SEND_MESSAGE", text(room_id, "우리끼리"))
    await sora.hear("NEW_MESSAGE", room_id=room_id)
    await jun.quiet("NEW_MESSAGE", room_id=room_id)


@rule("4.3")
async def exit_without_membership(stage: Stage) -> None:
    """EXIT_ROOM by one who is no member gets USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    await jun.refused("USER_NOT_IN_ROOM", "EXIT_ROOM", {"room_id": room_id})


@rule("4.3")
async def exit_nowhere(stage: Stage) -> None:
    """EXIT_ROOM of a room that does not exist gets ROOM_NOT_FOUND."""
    mina = await stage.user()
    await mina.refused("ROOM_NOT_FOUND", "EXIT_ROOM", {"room_id": NOWHERE})


@rule("4.4")
async def room_info(stage: Stage) -> None:
    """ROOM_INFO shows the room as it is."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun, name="정보", description="설명", max_participants=7)
    info = await mina.ask("ROOM_INFO", {"room_id": room_id}, user_id=mina.user_id)
    info.shows(
        {"data.room_id": room_id, "data.name": "정보", "data.description": "설명", "data.is_open": True}
    )
    info.shows({"data.host_user_id": mina.user_id, "data.participants_count": 2, "data.max_participants": 7})
    members = set(info.ids("data.participants", "user_id"))
    info.require(members == {mina.user_id, jun.user_id}, "participants: expected both members")
    for place, user_id in enumerate(info.ids("data.participants", "user_id")):
        info.shows({"role": "host" if user_id == mina.user_id else "member"}, f"data.participants.{place}")


@rule("4.4")
async def info_of_nowhere(stage: Stage) -> None:
    """ROOM_INFO of a room that does not exist gets ROOM_NOT_FOUND."""
    mina = await stage.user()
    await mina.refused("ROOM_NOT_FOUND", "ROOM_INFO", {"room_id": NOWHERE})


# --- v1.1 ---


@rule("4.3", "1.1")
async def user_left(stage: Stage) -> None:
    """USER_LEFT tells the others who has left."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    await sora.ask("EXIT_ROOM", {"room_id": room_id})
    for member in (mina, jun):
        heard = await member.hear("USER_LEFT", room_id=room_id, participants_count=2)
        heard.shows(
            {
                "data.user.user_id": sora.user_id,
                "data.user.nickname": sora.nickname,
                "data.user.role": "member",
            }
        )


@rule("4.3", "1.1")
async def host_changed(stage: Stage) -> None:
    """When the host leaves, the longest-standing member becomes host."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    await mina.ask("EXIT_ROOM", {"room_id": room_id})
    for member in (jun, sora):
        await member.hear("HOST_CHANGED", room_id=room_id, host_user_id=jun.user_id, nickname=jun.nickname)
    (await sora.ask("ROOM_INFO", {"room_id": room_id})).shows({"data.host_user_id": jun.user_id})


@rule("4.3", "1.1")
async def last_member_closes(stage: Stage) -> None:
    """With its last member a room is closed for ever: ROOM_NOT_FOUND."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await mina.ask("EXIT_ROOM", {"room_id": room_id})
    for action in ("JOIN_ROOM", "ROOM_INFO", "EXIT_ROOM"):
        await mina.refused("ROOM_NOT_FOUND", action, {"room_id": room_id})


@rule("4.3", "1.1")
async def exit_uses_the_invitation_up(stage: Stage) -> None:
    """Who has left a closed room needs another invitation."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, is_open=False, invited_user_ids=[jun.user_id])
    await jun.ask("JOIN_ROOM", {"room_id": room_id})
    await jun.ask("EXIT_ROOM", {"room_id": room_id})
    await jun.refused("PERMISSION_DENIED", "JOIN_ROOM", {"room_id": room_id})


@rule("4.4", "1.1")
async def info_for_strangers(stage: Stage) -> None:
    """ROOM_INFO of a closed room is for members and the invited, of an open one for anybody."""
    mina, jun, sora = await stage.users(3)
    closed = await stage.room(mina, is_open=False, invited_user_ids=[jun.user_id])
    await jun.ask("ROOM_INFO", {"room_id": closed})
    await sora.refused("PERMISSION_DENIED", "ROOM_INFO", {"room_id": closed})
    await sora.ask("ROOM_INFO", {"room_id": await stage.room(mina)})


@rule("4.4", "1.1")
async def list_rooms(stage: Stage) -> None:
    """LIST_ROOMS has the user's rooms, the newest activity first, with what he has not read."""
    mina, jun = await stage.users(2)
    quiet, busy = [await stage.room(mina, jun, name="목록", description="설명") for _ in range(2)]
    await mina.ask("SEND_MESSAGE", text(quiet, "어제"))
    await mina.ask("SEND_MESSAGE", text(busy, "오늘"))
    listed = await jun.ask("LIST_ROOMS", {})
    ids = [room_id for room_id in listed.ids("data.rooms", "room_id") if room_id in (quiet, busy)]
    listed.require(ids == [busy, quiet], f"rooms: expected {[busy, quiet]} in this order, got {ids}")
    place = f"data.rooms.{listed.ids('data.rooms', 'room_id').index(busy)}"
    listed.shows({"name": "목록", "description": "설명", "is_open": True, "participants_count": 2}, place)
    listed.shows({"host_user_id": mina.user_id, "unread_messages": 1, "last_message.content": "오늘"}, place)

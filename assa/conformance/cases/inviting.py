"""INVITE and INVITATION_RECEIVED (§6)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.cases.examples import NOWHERE
from assa.conformance.registry import rule
from assa.conformance.stage import Stage


@rule("6.1")
async def invite(stage: Stage) -> None:
    """A user who is online is invited, and hears who invites him where."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, is_open=False, name="초대 방", description="설명")
    invited = await mina.ask(
        "INVITE", {"room_id": room_id, "invited_user_ids": [jun.user_id]}, user_id=mina.user_id
    )
    invited.shows({"data.room_id": room_id, "data.invited_users.0.user_id": jun.user_id})
    invited.shows({"data.invited_users.0.status": "invited"})
    heard = await jun.hear("INVITATION_RECEIVED", room_id=room_id)
    heard.shows({"data.room_info.name": "초대 방", "data.room_info.description": "설명"})
    heard.shows({"data.room_info.participants_count": 1, "data.inviter.user_id": mina.user_id})


@rule("6.1")
async def invited_may_join(stage: Stage) -> None:
    """An invitation lets its user join a closed room."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, is_open=False)
    await mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [jun.user_id]})
    await jun.ask("JOIN_ROOM", {"room_id": room_id})


@rule("6.1")
async def invited_while_offline(stage: Stage) -> None:
    """A user who is not online has the status offline, and may join later."""
    mina, jun = await stage.users(2)
    await stage.left(jun)
    room_id = await stage.room(mina, is_open=False)
    invited = await mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [jun.user_id]})
    invited.shows({"data.invited_users.0.user_id": jun.user_id, "data.invited_users.0.status": "offline"})
    again = await stage.user(jun.identity)
    await again.ask("JOIN_ROOM", {"room_id": room_id})


@rule("6.1")
async def invite_without_membership(stage: Stage) -> None:
    """INVITE by one who is no member gets USER_NOT_IN_ROOM."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina)
    await jun.refused("USER_NOT_IN_ROOM", "INVITE", {"room_id": room_id, "invited_user_ids": [sora.user_id]})


@rule("6.1")
async def invite_nowhere(stage: Stage) -> None:
    """INVITE to a room that does not exist gets ROOM_NOT_FOUND."""
    mina, jun = await stage.users(2)
    await mina.refused("ROOM_NOT_FOUND", "INVITE", {"room_id": NOWHERE, "invited_user_ids": [jun.user_id]})


# --- v1.1 ---


@rule("6.1", "1.1")
async def invited_member(stage: Stage) -> None:
    """Who is in the room already has the status member, and hears nothing."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    invited = await mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [jun.user_id]})
    invited.shows({"data.invited_users.0.status": "member"})
    await jun.quiet("INVITATION_RECEIVED", room_id=room_id)


@rule("6.1", "1.1")
async def invited_stranger(stage: Stage) -> None:
    """A user who never connected can be invited; he is called 사용자 with his id."""
    mina = await stage.user()
    stranger_id = stage.identities.stranger_id()
    room_id = await stage.room(mina, is_open=False)
    invited = await mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [stranger_id]})
    invited.shows(
        {"data.invited_users.0.nickname": f"사용자{stranger_id}", "data.invited_users.0.status": "offline"}
    )


@rule("6.1", "1.1")
async def invitation_waits(stage: Stage) -> None:
    """An invitation that came while the user was offline is delivered after his next CONNECT."""
    mina, jun = await stage.users(2)
    await jun.ask("DISCONNECT", {})
    await jun.closed()
    room_id = await stage.room(mina, is_open=False)
    await mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [jun.user_id]})
    again = await stage.user(jun.identity)
    (await again.hear("INVITATION_RECEIVED", room_id=room_id)).shows({"data.inviter.user_id": mina.user_id})


@rule("6.1", "1.1")
async def invited_again(stage: Stage) -> None:
    """Inviting again delivers the invitation again."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, is_open=False)
    for _ in range(2):
        await mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [jun.user_id]})
        await jun.hear("INVITATION_RECEIVED", room_id=room_id)


@rule("6.1", "1.1")
async def any_member_invites(stage: Stage) -> None:
    """Any member may invite, not the host alone."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, is_open=False, invited_user_ids=[jun.user_id])
    await jun.ask("JOIN_ROOM", {"room_id": room_id})
    await jun.ask("INVITE", {"room_id": room_id, "invited_user_ids": [sora.user_id]})
    (await sora.hear("INVITATION_RECEIVED", room_id=room_id)).shows({"data.inviter.user_id": jun.user_id})


@rule("6.1", "1.1")
async def number_of_invitations(stage: Stage) -> None:
    """INVITE takes 1 to 100 ids."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    for wrong in ([], list(range(1, 102)), ["5"], [0]):
        await mina.refused("INVALID_MESSAGE", "INVITE", {"room_id": room_id, "invited_user_ids": wrong})

"""Invitations (§6)."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from assa.protocol.base import Event, Request
from assa.protocol.shapes import Author
from assa.schema import Id, Length


@frozen(kw_only=True)
class InvitedUser:
    """What became of an invitation (§6.1): `status` is invited, offline or member."""

    user_id: int
    nickname: str
    status: str


@frozen(kw_only=True)
class Invited:
    """§6.1."""

    room_id: int
    invited_users: list[InvitedUser]


@frozen(kw_only=True)
class Invite(Request[Invited]):
    """§6.1."""

    action = "INVITE"
    section = "6.1"
    success_text = "사용자들이 초대되었습니다"
    room_id: Id
    invited_user_ids: Annotated[list[Id], Length(1, 100)]


@frozen(kw_only=True)
class InvitationRoom:
    """The room as an invitation shows it (§6.1)."""

    name: str
    description: str
    participants_count: int


@frozen(kw_only=True)
class InvitationReceived(Event):
    """Somebody invites you (§6.1)."""

    action = "INVITATION_RECEIVED"
    section = "6.1"
    room_id: int
    room_info: InvitationRoom
    inviter: Author

"""People as messages show them: classes that several areas of the protocol share."""

from __future__ import annotations

from attrs import frozen


def nickname_of(user_id: int, nickname: str | None) -> str:
    """Return the nickname, or the one that stands for a missing one."""
    return nickname or f"사용자{user_id}"


@frozen(kw_only=True)
class Person:
    """A user as lists of people show him (§6.1, CHECK_RECEIVE's pending messages)."""

    user_id: int
    nickname: str


@frozen(kw_only=True)
class Author:
    """A user with a picture, as messages and invitations show him (§5.1, §6.1)."""

    user_id: int
    nickname: str
    profile_image: str | None


@frozen(kw_only=True)
class RoomMember:
    """A member of a chat room (§4.1): `role` is host or member."""

    user_id: int
    nickname: str
    role: str

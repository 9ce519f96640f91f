"""Message classes that several areas of the protocol share."""

from __future__ import annotations

from attrs import frozen

from assa.schema import RawText, omitted


def nickname_of(user_id: int, nickname: str | None) -> str:
    """Return the nickname, or the one that stands for a missing one."""
    return nickname or f"사용자{user_id}"


@frozen(kw_only=True)
class Person:
    """A user as lists show him (§5.3 pending messages, HOST_CHANGED)."""

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


@frozen(kw_only=True)
class FileInfo:
    """A file that a message refers to (§5.2): `file_size` in bytes."""

    file_path: RawText
    file_name: RawText
    file_size: int
    mime_type: RawText


@frozen(kw_only=True)
class ChatMessage:
    """A message as others see it: the data of NEW_MESSAGE (§5.1)."""

    message_id: int
    room_id: int
    content: str
    message_type: str
    user: Author
    created_at: str
    reply_to_message_id: int | None
    file_info: FileInfo | None = omitted()

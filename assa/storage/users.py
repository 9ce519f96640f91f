"""Queries about users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa.protocol.shapes import Author, nickname_of
from assa.storage import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assa.storage import Transaction


async def remember(
    tx: Transaction, user_id: int, *, nickname: str | None, profile_image: str | None, now_ms: int
) -> bool:
    """Keep what a token says of its user and return whether he may connect."""
    row = await tx.first(
        "INSERT INTO users (user_id, nickname, profile_image, active, seen_at)"
        " VALUES (:user_id, :nickname, :profile_image, 1, :now)"
        " ON CONFLICT (user_id) DO UPDATE SET nickname = COALESCE(excluded.nickname, users.nickname),"
        " profile_image = COALESCE(excluded.profile_image, users.profile_image), seen_at = excluded.seen_at"
        " RETURNING active",
        user_id=user_id,
        nickname=nickname,
        profile_image=profile_image,
        now=now_ms,
    )
    return row is not None and bool(row[0])


async def set_active(tx: Transaction, user_id: int, *, active: bool, now_ms: int) -> None:
    """Allow a user to connect, or not."""
    await tx.execute(
        "INSERT INTO users (user_id, active, seen_at) VALUES (:user_id, :active, :now)"
        " ON CONFLICT (user_id) DO UPDATE SET active = excluded.active",
        user_id=user_id,
        active=int(active),
        now=now_ms,
    )


async def author(tx: Transaction, user_id: int) -> Author:
    """Return a user as others see him; one that never connected has a stand-in nickname."""
    row = await tx.first(
        "SELECT nickname, profile_image FROM users WHERE user_id = :user_id", user_id=user_id
    )
    nickname, profile_image = row or (None, None)
    return Author(user_id=user_id, nickname=nickname_of(user_id, nickname), profile_image=profile_image)


async def nicknames(tx: Transaction, user_ids: Sequence[int]) -> dict[int, str]:
    """Return the nickname of each user."""
    chosen, values = listed("u", user_ids)
    rows = await tx.all(f"SELECT user_id, nickname FROM users WHERE user_id IN {chosen}", **values)  # noqa: S608
    known: dict[int, str | None] = dict(rows)
    return {user_id: nickname_of(user_id, known.get(user_id)) for user_id in user_ids}

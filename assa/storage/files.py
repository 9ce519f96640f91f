"""Queries about uploaded files."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from attrs import frozen

from assa.errors import Code, Refused
from assa.storage import Value, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assa.storage import Transaction

_COLUMNS = (
    "f.file_path, f.user_id, f.room_id, f.file_name, f.file_size, f.mime_type, f.expires_at, f.digest, f.blob"
)
_UNFINISHED = 100
"""Uploads of one user that have been asked for and have not come."""
_SECRET_BYTES = 32
_AT_ONCE = 100


@frozen
class File:
    """A file as its row has it.

    Args:
        file_path: As clients know it.
        user_id: Who uploads it.
        room_id: Whose members may see it; None: a profile image.
        file_name: As its uploader calls it.
        file_size: Bytes.
        mime_type: One of the protocol's.
        expires_at_ms: Until when its upload may begin.
        digest: SHA-256, hexadecimal; None until it has come.
        blob: The name of its content; likewise.
    """

    file_path: str
    user_id: int
    room_id: int | None
    file_name: str
    file_size: int
    mime_type: str
    expires_at_ms: int
    digest: str | None = None
    blob: str | None = None


@frozen
class Removed:
    """Files that are no more, and the blobs that nothing refers to any more."""

    files: int
    blobs: Sequence[str]


async def secret(tx: Transaction, name: str) -> str:
    """Return a secret that all nodes share, hexadecimal; it is made when it is asked for first."""
    row = await tx.first("SELECT value FROM secrets WHERE name = :name", name=name)
    if row is not None:
        return str(row[0])
    made = secrets.token_hex(_SECRET_BYTES)
    await tx.insert("secrets", [{"name": name, "value": made}])
    return made


# --- what happens to a file ---


async def expect(tx: Transaction, file: File, *, quota: int) -> None:
    """Write a file that its user is about to upload.

    Raises:
        Refused: FILE_UPLOAD_FAILED: he keeps too much here already, or has too much begun.
    """
    await _take_room(tx, file, quota)
    row: dict[str, Value] = {
        "file_path": file.file_path,
        "user_id": file.user_id,
        "room_id": file.room_id,
        "file_name": file.file_name,
        "file_size": file.file_size,
        "mime_type": file.mime_type,
        "expires_at": file.expires_at_ms,
    }
    await tx.insert("files", [row])


async def _take_room(tx: Transaction, file: File, quota: int) -> None:
    """Count a file among those of its user, or refuse it."""
    await tx.execute(
        "INSERT INTO uploaders (user_id, file_bytes, unfinished) VALUES (:user_id, 0, 0)"
        " ON CONFLICT (user_id) DO NOTHING",
        user_id=file.user_id,
    )
    row = await tx.first(
        "UPDATE uploaders SET file_bytes = file_bytes + :size, unfinished = unfinished + 1"
        " WHERE user_id = :user_id RETURNING file_bytes, unfinished",
        user_id=file.user_id,
        size=file.file_size,
    )
    assert row is not None  # noqa: S101 - it was inserted
    if row[0] > quota:
        raise Refused(
            Code.FILE_UPLOAD_FAILED,
            f"data.file_size: your files would take {row[0]} bytes, and {quota} are allowed",
        )
    if row[1] > _UNFINISHED:
        rule = f"{_UNFINISHED} uploads have been asked for and have not come: use them, or wait"
        raise Refused(Code.FILE_UPLOAD_FAILED, rule)


async def find(tx: Transaction, file_path: str) -> File | None:
    """Return a file, come or not, or None."""
    row = await tx.first(f"SELECT {_COLUMNS} FROM files f WHERE file_path = :path", path=file_path)  # noqa: S608
    return File(*row) if row else None


async def arrived(tx: Transaction, file_path: str, *, digest: str, blob: str, now_ms: int) -> str | None:
    """Write that a file has come, once.

    Args:
        tx: The transaction.
        file_path: Of the file.
        digest: Of its content.
        blob: Where its content is, if it is not there already.
        now_ms: The time.

    Returns:
        The blob that it has, which is another one where the same content is kept already; or None: it is no
        longer expected.
    """
    kept = await tx.first("SELECT blob FROM files WHERE digest = :digest LIMIT 1", digest=digest)
    used = str(kept[0]) if kept else blob
    row = await tx.first(
        "UPDATE files SET digest = :digest, blob = :blob, unused_since = :now"
        " WHERE file_path = :path AND blob IS NULL RETURNING user_id, room_id",
        path=file_path,
        digest=digest,
        blob=used,
        now=now_ms,
    )
    if row is None:
        return None
    user_id, room_id = row
    await tx.execute(
        "UPDATE uploaders SET unfinished = unfinished - 1 WHERE user_id = :user_id", user_id=user_id
    )
    if room_id is None:
        await _put_on_profile(tx, file_path, user_id, now_ms)
    return used


async def _put_on_profile(tx: Transaction, file_path: str, user_id: int, now_ms: int) -> None:
    await tx.execute(
        "UPDATE users SET profile_image = :path WHERE user_id = :user_id", path=file_path, user_id=user_id
    )
    await tx.execute(
        "UPDATE files SET unused_since = CASE WHEN file_path = :path THEN NULL ELSE :now END"
        " WHERE user_id = :user_id AND room_id IS NULL AND blob IS NOT NULL"
        " AND (file_path = :path OR unused_since IS NULL)",
        path=file_path,
        user_id=user_id,
        now=now_ms,
    )


async def come(tx: Transaction, paths: Sequence[str]) -> dict[str, File]:
    """Return those of the files that have come, by path."""
    chosen, values = listed("p", paths)
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM files f WHERE file_path IN {chosen} AND blob IS NOT NULL",  # noqa: S608
        **values,
    )
    return {row[0]: File(*row) for row in rows}


async def use(tx: Transaction, paths: Sequence[str]) -> None:
    """Keep files, for something refers to them."""
    chosen, values = listed("p", paths)
    await tx.execute(f"UPDATE files SET unused_since = NULL WHERE file_path IN {chosen}", **values)  # noqa: S608


async def visible(tx: Transaction, file_path: str, user_id: int) -> File | None:
    """Return a file that has come if a user may see it.

    Who may: its uploader, and the members of its room; of a profile image, all. None of them once locked out.
    """
    row = await tx.first(
        f"SELECT {_COLUMNS} FROM files f"  # noqa: S608
        " LEFT JOIN members m ON m.room_id = f.room_id AND m.user_id = :user_id"
        " LEFT JOIN users u ON u.user_id = :user_id"
        " WHERE f.file_path = :path AND f.blob IS NOT NULL AND COALESCE(u.active, 1) = 1"
        " AND (f.room_id IS NULL OR f.user_id = :user_id OR m.user_id IS NOT NULL)",
        path=file_path,
        user_id=user_id,
    )
    return File(*row) if row else None


# --- what becomes of files that nobody needs ---


async def forget_unused(tx: Transaction, *, before_ms: int, limit: int) -> Removed:
    """Remove files that nothing has referred to since before a time."""
    rows = await tx.all(
        "DELETE FROM files WHERE file_path IN (SELECT file_path FROM files WHERE unused_since < :before"
        " ORDER BY unused_since LIMIT :most) RETURNING user_id, file_size, blob",
        before=before_ms,
        most=limit,
    )
    for user_id, file_size, _ in rows:
        await _give_back(tx, user_id, file_size, unfinished=0)
    blobs = sorted({row[2] for row in rows})
    shared = await _known(tx, blobs)
    return Removed(len(rows), [blob for blob in blobs if blob not in shared])


async def forget_unfinished(tx: Transaction, *, before_ms: int, limit: int) -> int:
    """Remove files that have not come though they could until before a time; return how many."""
    rows = await tx.all(
        "DELETE FROM files WHERE file_path IN (SELECT file_path FROM files"
        " WHERE blob IS NULL AND expires_at < :before ORDER BY expires_at LIMIT :most)"
        " RETURNING user_id, file_size",
        before=before_ms,
        most=limit,
    )
    for user_id, file_size in rows:
        await _give_back(tx, user_id, file_size, unfinished=1)
    return len(rows)


async def _give_back(tx: Transaction, user_id: int, file_size: int, *, unfinished: int) -> None:
    await tx.execute(
        "UPDATE uploaders SET file_bytes = file_bytes - :size, unfinished = unfinished - :unfinished"
        " WHERE user_id = :user_id",
        user_id=user_id,
        size=file_size,
        unfinished=unfinished,
    )


async def strays(tx: Transaction, blobs: Sequence[str]) -> list[str]:
    """Return those of the blobs that no file has."""
    known = await _known(tx, blobs)
    return [blob for blob in blobs if blob not in known]


async def _known(tx: Transaction, blobs: Sequence[str]) -> set[str]:
    """Return those of the blobs that files have; the name of one begins with its digest, which is indexed."""
    known: set[str] = set()
    for first in range(0, len(blobs), _AT_ONCE):
        part = blobs[first : first + _AT_ONCE]
        chosen, values = listed("d", [blob[:64] for blob in part])
        known |= {
            row[0]
            for row in await tx.all(f"SELECT DISTINCT blob FROM files WHERE digest IN {chosen}", **values)  # noqa: S608
        }
    return known

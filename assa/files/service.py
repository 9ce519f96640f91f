"""What may be uploaded, who may see it and how long it is kept: the rules of section 6, beside the database.

The content of files goes in and out through HTTP (:mod:`assa.http.uploads`, :mod:`assa.http.downloads`).
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from itertools import cycle
from typing import Final

from attrs import define, field

from assa.content import IMAGE_TYPES
from assa.files import Blob, FileStore, Rejected
from assa.files.paths import Paths
from assa.files.signing import Use, sign, verify
from assa.files.sniffing import type_of
from assa.storage import Store, Transaction
from assa.storage import files as queries
from assa.storage.files import File

UPLOADS: Final = "uploads"
"""What the path of an upload begins with."""
_KEY: Final = "files"
_AT_ONCE: Final = 50
_MARGIN_S: Final = 60.0
_STRAY_S: Final = 3_600.0
_SHARDS: Final = 256


@define(eq=False, kw_only=True)
class Files:
    """The files of a deployment, as one node sees them.

    Args:
        store: The database.
        blobs: Where contents are.
        now_ms: The time, milliseconds since the epoch.
        paths: Makes paths.
        public_url: How clients reach the HTTP port, or an empty text.
        foreign: Whether messages may also refer to files that were not uploaded here.
        quota: Bytes that one user may keep.
        upload_ttl_s: Seconds within which an upload has to begin, then to have its turn, and then to end.
        link_ttl_s: Seconds for which the signed address of a file counts.
        orphan_age_s: Seconds after which a file is removed that nothing refers to.
    """

    store: Store
    blobs: FileStore
    now_ms: Callable[[], int]
    paths: Paths
    public_url: str = ""
    foreign: bool = True
    quota: int = 2**30
    upload_ttl_s: float = 300.0
    link_ttl_s: float = 3_600.0
    orphan_age_s: float = 86_400.0
    _key: bytes | None = None
    _shards: cycle[int] = field(init=False, factory=lambda: cycle(range(_SHARDS)))

    async def key(self) -> bytes:
        """Return what addresses are signed with."""
        if self._key is None:
            self._key = bytes.fromhex(await self.store.run(queries.secret, _KEY))
        return self._key

    # --- uploads ---

    def planned(self, user_id: int, room_id: int | None, *, name: str, size: int, mime_type: str) -> File:
        """Return a file that is about to be uploaded; a type that is refused anyway gets some path."""
        known = mime_type if mime_type in IMAGE_TYPES else IMAGE_TYPES[0]
        expires_at_ms = self.now_ms() + int(self.upload_ttl_s * 1000)
        return File(self.paths.new(known), user_id, room_id, name, size, mime_type, expires_at_ms)

    async def expect(self, tx: Transaction, file: File) -> str:
        """Expect a file, and return the address to upload it to: a query.

        Raises:
            Refused: FILE_UPLOAD_FAILED.
        """
        await queries.expect(tx, file, quota=self.quota)
        key = bytes.fromhex(await queries.secret(tx, _KEY))
        token = sign(key, Use.UPLOAD, file.file_path, file.expires_at_ms)
        return f"{self.public_url}/{UPLOADS}/{token}"

    async def admit(self, token: str) -> File:
        """Return the file that an upload is for.

        Raises:
            Rejected: FORBIDDEN, GONE; CONFLICT: it has come already.
        """
        path = verify(await self.key(), Use.UPLOAD, token, self.now_ms())
        file = await self.store.run(queries.find, path)
        if file is None:
            raise Rejected(HTTPStatus.GONE, "the address has expired")
        if file.blob is not None:
            raise Rejected(HTTPStatus.CONFLICT, "the file has been uploaded already")
        return file

    def check_type(self, file: File, head: bytes) -> None:
        """Look at what a content is.

        Raises:
            Rejected: UNSUPPORTED_MEDIA_TYPE: something else than was announced.
        """
        found = type_of(head)
        if found != file.mime_type:
            what = found or "of no known type"
            raise Rejected(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {file.mime_type}, the content is {what}"
            )

    async def arrived(self, file: File, blob: Blob) -> None:
        """Write that a file has come; where its content was kept before, there is no second copy.

        Raises:
            Rejected: CONFLICT: another upload to the same address was faster.
        """
        # Where the database fails, nobody knows whether this is committed: the blob stays until it is found
        # to be a stray.
        used = await self.store.run(
            queries.arrived, file.file_path, digest=blob.digest, blob=blob.name, now_ms=self.now_ms()
        )
        if used != blob.name:
            await self.blobs.remove(blob.name)
        if used is None:
            raise Rejected(HTTPStatus.CONFLICT, "the file has been uploaded already")

    # --- reading ---

    async def visible(self, path: str, user_id: int) -> File | None:
        """Return a file if a user may see it."""
        return await self.store.run(queries.visible, path, user_id) if self.paths.made(path) else None

    async def linked(self, path: str, token: str) -> File | None:
        """Return a file for whoever has its signed address.

        Raises:
            Rejected: FORBIDDEN, GONE.
        """
        if verify(await self.key(), Use.READ, token, self.now_ms()) != path:
            raise Rejected(HTTPStatus.FORBIDDEN, "the address is not one of this server's")
        file = await self.store.run(queries.find, path)
        return file if file and file.blob else None

    async def link(self, file: File) -> tuple[str, int]:
        """Return a signed address of a file, and until when it counts in ms since the epoch."""
        expires_at_ms = self.now_ms() + int(self.link_ttl_s * 1000)
        token = sign(await self.key(), Use.READ, file.file_path, expires_at_ms)
        return f"{self.public_url}{file.file_path}?link={token}", expires_at_ms

    # --- upkeep ---

    async def tidy(self) -> None:
        """Remove what nobody needs; one node does it for all, every so often."""
        await self._forget_unfinished()
        await self._forget_unused()
        await self._remove_strays(f"{next(self._shards):02x}")
        await self.blobs.discard(older_s=self.upload_ttl_s + _MARGIN_S)

    async def _forget_unfinished(self) -> None:
        # What began at the last moment may wait for its turn as long, and take as long, and still come.
        before_ms = self.now_ms() - int((self.upload_ttl_s * 2 + _MARGIN_S) * 1000)
        forgotten = _AT_ONCE
        while forgotten == _AT_ONCE:  # others have their turn in between
            forgotten = await self.store.run(queries.forget_unfinished, before_ms=before_ms, limit=_AT_ONCE)

    async def _forget_unused(self) -> None:
        before_ms = self.now_ms() - int(self.orphan_age_s * 1000)
        while True:
            removed = await self.store.run(queries.forget_unused, before_ms=before_ms, limit=_AT_ONCE)
            for blob in removed.blobs:
                await self.blobs.remove(blob)
            if removed.files < _AT_ONCE:
                return

    async def _remove_strays(self, prefix: str) -> None:
        """Remove blobs that no file has: of processes that ended between two steps."""
        names = await self.blobs.names(prefix, older_s=_STRAY_S)
        for blob in await self.store.run(queries.strays, names) if names else ():
            await self.blobs.remove(blob)

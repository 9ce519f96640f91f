"""Blobs as files in a directory, which several nodes may share.

What is being written is in ``incoming``. Once it is complete it moves to ``blobs/ab/abcd...-12345678``: the
SHA-256 of its content, and a few random digits. A name is never used again, so removing a blob that nothing
refers to any more cannot hit a new upload of the same content, whatever node does which first.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from assa.files import Blob, Do, Missing, StoreFull

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_NAME: Final = re.compile(r"[0-9a-f]{64}-[0-9a-f]{8}")


@contextmanager
def _told() -> Generator[None, None, None]:
    try:
        yield
    except OSError as wrong:
        if wrong.errno in _FULL:
            raise StoreFull(str(wrong)) from None
        raise


class DiskWriting:
    """A content on its way to the disk, see :class:`assa.files.Writing`.

    Args:
        store: Where it goes.
        path: Its file until it is finished; made by the first write.
    """

    def __init__(self, store: DiskStore, path: Path) -> None:
        self._store = store
        self._path = path
        self._file: int | None = None
        self._digest = hashlib.sha256()
        self._size = 0

    async def write(self, data: bytes) -> None:
        """Add bytes."""
        await self._store.do(partial(self._write, data))

    async def finish(self) -> Blob:
        """Make it durable."""
        return await self._store.do(self._finish)

    async def abandon(self) -> None:
        """Leave nothing of it."""
        await self._store.do(self._abandon)

    def _write(self, data: bytes) -> None:
        with _told():
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o600)
            view = memoryview(data)
            while view:
                view = view[self._store.write(self._file, view) :]
        self._digest.update(data)
        self._size += len(data)

    def _finish(self) -> Blob:
        if self._file is None:
            raise ValueError("nothing was written")
        digest = self._digest.hexdigest()
        blob = Blob(f"{digest}-{secrets.token_hex(4)}", digest, self._size)
        place = self._store.path_of(blob.name)
        with _told():
            os.fsync(self._file)
            self._close()
            if not place.parent.exists():
                place.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_directory(place.parent.parent)
            self._path.rename(place)
            _sync_directory(place.parent)
        return blob

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def _abandon(self) -> None:
        with suppress(OSError):  # of a disk that is full or broken; what is left is discarded later
            self._close()
        with suppress(OSError):
            self._path.unlink()


class DiskReading:
    """An open file, see :class:`assa.files.Reading`.

    Args:
        do: Runs what blocks.
        file: Its descriptor.
    """

    def __init__(self, do: Do, file: int) -> None:
        self._do = do
        self._file: int | None = file

    async def read(self, start: int, count: int) -> bytes:
        """Return bytes from an offset on."""
        if self._file is None:
            raise ValueError("closed")
        return await self._do(partial(os.pread, self._file, count, start))

    async def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            file, self._file = self._file, None
            await self._do(partial(os.close, file))


class DiskStore:
    """A :class:`assa.files.FileStore` in a directory.

    Args:
        directory: It is made, if it is not there, by `prepare`.
        do: Runs what blocks: a disk that hangs must hold up nobody but those who wait for it.
    """

    write = staticmethod(os.write)

    def __init__(self, directory: Path, do: Do) -> None:
        self.do = do
        self._blobs = directory / "blobs"
        self._incoming = directory / "incoming"

    def prepare(self) -> None:
        """Make the directories, blocking.

        Raises:
            OSError: They cannot be made, or not be written to.
        """
        for one in (self._blobs, self._incoming):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(one, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(one))

    def path_of(self, name: str) -> Path:
        """Return where a blob is; its name is one of ours, or it is a defect."""
        if not _NAME.fullmatch(name):
            raise ValueError("no name of a blob")
        return self._blobs / name[:2] / name

    async def begin(self) -> DiskWriting:
        """Begin to write a content."""
        return DiskWriting(self, self._incoming / secrets.token_hex(16))

    async def open(self, name: str) -> DiskReading:
        """Open a blob."""
        path = self.path_of(name)
        try:
            return DiskReading(self.do, await self.do(partial(os.open, path, os.O_RDONLY | os.O_CLOEXEC)))
        except FileNotFoundError:
            raise Missing(name) from None

    async def remove(self, name: str) -> None:
        """Remove a blob."""
        await self.do(partial(self.path_of(name).unlink, missing_ok=True))

    async def names(self, prefix: str, *, older_s: float) -> list[str]:
        """Return old blobs."""
        found = await self.do(partial(_older, self._blobs / prefix, older_s))
        return [one.name for one in found if _NAME.fullmatch(one.name)]

    async def discard(self, *, older_s: float) -> int:
        """Discard what was not finished."""
        return await self.do(partial(self._discard, older_s))

    def _discard(self, older_s: float) -> int:
        left = _older(self._incoming, older_s)
        for one in left:
            one.unlink(missing_ok=True)
        return len(left)


def _older(directory: Path, older_s: float) -> list[Path]:
    """Return the files in a directory, which need not be there, that were written to so long ago."""
    before_s = time.time() - older_s
    found = []
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another node was faster
                if entry.stat(follow_symlinks=False).st_mtime <= before_s:
                    found.append(Path(entry.path))
    return found


def _sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

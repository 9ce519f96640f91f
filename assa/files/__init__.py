"""The files of messages and profiles: who may bring which, and where their content is kept.

A *file* is a row of the database with a path that clients know. A *blob* is a content; it is kept by a
:class:`FileStore` under a name that nobody outside knows, and files of the same content share it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Protocol, TypeVar

from attrs import frozen

T = TypeVar("T")

WRITE_BYTES = 65_536
"""What is written, or read, at once at most."""


class StoreFull(Exception):  # noqa: N818 - the disk's state, no defect of ours
    """There is no room for the content."""


class Missing(Exception):  # noqa: N818 - likewise
    """There is no blob of that name."""


class Rejected(Exception):  # noqa: N818 - an answer, not a defect
    """An upload is refused.

    Args:
        status: What HTTP calls it.
        details: For the developer of the client.
        retry_after_s: After how many seconds trying again makes sense, where it does.
    """

    def __init__(self, status: HTTPStatus, details: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(details)
        self.status = status
        self.details = details
        self.retry_after_s = retry_after_s


@frozen
class Blob:
    """A content that is kept.

    Args:
        name: Never used twice, so that removing an old one cannot hit a new one.
        digest: SHA-256, hexadecimal.
        size: Bytes.
    """

    name: str
    digest: str
    size: int


class Writing(Protocol):
    """A content on its way in; nobody can see it before `finish`. One call at a time."""

    async def write(self, data: bytes) -> None:
        """Add up to `WRITE_BYTES` bytes.

        Raises:
            StoreFull: There is no room.
        """

    async def finish(self) -> Blob:
        """Make it durable under a name of its own.

        Raises:
            StoreFull: There is no room.
        """

    async def abandon(self) -> None:
        """Leave nothing of it. Allowed at any time, also again."""


class Reading(Protocol):
    """A content on its way out. It can be read to its end, also when its blob is removed meanwhile."""

    async def read(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes from an offset on; fewer only at the end."""

    async def close(self) -> None:
        """Let go of it. Allowed at any time, also again."""


class FileStore(Protocol):
    """Where blobs are; all nodes of a deployment see the same ones."""

    async def begin(self) -> Writing:
        """Begin to write a content."""

    async def open(self, name: str) -> Reading:
        """Open a blob.

        Raises:
            Missing: There is none of that name.
        """

    async def remove(self, name: str) -> None:
        """Remove a blob; one that is not there is removed already."""

    async def names(self, prefix: str, *, older_s: float) -> Sequence[str]:
        """Return the blobs whose names begin with two hexadecimal digits and were written so long ago."""

    async def discard(self, *, older_s: float) -> int:
        """Discard what was begun and not finished, and not written to for so long; return how many."""


class Do(Protocol):
    """Runs functions that block, elsewhere."""

    def __call__(self, job: Callable[[], T], /) -> Awaitable[T]:
        """Run one; what it raises is raised where it is awaited."""

"""The stores that the contract is run against: how each is made, waited for and looked into."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from assa.storage import Entry, Transaction
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread
from tests.world import TurnWorker

NOW_MS = 1_704_110_400_000


class Driver(Protocol):
    """One kind of store, ready for use; `delivered` is what its listeners have been told, in order."""

    store: Any
    delivered: list[Entry]

    def wait(self, result: Deferred[Any]) -> Deferred[Any]:
        """Return the result once it is there."""

    def commits(self) -> int:
        """Return how many transactions have been committed for good."""

    async def fill_disk(self) -> None:
        """Have no room for another page."""

    async def free_disk(self) -> None:
        """Have room again."""

    async def end(self) -> None:
        """Close the store and forget its data."""


class SqliteDriver:
    """What the two SQLite drivers share."""

    path = ":memory:"

    def __init__(self, worker: Any) -> None:
        self.delivered: list[Entry] = []
        self.store = SqliteStore(
            self.path,
            worker=worker,
            deliver=self._deliver,
            now_ms=lambda: NOW_MS,
            synchronous="OFF",
        )
        self.store.open()
        self._statements: list[str] = []
        assert self.store._connection is not None
        self.store._connection.set_trace_callback(self._statements.append)

    def _deliver(self, entries: Any) -> None:
        self.delivered += entries

    def wait(self, result: Deferred[Any]) -> Deferred[Any]:
        """Return the result: the reactor runs."""
        return result

    def commits(self) -> int:
        """Return how many COMMITs SQLite has carried out."""
        return self._statements.count("COMMIT")

    async def fill_disk(self) -> None:
        """Allow the file no more pages than it has."""
        await self.wait(self.store.run(_limit_pages, 1))

    async def free_disk(self) -> None:
        """Allow the file to grow again."""
        await self.wait(self.store.run(_limit_pages, 1_000_000))

    async def end(self) -> None:
        """Close the store."""
        await self.wait(self.store.close())


async def _limit_pages(tx: Transaction, pages: int) -> None:
    await tx.all(f"PRAGMA max_page_count = {pages}")  # SQLite takes the size of the file when that is more


class ThreadDriver(SqliteDriver):
    """SQLite in a file, as in life: commits run in a thread of their own."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory()
        self.path = str(Path(self._directory.name) / "assa.db")
        super().__init__(DatabaseThread(reactor))

    async def end(self) -> None:
        """Close the store and remove its file."""
        await super().end()
        self._directory.cleanup()


class TurnDriver(SqliteDriver):
    """SQLite in memory with a fake clock, as in `tests.world`."""

    def __init__(self) -> None:
        self._clock = Clock()
        super().__init__(TurnWorker(self._clock))

    def wait(self, result: Deferred[Any]) -> Deferred[Any]:
        """Turn the clock until the result is there."""
        for _ in range(100):
            if result.called:
                break
            self._clock.advance(0)
        return result

"""The stores that the contract is run against: how each is made, waited for and looked into."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from assa.storage import Entry, Transaction
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread
from tests.postgres import require_postgres, shared_server
from tests.storage.databases import TurnWorker

try:
    from assa.storage.postgres import PostgresStore
except ImportError:
    PostgresStore = None  # require_postgres() skips

NOW_MS = 1_704_110_400_000


class Driver(Protocol):
    """One kind of store; `delivered` is what its listeners have been told, in order."""

    store: Any
    delivered: list[Entry]
    few: int
    """In how many commits a hundred queries are at most: a group ends after 20 ms."""

    async def begin(self) -> None:
        """Open the store."""

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
    few = 3

    def __init__(self, worker: Any) -> None:
        self.delivered: list[Entry] = []
        self.store = SqliteStore(
            self.path,
            worker=worker,
            deliver=self._deliver,
            now_ms=lambda: NOW_MS,
            synchronous="OFF",
        )
        self._statements: list[str] = []

    async def begin(self) -> None:
        """Open the store."""
        self.store.open()
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


# What a full disk looks like to who inserts: an error of this class.
_FULL = """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE disk_full USING MESSAGE = 'No space left on device'; END $$;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT ON %I EXECUTE FUNCTION full_disk()', name);
        END LOOP;
    END $$"""


class PostgresDriver:
    """PostgreSQL as in life: a server of its own process, sockets, the real reactor."""

    few = 20  # each query is a trip to a server that logs it, on a machine that may be busy

    def __init__(self) -> None:
        require_postgres()
        self._server = shared_server()
        self._url = self._server.create_database()
        self._name = self._url.rpartition("/")[2]
        self.delivered: list[Entry] = []
        self.store = PostgresStore(self._url, reactor=reactor, deliver=self._deliver, now_ms=lambda: NOW_MS)

    def _deliver(self, entries: Any) -> None:
        self.delivered += entries

    async def begin(self) -> None:
        """Have the server log what it is told, and open the store."""
        self._execute(f"ALTER DATABASE {self._name} SET log_statement = 'all'")
        await self.store.open()

    def _execute(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        return self._server.execute(self._server.superuser_url(self._name), sql, *args)

    def wait(self, result: Deferred[Any]) -> Deferred[Any]:
        """Return the result: the reactor runs."""
        return result

    def commits(self) -> int:
        """Return how many COMMITs the server has logged; those of other stores do not grow meanwhile."""
        return len(re.findall(r"\bCOMMIT$", self._server.log(), re.MULTILINE))

    async def fill_disk(self) -> None:
        """Have every insert fail as it does on a full disk."""
        self._execute(_FULL)

    async def free_disk(self) -> None:
        """Have room again."""
        self._execute("DROP FUNCTION full_disk() CASCADE")

    async def end(self) -> None:
        """Close the store and drop its database."""
        await self.store.close()
        self._server.drop_database(self._url)

"""What a World keeps its data in: SQLite in memory, or with `ASSA_TEST_DATABASE=postgres` a PostgreSQL.

Both are real; what is replaced is waiting. SQLite's thread becomes a turn of the fake clock.
PostgreSQL's connections block, so that a statement has its result when it has been sent, and the
doorbell between nodes rings in the next turn of the fake clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock, LoopingCall

from assa.storage import Entry
from assa.storage.sqlite import SqliteStore
from tests.postgres import require_postgres, shared_server

try:
    import psycopg2

    from assa.storage.postgres import PostgresStore, connections, quoting
    from assa.storage.postgres.pool import Pool
except ImportError:
    Pool, PostgresStore = object, object  # require_postgres() skips

ON_POSTGRES = {"sqlite": False, "postgres": True}[os.environ.get("ASSA_TEST_DATABASE", "sqlite")]


class Access(Protocol):
    """One node's way to its data."""

    store: Any

    def hold(self) -> None:
        """Let no commit begin until released."""

    def release(self) -> None:
        """Let commits go on."""

    def fall_silent(self) -> None:
        """Let commits through from now on, and tell nobody that they have ended."""

    def go_away(self) -> None:
        """Refuse every change, as on a disk, or after a failover, that is for reading only."""

    def come_back(self) -> None:
        """Take changes again."""

    def trace(self, heard: Callable[[str], None]) -> None:
        """Have `heard` called with each statement."""

    def cut(self) -> None:
        """End as with the process: what was not committed is gone."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the data, or change them, beside the store."""

    def tables(self) -> list[str]:
        """Return the names of all tables."""


class Database(Protocol):
    """Data that nodes can be started on, together or one after the other."""

    def access(
        self, clock: Clock, deliver: Callable[[Sequence[Entry]], None], now_ms: Callable[[], int]
    ) -> Access:
        """Open a store for a node."""


# --- SQLite ---


class TurnWorker:
    """Does the database's work in the next turn of a fake clock, so that groups form as they do in life."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: list[Callable[[], None]] | None = None
        self._silent = False

    def start(self) -> None:
        """Need nothing."""

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call `call` after so many seconds of the fake clock."""
        return self._clock.callLater(seconds, call)

    def do(self, job: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run a job in the next turn, or once it is released."""

        def work() -> None:
            if self._silent:
                job()
            elif self._held is None:
                done(job())
            else:
                self._held.append(work)

        self._clock.callLater(0, work)

    def hold(self) -> None:
        """Do nothing until released, like a disk that hangs."""
        self._held = []

    def release(self) -> None:
        """Do what was held up, and go on."""
        held, self._held = self._held or [], None
        for work in held:
            work()

    def fall_silent(self) -> None:
        """Do the work from now on, and tell nobody."""
        self._silent = True

    def stop(self) -> None:
        """Need nothing."""


class SqliteAccess:
    """The only node of a SQLite file."""

    def __init__(self, path: str, clock: Clock, **options: Any) -> None:
        worker = TurnWorker(clock)
        self.hold, self.release, self.fall_silent = worker.hold, worker.release, worker.fall_silent
        self.store = SqliteStore(path, worker=worker, synchronous="OFF", **options)
        self.store.open()
        self._connection: Any = self.store._connection

    def go_away(self) -> None:
        """Refuse every change."""
        self.query("PRAGMA query_only = 1")

    def come_back(self) -> None:
        """Take changes again."""
        self.query("PRAGMA query_only = 0")

    def trace(self, heard: Callable[[str], None]) -> None:
        """Have `heard` called with each statement."""
        self._connection.set_trace_callback(heard)

    def cut(self) -> None:
        """Close the file: what was not committed is gone."""
        self._connection.close()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement on the store's own connection."""
        return self._connection.execute(sql).fetchall()

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        return [row[0] for row in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")]


@define
class SqliteDatabase:
    """A file, or data in memory that are gone with the node."""

    path: str = ":memory:"

    def access(
        self, clock: Clock, deliver: Callable[[Sequence[Entry]], None], now_ms: Callable[[], int]
    ) -> Access:
        """Open a store for a node."""
        return SqliteAccess(self.path, clock, deliver=deliver, now_ms=now_ms)


# --- PostgreSQL ---


class BlockingConnection:
    """A connection whose results are there at once, as far as a store sees it."""

    patience_s = 5.0

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._connection = psycopg2.connect(database.url)
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()
        self._cursor.execute(connections._SESSION)
        self.heard: Callable[[str], None] | None = None
        self._held: list[Callable[[], None]] | None = None
        self.silent = False

    def send(self, statements: bytes) -> Deferred[Any]:
        """Execute statements; a COMMIT that is held up comes later, or never."""
        if b"COMMIT" not in statements.split(b";") or (self._held is None and not self.silent):
            return self._send(statements)
        result: Deferred[Any] = Deferred()
        if self._held is None:
            self._send(statements)
        else:
            self._held.append(lambda: self._send(statements).chainDeferred(result))
        return result

    def _send(self, statements: bytes) -> Deferred[Any]:
        if self.heard is not None:
            for one in statements.split(b";"):
                self.heard(one.decode().strip())
        try:
            self._cursor.execute(statements)
        except psycopg2.Error as wrong:
            return fail(wrong)
        return succeed(self._cursor)

    def quoted(self, sql: str, values: Any) -> bytes:
        """Return a statement with the values in it."""
        return quoting.statement(sql, values, self._connection)

    def insertion(self, table: str, rows: Any) -> bytes:
        """Return the statement that inserts rows."""
        return quoting.insertion(table, rows, self._connection)

    @property
    def closed(self) -> bool:
        """Return whether it is closed."""
        return bool(self._connection.closed)

    @property
    def in_transaction(self) -> bool:
        """Return whether it is open and in a transaction."""
        idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
        return not self.closed and self._connection.info.transaction_status != idle

    def hold(self) -> None:
        """Let no COMMIT through."""
        self._held = []

    def release(self) -> None:
        """Let the COMMITs through."""
        held, self._held = self._held or [], None
        for work in held:
            work()

    def set_read_only(self, setting: str) -> None:
        """Let transactions be for reading only, `on`, or not, `off`."""
        self._cursor.execute(f"SET default_transaction_read_only = {setting}")

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def reset(self) -> bool:
        """Undo what was begun; return whether it can be used again."""
        self.heard = self._held = None
        self.silent = False
        if not self.closed:
            self._cursor.execute("ROLLBACK; SET default_transaction_read_only = off")
        return not self.closed


class BlockingPool(Pool):
    """One connection, which comes back at once when it is lost."""

    def __init__(self, access: PostgresAccess, *args: Any) -> None:
        super().__init__(*args)
        self._access = access

    def start(self) -> None:
        """Need nothing."""

    def take(self) -> Deferred[Any]:
        """Return the connection; the statements of a transaction follow each other without a pause."""
        return super().take() if self._stopped else succeed(self._access.connected())

    def give(self, connection: Any) -> None:
        """Need nothing."""


class TurnBell:
    """Wakes the other nodes in the next turn of their clocks."""

    def __init__(
        self,
        access: PostgresAccess,
        reactor: Any,
        *,
        places: Any,
        pool: Any,
        wake: Callable[..., None],
        poll_s: float,
    ) -> None:
        self._access = access
        self._clock = reactor
        self._poll_s = poll_s
        self.wake = wake
        self._polling = LoopingCall(wake)
        self._polling.clock = reactor

    def start(self) -> None:
        """Begin to listen, and to look without a ring."""
        self._access.database.bells.append(self)
        self._polling.start(self._poll_s, now=False)

    def ring(self, position: int) -> None:
        """Wake the others."""
        if self._access.database.rings_are_lost:
            return
        for one in self._access.database.bells:
            if one is not self:
                one._clock.callLater(0, one.wake, position)

    def stop(self) -> None:
        """Listen no more."""
        if self in self._access.database.bells:
            self._access.database.bells.remove(self)
            self._polling.stop()


class TurnStore(PostgresStore):
    """The real store; only its pool and its bell wait for nothing."""

    def __init__(self, access: PostgresAccess, **options: Any) -> None:
        self.make_pool = partial(BlockingPool, access)
        self.make_bell = partial(TurnBell, access)
        super().__init__(access.database.url, **options)


class PostgresAccess:
    """One node of those that share a PostgreSQL database."""

    def __init__(self, database: PostgresDatabase, clock: Clock, **options: Any) -> None:
        self.database = database
        self._connection = database.connect()
        self._read_only = False
        self._heard: Callable[[str], None] | None = None
        self.query, self.tables = database.query, database.tables
        self.store = TurnStore(self, reactor=clock, **options)
        opened: list[Any] = []
        self.store.open().addBoth(opened.append)
        assert type(opened[0]) is list, opened

    def connected(self) -> BlockingConnection:
        """Return the connection, a new one if it was lost."""
        if self._connection.closed:
            self._connection = self.database.connect()
            self._connection.heard = self._heard
            if self._read_only:
                self._connection.set_read_only("on")
        return self._connection

    def hold(self) -> None:
        """Let no commit begin until released."""
        self.connected().hold()

    def release(self) -> None:
        """Let commits go on."""
        self._connection.release()

    def fall_silent(self) -> None:
        """Let commits through from now on, and tell nobody."""
        self.connected().silent = True

    def go_away(self) -> None:
        """Refuse every change."""
        self._read_only = True
        self.connected().set_read_only("on")

    def come_back(self) -> None:
        """Take changes again."""
        self._read_only = False
        self.connected().set_read_only("off")

    def trace(self, heard: Callable[[str], None]) -> None:
        """Have `heard` called with each statement."""
        self.connected().heard = self._heard = heard

    def cut(self) -> None:
        """Give the connection up, which rolls back."""
        self.store._bell.stop()
        self.database.disconnect(self._connection)


class PostgresDatabase:
    """A database on the server of this test process, used again and again."""

    def __init__(self) -> None:
        self.url = shared_server().create_database()
        self.bells: list[TurnBell] = []
        self.rings_are_lost = False
        self._used: list[BlockingConnection] = []
        self._idle: list[BlockingConnection] = []
        self._own = psycopg2.connect(self.url)
        self._own.autocommit = True
        self._tables: list[str] = []

    def access(
        self, clock: Clock, deliver: Callable[[Sequence[Entry]], None], now_ms: Callable[[], int]
    ) -> Access:
        """Open a store for a node."""
        access = PostgresAccess(self, clock, deliver=deliver, now_ms=now_ms)
        self._tables = self._tables or self.tables()
        return access

    def connect(self) -> BlockingConnection:
        """Return a connection; making one costs more than all else that a World needs."""
        connection = self._idle.pop() if self._idle else BlockingConnection(self)
        self._used.append(connection)
        return connection

    def disconnect(self, connection: BlockingConnection) -> None:
        """Take a connection back."""
        self._used.remove(connection)
        if connection.reset():
            self._idle.append(connection)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement on a connection of the database's own."""
        with self._own.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        return [row[0] for row in self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

    def close(self) -> None:
        """Let go of it."""
        for connection in (self._own, *self._idle):
            connection.close()

    def empty(self) -> bool:
        """Have nobody connected and nothing stored; return whether it can be used again.

        DELETE, because TRUNCATE makes new files: with a few rows in them it takes a hundred times as long.
        """
        for connection in tuple(self._used):
            self.disconnect(connection)
        self.bells.clear()
        self.rings_are_lost = False
        if self.tables() != self._tables:
            return False  # a test has dropped one
        kept = ("schema_migrations", "log_head", "counters")
        tables = [table for table in self._tables if table not in kept]
        emptied = [f"DELETE FROM {table}" for table in tables]  # noqa: S608 - the names are ours
        self.query("; ".join([*emptied, _ZERO]))
        return True


_WORLDS = 4
"""A test that makes more, as Hypothesis does, has forgotten the first ones by then."""
_ZERO = "UPDATE log_head SET position = 0, trimmed = 0; UPDATE counters SET value = 0"


@define
class Supply:
    """The databases of this test process."""

    _free: list[PostgresDatabase] = field(factory=list)
    _taken: dict[object, PostgresDatabase] = field(factory=dict)

    def take(self, name: object) -> PostgresDatabase:
        """Return the database with a name, an empty one the first time."""
        if name not in self._taken:
            if len(self._taken) == _WORLDS:
                self.give(next(iter(self._taken.values())))
            while self._free and not self._free[-1].empty():
                self._free.pop().close()
            self._taken[name] = self._free.pop() if self._free else PostgresDatabase()
        return self._taken[name]

    def give(self, database: PostgresDatabase) -> None:
        """Take a database back."""
        self._taken = {name: one for name, one in self._taken.items() if one is not database}
        self._free.append(database)

    def give_all(self) -> None:
        """Take all back, at the end of a test."""
        for one in tuple(self._taken.values()):
            self.give(one)


@cache
def supply() -> Supply:
    """Return the databases of this test process."""
    return Supply()


def make_database(path: str = ":memory:") -> Database:
    """Return an empty database, or the one that was made with the same path in the same test."""
    if not ON_POSTGRES:
        return SqliteDatabase(path)
    require_postgres()
    return supply().take(object() if path == ":memory:" else path)

"""SQLite as the durable store.

Statements run in the reactor's thread and only the commit, which waits for the disk, in a thread of
its own: Python's sqlite3 releases the interpreter lock at every statement, and two threads that
hand it to each other cost more than the statements. With 100 senders a message took 163 to 190 us
of CPU with everything in the thread, 119 to 139 us this way (the same machine, within minutes).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred

from assa.storage import Entry, Row, T, Unavailable, Value
from assa.storage.groups import GroupCommit, Job, Outcome, carry_out
from assa.storage.migrate import Dialect, MigrationError, migrate

DIALECT = Dialect(name="sqlite", key_type="INTEGER")
_OLDEST = (3, 35, 0)  # RETURNING
_PAUSE_S = 0.01
_TRIES = 200
_PRAGMAS = (
    "page_size=2048",  # of a new file: a message touches six pages, and all of each is written
    "journal_mode=WAL",
    "wal_autocheckpoint=4000",  # pages
)
_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)  # fmt: skip


class Worker(Protocol):
    """Where commits run."""

    def start(self) -> None:
        """Get ready."""

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call `call` in the reactor after so many seconds; after 0 at the end of this turn."""

    def do(self, job: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run `job`, which does not raise, elsewhere; then `done` with its result in the reactor."""

    def stop(self) -> None:
        """Finish what was given and end."""


@define(eq=False)
class _Transaction:
    """A transaction whose every await returns at once."""

    connection: sqlite3.Connection
    _staged: list[Entry] = field(factory=list)

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        return self.connection.execute(sql, values).fetchall()

    async def first(self, sql: str, /, **values: Value) -> Row | None:
        rows = self.connection.execute(sql, values).fetchall()  # all: RETURNING changes rows while it is read
        return rows[0] if rows else None

    async def execute(self, sql: str, /, **values: Value) -> int:
        return self.connection.execute(sql, values).rowcount

    async def insert(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        if rows:
            names, marks = ", ".join(rows[0]), ", ".join("?" * len(rows[0]))
            statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names are ours
            self.connection.executemany(statement, [tuple(row.values()) for row in rows])

    async def reserve(self, count: int) -> int:
        sql = "UPDATE log_head SET position = position + ? RETURNING position"
        position: int = self.connection.execute(sql, (count,)).fetchall()[0][0]
        return position - count + 1

    def stage(self, entry: Entry) -> None:
        self._staged.append(entry)

    @property
    def alive(self) -> bool:
        return self.connection.in_transaction  # SQLite gives up all of it when the disk is full

    def told(self, wrong: Exception) -> Exception:
        return _told(wrong)

    def drive(self, query: Coroutine[Any, Any, T]) -> Awaitable[T]:
        return query  # the whole group must have nothing to wait for

    async def savepoint(self) -> None:
        self.connection.execute("SAVEPOINT query")

    async def release(self) -> None:
        self.connection.execute("RELEASE query")

    async def undo(self) -> None:
        self._staged.clear()
        self.connection.execute("ROLLBACK TO query")
        self.connection.execute("RELEASE query")

    def take_staged(self) -> list[Entry]:
        staged, self._staged = self._staged, []
        return staged


def _drive(coroutine: Any) -> Any:
    """Run a query to its end: it has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    msg = "a query awaited something other than its transaction"
    raise RuntimeError(msg)


def _told(wrong: Exception) -> Exception:
    """Return what the caller is told: the database's state is no defect of the query."""
    if isinstance(wrong, sqlite3.Error) and getattr(wrong, "sqlite_errorcode", 0) & 0xFF in _AWAY:
        return Unavailable(str(wrong))
    return wrong


class SqliteStore(GroupCommit):
    """A :class:`assa.storage.Store` in one SQLite file.

    Args:
        path: The database file, or ``:memory:``.
        worker: Where commits run.
        deliver: Gets the entries of each query once they are durable, in position order.
        now_ms: The time, milliseconds since the epoch.
        synchronous: FULL survives a power cut; NORMAL may lose the last commits in one.
    """

    def __init__(
        self,
        path: str,
        *,
        worker: Worker,
        deliver: Callable[[Sequence[Entry]], None],
        now_ms: Callable[[], int],
        synchronous: str = "FULL",
    ) -> None:
        super().__init__(soon=partial(worker.later, 0), deliver=deliver)
        self._path = path
        self._worker = worker
        self._now_ms = now_ms
        self._synchronous = synchronous
        self._closed = True
        self._connection: sqlite3.Connection | None = None

    def open(self) -> list[str]:
        """Open the file and bring its schema up to date, blocking.

        Returns:
            The names of the migrations applied.

        Raises:
            Unavailable: The file cannot be used.
            MigrationError: Its schema does not fit this program.
        """
        if sqlite3.sqlite_version_info < _OLDEST:
            raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or later is needed")
        try:
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, cached_statements=512
            )
        except sqlite3.Error as wrong:
            raise Unavailable(f"{self._path}: {wrong}") from None
        try:
            for pragma in (*_PRAGMAS, f"synchronous={self._synchronous}"):
                _set(connection, pragma)
            connection.execute("BEGIN IMMEDIATE")
            applied: list[str] = _drive(migrate(_Transaction(connection), DIALECT, self._now_ms()))
            connection.execute("COMMIT")
        except (sqlite3.Error, MigrationError) as wrong:
            connection.close()
            raise (
                wrong if isinstance(wrong, MigrationError) else Unavailable(f"{self._path}: {wrong}")
            ) from None
        connection.execute("PRAGMA busy_timeout=0")  # from here on the reactor would stand still
        self._connection = connection
        self._closed = False
        self._worker.start()
        return applied

    def fence(self, node: str | None, lost: Callable[[str], None] | None = None) -> None:
        """Need nothing: no other node can use the file."""

    def _begin(self, group: list[Job], tries: int = 0) -> None:
        connection = self._connection
        assert connection is not None  # noqa: S101 - open came first
        before = connection.total_changes
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as wrong:
            if getattr(wrong, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY and tries < _TRIES:
                # An operator's command has the lock for a moment: wait without holding up the reactor.
                self._worker.later(_PAUSE_S, partial(self._begin, group, tries + 1))
            else:
                self._roll_back(connection, group, wrong)
            return
        self._execute(connection, group, before)

    def _execute(self, connection: sqlite3.Connection, group: list[Job], before: int) -> None:
        try:
            outcomes = _drive(carry_out(_Transaction(connection), group, self.group_s))
        except Exception as wrong:  # noqa: BLE001 - everybody who waits is told
            self._roll_back(connection, group, wrong)
            return
        self._put_back(group[len(outcomes) :])
        group = group[: len(outcomes)]
        if connection.total_changes == before:  # nothing to make durable
            self._committed(connection, group, outcomes, _commit(connection))
        else:
            self._worker.do(
                lambda: _commit(connection),
                lambda wrong: self._committed(connection, group, outcomes, wrong),
            )

    def _committed(
        self,
        connection: sqlite3.Connection,
        group: list[Job],
        outcomes: Sequence[Outcome],
        wrong: Exception | None,
    ) -> None:
        if wrong is None:
            self._finished(group, outcomes)
        else:
            self._roll_back(connection, group, wrong)

    def _roll_back(self, connection: sqlite3.Connection, group: list[Job], wrong: Exception) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.log.failure("rollback failed")
        self._undone(group, _told(wrong))

    def close(self) -> Deferred[None]:
        """Finish what is queued, close the file and end the worker."""
        return self._drained().addCallback(lambda _: self._shut())

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._worker.stop()


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Set a pragma; a new file's change to WAL does not wait for others who make it at the same time."""
    until = time.monotonic() + _TRIES * _PAUSE_S
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as wrong:
            if wrong.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _commit(connection: sqlite3.Connection) -> Exception | None:
    """Commit and return what went wrong, if anything."""
    try:
        connection.execute("COMMIT")
    except Exception as wrong:  # noqa: BLE001 - told to everybody in the group
        return wrong
    return None

"""SQLite as the durable store: one thread, one transaction for all that is waiting.

While one transaction commits, queries queue up; the next one runs them all, each in a savepoint,
and pays for one fsync. Results go back to the reactor once per group.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa.storage import BatchQuery, Entry, Item, P, Query, Row, T, Unavailable, Value
from assa.storage.migrate import Dialect, migrate

_DIALECT = Dialect(name="sqlite", key_type="INTEGER")
_GROUP = 512
_OLDEST = (3, 35, 0)  # RETURNING
_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    }
)  # fmt: skip


class Worker(Protocol):
    """Where the database work runs."""

    def start(self) -> None:
        """Get ready."""

    def do(self, job: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run `job`, which does not raise, elsewhere; then `done` with its result in the reactor."""

    def stop(self) -> None:
        """Finish what was given and end."""


@define(eq=False)
class _Job:
    query: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    waiting: list[Deferred[Any]]
    items: list[Any] | None = None


@frozen
class _Outcome:
    results: Sequence[Any]
    """One for each Deferred that waits: a value, or the exception."""
    entries: Sequence[Entry] = ()
    failed: bool = False
    """The query raised: all results are that exception."""


@define(eq=False)
class _Transaction:
    """A transaction of the database thread: every await returns at once."""

    connection: sqlite3.Connection
    staged: list[Entry] = field(factory=list)

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        return self.connection.execute(sql, values).fetchall()

    async def first(self, sql: str, /, **values: Value) -> Row | None:
        rows = self.connection.execute(sql, values).fetchall()  # all: RETURNING changes rows while it is read
        return rows[0] if rows else None

    async def execute(self, sql: str, /, **values: Value) -> int:
        return self.connection.execute(sql, values).rowcount

    async def insert(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        if rows:
            names = ", ".join(rows[0])
            marks = ", ".join(f":{name}" for name in rows[0])
            statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names are ours
            self.connection.executemany(statement, rows)

    def stage(self, entry: Entry) -> None:
        self.staged.append(entry)


def _drive(coroutine: Any) -> Any:
    """Run a query to its end: it has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    msg = "a query awaited something other than its transaction"
    raise RuntimeError(msg)


def _savepoint(
    connection: sqlite3.Connection, work: Callable[[_Transaction], Sequence[Any]], count: int
) -> _Outcome:
    tx = _Transaction(connection)
    connection.execute("SAVEPOINT query")
    try:
        results = work(tx)
    except Exception as wrong:
        if not connection.in_transaction:
            raise  # SQLite gave up the whole transaction (disk full): nobody's changes stand
        connection.execute("ROLLBACK TO query")
        connection.execute("RELEASE query")
        return _Outcome([_told(wrong)] * count, failed=True)
    connection.execute("RELEASE query")
    return _Outcome(results, tx.staged)


def _together(connection: sqlite3.Connection, query: Callable[..., Any], items: list[Any]) -> _Outcome:
    return _savepoint(connection, lambda tx: _drive(query(tx, items)), len(items))


def _told(wrong: Exception) -> Exception:
    """Return what the caller is told: the database's state is no defect of the query."""
    if isinstance(wrong, sqlite3.Error) and getattr(wrong, "sqlite_errorcode", 0) & 0xFF in _AWAY:
        return Unavailable(str(wrong))
    return wrong


class SqliteStore:
    """A :class:`assa.storage.Store` in one SQLite file.

    Args:
        path: The database file, or ``:memory:``.
        worker: Where the database work runs.
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
        self._path = path
        self._worker = worker
        self._deliver = deliver
        self._now_ms = now_ms
        self._synchronous = synchronous
        self._queue: deque[_Job] = deque()
        self._busy = False
        self._open = False
        self._idle: list[Deferred[None]] = []
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
            for pragma in ("busy_timeout=5000", "journal_mode=WAL", f"synchronous={self._synchronous}"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN IMMEDIATE")
            applied: list[str] = _drive(migrate(_Transaction(connection), _DIALECT, self._now_ms()))
            connection.execute("COMMIT")
        except sqlite3.Error as wrong:
            raise Unavailable(f"{self._path}: {wrong}") from None
        self._connection = connection
        self._open = True
        self._worker.start()
        return applied

    def run(self, query: Query[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run one query, see :meth:`assa.storage.Store.run`."""
        return self._enqueue(_Job(query, args, kwargs, [Deferred()]))

    def batch(self, query: BatchQuery[Item, T], item: Item, /) -> Deferred[T]:
        """Run a query together with its neighbours, see :meth:`assa.storage.Store.batch`."""
        last = self._queue[-1] if self._queue else None
        if last is not None and last.items is not None and last.query is query:
            waiting: Deferred[T] = Deferred()
            last.items.append(item)
            last.waiting.append(waiting)
            return waiting
        return self._enqueue(_Job(query, (), {}, [Deferred()], [item]))

    def _enqueue(self, job: _Job) -> Deferred[Any]:
        if not self._open:
            job.waiting[0].errback(Failure(Unavailable("the database is closed")))
            return job.waiting[0]
        self._queue.append(job)
        if not self._busy:
            self._next_group()
        return job.waiting[0]

    def _next_group(self) -> None:
        if not self._queue:
            idle, self._idle = self._idle, []
            for one in idle:
                one.callback(None)
            return
        group = [self._queue.popleft() for _ in range(min(len(self._queue), _GROUP))]
        self._busy = True
        self._worker.do(lambda: self._commit(group), lambda outcomes: self._committed(group, outcomes))

    def _committed(self, group: list[_Job], outcomes: list[_Outcome]) -> None:
        for job, outcome in zip(group, outcomes, strict=True):
            try:
                self._deliver(outcome.entries)
            except Exception:  # noqa: BLE001 - the commit stands whatever a listener does
                Logger().failure("delivery failed")
            for waiting, result in zip(job.waiting, outcome.results, strict=True):
                if isinstance(result, Exception):
                    waiting.errback(Failure(result))
                else:
                    waiting.callback(result)
        self._busy = False
        self._next_group()

    # --- in the database thread ---

    def _commit(self, group: list[_Job]) -> list[_Outcome]:
        connection = self._connection
        assert connection is not None  # noqa: S101 - start came first
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(connection, job) for job in group]
            connection.execute("COMMIT")
        except Exception as wrong:  # noqa: BLE001 - everybody who waits is told
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return [_Outcome([_told(wrong)] * len(job.waiting), failed=True) for job in group]
        return outcomes

    def _attempt(self, connection: sqlite3.Connection, job: _Job) -> _Outcome:
        if job.items is None:
            return _savepoint(
                connection, lambda tx: [_drive(job.query(tx, *job.arguments, **job.options))], 1
            )
        outcome = _together(connection, job.query, job.items)
        if not outcome.failed or len(job.items) == 1:
            return outcome
        alone = [_together(connection, job.query, [item]) for item in job.items]
        return _Outcome([one.results[0] for one in alone], [entry for one in alone for entry in one.entries])

    # --- the end ---

    def close(self) -> Deferred[None]:
        """Finish what is queued, close the file and end the worker."""
        self._open = False
        done: Deferred[None] = Deferred()
        if self._busy or self._queue:
            self._idle.append(done)
        else:
            done.callback(None)
        return done.addCallback(lambda _: self._shut())

    def _shut(self) -> None:
        if self._connection is not None:
            self._worker.do(self._connection.close, lambda _: None)
        self._worker.stop()

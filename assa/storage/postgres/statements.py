"""A transaction of PostgreSQL: what queries do becomes statements on one connection."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping, Sequence
from types import coroutine
from typing import Any

from attrs import define, field

from assa.storage import Entry, Row, T, Value
from assa.storage.postgres.connections import Connection, told

_READS = ("SELECT", "WITH")


@define(eq=False)
class PostgresTransaction:
    """A transaction on one connection.

    Statements without a result wait for the next one that has one: each trip to the database costs
    more than most statements do.
    """

    connection: Connection
    head: int = 0
    wrote: bool = False
    """Whether anything was changed."""
    _waiting: list[bytes] = field(factory=list)
    _staged: list[Entry] = field(factory=list)
    _kept_head: int = 0
    _asked: Any = None
    """What the last trip to the database waits for."""
    _unsent: int | None = None
    """Where among the waiting statements the savepoint is, until it has been sent."""

    async def _send(self, sql: str, values: Mapping[str, Value]) -> Any:
        self.wrote = self.wrote or not sql.startswith(_READS)
        self.later(self.connection.quoted(sql, values))
        return await self.flush()

    async def flush(self) -> Any:
        """Send what waits; return the cursor with the last result."""
        statements, self._waiting, self._unsent = b";".join(self._waiting), [], None
        if not statements:
            return None
        self._asked = self.connection.send(statements)
        return await self._asked

    def later(self, statement: bytes) -> None:
        """Have a statement sent with the next one."""
        self._waiting.append(statement)

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        """Run a statement and return its rows."""
        rows: list[Row] = (await self._send(sql, values)).fetchall()
        return rows

    async def first(self, sql: str, /, **values: Value) -> Row | None:
        """Run a statement and return its first row, or None."""
        row: Row | None = (await self._send(sql, values)).fetchone()
        return row

    async def execute(self, sql: str, /, **values: Value) -> int:
        """Run a statement and return the number of rows it changed."""
        changed: int = (await self._send(sql, values)).rowcount
        return changed

    async def insert(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        """Insert rows; what is wrong with them shows with the next statement."""
        if rows:
            self.wrote = True
            self.later(self.connection.insertion(table, rows))

    async def reserve(self, count: int) -> int:
        """Take positions, which nobody else can: the group has the lock."""
        first, self.head = self.head + 1, self.head + count
        self.later(b"UPDATE log_head SET position = %d" % self.head)
        return first

    def stage(self, entry: Entry) -> None:
        """Have an entry delivered after the commit."""
        self._staged.append(entry)

    @property
    def alive(self) -> bool:
        """Return whether the transaction can go on after what a statement raised."""
        return self.connection.in_transaction

    def told(self, wrong: Exception) -> Exception:
        """Return what the caller is told."""
        return told(wrong)

    @coroutine
    def drive(self, query: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Run a query: waiting for another would never end, and others wait for this one's lock."""
        try:
            waits_for = query.send(None)
            while waits_for is self._asked:
                try:
                    answer = yield waits_for
                except BaseException as wrong:  # noqa: BLE001 - it is the query's to handle
                    waits_for = query.throw(wrong)
                else:
                    waits_for = query.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        query.close()
        msg = "a query awaited something other than its transaction"
        raise RuntimeError(msg)

    async def savepoint(self) -> None:
        """Begin what can be undone alone."""
        self._kept_head, self._unsent = self.head, len(self._waiting)
        self.later(b"SAVEPOINT query")

    async def release(self) -> None:
        """Keep what was done since the savepoint."""
        self.later(b"RELEASE query")
        await self.flush()

    async def undo(self) -> None:
        """Undo what was done since the savepoint, and what was staged."""
        self.head = self._kept_head
        self._staged.clear()
        if self._unsent is None:
            self._waiting = [b"ROLLBACK TO query; RELEASE query"]
        else:
            del self._waiting[self._unsent :]

    def take_staged(self) -> list[Entry]:
        """Return what was staged since this was called last."""
        staged, self._staged = self._staged, []
        return staged

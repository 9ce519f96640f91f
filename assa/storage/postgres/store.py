"""PostgreSQL as the durable store that several nodes share.

A group holds one lock over all nodes from its first statement to its commit, so the nodes' groups
come one after the other: position order is commit order, what a query checked still holds when it
makes its change, and no two groups can wait for each other. Where there are other nodes the lock is
not held while the disk is waited for: the commit does not wait, what is sent right behind it does, and
answers and events go out after that. All nodes' waits for the disk fall together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg2.errors
from twisted.internet.defer import Deferred

from assa.storage import Entry, Unavailable
from assa.storage.groups import GroupCommit, Job, Outcome, carry_out
from assa.storage.migrate import Dialect, MigrationError, migrate
from assa.storage.postgres.bell import Bell
from assa.storage.postgres.connections import Connection, in_a_line, told
from assa.storage.postgres.pool import Pool, hosts
from assa.storage.postgres.statements import PostgresTransaction
from assa.storage.postgres.tail import FLUSH, Tail

DIALECT = Dialect(name="postgres", key_type="BIGINT")
LOCK = "SELECT pg_advisory_xact_lock(4711)"
"""One for all nodes, to the end of the transaction; whoever changes all of the data takes it as well."""
_BEGIN = (
    b"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 4000;"
    b" SET LOCAL idle_in_transaction_session_timeout = 3000; " + LOCK.encode()
)
"""Who stands still with the lock loses it after three seconds; nobody waits longer than four for it."""
_MIGRATION_S = 3_600.0


class PostgresStore(GroupCommit):
    """A :class:`assa.storage.Store` in a PostgreSQL database that other nodes may use as well.

    Args:
        url: ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``, or a DSN of libpq.
        reactor: Where it runs.
        deliver: Gets entries of the event log, this node's and the others', in position order.
        now_ms: The time, milliseconds since the epoch.
        listens: Whether events of other nodes are heard; not by who only works on the data.
        listen_url: Where to LISTEN, when `url` leads to a pooler in transaction mode.
        size: Connections, besides the one that listens; at least two.
        poll_s: Seconds between looks at the event log, should a doorbell be lost.

    Raises:
        ValueError: A URL is none.
    """

    make_pool: Callable[..., Pool] = Pool
    make_bell: Callable[..., Bell] = Bell

    def __init__(
        self,
        url: str,
        *,
        reactor: Any,
        deliver: Callable[[Sequence[Entry]], None],
        now_ms: Callable[[], int],
        listens: bool = True,
        listen_url: str = "",
        size: int = 3,
        poll_s: float = 1.0,
    ) -> None:
        super().__init__(soon=lambda call: reactor.callLater(0, call), deliver=deliver)
        places = hosts(url)
        self._now_ms = now_ms
        self._pool = self.make_pool(reactor, places, max(2, size))
        self._tail = Tail(self._pool, deliver)
        self._bell: Bell | None = None
        if listens:
            listening = hosts(listen_url) if listen_url else places
            self._bell = self.make_bell(
                reactor, places=listening, pool=self._pool, wake=self._tail.wake, poll_s=poll_s
            )
        self._migrated = False

    def open(self) -> Deferred[list[str]]:
        """Connect and bring the schema up to date.

        Fires with the names of the migrations applied. Errbacks with Unavailable when the database is
        away: it is tried again with each query. Errbacks with MigrationError when the schema does not fit.
        """
        self._pool.start()
        if self._bell is not None:
            self._bell.start()
        return Deferred.fromCoroutine(self._prepare())

    async def _prepare(self) -> list[str]:
        connection = await self._pool.take()
        try:
            return await self._migrate(connection)
        finally:
            self._pool.give(connection)

    async def _migrate(self, connection: Connection) -> list[str]:
        tx = PostgresTransaction(connection)
        connection.patience_s, usual_s = _MIGRATION_S, connection.patience_s
        try:
            tx.later(b"BEGIN ISOLATION LEVEL READ COMMITTED; " + LOCK.encode())
            applied = await migrate(tx, DIALECT, self._now_ms())
            tx.later(b"COMMIT")
            await tx.flush()
        except Exception as wrong:  # noqa: BLE001 - raised again, in the words of a store
            await _roll_back(connection, wrong)
            if isinstance(wrong, psycopg2.Error):  # no right to create tables, say
                raise Unavailable(in_a_line(wrong)) from None
            raise told(wrong) from None
        finally:
            connection.patience_s = usual_s
        self._migrated = True
        return applied

    def fence(self, node: str | None, lost: Callable[[str], None] | None = None) -> None:
        """Refuse every query once other nodes have given `node` up, see :class:`assa.storage.Store`."""
        self._tail.fence(node, lost)

    # --- groups ---

    def _begin(self, group: list[Job]) -> None:
        Deferred.fromCoroutine(self._carry_out(group)).addErrback(
            lambda failure: self.log.failure("a group of queries failed", failure)
        )

    async def _carry_out(self, group: list[Job]) -> None:
        try:
            connection = await self._pool.take()
        except Unavailable as wrong:
            self._away(group, wrong)
            return
        try:
            outcomes, position = await self._transact(connection, group)
        except Exception as wrong:  # noqa: BLE001 - everybody who waits is told
            await _roll_back(connection, wrong)
            self._pool.give(connection)
            self._tail.unseal()
            self._away(group, told(wrong))
        else:
            self._pool.give(connection)
            self._tail.unseal(position)
            self._put_back(group[len(outcomes) :])
            self._finished(group[: len(outcomes)], outcomes)
        self._tail.go_on()

    def _away(self, group: list[Job], wrong: Exception) -> None:
        """Tell a group why it was not carried out; when the database is away, all who wait."""
        if isinstance(wrong, Unavailable):
            group = [*group, *self._queue]
            self._queue.clear()
        self._undone(group, wrong)

    async def _transact(self, connection: Connection, group: list[Job]) -> tuple[list[Outcome], int]:
        """Carry out a group; return its outcomes and the newest position."""
        if not self._migrated:
            await self._migrate_again(connection)
        tx = PostgresTransaction(connection)
        tx.later(_BEGIN)
        tx.head, nodes = await self._tail.seal(tx.all)
        if nodes > 1:
            tx.later(b"SET LOCAL synchronous_commit = off")
        outcomes = await carry_out(tx, group, self.group_s)
        tx.later(b"COMMIT")
        if (nodes > 1 and tx.wrote) or not (tx.wrote or self._tail.is_durable(tx.head)):
            tx.later(FLUSH.encode())
        await tx.flush()
        if self._bell is not None and nodes > 1 and any(outcome.entries for outcome in outcomes):
            self._bell.ring(tx.head)
        return outcomes, tx.head

    async def _migrate_again(self, connection: Connection) -> None:
        try:
            applied = await self._migrate(connection)
        except MigrationError as wrong:
            raise Unavailable(str(wrong)) from None
        for name in applied:
            self.log.info("applied migration {name}", name=name)

    # --- the end ---

    def close(self) -> Deferred[None]:
        """Finish what is queued and close the connections."""
        return self._drained().addCallback(lambda _: self._shut())

    def _shut(self) -> None:
        if self._bell is not None:
            self._bell.stop()
        self._pool.stop()


async def _roll_back(connection: Connection, wrong: Exception) -> None:
    """Undo everything; a connection that cannot, or that leads to a server for reading only, is closed."""
    if isinstance(wrong, psycopg2.errors.ReadOnlySqlTransaction):
        connection.close()
    if connection.in_transaction:
        try:
            await connection.send(b"ROLLBACK")
        except Exception:  # noqa: BLE001 - whatever it is, the server rolls back when the connection is gone
            connection.close()

"""Connections to PostgreSQL that notice their death, never freeze the process, and come back.

txpostgres' own pool keeps dead connections, takes a statement's time-out for a cancellation, and
cancels by psycopg2's `cancel`, which opens a blocking connection with the interpreter lock held: a
frozen server would freeze this process. So a query that takes too long closes its connection here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg2
import psycopg2.errors
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from txpostgres import txpostgres

from assa.storage import Unavailable, Value
from assa.storage.postgres.quoting import insertion, statement

_CONNECT_S = 3.0
_SESSION = b"SET jit = off; SET tcp_user_timeout = 4000"
"""Statements here take microseconds; compiling one takes milliseconds. And a backend that cannot send its
result, because this process stands still, is not idle: it must not keep the lock either."""


class DeadlineExceeded(Exception):  # noqa: N818 - a state of the database, no defect of ours
    """A statement took too long; its connection has been closed."""


AWAY = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.ReadOnlySqlTransaction,
    DeadlineExceeded,
    ConnectionDone,
)
"""What says that the database cannot be used now."""


def told(wrong: Exception) -> Exception:
    """Return what the caller is told: the database's state is no defect of the query."""
    if isinstance(wrong, AWAY):
        return Unavailable(in_a_line(wrong))
    if isinstance(wrong, psycopg2.Error):
        _forget_values(wrong)
    return wrong


def _forget_values(wrong: psycopg2.Error) -> None:
    """Leave what a server wrote out of an error that will be logged: it quotes the statement, and whole rows.

    Values are in the statement, texts of messages among them.
    """
    # Of the messages themselves, those of data exceptions (class 22) quote the value.
    words = None if (wrong.pgcode or "22").startswith("22") else wrong.diag.message_primary
    wrong.args = (f"{wrong.pgcode}: {words}" if words else f"{wrong.pgcode}",)


def in_a_line(wrong: object) -> str:
    """Return what went wrong in one line: libpq likes several."""
    return " ".join(f"{wrong}".split()) or type(wrong).__name__


class Connection(txpostgres.Connection):  # type: ignore[misc]  # txpostgres has no types
    """One connection; a statement that takes too long closes it.

    txpostgres connects, watches the socket and takes it down. Once it is open, statements take a shorter
    way than its cursors: those give the socket to the reactor and take it back four times a statement.

    Args:
        reactor: Where it runs.
        lost: Called once when it is gone.
        heard: Called with the payload of each notification.
    """

    patience_s = 5.0
    """How long a statement may take."""

    def __init__(
        self, reactor: Any, lost: Callable[[Connection], None], heard: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(reactor)
        self._lost: Callable[[Connection], None] | None = lost
        self._heard = heard
        self._opened: Any = None
        """psycopg2's cursor, once connected."""
        self._asked: Deferred[Any] | None = None
        self._watched: int | None = None
        """What the reactor watches, once connected: libpq closes its own descriptor without asking."""

    def _handleCancellation(self, f: Failure) -> Failure:
        return f  # statement_timeout stays a QueryCanceledError

    def _cancel(self, d: Deferred[Any]) -> None:
        raise txpostgres._CancelInProgress  # noqa: SLF001 - instead of psycopg2's blocking cancel()

    def open(self, parameters: dict[str, str]) -> Deferred[Connection]:
        """Connect, within a deadline: psycopg2 has none when it is asynchronous."""
        connecting = self._within(_CONNECT_S, self.connect(**parameters))
        return connecting.addCallback(self._connected)

    async def _set_up(self) -> Connection:
        await self.send(_SESSION)
        return self

    def _connected(self, _: object) -> Deferred[Connection]:
        self._opened = self._connection.cursor()
        self.reactor.removeReader(self)
        self._watched = os.dup(self._connection.fileno())
        self.reactor.addReader(self)
        return Deferred.fromCoroutine(self._set_up())

    def send(self, statements: bytes) -> Deferred[Any]:
        """Execute statements and return the cursor, which has the result of the last one.

        Errbacks with DeadlineExceeded, or what psycopg2 says.
        """
        asked: Deferred[Any] = Deferred()
        try:
            self._opened.execute(statements)
        except Exception:  # noqa: BLE001 - told where the answer is awaited
            asked.errback(Failure())
            return asked
        self._asked = asked
        self._go_on()
        return self._within(self.patience_s, asked)

    def quoted(self, sql: str, values: Mapping[str, Value]) -> bytes:
        """Return a statement with the values in the places of their names."""
        return statement(sql, values, self._connection)

    def insertion(self, table: str, rows: Sequence[Mapping[str, Value]]) -> bytes:
        """Return the statement that inserts rows, which have all the same keys."""
        return insertion(table, rows, self._connection)

    @property
    def in_transaction(self) -> bool:
        """Return whether the connection is open and in a transaction that has not failed for good."""
        return not self.closed and self.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE

    def _within(self, seconds: float, work: Deferred[Any]) -> Deferred[Any]:
        late = self.reactor.callLater(seconds, self.close)

        def done(result: Any) -> Any:
            if late.active():
                late.cancel()
            elif isinstance(result, Failure):
                return Failure(DeadlineExceeded(f"no answer from the database within {seconds:g} s"))
            return result

        return work.addBoth(done)

    # --- the socket ---

    def fileno(self) -> int:
        """Return what the reactor watches."""
        return super().fileno() if self._watched is None else self._watched

    def doRead(self) -> None:
        """Read; an idle connection that the server closes is noticed here."""
        if self._opened is None:
            super().doRead()
        else:
            self._go_on()

    def doWrite(self) -> None:
        """Write the rest of a long statement."""
        if self._opened is None:
            super().doWrite()
        else:
            self.reactor.removeWriter(self)
            self._go_on()

    def _go_on(self) -> None:
        """Take the statement that runs, and what is heard, a step further."""
        asked = self._asked
        try:
            state = self._connection.poll()
        except psycopg2.Error:
            self._asked = None
            if self._connection.closed:
                self.close()
            if asked is not None:
                asked.errback(Failure())
            return
        if state == psycopg2.extensions.POLL_WRITE:
            self.reactor.addWriter(self)
        elif state == psycopg2.extensions.POLL_OK:
            self._asked = None
            if self._connection.notifies:
                self.checkForNotifies()
            if asked is not None:
                asked.callback(self._opened)

    def checkForNotifies(self) -> None:
        """Hand on notifications at once, without txpostgres' cooperator."""
        payloads = [one.payload for one in self._connection.notifies]
        self._connection.notifies.clear()
        for payload in payloads:
            if self._heard is not None:
                self._heard(payload)

    # --- the end ---

    def close(self) -> None:
        """Close it at once; a statement that runs fails."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                super().close()
        if self._watched not in (None, -1):
            os.close(self._watched)
            self._watched = -1
        self._gone()

    def connectionLost(self, reason: Failure) -> None:
        """Take note that the socket is gone."""
        super().connectionLost(reason)
        if self._connection is not None and self._connection.closed:
            self._gone()

    def _gone(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.errback(Failure(ConnectionDone()))
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(self)

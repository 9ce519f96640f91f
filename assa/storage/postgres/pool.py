"""A pool of connections to PostgreSQL: each is dialled again whenever it is lost, host after host."""

from __future__ import annotations

import random
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from assa.storage import Row, Unavailable, Value
from assa.storage.postgres.connections import Connection, in_a_line, told

_RETRY_S = (0.1, 0.25, 0.5, 1.0)
_PATIENCE_S = 2.0
_NAME_S = 3.0
_EXPECTED = "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_HANDSHAKE = {
    "application_name": "assa",
    "client_encoding": "UTF8",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # ms
}


def with_password(dsn: str, password: str) -> str:
    """Return a DSN with a password in it; an empty one changes nothing.

    Raises:
        ValueError: It is no DSN; the text does not repeat it.
    """
    try:
        changed: str = make_dsn(dsn, password=password) if password else dsn
    except psycopg2.Error:
        raise ValueError(_EXPECTED) from None
    return changed


def hosts(dsn: str) -> list[dict[str, str]]:
    """Return the connection parameters for each host of a DSN.

    One at a time, because libpq waits for ever for a host that does not answer when it connects
    asynchronously, and would not come to the next.

    Raises:
        ValueError: It is no DSN; the text does not repeat it.
    """
    try:
        given = parse_dsn(dsn)
    except (psycopg2.Error, UnicodeError):
        raise ValueError(_EXPECTED) from None
    names = given.pop("host", "").split(",")
    ports = given.pop("port", "").split(",")
    if len(names) > 1:
        given.setdefault("target_session_attrs", "read-write")
    found = []
    for place, name in enumerate(names):
        port = ports[place] if len(ports) > 1 else ports[0]
        where = {"host": name, "port": port}
        found.append(_HANDSHAKE | given | {key: value for key, value in where.items() if value})
    return found


class Redialer:
    """Keeps one connection: dials host after host until one answers, again whenever it is lost.

    Args:
        reactor: Where it runs.
        places: Connection parameters, see :func:`hosts`.
        ready: Called with each new connection.
        heard: Gets the payloads of notifications.
    """

    def __init__(
        self,
        reactor: Any,
        places: Sequence[dict[str, str]],
        ready: Callable[[Connection], None],
        heard: Callable[[str], None] | None = None,
    ) -> None:
        self._reactor = reactor
        self._places: Iterator[dict[str, str]] = cycle(places)
        self._ready = ready
        self._heard = heard
        self._connection: Connection | None = None
        self._again: Any = None
        self._tries = 0
        self._stopped = False
        self.failure = ""
        """Why the last attempt failed; empty when it did not."""

    def dial(self) -> None:
        """Connect."""
        self._again = None
        connection = self._connection = Connection(self._reactor, self._lost, self._heard)
        Deferred.fromCoroutine(self._dial(connection)).addErrback(self._failed, connection)

    async def _dial(self, connection: Connection) -> None:
        place = await self._resolved(next(self._places))
        if not self._stopped:
            await connection.open(place)
            self._tries, self.failure = 0, ""
            self._ready(connection)

    async def _resolved(self, place: dict[str, str]) -> dict[str, str]:
        """Look an address up in a thread: libpq would stand still for it, and so would the reactor."""
        host = place.get("host", "")
        if not host or host[0] in "/@" or isIPAddress(host) or isIPv6Address(host) or "hostaddr" in place:
            return place
        looking = deferToThreadPool(
            self._reactor,
            self._reactor.getThreadPool(),
            socket.getaddrinfo,
            host,
            None,
            type=socket.SOCK_STREAM,
        )
        found = await looking.addTimeout(_NAME_S, self._reactor)
        return place | {"hostaddr": str(random.choice(found)[4][0])}  # noqa: S311 - any will do, and not always the same

    def _failed(self, failure: Failure, connection: Connection) -> None:
        self.failure = in_a_line(failure.value)
        connection.close()

    def _lost(self, connection: Connection) -> None:
        if self._stopped or self._again is not None:
            return
        delay = _RETRY_S[min(self._tries, len(_RETRY_S) - 1)]
        self._tries += 1
        self._again = self._reactor.callLater(delay, self.dial)

    def stop(self) -> None:
        """Close the connection, for good."""
        self._stopped = True
        if self._again is not None and self._again.active():
            self._again.cancel()
        if self._connection is not None:
            self._connection.close()


def _closed() -> Failure:
    return Failure(Unavailable("the database is closed"))


class Pool:
    """A few connections; the idle ones are live.

    Args:
        reactor: Where they run.
        places: Connection parameters, see :func:`hosts`.
        size: How many connections.
    """

    def __init__(self, reactor: Any, places: Sequence[dict[str, str]], size: int) -> None:
        self._reactor = reactor
        self._idle: deque[Connection] = deque()
        self._wanted: deque[Deferred[Connection]] = deque()
        self._dialers = [Redialer(reactor, places, self.give) for _ in range(size)]
        self._stopped = False

    def start(self) -> None:
        """Begin to connect; an absent database is tried again and again."""
        for one in self._dialers:
            one.dial()

    def take(self) -> Deferred[Connection]:
        """Return a live connection for oneself; give it back.

        Errbacks with Unavailable when there is none for a while.
        """
        while self._idle:
            connection = self._idle.popleft()
            if not connection.closed:
                found: Deferred[Connection] = Deferred()
                found.callback(connection)
                return found
        waiting: Deferred[Connection] = Deferred(self._forget)
        if self._stopped:
            waiting.errback(_closed())
            return waiting
        self._wanted.append(waiting)
        waiting.addTimeout(_PATIENCE_S, self._reactor, self._none_came)
        return waiting

    def _forget(self, waiting: Deferred[Connection]) -> None:
        with suppress(ValueError):
            self._wanted.remove(waiting)

    def _none_came(self, _: object, seconds: float) -> Any:
        reasons = [one.failure for one in self._dialers if one.failure]
        return Failure(Unavailable(reasons[0] if reasons else f"no free connection within {seconds:g} s"))

    def give(self, connection: Connection) -> None:
        """Take a connection back, or a new one in; one that was lost is replaced."""
        if connection.closed:
            connection.close()  # which tells whoever dials
            return
        if self._wanted:
            self._wanted.popleft().callback(connection)
        else:
            self._idle.append(connection)

    async def ask(self, sql: str, /, **values: Value) -> list[Row]:
        """Run one statement by itself and return its rows.

        Raises:
            Unavailable: The database is away, or a statement took too long.
        """
        connection = await self.take()
        try:
            cursor = await connection.send(connection.quoted(sql, values))
            rows: list[Row] = cursor.fetchall() if cursor.description else []
        except Exception as wrong:  # noqa: BLE001 - raised again, in the words of a store
            raise told(wrong) from None
        finally:
            self.give(connection)
        return rows

    def stop(self) -> None:
        """Close all; whoever waits for one is told."""
        self._stopped = True
        for one in self._dialers:
            one.stop()
        self._idle.clear()
        while self._wanted:
            self._wanted.popleft().errback(_closed())

"""The doorbell between nodes: NOTIFY says that there is something new in the event log, no more.

It carries a position and no data, and may get lost: truth is the table, and the log is looked at
every so often anyway. But a connection that listens can die without a sign, so it is tested, and after
each break the log is looked at.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa.storage import Unavailable
from assa.storage.postgres.connections import AWAY, Connection
from assa.storage.postgres.pool import Pool, Redialer
from assa.timers import Timers

_CHANNEL = "assa_events"
_NOTIFY = f"SELECT pg_notify('{_CHANNEL}', :payload)"
_TEST = "test"
_TEST_S = 5.0


class Bell:
    """Rings the other nodes, and hears them.

    Args:
        reactor: Where it runs.
        places: Where to listen, see :func:`assa.storage.postgres.pool.hosts`; no pooler in between
            that hands a connection to somebody else after each transaction.
        pool: Where ringing goes.
        wake: Called with the position that somebody else has rung for, and without one when a ring may
            have been missed.
        poll_s: Seconds between looks at the log that nobody rang for.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        places: Sequence[dict[str, str]],
        pool: Pool,
        wake: Callable[..., None],
        poll_s: float,
    ) -> None:
        self._pool = pool
        self._name = secrets.token_hex(8)
        self._wake = wake
        self._dialer = Redialer(reactor, places, self._listen, self._heard)
        self._connection: Connection | None = None
        self._tests = 0
        self._answered = 0
        self._deaf = False
        self._ringing = False
        self._position = self._rung = 0
        self._poll_s = poll_s
        self._timers = Timers(reactor)

    def start(self) -> None:
        """Begin to listen."""
        self._dialer.dial()
        self._timers.every(_TEST_S, self._test)
        self._timers.every(self._poll_s, self._wake)

    def stop(self) -> None:
        """Listen no more; nothing when it does not."""
        self._timers.stop()
        self._dialer.stop()

    # --- ringing ---

    def ring(self, position: int) -> None:
        """Wake the other nodes: everything up to a position is durable. Rings that fall together are one."""
        self._position = position
        if not self._ringing:
            self._ringing = True
            Deferred.fromCoroutine(self._ring()).addErrback(
                lambda failure: self.log.failure("ringing failed", failure)
            )

    async def _ring(self) -> None:
        try:
            while self._position != self._rung:
                self._rung = self._position
                await self._pool.ask(_NOTIFY, payload=f"{self._name} {self._rung}")
        except Unavailable:
            pass  # the others look at the log by themselves
        finally:
            self._ringing = False

    # --- listening ---

    def _listen(self, connection: Connection) -> None:
        self._connection = connection
        self._tests = self._answered = 0
        listening = connection.send(f"LISTEN {_CHANNEL}".encode())
        listening.addCallbacks(lambda _: self._wake(), self._broken, errbackArgs=(connection,))
        listening.addErrback(lambda failure: self.log.failure("listening failed", failure))

    def _broken(self, failure: Failure, connection: Connection) -> None:
        connection.close()
        if not failure.check(*AWAY):
            self.log.failure("the doorbell broke", failure)

    def _heard(self, payload: str) -> None:
        name, _, said = payload.partition(" ")
        if said.isdecimal():
            if name != self._name:
                self._wake(int(said))
        elif name == self._name:
            self._answered = int(said.removeprefix(_TEST))
            self._deaf = False

    def _test(self) -> None:
        """Ring for oneself; when the last time was not heard, the connection is no good."""
        connection = self._connection
        if connection is None or connection.closed:
            return
        if self._answered < self._tests:
            if not self._deaf:
                self.log.warn(  # noqa: G010 - this logger is Twisted's
                    "NOTIFY does not arrive: is storage.listen_url a pooler in transaction mode?"
                    " The event log is polled meanwhile"
                )
            self._deaf = True
            connection.close()
            return
        self._tests += 1
        sent = connection.send(connection.quoted(_NOTIFY, {"payload": f"{self._name} {_TEST}{self._tests}"}))
        sent.addErrback(self._broken, connection)
        sent.addErrback(lambda failure: self.log.failure("the doorbell's test failed", failure))

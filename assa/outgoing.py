"""Outgoing bytes: what one reactor turn produces leaves a connection in one write.

The kernel's send is most of the price of a delivery, so fewer sends is what counts. Where a plain
TCP transport has nothing queued the bytes go straight to the socket; Twisted's own write would
register for a writable socket and wait another turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime


class Flusher:
    """Flushes everything that was written in a reactor turn, with one timer for all.

    Args:
        clock: Calls at the end of the turn.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Outgoing] = []

    def add(self, one: Outgoing) -> None:
        """Have `one` flushed at the end of this turn."""
        if not self._waiting:
            self._clock.callLater(0, self.flush)
        self._waiting.append(one)

    def flush(self) -> None:
        """Flush all that wait.

        Everything is made ready first. The loop over the sockets then has next to nothing in it:
        what runs right after a system call runs on cold caches, and costs several times as much.
        """
        waiting, self._waiting = self._waiting, []
        ready = []
        for one in waiting:
            try:
                data = one.take()
            except Exception:  # noqa: BLE001 - one broken connection must not hold up the others
                self.log.failure("flush failed")
            else:
                if data:
                    ready.append((one.send, data, len(data), one))
        short = []
        for send, data, size, one in ready:
            try:
                sent = send(data)
            except OSError:
                sent = 0  # full, or broken: the reactor meets it again and deals with it
            if sent != size:
                short.append((one, data[sent:]))
        for one, rest in short:
            one.queue(rest)


@implementer(IPushProducer)
class Outgoing:
    """The bytes on their way to one client, counted.

    Args:
        transport: Where they go; this object registers as its producer.
        flusher: Sends what waits at the end of a turn.
        limit: Bytes of events that may wait while the client does not read.
        slow: Called once when there are more.
        ready: Called when the client reads again.
    """

    def __init__(
        self,
        transport: Any,
        flusher: Flusher,
        *,
        limit: int,
        slow: Callable[[], None],
        ready: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._flusher = flusher
        self._limit = limit
        self._slow = slow
        self._ready = ready
        self._parts: list[bytes] = []
        self._held = 0
        self.paused = False
        # TLS and others have a buffer of their own above the socket, and a farewell of their own.
        self.direct = isinstance(transport, Connection) and not getattr(transport, "TLS", False)
        self.send: Callable[[bytes], int] = transport.socket.send if self.direct else transport.write
        self._clear = False
        """Whether the transport is known to hold nothing."""
        self._ended = False
        transport.registerProducer(self, True)  # noqa: FBT003 - Twisted's signature

    def write(self, data: bytes) -> None:
        """Send events; too many that wait make the client a slow one."""
        if self.paused:
            self._held += len(data)
            if self._held > self._limit:
                self._slow()
                return
        elif not self._parts:
            self._flusher.add(self)
        self._parts.append(data)

    def answer(self, data: bytes) -> None:
        """Send what the client asked for; it does not count as waiting, for its requests are limited."""
        if not self.paused and not self._parts:
            self._flusher.add(self)
        self._parts.append(data)

    def drop(self) -> None:
        """Forget what waits: whole lines, so that what follows is understood."""
        self._parts.clear()
        self._held = 0

    def take(self) -> bytes:
        """Return what is to go straight to the socket; what cannot goes to the transport here."""
        parts = self._parts
        if self.paused or not parts:
            return b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if self._clear or self._drained():
            return data
        self._transport.write(data)
        return b""

    def queue(self, rest: bytes) -> None:
        """Give the transport what the socket did not take."""
        self._clear = False
        self._transport.write(rest)

    def _drained(self) -> bool:
        """Look whether the transport has sent what it held, so that the socket can be used again."""
        transport = self._transport
        self._clear = (
            self.direct and not self._ended and not transport.dataBuffer and not transport._tempDataBuffer  # noqa: SLF001 - the only way to know that nothing is queued
        )
        return self._clear

    @property
    def queued(self) -> int:
        """Return the bytes that wait here and, where it can be seen, in the transport."""
        held = sum(map(len, self._parts))
        if self.direct:
            transport = self._transport
            held += len(transport.dataBuffer) - transport.offset + transport._tempDataLen  # noqa: SLF001 - likewise
        return held

    def finish(self) -> None:
        """Hand everything over and stop producing: the transport may close once it has sent it."""
        self.paused = False
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()
        self._end()
        self._transport.unregisterProducer()

    def _end(self) -> None:
        self._ended = True
        self._clear = False

    def pauseProducing(self) -> None:
        """Hold back: the transport has enough."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Go on: the transport has sent what it held."""
        self.paused = False
        self._held = 0
        if self._parts:
            self._flusher.add(self)
        self._ready()

    def stopProducing(self) -> None:
        """Forget everything: the connection is gone."""
        self._end()
        self._parts.clear()

"""The bytes of a mock's connections: in tiny pieces, only half of them and then the end, or none any more."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

_PIECE_BYTES = 16
_PIECE_S = 0.001
_FULL_BYTES = 65_536
"""What may wait to be cut into pieces before the protocol is asked to pause."""


class FaultyTransport(ProtocolWrapper):
    """The transport of one connection, between its protocol and its socket."""

    factory: FaultyFactory

    def __init__(self, factory: FaultyFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.lost: Callable[[], None] | None = None
        """Called when the connection is gone."""
        self._missing = 0
        self._silent = False
        self._waiting = bytearray()
        self._timer: IDelayedCall | None = None
        self._producer: Any = None
        self._paused = False

    def stall(self) -> None:
        """Let nothing through any more, in either direction, after what was written in this turn."""
        self.factory.clock.callLater(0, self._fall_silent)

    def _fall_silent(self) -> None:
        self._silent = True
        if not self.disconnecting:
            self.transport.resumeProducing()  # type: ignore[union-attr]  # that the client closes must be seen

    def dataReceived(self, data: bytes) -> None:
        """Give the protocol what has come."""
        if not self._silent:
            super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted's

    def lose(self, missing: int) -> None:
        """Have the next bytes that are written arrive without the last ones, and the connection end there.

        Args:
            missing: How many do not arrive.
        """
        self._missing = missing

    def write(self, data: bytes) -> None:
        """Send bytes, all at once or piece by piece."""
        if self.disconnecting or self._silent:
            return
        if not self.factory.in_pieces:
            self._write(data)
        else:
            self._waiting += data
            self._wait()
            self._hold_back()
        if self._missing:
            self.loseConnection()

    def _write(self, data: bytes) -> None:
        super().write(data[: len(data) - self._missing])  # type: ignore[no-untyped-call]  # Twisted's

    def _wait(self) -> None:
        if self._timer is None and len(self._waiting) > self._missing:
            self._timer = self.factory.clock.callLater(_PIECE_S, self._send_piece)

    def _send_piece(self) -> None:
        self._timer = None
        size = self.factory.random.randint(1, _PIECE_BYTES)
        piece = bytes(self._waiting[: min(size, len(self._waiting) - self._missing)])
        del self._waiting[: len(piece)]
        super().write(piece)  # type: ignore[no-untyped-call]  # Twisted's
        self._wait()
        self._hold_back()
        if self.disconnecting and len(self._waiting) <= self._missing:
            super().loseConnection()  # type: ignore[no-untyped-call]  # Twisted's

    def _hold_back(self) -> None:
        """Have the protocol pause while much waits: it knows when a client is too slow."""
        full = len(self._waiting) > _FULL_BYTES
        if self._producer is not None and full != self._paused:
            self._paused = full
            if full:
                self._producer.pauseProducing()
            else:
                self._producer.resumeProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Take note of who produces the bytes."""
        self._producer = producer
        super().registerProducer(producer, streaming)  # type: ignore[no-untyped-call]  # Twisted's

    def unregisterProducer(self) -> None:
        """Forget who has produced them."""
        self._producer = None
        super().unregisterProducer()  # type: ignore[no-untyped-call]  # Twisted's

    def writeSequence(self, data: Any) -> None:
        """Send bytes likewise."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once everything has been sent."""
        self.disconnecting = 1
        if self._timer is None:
            super().loseConnection()  # type: ignore[no-untyped-call]  # Twisted's

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell those concerned."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.disconnecting = 1
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's
        if self.lost is not None:
            self.lost()
            self.lost = None


class FaultyFactory(WrappingFactory[FaultyTransport]):
    """Makes connections whose bytes go through a :class:`FaultyTransport`.

    Args:
        wrapped: Makes their protocols.
        clock: Spreads the pieces.
        random: Decides on their sizes.
        in_pieces: Whether bytes arrive in tiny pieces.
    """

    noisy = False
    protocol = FaultyTransport

    def __init__(self, wrapped: Any, *, clock: IReactorTime, random: Random, in_pieces: bool = False) -> None:
        super().__init__(wrapped)  # type: ignore[no-untyped-call]  # Twisted's
        self.clock = clock
        self.random = random
        self.in_pieces = in_pieces
        self.away = False
        """Whether connections are closed as soon as they are made, as by a server that starts again."""

    def buildProtocol(self, addr: IAddress | None) -> FaultyTransport | None:  # type: ignore[override]  # IProtocolFactory allows it
        """Return the protocol of a new connection, None to close it."""
        return None if self.away else super().buildProtocol(addr)

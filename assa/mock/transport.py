"""The bytes of a mock's connections: sent in tiny pieces, or only half of them and then nothing."""

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


class FaultyTransport(ProtocolWrapper):
    """The transport of one connection, between its protocol and its socket."""

    factory: FaultyFactory

    def __init__(self, factory: FaultyFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.lost: Callable[[], None] | None = None
        """Called when the connection is gone."""
        self._missing = 0
        self._waiting = bytearray()
        self._timer: IDelayedCall | None = None

    def lose(self, missing: int) -> None:
        """Have the next bytes that are written arrive without the last ones, and the connection end there.

        Args:
            missing: How many do not arrive.
        """
        self._missing = missing

    def write(self, data: bytes) -> None:
        """Send bytes, all at once or piece by piece."""
        if self.disconnecting:
            return
        if not self.factory.in_pieces:
            self._write(data)
        else:
            self._waiting += data
            self._wait()
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
        if self.disconnecting and len(self._waiting) <= self._missing:
            super().loseConnection()  # type: ignore[no-untyped-call]  # Twisted's

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

"""The TCP front: newline-delimited JSON over a socket (§1.1, protocol v1.1 framing)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.protocols.basic import LineReceiver

from assa.framing import Broken, LineBuffer
from assa.outgoing import Flusher, Outgoing

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IDelayedCall
    from twisted.python.failure import Failure

    from assa.node import Node

_LINES_A_TURN = 64
"""Lines of one client that are looked at before the others get their turn."""
_READ_AHEAD = 16_384
"""Bytes that a client without an identity may have sent ahead."""
_LINGER_S = 2.0
_SEND_BUFFER = 65_536
"""Bytes: the kernel would hold megabytes for a client that does not read."""


class ChatProtocol(LineReceiver):
    """One client's connection.

    The framing is our own: LineReceiver's is quadratic in the length of a line.

    Args:
        node: Where its session lives.
        flusher: Sends at the end of a reactor turn.
        connections: Where it counts itself while it is open.
    """

    delimiter = b"\n"

    def __init__(self, node: Node, flusher: Flusher, connections: set[ChatProtocol]) -> None:
        self._node = node
        self._flusher = flusher
        self._connections = connections
        self._lines = LineBuffer(limit=node.limits.early_line_bytes, endless=node.limits.discarded_line_bytes)
        self._again: IDelayedCall | None = None
        self._last_resort: IDelayedCall | None = None
        self._closing = False
        self._pumping = False

    def connectionMade(self) -> None:
        """Open the session."""
        transport: Any = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        handle = getattr(getattr(transport, "transport", transport), "socket", None)
        if isinstance(handle, socket.socket):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._outgoing = Outgoing(
            transport,
            self._flusher,
            limit=self._node.limits.outgoing_bytes,
            slow=self._slow,
            ready=self.resume,
        )
        self.write, self.answer = self._outgoing.write, self._outgoing.answer
        self._session = self._node.open(self)
        self._connections.add(self)

    # --- what arrives ---

    def dataReceived(self, data: bytes) -> None:
        """Cut the bytes into lines."""
        if not self._closing:
            self._lines.feed(data)
            self._pump()

    def lineReceived(self, line: bytes) -> None:
        """Give the session a line."""
        self._session.received(line)

    def _pump(self) -> None:
        if self._again is None and not self._pumping:
            self._pumping = True
            try:
                self._bring_lines()
            finally:
                self._pumping = False

    def _bring_lines(self) -> None:
        for _ in range(_LINES_A_TURN):
            if not self._session.accepting:
                break
            line = self._lines.next()
            if line is None:
                self._read(on=True)
                return
            if isinstance(line, bytes):
                if line:  # an empty one is ignored, but it had its turn
                    self.lineReceived(line)
            elif line is Broken.TOO_LONG:
                self._session.overlong(self._lines.limit)
            else:
                self._session.close("endless line")
        else:
            self._again = self._node.clock.callLater(0, self._pump_again)
        # A CONNECT may have to wait for the database. If its client hangs up meanwhile, that must be seen
        # before it takes anything away from where the client is then: a socket that is not read hides it.
        self._read(on=self._session.identity is None and len(self._lines) < _READ_AHEAD)

    def _pump_again(self) -> None:
        self._again = None
        self._pump()

    def _read(self, *, on: bool) -> None:
        if on == self.paused and not self._closing:
            if on:
                self.resumeProducing()  # type: ignore[no-untyped-call]  # Twisted's
            else:
                self.pauseProducing()  # type: ignore[no-untyped-call]  # Twisted's

    def _slow(self) -> None:
        self._session.slow()

    # --- what the session asks of its front ---

    @property
    def address(self) -> str:
        """Return the client's IP address; behind a PROXY header it is known with the first bytes."""
        return str(getattr(self.transport.getPeer(), "host", "")) if self.transport else ""

    @property
    def clogged(self) -> bool:
        """Return whether the client does not read what it is sent."""
        return self._outgoing.paused

    def allow_long_lines(self) -> None:
        """Take lines of full length from here on."""
        self._lines.limit = self._node.limits.line_bytes

    def resume(self) -> None:
        """Go on with lines that have arrived, and read again."""
        if (self.paused or self._lines) and not self._closing:
            self._pump()

    def close(self, last: bytes, *, drop: bool) -> None:
        """Send what waits, or drop it, then `last`; the client gets a moment to read it."""
        self._closing = True
        if drop:
            self._outgoing.drop()
        if last:
            self._outgoing.answer(last)
        self._outgoing.finish()
        transport: Any = self.transport
        if self.paused:
            # What still comes is read and thrown away: closing with unread bytes would reset the
            # connection, and the client might lose the last line.
            self.resumeProducing()  # type: ignore[no-untyped-call]  # Twisted's
        if self._outgoing.direct:
            transport.loseWriteConnection()
        else:
            transport.loseConnection()
        self._last_resort = self._node.clock.callLater(_LINGER_S, transport.abortConnection)

    def abort(self) -> None:
        """Close at once, whatever has not been sent."""
        transport: Any = self.transport
        transport.abortConnection()

    def hang_up(self, last: bytes) -> None:
        """Send the last line and close, without waiting for the client."""
        self._closing = True
        self._outgoing.answer(last)
        self._outgoing.finish()
        transport: Any = self.transport
        transport.loseConnection()
        self._last_resort = self._node.clock.callLater(_LINGER_S, transport.abortConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the session."""
        del reason  # the session's state says what it was closed for
        self._closing = True
        for timer in (self._again, self._last_resort):
            if timer is not None and timer.active():
                timer.cancel()
        self._connections.discard(self)
        self._session.lost()


class ChatFactory(ServerFactory):
    """Makes the connections of a node; listen with it on any endpoint.

    Args:
        node: Where the sessions live.
    """

    noisy = False

    def __init__(self, node: Node) -> None:
        self.node = node
        self.connections: set[ChatProtocol] = set()
        self._flusher = Flusher(node.clock)

    def buildProtocol(self, addr: IAddress | None) -> ChatProtocol:
        """Return the protocol of a new connection."""
        del addr
        protocol = ChatProtocol(self.node, self._flusher, self.connections)
        protocol.factory = self
        return protocol

"""A client's connection, whatever its framing: what arrives, a few messages a turn, and how it closes.

A front of its session (:class:`assa.around.Front`). What cuts bytes into messages is given to it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone

from assa.framing import Broken
from assa.outgoing import Flusher, Outgoing

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from assa.node import Node
    from assa.session import Session

_MESSAGES_A_TURN = 64
"""Messages of one client that are looked at before the others get their turn."""
_READ_AHEAD = 16_384
"""Bytes that a client without an identity may have sent ahead."""
_LINGER_S = 2.0
_SEND_BUFFER = 65_536
"""Bytes: the kernel would hold megabytes for a client that does not read."""


class Incoming(Interface):
    """Cuts what arrives into messages."""

    limit: int
    """Bytes of the longest message; may be changed at any time."""

    def __len__(self) -> int:
        """Return how many bytes wait."""

    def feed(self, data: bytes) -> None:
        """Add a chunk as it came from the connection."""

    def next(self) -> bytes | Broken | None:
        """Return the next message, what is wrong with it, or None: feed more.

        An empty one is to be ignored, but it had its turn.
        """


class Connections(set["Connection"]):
    """The open connections of a node, whatever their front, and what they share.

    Args:
        node: Where their sessions live.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node
        self.flusher = Flusher(node.clock)
        """Sends at the end of a reactor turn."""


class Connection(Protocol):
    """One client's connection; a subclass adds its framing.

    Args:
        connections: Where it counts itself while it is open.
        incoming: Cuts what arrives into messages.
    """

    kind: str

    def __init__(self, connections: Connections, incoming: Incoming) -> None:
        self._node = connections.node
        self._connections = connections
        self._incoming = incoming
        self._again: IDelayedCall | None = None
        self._last_resort: IDelayedCall | None = None
        self._closing = False
        self._pumping = False
        self._reading = True

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
            self._connections.flusher,
            limit=self._node.limits.outgoing_bytes,
            slow=self._slow,
            ready=self.resume,
        )
        self._begin_writing()
        self._session = self._node.open(self)
        self._connections.add(self)

    def _begin_writing(self) -> None:
        """Decide how what is written becomes bytes; lines are what goes over the wire already."""
        self.write, self.answer = self._outgoing.write, self._outgoing.answer

    # --- what arrives ---

    def dataReceived(self, data: bytes) -> None:
        """Cut the bytes into messages."""
        if not self._closing:
            self._incoming.feed(data)
            self._pump()

    def messageReceived(self, message: bytes) -> None:
        """Give the session a message."""
        self._session.received(message)

    def _pump(self) -> None:
        if self._again is None and not self._pumping:
            self._pumping = True
            try:
                self._bring_messages()
            finally:
                self._pumping = False

    def _bring_messages(self) -> None:
        for _ in range(_MESSAGES_A_TURN):
            if not self._session.accepting:
                break
            message = self._incoming.next()
            if message is None:
                self._read(on=True)
                return
            if isinstance(message, bytes):
                if message:
                    self.messageReceived(message)
            elif message is Broken.TOO_LONG:
                self._session.overlong(self._incoming.limit)
            else:
                self._session.close(message.value)
        else:
            self._again = self._node.clock.callLater(0, self._pump_again)
        # A CONNECT may have to wait for the database. If its client hangs up meanwhile, that must be seen
        # before it takes anything away from where the client is then: a socket that is not read hides it.
        self._read(on=self._session.identity is None and len(self._incoming) < _READ_AHEAD)

    def _pump_again(self) -> None:
        self._again = None
        self._pump()

    def _read(self, *, on: bool) -> None:
        if on != self._reading and not self._closing:
            self._set_reading(on=on)

    def _set_reading(self, *, on: bool) -> None:
        self._reading = on
        transport: Any = self.transport
        if on:
            transport.resumeProducing()
        else:
            transport.pauseProducing()

    def _slow(self) -> None:
        self._session.slow()

    # --- what operators ask ---

    @property
    def session(self) -> Session:
        """Return its session."""
        return self._session

    @property
    def queued(self) -> int:
        """Return the bytes that wait for the client, apart from what the kernel has."""
        return self._outgoing.queued

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
        """Take messages of full length from here on."""
        self._incoming.limit = self._node.limits.line_bytes

    def resume(self) -> None:
        """Go on with messages that have arrived, and read again."""
        if (not self._reading or self._incoming) and not self._closing:
            self._pump()

    def close(self, reason: str, last: bytes, *, drop: bool) -> None:
        """Send what waits, or drop it, then `last`; the client gets a moment to read it."""
        self._closing = True
        if drop:
            self._outgoing.drop()
        self._say_last(reason, last)
        if not self._reading:
            # What still comes is read and thrown away: closing with unread bytes would reset the
            # connection, and the client might lose the last line.
            self._set_reading(on=True)
        self._end_writing()
        self._cut_later()

    def hang_up(self, reason: str, last: bytes) -> None:
        """Send the last line and close, without waiting for the client."""
        self._closing = True
        self._say_last(reason, last)
        transport: Any = self.transport
        transport.loseConnection()
        self._cut_later()

    def _say_last(self, reason: str, last: bytes) -> None:
        if last:
            self.answer(last)
        self._say_why(reason)
        self._outgoing.finish()

    def _say_why(self, reason: str) -> None:
        """Tell the client why it is closed, where the framing has a way."""

    def _end_writing(self) -> None:
        transport: Any = self.transport
        if self._outgoing.direct:
            transport.loseWriteConnection()
        else:
            transport.loseConnection()

    def _cut_later(self) -> None:
        self._last_resort = self._node.clock.callLater(_LINGER_S, self.abort)

    def abort(self) -> None:
        """Close at once, whatever has not been sent."""
        transport: Any = self.transport
        transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the session."""
        del reason  # the session's state says what it was closed for
        self._closing = True
        for timer in (self._again, self._last_resort):
            if timer is not None and timer.active():
                timer.cancel()
        self._connections.discard(self)
        self._session.lost()

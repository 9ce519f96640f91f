"""What the candidates for the WebSocket front are asked to do, and on what: a connection in memory."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.testing import StringTransport

LIMIT = 1 << 20  # bytes of a message, for those that can limit it
SUBPROTOCOL = "assa.v1"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: assa.v1\r\n\r\n"
)


class Wire(StringTransport):
    """The server's end of a connection, in memory: it keeps what is written as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writeSequence(self, data: Sequence[bytes]) -> None:
        self.written.append(b"".join(data))

    def unregisterProducer(self) -> None:
        self.producer = None  # which a socket's transport takes without one, too

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: FBT001, N802 - Twisted's signature
        pass

    def abortConnection(self) -> None:
        pass


class Side(Protocol):
    """A connection whose handshake has been answered."""

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""

    def send(self, text: bytes) -> None:
        """Send a message."""

    def watch(self, producer: Any) -> None:
        """Have the producer told when the client does not read."""


class Candidate(Protocol):
    """One way to serve WebSocket; its module has a class of this kind by the name of Candidate."""

    def accept(self, wire: Wire, take: Callable[[Any], None]) -> Side:
        """Answer HANDSHAKE; give each message to `take`."""

    def broadcast(self, sides: Sequence[Side], text: bytes) -> None:
        """Send a message to many, as cheaply as it goes."""

"""One connection to the server that is tried: lines out, messages in (§1.1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from assa.conformance.messages import Json

_LONGEST_LINE: Final = 16 * 1_048_576
_SHOWN_BYTES: Final = 120


def timestamp() -> str:
    """Return the present time as messages carry it (§2.2)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def greeting(token: str) -> Json:
    """Return the CONNECT of a first connection (§3.1)."""
    return {
        "action": "CONNECT",
        "data": {"jwt_token": token},
        "timestamp": timestamp(),
        "seq_id": "connect_001",
    }


@implementer(IHandshakeListener)
class Line(LineOnlyReceiver):
    """A connection.

    Args:
        received: Gets every message but PING where it is answered.
        wrong: Gets a sentence about what is no message.
    """

    delimiter = b"\n"
    MAX_LENGTH = _LONGEST_LINE

    transport: ITCPTransport

    def __init__(self, received: Callable[[Json], None], wrong: Callable[[str], None]) -> None:
        self._received = received
        self._wrong = wrong
        self._open = False
        self._waiting: list[Deferred[None]] = []
        self.answers_pings = True
        """Whether PING gets its PONG by itself (§8.2)."""
        self.secured: Deferred[None] = Deferred()
        """Fires after the handshake of TLS, or when the connection closes."""
        self.reason = connectionDone
        """Why it has closed."""

    @property
    def open(self) -> bool:
        """Return whether the connection is there."""
        return self._open

    def connectionMade(self) -> None:
        """Take note of it."""
        self._open = True
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)

    def handshakeCompleted(self) -> None:  # noqa: N802 - IHandshakeListener names it
        """Tell that TLS is there."""
        self.secured.callback(None)

    def lineReceived(self, line: bytes) -> None:
        """Take a line apart."""
        try:
            message = json.loads(line.decode())
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._wrong(f"expected one JSON object in UTF-8, came {line[:_SHOWN_BYTES]!r}")
            self._arrived()
            return
        self._received(message)
        if message.get("action") == "PING" and self.answers_pings:
            self.send({"action": "PONG", "timestamp": timestamp(), "seq_id": message.get("seq_id")})
        self._arrived()

    def lineLengthExceeded(self, line: bytes) -> None:
        """Give up on a line without an end."""
        self._wrong(f"a line of more than {_LONGEST_LINE} bytes")
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell whoever waits."""
        self._open, self.reason = False, reason
        if not self.secured.called:
            self.secured.callback(None)
        if rest := bytes(self._buffer):
            self._wrong(f"the connection was closed within a line: {rest[:_SHOWN_BYTES]!r}")
        self._arrived()

    def send(self, message: Json) -> None:
        """Send a message."""
        self.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._open:
            self.transport.write(data)

    def arrival(self) -> Deferred[None]:
        """Return what fires with the next message, or when the connection closes."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def _arrived(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    def abort(self) -> None:
        """Drop the connection, as a change of networks does."""
        if self._open:
            self.transport.abortConnection()

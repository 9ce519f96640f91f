"""One connection to a server: lines in, lines out (protocol v1.1 framing)."""

from __future__ import annotations

from typing import Any, Final, Protocol

import orjson
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from assa import wire
from assa.client.pulse import Pulse
from assa.errors import Refused
from assa.framing import LineBuffer

_LINE_BYTES: Final = 64 * 1_048_576
"""Answers have no limit of their own: a list of rooms has one message of each."""


class Owner(Protocol):
    """Whose connection it is."""

    def received(self, line: Line, message: dict[str, Any]) -> None:
        """Take a message."""

    def lost(self, line: Line, reason: str) -> None:
        """Take note that the connection is gone."""


def words_of(failure: Failure) -> str:
    """Say in one line why a connection failed or ended."""
    if isinstance(failure.value, SSL.Error) and failure.value.args and failure.value.args[0]:
        # Each of OpenSSL's errors is the library, the function and the reason.
        return ", ".join(str(problem[-1]) for problem in failure.value.args[0])
    if isinstance(failure.value, VerificationError):
        return "the server's certificate is for another name"
    text = failure.getErrorMessage() or type(failure.value).__name__
    return text.splitlines()[0].rstrip(".")


class Line(TwistedProtocol):
    """One connection.

    Args:
        owner: Gets what arrives.
        reactor: The time.
    """

    transport: ITCPTransport

    def __init__(self, owner: Owner, reactor: IReactorTime) -> None:
        self._owner = owner
        self._reactor = reactor
        self._lines = LineBuffer(limit=_LINE_BYTES, endless=_LINE_BYTES)
        self._pulse = Pulse(reactor, ask=self._ping, dead=lambda: self.abort("the server is silent"))
        self._closing: str | None = None
        self._open = False

    def connectionMade(self) -> None:
        """Begin to watch for signs of life."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._open = True
        self._pulse.start()

    def dataReceived(self, data: bytes) -> None:
        """Cut the bytes into messages."""
        self._pulse.beat()
        self._lines.feed(data)
        while self._open and self._closing is None and (line := self._lines.next()) is not None:
            if line == b"":
                continue  # blank lines are ignored
            try:
                message = wire.parse(line) if isinstance(line, bytes) else {}
            except Refused:
                message = {}
            if not isinstance(message.get("action"), str):
                self.abort("the other side does not speak the ASSA protocol")
            elif message["action"] == "PING":
                self.send({"action": "PONG", "seq_id": message.get("seq_id")})
            else:
                self._owner.received(self, message)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; its timestamp is added."""
        if self._open:
            now = wire.iso(int(self._reactor.seconds() * 1000))
            self.transport.write(
                orjson.dumps({**message, "timestamp": now}, option=orjson.OPT_APPEND_NEWLINE)
            )

    def _ping(self) -> None:
        self.send({"action": "PING", "seq_id": "pulse"})

    def abort(self, reason: str) -> None:
        """Close at once, for a reason that is told."""
        if self._open and self._closing is None:
            self._closing = reason
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the owner."""
        self._open = False
        self._pulse.stop()
        self._owner.lost(self, self._closing or words_of(reason))

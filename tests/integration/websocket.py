"""Clients as in :mod:`tests.integration.plain` that come over WebSocket."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from tests.integration import plain
from tests.integration.plain import Address


class FramedSocket:
    """A connected socket that speaks WebSocket, for those who speak lines.

    Args:
        stream: The connection.
        header: What stands before the handshake, for a proxy's word about the client.
        options: Further arguments of the ClientProtocol.
    """

    def __init__(self, stream: socket.socket, *, header: bytes = b"", **options: Any) -> None:
        self._stream = stream
        given: dict[str, Any] = {"subprotocols": ["assa.v1"], "max_size": None} | options
        self.core = ClientProtocol(parse_uri("ws://localhost/ws"), **given)
        self.core.send_request(self.core.connect())
        stream.sendall(header + b"".join(self.core.data_to_send()))
        self._ready = b""
        while self.core.state is not OPEN:
            assert self._receive(65_536), self.core.handshake_exc
            assert self.core.handshake_exc is None, self.core.handshake_exc

    def sendall(self, lines: bytes) -> None:
        """Send a message for each line."""
        frames = [Frame(Opcode.TEXT, line).serialize(mask=True) for line in lines.split(b"\n")[:-1]]
        self._stream.sendall(b"".join(frames))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._stream.sendall(data)

    def recv(self, size: int) -> bytes:
        """Return lines; nothing once the server has closed the connection."""
        while not self._ready:
            if not self._receive(size):
                return b""
        ready, self._ready = self._ready, b""
        return ready

    def _receive(self, size: int) -> bool:
        data = self._stream.recv(size)
        if data:
            self.core.receive_data(data)
            for event in self.core.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    self._ready += bytes(event.data) + b"\n"
            answers = b"".join(self.core.data_to_send())
            with suppress(ConnectionError):  # what has come is worth reading all the same
                self._stream.sendall(answers)
        return bool(data)

    @property
    def closed_with(self) -> Close | None:
        """Return the code and the reason of the server's Close frame."""
        return self.core.close_rcvd

    def __getattr__(self, name: str) -> Any:
        """Leave all else to the socket."""
        return getattr(self._stream, name)


class WebSocketClient(plain.Client):
    """One user's device that comes over WebSocket.

    Args:
        address: Where the server's HTTP port is.
        user_id: Who it is.
        tls: As for `Client`.
        header: What a proxy says before the handshake.
    """

    def __init__(
        self, address: Address, user_id: int, *, tls: ssl.SSLContext | None = None, header: bytes = b""
    ) -> None:
        self._header = header
        super().__init__(address, user_id, tls=tls)

    def dial(self, address: Address | None = None) -> None:
        """Open a connection and shake hands."""
        super().dial(address)
        stream: Any = FramedSocket(self.socket, header=self._header)
        self.socket = stream

    @property
    def closed_with(self) -> Close | None:
        """Return the code and the reason of the server's Close frame."""
        stream: Any = self.socket
        closed: Close | None = stream.closed_with
        return closed

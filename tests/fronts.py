"""The two ways in: lines over TCP, and text frames over WebSocket after a real handshake.

Each opens a connection through what a real server would hand it to, and turns lines into bytes and back.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from assa.connection import Connections
from assa.http.addresses import Origins, Proxies
from assa.http.site import ChatSite, tree
from assa.http.websocket import SUBPROTOCOL, WebSocketResource
from assa.tcp import ChatFactory

URI = "ws://chat.example.org/ws"


class TcpFront:
    """Lines that end in LF.

    Args:
        factory: Makes the server's side.
        transport: The connection.
    """

    def __init__(self, factory: ChatFactory, transport: StringTransport) -> None:
        self.protocol: Any = factory.buildProtocol(transport.getPeer())
        self.protocol.makeConnection(transport)
        self._rest = b""

    def pack(self, data: bytes) -> bytes:
        """Return lines as they go over the wire."""
        return data

    def unpack(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with what has come now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    @property
    def closing(self) -> bool:
        """Return whether the server has said that it closes: TCP has no word for it."""
        return False


class WebSocketFront:
    """Text frames; what has no LF yet is a fragment that is not the last.

    Args:
        site: Makes the server's side.
        transport: The connection.
    """

    def __init__(self, site: ChatSite, transport: StringTransport) -> None:
        self.core = ClientProtocol(parse_uri(URI), subprotocols=[SUBPROTOCOL], max_size=None)
        self.core.send_request(self.core.connect())
        channel: Any = site.buildProtocol(transport.getPeer())
        channel.makeConnection(transport)
        channel.dataReceived(b"".join(self.core.data_to_send()))
        self.core.receive_data(transport.value())
        transport.clear()
        self.core.events_received()
        assert self.core.state is OPEN, self.core.handshake_exc
        # Where a real transport finds the protocol that has taken the place of HTTP's.
        self.protocol: Any = transport.protocol  # type: ignore[attr-defined]
        self._begun = False

    def pack(self, data: bytes) -> bytes:
        """Return lines as they go over the wire."""
        *lines, rest = data.split(b"\n")
        parts = [(line, True) for line in lines] + [(rest, False)] * bool(rest)
        return b"".join([self._frame(part, last=last) for part, last in parts])

    def _frame(self, part: bytes, *, last: bool) -> bytes:
        opcode = Opcode.CONT if self._begun else Opcode.TEXT
        self._begun = not last
        return Frame(opcode, part, last).serialize(mask=True)

    def unpack(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with what has come now; PINGs and Close get their answer."""
        if data:
            self.core.receive_data(data)
        frames = [one for one in self.core.events_received() if isinstance(one, Frame)]
        assert self.core.parser_exc is None, self.core.parser_exc
        answers = b"".join(self.core.data_to_send())
        if answers:
            self.protocol.dataReceived(answers)
        messages = [one for one in frames if one.opcode is not Opcode.CLOSE]
        assert {(one.opcode, one.fin) for one in messages} <= {(Opcode.TEXT, True)}
        return [bytes(one.data) for one in messages]

    @property
    def closing(self) -> bool:
        """Return whether the server has sent its Close frame."""
        return self.core.close_rcvd is not None

    @property
    def closed_with(self) -> Close | None:
        """Return the code and the reason of the server's Close frame."""
        return self.core.close_rcvd


def make_site(connections: Connections, clock: Any, **options: Any) -> ChatSite:
    """Return an HTTP port with nothing but WebSockets on it, all that are open being among `connections`.

    Args:
        connections: Those of a node.
        clock: Its clock.
        options: Further arguments of WebSocketResource, by default for clients without a proxy.
    """
    given: dict[str, Any] = {"origins": Origins(), "proxies": Proxies()} | options
    return ChatSite(tree({"ws": WebSocketResource(connections, **given)}), clock, connections=1_000)


Front = TcpFront | WebSocketFront

"""The two ways in: lines over TCP, and text frames over WebSocket after a real handshake.

Each opens a connection through what a real server would hand it to, and turns lines into bytes and back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.uri import parse_uri

from assa.connection import Connections
from assa.http.addresses import Origins, Proxies
from assa.http.site import ChatSite, tree
from assa.http.websocket import SUBPROTOCOL, WebSocketResource
from assa.tcp import ChatFactory
from tests.web import request_bytes

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
        options: Further arguments of the client's ClientProtocol.
    """

    def __init__(self, site: ChatSite, transport: StringTransport, **options: Any) -> None:
        given: dict[str, Any] = {"subprotocols": [SUBPROTOCOL], "max_size": None} | options
        self.core = ClientProtocol(parse_uri(URI), **given)
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
        messages = [one for one in frames if one.opcode not in (Opcode.PONG, Opcode.CLOSE)]
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

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""RFC 6455, section 1.3."""


def upgrade(**headers: str | None) -> bytes:
    """Return a handshake, with other headers or without some (None); underscores stand for dashes."""
    given: dict[str, str | None] = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return request_bytes("GET", "/ws", {name: value for name, value in given.items() if value is not None})


class Raw:
    """A WebSocket whose every byte is the test's, and whose every frame the test sees.

    Args:
        site: Makes the server's side.
        turn: Lets what is due happen, after each send.
        address: Where it comes from.
        behind: What follows the handshake in the same chunk.
        headers: As for :func:`upgrade`.
    """

    def __init__(
        self,
        site: ChatSite,
        turn: Callable[[], None],
        *,
        address: str = "192.0.2.1",
        behind: bytes = b"",
        **headers: str | None,
    ) -> None:
        self._turn = turn
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", address, 50000))
        self.transport.abortConnection = self.drop  # type: ignore[method-assign]
        self.lost = False
        self.channel: Any = site.buildProtocol(self.transport.getPeer())
        self.channel.makeConnection(self.transport)
        self.channel.dataReceived(upgrade(**headers) + behind)
        self.head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        self._core = Protocol(Side.CLIENT, max_size=None)
        self._core.receive_data(rest)
        turn()

    @property
    def protocol(self) -> Any:
        """The server's side, where a real transport finds it."""
        return self.transport.protocol  # type: ignore[attr-defined]

    def send(self, *chunks: bytes) -> None:
        """Send chunks, each as it would come out of the socket."""
        for chunk in chunks:
            self.protocol.dataReceived(chunk)
        self._turn()

    def drop(self) -> None:
        """Be gone without a word."""
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(ConnectionLost()))

    def frames(self) -> list[Frame]:
        """Take the frames that have come."""
        self._core.receive_data(self.transport.value())
        self.transport.clear()
        found = [one for one in self._core.events_received() if isinstance(one, Frame)]
        assert self._core.parser_exc is None, self._core.parser_exc
        return found

    def messages(self) -> list[Any]:
        """Take the frames that have come, which are all text."""
        frames = self.frames()
        assert {one.opcode for one in frames} <= {Opcode.TEXT}, frames
        return [json.loads(bytes(one.data)) for one in frames]

    def closed_with(self) -> int | None:
        """Take the frames that have come, and return the code of the Close frame that was last."""
        self.frames()
        return self._core.close_rcvd and self._core.close_rcvd.code

    @property
    def reason(self) -> str:
        """Return the reason in the Close frame."""
        return self._core.close_rcvd.reason if self._core.close_rcvd else ""


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """Return a client's frame, whether or not it follows the rules."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + size.to_bytes(2)
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8)
    mask = b"\x37\xfa\x21\x3d"
    return head + mask + bytes(one ^ mask[at % 4] for at, one in enumerate(payload))


def text(payload: bytes, *, fin: bool = True) -> bytes:
    """Return a text frame of a client, made quickly."""
    return Frame(Opcode.TEXT, payload, fin).serialize(mask=True)

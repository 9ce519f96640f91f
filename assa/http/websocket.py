"""The WebSocket front at ``/ws``: the session and the messages of TCP, one message per text frame.

Protocol v1.1, section 1. Twisted's HTTP server reads the handshake; from the answer on the connection is a
:class:`WebSocketProtocol` of its own, with nothing of HTTP left around it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.protocols.policies import ProtocolWrapper
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request as Handshake
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from assa.connection import Connection
from assa.errors import Code
from assa.http.addresses import Origins, Proxies
from assa.http.frames import Messages, SharedFrames, framed

if TYPE_CHECKING:
    from twisted.web.server import Request

    from assa.connection import Connections

SUBPROTOCOL: Final = Subprotocol("assa.v1")
_QUIET: Final = logging.getLogger("assa.http.websocket")
_REASON_BYTES: Final = 123
"""What a Close frame has room for."""
_CLOSE_CODES: Final[dict[str, CloseCode]] = {
    "DISCONNECT": CloseCode.NORMAL_CLOSURE,
    "shutdown": CloseCode.GOING_AWAY,
    Code.SERVER_FULL: CloseCode.TRY_AGAIN_LATER,
    Code.SERVICE_UNAVAILABLE: CloseCode.TRY_AGAIN_LATER,
    "operator": CloseCode.TRY_AGAIN_LATER,
    Code.INTERNAL_ERROR: CloseCode.INTERNAL_ERROR,
}
"""By the reason for which a session is closed; any other is a matter of policy (1008)."""
# A window of 4 KiB and little memory: a context is kept for each connection.
_DEFLATE: Final = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)


class WebSocketProtocol(Connection):
    """One client's connection.

    Args:
        connections: Those of its node.
        core: The protocol's core, after its handshake.
        address: The client's IP address.
        frames: Made once for all connections.
    """

    kind = "websocket"

    def __init__(
        self, connections: Connections, core: ServerProtocol, address: str, frames: SharedFrames
    ) -> None:
        self._messages = Messages(core, self._send)
        super().__init__(connections, self._messages)
        self._core = core
        self._address = address
        self._frames = frames

    def _begin_writing(self) -> None:
        write, answer = self._outgoing.write, self._outgoing.answer
        if self._core.extensions:
            self.write = lambda data: write(self._compressed(data))
            self.answer = lambda data: answer(self._compressed(data))
        else:
            self.write = lambda data: write(self._frames.of(data))
            self._write_plain_answers()

    def _write_plain_answers(self) -> None:
        answer = self._outgoing.answer
        self.answer = lambda data: answer(framed(data))

    def _compressed(self, lines: bytes) -> bytes:
        for line in lines.split(b"\n"):
            if line and self._core.state is OPEN:
                self._core.send_text(line)
        return b"".join(self._core.data_to_send())

    def _send(self, frames: bytes) -> None:
        self._outgoing.answer(frames)

    @property
    def address(self) -> str:
        """Return the client's IP address, as a trusted proxy says if there is one."""
        return self._address

    def dataReceived(self, data: bytes) -> None:
        """Cut the bytes into messages; once it is closing, look for the client's Close frame alone."""
        if self._closing:
            self._await_close(data)
        else:
            super().dataReceived(data)

    def close(self, reason: str, last: bytes, *, drop: bool) -> None:
        """Send what waits, or drop it, then `last` and a Close frame."""
        if drop:
            # The client will not have seen what was dropped, which compression would refer to.
            self._write_plain_answers()
        super().close(reason, last, drop=drop)

    def _say_why(self, reason: str) -> None:
        if self._core.state is OPEN:
            code = _CLOSE_CODES.get(reason, CloseCode.POLICY_VIOLATION)
            self._core.send_close(code, reason.encode()[:_REASON_BYTES].decode(errors="ignore"))
        self._messages.flush()

    def _end_writing(self) -> None:
        if self._messages.over and self._core.close_rcvd is None:
            super()._end_writing()  # it broke the rules, so that nothing it sends is understood any more
        else:
            self._await_close(b"")

    def _await_close(self, data: bytes) -> None:
        """Close when the client's Close frame is there; how long it may take is limited as ever."""
        self._messages.skip(data)
        if self._core.close_rcvd is not None:
            transport: Any = self.transport
            transport.loseConnection()


class WebSocketResource(Resource):
    """Turns a request into a WebSocket, or says why not.

    Args:
        connections: Those of the node that it is on.
        origins: Pages that may connect.
        proxies: Who may say what the client's address is.
        compression: Whether permessage-deflate is accepted: it costs each connection memory and time.
    """

    isLeaf = True

    def __init__(
        self, connections: Connections, *, origins: Origins, proxies: Proxies, compression: bool = False
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._connections = connections
        self._origins = origins
        self._proxies = proxies
        self._extensions = (_DEFLATE,) if compression else ()
        self._frames = SharedFrames()

    def render(self, request: Request) -> Any:
        """Answer the handshake."""
        if not self._origins.allows(request):
            request.setResponseCode(403)
            return b"this origin is not among http.origins\n"
        if _has_body(request):
            request.setResponseCode(400)
            return b"a handshake has no body\n"
        shake = ServerProtocol(
            extensions=self._extensions,
            subprotocols=[SUBPROTOCOL],
            select_subprotocol=_select,
            logger=_QUIET,
        )
        response = shake.accept(_handshake(request))
        if shake.handshake_exc is not None or self._connections.node.draining:
            return _refuse(request, response)
        # A core that has not read the handshake itself begins with frames only if it is made so.
        limit = self._connections.node.limits.early_line_bytes
        core = ServerProtocol(state=OPEN, max_size=limit, logger=_QUIET)
        core.extensions = shake.extensions
        protocol = WebSocketProtocol(self._connections, core, self._proxies.client_of(request), self._frames)
        _hand_over(request, protocol, response.serialize())
        return NOT_DONE_YET


def _has_body(request: Request) -> bool:
    """Return whether something stands between the handshake and the frames."""
    headers = request.requestHeaders
    return headers.hasHeader("transfer-encoding") or headers.getRawHeaders("content-length", ["0"]) != ["0"]


def _select(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose ours; a client that names none is taken for one of ours."""
    if offered and SUBPROTOCOL not in offered:
        raise NegotiationError(f"expected the subprotocol {SUBPROTOCOL}")
    return SUBPROTOCOL if offered else None


def _handshake(request: Request) -> Handshake:
    """Return the request as the protocol's core reads it."""
    headers = Headers()
    for name, values in request.requestHeaders.getAllRawHeaders():
        for value in values:
            headers[name.decode("latin-1")] = value.decode("latin-1")
    return Handshake(
        path=request.uri.decode("latin-1"),
        headers=headers,
        method=request.method.decode("latin-1"),
        protocol=request.clientproto.decode("latin-1"),
    )


def _refuse(request: Request, response: Response) -> bytes:
    if response.status_code < HTTPStatus.BAD_REQUEST:  # a good handshake, but the server is about to stop
        request.setResponseCode(HTTPStatus.SERVICE_UNAVAILABLE)
        return b"the server is stopping\n"
    request.setResponseCode(response.status_code)
    for name, value in response.headers.raw_items():
        if name.lower() not in ("connection", "content-length", "date"):  # which are Twisted's
            request.setHeader(name, value)
    return bytes(response.body or b"")


def _hand_over(request: Request, protocol: WebSocketProtocol, answer: bytes) -> None:
    """Have the connection go on as a WebSocket: the HTTP channel is out of its way, and out of memory."""
    channel: Any = request.channel
    transport: Any = channel.transport
    channel.setTimeout(None)
    transport.unregisterProducer()
    if isinstance(transport, ProtocolWrapper):  # TLS or a PROXY header in between
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
    # What came right behind the handshake is still on its way through the channel.
    channel.rawDataReceived = protocol.dataReceived
    transport.write(answer)
    protocol.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted's
    channel.site.gone(channel)
    channel.requests.clear()
    request.channel = None  # type: ignore[assignment]  # it is over
    request.content = None  # it knows the request

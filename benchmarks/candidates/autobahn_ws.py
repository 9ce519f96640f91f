"""Autobahn's protocol on Twisted, with its limits set."""

from collections.abc import Callable, Sequence
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from candidates.wire import HANDSHAKE, LIMIT, SUBPROTOCOL, Wire
from twisted.internet.task import Clock


class Side(WebSocketServerProtocol):
    """A connection."""

    take: Callable[[Any], None]

    def onConnect(self, request: Any) -> str | None:  # noqa: N802 - Autobahn's
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: FBT001, N802, N803 - Autobahn's
        self.take(payload)

    def feed(self, data: bytes) -> None:
        self.dataReceived(data)

    def send(self, text: bytes) -> None:
        self.sendMessage(text)

    def watch(self, producer: Any) -> None:
        self.registerProducer(producer, True)  # noqa: FBT003 - Twisted's signature


class Candidate:
    """A factory."""

    def __init__(self) -> None:
        self.factory = WebSocketServerFactory(protocols=[SUBPROTOCOL], reactor=Clock())
        self.factory.protocol = Side
        self.factory.setProtocolOptions(
            maxMessagePayloadSize=LIMIT,
            maxFramePayloadSize=LIMIT,
            failByDrop=False,  # say why instead
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
        )

    def accept(self, wire: Wire, take: Callable[[Any], None]) -> Side:
        side = self.factory.buildProtocol(None)
        side.take = take
        side.makeConnection(wire)
        side.feed(HANDSHAKE)
        return side

    def broadcast(self, sides: Sequence[Side], text: bytes) -> None:
        prepared = self.factory.prepareMessage(text)
        for side in sides:
            side.sendPreparedMessage(prepared)

"""twisted.web.websocket as it ships: wsproto below a resource."""

from collections.abc import Callable, Sequence
from typing import Any

from candidates.wire import HANDSHAKE, Wire
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.websocket import WebSocketResource


class Side:
    """A connection."""

    def __init__(self, take: Callable[[Any], None]) -> None:
        self.textMessageReceived = take

    def negotiationStarted(self, transport: Any) -> None:  # noqa: N802 - Twisted's name
        self.transport = transport
        self.watch = transport.attachProducer

    def negotiationFinished(self) -> None:  # noqa: N802 - Twisted's name
        pass

    def connectionLost(self, reason: Any) -> None:
        pass

    def send(self, text: bytes) -> None:
        self.transport.sendTextMessage(text.decode())


class Candidate:
    """A site with the resource at /ws; it is the resource's factory as well."""

    def __init__(self) -> None:
        root = Resource()
        root.putChild(b"ws", WebSocketResource(self))
        self.site = Site(root, reactor=Clock())

    def buildProtocol(self, request: Any) -> Side:
        self.made = Side(self.take)
        return self.made

    def accept(self, wire: Wire, take: Callable[[Any], None]) -> Side:
        self.take = take
        channel = self.site.buildProtocol(None)
        channel.makeConnection(wire)
        channel.dataReceived(HANDSHAKE)
        self.made.feed = channel.dataReceived
        return self.made

    def broadcast(self, sides: Sequence[Side], text: bytes) -> None:
        for side in sides:
            side.send(text)

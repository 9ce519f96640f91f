"""The TCP front: newline-delimited JSON over a socket (§1.1, protocol v1.1 framing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineReceiver

from assa.connection import Connection, Connections
from assa.framing import LineBuffer

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from assa.node import Node


class ChatProtocol(Connection, LineReceiver):
    """One client's connection.

    The framing is our own: LineReceiver's is quadratic in the length of a line.

    Args:
        connections: Those of its node, where it counts itself while it is open.
    """

    delimiter = b"\n"
    kind = "tcp"

    def __init__(self, connections: Connections) -> None:
        limits = connections.node.limits
        lines = LineBuffer(limit=limits.early_line_bytes, endless=limits.discarded_line_bytes)
        super().__init__(connections, lines)

    def lineReceived(self, line: bytes) -> None:
        """Give the session a line."""
        self._session.received(line)

    def messageReceived(self, message: bytes) -> None:
        """Give the session a message, which is a line here."""
        self.lineReceived(message)


class ChatFactory(ServerFactory):
    """Makes the connections of a node; listen with it on any endpoint.

    Args:
        node: Where the sessions live.
    """

    noisy = False

    def __init__(self, node: Node) -> None:
        self.node = node
        self.connections = Connections(node)
        """Every open connection of the node, those of other fronts too."""

    def buildProtocol(self, addr: IAddress | None) -> ChatProtocol:
        """Return the protocol of a new connection."""
        del addr
        protocol = ChatProtocol(self.connections)
        protocol.factory = self
        return protocol

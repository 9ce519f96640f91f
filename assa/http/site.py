"""The HTTP port: which resource answers what, and what every answer has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from assa.http.request import ChatRequest

_IDLE_S = 30
"""How long a client may take for each step of a request, and between two of them."""


class _Channel(HTTPChannel):
    """One HTTP connection, which its site knows of while it is one."""

    site: ChatSite

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted's
        self.site.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.site.gone(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's

    def requestDone(self, request: Request) -> None:  # noqa: N802 - Twisted's
        """Go on with the next request in a turn of its own: thousands may have come in one chunk."""
        self.paused = True
        self.site.rests(self)
        super().requestDone(request)  # type: ignore[no-untyped-call]  # Twisted's
        if self._buffer and self.persistent:
            self._networkProducer.pauseProducing()
            self.callLater(0, self._go_on)  # type: ignore[no-untyped-call]  # Twisted's
        else:
            self.paused = False

    def _go_on(self) -> None:
        if self.site.has(self):
            self.paused = False
            if not self._waitingForTransport:
                self._networkProducer.resumeProducing()
            self.dataReceived(b"")  # type: ignore[no-untyped-call]  # Twisted's


class ChatSite(Site):
    """One HTTP port.

    Args:
        root: What it serves.
        clock: Ends connections that have nothing to say.
        connections: Connections at most that are no WebSockets; one of the oldest makes room.
    """

    displayTracebacks = False
    noisy = False
    protocol = _Channel  # type: ignore[assignment]  # without the choice of HTTP/2, which nobody makes here

    def __init__(self, root: IResource, clock: Any, *, connections: int) -> None:
        super().__init__(root, requestFactory=ChatRequest, timeout=_IDLE_S, reactor=clock)  # type: ignore[no-untyped-call]  # Twisted's
        self._limit = connections
        self._open: dict[HTTPChannel, None] = {}
        self._transferring: dict[HTTPChannel, None] = {}

    def opened(self, channel: HTTPChannel) -> None:
        """Take note of a connection.

        Of those that transfer a file and the others, the more numerous make room: anybody can open
        connections, and must not drive out the transfers of users by it.
        """
        self._open[channel] = None
        if len(self._open) + len(self._transferring) > self._limit:
            crowd = self._open if len(self._open) >= len(self._transferring) else self._transferring
            oldest = next(iter(crowd))
            self.gone(oldest)
            oldest.forceAbortClient()

    def transfers(self, channel: HTTPChannel) -> None:
        """Take note that a connection transfers a file for somebody who may."""
        if channel in self._open:
            del self._open[channel]
            self._transferring[channel] = None

    def rests(self, channel: HTTPChannel) -> None:
        """Take note that a request of a connection is over."""
        if channel in self._transferring:
            del self._transferring[channel]
            self._open[channel] = None

    def has(self, channel: HTTPChannel) -> bool:
        """Return whether a connection is open, and no WebSocket."""
        return channel in self._open or channel in self._transferring

    def gone(self, channel: HTTPChannel) -> None:
        """Forget a connection that is closed, or has become a WebSocket."""
        self._open.pop(channel, None)
        self._transferring.pop(channel, None)

    def stop(self) -> None:
        """Close every connection at once."""
        for channel in (*self._open, *self._transferring):
            channel.forceAbortClient()

    def log(self, request: Any) -> None:
        """Write no access log: its lines would have tokens and addresses in them."""


def tree(children: Mapping[str, IResource], root: Resource | None = None) -> Resource:
    """Return a resource with children at their paths; a path of several parts makes what is between.

    Args:
        children: By path, without a slash at either end.
        root: What the children are put below; none: it answers 404 itself.
    """
    root = root or Resource()
    for path, child in children.items():
        *between, name = path.encode().split(b"/")
        parent = root
        for part in between:
            found = parent.children.get(part)
            if found is None:
                found = Resource()
                parent.putChild(part, found)
            parent = found
        parent.putChild(name, child)
    return root

"""One file on its way to a client, no faster than that takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from assa.files import WRITE_BYTES, Missing

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.server import Request

    from assa.files import Reading

_STUCK_S: Final = 60
"""A client that takes nothing for so long is given up."""


@implementer(IPushProducer)
class Sending:
    """Reads a piece when the client has taken the one before.

    Args:
        request: What is answered; its headers are set.
        reading: Where the content comes from; it is closed at the end.
        clock: Gives up a client that reads nothing.
    """

    def __init__(self, request: Request, reading: Reading, clock: IReactorTime) -> None:
        self._request = request
        self._reading = reading
        self._clock = clock
        self._over = False
        self._held: Deferred[None] | None = None
        self._stuck: Any = None

    async def send(self, start: int, count: int) -> None:
        """Send `count` bytes from an offset on.

        Raises:
            Missing: The content is shorter.
        """
        request: Any = self._request
        try:
            if getattr(request, "channel", None) is None:
                return
            request.channel.site.transfers(request.channel)
            request.notifyFinish().addErrback(lambda _: self.stopProducing())
            request.registerProducer(self, True)  # noqa: FBT003 - Twisted's
            await self._copy(start, count)
            if not self._over:
                request.unregisterProducer()
                request.finish()
        finally:
            self.stopProducing()
            await self._reading.close()

    async def _copy(self, start: int, count: int) -> None:
        while count and not self._over:
            data = await self._reading.read(start, min(count, WRITE_BYTES))
            if not data:
                raise Missing("the content is shorter than it was")
            start, count = start + len(data), count - len(data)
            if not self._over:
                self._request.write(data)
            if self._held is not None:
                await self._held

    # --- what the connection says ---

    def pauseProducing(self) -> None:
        """Wait: the client has enough to read."""
        if self._held is None and not self._over:
            self._held = Deferred()
            self._stuck = self._clock.callLater(_STUCK_S, self._give_up)

    def resumeProducing(self) -> None:
        """Go on."""
        if self._stuck is not None and self._stuck.active():
            self._stuck.cancel()
        held, self._held = self._held, None
        if held is not None:
            held.callback(None)

    def stopProducing(self) -> None:
        """End: nobody reads any more."""
        self._over = True
        self.resumeProducing()

    def _give_up(self) -> None:
        channel: Any = getattr(self._request, "channel", None)
        if channel is not None:
            channel.forceAbortClient()

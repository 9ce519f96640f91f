"""Messages on their way: one of each room at a time, so that they keep their order whatever happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from assa.client.events import Postponed
from assa.client.refusals import Rejected
from assa.client.requests import Request

_PATIENCE: Final = 20
"""So often a message is refused for now before its sender is told."""
_TIMEOUTS: Final = 2


class Sending:
    """The messages of one client that were not acknowledged yet.

    A message without an answer goes to the next connection; so does one that gets none within 10 s, once. One
    that is refused with `retry_after_ms` goes again then. The `client_message_id` makes all of that safe.

    Args:
        reactor: The time.
        transmit: Sends a request where there is a connection; returns whether there is.
        stuck: Called when another connection is to be tried.
        postponed: Called when a message has to wait.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        transmit: Callable[[Request], bool],
        stuck: Callable[[str], None],
        postponed: Callable[[Postponed], None],
    ) -> None:
        self._reactor = reactor
        self._transmit = transmit
        self._stuck = stuck
        self._postponed = postponed
        self._queues: dict[int, deque[Request]] = {}
        self._later: dict[int, IDelayedCall] = {}

    def add(self, request: Request) -> None:
        """Send a message when those before it have been answered."""
        queue = self._queues.setdefault(request.room_id, deque())
        queue.append(request)
        if len(queue) == 1:
            self._send(request)

    def resume(self) -> None:
        """Send what waits: there is a new connection."""
        self.pause()
        for queue in list(self._queues.values()):
            self._send(queue[0])

    def pause(self) -> None:
        """Send nothing by itself: there is no connection."""
        for call in self._later.values():
            call.cancel()
        self._later.clear()

    def in_doubt(self, room_id: int) -> Request | None:
        """Return the message of a room that may have been stored without its sender knowing."""
        queue = self._queues.get(room_id)
        return queue[0] if queue and queue[0].is_in_doubt else None

    def overdue(self, request: Request) -> bool:
        """Take note that a message got no answer in time; return whether it will be sent again."""
        request.timeouts += 1
        if request.timeouts >= _TIMEOUTS:
            return False
        self._stuck(f"no answer to {request.action}")  # the server always gives one in 9 s
        return True

    def refused(self, request: Request, wrong: Rejected) -> bool:
        """Take note that a message was refused; return whether it will be sent again."""
        request.refusals += 1
        request.unanswered = max(0, request.unanswered - 1)  # this time it was not stored
        if wrong.retry_after_ms is None or request.refusals >= _PATIENCE:
            return False
        delay_s = wrong.retry_after_ms / 1000
        self._later[request.room_id] = self._reactor.callLater(delay_s, self._again, request)
        self._postponed(
            Postponed(
                room_id=request.room_id,
                client_message_id=request.client_message_id,
                delay_s=delay_s,
                error=wrong,
            )
        )
        return True

    def finished(self, request: Request) -> None:
        """Go on with the next one: this one has its answer, or nobody waits for it any more."""
        queue = self._queues.get(request.room_id)
        if queue is None or request not in queue:
            return
        was_first = queue[0] is request
        queue.remove(request)
        if not queue:
            del self._queues[request.room_id]
        if was_first:
            if call := self._later.pop(request.room_id, None):
                call.cancel()
            if queue:
                self._send(queue[0])

    def _again(self, request: Request) -> None:
        self._later.pop(request.room_id, None)
        self._send(request)

    def _send(self, request: Request) -> None:
        if self._transmit(request):
            request.unanswered += 1

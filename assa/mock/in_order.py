"""Calls that wait, each of them at least until those before it have been made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

_AT_ONCE_S = 1e-6
"""Seconds that a clock may be short of what it was asked for."""


class InOrder:
    """A queue of calls.

    Args:
        clock: Calls them.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queue: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: IDelayedCall | None = None
        self._calling = False

    def add(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call after so many seconds, or with the one before it if that comes later."""
        if seconds <= 0 and not self._queue and not self._calling:
            call()
            return
        self._queue.append((self._clock.seconds() + seconds, call))
        self._wait()

    def clear(self) -> None:
        """Make none of the calls that wait."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._timer is None and self._queue and not self._calling:
            seconds = max(0, self._queue[0][0] - self._clock.seconds())
            self._timer = self._clock.callLater(seconds, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self._calling = True  # what one of them adds comes behind those that are due
        now = self._clock.seconds() + _AT_ONCE_S
        while self._queue and self._queue[0][0] <= now:
            _, call = self._queue.popleft()
            call()
        self._calling = False
        self._wait()

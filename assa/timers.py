"""What a node does every so often."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


class Timers:
    """LoopingCalls that begin one by one and end together.

    Args:
        clock: What they run by.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._loops: list[LoopingCall] = []

    def every(self, seconds: float, work: Callable[[], object]) -> None:
        """Do `work`, which does not raise, every so many seconds, first after as many."""
        loop = LoopingCall(work)
        loop.clock = self._clock
        self._loops.append(loop)
        loop.start(seconds, now=False).addErrback(lambda failure: self.log.failure("a timer died", failure))

    def stop(self) -> None:
        """End all."""
        for loop in self._loops:
            if loop.running:
                loop.stop()

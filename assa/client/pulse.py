"""Notices a server that has gone without a word: the other half of §8.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

SILENCE_S: Final = 60.0
"""The server sends PING every 30 s (§10.2), unless it is configured otherwise: then we ask."""
ANSWER_S: Final = 10.0


class Pulse:
    """Watches for signs of life.

    Args:
        reactor: The time.
        ask: Called after a silence: it sends PING.
        dead: Called when nothing came even then.
    """

    def __init__(self, reactor: IReactorTime, *, ask: Callable[[], None], dead: Callable[[], None]) -> None:
        self._reactor = reactor
        self._ask = ask
        self._dead = dead
        self._heard_s = 0.0
        self._asked = False
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Begin."""
        self.beat()
        self._next = self._reactor.callLater(SILENCE_S, self._look)

    def beat(self) -> None:
        """Take note that something was heard."""
        self._heard_s = self._reactor.seconds()
        self._asked = False

    def stop(self) -> None:
        """End."""
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _look(self) -> None:
        silent_s = self._reactor.seconds() - self._heard_s
        if self._asked:
            self._dead()
        elif silent_s < SILENCE_S:
            self._next = self._reactor.callLater(SILENCE_S - silent_s, self._look)
        else:
            self._asked = True
            self._ask()
            self._next = self._reactor.callLater(ANSWER_S, self._look)

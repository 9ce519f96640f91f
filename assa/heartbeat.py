"""When to send PING and when to give a connection up (§8.2, §10.2)."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assa.limits import Limits


class Beat(Enum):
    """What is due."""

    NOTHING = auto()
    PING = auto()
    DEAD = auto()


class Heartbeat:
    """The heartbeat of one connection; times are monotonic seconds.

    Args:
        limits: The PING interval and the time without a sign of life.
        now: When the connection opened.
        early: How much of the first interval is left out, 0 to 0.1, so that PINGs spread.
    """

    def __init__(self, limits: Limits, now: float, early: float) -> None:
        self._limits = limits
        self._next = now + limits.ping_interval_s * (1 - early)
        self._unanswered: float | None = None

    def check(self, now: float, *, heard: bool) -> Beat:
        """Return what is due; `heard` says whether a line has come since the last check."""
        if heard:
            self._unanswered = None
        if self._unanswered is not None and now - self._unanswered >= self._limits.pong_timeout_s:
            return Beat.DEAD
        if now < self._next:
            return Beat.NOTHING
        self._next = now + self._limits.ping_interval_s
        if self._unanswered is None:
            self._unanswered = now
        return Beat.PING

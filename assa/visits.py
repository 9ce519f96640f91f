"""Connections from their beginning to their end: who they are, and why they were closed.

A close is counted, has one line in the log, and is kept for operators for a while. A line has no token, no
session's id and nothing that the client wrote. Whoever has not authenticated can open and close as many
connections as he likes, so his lines are rationed; every other close has its own.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from itertools import count, islice
from typing import Final, Protocol

from attrs import define, frozen
from twisted.logger import Logger

from assa.rates import Buckets

_KEPT: Final = 8_192
_STRANGERS: Final = 1.0
_STRANGERS_AT_ONCE: Final = 20.0
"""Lines a second of connections that never authenticated: 13 MB a day at most, 30 as JSON."""

_HOW: Final = "({front} {address}, {duration_s} s, {requests} requests)"
_OF_USER: Final = "a connection of user {user_id} was closed: {reason} " + _HOW
_OF_STRANGER: Final = "a connection without a user was closed: {reason} " + _HOW
_OF_STRANGERS: Final = _OF_STRANGER + "; {unsaid} more before it were not told of"


class Way(Protocol):
    """How a client is connected."""

    kind: str
    """What it is: tcp or websocket."""

    @property
    def address(self) -> str:
        """Return the client's IP address."""


@define(eq=False)
class Visit:
    """One connection while it is open.

    Args:
        number: Names it among those of its node; unlike a session's id it is no secret.
        way: How it is connected.
        opened: When, monotonic seconds.
        heard_at: When, to half a second, something came last.
        requests: How many messages have come.
    """

    number: int
    way: Way
    opened: float
    heard_at: float
    requests: int = 0


@frozen(kw_only=True)
class Close:
    """The end of a connection.

    Args:
        at_ms: When, milliseconds since the epoch.
        reason: A code of the protocol, or words of this program.
        front: How it was connected: tcp or websocket.
        address: The client's IP address.
        user_id: Whose it was; None: nobody had authenticated.
        duration_s: How long it was open, seconds.
        requests: How many messages of the client were looked at.
    """

    at_ms: int
    reason: str
    front: str
    address: str
    user_id: int | None
    duration_s: float
    requests: int


class Visits:
    """The connections of a node.

    Args:
        now_ms: The time, milliseconds since the epoch.
        monotonic: Seconds that never jump.
    """

    log = Logger()

    def __init__(self, now_ms: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._numbers = count(1)
        self.closes: defaultdict[tuple[str, str], int] = defaultdict(int)
        """How many have ended, by reason and by what they were."""
        self._recent: deque[Close] = deque(maxlen=_KEPT)
        self._ration = Buckets(rate=_STRANGERS, burst=_STRANGERS_AT_ONCE, now=monotonic)
        self._unsaid = 0

    def begin(self, way: Way) -> Visit:
        """Return a new one."""
        now = self._monotonic()
        return Visit(next(self._numbers), way, now, now)

    def end(self, visit: Visit, reason: str, user_id: int | None) -> None:
        """Take note of the end of one, see :class:`Close`."""
        close = Close(
            at_ms=self._now_ms(),
            reason=reason,
            front=visit.way.kind,
            address=visit.way.address,
            user_id=user_id,
            duration_s=self._monotonic() - visit.opened,
            requests=visit.requests,
        )
        self.closes[reason, close.front] += 1
        if user_id is not None:
            self._recent.append(close)
            self._say(_OF_USER, close)
        elif self._ration.take("strangers"):
            self._unsaid += 1
        else:
            unsaid, self._unsaid = self._unsaid, 0
            self._say(_OF_STRANGERS if unsaid else _OF_STRANGER, close, unsaid=unsaid)

    def _say(self, words: str, close: Close, **more: int) -> None:
        self.log.info(
            words,
            reason=close.reason,
            front=close.front,
            address=close.address,
            user_id=close.user_id,
            duration_s=round(close.duration_s, 3),
            requests=close.requests,
            **more,
        )

    def closes_of(self, user_id: int, most: int) -> list[Close]:
        """Return the last closes of a user's connections, the newest first."""
        return list(islice((one for one in reversed(self._recent) if one.user_id == user_id), most))

"""Why connections were closed: counted, one line of the log each, and the last ones kept for operators.

A line has no token, no session's id and nothing that the client wrote. Whoever has not authenticated can
open and close as many connections as he likes, so his lines are rationed; every other close has its own.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from attrs import frozen
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


class Closes:
    """The closes of a node.

    Args:
        monotonic: Seconds that never jump.
    """

    log = Logger()

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By reason and front."""
        self._recent: deque[Close] = deque(maxlen=_KEPT)
        self._ration = Buckets(rate=_STRANGERS, burst=_STRANGERS_AT_ONCE, now=monotonic)
        self._unsaid = 0

    def add(self, close: Close) -> None:
        """Take note of a close."""
        self.counts[close.reason, close.front] += 1
        if close.user_id is not None:
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

    def of_user(self, user_id: int, most: int) -> list[Close]:
        """Return the last closes of a user's connections, the newest first."""
        return list(islice((one for one in reversed(self._recent) if one.user_id == user_id), most))

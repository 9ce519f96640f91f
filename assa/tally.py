"""What has happened so far, in plain numbers: who does it counts, and whoever reports it reads.

Counting is an addition. No object of a metrics library comes into what every delivery goes through.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import Final

from attrs import Factory, define, field

_BEFORE: Final = len(b'{"action":"')
_LONGEST: Final = _BEFORE + 64
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

UNKNOWN: Final = "unknown"
"""What requests are counted as whose action there is not: its name is the client's to choose."""


def _numbers() -> defaultdict[str, int]:
    return defaultdict(int)


@define(eq=False)
class Histogram:
    """How often values were at most so large.

    Args:
        bounds: Ascending; a value that is larger than the last one is counted behind it.
    """

    bounds: tuple[float, ...]
    counts: list[int] = field(
        init=False, default=Factory(lambda self: [0] * (len(self.bounds) + 1), takes_self=True)
    )
    total: float = 0.0
    """The sum of the values."""

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@define(eq=False)
class Deliveries:
    """What a hub has delivered: how many events, and to how many listeners in all.

    Both are by the event's action, as its bytes have it.
    """

    by_action: dict[bytes, list[int]] = field(factory=dict)

    def add(self, body: bytes, listeners: int) -> None:
        """Count an event, encoded as :func:`assa.wire.encode_event` does, that had so many listeners."""
        action = body[_BEFORE : body.find(b'"', _BEFORE, _LONGEST)]
        counts = self.by_action.get(action)
        if counts is None:
            counts = self.by_action[action] = [0, 0]
        counts[0] += 1
        counts[1] += listeners


@define(eq=False)
class Groups:
    """What became of a store's groups of queries."""

    sizes: Histogram = field(factory=lambda: Histogram(_SIZES))
    """Queries in each."""
    seconds: Histogram = field(factory=lambda: Histogram(_SECONDS))
    """From its beginning to the end of its commit."""
    failures: int = 0
    """Queries that failed because the database was away."""

    def add(self, size: int, seconds: float) -> None:
        """Count a group."""
        self.sizes.add(size)
        self.seconds.add(seconds)


@define(eq=False)
class Tally:
    """What the clients of a node have asked for and got."""

    requests: defaultdict[str, int] = field(factory=_numbers)
    """By action, or `UNKNOWN` or `INVALID`."""
    errors: defaultdict[str, int] = field(factory=_numbers)
    """ERRORs sent, by code."""
    connects: defaultdict[str, int] = field(factory=_numbers)
    """CONNECTs by outcome: fresh, resumed, incomplete, renewed, or the code of the refusal."""
    replayed: int = 0
    """Events replayed to clients that resumed."""

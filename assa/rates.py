"""Token buckets for rate limits (protocol v1.1, section 3)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from attrs import frozen

from assa.errors import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


def network(address: str) -> str:
    """Return what failed CONNECTs are counted by: an IPv6 client has a whole /64 to itself."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    return address if ip.version == 4 else str(ip_network((ip, 64), strict=False))  # noqa: PLR2004


class Buckets:
    """One token bucket a key; a bucket that is full again is forgotten.

    Args:
        rate: Tokens a second that flow in; 0 means no limit.
        burst: Tokens that a bucket holds.
        now: A monotonic clock in seconds.
    """

    def __init__(self, *, rate: float, burst: float, now: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._levels: dict[Hashable, tuple[float, float]] = {}

    def __len__(self) -> int:
        """Return the number of buckets that are not full."""
        return len(self._levels)

    def _level(self, key: Hashable) -> float:
        level, at = self._levels.get(key, (self._burst, 0.0))
        return min(self._burst, level + (self._now() - at) * self._rate)

    def wait_ms(self, key: Hashable) -> int:
        """Return the milliseconds until a token can be had, 0 when there is one."""
        if not self._rate:
            return 0
        missing = 1.0 - self._level(key)
        return int(missing / self._rate * 1000) + 1 if missing > 0 else 0

    def take(self, key: Hashable) -> int:
        """Take a token; return 0, or the milliseconds to wait when there is none."""
        if not self._rate:
            return 0
        wait_ms = self.wait_ms(key)
        if not wait_ms:
            self._levels[key] = (self._level(key) - 1.0, self._now())
        return wait_ms

    def sweep(self) -> None:
        """Forget the buckets that are full."""
        full = [key for key in self._levels if self._level(key) >= self._burst]
        for key in full:
            del self._levels[key]


_CONNECTS = 20


@frozen(kw_only=True)
class RateLimits:
    """How many per second, 0 for no limit, and how many at once, of each kind."""

    messages: float = 20
    messages_burst: float = 100
    relays: float = 100
    relays_burst: float = 400
    others: float = 20
    others_burst: float = 100
    failed_connects: float = 1
    failed_connects_burst: float = 20

    def connects(self, now: Callable[[], float]) -> Buckets:
        """Return the buckets of CONNECTs by user: like the others', but never of a few only."""
        return Buckets(rate=self.others, burst=max(self.others_burst, _CONNECTS), now=now)

    def buckets(self, kind: str, now: Callable[[], float]) -> Buckets:
        """Return the buckets of a kind: messages, relays, others or failed_connects."""
        return Buckets(rate=getattr(self, kind), burst=getattr(self, f"{kind}_burst"), now=now)


class FailedConnects:
    """How often CONNECTs from an address may fail.

    Args:
        buckets: A token for each failure.
    """

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def sweep(self) -> None:
        """Forget failures that count no more."""
        self._buckets.sweep()

    def check(self, address: str) -> None:
        """Raise Refused (RATE_LIMITED) when too many CONNECTs from an address have failed."""
        wait_ms = self._buckets.wait_ms(network(address))
        if wait_ms:
            raise Refused(Code.RATE_LIMITED, "too many failed CONNECTs", retry_after_ms=wait_ms)

    def count(self, address: str) -> None:
        """Count a CONNECT that failed."""
        self._buckets.take(network(address))

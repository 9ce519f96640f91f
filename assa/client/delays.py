"""How long to wait before connecting again (§10.3). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BACKOFF_S: Final = (1.0, 2.0, 4.0)
"""§10.3: so many attempts, and so long before each."""
_SOONEST_S: Final = 0.1
_LATEST_S: Final = 3_600.0
"""What the server says is taken within these bounds: it may be mistaken."""
JITTER: Final = 0.1
"""Up to a tenth is added, so that not all who were cut off together come back together."""


class Delays:
    """The delays before the attempts that follow a loss.

    Args:
        random: Returns a number from 0 to 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._reconnect_after_s: float | None = None
        self._retry_after_s = 0.0

    def reconnect_after(self, after_ms: int) -> None:
        """Take the server's word for when to come back, which wins over everything else."""
        self._reconnect_after_s = min(max(after_ms / 1000, _SOONEST_S), _LATEST_S)

    def retry_after(self, after_ms: int | None) -> None:
        """Do not come back before the server says that it makes sense."""
        self._retry_after_s = (after_ms or 0) / 1000

    def forget(self) -> None:
        """Forget what the server said: it is there again."""
        self._reconnect_after_s, self._retry_after_s = None, 0.0

    def before(self, attempt: int) -> float:
        """Return the seconds to wait before an attempt, 1 to 3; what the server said counts for one."""
        told_s, least_s = self._reconnect_after_s, self._retry_after_s
        self.forget()
        if told_s is not None:
            return told_s  # the server has spread its clients already
        return max(BACKOFF_S[attempt - 1], least_s) * (1 + JITTER * self._random())

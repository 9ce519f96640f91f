"""Confirms what was shown (§5.3), many messages with one CHECK_RECEIVE."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

from assa.client import Disconnected, NoAnswer, Rejected

GATHER_S: Final = 0.2
_MOST: Final = 500
"""Ids in one CHECK_RECEIVE."""


class Receipts:
    """Gathers receipts and sends them.

    Args:
        reactor: The time.
        confirm: Sends one.
    """

    def __init__(self, reactor: Any, confirm: Callable[[int, list[int]], Deferred[Any]]) -> None:
        self._reactor = reactor
        self._confirm = confirm
        self._shown: dict[int, list[int]] = defaultdict(list)
        self._due: Any = None

    def add(self, room_id: int, message_id: int) -> None:
        """Have a message confirmed soon."""
        self._shown[room_id].append(message_id)
        if self._due is None:
            self._due = self._reactor.callLater(GATHER_S, self._now)

    def stop(self) -> None:
        """Confirm nothing any more."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _now(self) -> None:
        self._due = None
        Deferred.fromCoroutine(self.flush())

    async def flush(self) -> None:
        """Confirm all that was shown; what cannot be sent now goes with the next ones."""
        self.stop()
        while self._shown:
            room_id, message_ids = self._shown.popitem()
            now, later = message_ids[:_MOST], message_ids[_MOST:]
            if later:
                self._shown[room_id] = later
            try:
                await self._confirm(room_id, now)
            except (Disconnected, NoAnswer):
                self._shown[room_id][:0] = now
                return
            except Rejected:
                continue  # left the room meanwhile, or too fast: /read confirms those

"""How many uploads go on at the same time, of one user and of all."""

from __future__ import annotations

from collections import Counter

from twisted.internet.defer import Deferred


class Slots:
    """Places for work of users; who finds none waits, the longest-waiting first.

    Args:
        total: Places.
        each: Of them for one user at most.
    """

    def __init__(self, *, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._taken: Counter[int] = Counter()
        self._waiting: dict[Deferred[None], int] = {}

    def take(self, user_id: int) -> Deferred[None]:
        """Take a place; fires once there is one. Who does not want it any more cancels."""
        place: Deferred[None] = Deferred(self._leave)
        self._waiting[place] = user_id
        self._fill()
        return place

    def give(self, user_id: int) -> None:
        """Give a place back."""
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]
        self._fill()

    def _leave(self, place: Deferred[None]) -> None:
        self._waiting.pop(place, None)

    def _fill(self) -> None:
        while (place := self._next()) is not None:
            self._taken[self._waiting.pop(place)] += 1
            place.callback(None)

    def _next(self) -> Deferred[None] | None:
        if self._taken.total() >= self._total:
            return None
        return next((place for place, user in self._waiting.items() if self._taken[user] < self._each), None)

"""The requests of one client that are being answered: answers leave in the order of the requests."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@define(eq=False)
class Pending:
    """A request without an answer yet.

    Args:
        name: Its action, or None when it could not be told.
        seq_id: Its `seq_id`, likewise.
        begun: When it came, monotonic seconds.
        answer: The bytes of its answer once it has one; empty when it gets none.
    """

    name: str | None
    seq_id: str | None
    begun: float
    answer: bytes | None = None


class Window:
    """Requests in flight, oldest first.

    Args:
        size: Requests that may be in flight.
        send: Takes answers, in order.
    """

    def __init__(self, size: int, send: Callable[[bytes], None]) -> None:
        self._size = size
        self._send = send
        self._pending: deque[Pending] = deque()
        self._alone: Pending | None = None
        self._held: Callable[[], None] | None = None

    def __len__(self) -> int:
        """Return the number of requests in flight."""
        return len(self._pending)

    @property
    def open(self) -> bool:
        """Return whether another request may come in."""
        return self._alone is None and len(self._pending) < self._size

    def enter(self, pending: Pending) -> None:
        """Take a request in."""
        self._pending.append(pending)

    def enter_alone(self, pending: Pending, begin: Callable[[], None]) -> None:
        """Take a request in that begins when it is the only one, and keeps the window shut until answered."""
        self._pending.append(pending)
        self._alone = pending
        self._held = begin
        self._begin_held()

    def settle(self, pending: Pending, answer: bytes) -> bool:
        """Give a request its answer; False when it has one already or has been forgotten."""
        if pending.answer is not None:
            return False
        pending.answer = answer
        if pending is self._alone:
            self._alone = None
            self._held = None
        while self._pending and (ready := self._pending[0].answer) is not None:
            self._pending.popleft()
            if ready:
                self._send(ready)
        self._begin_held()
        return True

    def _begin_held(self) -> None:
        if self._held is not None and self._pending[0] is self._alone:
            begin, self._held = self._held, None
            begin()

    def begun_before(self, moment: float) -> Iterator[Pending]:
        """Return the unanswered requests that came before a moment, monotonic seconds."""
        return (one for one in tuple(self._pending) if one.answer is None and one.begun <= moment)

    def forget(self) -> None:
        """Drop everything: the client is gone, late answers go nowhere."""
        for one in self._pending:
            one.answer = one.answer or b""
        self._pending.clear()
        self._alone = self._held = None

"""Group commit: what is waiting goes into one transaction, and pays for one fsync.

While one group commits, queries queue up for the next. A group begins at the end of a reactor turn,
so that everything that arrived in the turn is in it, and a few turns later while more keeps coming.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa.storage import BatchQuery, Entry, Item, P, Query, T, Unavailable

_GROUP = 512
"""Jobs in one group at most: the last one's answer waits for all of them."""
_TURNS = 8
"""Reactor turns for which a growing group is waited for at most."""


@define(eq=False)
class Job:
    """A query in the queue, or several that one batch query handles together."""

    query: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    waiting: list[Deferred[Any]]
    items: list[Any] | None = None


@frozen
class Outcome:
    """What became of a job.

    Args:
        results: One for each Deferred that waits: a value, or the exception.
        entries: What its listeners are to hear.
        failed: The query raised: all results are that exception.
    """

    results: Sequence[Any]
    entries: Sequence[Entry] = ()
    failed: bool = False


class GroupCommit(ABC):
    """The queue of a store; a driver carries out its groups.

    Args:
        soon: Calls a function at the end of the reactor turn.
        deliver: Gets the entries of each query once they are durable, in position order.
    """

    log = Logger()

    def __init__(
        self, *, soon: Callable[[Callable[[], None]], object], deliver: Callable[[Sequence[Entry]], None]
    ) -> None:
        self._soon = soon
        self._deliver = deliver
        self._queue: deque[Job] = deque()
        self._busy = False
        self._closed = False
        self._seen = self._turns = 0
        self._idle: list[Deferred[None]] = []

    @abstractmethod
    def _begin(self, group: list[Job]) -> None:
        """Carry out a group, then call :meth:`_finished`."""

    def run(self, query: Query[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run one query, see :meth:`assa.storage.Store.run`."""
        return self._enqueue(Job(query, args, kwargs, [Deferred()]))

    def batch(self, query: BatchQuery[Item, T], item: Item, /) -> Deferred[T]:
        """Run a query together with its neighbours, see :meth:`assa.storage.Store.batch`."""
        last = self._queue[-1] if self._queue else None
        if not self._closed and last is not None and last.items is not None and last.query is query:
            waiting: Deferred[T] = Deferred()
            last.items.append(item)
            last.waiting.append(waiting)
            return waiting
        return self._enqueue(Job(query, (), {}, [Deferred()], [item]))

    def _enqueue(self, job: Job) -> Deferred[Any]:
        if self._closed:
            job.waiting[0].errback(Failure(Unavailable("the database is closed")))
            return job.waiting[0]
        self._queue.append(job)
        if not self._busy:
            self._busy = True
            self._soon(self._next)
        return job.waiting[0]

    def _next(self) -> None:
        waiting = sum(len(job.waiting) for job in self._queue)
        if self._seen < waiting > 1 and self._turns < _TURNS:
            # More came in this turn: the next one may bring more still, and costs them little.
            self._seen = waiting
            self._turns += 1
            self._soon(self._next)
            return
        self._seen = self._turns = 0
        self._begin([self._queue.popleft() for _ in range(min(len(self._queue), _GROUP))])

    def _finished(self, group: list[Job], outcomes: Sequence[Outcome]) -> None:
        for job, outcome in zip(group, outcomes, strict=True):
            try:
                self._deliver(outcome.entries)
            except Exception:  # noqa: BLE001 - the commit stands whatever a listener does
                self.log.failure("delivery failed")
            for waiting, result in zip(job.waiting, outcome.results, strict=True):
                if isinstance(result, Exception):
                    waiting.errback(Failure(result))
                else:
                    waiting.callback(result)
        self._busy = bool(self._queue)
        if self._busy:
            self._soon(self._next)
            return
        idle, self._idle = self._idle, []
        for one in idle:
            one.callback(None)

    def _drained(self) -> Deferred[None]:
        """Take no more queries; fires when what is queued has been carried out."""
        self._closed = True
        done: Deferred[None] = Deferred()
        if self._busy:
            self._idle.append(done)
        else:
            done.callback(None)
        return done

"""Group commit: what is waiting goes into one transaction, and pays for one fsync.

While one group commits, queries queue up for the next. A group begins at the end of a reactor turn,
so that everything that arrived in the turn is in it, and a few turns later while more keeps coming.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa.storage import BatchQuery, Entry, Item, P, Query, T, Transaction, Unavailable
from assa.tally import Groups

_GROUP = 512
"""Jobs in one group at most: the last one's answer waits for all of them."""
_BATCH = 256
"""Items of one job at most: it cannot be cut, and others wait for the lock meanwhile."""
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

    def split(self) -> list[Job]:
        """Return a job for each item."""
        items = self.items or ()
        return [Job(self.query, (), {}, [one], [item]) for one, item in zip(self.waiting, items, strict=True)]


@frozen
class Outcome:
    """What became of a job.

    Args:
        results: One for each Deferred that waits: a value, or the exception.
        entries: What its listeners are to hear.
    """

    results: Sequence[Any]
    entries: Sequence[Entry] = ()


class GroupTransaction(Transaction, Protocol):
    """What a group needs of its transaction beyond what queries do."""

    @property
    def alive(self) -> bool:
        """Return whether the transaction can go on after what a statement raised."""

    def told(self, wrong: Exception) -> Exception:
        """Return what the caller is told: the database's state is no defect of the query."""

    def drive(self, query: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Run a query to its end; one that waits for anything but this transaction has a defect."""

    async def savepoint(self) -> None:
        """Begin what can be undone alone."""

    async def release(self) -> None:
        """Keep what was done since the savepoint; raises what is wrong with it."""

    async def undo(self) -> None:
        """Undo what was done, and what was staged, since the savepoint."""

    def take_staged(self) -> list[Entry]:
        """Return what was staged since this was called last."""


async def carry_out(tx: GroupTransaction, group: Sequence[Job], group_s: float) -> list[Outcome]:
    """Carry out a group, or what of it can be done in `group_s` seconds.

    Returns:
        The outcomes of the first jobs of the group, at least one.

    Raises:
        Exception: What a job that is alone in its group raised, or what ended the transaction.
    """
    if len(group) == 1:
        return [Outcome(await _results(tx, group[0]), tx.take_staged())]
    outcomes, until = list[Outcome](), time.monotonic() + group_s
    for job in group:
        outcomes.append(await _attempt(tx, job))
        if time.monotonic() > until:
            break
    return outcomes


async def _results(tx: GroupTransaction, job: Job) -> Sequence[Any]:
    if job.items is None:
        return [await tx.drive(job.query(tx, *job.arguments, **job.options))]
    results: Sequence[Any] = await tx.drive(job.query(tx, job.items))
    return results


async def _attempt(tx: GroupTransaction, job: Job) -> Outcome:
    """Carry out a job so that it can fail alone."""
    await tx.savepoint()
    try:
        results = await _results(tx, job)
        await tx.release()
    except Exception as wrong:
        if not tx.alive:
            raise
        await tx.undo()
        if job.items is None or len(job.items) == 1:
            return Outcome([tx.told(wrong)] * len(job.waiting))
        alone = [await _attempt(tx, one) for one in job.split()]
        return Outcome([one.results[0] for one in alone], [entry for one in alone for entry in one.entries])
    return Outcome(results, tx.take_staged())


class GroupCommit(ABC):
    """The queue of a store; a driver carries out its groups.

    Args:
        soon: Calls a function at the end of the reactor turn.
        deliver: Gets the entries of each query once they are durable, in position order.
    """

    log = Logger()
    group_s = 0.02
    """After so long others have their turn, and the rest of a group goes into the next."""

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
        self._began = 0.0
        self.groups = Groups()
        """What became of the groups so far."""

    @property
    def waiting(self) -> int:
        """Return how many queries wait for the next group."""
        return sum(len(job.waiting) for job in self._queue)

    @abstractmethod
    def _begin(self, group: list[Job]) -> None:
        """Carry out a group, then call :meth:`_finished`."""

    def run(self, query: Query[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run one query, see :meth:`assa.storage.Store.run`."""
        return self._enqueue(Job(query, args, kwargs, [Deferred()]))

    def batch(self, query: BatchQuery[Item, T], item: Item, /) -> Deferred[T]:
        """Run a query together with its neighbours, see :meth:`assa.storage.Store.batch`."""
        last = self._queue[-1] if self._queue else None
        if last is None or last.query is not query or last.items is None or len(last.items) >= _BATCH:
            return self._enqueue(Job(query, (), {}, [Deferred()], [item]))
        if not self._closed:
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
        waiting = self.waiting
        if self._seen < waiting > 1 and self._turns < _TURNS:
            # More came in this turn: the next one may bring more still, and costs them little.
            self._seen = waiting
            self._turns += 1
            self._soon(self._next)
            return
        self._seen = self._turns = 0
        self._began = time.monotonic()
        self._begin([self._queue.popleft() for _ in range(min(len(self._queue), _GROUP))])

    def _put_back(self, jobs: Sequence[Job]) -> None:
        """Have jobs carried out in the next group, before all others."""
        self._queue.extendleft(reversed(jobs))

    def _undone(self, group: list[Job], wrong: Exception) -> None:
        """Finish a group whose transaction was rolled back."""
        if len(group) == 1 and len(group[0].items or ()) > 1 and not isinstance(wrong, Unavailable):
            self._put_back(group[0].split())
            self._tell([], [])
        else:
            self._tell(group, [Outcome([wrong] * len(job.waiting)) for job in group])

    def _finished(self, group: list[Job], outcomes: Sequence[Outcome]) -> None:
        """Finish a group that has been committed."""
        size = sum([len(job.waiting) for job in group])
        self.groups.add(size, time.monotonic() - self._began)
        self._tell(group, outcomes)

    def _tell(self, group: list[Job], outcomes: Sequence[Outcome]) -> None:
        for job, outcome in zip(group, outcomes, strict=True):
            try:
                self._deliver(outcome.entries)
            except Exception:  # noqa: BLE001 - the commit stands whatever a listener does
                self.log.failure("delivery failed")
            for waiting, result in zip(job.waiting, outcome.results, strict=True):
                if isinstance(result, Exception):
                    self.groups.failures += isinstance(result, Unavailable)
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

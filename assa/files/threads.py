"""A few threads that wait for the disk of files, so that nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Threads:
    """Runs functions in threads of its own, which begin with the first one.

    They are daemons: a disk that hangs must not keep the process from its end. What is being written then is
    in nobody's way.

    Args:
        reactor: Where results go back to.
        count: How many functions run at the same time.
    """

    def __init__(self, reactor: Any, count: int = 4) -> None:
        self._reactor = reactor
        self._count = count
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Deferred[Any]]] = SimpleQueue()
        self._threads: list[Thread] = []

    def do(self, job: Callable[[], T]) -> Deferred[T]:
        """Run a function in one of the threads; fires in the reactor with what it returns or raises."""
        if len(self._threads) < self._count:
            thread = Thread(target=self._work, name=f"assa-files-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        done: Deferred[T] = Deferred()
        self._jobs.put((job, done))
        return done

    def _work(self) -> None:
        while True:
            job, done = self._jobs.get()
            try:
                result = job()
            except Exception:  # noqa: BLE001 - raised where it is waited for
                self._reactor.callFromThread(done.errback, Failure())
            else:
                self._reactor.callFromThread(done.callback, result)

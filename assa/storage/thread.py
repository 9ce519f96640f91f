"""The one thread in which an embedded database waits for the disk."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.base import ReactorBase


class DatabaseThread:
    """Runs jobs in a thread of its own, first in, first out.

    Args:
        reactor: Where results go back to.
    """

    def __init__(self, reactor: ReactorBase) -> None:
        self._reactor = reactor
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="assa-database", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call `call` in the reactor after so many seconds."""
        return self._reactor.callLater(seconds, call)

    def do(self, job: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run `job` in the thread and `done` with its result in the reactor."""
        self._jobs.put((job, done))

    def stop(self) -> None:
        """Finish what was given and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            job, done = given
            self._reactor.callFromThread(done, job())

"""Work that nobody waits for; that the database is away is logged once, and once that it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from assa.storage import Unavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from twisted.python.failure import Failure

    from assa.readiness import Readiness


class Background:
    """What a node does in the background.

    Args:
        readiness: What was seen of the database.
    """

    log = Logger()

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._away = False

    def run(self, work: Coroutine[Any, Any, object]) -> Deferred[None]:
        """Begin some work, and return what fires at its end; failures are logged here."""
        return Deferred.fromCoroutine(work).addCallbacks(self._done, self._failed)

    def unavailable(self, reason: Unavailable) -> None:
        """Log that the database is away, once until it is back."""
        if not self._away:
            self.log.error("the database is away: {reason}", reason=str(reason))
        self._away = True

    def _done(self, _: object) -> None:
        if self._away and not self._readiness.problem:  # reading may have worked all the time
            self.log.info("the database is back")
            self._away = False

    def _failed(self, failure: Failure) -> None:
        if isinstance(failure.value, Unavailable):
            self.unavailable(failure.value)
        else:
            self.log.failure("work in the background failed", failure)

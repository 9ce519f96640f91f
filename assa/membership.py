"""A node as one of the nodes: it joins them, shows that it is alive, and does its share of what is due.

:mod:`assa.presence` asks the database who is alive, :mod:`assa.upkeep` has what happens by itself;
when is said here. A node that was given up by the others begins another life, under another name.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from assa import upkeep
from assa.presence import BEATS_A_LEASE, Presence
from assa.readiness import PROBE_S, Readiness
from assa.storage import Query, Unavailable
from assa.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

    from twisted.internet.interfaces import IReactorTime

    from assa.background import Background
    from assa.limits import Limits
    from assa.registry import Services

_RETRY_S = 1.0
_EXPIRE_S = 1.0
_TRIM_S = 1.0
_TRIM_RELAYS_S = 30.0
_TIDY_S = 30.0
_FILES_S = 30.0
_LEAVE_S = 1.0


class Membership:
    """The part of one node among the others, or alone.

    Args:
        services: Of its first life.
        clock: Timers; a reactor, or a fake one.
        readiness: Is told when the database has taken a change.
        background: Does what nobody waits for.
        presence: The lease of its first life.
        held: Returns the sessions whose connections the node holds.
        lost: Called with the reason when the others have given it up; it calls `begin_anew`.
    """

    log = Logger()

    def __init__(
        self,
        *,
        services: Services,
        clock: IReactorTime,
        readiness: Readiness,
        background: Background,
        presence: Presence,
        held: Callable[[], Collection[str]],
        lost: Callable[[str], None],
    ) -> None:
        self._services = services
        self._clock = clock
        self._readiness = readiness
        self._background = background
        self._presence = presence
        self._held = held
        self._lost = lost
        self._lives = 1
        self._leaving = False
        self._timers, self._lease_timers = Timers(clock), Timers(clock)
        self.tried: Deferred[None] = Deferred()
        """Fires once it is known whether the database is there."""

    @property
    def joined(self) -> bool:
        """Return whether it is one of the nodes now."""
        return self._presence.joined

    async def start(self) -> None:
        """Begin the timers and become one of the nodes, as soon as the database is there."""
        self._timers.every(_EXPIRE_S, partial(self._for_all, upkeep.expire))
        self._timers.every(_TRIM_S, partial(self._for_all, upkeep.trim))
        self._timers.every(_TRIM_RELAYS_S, partial(self._for_all, upkeep.trim_relays))
        self._timers.every(_TIDY_S, partial(self._alive, self._tidy))
        self._timers.every(PROBE_S, partial(self._alive, self._probe))
        self._timers.every(_FILES_S, self._tidy_files)
        lease_s = self._presence.lease_s
        if lease_s is not None:
            self._lease_timers.every(lease_s / BEATS_A_LEASE, partial(self._alive, self._renew))
        await self._join()

    async def _join(self) -> None:
        while not self._leaving:
            try:
                await self._presence.join(self._lost)
            except Unavailable as wrong:
                self._background.unavailable(wrong)
            except Exception:  # noqa: BLE001 - a node that gave up trying would refuse everybody for ever
                self.log.failure("joining the nodes failed")
            if not self.tried.called:
                self.tried.callback(None)
            if self._presence.joined:
                self._readiness.prove()
                return
            await deferLater(self._clock, _RETRY_S)

    def begin_anew(self) -> str:
        """Begin another life, which has to join first, and return its name."""
        self._lives += 1
        name = f"{self._services.node}.{self._lives}"
        self._presence = evolve(self._presence, node=name, joined=False, leads=False)
        self._background.run(self._join())
        return name

    # --- what is due, as long as it is one of the nodes ---

    def _alive(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None] | None:
        return self._background.run(work()) if self._presence.joined else None

    async def _renew(self) -> None:
        for node in await self._presence.renew():
            self.log.warn(  # noqa: G010 - this logger is Twisted's
                "node {node} has shown no sign of life: its clients are gone", node=node
            )

    async def _probe(self) -> None:
        await self._readiness.probe(self._presence.node)

    async def _tidy(self) -> None:
        await self._presence.tidy(self._held())

    # --- what one node does for all ---

    def _for_all(self, query: Query[[Limits, int], bool]) -> Deferred[None] | None:
        return self._background.run(self._run(query)) if self._presence.leads else None

    async def _run(self, query: Query[[Limits, int], bool]) -> None:
        services = self._services
        while await services.store.run(query, services.limits, services.now_ms()):
            pass  # others had their turn

    def _tidy_files(self) -> Deferred[None] | None:
        files = self._services.files
        return self._background.run(files.tidy()) if files is not None and self._presence.leads else None

    # --- the end ---

    def retire(self) -> None:
        """Do no more of what is due but show that the node is alive: it still has clients."""
        self._leaving = True
        self._timers.stop()

    async def leave(self, within_s: float) -> None:
        """Be one of the nodes no more; the others find out by themselves if it takes too long."""
        self._lease_timers.stop()
        if self._presence.joined:
            leaving = Deferred.fromCoroutine(self._presence.leave())
            with suppress(Unavailable, defer.TimeoutError):
                await leaving.addTimeout(max(_LEAVE_S, within_s), self._clock)

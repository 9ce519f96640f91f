"""One node: the clients connected to it, what they share, its beginning and its end.

This is what an embedding program builds, with its own store and clock; :mod:`assa.tcp` and other
fronts open sessions on it. ``start`` and ``shutdown`` frame its life.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from assa import log, wire
from assa.background import Background
from assa.errors import Code, Refused
from assa.membership import Membership
from assa.presence import Presence
from assa.protocol.base import Event
from assa.rates import FailedConnects, RateLimits
from assa.readiness import Readiness
from assa.registry import Rate, Services
from assa.session import Session
from assa.storage import Unavailable, sessions
from assa.tally import Tally
from assa.timers import Timers
from assa.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IReactorTime

    from assa.around import Front
    from assa.hub import Hub
    from assa.limits import Limits
    from assa.registry import Actions

SWEEP_S = 0.5
_RETRY_S = 1.0
_FULL_RETRY_MS = 5_000
_BACK_MS = 1_000
_DRAIN_STEP_S = 0.05


class Node:
    """The clients of one process.

    Args:
        services: What actions work with; its `node` names this node.
        actions: What clients may ask for.
        hub: Who listens to what.
        clock: Timers; a reactor, or a fake one.
        monotonic: Seconds that never jump.
        rate_limits: How much a user may ask for.
        keep_expired: Whether a connection outlives its token.
        lease_s: Seconds without a sign of life after which the other nodes give this one up; None:
            there are no others.
    """

    logger = Logger()

    def __init__(
        self,
        *,
        services: Services,
        actions: Actions,
        hub: Hub,
        clock: IReactorTime,
        monotonic: Callable[[], float],
        rate_limits: RateLimits | None = None,
        keep_expired: bool = False,
        lease_s: float | None = None,
    ) -> None:
        self.services = services
        self.actions = actions
        self.limits: Limits = services.limits
        self.hub = hub
        self.clock = clock
        self.monotonic = monotonic
        self.keep_expired = keep_expired
        self.draining = False
        rate_limits = rate_limits or RateLimits()
        self.rates = {rate: rate_limits.buckets(rate.value, monotonic) for rate in Rate}
        self._connects = rate_limits.connects(monotonic)
        self.failed_connects = FailedConnects(rate_limits.buckets("failed_connects", monotonic))
        self._connected: dict[Session, None] = {}
        self._admitted: set[Session] = set()
        self._unauthenticated: dict[Session, None] = {}
        self._signals = 0
        self._timers = Timers(clock)
        self.tally, self.visits = Tally(), Visits(self.now_ms, monotonic)
        self.readiness = Readiness(services.store, monotonic)
        self._background = Background(self.readiness)
        self._membership = self._make_membership(lease_s)
        self.tried: Deferred[None] = self._membership.tried
        """Fires once it is known whether the database is there."""

    def _make_membership(self, lease_s: float | None) -> Membership:
        services = self.services
        return Membership(
            services=services,
            clock=self.clock,
            readiness=self.readiness,
            background=self._background,
            presence=Presence(services.store, services.node, lease_s, self.now_ms, self.monotonic),
            held=lambda: {one.session_id for one in self._connected},
            lost=self.lost_lease,
        )

    # --- what operators ask ---

    @property
    def clients(self) -> int:
        """Return how many clients are connected."""
        return len(self._connected)

    @property
    def unready(self) -> str:
        """Return why clients had better go elsewhere, or an empty text."""
        if self.draining:
            return "the server is stopping"
        return (
            self.readiness.problem if self._membership.joined else "the server has not joined the nodes yet"
        )

    # --- what sessions ask ---

    def now_ms(self) -> int:
        """Return the time, milliseconds since the epoch."""
        return self.services.now_ms()

    def signal_id(self) -> str:
        """Return a `seq_id` for what is in no log: it begins with no `e`."""
        self._signals += 1
        return f"s-{self.services.node}-{self._signals}"

    def open(self, front: Front) -> Session:
        """Return a session for a new connection; the oldest that waits for CONNECT may have to go."""
        if len(self._unauthenticated) >= self.limits.unauthenticated_connections:
            oldest = next(iter(self._unauthenticated))
            oldest.displaced()
        session = Session(self, front)
        self._unauthenticated[session] = None
        return session

    def admit(self, session: Session, user_id: int, resumes: str | None) -> None:
        """Keep a place for a session that is connecting (§10.1).

        Args:
            session: Whose connection it is.
            user_id: Who connects.
            resumes: The session that it asks for: a connection of it here makes way for this one.

        Raises:
            Refused: SERVER_FULL when there is none, RATE_LIMITED when the user connects too often.
            Unavailable: The node is none of the nodes yet.
        """
        if not self._membership.joined:
            raise Unavailable("the node has not joined yet")
        wait_ms = self._connects.take(user_id)
        if wait_ms:
            raise Refused(Code.RATE_LIMITED, "too many CONNECTs a second", retry_after_ms=wait_ms)
        replaced = self.hub.listeners(log.session(resumes)) if resumes else ()
        makes_way = any(
            one.identity is not None and one.identity.user_id == user_id
            for one in replaced
            if isinstance(one, Session)
        )
        if len(self._admitted) - makes_way >= self.limits.connections:
            rule = f"the server has its {self.limits.connections} clients"
            raise Refused(Code.SERVER_FULL, rule, retry_after_ms=_FULL_RETRY_MS)
        self._admitted.add(session)

    def dismiss(self, session: Session) -> None:
        """Give up the place of a session whose CONNECT has failed."""
        self._admitted.discard(session)

    def connected(self, session: Session, channels: Sequence[str]) -> None:
        """Take a session among the connected: it hears events from here on."""
        self._unauthenticated.pop(session, None)
        self._connected[session] = None
        self.hub.subscribe(session, channels)

    def left(self, session: Session) -> None:
        """Forget a session whose connection is closing."""
        self._unauthenticated.pop(session, None)
        self._connected.pop(session, None)
        self._admitted.discard(session)
        self.hub.remove(session)

    def detach(self, session_id: str, attachment: int) -> None:
        """Have the store know that a connection is gone; the session is kept for a while."""
        if not self.draining:  # else they all go with the node
            self._background.run(self._detach(session_id, attachment))

    async def _detach(self, session_id: str, attachment: int) -> None:
        try:
            await self.services.store.run(sessions.detach, session_id, attachment, self.now_ms())
        except Unavailable:
            if not self.draining:
                self.clock.callLater(_RETRY_S, self.detach, session_id, attachment)
            raise

    def unavailable(self, reason: Unavailable) -> None:
        """Log that the database is away, once until it is back."""
        self._background.unavailable(reason)

    # --- its life ---

    async def start(self) -> None:
        """Begin the timers and become one of the nodes, as soon as the database is there."""
        self._timers.every(SWEEP_S, self.sweep)
        await self._membership.start()

    def sweep(self) -> None:
        """Drive the heartbeat and the time-outs of every client."""
        now = self.monotonic()
        for session in (*self._unauthenticated, *self._connected):
            try:
                session.sweep(now)
            except Exception:  # noqa: BLE001 - a LoopingCall dies of one exception, and the others' heartbeat with it
                self.logger.failure("the heartbeat of a client failed")
        for buckets in (*self.rates.values(), self._connects):
            buckets.sweep()
        self.failed_connects.sweep()

    def lost_lease(self, reason: str) -> None:
        """Close every client, resumably: the other nodes have given this one up, and it begins anew."""
        self.logger.error("all clients are closed, to come back: {reason}", reason=reason)
        refused = Refused(Code.SERVICE_UNAVAILABLE, "this node was away: resume", retry_after_ms=_BACK_MS)
        for session in tuple(self._connected):
            session.refuse_all(refused)
        self.services = evolve(self.services, node=self._membership.begin_anew())

    def _answering(self) -> bool:
        """Return whether a request is being answered, a CONNECT among them."""
        return any(session.busy for session in (*self._unauthenticated, *self._connected))

    def _announce_end(self, listeners: list[Session], farewell: Callable[[int], Event]) -> None:
        random.shuffle(listeners)
        for place, session in enumerate(listeners):
            body = wire.encode_event(farewell(1_000 + place * 10_000 // len(listeners)), self.now_ms())
            session.tell(wire.with_seq_id(body, self.signal_id()))

    async def shutdown(self, farewell: Callable[[int], Event]) -> None:
        """Finish what is being answered and close every connection, resumably.

        Args:
            farewell: Makes the announcement for a client out of the milliseconds after which it
                is to come back, different for each.
        """
        self.draining = True
        self._timers.stop()
        self._membership.retire()
        told = list(self._connected)
        self._announce_end(told, farewell)
        deadline = self.monotonic() + self.limits.shutdown_s / 2
        while self._answering() and self.monotonic() < deadline:
            await deferLater(self.clock, _DRAIN_STEP_S)
        self._announce_end(list(self._connected.keys() - set(told)), farewell)
        for session in (*self._unauthenticated, *self._connected):
            session.close("shutdown")
        await self._membership.leave(deadline - self.monotonic())

"""The real server in memory, under the conditions that are asked for, with a line for each session."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from assa.actions import ALL
from assa.auth import Identity, Key, Tokens
from assa.connection import Connection
from assa.errors import Code, Refused
from assa.hub import Hub
from assa.ice import IceServers
from assa.limits import Limits
from assa.mock.faults import OneOfEvery
from assa.node import Node
from assa.rates import RateLimits
from assa.registry import Action, Actions, Context, Services
from assa.session import Session
from assa.storage.sqlite import SqliteStore

if TYPE_CHECKING:
    from assa.around import Front
    from assa.mock.line import Line

_RETRY_MS: Final = 1_000


@frozen(kw_only=True)
class Conditions:
    """What a mock's server is like, apart from what happens to its messages on their way.

    Args:
        limits: Section 10 of the protocol.
        rate_limits: How much a user may ask for.
        token_lifetime_s: Seconds for which a token counts from its CONNECT on, 0: as it says itself.
            The warning comes at half of them or later, the close at most half as many after them.
        unavailable_every: One of so many requests is refused with SERVICE_UNAVAILABLE; 0: none.
        in_pieces: Whether bytes arrive in tiny pieces.
        restart_every_s: Seconds after which it starts again, and again; 0: never.
    """

    limits: Limits = field(factory=Limits)
    rate_limits: RateLimits = field(factory=RateLimits)
    token_lifetime_s: float = 0
    unavailable_every: int = 0
    in_pieces: bool = False
    restart_every_s: float = 0


class LineNode(Node):
    """A node whose sessions have a line between them and their connections."""

    take: Callable[[Connection], Line]
    """Makes the lines; set before there are connections."""

    def open(self, front: Front) -> Session:
        """Return a session for a new connection."""
        assert isinstance(front, Connection)  # noqa: S101 - there are no other fronts
        line = self.take(front)
        session = super().open(line)
        line.serve(session)
        return session


class Nodes:
    """Makes the nodes of a mock's lives, one after the other, on the same data.

    Args:
        clock: The reactor, or a fake clock, by which everything counts then.
        key: Verifies tokens.
        conditions: What they are like.
        random: Decides which requests are refused.
    """

    def __init__(self, clock: Any, key: Key, conditions: Conditions, random: Random) -> None:
        self._clock = clock
        self._hub = Hub()
        self.store = SqliteStore(
            ":memory:", worker=_Worker(clock), deliver=self._hub.deliver, now_ms=self._now_ms
        )
        self._conditions = conditions
        self._limits = _limits(conditions)
        self._tokens = _tokens(conditions, key, clock.seconds)
        every = conditions.unavailable_every
        self._actions = _sometimes_unavailable(OneOfEvery(every, random)) if every else ALL

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1_000)

    def make(self) -> LineNode:
        """Return the next node, which has not started."""
        services = Services(
            store=self.store,
            tokens=self._tokens,
            limits=self._limits,
            node=secrets.token_hex(6),
            now_ms=self._now_ms,
            ice_servers=IceServers(),
        )
        return LineNode(
            services=services,
            actions=self._actions,
            hub=self._hub,
            clock=self._clock,
            monotonic=self._clock.seconds,
            rate_limits=self._conditions.rate_limits,
        )


class _Worker:
    """Commits at once: it is all in memory."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def start(self) -> None:
        """Need nothing."""

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        return self._clock.callLater(seconds, call)

    def do(self, job: Callable[[], Any], done: Callable[[Any], None]) -> None:
        done(job())

    def stop(self) -> None:
        """Need nothing."""


def _limits(conditions: Conditions) -> Limits:
    """Return the limits, with times around the end of a token that fit into a short life."""
    limits, half_s = conditions.limits, conditions.token_lifetime_s / 2
    if not half_s:
        return limits
    return evolve(
        limits,
        token_warning_s=min(limits.token_warning_s, half_s),
        token_grace_s=min(limits.token_grace_s, half_s),
    )


@frozen(kw_only=True)
class _ShortTokens(Tokens):
    """Tokens that count for so many seconds from the CONNECT that brings them."""

    lifetime_s: float

    def identify(self, token: str) -> Identity:
        identity = super().identify(token)
        expires_at_ms = int((self.now() + self.lifetime_s) * 1_000)
        return evolve(identity, expires_at_ms=min(identity.expires_at_ms, expires_at_ms))


def _tokens(conditions: Conditions, key: Key, now: Callable[[], float]) -> Tokens:
    if conditions.token_lifetime_s:
        return _ShortTokens(keys=[key], now=now, lifetime_s=conditions.token_lifetime_s)
    return Tokens(keys=[key], now=now)


def _sometimes_unavailable(it: Callable[[], bool]) -> Actions:
    """Return all actions, of which some requests are refused, in their order, and change nothing."""

    def flaky(action: Action) -> Action:
        async def run(context: Context, request: Any) -> Any:
            if it():
                raise Refused(Code.SERVICE_UNAVAILABLE, "the mock was told to", retry_after_ms=_RETRY_MS)
            return await action.run(context, request)

        return evolve(action, run=run)

    return Actions({name: flaky(action) for name, action in ALL.names().items()})

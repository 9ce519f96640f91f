"""The conformance rules tried on a mock in memory: no sockets, and a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from assa.conformance.identities import Identities, Minted
from assa.conformance.line import Line
from assa.conformance.registry import Rule
from assa.conformance.running import Outcome, Result, Runner, all_rules
from assa.mock import Fault, make_mock

SECRET = "a secret of the mock that is tried, known to the one who tries it"
START_S = 1_704_110_400  # 2024-01-01T12:00:00Z
_STEP_S = 0.25
_TURNS = 4_000_000


class _Wire:
    """Both ends of one connection: what one writes the other gets in the next turn."""

    def __init__(self, server: Any, client: Line, piece_bytes: int) -> None:
        self.server, self.client = server, client
        self._piece_bytes = piece_bytes
        self.over = False
        self._to_server = b""
        self.transport = StringTransport()
        self.transport.abortConnection = self.end  # type: ignore[method-assign]
        server.makeConnection(self.transport)
        client.makeConnection(self)  # type: ignore[arg-type]

    # --- the client's transport ---

    @property
    def disconnecting(self) -> bool:
        return self.over

    def write(self, data: bytes) -> None:
        self._to_server += data

    def abortConnection(self) -> None:
        self.end(ConnectionLost())

    # --- the network ---

    def carry(self) -> bool:
        """Carry what has been written; return whether there was anything."""
        moved = bool(self._to_server)
        if moved and not self.over and self.transport.producerState == "producing":
            data, self._to_server = self._to_server, b""
            self.server.dataReceived(data)
        came = self.transport.value()
        if came:
            self.transport.clear()
            for begin in range(0, len(came), self._piece_bytes):
                self.client.dataReceived(came[begin : begin + self._piece_bytes])
        if self.transport.disconnecting and not self.over:
            self.end(ConnectionDone())
        return moved or bool(came)

    def end(self, reason: BaseException | None = None) -> None:
        if not self.over:
            self.over = True
            self.transport.connected = False
            for side in (self.server, self.client):
                side.connectionLost(Failure(reason or ConnectionLost()))


class Rehearsal:
    """A mock, and what tries rules on it.

    Args:
        faults: Of the mock.
        identities: Who takes part; None: users with tokens signed with the mock's secret.
        timeout_s: How long a message may take.
        slow: Whether the slow rules are tried.
        piece_bytes: How many bytes of the server arrive at once at most.
        options: Further arguments of make_mock.
    """

    def __init__(
        self,
        faults: Sequence[Callable[[Any], Fault]] = (),
        *,
        identities: Callable[[Clock], Identities] | None = None,
        timeout_s: float = 10.0,
        slow: bool = False,
        piece_bytes: int = 1_048_576,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(START_S)
        self.mock = make_mock(self.clock, faults, secret=SECRET, **options)
        self._wires: list[_Wire] = []
        self._piece_bytes = piece_bytes
        started = self.mock.start()
        while not started.called:
            self._turn()
        make = identities or (lambda clock: Minted(SECRET, algorithm="HS256", now=clock.seconds, claims={}))
        self.runner = Runner(
            connect=self._connect,
            clock=self.clock,
            identities=make(self.clock),
            timeout_s=timeout_s,
            slow=slow,
        )

    async def _connect(self, line: Line) -> None:
        self._wires.append(_Wire(self.mock.tcp.buildProtocol(None), line, self._piece_bytes))

    def run(self, rules: Sequence[Rule]) -> list[Result]:
        """Try rules and return what became of them."""
        running = Deferred.fromCoroutine(self.runner.run(rules))
        found: list[Any] = []
        running.addBoth(found.append)
        for _ in range(_TURNS):
            if found:
                break
            self._turn()
        if isinstance(found[0], Failure):
            found[0].raiseException()
        results: list[Result] = found[0]
        return results

    def _turn(self) -> None:
        moved = [wire.carry() for wire in self._wires]
        self._wires = [wire for wire in self._wires if not wire.over]
        self.clock.advance(0)
        if not any(moved) and (calls := self.clock.getDelayedCalls()):
            next_s = min(call.getTime() for call in calls) - self.clock.seconds()
            self.clock.advance(min(max(next_s, 0), _STEP_S))


def failing(results: Sequence[Result]) -> dict[str, str]:
    """Return the rules that do not hold, `version section name`, with the reasons."""
    return {
        f"{one.rule.version} {one.rule.section} {one.rule.name}": one.details
        for one in results
        if one.outcome is Outcome.FAILS
    }


def rules_of(*sections: str) -> list[Rule]:
    """Return the rules of some sections, or all."""
    return [rule for rule in all_rules() if not sections or rule.section.startswith(sections)]

"""Trying rules: several at a time, where each has users of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from attrs import field, frozen
from twisted.internet import defer
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from assa.conformance import cases
from assa.conformance.identities import Identities
from assa.conformance.line import Line, greeting
from assa.conformance.messages import Broken, Json, NotTried
from assa.conformance.registry import RULES, VERSIONS, Rule
from assa.conformance.shapes import Shapes
from assa.conformance.stage import Connect, Stage, Unreachable
from assa.conformance.watching import Findings, general_rules, messages_of

__all__ = ["Outcome", "Result", "Runner", "all_rules", "cases", "selected"]  # importing cases registers them

PARALLEL: Final = 8
_QUIET_PART: Final = 0.04
"""What part of the time that a message may take is waited for one that should not come."""


class Outcome(StrEnum):
    """What became of a rule."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_TRIED = "not tried"


@frozen(kw_only=True)
class Result:
    """A rule, what became of it, and why; `seconds` that it took."""

    rule: Rule
    outcome: Outcome
    details: str = ""
    seconds: float = field(default=0.0)


def all_rules() -> list[Rule]:
    """Return every rule, by version and section."""
    return sorted([*general_rules(), *RULES], key=lambda rule: rule.order)


def selected(rules: Iterable[Rule], *, versions: Sequence[str], sections: Sequence[str]) -> list[Rule]:
    """Return the rules of some versions and sections; ``5`` stands for ``5.1`` and all others of it."""
    prefixes = tuple(f"{section.rstrip('.')}." for section in sections)
    return [
        rule
        for rule in rules
        if rule.version in versions and (not prefixes or f"{rule.section}.".startswith(prefixes))
    ]


class Runner:
    """Tries rules against one server.

    Args:
        connect: Opens connections.
        clock: The time.
        identities: Where users come from.
        timeout_s: How long a message may take.
        slow: Whether the slow ones are tried.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        clock: IReactorTime,
        identities: Identities,
        timeout_s: float,
        slow: bool = False,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._identities = identities
        self._timeout_s = timeout_s
        self._slow = slow
        self._findings = {
            version: Findings(version, Shapes(version, messages_of(version))) for version in VERSIONS
        }
        self._results: list[Result] = []

    async def run(self, rules: Sequence[Rule]) -> list[Result]:
        """Try rules and return what became of them, in their order.

        Raises:
            Unreachable: The server takes no connections, or not the tokens.
        """
        await self._reach()
        # What waits for timers first, then the last sections, which take long: so they wait beside others.
        with_cases = [rule for rule in reversed(rules) if rule.case is not None]
        with_cases.sort(key=lambda rule: not rule.slow)
        waiting = iter([rule for rule in with_cases if not rule.alone])
        workers = PARALLEL if self._identities.parallel else 1
        working = [Deferred.fromCoroutine(self._work(waiting)) for _ in range(workers)]
        await gatherResults(working, consumeErrors=True)
        await self._work(iter([rule for rule in with_cases if rule.alone]))
        self._results += [self._found(rule) for rule in rules if rule.case is None]
        order = {rule.version + rule.name: number for number, rule in enumerate(rules)}
        return sorted(self._results, key=lambda result: order[result.rule.version + result.rule.name])

    async def _reach(self) -> None:
        """Connect once: whether the server is there and takes our tokens, hundreds of rules need not say."""
        answers: list[Json] = []
        arrived: Deferred[None] = Deferred()

        def received(message: Json) -> None:
            if message.get("action") == "CONNECT_RESPONSE" and not answers:
                answers.append(message)
                arrived.callback(None)

        line = Line(received, lambda _: None)
        await self._connect(line)
        line.send(greeting(next(self._identities.cast()).token))
        try:
            await arrived.addTimeout(self._timeout_s, self._clock)
        except defer.TimeoutError:
            return  # what is wrong, the rules will say
        finally:
            line.abort()
        if answers[0].get("success") is False:
            code = answers[0].get("error_code")
            raise Unreachable(f"CONNECT is refused with {code}; are these its secret, algorithm and claims?")

    async def _work(self, waiting: Iterator[Rule]) -> None:
        for rule in waiting:
            began = self._clock.seconds()
            outcome, details = await self._try(rule)
            seconds = self._clock.seconds() - began
            self._results.append(Result(rule=rule, outcome=outcome, details=details, seconds=seconds))

    async def _try(self, rule: Rule) -> tuple[Outcome, str]:
        if rule.slow and not self._slow:
            return Outcome.NOT_TRIED, "takes half a minute or more: --slow"
        stage = Stage(
            connect=self._connect,
            clock=self._clock,
            identities=self._identities,
            watch=self._findings[rule.version],
            timeout_s=self._timeout_s,
            quiet_s=self._timeout_s * _QUIET_PART,
        )
        try:
            return await _tried(rule, stage)
        finally:
            await stage.leave()

    def _found(self, rule: Rule) -> Result:
        findings = self._findings[rule.version]
        if rule.name in findings.wrong:
            return Result(rule=rule, outcome=Outcome.FAILS, details=findings.wrong[rule.name])
        if not findings.tried[rule.name]:
            return Result(rule=rule, outcome=Outcome.NOT_TRIED, details="nothing of the kind was met")
        return Result(rule=rule, outcome=Outcome.HOLDS)


async def _tried(rule: Rule, stage: Stage) -> tuple[Outcome, str]:
    assert rule.case is not None  # noqa: S101
    try:
        await rule.case(stage)
    except NotTried as reason:
        return Outcome.NOT_TRIED, str(reason)
    except (Broken, Unreachable) as broken:
        if stage.hurried > 0:
            return Outcome.NOT_TRIED, f"a request was refused with RATE_LIMITED; then: {broken}"
        return Outcome.FAILS, str(broken)
    except Exception as surprise:  # noqa: BLE001 - whatever the server sent to bring this about, it is not the protocol
        return Outcome.FAILS, f"something unexpected came: {type(surprise).__name__}: {surprise}"
    return Outcome.HOLDS, ""

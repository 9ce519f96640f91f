"""What a mock can do wrong, each fault for itself: what networks and servers do to clients in real life.

Each function returns one of the `faults` of :func:`assa.mock.make_mock`. *One of every N* is one of the
first N, one of the next N, and so on, counted over all connections. Which of them is random, so that a client
that always does the same things is not stuck at the same place for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from assa.mock.items import Cut, Item, Late, Message, Stall
from assa.mock.line import Fault, Line

MakeFault = Callable[[Line], Fault]


class OneOfEvery:
    """Chooses one of every so many.

    Args:
        every: Of how many.
        random: Chooses.
    """

    def __init__(self, every: int, random: Random | None = None) -> None:
        if every < 1:
            raise ValueError("expected 1 or more")
        self._every = every
        self._random = random or Random()  # noqa: S311 - no secret
        self._passed = 0
        self._chosen = self._random.randrange(every)

    def __call__(self) -> bool:
        """Return whether this one is it."""
        is_it = self._passed == self._chosen
        self._passed += 1
        if self._passed == self._every:
            self._passed, self._chosen = 0, self._random.randrange(self._every)
        return is_it


def is_answer(message: Message) -> bool:
    """Return whether a message of the server answers a request."""
    if message["action"] == "ERROR":
        return message["data"]["original_action"] is not None
    return "success" in message


class _DropAnswers(Fault):
    def __init__(self, line: Line, it: Callable[[], bool]) -> None:
        super().__init__(line)
        self._it = it
        self._greeted = False

    def outgoing(self, message: Message) -> Iterable[Item]:
        if not is_answer(message):
            return [message]
        first = message["action"] == "CONNECT_RESPONSE" and not self._greeted
        if not self._it():
            self._greeted |= first and message["success"]
            return [message]
        return [Stall()] if first else []  # events have no place before a CONNECT is answered


def drop_answers(every: int, random: Random | None = None) -> MakeFault:
    """Lose one of every so many answers; a connection whose CONNECT gets none is silent from then on."""
    it = OneOfEvery(every, random)
    return lambda line: _DropAnswers(line, it)


class _Instead(Fault):
    def __init__(self, line: Line, it: Callable[[], bool], instead: Callable[[Message], Item]) -> None:
        super().__init__(line)
        self._it = it
        self._instead = instead

    def outgoing(self, message: Message) -> Iterable[Item]:
        return [self._instead(message) if self._it() else message]


def cut(every: int, random: Random | None = None) -> MakeFault:
    """Lose the connection in the middle of one of every so many messages."""
    it = OneOfEvery(every, random)
    return lambda line: _Instead(line, it, Cut)


def stall(every: int, random: Random | None = None) -> MakeFault:
    """Let the connection fall silent, without a close, at one of every so many messages."""
    it = OneOfEvery(every, random)
    return lambda line: _Instead(line, it, lambda _: Stall())


class _Delay(Fault):
    def __init__(self, line: Line, seconds: Callable[[], float]) -> None:
        super().__init__(line)
        self._seconds = seconds

    def outgoing(self, message: Message) -> Iterable[Item]:
        return [Late(message, self._seconds())]


def delay(least_s: float, most_s: float, random: Random | None = None) -> MakeFault:
    """Let every message take a while, between two numbers of seconds; their order stays."""
    chosen = random or Random()  # noqa: S311 - no secret
    return lambda line: _Delay(line, lambda: chosen.uniform(least_s, most_s))


class RefuseResumes(Fault):
    """Let no CONNECT resume a session: it gets a new one, `resumed: false`, and nothing replayed."""

    def incoming(self, message: Message) -> Message | None:
        """Take out of a CONNECT what it wants to resume."""
        if message.get("action") == "CONNECT":
            message.pop("session_id", None)
            if isinstance(message.get("data"), dict):
                message["data"].pop("last_seq_id", None)
        return message

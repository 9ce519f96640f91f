"""The application above a client library: it sends, hears, and can say afterwards whether all was right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from attrs import frozen

from assa.client import Event, Gap, NewMessage, Online
from assa.protocol import MessageSent


@frozen
class Stored:
    """A message as the database has it."""

    message_id: int
    room_id: int
    content: str


class Witness:
    """One user's application; it knows what it sent, what was acknowledged, and what it heard.

    Args:
        name: What its messages begin with.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.unanswered: set[str] = set()
        self.acknowledged: dict[str, int] = {}
        self.failed: set[str] = set()
        """Those of which it does not know whether they were stored."""
        self.heard: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self.gaps: list[Gap] = []
        self.counts: Counter[str] = Counter()

    def next_text(self) -> str:
        """Return a text that was not sent before, and expect an answer to it."""
        self.number += 1
        text = f"{self.name}-{self.number}"
        self.unanswered.add(text)
        return text

    def on_event(self, event: Event) -> None:
        """Hear an event."""
        self.counts[type(event).__name__] += 1
        if isinstance(event, NewMessage):
            self.heard[event.room_id].append((event.message_id, event.content))
        elif isinstance(event, Gap):
            self.gaps.append(event)

    def on_state(self, state: Any) -> None:
        """See how the connection is."""
        name = type(state).__name__
        if isinstance(state, Online) and not state.complete:
            name = "Incomplete"
        self.counts[name] += 1

    def on_answer(self, sent: MessageSent) -> None:
        """Take an acknowledgement."""
        self.unanswered.remove(sent.content)
        self.acknowledged[sent.content] = sent.message_id

    def on_failure(self, text: str) -> None:
        """Learn that a message may or may not have been stored."""
        self.unanswered.remove(text)
        self.failed.add(text)

    def problems(self, stored: Iterable[Stored]) -> list[str]:
        """Compare with what is stored; return what is wrong."""
        stored = list(stored)
        wrong = [f"{self.name}: {gap}" for gap in self.gaps]
        for room_id in {one.room_id for one in stored}:
            there = [(one.message_id, one.content) for one in stored if one.room_id == room_id]
            wrong += self._heard_wrong(room_id, sorted(there))
        times = Counter(one.content for one in stored)
        ids = {one.content: one.message_id for one in stored}
        for text, message_id in self.acknowledged.items():
            if times[text] != 1 or ids[text] != message_id:
                wrong.append(f"{self.name}: {text} was acknowledged once and stored {times[text]} times")
        wrong += [f"{self.name}: {text} was stored twice" for text in self.failed if times[text] > 1]
        wrong += [f"{self.name}: {text} was never answered" for text in self.unanswered]
        return wrong

    def _heard_wrong(self, room_id: int, there: list[tuple[int, str]]) -> list[str]:
        mine, heard = f"{self.name}-", self.heard[room_id]
        expected = [one for one in there if not one[1].startswith(mine)]
        others = [one for one in heard if one[1] not in self.failed]  # of those it may hear later
        if others == expected:
            return []
        lost = sorted(set(expected) - set(others))
        doubled = [one for one, times in Counter(others).items() if times > 1]
        strange = sorted(set(others) - set(expected))
        order = "" if sorted(others) == others else "; in another order"
        return [f"{self.name}, room {room_id}: lost {lost}, doubled {doubled}, strange {strange}{order}"]


def order_problems(stored: Iterable[Stored], witnesses: Iterable[Witness]) -> list[str]:
    """Return which messages were not stored in the order in which they were sent to a room."""
    wrong = []
    for witness in witnesses:
        rooms: defaultdict[int, list[int]] = defaultdict(list)
        for one in sorted(stored, key=lambda one: one.message_id):
            name, _, number = one.content.rpartition("-")
            if name == witness.name:
                rooms[one.room_id].append(int(number))
        wrong += [f"{witness.name}: stored as {there}" for there in rooms.values() if there != sorted(there)]
    return wrong

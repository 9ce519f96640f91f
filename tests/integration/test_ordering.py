"""The order of messages over several nodes: the same for everybody, and nothing lost or doubled."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack

import pytest

from tests.integration.conftest import Figures
from tests.integration.nodes import cluster
from tests.integration.plain import Client, gather
from tests.integration.server import Server

NODES = 3
PEOPLE = 20
"""On each node."""
WINDOW = 8
"""Requests that a sender has in flight."""
_GIVE_UP_S = 50


@pytest.fixture(scope="module")
def nodes() -> Generator[list[Server], None, None]:
    """Run the nodes that the tests of this module share."""
    with cluster(NODES) as servers:
        yield servers


class Sender:
    """A member of some rooms, who says things there and hears what the others say.

    Args:
        client: Connected.
        rooms: The rooms that it is in, by number.
    """

    def __init__(self, client: Client, rooms: Sequence[int]) -> None:
        self.client = client
        self.rooms = rooms
        self.heard: list[tuple[int, str]] = []
        self.acknowledged: dict[str, int] = {}
        self.room_ids: Sequence[int] = ()
        self._to_say: deque[tuple[int, str]] = deque()
        self._unanswered = 0
        self._to_hear = 0

    def begin(self, room_ids: Sequence[int], messages: int, to_hear: int) -> None:
        """Say so many messages, in each room in turn, and hear so many."""
        self.room_ids = [room_ids[room] for room in self.rooms]
        self._to_say.extend(
            (self.room_ids[number % len(self.rooms)], f"{self.client.user_id}-{number}")
            for number in range(messages)
        )
        self._to_hear = to_hear
        self.go_on()

    def go_on(self) -> bool:
        """Look at what has come, and say what may be said; return whether all is said and heard."""
        while self.client.inbox:
            message = self.client.inbox.popleft()
            data = message["data"]
            if message["action"] == "NEW_MESSAGE":
                self.heard.append((data["message_id"], data["content"]))
            else:
                assert message["action"] == "SEND_MESSAGE_RESPONSE", message
                self.acknowledged[data["content"]] = data["message_id"]
                self._unanswered -= 1
        while self._to_say and self._unanswered < WINDOW:
            self._unanswered += 1
            self.client.say(*self._to_say.popleft())
        return not self._to_say and not self._unanswered and len(self.heard) >= self._to_hear


def open_rooms(senders: Sequence[Sender], rooms: int) -> list[int]:
    """Have everybody in his rooms; return their ids."""
    people = [[one.client for one in senders if room in one.rooms] for room in range(rooms)]
    room_ids = []
    for host, *others in people:
        request = {"name": "방", "is_open": True, "max_participants": 1_000}
        room_ids.append(host.ask("CREATE_ROOM", request)["room_id"])
        for other in others:
            other.send("JOIN_ROOM", {"room_id": room_ids[-1]})
    for one in senders:
        one.client.ask("LIST_ROOMS")
        one.client.inbox.clear()
    for one in senders:  # by now all have joined: whoever asks hears of it before the answer
        one.client.ask("LIST_ROOMS")
        one.client.inbox.clear()
    return room_ids


def one_room(person: int) -> list[int]:
    """Put everybody into one room."""
    del person
    return [0]


def hundred_rooms(person: int) -> list[int]:
    """Put everybody into ten of a hundred rooms, with people of every node in each."""
    return [(person * 7 + step * 10 + step) % 100 for step in range(10)]


@pytest.mark.parametrize(
    ("rooms", "chosen", "messages"),
    [(1, one_room, 40), (100, hundred_rooms, 150)],
    ids=["one room", "100 rooms"],
)
def test_everybody_hears_the_same_order(
    rooms: int, chosen: Callable[[int], list[int]], messages: int, nodes: list[Server], figures: Figures
) -> None:
    """In a room every member sees messages in the order of their ids, on every node (§6 of v1.1)."""
    with ExitStack() as open_clients:
        senders = []
        for person in range(NODES * PEOPLE):
            client = Client(nodes[person % NODES].address, person + 1)
            open_clients.callback(client.hang_up)
            client.connect()
            senders.append(Sender(client, chosen(person)))
        room_ids, began = open_rooms(senders, rooms), time.monotonic()
        for sender in senders:
            others = [one for one in senders if one is not sender]
            shared = sum(len(set(one.rooms) & set(sender.rooms)) for one in others)
            sender.begin(room_ids, messages, shared * messages // len(sender.rooms))
        by_client = {sender.client: sender for sender in senders}
        gather(list(by_client), lambda client: by_client[client].go_on(), _GIVE_UP_S)
        seconds = time.monotonic() - began
        for sender in senders:
            sender.client.settle()  # whatever came twice would come before this is answered
            sender.go_on()
    check(senders, figures, seconds)


def check(senders: Sequence[Sender], figures: Figures, seconds: float) -> None:
    """Compare what everybody heard with what was acknowledged."""
    by_room: dict[int, list[tuple[int, str]]] = {}
    for sender in senders:
        for content, message_id in sender.acknowledged.items():
            number = int(content.partition("-")[2])
            room_id = sender.room_ids[number % len(sender.rooms)]
            by_room.setdefault(room_id, []).append((message_id, content))
    lost = doubled = seen = out_of_order = 0
    for sender in senders:
        own = sender.acknowledged.keys()
        there = (by_room[room_id] for room_id in sender.room_ids)
        expected = sorted(one for room in there for one in room if one[1] not in own)
        seen += len(sender.heard)
        lost += len(set(expected) - set(sender.heard))
        doubled += len(sender.heard) - len(set(sender.heard))
        out_of_order += sender.heard != expected
    sent = sum(len(sender.acknowledged) for sender in senders)
    figures(
        f"{len(senders)} senders on {NODES} nodes, {len(by_room)} rooms: {sent} messages acknowledged,"
        f" {seen} seen in {seconds:.1f} s ({sent / seconds:.0f} and {seen / seconds:.0f}/s);"
        f" lost {lost}, doubled {doubled}, with another order {out_of_order}"
    )
    assert (lost, doubled, out_of_order) == (0, 0, 0)

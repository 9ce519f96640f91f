"""A rolling restart: three nodes are stopped one after the other, and their clients notice nothing worse."""

from __future__ import annotations

import random
import resource
import selectors
import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
from threading import Thread

import pytest

from tests.integration.conftest import Figures
from tests.integration.nodes import cluster, restart
from tests.integration.plain import Client, Message, gather
from tests.integration.server import Server

NODES = 3
PEOPLE = 900
ROOM = 30
"""People of a room; its first one, and the first one of the room before, talk in it."""
ROOMS = PEOPLE // ROOM
PACE_S = 0.25
HASTE = 10
"""So many times sooner than the server asks for does a client come back: the test has no time to lose."""
STOP_S = 10
_REDIAL_S = 0.1
_QUIET_S = 1.0
_GIVE_UP_S = 55
_FILES = 4_096
_STEP_S = 0.02


@pytest.fixture(autouse=True)
def many_files() -> Generator[None, None, None]:
    """Let this process have as many sockets as the test needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _FILES:
        pytest.skip(f"needs {_FILES} open files, and `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, _FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Guest:
    """A client that does what the protocol asks for: comes back when told to, resumes, sends again.

    Args:
        servers: The nodes.
        user_id: Who it is; that decides where it begins.
    """

    def __init__(self, servers: Sequence[Server], user_id: int) -> None:
        self.addresses = [server.address for server in servers]
        self.client = Client(self.addresses[user_id % len(servers)], user_id)
        self.room_ids: list[int] = []
        self.acknowledged: dict[str, tuple[int, int]] = {}
        """The room and the id of each message."""
        self.sent = 0
        self.unanswered: dict[str, int] = {}
        """The room of each message."""
        self.heard: list[tuple[int, int, str]] = []
        """The room, the id and the content of each message."""
        self.absences_s: list[float] = []
        self.delays_ms: list[int] = []
        self.errors: list[Message] = []
        self.resumed: list[bool] = []
        self.refused_dials = self.cut_off = self.resent = self.duplicates = 0
        self.back_at = 0.0
        self._lost_at = 0.0
        self._told_ms: int | None = None
        self._connecting: str | None = None
        self._random = random.Random(user_id)

    @property
    def present(self) -> bool:
        """Whether it is connected, and has been let in."""
        return not self.client.closed and self._connecting is None

    # --- talking ---

    def say(self) -> None:
        """Say something new in one of its rooms."""
        content = f"{self.client.user_id}-{self.sent}"
        self.unanswered[content] = self.room_ids[self.sent % len(self.room_ids)]
        self.sent += 1
        if self.present:
            self._send(content)

    def _send(self, content: str) -> None:
        with suppress(ConnectionError):  # it is read to its end, and then sent again
            self.client.say(self.unanswered[content], content, content)

    def take_all(self) -> None:
        """Look at what has come."""
        inbox = self.client.inbox
        while inbox:
            self._took(inbox.popleft())

    def _took(self, message: Message) -> None:
        action, data = message["action"], message.get("data", {})
        if action == "NEW_MESSAGE":
            self.heard.append((data["room_id"], data["message_id"], data["content"]))
        elif action == "SEND_MESSAGE_RESPONSE":
            content = data["client_message_id"]
            self.acknowledged[content] = (self.unanswered.pop(content), data["message_id"])
            self.duplicates += data.get("duplicate", False)
        elif action == "CONNECT_RESPONSE" and message["success"]:
            self._let_in(message)
        elif action == "SERVER_ANNOUNCEMENT":
            self._told_ms = data["reconnect_after_ms"]
            self.delays_ms.append(data["reconnect_after_ms"])
        elif action != "PONG":
            self.errors.append(message)

    # --- leaving and coming back ---

    def lost(self) -> None:
        """Take note that the connection is gone, and decide when to come back."""
        now = time.monotonic()
        self._lost_at = self._lost_at or now
        delay_s = _REDIAL_S
        if self._connecting is not None:
            self.cut_off += 1  # by a node that was stopped before it had looked at the CONNECT
        elif self._told_ms is not None:
            delay_s = self._told_ms / 1_000 / HASTE
        else:
            self.errors.append({"action": "closed without a word"})
        self._told_ms = self._connecting = None
        self.back_at = now + delay_s

    def come_back(self) -> bool:
        """Dial another node and send CONNECT; return whether it was there."""
        others = [address for address in self.addresses if address != self.client.address]
        try:
            self.client.dial(self._random.choice(others))
        except ConnectionRefusedError:
            self.refused_dials += 1
            self.back_at = time.monotonic() + _REDIAL_S
            return False
        self._connecting, line = self.client.connect_line()
        self.client.socket.sendall(line)
        return True

    def _let_in(self, answer: Message) -> None:
        self.client.inbox.appendleft(answer)
        assert self._connecting is not None
        self.resumed.append(self.client.connected(self._connecting)["resumed"])
        self.absences_s.append(time.monotonic() - self._lost_at)
        self._lost_at, self._connecting = 0.0, None
        for content in self.unanswered:
            self.resent += 1
            self._send(content)


class Crowd:
    """All clients, driven by one loop.

    Args:
        guests: Connected.
        talkers: Those who say something every so often.
    """

    def __init__(self, guests: Sequence[Guest], talkers: Sequence[Guest]) -> None:
        self._guests = guests
        self._talkers = deque(talkers)
        self._away: set[Guest] = set()
        self._selector = selectors.DefaultSelector()
        self._next_at = 0.0
        for guest in guests:
            self._listen(guest)

    def _listen(self, guest: Guest) -> None:
        self._selector.register(guest.client.socket, selectors.EVENT_READ, guest)

    def go_on(self, *, talk: bool) -> None:
        """Do what is due now."""
        for key, _ in self._selector.select(_STEP_S):
            self._receive(key.data)
        now = time.monotonic()
        for guest in [one for one in self._away if one.back_at <= now]:
            if guest.come_back():
                self._away.discard(guest)
                self._listen(guest)
        while talk and self._next_at <= now:
            self._next_at = max(self._next_at + PACE_S / len(self._talkers), now - PACE_S)
            self._talkers[0].say()
            self._talkers.rotate()

    def _receive(self, guest: Guest) -> None:
        descriptor = guest.client.socket.fileno()
        is_open = guest.client.receive()
        guest.take_all()
        if not is_open:
            self._selector.unregister(descriptor)
            guest.lost()
            self._away.add(guest)

    def calm(self) -> bool:
        """Return whether everybody is here and everything has been heard."""
        if self._away or not all(one.present and not one.unanswered for one in self._guests):
            return False
        said = Counter(room_id for one in self._guests for room_id, _ in one.acknowledged.values())
        return all(len(one.heard) >= self._to_hear(one, said) for one in self._guests)

    @staticmethod
    def _to_hear(guest: Guest, said: Counter[int]) -> int:
        return sum(said[room_id] for room_id in guest.room_ids) - len(guest.acknowledged)


class Restarts(Thread):
    """Restarts the nodes, one after the other, each once the former is back."""

    def __init__(self, servers: Sequence[Server]) -> None:
        super().__init__(daemon=True)
        self.took_s: list[tuple[float, float]] = []
        """Seconds until each had stopped, and until it was back."""
        self.failure: BaseException | None = None
        self._servers = servers

    def run(self) -> None:
        """Restart all."""
        try:
            time.sleep(_QUIET_S)
            for server in self._servers:
                began = time.monotonic()
                server.terminate()
                server.wait(STOP_S)
                stopped = time.monotonic()
                restart(server)
                self.took_s.append((stopped - began, time.monotonic() - stopped))
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            self.failure = failure


def arrive(guests: Sequence[Guest]) -> list[Guest]:
    """Have everybody connect and join his room; return those who will talk, each in two rooms."""
    for guest in guests:
        guest.client.connect()
    groups = [list(guests[first : first + ROOM]) for first in range(0, PEOPLE, ROOM)]
    talkers = [group[0] for group in groups]
    for group, visitor in zip(groups, [talkers[-1], *talkers[:-1]], strict=True):
        request = {"name": "방", "is_open": True, "max_participants": 100}
        room_id = group[0].client.ask("CREATE_ROOM", request)["room_id"]
        for guest in [*group[1:], visitor]:
            guest.client.send("JOIN_ROOM", {"room_id": room_id})
        for guest in [*group, visitor]:
            guest.room_ids.append(room_id)
    clients = [guest.client for guest in guests]
    for _ in range(2):  # whoever asks once all have joined hears of it before the answer
        for client in clients:
            client.send("LIST_ROOMS")
        gather(clients, lambda one: any(message["action"] == "LIST_ROOMS_RESPONSE" for message in one.inbox))
        for client in clients:
            client.inbox.clear()
    return talkers


def test_rolling_restart(figures: Figures) -> None:
    """Who is told when to come back resumes elsewhere, loses nothing and is refused nothing (§9 of v1.1)."""
    with cluster(NODES) as servers, ExitStack() as open_clients:
        guests = [Guest(servers, user_id) for user_id in range(1, PEOPLE + 1)]
        for guest in guests:
            open_clients.callback(guest.client.hang_up)
        talkers, began = arrive(guests), time.monotonic()
        crowd, restarts = Crowd(guests, talkers), Restarts(servers)
        restarts.start()
        ended = 0.0
        while not ended or time.monotonic() < ended or not crowd.calm():
            crowd.go_on(talk=not ended or time.monotonic() < ended)
            if not ended and not restarts.is_alive():
                ended = time.monotonic() + _QUIET_S
            if time.monotonic() - began > _GIVE_UP_S:
                break
        seconds = time.monotonic() - began
        for _ in range(10):  # for what might come twice
            crowd.go_on(talk=False)
        if restarts.failure is not None:
            raise restarts.failure
    show_absences(guests, restarts, seconds, figures)
    check(guests, figures)


def show_absences(guests: Sequence[Guest], restarts: Restarts, seconds: float, figures: Figures) -> None:
    """Show how long it took, and how long who was away."""
    took = ", ".join(f"{stopped:.1f} + {back:.1f} s" for stopped, back in restarts.took_s)
    absences_s = [one for guest in guests for one in guest.absences_s]
    told = [one for guest in guests for one in guest.delays_ms]
    figures(
        f"{PEOPLE} clients, {NODES} nodes restarted in {seconds:.1f} s (stopped + back: {took});"
        f" told to come back {len(told)} times, after {min(told)} to {max(told)} ms"
        f" ({len(set(told))} different), came back {HASTE} times sooner;"
        f" longest absence {max(absences_s):.2f} s; {sum(one.refused_dials for one in guests)} dials refused,"
        f" {sum(one.cut_off for one in guests)} CONNECTs cut off"
    )


def check(guests: Sequence[Guest], figures: Figures) -> None:
    """Compare what was sent, what was acknowledged and what everybody heard."""
    said: dict[int, list[tuple[int, int, str]]] = {}
    for guest in guests:
        for content, (room_id, message_id) in guest.acknowledged.items():
            said.setdefault(room_id, []).append((room_id, message_id, content))
    lost = doubled = out_of_order = 0
    for guest in guests:
        there = (one for room_id in guest.room_ids for one in said[room_id])
        expected = {one for one in there if one[2] not in guest.acknowledged}
        lost += len(expected - set(guest.heard))
        doubled += len(guest.heard) - len(set(guest.heard))
        out_of_order += guest.heard != sorted(guest.heard, key=lambda one: one[1])
    errors = Counter(one.get("error_code", one["action"]) for guest in guests for one in guest.errors)
    comebacks = [resumed for guest in guests for resumed in guest.resumed]
    sent, acknowledged = sum(one.sent for one in guests), sum(len(one.acknowledged) for one in guests)
    figures(
        f"sent {sent}, acknowledged {acknowledged}, sent again or late {sum(one.resent for one in guests)}"
        f" (already stored {sum(one.duplicates for one in guests)}),"
        f" seen {sum(len(one.heard) for one in guests)};"
        f" lost {lost}, doubled {doubled}, out of order for {out_of_order}, errors {dict(errors)},"
        f" resumed {sum(comebacks)} of {len(comebacks)}"
    )
    assert not errors
    assert (lost, doubled, out_of_order) == (0, 0, 0)
    assert acknowledged == sent
    assert all(comebacks)
    assert len(comebacks) >= PEOPLE

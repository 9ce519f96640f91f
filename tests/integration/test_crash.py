"""`kill -9` under load: what was acknowledged is there, once, and everybody has heard everything, once."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, deque
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

from tests.integration.conftest import Figures
from tests.integration.plain import TIMEOUT_S, Client, ClosedError, Message, history, room_of
from tests.integration.server import Server, running

SENDERS = 4
RECEIVERS = 4
MESSAGES = 400
"""Of each sender."""
WINDOW = 12
"""Requests that a sender has in flight."""
KILLS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)
"""After which parts of all acknowledgements the server is killed."""
_AGAIN_S = 0.05
_GIVE_UP_S = 60


class Member(Thread):
    """A member of the room: sends its messages, hears the others', and comes back after each crash.

    Args:
        client: Connected, and in the room.
        room_id: The room.
        contents: What it has to say.
        others: How many messages of others it has to hear.
        give_up: Ends it early.
    """

    def __init__(
        self, client: Client, room_id: int, contents: list[str], others: int, give_up: Event
    ) -> None:
        super().__init__(daemon=True, name=f"member-{client.user_id}")
        self.client = client
        self.acknowledged: dict[str, int] = {}
        self.heard: list[tuple[int, str]] = []
        self.resumed: list[bool] = []
        self.resent = self.duplicates = self.refused_dials = 0
        self.failure: BaseException | None = None
        self._room_id = room_id
        self._others = others
        self._give_up = give_up
        self._to_say = deque(contents)
        self._unanswered: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """Whether it has said and heard everything."""
        return not self._to_say and not self._unanswered and len(self.heard) >= self._others

    def run(self) -> None:
        """Chat until everything is said and heard."""
        try:
            while not self.complete and not self._give_up.is_set():
                try:
                    if self.client.closed:
                        self._come_back()
                    self._chat()
                except (OSError, ClosedError):
                    self.client.hang_up()
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            self.failure = failure

    def _come_back(self) -> None:
        try:
            self.client.dial()
        except ConnectionRefusedError:
            self.refused_dials += 1
            time.sleep(_AGAIN_S)
            raise
        seq_id, line = self.client.connect_line()
        self.client.socket.sendall(line)
        info = self.client.connected(seq_id)
        self.resumed.append(info["resumed"])
        self.resent += len(self._unanswered)
        for content in self._unanswered.values():
            self.client.say(self._room_id, content, content)
        self.take_all()

    def _chat(self) -> None:
        while not self.complete and not self._give_up.is_set():
            while self._to_say and len(self._unanswered) < WINDOW:
                content = self._to_say.popleft()
                # From here on it counts as sent: the server may have it even if sending fails.
                self._unanswered[content] = content
                self.client.say(self._room_id, content, content)
            is_open = self.client.receive()
            self.take_all()
            if not is_open:
                return

    def take_all(self) -> None:
        """Look at what has come."""
        while self.client.inbox:
            self._took(self.client.inbox.popleft())

    def _took(self, message: Message) -> None:
        data = message.get("data", {})
        if message["action"] == "NEW_MESSAGE":
            self.heard.append((data["message_id"], data["content"]))
        elif message["action"] == "SEND_MESSAGE_RESPONSE":
            self.duplicates += data.get("duplicate", False)
            content = self._unanswered.pop(data["client_message_id"])
            assert data["content"] == content
            self.acknowledged[content] = data["message_id"]
        else:
            raise AssertionError(f"unexpected: {message}")


def kill_at(server: Server, members: list[Member], acknowledgements: int) -> tuple[int, int]:
    """Kill the server once it has acknowledged so many messages, and start it again.

    Returns:
        How many it had acknowledged, and how many were waiting for an answer.
    """
    give_up = time.monotonic() + TIMEOUT_S
    while sum(len(member.acknowledged) for member in members) < acknowledgements:
        assert time.monotonic() < give_up, "the members make no progress"
        assert not any(member.failure for member in members)
        time.sleep(0.002)
    server.kill()
    counts = (
        sum(len(member.acknowledged) for member in members),
        sum(len(member._unanswered) for member in members),
    )
    server.start()
    return counts


def members_of(clients: list[Client], room_id: int, give_up: Event) -> list[Member]:
    """Make the first clients senders and the others receivers."""
    total = SENDERS * MESSAGES
    members = []
    for index, client in enumerate(clients):
        contents = [f"{client.user_id}-{number}" for number in range(MESSAGES if index < SENDERS else 0)]
        members.append(Member(client, room_id, contents, total - len(contents), give_up))
    return members


def run_and_kill(server: Server, members: list[Member], give_up: Event) -> list[tuple[int, int]]:
    """Let the members chat to the end while the server is killed; return what `kill_at` returned."""
    for member in members:
        member.start()
    try:
        killed = [kill_at(server, members, int(part * SENDERS * MESSAGES)) for part in KILLS]
        ended = time.monotonic() + _GIVE_UP_S
        for member in members:
            member.join(max(0.0, ended - time.monotonic()))
    finally:
        give_up.set()
    for member in members:
        if member.failure is not None:
            raise member.failure
    assert [member.name for member in members if not member.complete] == []
    return killed


def test_kill_9_under_load(figures: Figures) -> None:
    """Acknowledged is durable, a send is stored once, a resumed client misses nothing (§4, §6 of v1.1)."""
    # More than 1,000 events may be missed while one comes back a little later than the others.
    replayed = 2 * SENDERS * MESSAGES
    with running(rate__messages=0, rate__others=0, limits__replay_events=replayed) as server:
        clients = [Client(server.address, user_id) for user_id in range(1, SENDERS + RECEIVERS + 1)]
        for client in clients:
            client.connect()
        room_id, give_up = room_of(clients), Event()
        members = members_of(clients, room_id, give_up)
        killed = run_and_kill(server, members, give_up)
        for member in members:
            # Whatever came twice would come before this is answered.
            member.client.settle()
            member.take_all()
        stored = history(clients[-1], room_id)
        for client in clients:
            client.hang_up()
    figures(f"kills {len(killed)}, with (acknowledged, in flight) {killed}")
    check(members, stored, figures)
    assert all(in_flight > 0 for _, in_flight in killed), "the server was killed while idle"
    assert all(len(member.resumed) >= len(killed) for member in members)


def test_kill_9_while_starting() -> None:
    """Whatever a start was doing when it was killed, the schema among it, the next one succeeds."""
    with tempfile.TemporaryDirectory(prefix="assa-") as directory:
        server = Server(Path(directory))
        for step in range(5):
            server.spawn()
            time.sleep(0.2 + 0.08 * step)
            server.kill()
    with running() as server:
        for step in range(3):
            server.kill()
            server.spawn()
            time.sleep(0.2 + 0.1 * step)
        server.kill()
        server.start()
        with closing(Client(server.address, 1)) as mina:
            mina.connect()
            mina.say(room_of([mina]), "안녕하세요!")
            assert mina.heard("SEND_MESSAGE_RESPONSE")["success"] is True


def check(members: list[Member], stored: list[tuple[int, str]], figures: Figures) -> None:
    """Compare what was acknowledged, what is stored and what everybody heard."""
    acknowledged = {content: id_ for member in members for content, id_ in member.acknowledged.items()}
    times_stored = Counter(content for _, content in stored)
    lost = len(acknowledged.keys() - times_stored.keys())
    doubled = len(stored) - len(times_stored)
    unheard = heard_twice = 0
    for member in members:
        heard = {id_ for id_, _ in member.heard}
        heard_twice += len(member.heard) - len(heard)
        unheard += len({id_ for id_, content in stored if content not in member.acknowledged} - heard)
    figures(
        f"sent {SENDERS * MESSAGES}, acknowledged {len(acknowledged)}, stored {len(stored)},"
        f" resent {sum(one.resent for one in members)}"
        f" (already stored {sum(one.duplicates for one in members)}),"
        f" seen {sum(len(one.heard) for one in members)};"
        f" lost {lost}, doubled {doubled}, not seen {unheard}, seen twice {heard_twice}"
    )
    assert (lost, doubled, unheard, heard_twice) == (0, 0, 0, 0)
    assert len(acknowledged) == len(stored) == SENDERS * MESSAGES
    assert {content: id_ for id_, content in stored} == acknowledged
    for member in members:
        check_member(member, stored)


def check_member(member: Member, stored: list[tuple[int, str]]) -> None:
    """He heard the others' messages in the order in which they are stored, and his own have kept theirs."""
    assert member.heard == [one for one in stored if one[1] not in member.acknowledged], member.name
    own = [int(content.partition("-")[2]) for _, content in stored if content in member.acknowledged]
    assert own == sorted(own), member.name
    assert all(member.resumed), member.name

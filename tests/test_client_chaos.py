"""The client library over a network that cuts, delays and swallows at random: each message is heard once.

In memory and with a fake clock. `ASSA_SEED` chooses one seed, which each failure names; `ASSA_CHAOS` says how
many there are.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from assa.client import Bookmark, Client, Disconnected, NoAnswer, Offline, Online, Rejected
from assa.protocol import DeviceInfo
from tests.witness import Stored, Witness, order_problems
from tests.world import START_S, UNLIMITED, World

STEPS = 1_000
SEEDS = (
    [int(os.environ["ASSA_SEED"])]
    if "ASSA_SEED" in os.environ
    else range(int(os.environ.get("ASSA_CHAOS", "8")))
)
_SETTLED_S = 120.0


class End(StringTransport):
    """One end of a connection over the bad network."""

    def __init__(self, network: Network, *, of_server: bool) -> None:
        super().__init__()
        self.network, self.of_server = network, of_server
        self.protocol: Any = None
        self.other: End = self
        self.deaf = self.gone = False
        self._free_s = 0.0

    def write(self, data: bytes) -> None:
        """Send; it arrives later, in pieces perhaps, in order."""
        network, place = self.network, 0
        data = network.altered(data, of_server=self.of_server)
        while place < len(data):
            size = network.random.choice((len(data), len(data), network.random.randint(1, 400)))
            delay_s = network.random.expovariate(1 / network.latency_s) if network.latency_s else 0.0
            self._free_s = max(self._free_s, network.clock.seconds() + delay_s)
            piece = data[place : place + size]
            network.clock.callLater(self._free_s - network.clock.seconds(), self._arrive, piece)
            place += size

    def _arrive(self, data: bytes) -> None:
        if not self.gone and not self.other.gone and not self.other.deaf:
            self.other.protocol.dataReceived(data)

    def loseConnection(self) -> None:
        """Close after what was written."""
        delay_s = max(0.0, self._free_s - self.network.clock.seconds())
        self.network.clock.callLater(delay_s, self.drop, ConnectionDone())

    def abortConnection(self) -> None:
        """Close at once."""
        self.drop(ConnectionLost())

    def drop(self, reason: Exception) -> None:
        """Lose the connection, at both ends."""
        for end in (self, self.other):
            end.hang_up(reason)

    def hang_up(self, reason: Exception) -> None:
        """Lose the connection at this end."""
        if not self.gone:
            self.gone = True
            self.network.ends.pop(self, None)
            self.protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class Network:
    """The way to a server that comes and goes; all that can go wrong on it goes wrong at random."""

    def __init__(self, seed: int, directory: str) -> None:
        self.random = random.Random(seed)
        self.is_old = seed % 4 == 3
        self.limited = seed % 4 == 2
        self.clock = Clock()
        self.clock.advance(START_S)
        self.path = str(Path(directory) / "assa.db")
        self.latency_s = 0.0
        self.closed = self.forgetful = False
        self.ends: dict[End, None] = {}
        self.counts: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        """Start the server, on the data that there are."""
        limits = {"replay_events": self.random.choice((3, 20, 1_000))}
        self.world = World(
            path=self.path,
            limits=limits,
            rate_limits=evolve(UNLIMITED, messages=3, messages_burst=5) if self.limited else UNLIMITED,
            start_s=self.clock.seconds(),
            nodes=[self],  # type: ignore[list-item] # it has a clock, which is all that counts
            front="tcp",
        )

    def restart(self) -> None:
        """End the server like after kill -9, and start it again."""
        self.world.crash()
        for end in list(self.ends):
            end.hang_up(ConnectionLost())
        self.start()

    def connect(self, factory: Any) -> Deferred[Any]:
        """Connect a client."""
        if self.closed:
            return fail(ConnectError())
        here, there = End(self, of_server=False), End(self, of_server=True)
        here.other, there.other = there, here
        here.protocol, there.protocol = (
            factory.buildProtocol(None),
            self.world.factory.buildProtocol(here.getPeer()),
        )
        self.ends[here] = None
        there.protocol.makeConnection(there)
        here.protocol.makeConnection(here)
        return succeed(here.protocol)

    def altered(self, lines: bytes, *, of_server: bool) -> bytes:
        """Return what is sent: of an old server less, to a forgetful one a position without meaning."""
        if self.is_old:
            return b"".join(_of_v1_0(json.loads(line), of_server=of_server) for line in lines.splitlines())
        if self.forgetful and not of_server:
            return lines.replace(b'"last_seq_id":"e', b'"last_seq_id":"x')
        return lines

    def heal(self) -> None:
        """Have nothing more go wrong."""
        self.closed = self.forgetful = False
        self.latency_s = 0.0
        for end in list(self.ends):
            end.drop(ConnectionLost())

    def misbehave(self) -> None:
        """Have something go wrong."""
        fault = self.random.choices(
            ("cut", "swallow", "latency", "closed", "forgetful", "restart"), (30, 14, 20, 10, 14, 4)
        )[0]
        self.counts[fault] += 1
        ends = list(self.ends)
        if fault == "cut" and ends:
            self.random.choice(ends).drop(ConnectionLost())
        elif fault == "swallow" and ends:
            end = self.random.choice(ends)
            here, there = self.random.choice(((True, False), (True, True), (False, True)))
            end.deaf, end.other.deaf = end.deaf or here, end.other.deaf or there  # for good: TCP has no holes
        elif fault == "latency":
            self.latency_s = self.random.choice((0.0, 0.01, 0.1, 0.5))
        elif fault in ("closed", "forgetful"):
            setattr(self, fault, not getattr(self, fault))
        elif fault == "restart":
            self.restart()


def _of_v1_0(message: dict[str, Any], *, of_server: bool) -> bytes:
    """Return a message as it would be of v1.0: no resuming, no positions, no GET_MESSAGES."""
    data = message.get("data") or {}
    if not of_server:
        message.pop("session_id", None)
        assert message["action"] not in ("GET_MESSAGES", "LIST_ROOMS"), message
        assert "last_seq_id" not in data, message
    elif message["action"] == "CONNECT_RESPONSE" and message["success"]:
        info = data["reconnection_info"]
        for name in ("resumed", "replayed_events", "video_rooms", "last_seq_id"):
            del info[name]
    elif message["seq_id"].startswith("e"):
        message["seq_id"] = f"broadcast_{message['seq_id']}"
    for one in data.get("pending_messages", ()):
        for name in ("message_type", "reply_to_message_id"):
            del one[name]
    return json.dumps(message).encode() + b"\n"


class Phone:
    """One device: a client and the application above it, which goes on after everything."""

    def __init__(self, network: Network, user_id: int, name: str) -> None:
        self.network, self.user_id, self.name = network, user_id, name
        self.witness = Witness(name)
        self.rooms: list[int] = []
        self.connecting: Deferred[Any] | None = None
        self.make_client()

    def make_client(self) -> None:
        """Start the program."""
        self.client = Client(
            self.network,
            self.network.clock,
            heard=self.witness.on_event,
            changed=self.witness.on_state,
            device=DeviceInfo(device_id=self.name),
            random=self.network.random.random,
        )

    def restart(self) -> None:
        """End the program, and start it again with what it has kept."""
        self.client.close()
        kept = json.dumps(self.client.bookmark.to_json())
        self.make_client()
        self.connect(Bookmark.from_json(json.loads(kept)))

    def connect(self, bookmark: Bookmark | None = None) -> None:
        """Connect, for the first time or after it was given up."""
        token = lambda: self.network.world.token(self.user_id, nickname=self.name, lifetime_s=100)  # noqa: E731
        self.connecting = Deferred.fromCoroutine(self.client.connect(token, resume=bookmark))
        self.connecting.addErrback(self._failed, bookmark).addBoth(self._connected)

    def _failed(self, failure: Failure, bookmark: Bookmark | None) -> None:
        failure.trap(Disconnected, NoAnswer, Rejected)
        self.kept = bookmark

    def _connected(self, _: object) -> None:
        self.connecting = None

    def look(self) -> None:
        """Connect again where the library has given up."""
        if isinstance(self.client.state, Offline) and self.connecting is None:
            self.connect(self.client.bookmark)

    def send(self) -> None:
        """Send a message."""
        if not isinstance(self.client.state, Offline):
            text = self.witness.next_text()
            sending = self.client.send_text(self.network.random.choice(self.rooms), text)
            sending.addCallbacks(self.witness.on_answer, self._not_sent, errbackArgs=(text,))

    def _not_sent(self, failure: Failure, text: str) -> None:
        failure.trap(Disconnected, NoAnswer, Rejected)
        self.witness.on_failure(text)


class Chaos:
    """A few phones, two rooms, and a network on which everything goes wrong."""

    def __init__(self, seed: int, directory: str) -> None:
        self.network = Network(seed, directory)
        self.random = self.network.random
        # CHECK_RECEIVE, all that v1.0 has, does not tell of what another device of the same user has sent.
        tablet = (4 if self.network.is_old else 1, "tablet")
        self.phones = [Phone(self.network, *who) for who in ((1, "mina"), tablet, (2, "jun"), (3, "sol"))]
        for phone in self.phones:
            phone.connect()
        self.pass_time(1)
        host = self.phones[0].client
        for _ in range(2):
            created = host.create_room("방", is_open=True)
            self.pass_time(1)
            room_id = created.result.room_id  # type: ignore[union-attr]
            joining = [phone.client.join_room(room_id) for phone in self.phones[1:]]
            self.pass_time(1)
            assert all(one.called for one in joining)
            for phone in self.phones:
                phone.rooms.append(room_id)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, for everybody."""
        self.network.world.pass_time(seconds, step=0.1)

    def step(self) -> None:
        """Do one thing."""
        phone = self.random.choice(self.phones)
        doing = self.random.random()
        if doing < 0.55:
            phone.send()
        elif doing < 0.65:
            self.network.misbehave()
        elif doing < 0.66 and phone.connecting is None:
            phone.restart()
        else:
            self.pass_time(self.random.choice((0.1, 0.3, 1.0)))
        for one in self.phones:
            one.look()

    def settle(self) -> None:
        """Let everything come to rest."""
        self.network.heal()
        waited_s = 0.0
        while waited_s < _SETTLED_S:
            self.pass_time(1.0)
            waited_s += 1.0
            for phone in self.phones:
                phone.look()
            if waited_s > 30 and all(
                isinstance(one.client.state, Online) and not one.witness.unanswered for one in self.phones
            ):
                break

    def problems(self) -> list[str]:
        """Return what is wrong in the end."""
        rows = self.network.world.query("SELECT message_id, room_id, content FROM messages")
        stored = [Stored(*row) for row in rows]
        witnesses = [phone.witness for phone in self.phones]
        wrong = [problem for witness in witnesses for problem in witness.problems(stored)]
        return wrong + order_problems(stored, witnesses)


class ChaosTests(SynchronousTestCase):
    def test_each_message_once(self) -> None:
        """Each message is heard once, in order, and stored once, whatever the network does (§10.3)."""
        counts: Counter[str] = Counter()
        for seed in SEEDS:
            with TemporaryDirectory() as directory:
                chaos = Chaos(seed, directory)
                for _ in range(STEPS):
                    chaos.step()
                chaos.settle()
                problems = chaos.problems()
                self.assertEqual(problems, [], f"ASSA_SEED={seed}")
                counts += chaos.network.counts + sum((one.witness.counts for one in chaos.phones), Counter())
                chaos.network.world.crash()
        print(f"seeds {list(SEEDS)}, {STEPS} steps each: {dict(sorted(counts.items()))}")  # noqa: T201
        for needed in (
            "cut",
            "swallow",
            "restart",
            "forgetful",
            "Incomplete",
            "Offline",
            "Postponed",
            "NewMessage",
        ):
            self.assertGreater(counts[needed], 0, needed)

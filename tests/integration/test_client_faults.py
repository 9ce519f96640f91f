"""The client library against a real server behind a proxy that cuts, delays and swallows: each message once.

`ASSA_SEED` chooses the seed, which is printed; `ASSA_CHAOS_S` is how many seconds it lasts.
"""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor as twisted_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from assa.client import Client, Disconnected, NoAnswer, Offline, Online, Rejected, endpoint
from assa.protocol import DeviceInfo
from tests.integration.conftest import Figures
from tests.integration.faults import FaultProxy
from tests.integration.plain import token
from tests.integration.server import LOOPBACK, Server, running
from tests.witness import Stored, Witness, order_problems

LASTS_S = float(os.environ.get("ASSA_CHAOS_S", "7"))
SEED = int(os.environ.get("ASSA_SEED", "0")) or random.randrange(1, 1_000_000)
HASTE = 10
"""The client's seconds in one of ours: so many more connections can be lost in the time of a test."""
_STEP_S = 0.004
_AGAIN_S = 0.2
_TIMEOUT_S = 30.0
_SETTLED_S = 20.0
reactor = cast("Any", twisted_reactor)


class Hasty:
    """The reactor with a faster clock."""

    def seconds(self) -> float:
        """Return the time."""
        return float(reactor.seconds() * HASTE)

    def callLater(self, delay_s: float, call: Any, *arguments: Any, **named: Any) -> Any:
        """Call later, but not so much."""
        return reactor.callLater(delay_s / HASTE, call, *arguments, **named)


class Application:
    """What is above a client library, and goes on after everything.

    Args:
        port: Where the proxy listens.
        user_id: Whose.
        name: What it is called, and its device.
    """

    def __init__(self, port: int, user_id: int, name: str) -> None:
        self.witness = Witness(name)
        self.room_ids: list[int] = []
        self._user_id = user_id
        self._again_s = 0.0
        self.client = Client(
            endpoint(reactor, f"{LOOPBACK}:{port}"),
            Hasty(),
            heard=self.witness.on_event,
            changed=self.witness.on_state,
            device=DeviceInfo(device_id=name),
        )

    def look(self) -> None:
        """Connect again where the library has given up."""
        if isinstance(self.client.state, Offline) and reactor.seconds() >= self._again_s:
            self._again_s = reactor.seconds() + _TIMEOUT_S
            resume = self.client.bookmark if self.client.user_id else None
            connecting = self.client.connect(lambda: token(self._user_id), resume=resume)
            Deferred.fromCoroutine(connecting).addErrback(self._trap).addBoth(self._wait_a_little)

    @staticmethod
    def _trap(failure: Failure) -> None:
        failure.trap(Disconnected, NoAnswer, Rejected)

    def _wait_a_little(self, _: object) -> None:
        self._again_s = reactor.seconds() + _AGAIN_S

    def send(self, room_id: int) -> None:
        """Send a message."""
        if not isinstance(self.client.state, Offline):
            text = self.witness.next_text()
            sending = self.client.send_text(room_id, text)
            sending.addCallbacks(self.witness.on_answer, self._not_sent, errbackArgs=(text,))

    def _not_sent(self, failure: Failure, text: str) -> None:
        self._trap(failure)
        self.witness.on_failure(text)

    @property
    def settled(self) -> bool:
        """Return whether it waits for nothing."""
        return isinstance(self.client.state, Online) and not self.witness.unanswered


def stored_at(server: Server) -> list[Stored]:
    """Return the messages in the server's database."""
    with closing(sqlite3.connect(server.state / "assa.sqlite3")) as database:
        rows = database.execute("SELECT message_id, room_id, content FROM messages ORDER BY message_id")
        return [Stored(*row) for row in rows]


async def _until(applications: list[Application], seconds: float, *, settled: bool) -> None:
    give_up_s = reactor.seconds() + seconds
    while reactor.seconds() < give_up_s and not (settled and all(one.settled for one in applications)):
        await deferLater(reactor, 0.05)
        for one in applications:
            one.look()


async def _rooms(applications: list[Application], count: int) -> list[int]:
    rooms = []
    await _until(applications, 10, settled=True)
    for _ in range(count):
        room = await applications[0].client.create_room("방", is_open=True)
        for one in applications[1:]:
            await one.client.join_room(room.room_id)
        rooms.append(room.room_id)
    return rooms


async def _disorder(server: Server, proxy: FaultProxy, applications: list[Application]) -> int:
    """Send while everything goes wrong, the server's end among it; return the number of steps."""
    rooms = await _rooms(applications, 3)
    choose, began_s, steps, kills = proxy.random, reactor.seconds(), 0, 0
    while (passed_s := reactor.seconds() - began_s) < LASTS_S:
        steps += 1
        if choose.random() < 0.06:
            proxy.misbehave()
        elif passed_s > LASTS_S * (kills + 1) / 3:
            kills += 1
            server.kill()
            server.start()
        for one in applications:
            one.look()
            if choose.random() < 0.08:
                one.send(choose.choice(rooms))
        await deferLater(reactor, _STEP_S)
    return steps


@pytest.mark.parametrize("replay_events", [1_000, 5])
@pytest_twisted.ensureDeferred
async def test_each_message_once(replay_events: int, figures: Figures) -> None:
    """Each message is heard once, in order, and stored once, whatever happens on the way (§10.3)."""
    seed = SEED + replay_events
    with running(
        limits__replay_events=replay_events, rate__messages=0, rate__others=0, rate__failed_connects=0
    ) as server:
        proxy = FaultProxy(reactor, cast("Any", server.address)[1], random.Random(seed))
        port = await proxy.listen()
        who = ((1, "mina"), (1, "tablet"), (2, "jun"), (3, "sol"), (4, "dan"), (5, "lee"))
        applications = [Application(port, *one) for one in who]
        try:
            steps = await _disorder(server, proxy, applications)
            proxy.heal()
            await _until(applications, _SETTLED_S, settled=True)
            await _until(applications, 1.5, settled=False)  # the last events
            stored = stored_at(server)
            witnesses = [one.witness for one in applications]
            wrong = [problem for one in witnesses for problem in one.problems(stored)]
            assert wrong + order_problems(stored, witnesses) == [], f"ASSA_SEED={SEED}"
            counts = dict(sorted(sum((one.counts for one in witnesses), proxy.counts).items()))
            figures(
                f"ASSA_SEED={SEED}: {steps} steps, {len(stored)} messages, nothing lost or doubled: {counts}"
            )
        finally:
            for one in applications:
                one.client.close()
            await proxy.close()

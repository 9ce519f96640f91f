"""A node that has gone deaf: the connection that listens to the others leads nowhere, and nobody says so."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from itertools import count

from attrs import define, field

from tests.integration.conftest import Figures
from tests.integration.nodes import wait_until_joined
from tests.integration.plain import Client, room_of
from tests.integration.proxy import Proxy
from tests.integration.server import Server, running
from tests.postgres import require_postgres, shared_server
from tests.processes import wait_until

POLL_S = 2.0
SOON_S = 0.5 * POLL_S
"""What comes sooner than this at the median was rung for."""
NOTICED_S = 15
"""Two tests of the connection, 5 s apart, and what a machine with much to do needs."""
LEASE_S = 120
"""So long that nothing which it brings about hides what a test looks for."""


@define
class Pair:
    """Two nodes, the second of which listens through a proxy, and a client of each."""

    proxy: Proxy
    deaf: Server
    sender: Client
    hearer: Client
    room_id: int
    _numbers: count[int] = field(factory=count)

    def delay_s(self) -> float:
        """Say something at the first node; return the seconds until it is heard at the second."""
        content, began = f"{next(self._numbers)}", time.monotonic()
        self.sender.say(self.room_id, content)
        assert self.hearer.heard("NEW_MESSAGE")["data"]["content"] == content
        delay_s = time.monotonic() - began
        self.sender.heard("SEND_MESSAGE_RESPONSE")
        return delay_s

    def delays_s(self, messages: int = 7) -> list[float]:
        """Do that several times; return the seconds, the shortest first."""
        return sorted(self.delay_s() for _ in range(messages))


@contextmanager
def pair() -> Generator[Pair, None, None]:
    """Run the nodes as long as the block lasts."""
    require_postgres()
    url = shared_server().create_database()
    settings: dict[str, object] = {"storage__url": url, "nodes__poll": POLL_S, "nodes__lease": LEASE_S}
    with (
        dropped_afterwards(url),
        closing(Proxy(shared_server().port)) as proxy,
        running(**settings) as first,
        running(storage__listen_url=proxy.url(url), **settings) as deaf,
    ):
        wait_until_joined(first)
        wait_until_joined(deaf)
        with closing(Client(first.address, 1)) as sender, closing(Client(deaf.address, 2)) as hearer:
            sender.connect()
            hearer.connect()
            room_id = room_of([sender, hearer])
            yield Pair(proxy, deaf, sender, hearer, room_id)


@contextmanager
def dropped_afterwards(url: str) -> Generator[None, None, None]:
    """Drop a database once the block has ended."""
    try:
        yield
    finally:
        shared_server().drop_database(url)


def in_ms(delays_s: list[float]) -> str:
    """Return the median and the longest delay, in words."""
    return f"median {1_000 * median(delays_s):.0f} ms, longest {1_000 * delays_s[-1]:.0f} ms"


def median(delays_s: list[float]) -> float:
    """Return the one in the middle."""
    return delays_s[len(delays_s) // 2]


def test_cut_without_a_sign(figures: Figures) -> None:
    """What is swallowed on the way costs a poll's delay at most, until the node listens anew."""
    with pair() as nodes:
        before = nodes.delays_s()
        figures(f"heard across nodes: {in_ms(before)}")
        opened, began = nodes.proxy.opened, time.monotonic()
        nodes.proxy.swallow()
        meanwhile = []
        while nodes.proxy.opened == opened:
            meanwhile.append(nodes.delay_s())
            assert time.monotonic() - began < NOTICED_S
        noticed_s = time.monotonic() - began
        figures(
            f"swallowed: {len(meanwhile)} messages heard by the poll of {POLL_S:g} s,"
            f" {in_ms(sorted(meanwhile))}; listened anew after {noticed_s:.1f} s"
        )
        nodes.delay_s()  # the connection is open now, but perhaps does not listen yet
        after = nodes.delays_s()
        figures(f"and then: {in_ms(after)}")
    assert max(median(before), median(after)) < SOON_S
    assert max(meanwhile) < POLL_S + 2


def test_pooler_that_eats_notifications(figures: Figures) -> None:
    """Behind a pooler in transaction mode the log is polled, and the log file says what is wrong, once."""
    with pair() as nodes:
        nodes.proxy.eats_notifications = True
        opened = nodes.proxy.opened
        nodes.proxy.swallow()
        wait_until(lambda: nodes.proxy.opened > opened)
        by_poll = nodes.delays_s(3)
        wait_until(lambda: "NOTIFY does not arrive" in nodes.deaf.log)
        assert by_poll[-1] < POLL_S + 2
        nodes.proxy.eats_notifications = False
        opened = nodes.proxy.opened
        wait_until(lambda: nodes.proxy.opened > opened, NOTICED_S)
        nodes.delay_s()
        after = nodes.delays_s()
        figures(f"notifications eaten: {in_ms(by_poll)}; and then: {in_ms(after)}")
        assert nodes.deaf.log.count("NOTIFY does not arrive") == 1
    assert median(after) < SOON_S

"""Several nodes of ASSA on one PostgreSQL, and what is measured of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from clients import Crowd, Load, Ran, connecting
from machine import busy_ns
from postgres import Postgres, running_postgres
from servers import COMPETITORS, Competitor, Server, launched

ASSA = next(competitor for competitor in COMPETITORS if competitor.key == "assa-pg")
RATE = 500  # messages per second, of all senders together
BUSY = Crowd(100, 10)
PACED = Crowd(10, 10)


@dataclass(frozen=True)
class Deployment:
    """Running nodes that share a database.

    Attributes:
        competitor: what they are.
        nodes: each with its own port.
        postgres: the database.
    """

    competitor: Competitor
    nodes: tuple[Server, ...]
    postgres: Postgres

    @property
    def ports(self) -> list[int]:
        """Return the ports, over which the load spreads the members of each room."""
        return [node.port for node in self.nodes]

    def last_words(self) -> str:
        """Return the end of what each printed."""
        return "\n".join(f"node {number}: {node.last_words()}" for number, node in enumerate(self.nodes))


@contextmanager
def deployed(nodes: int, fsync_ms: float, competitor: Competitor = ASSA) -> Iterator[Deployment]:
    """Run so many nodes on a fresh database, whose fsync takes so many milliseconds longer."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres(fsync_ms))
        servers = tuple(stack.enter_context(launched(competitor, postgres)) for _ in range(nodes))
        yield Deployment(competitor, servers, postgres)


@dataclass(frozen=True)
class Used:
    """CPU time used so far by nodes, PostgreSQL, load and machine, and the wall time; nanoseconds."""

    nodes: int
    postgres: int
    load: int
    machine: int
    wall: int

    @classmethod
    def now(cls, deployment: Deployment, load: Load) -> "Used":
        """Read all of them."""
        nodes = sum(node.own_cpu_ns() for node in deployment.nodes)
        return cls(nodes, deployment.postgres.cpu_ns(), load.cpu_ns(), busy_ns(), time.monotonic_ns())

    def since(self, earlier: "Used") -> "Used":
        """Return what was used since then."""
        return Used(
            self.nodes - earlier.nodes,
            self.postgres - earlier.postgres,
            self.load - earlier.load,
            self.machine - earlier.machine,
            self.wall - earlier.wall,
        )


@dataclass(frozen=True)
class Delay:
    """How long deliveries took, in nanoseconds; how many there were may be 0."""

    deliveries: int
    median: int
    percentile_99: int


@dataclass(frozen=True)
class Outcome:
    """One measurement.

    Attributes:
        used: CPU and wall time.
        ran: what was sent and received.
        joins_heard: announcements of joins that came, by the number that one node would have made.
        same: deliveries to receivers on the sender's node, where the load sent by the clock.
        cross: likewise to receivers on other nodes.
    """

    used: Used
    ran: Ran
    joins_heard: float
    same: Delay | None = None
    cross: Delay | None = None


Measure = Callable[[Deployment, float], Outcome]


def arrive(load: Load) -> float:
    """Let everybody log in and join; return the share of the expected announcements of joins."""
    load.ask("login")
    _, heard, expected = load.ask("join")
    return heard / expected


def busy(deployment: Deployment, seconds: float) -> Outcome:
    """Let each sender always have one request in flight, for about so many seconds (and more to warm up)."""
    with connecting(deployment, BUSY) as load:
        joins = arrive(load)
        messages, ran = 1, load.run(1, 1)
        while ran.wall_ns < seconds * 1e9 / 2:
            messages = max(messages * 2, int(messages * seconds * 0.6e9 / ran.wall_ns))
            ran = load.run(messages, 1)
            load.ask("verify")
        messages = max(1, int(messages * seconds * 1e9 / ran.wall_ns))
        before = Used.now(deployment, load)
        ran = load.run(messages, 1)
        used = Used.now(deployment, load).since(before)
        load.ask("verify")
    return Outcome(used, ran, joins)


def paced(deployment: Deployment, seconds: float) -> Outcome:
    """Let the senders send by the clock for so many seconds, and as long before that to warm up."""
    messages = max(1, int(seconds * RATE / PACED.rooms))
    with connecting(deployment, PACED) as load:
        joins = arrive(load)
        load.ask(f"pace {messages} {RATE}")
        load.ask("verify")
        before = Used.now(deployment, load)
        numbers = load.ask(f"pace {messages} {RATE}")
        used = Used.now(deployment, load).since(before)
        load.ask("verify")
    return Outcome(used, Ran(*numbers[:4]), joins, Delay(*numbers[4:7]), Delay(*numbers[7:10]))

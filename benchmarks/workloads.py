"""The workloads, and how one of them is measured on one competitor."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clients import Crowd, Load, Ran, connecting
from machine import busy_ns
from servers import Competitor, Server, running

CLIENTS = 1000
SETTLE_SECONDS = 0.4
FOREIGN_LIMIT = 0.2  # of a core; the kernel's own threads, which write to the disk, need some
GLANCE_SECONDS = 0.3
LONGEST_RUN_NS = 5_000_000_000


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        runs: measurements of each competitor in each workload.
        measured_ns: CPU time of the server in one measurement, in nanoseconds.
        warm_up_share: of the warm-up that the competitor needs.
        patience_s: how long to wait for each measurement until others do not disturb it, in seconds.
    """

    runs: int
    measured_ns: int = 1_000_000_000
    warm_up_share: float = 1.0
    patience_s: float = 0.0


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        row: the row of the table that it belongs to.
        value: microseconds of CPU, or bytes of memory, per unit.
        per_second: units per second of wall time; 0 where that says nothing.
        bytes_per_delivery: 0 where nothing is delivered.
        load_share: of one core, used by the load.
        foreign_share: of one core, used by processes that are neither the server nor the load.
    """

    row: str
    value: float
    per_second: float = 0.0
    bytes_per_delivery: float = 0.0
    load_share: float = 0.0
    foreign_share: float = 0.0


@dataclass(frozen=True)
class Row:
    """A row of the table: its key, what it is and what it is measured per."""

    key: str
    title: str
    unit: str


@dataclass(frozen=True)
class Workload:
    """What is done to each competitor.

    Attributes:
        key: the name for --only.
        rows: the rows of the table that come out of it.
        measure: yields the samples of one run on a fresh server.
    """

    key: str
    rows: tuple[Row, ...]
    measure: Callable[[Server, Effort], Iterator[Sample]]


@dataclass(frozen=True)
class Clocks:
    """CPU time used so far by the server, the load and the machine, and the wall time; in nanoseconds."""

    server: int
    load: int
    machine: int
    wall: int

    @classmethod
    def now(cls, server: Server, load: Load) -> "Clocks":
        """Read all of them."""
        return cls(server.cpu_ns(), load.cpu_ns(), busy_ns(), time.monotonic_ns())

    def since(self, earlier: "Clocks") -> "Clocks":
        """Return what was used since then."""
        return Clocks(
            self.server - earlier.server,
            self.load - earlier.load,
            self.machine - earlier.machine,
            self.wall - earlier.wall,
        )

    def sample(self, row: str, units: int, ran: Ran | None = None) -> Sample:
        """Return the sample for so many units."""
        wall = ran.wall_ns if ran else self.wall
        return Sample(
            row,
            self.server / units / 1000,
            units / wall * 1e9,
            ran.delivered_bytes / ran.deliveries if ran and ran.deliveries else 0.0,
            self.load / self.wall,
            max(0.0, (self.machine - self.server - self.load) / self.wall),
        )


def warm_up(server: Server, load: Load, window: int, effort: Effort) -> int:
    """Send until the server has warmed up; return how many messages of each sender make one measurement."""
    wanted = server.competitor.warm_up_ns * effort.warm_up_share
    messages, warm = window, 0
    while True:
        before = server.cpu_ns()
        ran = load.run(messages, window)
        load.ask("verify")
        used = server.cpu_ns() - before
        warm += used
        if warm >= wanted:
            longer = min(effort.measured_ns / used, LONGEST_RUN_NS / ran.wall_ns)
            return max(window, int(messages * longer))
        if used < wanted / 4:
            messages *= 2


def sending(crowd: Crowd, windows: dict[str, int]) -> Callable[[Server, Effort], Iterator[Sample]]:
    """Return the measurement of messages: for each row, its window of unacknowledged requests."""

    def measure(server: Server, effort: Effort) -> Iterator[Sample]:
        with connecting(server, crowd) as load:
            load.ask("login")
            load.ask("join")
            for row, window in windows.items():
                messages = warm_up(server, load, window, effort)
                before = Clocks.now(server, load)
                ran = load.run(messages, window)
                used = Clocks.now(server, load).since(before)
                load.ask("verify")
                yield used.sample(row, ran.deliveries or ran.messages, ran)

    return measure


def settled_bytes(server: Server) -> int:
    """Return the server's memory once it has come to rest."""
    time.sleep(SETTLE_SECONDS)
    server.collect_garbage()
    return server.resident_bytes()


def arriving(server: Server, _effort: Effort) -> Iterator[Sample]:
    """Measure the memory of idle clients, then, with a warm server, the CPU time to connect and to join."""
    with connecting(server, Crowd(1, 20, first_user=5 * CLIENTS)) as load:
        load.ask("login")
        load.ask("join")
    crowd = Crowd(CLIENTS // 10, 10)
    empty = settled_bytes(server)
    with connecting(server, crowd) as load:
        load.ask("login")
        yield Sample("W6", (settled_bytes(server) - empty) / crowd.size)
        load.ask("join")
    time.sleep(SETTLE_SECONDS)
    with connecting(server, Crowd(crowd.rooms, crowd.members, first_user=1 + CLIENTS)) as load:
        before = Clocks.now(server, load)
        load.ask("login")
        load.ask("join")
        yield Clocks.now(server, load).since(before).sample("W5", crowd.size)


def disturbance(samples: list[Sample]) -> float:
    """Return the largest share of a core that other processes had during the samples."""
    return max(sample.foreign_share for sample in samples)


def await_idle(deadline: float) -> None:
    """Return when nobody uses the machine, at the latest at the deadline, in monotonic seconds."""
    while time.monotonic() < deadline:
        before = busy_ns()
        time.sleep(GLANCE_SECONDS)
        if (busy_ns() - before) / 1e9 <= FOREIGN_LIMIT * GLANCE_SECONDS:
            return


def measured(workload: Workload, competitor: Competitor, effort: Effort) -> list[Sample]:
    """Measure a workload once on a fresh server, or more often and return the least disturbed measurement."""
    deadline = time.monotonic() + effort.patience_s
    best: list[Sample] = []
    while not best or (disturbance(best) > FOREIGN_LIMIT and time.monotonic() < deadline):
        await_idle(deadline)
        with running(competitor) as server:
            samples = list(workload.measure(server, effort))
        if not best or disturbance(samples) < disturbance(best):
            best = samples
    return best


WORKLOADS = (
    Workload(
        "W1",
        (
            Row("W1/1", "room of 100, 1 sender, 1 in flight", "delivery"),
            Row("W1/16", "room of 100, 1 sender, 16 in flight", "delivery"),
        ),
        sending(Crowd(1, 100), {"W1/1": 1, "W1/16": 16}),
    ),
    Workload(
        "W2",
        (Row("W2", "room of 1,000, 1 sender, 1 in flight", "delivery"),),
        sending(Crowd(1, CLIENTS), {"W2": 1}),
    ),
    Workload(
        "W3",
        (Row("W3", "100 rooms of 10, 1 sender each", "delivery"),),
        sending(Crowd(100, 10), {"W3": 1}),
    ),
    Workload(
        "W4",
        (Row("W4", "100 lone senders", "message"),),
        sending(Crowd(100, 1), {"W4": 1}),
    ),
    Workload(
        "W5",
        (Row("W5", "1,000 connect, log in and join", "client"), Row("W6", "1,000 idle clients", "client")),
        arriving,
    ),
    Workload(
        "W7",
        (Row("W7", "room of 100, 20 senders, 1 in flight", "delivery"),),
        sending(Crowd(1, 100, senders=20), {"W7": 1}),
    ),
)

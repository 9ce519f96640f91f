"""What a candidate costs, in a process that does nothing else."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

from candidates.frames import FIN, TEXT, frame, text_of
from candidates.wire import Candidate, Wire

TEXT_BYTES = 330
BURST = 64  # messages
ROOM = 100
CONNECTIONS = 500
TIMES = 4000
ROUNDS = 5

Costs = dict[str, float]


def cpu_us(work: Callable[[], Any], times: float) -> float:
    """Return the CPU time of one of so many calls, in microseconds: the median of some rounds."""
    found, times = [], int(times) + 1
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        for _ in range(times):
            work()
        found.append((time.process_time_ns() - began) / times / 1000)
    return median(found)


def allocated(make: Callable[[int], Any]) -> float:
    """Return how many bytes Python has allocated for each of many things."""
    gc.collect()
    tracemalloc.start()
    things = [make(number) for number in range(CONNECTIONS)]
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / len(things)


def assert_received(candidate: Candidate, sent: bytes, text: bytes) -> None:
    """Check that what is measured works: every message arrives whole."""
    got: list[Any] = []
    candidate.accept(Wire(), got.append).feed(sent * BURST)
    assert [one if isinstance(one, bytes) else one.encode() for one in got] == [text] * BURST


def measure(candidate: Candidate, effort: float) -> Costs:
    """Return what things cost: microseconds, and bytes."""
    text = text_of(TEXT_BYTES)
    one = frame(FIN | TEXT, text)
    assert_received(candidate, one, text)
    wires = [Wire() for _ in range(ROOM)]
    sides = [candidate.accept(wire, len) for wire in wires]
    side, burst, times = sides[0], one * BURST, TIMES * effort

    def broadcast() -> None:
        candidate.broadcast(sides, text)
        for wire in wires:
            wire.written.clear()

    def send() -> None:
        side.send(text)
        wires[0].written.clear()

    return {
        "receive, us, 1 a read": cpu_us(lambda: side.feed(one), times),
        f"receive, us, {BURST} a read": cpu_us(lambda: side.feed(burst), times / BURST) / BURST,
        "send one, us": cpu_us(send, times),
        f"send to {ROOM}, us per delivery": cpu_us(broadcast, times / ROOM) / ROOM,
        "bytes per connection": connection_bytes(candidate),
    }


def connection_bytes(candidate: Candidate) -> float:
    """Return what a connection needs, without its transport."""
    wires = [Wire() for _ in range(CONNECTIONS)]

    def connect(number: int) -> Any:
        side = candidate.accept(wires[number], len)
        wires[number].written.clear()
        return side

    return allocated(connect)

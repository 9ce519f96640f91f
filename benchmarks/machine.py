"""What the machine tells: free ports, and the CPU time and the memory of processes."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

CPUCLOCK_SCHED = 2  # of <linux/posix-timers.h>: the scheduler's own count in nanoseconds
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
ATTEMPTS = 100


class BenchmarkError(Exception):
    """The measurement cannot be trusted or cannot go on."""


def cpu_ns(pid: int) -> int:
    """Return the CPU time that all threads of a process have used so far, user and system, in nanoseconds."""
    return time.clock_gettime_ns(~pid << 3 | CPUCLOCK_SCHED)


def ended_cpu_ns(pid: int) -> int:
    """Return the CPU time of the children that the process has waited for, and of theirs; to a clock tick."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = (int(field) for field in fields[13:15])
    return (user + system) * TICK_NS


def family(pid: int) -> Iterator[int]:
    """Yield the process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = task / "children"
        for child in children.read_text().split() if children.exists() else ():
            yield from family(int(child))


def family_cpu_ns(pid: int) -> int:
    """Return the CPU time of a process and of all its children, those that have ended included.

    Raises:
        BenchmarkError: the process is gone.
    """
    for _ in range(ATTEMPTS):  # a child may end between the readings, and must be counted once
        try:
            ended = ended_cpu_ns(pid)
            living = sum(cpu_ns(member) for member in family(pid))
            if ended_cpu_ns(pid) == ended:
                return living + ended
        except OSError:
            continue
    raise BenchmarkError(f"process {pid} has ended")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of one process: smaps_rollup is exact where statm is an estimate."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError(f"process {pid} has no Rss")


def busy_ns() -> int:
    """Return the CPU time that the whole machine has used so far, to a clock tick."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, _stolen = fields
    return (user + nice + system + interrupts + soft_interrupts) * TICK_NS


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

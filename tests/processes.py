"""The processes of this machine, looked at and signalled as tests of crashes need it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path


def processes() -> dict[int, tuple[int, str]]:
    """Return the parent and the state (R, S, T, Z, ...) of every process."""
    if not Path("/proc/self/stat").exists():  # macOS
        command = ["ps", "-A", "-o", "pid=,ppid=,stat="]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows = [line.split() for line in listing.splitlines()]
        return {int(pid): (int(parent), state[0]) for pid, parent, state in rows}
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # one that has just ended
            state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
            found[int(directory.name)] = (int(parent), state)
    return found


def family(pid: int) -> list[int]:
    """Return a process, its children, and theirs."""
    table = processes()
    members = [pid]
    for member in members:  # which grows meanwhile
        members += [child for child, (parent, _) in table.items() if parent == member]
    return members


def have_state(states: str, pids: Iterable[int]) -> bool:
    """Tell whether all these processes are in one of the states, or gone."""
    table = processes()
    return all(table[pid][1] in states for pid in pids if pid in table)


def send(signum: int, pids: Iterable[int]) -> None:
    """Send a signal to those of the processes that there still are."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)


def wait_until(condition: Callable[[], object], timeout_s: float = 30) -> None:
    """Return as soon as the condition holds; raise TimeoutError if it does not."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {condition}")
        time.sleep(0.01)

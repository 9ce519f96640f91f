"""The competitors: how each is started, what CPU time it has used and what memory it holds."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from build import BUILD, HERE, SOCKETIO

START_SECONDS = 20.0
STOP_SECONDS = 3.0
CPUCLOCK_SCHED = 2  # of <linux/posix-timers.h>: the scheduler's own count in nanoseconds
SECRET = secrets.token_hex(32)
TWISTD = "from twisted.scripts.twistd import run; run()"


class BenchmarkError(Exception):
    """The measurement cannot be trusted or cannot go on."""


@dataclass(frozen=True)
class Competitor:
    """One of the servers that are compared.

    Attributes:
        key: the name in the results.
        title: the head of its column.
        protocol: the name under which the load program knows how to talk to it.
        command: gives the program and its arguments, from a port and an empty directory.
        settings: gives the environment variables that it needs in addition, from the same.
        warm_up_ns: CPU time until its cost per message has settled, in nanoseconds; V8 compiles for long.
    """

    key: str
    title: str
    protocol: str
    command: Callable[[int, Path], list[str]]
    settings: Callable[[int, Path], dict[str, str]]
    warm_up_ns: int


def assa_settings(port: int, directory: Path) -> dict[str, str]:
    """Return ASSA's settings: its defaults, except for the limits that would stop the load."""
    rates = dict.fromkeys(("MESSAGES", "RELAYS", "OTHERS", "FAILED_CONNECTS"), "0")
    return {
        "ASSA_SERVER__LISTEN": f"tcp:{port}:interface=127.0.0.1",
        "ASSA_SERVER__STATE_DIR": str(directory),
        "ASSA_AUTH__SECRET": SECRET,
        "ASSA_LIMITS__CONNECTIONS": "2000",
        "PYTHONPATH": str(HERE.parent),
    } | {f"ASSA_RATE__{name}": value for name, value in rates.items()}


def assa_command(_port: int, _directory: Path) -> list[str]:
    """Return twistd by this interpreter: a script of that name may belong to another one."""
    return [sys.executable, "-c", TWISTD, "--nodaemon", "--pidfile=", "assa"]


def floor_command(port: int, _directory: Path) -> list[str]:
    """Return the C broadcaster."""
    return [str(BUILD / "floor"), str(port)]


def socketio_command(port: int, _directory: Path) -> list[str]:
    """Return Socket.IO without storage."""
    return ["node", "--expose-gc", str(SOCKETIO / "server.js"), str(port)]


def sqlite_command(port: int, directory: Path) -> list[str]:
    """Return Socket.IO with an insert for each message."""
    return [*socketio_command(port, directory), str(directory / "messages.db")]


def no_settings(_port: int, _directory: Path) -> dict[str, str]:
    """Return nothing: the floor needs no settings."""
    return {}


def node_settings(_port: int, _directory: Path) -> dict[str, str]:
    """Return the settings of both Socket.IO servers."""
    return {"JWT_SECRET": SECRET, "NODE_ENV": "production"}


COMPETITORS = (
    Competitor("assa", "ASSA durable", "assa", assa_command, assa_settings, 400_000_000),
    Competitor("floor", "C floor", "floor", floor_command, no_settings, 100_000_000),
    Competitor("socketio", "Socket.IO", "socketio", socketio_command, node_settings, 800_000_000),
    Competitor("sqlite", "S.IO+SQLite", "socketio", sqlite_command, node_settings, 800_000_000),
)


def cpu_ns(pid: int) -> int:
    """Return the CPU time that all threads of a process have used so far, user and system, in nanoseconds."""
    return time.clock_gettime_ns(~pid << 3 | CPUCLOCK_SCHED)


def family(pid: int) -> Iterator[int]:
    """Yield the process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = task / "children"
        for child in children.read_text().split() if children.exists() else ():
            yield from family(int(child))


def resident_bytes(pid: int) -> int:
    """Return the resident memory of one process: smaps_rollup is exact where statm is an estimate."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError(f"process {pid} has no Rss")


@dataclass
class Server:
    """A running competitor.

    Attributes:
        competitor: which.
        process: the one that was started.
        port: of 127.0.0.1.
        log: what it printed.
    """

    competitor: Competitor
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def cpu_ns(self) -> int:
        """Return the CPU time of all its processes so far, in nanoseconds."""
        return sum(cpu_ns(pid) for pid in family(self.process.pid))

    def resident_bytes(self) -> int:
        """Return the resident memory of all its processes."""
        return sum(resident_bytes(pid) for pid in family(self.process.pid))

    def collect_garbage(self) -> None:
        """Let Node collect its garbage, so that its memory is measured at its best."""
        if self.competitor.protocol == "socketio":
            self.process.send_signal(signal.SIGUSR2)
            time.sleep(0.3)

    def last_words(self) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(errors="replace")[-2000:]

    def await_start(self) -> None:
        """Return when it accepts connections."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise BenchmarkError(f"the server does not start:\n{self.last_words()}")

    def stop(self) -> None:
        """End the process, gently at first."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(competitor: Competitor) -> Iterator[Server]:
    """Run a competitor with fresh state for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="assa-benchmark-") as name:
        directory, port = Path(name), free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSA_")}
        environment = inherited | competitor.settings(port, directory)
        log = directory / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                competitor.command(port, directory),
                cwd=HERE.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(competitor, process, port, log)
        try:
            server.await_start()
            yield server
        finally:
            server.stop()

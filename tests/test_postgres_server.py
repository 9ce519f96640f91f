from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.cluster import _version, find_binaries
from tests.postgres import PostgresServer, psycopg2, require_postgres, shared_server
from tests.processes import have_state, wait_until

ROOT = Path(__file__).parents[1]
# Says what must be gone after it, and waits.
USER_OF_THE_SERVER = """
import sys
from tests.postgres import shared_server
server = shared_server()
print(server._cluster._home, *server.pids(), server._cluster._guard.pid, flush=True)
sys.stdin.read()
"""
SSL_REQUEST = struct.pack("!II", 8, 80877103)  # the one question that is answered before the log-in


class Binaries(SynchronousTestCase):
    def programs(self, *names):
        """Make a directory of empty programs that is removed after the test."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = Path(directory.name).resolve()
        for name in names:
            (path / name).touch(mode=0o755)
        return path

    def test_variable_overrules(self):
        """Where ASSA_TEST_PG_BIN is set, no other place counts."""
        mine, other = self.programs("initdb", "postgres"), self.programs("initdb", "postgres")
        self.assertEqual(find_binaries({"ASSA_TEST_PG_BIN": str(mine), "PATH": str(other)}), mine)
        self.assertIsNone(find_binaries({"ASSA_TEST_PG_BIN": "/nowhere", "PATH": str(other)}))

    def test_path(self):
        """A directory on the PATH needs both programs: clients come with initdb's neighbours only."""
        half, whole = self.programs("initdb"), self.programs("initdb", "postgres")
        self.assertEqual(find_binaries({"PATH": f"{half}:{whole}"}), whole)

    def test_links_are_followed(self):
        """The real directory is returned, beside which the server's libraries are."""
        whole, links = self.programs("initdb", "postgres"), self.programs()
        for name in ("initdb", "postgres"):
            (links / name).symlink_to(whole / name)
        self.assertEqual(find_binaries({"PATH": str(links)}), whole)

    def test_newest(self):
        """Versions are compared as numbers."""
        self.assertGreater(
            _version(Path("/usr/lib/postgresql/15/bin")), _version(Path("/usr/lib/postgresql/9.6/bin"))
        )

    def test_skip_says_how_to_get_one(self):
        """A test without PostgreSQL is skipped with the commands that install one."""
        skip = self.assertRaises(SkipTest, require_postgres, {"ASSA_TEST_PG_BIN": "/nowhere"})
        self.assertIn("apt install postgresql", str(skip))


class Databases(SynchronousTestCase):
    def setUp(self):
        """Make an empty database on the shared server."""
        require_postgres()
        self.server = shared_server()
        self.url = self.server.create_database()
        self.addCleanup(self.server.drop_database, self.url)

    def test_own_database(self):
        """Each test has an empty database in UTF-8, with the rights of an owner and no more."""
        other = self.server.create_database()
        self.addCleanup(self.server.drop_database, other)
        self.server.execute(self.url, "create table t (name text)")
        self.assertEqual(
            self.server.execute(self.url, "insert into t values (%s) returning name", "방"), [("방",)]
        )
        self.assertRaises(psycopg2.errors.UndefinedTable, self.server.execute, other, "table t")
        asked = "select current_setting('server_encoding'), current_setting('is_superuser')"
        self.assertEqual(self.server.execute(self.url, asked), [("UTF8", "off")])

    def test_password(self):
        """The server wants the password of the URL, so that a test can look for it in the log."""
        self.assertIn(self.server.password, self.url)
        wrong = self.url.replace(self.server.password, "guessed")
        self.assertRaises(psycopg2.OperationalError, self.server.execute, wrong, "select 1")

    def test_terminate_backends(self):
        """An administrator ends the connections to one database, and the server goes on."""
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            self.assertEqual(self.server.terminate_backends(self.url), 1)
            self.assertRaises(psycopg2.OperationalError, cursor.execute, "select 1")
        self.assertEqual(self.server.execute(self.url, "select 1"), [(1,)])

    def test_shared(self):
        """There is one server for all tests of a process."""
        self.assertIs(shared_server(), self.server)


class Servers(SynchronousTestCase):
    def setUp(self):
        """Need a PostgreSQL."""
        require_postgres()

    def started(self, **options):
        """Start a server of the test's own."""
        server = PostgresServer(**options)
        self.addCleanup(server.close)
        server.start()
        return server

    def test_settings(self):
        """Settings are those that were given, with fsync off unless it is wanted."""
        server = self.started(fsync=True, settings={"statement_timeout": "7s", "application_name": "it's"})
        for name, value in (("fsync", "on"), ("statement_timeout", "7s"), ("application_name", "it's")):
            self.assertEqual(
                server.execute(server.superuser_url(), "select current_setting(%s)", name), [(value,)]
            )
        off = "select current_setting('fsync')"
        self.assertEqual(shared_server().execute(shared_server().superuser_url(), off), [("off",)])

    def test_stop_and_kill(self):
        """What was committed is there after a stop and after a kill, at the same URL."""
        server = self.started()
        url = server.create_database()
        server.execute(url, "create table t as select 1 as n")
        for end in (server.stop, server.kill, server.stop):
            pids = server.pids()
            self.assertGreater(len(pids), 3)
            end()
            self.assertTrue(have_state("Z", pids))
            self.assertEqual(server.pids(), [])
            self.assertRaises(psycopg2.OperationalError, server.execute, url, "table t")
            server.start()
            self.assertEqual(server.execute(url, "table t"), [(1,)])

    def test_freeze_and_thaw(self):
        """A frozen server takes connections, as its kernel does, and answers once it is thawed."""
        server = self.started()
        self.assertTrue(have_state("TZ", server.freeze()))  # Z: had just ended
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=0.1)) as client:
            client.sendall(SSL_REQUEST)
            self.assertRaises(TimeoutError, client.recv, 1)
            server.thaw()
            client.settimeout(10)
            self.assertEqual(len(client.recv(1)), 1)

    def test_close_leaves_nothing(self):
        """A server that is frozen or killed is removed as well, with its files and its shared memory."""
        for hurt in (PostgresServer.freeze, PostgresServer.kill, PostgresServer.stop):
            server = self.started()
            home, pids = server._cluster._home, server.pids()
            segment = (home / "data" / "postmaster.pid").read_text().split("\n")[6].split()[1]
            hurt(server)
            server.close()
            self.assertFalse(home.exists())
            self.assertTrue(have_state("Z", pids))
            memory = Path("/proc/sysvipc/shm")
            if memory.exists():  # Linux
                self.assertNotIn(segment, [line.split()[1] for line in memory.read_text().splitlines()])

    def test_preload(self):
        """The library is loaded from where the server's account can read it, or the log says why not."""
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            server = self.started(preload=Path(file.name))
            self.assertIn(Path(file.name).name, server.log())
            self.assertNotIn("cannot open", server.log())

    def test_failed_start(self):
        """A server that does not start says why."""
        server = PostgresServer(settings={"max_connections": "many"})
        self.addCleanup(server.close)
        self.assertIn("max_connections", str(self.assertRaises(RuntimeError, server.start)))


class EndOfTheTests(SynchronousTestCase):
    def ended_with(self, signum):
        """Start a process that uses the shared server, end it, and return what it must not leave."""
        require_postgres()
        pipes = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.DEVNULL,
            "text": True,
        }
        command = [sys.executable, "-c", USER_OF_THE_SERVER]
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
            home, *pids = process.stdout.readline().split()
            self.assertTrue(Path(home).exists())
            if signum:
                os.kill(process.pid, signum)
            process.stdin.close()
        return Path(home), [int(pid) for pid in pids]

    def test_in_order(self):
        """Nothing is left at the end of a process, also if that was Ctrl-C."""
        for signum in (None, signal.SIGINT):
            home, pids = self.ended_with(signum)
            self.assertFalse(home.exists())
            self.assertTrue(have_state("Z", pids))

    def test_killed(self):
        """Nothing is left soon after a process that could not do anything about it."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            home, pids = self.ended_with(signum)
            wait_until(lambda home=home, pids=pids: not home.exists() and have_state("Z", pids))

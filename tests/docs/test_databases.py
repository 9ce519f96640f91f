"""Backup and restore of both databases, and the way from one to the other, as docs/operations.rst tells."""

from __future__ import annotations

import os
import secrets
import shutil

from twisted.trial.unittest import SynchronousTestCase

from tests.cluster import SUPERUSER, find_binaries
from tests.docs.commands import Machine, as_told, need, run
from tests.docs.samples import take
from tests.integration.server import Server
from tests.postgres import PostgresServer, require_postgres, shared_server

TOLD = "docs/operations.rst"
BACKUP = "sqlite3 /var/lib/assa/assa.sqlite3 \"VACUUM INTO '/var/backups/assa"
WITH_FILES = take(TOLD, f"{BACKUP}.sqlite3'\"\ncp")
BACKUPS = take(TOLD, f"{BACKUP}.sqlite3'\"\nsqlite3")
CHECK = take(TOLD, "sqlite3 /var/backups/assa.sqlite3")
RESTORE = take(TOLD, "systemctl stop assa\ncp")
UPGRADE = take(TOLD, f"{BACKUP}-before")
DOWNGRADE = take(TOLD, "systemctl stop assa\n/opt/assa")
ROLLING = take(TOLD, "for i in")
DUMP = take(TOLD, "pg_dump")
RESTORE_DUMP = take(TOLD, "sudo -u postgres dropdb")
MOVE = take(TOLD, "systemctl stop assa\nsudo")
CREATE = take(TOLD, "sudo -u postgres createuser")
SYNCHRONOUS = take(TOLD, 'sudo -u postgres psql -c "ALTER SYSTEM')
WITHOUT_JIT = take(TOLD, 'sudo -u postgres psql -c "ALTER ROLE')
QUERIES = take(TOLD, "-- The servers")
URL = "postgresql://assa@db.example.org/assa"


def say(environ: dict[str, str], words: str, room: str = "") -> str:
    """Say something in a new room, or in the first; return what is shown of it."""
    return run("assa chat --user 7", environ, f"{f'/open {room}' if room else '/join 1'}\n{words}\n")


def stop(server: Server) -> None:
    """Stop it as `systemctl stop assa` does, which is not there."""
    server.terminate()
    server.wait()


class SqliteTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Take the real program, or nothing."""
        need("sqlite3", "sqlite3")

    def test_restore(self) -> None:
        """The database and the files are lost and restored; ids given out since are skipped."""
        with as_told("twistd -n assa") as (server, environ):
            machine = Machine(server.directory, server.state)
            say(environ, "kept", "lobby")
            (server.state / "files").mkdir(exist_ok=True)
            (server.state / "files" / "picture").write_text("a content")
            run(machine.typed(WITH_FILES), environ)
            self.assertEqual(run(machine.typed(CHECK), environ), "ok\n")
            (machine.backups / "assa.sqlite3").unlink()
            run(machine.typed(BACKUPS), environ)  # either would do; the second overwrites the first
            self.assertEqual(run(machine.typed(CHECK), environ), "ok\n")
            say(environ, "lost")
            stop(server)
            shutil.rmtree(server.state / "files")
            (server.state / "assa.sqlite3").write_bytes(b"broken")
            run(machine.typed(RESTORE), environ)
            server.start()
            shown = say(environ, "afterwards")
            self.assertIn("kept", shown)
            self.assertNotIn("lost", shown)
            self.assertRegex(shown, r"afterwards \(#10000\d\d\)")
            self.assertIn("[1002] again", say(environ, "there", "again"))
            self.assertEqual((server.state / "files" / "picture").read_text(), "a content")

    def test_upgrade(self) -> None:
        """The new version goes on with the database, and the way back is the backup."""
        with as_told("twistd -n assa") as (server, environ):
            machine = Machine(server.directory, server.state)
            say(environ, "before", "lobby")
            run(machine.typed(UPGRADE), environ)
            stop(server)
            server.start()
            shown = say(environ, "since")
            self.assertIn("before", shown)
            stop(server)
            run(machine.typed(DOWNGRADE), environ)
            server.start()
            shown = say(environ, "afterwards")
            self.assertIn("before", shown)
            self.assertNotIn("since", shown)
            run(machine.typed(ROLLING), environ)


class PostgresTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have a database, and its programs first."""
        require_postgres()
        self.url = shared_server().create_database()
        self.addCleanup(shared_server().drop_database, self.url)
        self.name = self.url.rpartition("/")[2]

    def environ(self, server: PostgresServer, environ: dict[str, str]) -> dict[str, str]:
        """Return what libpq takes from the environment, for the superuser of a server."""
        own = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": SUPERUSER}
        path = f"{find_binaries()}{os.pathsep}{environ['PATH']}"
        return environ | own | {"PGPASSWORD": server.password, "PATH": path}

    def others(self) -> list[tuple[str, str]]:
        """Return what the test's database is called where the documents say assa."""
        return [
            (URL, self.url),
            ("dropdb assa", f"dropdb {self.name}"),
            ("template0 assa", f"template0 {self.name}"),
        ]

    def test_restore(self) -> None:
        """A database is dumped while it is in use, dropped, and restored; ids given out since are skipped."""
        with as_told(None) as (server, environ):
            machine = Machine(server.directory, server.state)
            environ["ASSA_STORAGE__URL"] = self.url
            environ["ASSA_AUTH__SECRET"] = secrets.token_hex(32)
            server._command = ["bash", "-c", "exec twistd -n assa"]
            server.start()
            say(environ, "kept", "lobby")
            by_hand = self.environ(shared_server(), environ)
            run(machine.typed(DUMP, *self.others()), by_hand)
            say(environ, "lost")
            stop(server)
            run(machine.typed(RESTORE_DUMP, *self.others()), by_hand)
            server.start()
            shown = say(environ, "afterwards")
            self.assertIn("kept", shown)
            self.assertNotIn("lost", shown)
            self.assertRegex(shown, r"afterwards \(#10000\d\d\)")

    def test_move(self) -> None:
        """A SQLite database goes into it with everything; the queries about it are answered."""
        with as_told("twistd -n assa") as (server, environ):
            machine = Machine(server.directory, server.state)
            say(environ, "hello", "lobby")
            stop(server)
            (machine.settings / "assa.toml").write_text("")
            (machine.settings / "db-password").write_text(shared_server().password)
            without_password = self.url.replace(f":{shared_server().password}@", "@")
            copied = run(machine.typed(MOVE, (URL, without_password)), environ)
            self.assertIn("and verified it", copied)
            environ["ASSA_STORAGE__URL"] = self.url
            server.start()
            self.assertIn("hello", say(environ, "hello again"))
            for query in QUERIES.split(";\n"):
                shared_server().execute(self.url, query)
            self.assertEqual(len(shared_server().execute(self.url, QUERIES.split(";\n")[0])), 1)

    def test_roles(self) -> None:
        """A role and a database are made; its settings and those of the server are as told."""
        own = PostgresServer()  # all of whose transactions would wait for a standby
        own.start()
        self.addCleanup(own.close)
        with as_told(None) as (server, path):
            environ = self.environ(own, path)
            machine = Machine(server.directory, server.state)
            create = machine.typed(CREATE).replace("assa", "told")
            run(create, environ, "a password\na password\n")
            run(machine.typed(WITHOUT_JIT), environ)
            run(machine.typed(SYNCHRONOUS), environ)
        rows = own.execute(own.superuser_url("told"), "show server_encoding")
        rows += own.execute(own.url("postgres"), "show jit")
        rows += own.execute(own.url("postgres"), "show synchronous_standby_names")
        self.assertEqual(rows, [("UTF8",), ("off",), ("ANY 1 (*)",)])

"""`assa copy`: everything arrives in PostgreSQL as it was in SQLite, or the command says why not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assa.cli.copy import Progress
from tests.filing import FileWorld
from tests.postgres import psycopg2, require_postgres, shared_server
from tests.storage.databases import SqliteDatabase
from tests.test_cli import CommandCase
from tests.world import START_S

try:
    from assa.storage.copying import BATCH, CopyError, Source, Target, copy
    from assa.storage.copying.tables import RECORDS, Schema
except ImportError:  # psycopg2 is not there, and require_postgres() skips
    BATCH, RECORDS = 0, ""

NOW_MS = START_S * 1000
SECRET_TEXT = "nobody may read this"
IMAGE = {
    "file_path": "/storage/messages/a.png",
    "file_name": "a.png",
    "file_size": 3,
    "mime_type": "image/png",
}


def server_on(path: Path) -> FileWorld:
    """Return a server on a SQLite file."""
    return FileWorld(path.parent / "files", database=SqliteDatabase(str(path)))


def live_in(world: FileWorld) -> None:
    """Let people do all that leaves something in the database, and stay connected."""
    mina, jun = world.connected(1, "mina", device_id="phone"), world.connected(2, "준", device_id="tablet")
    room_id = world.room(mina, jun, name="방 😀", description="'quotes' \"too\" \\u0000 \\ %s :name\n")
    said = mina.say(room_id, "안녕하세요 👨‍👩‍👧 \x01\t\u2028 \\u0000", client_message_id="m1")
    mina.say(room_id, "not confirmed")
    later = jun.say(room_id, "a reply", reply_to_message_id=said["message_id"])
    image = jun.ask(
        "SEND_MESSAGE", {"room_id": room_id, "message_type": "image", "content": "", "file_info": IMAGE}
    )
    assert image["success"], image
    world.shown(mina, room_id)
    world.uploaded(jun, None)
    world.asked(jun, room_id, file_name="준.jpg")
    confirmed = {"room_id": room_id, "message_ids": [later["message_id"]]}
    assert mina.ask("CHECK_RECEIVE", confirmed)["success"]
    confirmed = {"room_id": room_id, "message_ids": [said["message_id"] + 1]}
    assert jun.ask("CHECK_RECEIVE", confirmed)["success"]
    closed = world.room(mina, is_open=False)
    assert mina.ask("INVITE", {"room_id": closed, "invited_user_ids": [2, 3]})["success"]
    world.call(room_id, mina, jun)
    world.client()
    world.turn()


class CopyCase(CommandCase):
    def setUp(self) -> None:
        """Have a place for a SQLite database, and an empty PostgreSQL database."""
        require_postgres()
        super().setUp()
        self.state.mkdir()
        self.path = self.state / "assa.sqlite3"
        self.url = self.new_database()

    def new_database(self) -> str:
        """Return the URL of an empty database."""
        url = shared_server().create_database()
        self.addCleanup(shared_server().drop_database, url)
        return url

    def installation(self) -> None:
        """Have a database whose server was killed."""
        world = server_on(self.path)
        live_in(world)
        world.crash()

    def many(self, messages: int) -> None:
        """Have so many messages besides."""
        sql = (
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO messages (message_id, room_id, user_id, message_type, content, created_at)"
            " SELECT 1000 + i, 1, 1, 'text', 'number ' || i, 5 FROM n"
        )
        self.change(sql, messages)

    def change(self, sql: str, *values: object) -> None:
        """Change the source."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql, values)

    def source(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Return what the source has."""
        with closing(sqlite3.connect(self.path)) as connection:
            return sorted(connection.execute(f"SELECT {columns} FROM {table}"), key=repr)  # noqa: S608

    def target(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Return what the target has."""
        return sorted(self.sql(f"SELECT {columns} FROM {table}"), key=repr)  # noqa: S608

    def sql(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement on the target."""
        return shared_server().execute(self.url, sql, *values)

    def emptied(self) -> None:
        """Have a target that is as the migrations have made it."""
        self.copied()
        for table in Schema.of_migrations().tables:
            self.sql(f"DELETE FROM {table.name}")  # noqa: S608 - names are ours
        self.sql("INSERT INTO log_head VALUES (1, 0, 0)")
        self.sql("INSERT INTO counters VALUES ('room', 0), ('video_room', 0)")

    def copied(self, *options: str, status: int = 0) -> tuple[str, str]:
        """Run the command and return its output and its errors."""
        got, out, err = self.run_command("copy", "--from", f"sqlite:{self.path}", "--to", self.url, *options)
        self.assertEqual(got, status, out + err)
        self.assertNotIn(shared_server().password, out + err)
        self.assertEqual(err.count("\n"), int(status != 0), err)
        return out, err

    def refused(self, *words: str) -> str:
        """Run the command, which fails with one line, and return it."""
        _, err = self.copied(status=1)
        for word in words:
            self.assertIn(word, err)
        return err

    def interrupted(self, after: int) -> None:
        """Copy until so many messages are there, and end then as if killed."""
        reached: list[int] = []

        def progress(what: str, table: str, rows: int, _: int) -> None:
            if (what, table) == ("copied", "messages") and rows >= after:
                reached.append(rows)
                raise KeyboardInterrupt

        with closing(Source(str(self.path))) as source, closing(Target(self.url)) as target:
            self.assertRaises(
                KeyboardInterrupt, copy, source, target, now_ms=lambda: NOW_MS, progress=progress
            )
        self.assertEqual(self.sql("SELECT count(*) FROM messages"), [(reached[0],)])


class CopyTests(CopyCase):
    def test_everything(self) -> None:
        """Every table has the same rows; sessions are without a connection, and nodes stay behind."""
        self.installation()
        out, _ = self.copied()
        for table in Schema.of_migrations().tables:
            columns = ", ".join(
                one for one in table.columns if table.name != "sessions" or one not in ("node", "dropped_at")
            )
            source = self.source(table.name, columns)
            self.assertNotEqual(source, [], f"the test has nothing in {table.name}")
            self.assertEqual(self.target(table.name, columns), [] if table.stays else source)
            self.assertRegex(out, rf"(?m)^{table.name} .* same$")
        self.assertIn(f"copied sqlite:{self.path} to postgresql://127.0.0.1:", out)

    def test_sessions(self) -> None:
        """Those that were connected have dropped at the end of the copy, and can be resumed from there."""
        self.installation()
        before = self.sql("SELECT extract(epoch FROM now()) * 1000")[0][0]
        self.copied()
        sessions = self.target("sessions", "node, dropped_at")
        self.assertEqual([one[0] for one in sessions], [None, None])
        self.assertGreaterEqual(min(one[1] for one in sessions), before - 1000)

    def test_no_mark_is_left(self) -> None:
        """The target's migrations are those of the program."""
        self.installation()
        self.copied()
        names = [row[0] for row in self.target(RECORDS, "name")]
        self.assertEqual(names, ["0001_initial", "0002_nodes", "0003_collation", "0004_files"])

    def test_source_stays(self) -> None:
        """The source is as it was, and a server can start on it."""
        self.installation()
        before = [self.source(table.name) for table in Schema.of_migrations().tables]
        self.copied()
        self.assertEqual([self.source(table.name) for table in Schema.of_migrations().tables], before)
        server_on(self.path).crash()

    def test_prepared_target(self) -> None:
        """A target that has been migrated and nothing else is as good as an empty one."""
        self.installation()
        self.emptied()
        self.copied()

    def test_password_file(self) -> None:
        """The password need not stand in the URL."""
        self.installation()
        password = shared_server().password
        self.url = self.url.replace(f":{password}@", "@")
        (self.state / "password").write_text(f"{password}\n")
        self.copied("--password-file", str(self.state / "password"))

    def test_foreign_table(self) -> None:
        """A table that somebody else made is not copied, and that is said."""
        self.installation()
        self.change("CREATE TABLE notes (x)")
        out, _ = self.copied()
        self.assertIn("not copied, as it is no table of ASSA's: notes\n", out)


class InterruptionTests(CopyCase):
    def setUp(self) -> None:
        """Have several batches."""
        super().setUp()
        self.installation()
        self.many(3 * BATCH)

    def test_goes_on(self) -> None:
        """A copy that was ended after any batch is completed by the next ones, and copies no row twice."""
        self.interrupted(BATCH)
        self.interrupted(2 * BATCH)
        out, _ = self.copied()
        self.assertRegex(out, r"(?m)^messages .* same$")
        self.assertEqual(self.target("messages"), self.source("messages"))

    def test_source_has_changed(self) -> None:
        """What was begun with another state of the source is not completed with this one."""
        self.interrupted(BATCH)
        self.change("UPDATE users SET seen_at = seen_at + 1")
        self.refused("the unfinished copy of another database, or of an older state")

    def test_difference(self) -> None:
        """A copy that is not what the source is fails, each time, and keeps its mark."""
        self.interrupted(2 * BATCH)
        self.sql("UPDATE messages SET content = 'changed' WHERE message_id = 1500")
        for _ in range(2):
            out, err = self.copied(status=1)
            self.assertRegex(out, r"(?m)^messages .* DIFFERENT$")
            self.assertIn("the copy differs from", err)
            self.assertIn("(messages)", err)
            self.assertIn("UNFINISHED COPY", str(self.target(RECORDS)))

    def test_node(self) -> None:
        """A server that came in between is a difference."""
        self.interrupted(BATCH)
        self.sql("INSERT INTO nodes VALUES ('x', 0, 0)")
        self.refused("the copy differs from", "(nodes)")


class SourceTests(CopyCase):
    def test_in_use(self) -> None:
        """A server that is there is noticed, however quiet; one that was killed has left only its row."""
        world = server_on(self.path)
        self.refused("a process is using it: stop the server")
        world.crash()
        self.assertEqual(len(self.source("nodes")), 1)
        self.copied()

    def test_server_during_the_copy(self) -> None:
        """No server starts on the source before the copy has ended."""
        self.installation()
        with (
            closing(Source(str(self.path))),
            closing(sqlite3.connect(self.path, timeout=0.1)) as server,
        ):
            wrong = self.assertRaises(sqlite3.Error, server.execute, "PRAGMA journal_mode=WAL")
        self.assertIn("locked", str(wrong))

    def test_no_database(self) -> None:
        """What is not there is not made; what is no database of ASSA's is told."""
        self.refused("unable to open")
        self.assertFalse(self.path.exists())
        self.path.write_bytes(b"no database at all" * 1_000)
        self.refused("not a database")
        self.path.unlink()
        self.change("CREATE TABLE notes (x)")
        self.refused("this is no database of ASSA's")

    def test_schema(self) -> None:
        """It has to have the migrations of this program, no fewer and no others; it gets none."""
        self.installation()
        self.change("DELETE FROM schema_migrations WHERE number = 2")
        self.change("DROP TABLE nodes")
        self.change("DROP INDEX sessions_by_node")
        self.refused("its schema is not up to date (0002_nodes): run 'assa migrate'")
        self.assertEqual(len(self.source(RECORDS)), 2)
        self.change("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 5)")
        self.refused("9999_later")

    def test_nothing_was_begun(self) -> None:
        """A source that cannot be used leaves the target as it is."""
        self.refused("unable to open")
        self.assertEqual(self.sql("SELECT to_regclass('schema_migrations')"), [(None,)])

    def test_cannot_be_stored(self) -> None:
        """What PostgreSQL cannot store is told by table and key, without its content, and nothing begins."""
        for value, words in (
            (f"{SECRET_TEXT}\0", "content has a NUL character"),
            (SECRET_TEXT.encode() + b"\xff", "content is a BLOB"),
        ):
            self.path.unlink(missing_ok=True)
            self.installation()
            self.change("UPDATE messages SET content = ? WHERE message_id = 3", value)
            (message_id,) = self.source("messages", "min(message_id)")[0]
            self.change("UPDATE messages SET content = ? WHERE message_id = ?", value, message_id)
            err = self.refused(f"table messages, message_id {message_id}: {words}")
            self.assertNotIn(SECRET_TEXT, err)
            self.assertEqual(self.sql("SELECT to_regclass('schema_migrations')"), [(None,)])

    def test_not_utf_8(self) -> None:
        """Bytes that are no text are found, though SQLite takes them for one."""
        self.installation()
        self.change("UPDATE users SET nickname = CAST(x'4142ff' AS TEXT) WHERE user_id = 2")
        self.refused("table users, user_id 2: nickname is no valid UTF-8")

    def test_number_too_large(self) -> None:
        """What only the target finds out is told by table and key too; the rows before it are kept."""
        self.installation()
        self.change("UPDATE rooms SET members = ? WHERE room_id = 2", 2**40)
        err = self.refused("table rooms, room_id 2: PostgreSQL cannot store the row (NumericValueOutOfRange)")
        self.assertNotIn(str(2**40), err)


class TargetTests(CopyCase):
    def test_not_empty(self) -> None:
        """Whatever is there already is named, and kept; a complete copy is not repeated."""
        self.installation()
        self.copied()
        before = self.target("messages")
        self.refused("it is not empty", "users: 2 rows", "log_head: not as in a new database")
        self.assertEqual(self.target("messages"), before)
        self.assertNotIn("UNFINISHED", str(self.target(RECORDS)))

    def test_served(self) -> None:
        """An empty database that a server uses is not empty: it has the row of its node."""
        self.installation()
        self.emptied()
        self.sql("INSERT INTO nodes VALUES ('x', 0, 0)")
        self.refused("(nodes: 1 row)")

    def test_other_schema(self) -> None:
        """Tables of another program, or of a newer version, are left alone."""
        self.installation()
        self.sql("CREATE TABLE users (x int)")
        self.refused('relation "users" already exists')
        self.assertEqual(self.sql("SELECT to_regclass('rooms')"), [(None,)])
        self.url = self.new_database()
        self.copied()
        self.sql("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 5)")
        self.refused("9999_later")

    def test_other_columns(self) -> None:
        """A table that somebody has changed is told."""
        self.installation()
        self.copied()
        self.sql("ALTER TABLE rooms ADD COLUMN x int")
        self.refused("table rooms has not the columns of SQLite's")

    def test_another_copy(self) -> None:
        """Two copies into one database cannot be under way."""
        self.installation()
        with closing(psycopg2.connect(self.url)) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(4711, 1)")
            self.refused("another copy into it is under way")

    def test_encoding(self) -> None:
        """A database that cannot hold every character is refused."""
        self.installation()
        server, name = shared_server(), self.url.rpartition("/")[2]
        server.drop_database(self.url)
        sql = f"CREATE DATABASE {name} OWNER assa ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'"
        server.execute(server.superuser_url(), sql)
        self.refused("its encoding is LATIN1")

    def test_away(self) -> None:
        """A database that cannot be reached is one line, without the password."""
        self.installation()
        self.url = self.url.replace(f"127.0.0.1:{shared_server().port}", "127.0.0.1:1")
        self.refused("postgresql://127.0.0.1:1/", "refused")

    def test_connection_lost(self) -> None:
        """A connection that is lost is one line; the next copy goes on."""
        self.installation()
        self.many(2 * BATCH)

        def progress(what: str, table: str, rows: int, _: int) -> None:
            if (what, table, rows) == ("copied", "messages", BATCH):
                shared_server().terminate_backends(self.url)

        with closing(Source(str(self.path))) as source, closing(Target(self.url)) as target:
            self.assertRaises(CopyError, copy, source, target, now_ms=lambda: NOW_MS, progress=progress)
        self.assertEqual(self.sql("SELECT count(*) FROM messages"), [(BATCH,)])
        self.copied()


class CommandLineTests(CommandCase):
    def test_wrong_command_line(self) -> None:
        """Status 2, and nothing of the URL is repeated."""
        for source, target in (
            ("sqlite:", "postgresql://h/d"),
            ("/path", "postgresql://h/d"),
            ("sqlite:/path", "mysql://user:password@h/d"),
        ):
            status, out, err = self.run_command("copy", "--from", source, "--to", target)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("expected ", err)
            self.assertNotIn("password@", err)

    def test_help(self) -> None:
        """The command explains itself, with an example and what its status means."""
        status, out, _ = self.run_command("copy", "--help")
        self.assertEqual(status, 0)
        for words in ("example:\n", "assa copy --from sqlite:/", "exit status: "):
            self.assertIn(words, out)

    def test_wrong_url(self) -> None:
        """What is no URL, or has a password that is not quoted, is told and not shown."""
        if psycopg2 is None:
            raise SkipTest("psycopg2 is not installed")
        self.state.mkdir()
        server_on(self.state / "db").crash()
        for target in ("postgresql://assa:pa/word@h/d", "postgresql://assa:pa%zzword@h/d"):
            status, out, err = self.run_command(
                "copy", "--from", f"sqlite:{self.state / 'db'}", "--to", target
            )
            self.assertEqual((status, out, err.count("\n")), (1, "", 1))
            self.assertIn("assa: --to: expected ", err)
            self.assertNotIn("word@", err)

    def test_password_file(self) -> None:
        """A file that cannot be read is named."""
        if psycopg2 is None:
            raise SkipTest("psycopg2 is not installed")
        self.state.mkdir()
        server_on(self.state / "db").crash()
        arguments = ["--from", f"sqlite:{self.state / 'db'}", "--to", "postgresql://h/d"]
        status, _, err = self.run_command("copy", *arguments, "--password-file", "/nowhere/password")
        self.assertEqual((status, err.count("\n")), (1, 1))
        self.assertIn("--password-file: /nowhere/password: No such file", err)


class ProgressTests(SynchronousTestCase):
    def test_rate(self) -> None:
        """A line every other second, with what was done since the last one; a short table has none."""
        clock, lines = Clock(), list[str]()
        progress = Progress(lines.append, clock.seconds)
        for _ in range(7):
            clock.advance(0.5)
            progress("read", "rooms", 1, 0)
            progress("read", "users", 2, 0)
        for rows in range(2_000, 14_001, 1_000):
            clock.advance(0.5)
            progress("copied", "messages", rows, 20_000)
        self.assertEqual(
            lines,
            [
                "messages: copied 6,000 of 20,000 rows, 2,000 rows/s",
                "messages: copied 10,000 of 20,000 rows, 2,000 rows/s",
                "messages: copied 14,000 of 20,000 rows, 2,000 rows/s",
            ],
        )

    def test_unknown_total(self) -> None:
        """Before the rows have been counted, there is no total."""
        clock, lines = Clock(), list[str]()
        progress = Progress(lines.append, clock.seconds)
        progress("read", "events", 1_000, 0)
        clock.advance(4)
        progress("read", "events", 5_000, 0)
        self.assertEqual(lines, ["events: read 5,000 rows, 1,000 rows/s"])

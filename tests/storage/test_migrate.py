"""Design section 5: numbered schema files, applied in order, recorded with a checksum."""

from __future__ import annotations

import hashlib
import sqlite3
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assa.storage import Unavailable
from assa.storage.migrate import Dialect, MigrationError, _files, _statements
from assa.storage.sqlite import SqliteStore
from tests.storage.drivers import NOW_MS
from tests.world import TurnWorker

SCHEMA = resources.files("assa.storage").joinpath("schema")
FILES = sorted(one.name.removesuffix(".sql") for one in SCHEMA.iterdir() if one.name.endswith(".sql"))
NAMES = [name for name in FILES if not name.endswith(".postgres")]


class MigrateTestCase(SynchronousTestCase):
    def setUp(self):
        """Have a place for a database."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "assa.db"

    def open(self) -> list[str]:
        """Open and close the database and return what was applied."""
        clock = Clock()
        store = SqliteStore(
            str(self.path),
            worker=TurnWorker(clock),
            deliver=lambda _: None,
            now_ms=lambda: NOW_MS,
            synchronous="OFF",
        )
        applied = store.open()
        closed = store.close()
        clock.advance(0)
        self.successResultOf(closed)
        return applied

    def execute(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Look into the file, or change it, as an operator could."""
        connection = sqlite3.connect(self.path, timeout=0.1)
        try:
            with connection:
                return connection.execute(sql, values).fetchall()
        finally:
            connection.close()


class MigrateTests(MigrateTestCase):
    def test_fresh(self):
        """A new database gets every file, in order."""
        self.assertEqual([name.removesuffix(".sqlite") for name in NAMES], self.open())

    def test_again(self):
        """A second start changes nothing."""
        self.open()
        before = self.execute("SELECT * FROM sqlite_master ORDER BY name")
        self.assertEqual(self.open(), [])
        self.assertEqual(self.execute("SELECT * FROM sqlite_master ORDER BY name"), before)

    def test_recorded(self):
        """What was applied when is recorded, with the SHA-256 of the file."""
        self.open()
        recorded = self.execute("SELECT number, name, checksum, applied_at FROM schema_migrations")
        number, name, checksum, applied_at = recorded[0]
        text = SCHEMA.joinpath(NAMES[0] + ".sql").read_bytes()
        self.assertEqual((number, name, applied_at), (1, NAMES[0], NOW_MS))
        self.assertEqual(checksum, hashlib.sha256(text).hexdigest())

    def test_changed(self):
        """A file that has changed since it was applied stops the start, and says which."""
        self.open()
        self.execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1")
        error = self.assertRaises(MigrationError, self.open)
        self.assertIn(NAMES[0], str(error))

    def test_newer(self):
        """A database of a newer program is left alone."""
        self.open()
        self.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 5)")
        error = self.assertRaises(MigrationError, self.open)
        self.assertIn("9999_later", str(error))

    def test_nothing_is_left(self):
        """A start that was refused holds no lock on the file, and has changed nothing."""
        self.open()
        self.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 5)")
        error = self.assertRaises(MigrationError, self.open)
        self.execute("DELETE FROM schema_migrations WHERE number = 9999")
        self.assertEqual(self.open(), [])
        del error  # it has kept the frame of the refused start until here

    def test_all_or_nothing(self):
        """Where a file cannot be applied, none of it is."""
        self.execute("CREATE TABLE participants (x)")
        self.assertRaises(Unavailable, self.open)
        self.assertEqual(self.execute("SELECT name FROM sqlite_master"), [("participants",)])

    def test_no_database(self):
        """What is no database, or cannot be opened, is Unavailable, and the path is named."""
        self.path.write_bytes(b"no database at all" * 1_000)
        self.assertIn(str(self.path), str(self.assertRaises(Unavailable, self.open)))
        self.path = self.path.parent / "nowhere" / "assa.db"
        self.assertIn(str(self.path), str(self.assertRaises(Unavailable, self.open)))

    def test_never_opened(self):
        """A store that was never opened can be closed, as after a failed start."""
        store = SqliteStore(
            str(self.path), worker=TurnWorker(Clock()), deliver=lambda _: None, now_ms=lambda: NOW_MS
        )
        self.successResultOf(store.close())


class FileTests(SynchronousTestCase):
    def test_numbers(self):
        """Each file has a number of its own, counted from 1 for each database."""
        for name in ("sqlite", "postgres"):
            numbers = [one.number for one in _files(Dialect(name=name, key_type="BIGINT"))]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_statements(self):
        """Statements end at a semicolon, and comments are not among them."""
        found = list(_statements("-- a;\nCREATE TABLE a (\n  x INTEGER -- y;\n);\n\nSELECT 1; -- z\n"))
        self.assertEqual(
            [" ".join(one.split()) for one in found], ["CREATE TABLE a ( x INTEGER );", "SELECT 1;"]
        )

    def test_units(self):
        """The unit of every time stands beside its column (design 5)."""
        for name in NAMES:
            for line in SCHEMA.joinpath(name + ".sql").read_text("utf-8").splitlines():
                if "_at {id}" in line:
                    self.assertIn("-- ms", line)

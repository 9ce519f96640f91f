"""Design section 5: numbered schema files, applied in order, recorded with a checksum."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from assa.storage import Unavailable, events
from assa.storage.migrate import Dialect, MigrationError, _files, _statements
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread
from tests.postgres import require_postgres, shared_server
from tests.storage.drivers import NOW_MS, PostgresStore

SCHEMA = resources.files("assa.storage").joinpath("schema")
FILES = sorted(one.name.removesuffix(".sql") for one in SCHEMA.iterdir() if one.name.endswith(".sql"))
NAMES = [name for name in FILES if not name.endswith(".postgres")]


class Database(Protocol):
    """A database that a store can be opened on, again and again."""

    own: str
    """The name of the migration that holds for it alone, or nothing."""
    catalog: str
    """A query for its tables and indexes."""

    def store(self) -> Any:
        """Return a store, not open."""

    async def open(self, store: Any) -> list[str]:
        """Open a store and return what was applied."""

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database, or change it, as an operator could."""

    def remove(self) -> None:
        """Remove it."""


class SqliteFile:
    """A file, and commits in a thread."""

    own = ""
    catalog = "SELECT type, name FROM sqlite_master ORDER BY name"

    def __init__(self) -> None:
        self._directory = TemporaryDirectory()
        self.path = Path(self._directory.name) / "assa.db"

    def store(self) -> Any:
        """Return a store, not open."""
        worker = DatabaseThread(reactor)
        return SqliteStore(
            str(self.path), worker=worker, deliver=lambda _: None, now_ms=lambda: NOW_MS, synchronous="OFF"
        )

    async def open(self, store: Any) -> list[str]:
        """Open a store, which blocks: elsewhere, so that several can be opened at once."""
        return await deferToThread(store.open)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement on a connection of its own."""
        connection = sqlite3.connect(self.path, timeout=0.1)
        try:
            with connection:
                return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def remove(self) -> None:
        """Remove the file."""
        self._directory.cleanup()


class PostgresDatabase:
    """A database on the real server."""

    own = "0003_collation"
    catalog = "SELECT relkind, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 2"

    def __init__(self) -> None:
        require_postgres()
        self.url = shared_server().create_database()

    def store(self) -> Any:
        """Return a store, not open."""
        return PostgresStore(self.url, reactor=reactor, deliver=lambda _: None, now_ms=lambda: NOW_MS)

    async def open(self, store: Any) -> list[str]:
        """Open a store."""
        return await store.open()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement on a connection of its own."""
        return shared_server().execute(self.url, sql)

    def remove(self) -> None:
        """Drop it."""
        shared_server().drop_database(self.url)


class MigrateMixin:
    """What holds for both databases; a TestCase with `make_database` runs it."""

    make_database: Callable[[], Database]

    def setUp(self):
        """Have a place for a database."""
        self.database = self.make_database()
        self.addCleanup(self.database.remove)
        self.execute = self.database.execute

    async def open(self) -> list[str]:
        """Open and close the database and return what was applied."""
        store = self.database.store()
        try:
            return await self.database.open(store)
        finally:
            await store.close()

    async def refused(self, error: type[Exception]) -> str:
        """Open the database, which fails, and return what is said."""
        return str(await self.assertFailure(Deferred.fromCoroutine(self.open()), error))

    async def test_fresh(self):
        """A new database gets every file, in order, but those of other databases."""
        names = {name.partition(".")[0] for name in NAMES if "." not in name}
        self.assertEqual(await self.open(), sorted({*names, self.database.own} - {""}))

    async def test_again(self):
        """A second start changes nothing."""
        await self.open()
        before = self.execute(self.database.catalog)
        self.assertEqual(await self.open(), [])
        self.assertEqual(self.execute(self.database.catalog), before)

    async def test_recorded(self):
        """What was applied when is recorded, with the SHA-256 of the file."""
        await self.open()
        recorded = self.execute("SELECT number, name, checksum, applied_at FROM schema_migrations")
        number, name, checksum, applied_at = recorded[0]
        text = SCHEMA.joinpath(NAMES[0] + ".sql").read_bytes()
        self.assertEqual((number, name, applied_at), (1, NAMES[0], NOW_MS))
        self.assertEqual(checksum, hashlib.sha256(text).hexdigest())

    async def test_changed(self):
        """A file that has changed since it was applied stops the start, and says which."""
        await self.open()
        self.execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1")
        self.assertIn(NAMES[0], await self.refused(MigrationError))

    async def test_newer(self):
        """A database of a newer program is left alone."""
        await self.open()
        self.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 5)")
        self.assertIn("9999_later", await self.refused(MigrationError))

    async def test_nothing_is_left(self):
        """A start that was refused holds no lock, and has changed nothing."""
        await self.open()
        self.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 5)")
        await self.refused(MigrationError)
        self.execute("DELETE FROM schema_migrations WHERE number = 9999")
        self.assertEqual(await self.open(), [])

    async def test_all_or_nothing(self):
        """Where a file cannot be applied, none of it is."""
        self.execute("CREATE TABLE participants (x integer)")
        before = self.execute(self.database.catalog)
        self.assertIn("participants", await self.refused(Unavailable))
        self.assertEqual(self.execute(self.database.catalog), before)

    async def test_at_once(self):
        """Of four that open one empty database at once, exactly one migrates, and all can use it."""
        stores = [self.database.store() for _ in range(4)]
        opened = [Deferred.fromCoroutine(self.database.open(store)) for store in stores]
        applied = [one for _, one in await DeferredList(opened, consumeErrors=True)]
        self.assertEqual([one for one in applied if not isinstance(one, list)], [])
        heads = [await store.run(events.bounds) for store in stores]
        await gatherResults([store.close() for store in stores])
        self.assertEqual([bool(one) for one in sorted(applied, key=len)], [False, False, False, True])
        self.assertEqual(heads, [(0, 0)] * 4)

    async def test_never_opened(self):
        """A store that was never opened can be closed, as after a failed start."""
        self.assertIs(await self.database.store().close(), None)


class SqliteMigrateTests(MigrateMixin, TestCase):
    make_database = SqliteFile

    async def test_no_database(self):
        """What is no database, or cannot be opened, is Unavailable, and the path is named."""
        path = self.database.path
        path.write_bytes(b"no database at all" * 1_000)
        self.assertIn(str(path), await self.refused(Unavailable))
        self.database.path = path.parent / "nowhere" / "assa.db"
        self.assertIn(str(self.database.path), await self.refused(Unavailable))


class PostgresMigrateTests(MigrateMixin, TestCase):
    make_database = PostgresDatabase

    async def test_no_right(self):
        """Who may not create tables is told so, and nobody is kept waiting: it may be granted yet."""
        self.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        superuser = shared_server().superuser_url(self.database.url.rpartition("/")[2])
        shared_server().execute(superuser, "ALTER SCHEMA public OWNER TO CURRENT_USER")
        self.assertIn("permission denied", await self.refused(Unavailable))


class FileTests(SynchronousTestCase):
    def test_numbers(self):
        """Files are counted from 1; one that is for one database only has no counterpart for the other."""
        found = set()
        for name in ("sqlite", "postgres"):
            numbers = [one.number for one in _files(Dialect(name=name, key_type="BIGINT"))]
            self.assertEqual(numbers, sorted(set(numbers)))
            found.update(numbers)
        self.assertEqual(found, set(range(1, len(found) + 1)))

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

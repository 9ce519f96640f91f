"""The PostgreSQL database that is copied to: no server starts on it until the copy is complete."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg2
import psycopg2.errors
import psycopg2.extras
from psycopg2.extensions import parse_dsn

from assa.storage import Row, Value
from assa.storage.copying.tables import AT_THE_END, RECORDS, CopyError, Schema, Table, migrated
from assa.storage.migrate import MigrationError
from assa.storage.postgres import DIALECT as POSTGRES
from assa.storage.postgres import LOCK
from assa.storage.postgres.pool import hosts, with_password
from assa.storage.postgres.quoting import statement

_CONNECT_S: Final = 10
_FETCH: Final = 1_000
_MARK: Final = 1_000_000_000
"""Number of the migration that no program knows, so that none starts."""
_MARK_NAME: Final = "UNFINISHED COPY (to finish it, repeat the 'assa copy' that began it)"
_MARKED: Final = f"SELECT checksum FROM {RECORDS} WHERE number = {_MARK}"  # noqa: S608 - all of it is ours
# Like a group of a server's; and a second lock for the length of the copy.
_ALONE: Final = "SET lock_timeout = '2s'; SELECT pg_advisory_lock(4711, 1); SET lock_timeout = 0"
_COLUMNS: Final = (
    "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
)


class Target:
    """A PostgreSQL database, on a connection of its own.

    Args:
        url: ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``.
        password: Goes into the URL, unless it is empty.

    Raises:
        ValueError: It is no URL; the text does not repeat it.
        CopyError: It cannot be used, or another copy is under way.
    """

    def __init__(self, url: str, password: str = "") -> None:
        url = with_password(url, password)
        self.name = _shown(url)
        with self._told():
            self._connection = psycopg2.connect(
                url, connect_timeout=_CONNECT_S, application_name="assa copy", client_encoding="UTF8"
            )
            try:
                self._settle()
            except BaseException:
                self.close()
                raise

    def _settle(self) -> None:
        self._connection.autocommit = True
        self._run("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        try:
            self._run(_ALONE)
        except psycopg2.errors.LockNotAvailable:
            raise CopyError(f"{self.name}: another copy into it is under way") from None
        encoding = self._run("SHOW server_encoding").fetchone()[0]
        if encoding != "UTF8":
            raise CopyError(f"{self.name}: its encoding is {encoding}: create it with ENCODING 'UTF8'")
        self._connection.autocommit = False

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _run(self, sql: str | bytes, values: Mapping[str, Value] | Sequence[Value] | None = None) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(sql, values)
        return cursor

    def _migrating(self, sql: str, values: Mapping[str, Value]) -> Any:
        return self._run(statement(sql, values, self._connection))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise CopyError for what the database says."""
        try:
            yield
        except psycopg2.Error as wrong:
            reason = wrong.diag.message_primary or str(wrong).strip().partition("\n")[0]
            raise CopyError(f"{self.name}: {reason or type(wrong).__name__}") from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._told(), self._connection:
            yield

    # --- before and after ---

    def prepare(self, schema: Schema, fingerprint: str, now_ms: int) -> None:
        """Have the schema, the mark, and nothing but what an earlier copy of the same source left.

        Raises:
            CopyError: Something else is there.
        """
        with self._transaction():
            self._run(LOCK)
            begun = self._mark()
            if begun is None:
                self._begin(schema, fingerprint, now_ms)
            elif begun != fingerprint:
                raise CopyError(
                    f"{self.name}: it holds the unfinished copy of another database, or of an older state"
                    " of this one: drop it, and copy to an empty one"
                )

    def _mark(self) -> str | None:
        if self._run("SELECT to_regclass(%s)", [RECORDS]).fetchone()[0] is None:
            return None
        row = self._run(_MARKED).fetchone()
        return None if row is None else str(row[0])

    def _begin(self, schema: Schema, fingerprint: str, now_ms: int) -> None:
        try:
            migrated(self._migrating, POSTGRES, now_ms)
        except MigrationError as wrong:
            raise CopyError(f"{self.name}: {wrong}") from None
        for table in schema.tables:
            columns = {row[0] for row in self._run(_COLUMNS, [table.name])}
            if columns != set(table.columns):
                raise CopyError(f"{self.name}: table {table.name} has not the columns of SQLite's")
        found = [content for table in schema.tables for content in self._content(schema, table)]
        if found:
            what = "it is not empty, and holds no unfinished copy"
            raise CopyError(f"{self.name}: {what} ({', '.join(found)}): copy to an empty database")
        for table in schema.tables:
            self._run(f"DELETE FROM {table.name}")  # noqa: S608 - what the migrations put there comes from the source
        self._run(f"INSERT INTO {RECORDS} VALUES (%s, %s, %s, %s)", [_MARK, _MARK_NAME, fingerprint, now_ms])  # noqa: S608

    def _content(self, schema: Schema, table: Table) -> Iterator[str]:
        """Say what a table has that the migrations did not put there."""
        seeds = schema.seeds[table.name]
        count = self._run(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608 - names are ours
        if count != len(seeds):
            yield f"{table.name}: {count} row{'s' * (count != 1)}"
        elif seeds and seeds != set(self._run(f"SELECT {', '.join(table.columns)} FROM {table.name}")):  # noqa: S608
            yield f"{table.name}: not as in a new database"

    def finish(self, schema: Schema, now_ms: int) -> None:
        """Take the mark away: a server can start."""
        with self._transaction():
            self._run(LOCK)
            self._run(AT_THE_END, {"now": now_ms})
            self._run(f"DELETE FROM {RECORDS} WHERE number = {_MARK}")  # noqa: S608 - all of it is ours
            for table in schema.tables:
                self._run(f"ANALYZE {table.name}")

    # --- rows ---

    def reached(self, table: Table) -> tuple[Row | None, int]:
        """Return the largest key that is there, or None, and the number of rows."""
        order = ", ".join(f"{column} DESC" for column in _ordered(table))
        with self._transaction():
            last = self._run(f"SELECT {', '.join(table.key)} FROM {table.name} ORDER BY {order} LIMIT 1")  # noqa: S608
            count = self._run(f"SELECT count(*) FROM {table.name}")  # noqa: S608 - likewise
            return last.fetchone(), count.fetchone()[0]

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert the rows that come next, all of them or none.

        Raises:
            CopyError: One of them cannot be stored.
        """
        try:
            with self._connection:
                self._insert(table, rows)
        except psycopg2.Error:
            if self._connection.closed:
                with self._told():
                    raise
            self._insert_each(table, rows)

    def _insert_each(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows one by one, to find the one that cannot be; what the database says may quote it."""
        with self._transaction():
            for row in rows:
                try:
                    self._insert(table, [row])
                except psycopg2.Error as wrong:
                    if self._connection.closed:
                        raise
                    raise CopyError(
                        f"{self.name}: table {table.name}, {table.key_of(row)}:"
                        f" PostgreSQL cannot store the row ({type(wrong).__name__})"
                    ) from None

    def _insert(self, table: Table, rows: Sequence[Row]) -> None:
        sql = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES %s"  # noqa: S608 - names are ours
        with self._connection.cursor() as cursor:
            psycopg2.extras.execute_values(cursor, sql, rows, page_size=len(rows))

    def all_rows(self, table: Table) -> Generator[Row, None, None]:
        """Return what is there, in the order of the keys."""
        sql = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {', '.join(_ordered(table))}"  # noqa: S608
        with self._transaction(), self._connection.cursor("rows") as cursor:
            cursor.itersize = _FETCH
            cursor.execute(sql)
            yield from cursor


def _ordered(table: Table) -> list[str]:
    """Return the columns of the key as SQLite orders them: a text byte by byte."""
    return [f'{column} COLLATE "C"' if column in table.texts else column for column in table.key]


def _shown(url: str) -> str:
    """Return a URL without what nobody should see.

    Raises:
        ValueError: It is none.
    """
    hosts(url)
    given = parse_dsn(url)
    port = given.get("port", "")
    if not port.replace(",", "").isdecimal() and port:
        raise ValueError("expected a number as the port of postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return f"postgresql://{given.get('host', '')}{port and ':'}{port}/{given.get('dbname', '')}"

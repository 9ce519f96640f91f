"""The SQLite database that is copied: nobody else can use it meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from assa.storage import Row
from assa.storage.copying.tables import RECORDS, CopyError, Schema, Table, migrated, tables_of
from assa.storage.migrate import MigrationError
from assa.storage.sqlite import DIALECT as SQLITE

_PATIENCE_S: Final = 1.0


class Source:
    """A SQLite database, locked and for reading only until it is closed.

    Args:
        path: Its file.

    Raises:
        CopyError: Somebody uses it, or it is no up-to-date database of ASSA's.
    """

    def __init__(self, path: str) -> None:
        self._name = f"sqlite:{path}"
        try:
            self._connection = sqlite3.connect(
                f"{Path(path).absolute().as_uri()}?mode=rw",  # which makes no file
                uri=True,
                isolation_level=None,
                timeout=_PATIENCE_S,
            )
        except (sqlite3.Error, ValueError) as wrong:
            raise CopyError(f"{self._name}: {wrong}") from None
        try:
            self._lock()
            self._check()
        except BaseException:
            self.close()
            raise
        # What is no UTF-8 is found when it is rendered, with its key.
        self._connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")

    def _lock(self) -> None:
        """Have the file for oneself, until the connection is closed.

        Whoever has a file with a write-ahead log open has a shared lock on it all the time, though
        BEGIN EXCLUSIVE by itself goes through beside one that does nothing. A process that was
        killed has none.
        """
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as wrong:
            if wrong.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                problem = "a process is using it: stop the server, and whoever else has it open"
                raise CopyError(f"{self._name}: {problem}") from None
            raise CopyError(f"{self._name}: {wrong}") from None

    def _check(self) -> None:
        """Have all of this program's migrations in the file, which stays as it is."""
        try:
            if RECORDS not in tables_of(self._connection):
                raise CopyError(f"{self._name}: this is no database of ASSA's")
            missing = migrated(self._connection.execute, SQLITE, 0)
            self._connection.execute("ROLLBACK")
            self._connection.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, MigrationError) as wrong:
            raise CopyError(f"{self._name}: {wrong}") from None
        if missing:
            advice = "run 'assa migrate' with the configuration of its server first"
            raise CopyError(f"{self._name}: its schema is not up to date ({', '.join(missing)}): {advice}")

    def close(self) -> None:
        """Let others use the file."""
        self._connection.close()

    def foreign(self, schema: Schema) -> tuple[str, ...]:
        """Return the tables that are none of the schema."""
        known = {RECORDS, *(table.name for table in schema.tables)}
        return tuple(name for name in tables_of(self._connection) if name not in known)

    def rows_after(self, table: Table, after: Row | None) -> Generator[Row, None, None]:
        """Return the rows to copy in the order of their keys: those after a key, or all."""
        key = ", ".join(table.key)
        where = "TRUE" if after is None else f"({key}) > ({', '.join('?' * len(table.key))})"
        where += " AND FALSE" if table.stays else ""
        sql = f"SELECT {table.read} FROM {table.name} WHERE {where} ORDER BY {key}"  # noqa: S608 - names are ours
        return self._told(sql, after or ())

    def all_rows(self, table: Table) -> Generator[Row, None, None]:
        """Return what the target has to hold in the end, in the order of the keys."""
        where = "FALSE" if table.stays else "TRUE"
        key = ", ".join(table.key)
        return self._told(f"SELECT {table.read} FROM {table.name} WHERE {where} ORDER BY {key}")  # noqa: S608

    def _told(self, sql: str, values: Row = ()) -> Generator[Row, None, None]:
        try:
            with closing(self._connection.execute(sql, values)) as cursor:  # else it keeps the lock
                yield from cursor
        except sqlite3.Error as wrong:
            raise CopyError(f"{self._name}: {wrong}") from None

    def storable(self, table: Table, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows on the way.

        Raises:
            CopyError: PostgreSQL cannot store one.
        """
        for row in rows:
            for column, value in zip(table.columns, row, strict=True):
                flaw = _flaw(value)
                if flaw:
                    raise CopyError(
                        f"{self._name}: table {table.name}, {table.key_of(row)}: {column} {flaw},"
                        " which PostgreSQL cannot store"
                    )
            yield row


def _flaw(value: object) -> str:
    """Return what is wrong with a value, or nothing."""
    if isinstance(value, str):
        if "\0" in value:
            return "has a NUL character"
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return "is no valid UTF-8"
    elif isinstance(value, bytes):
        return "is a BLOB"
    return ""

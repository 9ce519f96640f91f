"""What there is to copy: the tables that the migrations make, so that none can be forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from assa.storage import Row, Value
from assa.storage.migrate import Dialect, migrate
from assa.storage.sqlite import DIALECT as SQLITE

RECORDS: Final = "schema_migrations"
"""Says which migrations the database itself has had."""
_INSTEAD: Final[Mapping[str, Mapping[str, str]]] = {"sessions": {"node": "NULL", "dropped_at": "0"}}
"""Columns that come over with another value: nobody is connected to the target."""
_EMPTY: Final = frozenset({"nodes"})
"""Tables whose rows stay behind."""
AT_THE_END: Final = "UPDATE sessions SET dropped_at = %(now)s"
"""What follows: clients have the whole retention in which to resume."""


class CopyError(Exception):
    """The copy cannot go on; the text is one line, without the content of any row."""


@frozen(kw_only=True)
class Table:
    """A table of the schema.

    Args:
        name: Its name.
        columns: Names of all columns.
        key: Names of those of the primary key.
        texts: Names of those that are text.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: frozenset[str]

    @property
    def read(self) -> str:
        """The columns as they are read from the source."""
        instead = _INSTEAD.get(self.name, {})
        return ", ".join(instead.get(column, column) for column in self.columns)

    @property
    def stays(self) -> bool:
        """Whether its rows stay behind."""
        return self.name in _EMPTY

    def key_of(self, row: Row) -> str:
        """Return the key of a row in words."""
        named = dict(zip(self.columns, row, strict=True))
        return ", ".join(f"{column} {named[column]!r}" for column in self.key)


@frozen(kw_only=True)
class Schema:
    """What a database consists of before anybody has used it.

    Args:
        tables: All but the record of the migrations.
        seeds: The rows that the migrations insert, by table, in no order.
    """

    tables: tuple[Table, ...]
    seeds: Mapping[str, frozenset[Row]]

    @classmethod
    def of_migrations(cls) -> Schema:
        """Return the schema of this program."""
        connection = sqlite3.connect(":memory:")
        try:
            migrated(connection.execute, SQLITE, 0)
            names = tables_of(connection)
            tables = tuple(_table(connection, name) for name in names if name != RECORDS)
            seeds = {
                one.name: frozenset(connection.execute(f"SELECT {', '.join(one.columns)} FROM {one.name}"))  # noqa: S608 - names are ours
                for one in tables
            }
        finally:
            connection.close()
        return cls(tables=tables, seeds=seeds)


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the tables, the oldest first."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid"
    return [row[0] for row in connection.execute(sql)]


def _table(connection: sqlite3.Connection, name: str) -> Table:
    sql = "SELECT name, upper(type), pk FROM pragma_table_info(?) ORDER BY cid"
    found = connection.execute(sql, (name,)).fetchall()
    key = [column for _, column in sorted((place, column) for column, _, place in found if place)]
    if not key:
        raise CopyError(f"{name}: a table without a primary key cannot be copied")
    return Table(
        name=name,
        columns=tuple(column for column, _, _ in found),
        key=tuple(key),
        texts=frozenset(column for column, kind, _ in found if kind == "TEXT"),
    )


# --- Migrations, without a store ---


@frozen
class _Blocking:
    """What migrations need of a transaction, on the connection of either driver."""

    run: Callable[[str, Mapping[str, Value]], Any]

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        rows: list[Row] = self.run(sql, values).fetchall()
        return rows

    async def execute(self, sql: str, /, **values: Value) -> int:
        changed: int = self.run(sql, values).rowcount
        return changed

    async def insert(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        for row in rows:
            marks = ", ".join(f":{name}" for name in row)
            self.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", row)  # noqa: S608 - likewise


def migrated(run: Callable[[str, Mapping[str, Value]], Any], dialect: Dialect, now_ms: int) -> list[str]:
    """Bring the schema up to date in the transaction that is open, and return the files applied.

    Args:
        run: Executes a statement, whose placeholders are ``:name``, and returns its cursor.
        dialect: Of the database.
        now_ms: The time, milliseconds since the epoch.

    Raises:
        MigrationError: The schema does not fit this program.
    """
    blocking: Any = _Blocking(run)
    work = migrate(blocking, dialect, now_ms)
    try:
        work.send(None)
    except StopIteration as end:
        applied: list[str] = end.value
        return applied
    raise RuntimeError("a migration awaited something other than its transaction")

"""Schema migrations: numbered SQL files, applied in order, recorded with a checksum."""

from __future__ import annotations

import hashlib
import sqlite3
from importlib import resources
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assa.storage import Transaction, Value

_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  number INTEGER PRIMARY KEY,  -- of the file
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,      -- SHA-256 of the file, hexadecimal
  applied_at BIGINT NOT NULL   -- ms
)"""


class MigrationError(Exception):
    """The database's schema and this program's do not fit together."""


@frozen(kw_only=True)
class Dialect:
    """What differs between databases in the schema files.

    Args:
        name: Suffix of files that hold for this database only (``0002_x.NAME.sql``).
        key_type: The 64-bit integer type, as ``{id}`` in the files.
    """

    name: str
    key_type: str


@frozen(kw_only=True)
class _File:
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def _files(dialect: Dialect) -> list[_File]:
    found = []
    for one in resources.files("assa.storage").joinpath("schema").iterdir():
        name, _, suffix = one.name.removesuffix(".sql").partition(".")
        if one.name.endswith(".sql") and suffix in ("", dialect.name):
            found.append(_File(number=int(name[:4]), name=name, text=one.read_text("utf-8")))
    return sorted(found, key=lambda one: one.number)


def _statements(text: str) -> Iterator[str]:
    statement = ""
    for line in text.splitlines():
        statement += line.partition("--")[0] + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


async def migrate(tx: Transaction, dialect: Dialect, now_ms: int) -> list[str]:
    """Bring the schema up to date and return the names of the files applied.

    Raises:
        MigrationError: An applied file has changed since, or the database is newer than the program.
    """
    await tx.execute(_RECORDS)
    recorded = {row[0]: row for row in await tx.all("SELECT number, name, checksum FROM schema_migrations")}
    files = {one.number: one for one in _files(dialect)}
    for number, name, checksum in recorded.values():
        if number not in files:
            msg = f"the database has migration {name}, which this version does not know: run a newer one"
            raise MigrationError(msg)
        if files[number].checksum != checksum:
            msg = f"migration {name} has changed since it was applied"
            raise MigrationError(msg)
    new = [one for number, one in files.items() if number not in recorded]
    for one in new:
        await _apply(tx, one, dialect, now_ms)
    return [one.name for one in new]


async def _apply(tx: Transaction, file: _File, dialect: Dialect, now_ms: int) -> None:
    for statement in _statements(file.text.replace("{id}", dialect.key_type)):
        await tx.execute(statement)
    record: dict[str, Value] = {
        "number": file.number,
        "name": file.name,
        "checksum": file.checksum,
        "applied_at": now_ms,
    }
    await tx.insert("schema_migrations", [record])

"""Values in statements of PostgreSQL: the protocol of psycopg2 sends them as a part of the text.

Texts are quoted by libpq, for the connection that they go to. Numbers and NULL need no quotes, and most
values are numbers or NULL, so this costs less than a third of what psycopg2's `mogrify` does, which
looks for an adapter for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import QuotedString, adapt

from assa.storage import Value

_PLACEHOLDER = re.compile(rb"(?<![:\w]):([a-z_]\w*)")


def literal(value: Value, connection: Any) -> bytes:
    """Return a value as PostgreSQL reads it.

    Args:
        value: What to quote.
        connection: psycopg2's connection: its encoding and settings count.

    Raises:
        ValueError: A text has a character that PostgreSQL cannot store: NUL, or half of a pair.
    """
    if type(value) is int:
        return b"%d" % value
    if value is None:
        return b"NULL"
    quotable = QuotedString(value) if isinstance(value, str) else adapt(value)
    if isinstance(value, str):
        quotable.prepare(connection)
    quoted: bytes = quotable.getquoted()
    return quoted


def statement(sql: str, values: Mapping[str, Value], connection: Any) -> bytes:
    """Return a statement with its values in the places of their names, ``:name``."""
    return _PLACEHOLDER.sub(lambda found: literal(values[found[1].decode()], connection), sql.encode())


def insertion(table: str, rows: Sequence[Mapping[str, Value]], connection: Any) -> bytes:
    """Return the statement that inserts rows, which have all the same keys."""
    lines = [b",".join([literal(value, connection) for value in row.values()]) for row in rows]
    names = ", ".join(rows[0])
    return f"INSERT INTO {table} ({names}) VALUES (".encode() + b"),(".join(lines) + b")"  # noqa: S608 - names are ours

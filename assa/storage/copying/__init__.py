"""Moving an installation from SQLite to PostgreSQL.

The order of things makes it safe to end at any moment:

1. The SQLite file is locked, so no server can use it, and a digest of each table is computed.
2. The target gets its schema and, in the same transaction, a mark among its migrations: a server that
   finds it there refuses to start. The mark names the state of the source that it is a copy of.
3. Rows are copied in the order of their keys, a batch in a transaction. What is there says what is
   left: a copy that was interrupted goes on after the largest key.
4. Digests of the target are computed from what it holds. If they agree, the mark goes.

All calls block: nothing else has to happen meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice

from attrs import frozen

from assa.storage import Row
from assa.storage.copying.digests import Digest, digest
from assa.storage.copying.source import Source
from assa.storage.copying.tables import CopyError, Schema, Table
from assa.storage.copying.target import Target

__all__ = ["BATCH", "CopyError", "Outcome", "Source", "Target", "copy"]

BATCH = 1_000

Progress = Callable[[str, str, int, int], None]
"""Is told what is being done, to which table, how many rows are done and, when known, of how many."""


@frozen(kw_only=True)
class Outcome:
    """What a copy came to; the digests are by table.

    Args:
        source: Of the SQLite database.
        target: Of the PostgreSQL database.
        foreign: Tables of the source that are none of the schema, and were not copied.
    """

    source: Mapping[str, Digest]
    target: Mapping[str, Digest]
    foreign: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether the target holds what the source does; only then a server can use it."""
        return self.source == self.target


def copy(source: Source, target: Target, *, now_ms: Callable[[], int], progress: Progress) -> Outcome:
    """Copy an installation, or what is left of it, and verify it.

    Raises:
        CopyError: Source and target do not fit, or something cannot be stored.
    """
    schema = Schema.of_migrations()
    ours = {table.name: _digest_of_source(source, table, progress) for table in schema.tables}
    target.prepare(schema, _fingerprint(schema, ours), now_ms())
    for table in schema.tables:
        _copy_table(source, target, table, ours[table.name].rows, progress)
    theirs = {
        table.name: _digest_of_target(target, table, ours[table.name].rows, progress)
        for table in schema.tables
    }
    outcome = Outcome(source=ours, target=theirs, foreign=source.foreign(schema))
    if outcome.complete:
        target.finish(schema, now_ms())
    return outcome


def _digest_of_source(source: Source, table: Table, progress: Progress) -> Digest:
    with closing(source.all_rows(table)) as rows:
        return digest(source.storable(table, rows), _told(progress, "read", table, 0))


def _digest_of_target(target: Target, table: Table, total: int, progress: Progress) -> Digest:
    with closing(target.all_rows(table)) as rows:
        return digest(rows, _told(progress, "verified", table, total))


def _told(progress: Progress, what: str, table: Table, total: int) -> Callable[[int], None]:
    return lambda rows: progress(what, table.name, rows, total)


def _fingerprint(schema: Schema, digests: Mapping[str, Digest]) -> str:
    """Return what tells the state of a source from every other one."""
    lines = [
        f"{table.name} ({', '.join(table.columns)}) {digests[table.name].sha256}" for table in schema.tables
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _copy_table(source: Source, target: Target, table: Table, total: int, progress: Progress) -> None:
    after, done = target.reached(table)
    with closing(source.rows_after(table, after)) as rows:
        for batch in _batches(rows):
            target.insert(table, batch)
            done += len(batch)
            progress("copied", table.name, done, total)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch

"""Durable storage: what a query may do, and what a store does with queries.

A *query* is a coroutine function whose first argument is a :class:`Transaction` and which awaits
nothing else. The same query runs on every database; a store runs many of them in one commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from attrs import frozen

from assa.errors import Refused
from assa.tally import Groups

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Value = int | float | str | None
Row = tuple[Any, ...]
_ROWS = 100


@frozen(kw_only=True)
class Entry:
    """One row of the event log.

    Args:
        position: Place in the log; position order is commit order.
        channel: Whose listeners it is for: ``room:ID``, ``video:ID``, ``user:ID``,
            ``session:ID`` or ``all``.
        body: The encoded event without its ``seq_id``, or None for an effect alone.
        origin: The session that caused it and does not hear it, or None.
        effect: What it does to subscriptions: ``+CHANNEL`` makes the listeners of CHANNEL
            listen to this entry's channel from here on, ``-CHANNEL`` no longer,
            ``!CHANNEL`` replaces them: they are closed.
    """

    position: int
    channel: str
    body: bytes | None = None
    origin: str | None = None
    effect: str | None = None


class Transaction(Protocol):
    """What a query works with. Placeholders are ``:name``."""

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        """Run a statement and return its rows."""

    async def first(self, sql: str, /, **values: Value) -> Row | None:
        """Run a statement and return its first row, or None."""

    async def execute(self, sql: str, /, **values: Value) -> int:
        """Run a statement and return the number of rows it changed."""

    async def insert(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        """Insert rows that all have the same keys (the table's columns)."""

    async def reserve(self, count: int) -> int:
        """Take the next `count` positions of the event log and return the first.

        Nobody else gets one before the commit, which makes position order commit order.
        """

    def stage(self, entry: Entry) -> None:
        """Have `entry` delivered to this node's listeners once the transaction is committed."""


Query = Callable[Concatenate[Transaction, P], Coroutine[Any, Any, T]]
BatchQuery = Callable[[Transaction, Sequence[Item]], Coroutine[Any, Any, Sequence[T | Refused]]]


class Unavailable(Exception):  # noqa: N818 - the database's state, no defect of ours
    """The database cannot be used now; trying again later may work."""


class Store(Protocol):
    """Runs queries, first in, first out, several in one durable commit.

    A result arrives after its commit is durable and after the entries that the query staged have
    been delivered, so what a query saw and what its caller is told next have no gap between them.
    """

    groups: Groups
    """What became of its commits so far."""

    @property
    def waiting(self) -> int:
        """Return how many queries wait for the next commit to begin."""

    def run(self, query: Query[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Run one query.

        Raises:
            Refused: What the query raised; its changes are undone.
            Unavailable: The database is away. When it went away during the commit, the changes may
                stand all the same.
        """

    def batch(self, query: BatchQuery[Item, T], item: Item, /) -> Awaitable[T]:
        """Run a query that handles a list, together with its neighbours in the queue.

        The query returns one result or Refused an item, in order. When it fails as a whole, each
        item is tried alone, so that one bad item fails alone.
        """

    def fence(self, node: str | None, lost: Callable[[str], None] | None = None) -> None:
        """Refuse every query once other nodes have given `node` up; None: refuse none.

        `lost` is called once with the reason, and the node has to join anew.
        """


def listed(name: str, values: Sequence[Value]) -> tuple[str, dict[str, Value]]:
    """Return ``(:name0, :name1, ...)`` and the values to go with it, for ``IN``."""
    named = {f"{name}{number}": value for number, value in enumerate(values)}
    return f"({', '.join(f':{key}' for key in named)})", named


def given(columns: str, rows: Iterable[Sequence[Value]]) -> Iterator[tuple[str, dict[str, Value]]]:
    """Yield ``WITH given (COLUMNS) AS (VALUES ...)`` and the values to go with it, a hundred rows at a time.

    To join with: ``(x, y) IN (VALUES ...)`` makes SQLite read the whole table. And it looks every
    named placeholder up in a list, so a statement must not have too many.

    Args:
        columns: Names of the columns, with commas.
        rows: Each has a value for every column.
    """
    left = iter(rows)
    while part := list(islice(left, _ROWS)):
        named: dict[str, Value] = {}
        lines = []
        for row in part:
            first = len(named)
            named |= {f"g{first + place}": value for place, value in enumerate(row)}
            lines.append("(" + ", ".join([f":g{first + place}" for place in range(len(row))]) + ")")
        yield f"WITH given ({columns}) AS (VALUES {', '.join(lines)})", named

"""The tail of the event log in PostgreSQL: what other nodes have written, delivered in its order.

Whoever knows a position has had everything up to it. There are two readers: a group, which begins by
reading what was committed before it, and whoever hears the doorbell. While a group is between the
two ends of its transaction the second reader delivers nothing: some of what it finds may be the
group's own, whose turn comes with the group's answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from assa.storage import Entry, Row, Unavailable, Value
from assa.storage.pool import Pool

_ROWS = 250
"""At once: an SDP has up to 128 KiB."""
_NEW = (
    "SELECT (SELECT position FROM log_head WHERE one = 1), (SELECT count(*) FROM nodes),"
    " :node IS NULL OR EXISTS (SELECT FROM nodes WHERE node = :node),"
    " e.position, e.channel, e.body, e.origin, e.effect FROM (SELECT 1) always LEFT JOIN"
    " (SELECT * FROM events WHERE position > :after ORDER BY position LIMIT :most) e ON true"
    " ORDER BY e.position"
)


def _nobody(reason: str) -> None:
    """Be told for nobody."""


def _entry(row: Row) -> Entry:
    _, _, _, position, channel, body, origin, effect = row
    encoded = None if body is None else body.encode()
    return Entry(position=position, channel=channel, body=encoded, origin=origin, effect=effect)


class Tail:
    """Where this node is in the event log.

    Args:
        pool: Where reading without a group goes.
        deliver: Gets entries in position order.
    """

    log = Logger()

    def __init__(self, pool: Pool, deliver: Callable[[Sequence[Entry]], None]) -> None:
        self._pool = pool
        self._deliver = deliver
        self._position: int | None = None
        self._fence: str | None = None
        self._lost: Callable[[str], None] = _nobody
        self._sealed = False
        self._reading = self._unread = False

    def fence(self, node: str | None, lost: Callable[[str], None] | None) -> None:
        """Refuse to read on once `node` is no longer among the nodes, see :class:`assa.storage.Store`."""
        self._fence, self._lost = node, lost or _nobody

    # --- a group's view ---

    async def seal(self, ask: Callable[..., Awaitable[Sequence[Row]]]) -> tuple[int, int]:
        """Deliver what was committed before a group; return the newest position and the number of nodes.

        Args:
            ask: Runs a statement in the group's transaction, which keeps others from committing.

        Raises:
            Unavailable: This node has been given up, or the log has gone back.
        """
        while True:
            asked = self._position
            rows = await ask(_NEW, **self._values())
            self._sealed = True
            self._check(rows[0], asked)
            self._take_in(rows)
            if len(rows) < _ROWS:
                self._position = rows[0][0]
                return rows[0][0], rows[0][1]

    def unseal(self, position: int | None = None) -> None:
        """Take note that a group has ended, and of the last position that it committed."""
        self._sealed = False
        if position is not None:
            self._position = position

    # --- without a group ---

    def wake(self) -> None:
        """Look for what other nodes have written."""
        self._unread = True
        self.go_on()

    def go_on(self) -> None:
        """Look, if somebody has asked for it and no group is under way."""
        if self._may_read() and not self._reading:
            self._reading = True
            Deferred.fromCoroutine(self._read()).addErrback(
                lambda failure: self.log.failure("reading the event log failed", failure)
            )

    def _may_read(self) -> bool:
        return self._unread and not self._sealed and self._position is not None

    async def _read(self) -> None:
        try:
            while self._may_read():
                self._unread = False
                asked = self._position
                rows = await self._pool.ask(_NEW, **self._values())
                if self._sealed:
                    self._unread = True
                    return
                self._check(rows[0], asked)
                self._take_in(rows)
                self._unread = self._unread or len(rows) == _ROWS
        except Unavailable:
            pass  # whoever asks the database for something is told; the next look is not far
        finally:
            self._reading = False

    # --- both ---

    def _values(self) -> dict[str, Value]:
        after = 2**62 if self._position is None else self._position
        return {"node": self._fence, "after": after, "most": _ROWS}

    def _check(self, row: Row, asked: int | None) -> None:
        """Raise Unavailable when this node has been given up, or when the log has gone back.

        Args:
            row: What was found.
            asked: This node's position when the database was asked; a group may have ended meanwhile.
        """
        reason = ""
        if not row[2]:
            reason = "the other nodes have given this one up"
        elif asked is not None and row[0] < asked:
            reason = "the event log has gone back: another database, or an older state of it"
        if reason:
            self._position = row[0]
            lost, self._fence, self._lost = self._lost, None, _nobody
            lost(reason)
            raise Unavailable(reason)

    def _take_in(self, rows: Sequence[Row]) -> None:
        if self._position is None:
            return
        entries = [_entry(row) for row in rows if row[3] is not None and row[3] > self._position]
        if entries:
            self._position = entries[-1].position
            self._deliver(entries)

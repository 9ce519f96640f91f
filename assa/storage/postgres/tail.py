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
from assa.storage.postgres.pool import Pool

_ROWS = 250
"""At once: an SDP has up to 128 KiB."""
FLUSH = "SELECT pg_logical_emit_message(true, 'assa', '')"
"""Waits for the disk, and for the standbys that are to be waited for, until all earlier commits are there."""
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

    Nodes that share a database commit without waiting for the disk, let the next one go on, and wait then.
    So there are events that can be read and might not survive a crash; nobody is told of them before
    somebody has waited for the disk after them.

    Args:
        pool: Where reading without a group goes.
        deliver: Gets entries in position order.
    """

    log = Logger()

    def __init__(self, pool: Pool, deliver: Callable[[Sequence[Entry]], None]) -> None:
        self._pool = pool
        self._deliver = deliver
        self._position: int | None = None
        """The newest position delivered; None before anything is known."""
        self._durable = 0
        """A position up to which everything survives a crash."""
        self._held: list[Entry] = []
        self._fence: str | None = None
        self._lost: Callable[[str], None] = _nobody
        self._sealed = False
        self._reading = self._unread = self._thorough = False

    def fence(self, node: str | None, lost: Callable[[str], None] | None) -> None:
        """Refuse to read on once `node` is no longer among the nodes, see :class:`assa.storage.Store`."""
        self._fence, self._lost = node, lost or _nobody

    def is_durable(self, position: int) -> bool:
        """Return whether everything up to a position is known to survive a crash."""
        return position <= self._durable

    # --- a group's view ---

    async def seal(self, ask: Callable[..., Awaitable[Sequence[Row]]]) -> tuple[int, int]:
        """Take in what was committed before a group; return the newest position and the number of nodes.

        Args:
            ask: Runs a statement in the group's transaction, which keeps others from committing.

        Raises:
            Unavailable: This node has been given up, or the log has gone back.
        """
        while True:
            asked = self._held[-1].position if self._held else self._position
            rows = await ask(_NEW, **self._values(asked))
            self._sealed = True
            self._check(rows[0], asked)
            self._held += self._deliver_durable(rows)
            if len(rows) < _ROWS:
                return rows[0][0], rows[0][1]

    def unseal(self, position: int | None = None) -> None:
        """Deliver what was before a group that has ended.

        Args:
            position: The newest one; everything up to it is durable now. None: the group has failed.
        """
        held, self._held, self._sealed = self._held, [], False
        if position is None:
            self._unread = self._unread or bool(held)
        else:
            self._durable = max(self._durable, position)
            if held:
                self._hand_on(held)
            self._position = position

    # --- without a group ---

    def wake(self, durable: int | None = None) -> None:
        """Look for what other nodes have written.

        Args:
            durable: The position up to which somebody says that everything is durable; None: nobody has
                said anything, so that it may be for this node to wait for the disk.
        """
        self._unread = True
        if durable is None:
            self._thorough = True
        else:
            self._durable = max(self._durable, durable)
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
                thorough, self._thorough = self._thorough, False
                asked = self._position
                rows = await self._pool.ask(_NEW, **self._values(asked))
                if thorough and rows[0][0] > self._durable:
                    await self._pool.ask(FLUSH)
                    self._durable = max(self._durable, rows[0][0])
                if self._sealed:
                    self._unread, self._thorough = True, thorough
                    return
                self._check(rows[0], asked)
                self._deliver_durable(rows)
                self._unread = self._unread or (len(rows) == _ROWS and self._position != asked)
        except Unavailable:
            pass  # whoever asks the database for something is told; the next look is not far
        finally:
            self._reading = False

    # --- both ---

    def _values(self, asked: int | None) -> dict[str, Value]:
        return {"node": self._fence, "after": 2**62 if asked is None else asked, "most": _ROWS}

    def _check(self, row: Row, asked: int | None) -> None:
        """Raise Unavailable when this node has been given up, or when the log has gone back.

        Args:
            row: What was found.
            asked: After which position was looked; a group may have ended meanwhile.
        """
        reason = ""
        if not row[2]:
            reason = "the other nodes have given this one up"
        elif asked is not None and row[0] < asked:
            reason = "the event log has gone back: another database, or an older state of it"
        if reason:
            self._position, self._durable = row[0], 0
            lost, self._fence, self._lost = self._lost, None, _nobody
            lost(reason)
            raise Unavailable(reason)

    def _hand_on(self, entries: Sequence[Entry]) -> None:
        try:
            self._deliver(entries)
        except Exception:  # noqa: BLE001 - what is in the log stays there whatever a listener does
            self.log.failure("delivery failed")

    def _deliver_durable(self, rows: Sequence[Row]) -> list[Entry]:
        """Deliver what is new and durable; return the rest."""
        if self._position is None:
            return []
        entries = [_entry(row) for row in rows if row[3] is not None and row[3] > self._position]
        # What is held comes first, whatever has become durable since.
        durable = [entry for entry in entries if self.is_durable(entry.position) and not self._held]
        if durable:
            self._position = durable[-1].position
            self._hand_on(durable)
        return entries[len(durable) :]

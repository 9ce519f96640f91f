"""Promises 1 and 3 on several nodes: what a node hears of the others, whatever happens in which order."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from assa.storage import Unavailable
from assa.storage.postgres import tail
from assa.storage.postgres.tail import FLUSH, Tail
from tests.postgres import require_postgres

FEW = st.integers(1, 6)
PAGE = 2


class Database:
    """Committed events of all nodes, of which the last may be lost in a crash."""

    def __init__(self) -> None:
        self.head = self.durable = 0

    def rows(self, after: int, most: int, head: int) -> list[tuple[Any, ...]]:
        """Return what the tail's query found when `head` was the newest position."""
        found = range(after + 1, head + 1)[:most]
        empty = (head, 2, True, None, None, None, None, None)
        return [(head, 2, True, one, "room:1", "{}", None, None) for one in found] or [empty]


class Pool:
    """Answers when it is told to, from any moment since it was asked."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.waiting: list[tuple[Deferred[Any], int, dict[str, Any] | None]] = []
        self.is_away = False

    def ask(self, sql: str, /, **values: Any) -> Deferred[Any]:
        """Ask."""
        if self.is_away:
            return fail(Unavailable("away"))
        asked: Deferred[Any] = Deferred()
        self.waiting.append((asked, self.database.head, None if sql == FLUSH else values))
        return asked

    def answer(self, *, late: bool) -> None:
        """Answer the oldest question, as things are now, or were when it was asked."""
        asked, head, values = self.waiting.pop(0)
        head = self.database.head if late else head
        if values is None:
            self.database.durable = max(self.database.durable, head)
        asked.callback(values and self.database.rows(values["after"], values["most"], head))


class Interleavings(RuleBasedStateMachine):
    """Groups of this node and of others, rings and looks, in any order."""

    others_may_commit = precondition(lambda self: self.group in ("", "asking", "committed"))

    def __init__(self) -> None:
        super().__init__()
        self.database = Database()
        self.pool = Pool(self.database)
        self.delivered: list[int] = []
        self.tail: Any = Tail(self.pool, self._deliver)  # type: ignore[arg-type]  # a fake pool
        self.group = ""  # how far this node's group is: asking, reading, begun, committed
        self.pages: list[tuple[Deferred[Any], dict[str, Any]]] = []
        self.own = range(0)
        self.begin()
        self.page()
        self.commit(0)
        self.finish()

    def _deliver(self, entries: Any) -> None:
        self.delivered += [entry.position for entry in entries]
        assert self.delivered[-1] <= self.database.durable, "told of what a crash can undo"

    def _ask(self, _: str, /, **values: Any) -> Deferred[Any]:
        asked: Deferred[Any] = Deferred()
        self.pages.append((asked, values))
        return asked

    def _begun(self, found: tuple[int, int]) -> None:
        assert found[0] == self.database.head
        self.group = "begun"

    # --- other nodes ---

    @others_may_commit
    @rule(count=FEW)
    def others_commit(self, count):
        """Let another node commit: it can be read and is not durable."""
        self.database.head += count

    @rule(rings=st.booleans())
    def others_flush(self, rings):
        """Let another node wait for the disk, and perhaps say how far all is durable."""
        self.database.durable = self.database.head
        if rings:
            self.tail.wake(self.database.durable)

    # --- this node ---

    @rule(own=st.integers(0, 3), fails=st.integers(0, 9))
    def take_a_step(self, own, fails):
        """Take this node's group a step further: begin, have the lock and read, commit, end."""
        if self.group and not fails:
            self.fail()
        elif self.pages:
            self.page()
        elif self.group == "begun":
            self.commit(own)
        elif self.group:
            self.finish()
        else:
            self.begin()

    def begin(self):
        """Ask for the lock."""
        self.group = "asking"
        asking = Deferred.fromCoroutine(self.tail.seal(self._ask))
        asking.addCallback(self._begun)

    def page(self):
        """Get the lock, with the first of what there is to read, or read on."""
        self.group = "reading"
        asked, values = self.pages.pop()
        asked.callback(self.database.rows(values["after"], values["most"], self.database.head))

    def commit(self, own):
        """Commit, and free the lock."""
        self.own = range(self.database.head + 1, self.database.head + own + 1)
        self.database.head += own
        self.until = self.database.head
        self.group = "committed"

    def finish(self):
        """Have waited for the disk."""
        self.database.durable = max(self.database.durable, self.until)
        self.group = ""
        self.tail.unseal(self.until)
        self.delivered += self.own
        self.tail.go_on()

    def fail(self):
        """Fail; when the group had committed, its events are others' from now on."""
        self.group = ""
        self.pages.clear()
        self.tail.unseal(None)
        self.tail.go_on()

    @rule(away=st.integers(0, 9))
    def look(self, away):
        """Look when it is time to, whoever has rung; now and then the database is away."""
        self.pool.is_away = not away
        self.tail.wake()

    @precondition(lambda self: self.pool.waiting)
    @rule(late=st.booleans())
    def answer(self, late):
        """Let the database answer a reader."""
        self.pool.answer(late=late)

    # --- what always holds ---

    @invariant()
    def in_order(self):
        """Deliver everything in order, nothing twice, leaving nothing out."""
        assert self.delivered == list(range(1, len(self.delivered) + 1))

    def teardown(self):
        """Have delivered everything in the end."""
        self.pool.is_away = False
        if self.group:
            self.fail()
        self.tail.wake()
        while self.pool.waiting:
            self.pool.answer(late=True)
        assert len(self.delivered) == self.database.head


class TailTests(SynchronousTestCase):
    def setUp(self):
        """Read in small parts, so that there are many; the module needs the drivers."""
        require_postgres()
        self.patch(tail, "_ROWS", PAGE)

    def test_interleavings(self):
        """Delivered is what is durable, in order, once, all of it; whatever the order of things."""
        run_state_machine_as_test(Interleavings, settings=settings(max_examples=200, stateful_step_count=60))

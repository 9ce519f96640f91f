"""Design sections 5 and 6: what every store promises, whatever database is behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import DeferredList, gatherResults
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from assa.actions.messages import Sending, _send
from assa.actions.rooms import _create, _join
from assa.errors import Code, Refused
from assa.protocol import CreateRoom, SendMessage
from assa.storage import Entry, Transaction, Unavailable, events, nodes, users
from tests.storage.drivers import NOW_MS, Driver, PostgresDriver, ThreadDriver, TurnDriver

ORIGIN = "a session"


async def make_notes(tx: Transaction) -> None:
    """Create the table that the queries of these tests work with."""
    await tx.execute("CREATE TABLE notes (note BIGINT PRIMARY KEY, text TEXT)")


async def note(tx: Transaction, number: int, text: str = "") -> int:
    """Write a note, which must not be there yet, and return how many there are."""
    await tx.insert("notes", [{"note": number, "text": text}])
    return len(await notes(tx))


async def notes(tx: Transaction) -> list[int]:
    """Return the numbers of the notes."""
    return [row[0] for row in await tx.all("SELECT note FROM notes ORDER BY note")]


async def note_and_refuse(tx: Transaction, number: int, wrong: Exception) -> None:
    """Write a note and an event, then find out that it is not to be."""
    await note(tx, number)
    await publish(tx, "room:1")
    raise wrong


async def publish(tx: Transaction, channel: str, count: int = 1) -> list[int]:
    """Write events and return their positions."""
    first = await tx.reserve(count)
    entries = [Entry(position=first + place, channel=channel, body=b"{}") for place in range(count)]
    await events.append(tx, entries, NOW_MS)
    return [entry.position for entry in entries]


async def head(tx: Transaction) -> tuple[int, int]:
    """Return the newest position, and the number of events up to it that can be read."""
    position, _ = await events.bounds(tx)
    row = await tx.first("SELECT count(*) FROM events WHERE position <= :position", position=position)
    return position, row[0]


async def note_all(tx: Transaction, numbers: Sequence[int]) -> list[int | Refused]:
    """Write notes together; a negative one is refused, 13 breaks the whole query."""
    if 13 in numbers:
        await tx.execute("INSERT INTO nowhere VALUES (13)")
    found: list[int | Refused] = []
    for number in numbers:
        if number < 0:
            found.append(Refused(Code.CONFLICT, "negative"))
        else:
            await note(tx, number)
            found.append(len(numbers))
    return found


class ContractMixin:
    """The contract; a TestCase with `make_driver` runs it."""

    make_driver: Callable[[], Driver]

    async def setUp(self):
        """Have a store with a table of our own."""
        self.driver = self.make_driver()
        self.addCleanup(self.driver.end)
        await self.driver.begin()
        self.store = self.driver.store
        await self.done(self.store.run(make_notes))

    def done(self, result):
        """Return a result once it is there."""
        return self.driver.wait(result)

    async def outcomes(self, results):
        """Return what became of queries: values, or the exceptions."""
        found = await self.done(DeferredList(results, consumeErrors=True))
        return [value if good else value.value for good, value in found]

    async def notes(self):
        """Return the notes that are there."""
        return await self.done(self.store.run(notes))

    # --- one query ---

    async def test_result(self):
        """A query's result is what it returned; arguments come by place and by name."""
        self.assertEqual(await self.done(self.store.run(note, 5, text="x")), 1)
        self.assertEqual(await self.notes(), [5])

    async def test_transaction(self):
        """A transaction reads rows, the first one, the number of changes; inserting nothing is nothing."""

        async def all_of_it(tx: Transaction) -> list[Any]:
            await tx.insert("notes", [])
            await tx.insert("notes", [{"note": one, "text": "a"} for one in (3, 1, 2)])
            changed = await tx.execute("UPDATE notes SET text = :text WHERE note > :least", text="b", least=1)
            first = await tx.first("SELECT note, text FROM notes WHERE note = :note", note=2)
            missing = await tx.first("SELECT note FROM notes WHERE note = :note", note=9)
            returned = await tx.first("UPDATE notes SET text = NULL WHERE note = 1 RETURNING note, text")
            rows = await tx.all("SELECT note, text FROM notes ORDER BY note")
            return [changed, first, missing, returned, rows]

        found = await self.done(self.store.run(all_of_it))
        rows = [(1, None), (2, "b"), (3, "b")]
        self.assertEqual([found[0], *map(tuple, found[1:2]), found[2]], [2, (2, "b"), None])
        self.assertEqual((tuple(found[3]), [tuple(row) for row in found[4]]), ((1, None), rows))

    async def test_values(self):
        """Texts of any script and numbers up to 64 bits come back as they were."""

        async def back(tx: Transaction, number: int, text: str | None) -> list[Any]:
            await tx.insert("notes", [{"note": number, "text": text}])
            return await tx.all("SELECT note, text FROM notes WHERE note = :note", note=number)

        for number, text in (
            (2**63 - 1, "가\U0001f600"),
            (-(2**63), ""),
            (0, None),
            (1, "'\";--\\ :note %s {}"),
        ):
            (row,) = await self.done(self.store.run(back, number, text))
            self.assertEqual(tuple(row), (number, text))

    async def test_rollback(self):
        """What a query did before it raised is undone: a refusal, a defect, a broken statement."""
        for wrong in (Refused(Code.ROOM_FULL, "x"), ValueError("x"), KeyError("x")):
            (found,) = await self.outcomes([self.store.run(note_and_refuse, 1, wrong)])
            self.assertIs(found, wrong)
        (found,) = await self.outcomes([self.store.run(note, 5, no_such=1)])
        self.assertIsInstance(found, TypeError)
        self.assertEqual(await self.notes(), [])
        self.assertEqual(await self.done(self.store.run(head)), (0, 0))
        self.assertEqual(self.driver.delivered, [])

    async def test_defects_quote_no_values(self):
        """What is wrong with a statement goes into the log; the texts that are in it do not."""
        secret = "비밀 이야기"

        async def broken(tx: Transaction, sql: str) -> None:
            await tx.execute(sql, text=secret)

        for sql in (
            "INSERT INTO notes (note, text) VALUES (1, :text) WHERE",
            "INSERT INTO no_such_table (note, text) VALUES (1, :text)",
            "INSERT INTO members (room_id, user_id, joined_at) VALUES (NULL, NULL, :text)",
            (
                "INSERT INTO messages (message_id, room_id, user_id, message_type, content, created_at)"
                " VALUES (1, 1, 1, NULL, :text, 1)"
            ),
        ):
            alone = self.store.run(broken, sql)
            [found] = await self.outcomes([alone])
            together = await self.outcomes([self.store.run(broken, sql), self.store.run(notes)])
            for wrong in (found, together[0]):
                self.assertIsInstance(wrong, Exception)
                self.assertNotIn(secret, Failure(wrong).getTraceback() + repr(wrong), sql)

    async def test_awaits_something_else(self):
        """A query that waits for anything but its transaction is a defect, and is undone."""

        async def waits(tx: Transaction) -> None:
            await note(tx, 1)
            await self.store.run(notes)

        (found,) = await self.outcomes([self.store.run(waits)])
        self.assertIsInstance(found, RuntimeError)
        self.assertEqual(await self.notes(), [])

    # --- the queue ---

    async def test_first_in_first_out(self):
        """Queries run in the order in which they came, and their results come in it."""
        order: list[int] = []
        results = [self.store.run(note, number) for number in range(100, 0, -1)]
        for number, result in enumerate(results):
            result.addCallback(lambda count, number=number: order.append(number) or count)
        self.assertEqual(await self.done(gatherResults(results)), list(range(1, 101)))
        self.assertEqual(order, list(range(100)))

    async def test_asked_while_answering(self):
        """A query that is asked for in the moment of another's result comes after all that waited before."""
        order: list[str] = []
        first = self.store.run(note, 1)
        later = self.store.run(note, 2).addCallback(lambda _: order.append("waited"))

        def ask_more(_):
            return self.store.run(note, 3).addCallback(lambda _: order.append("asked"))

        first.addCallback(ask_more)
        await self.done(gatherResults([first, later]))
        self.assertEqual(order, ["waited", "asked"])

    async def test_group_commit(self):
        """What waits is committed together: a hundred queries at once are a few commits."""
        before = self.driver.commits()
        await self.done(gatherResults([self.store.run(note, number) for number in range(100)]))
        self.assertLessEqual(self.driver.commits() - before, self.driver.few)
        await self.done(self.store.run(note, 100))
        self.assertLessEqual(self.driver.commits() - before, self.driver.few + 1)

    async def test_failure_in_a_group(self):
        """A query that fails takes nothing of the others in its group with it."""
        first = self.store.run(note, 1)
        broken = [
            self.store.run(note_and_refuse, 50, Refused(Code.CONFLICT, "x")),
            self.store.run(note, 1),
            self.store.run(note_and_refuse, 60, ValueError("x")),
        ]
        good = [self.store.run(note, number) for number in (2, 3)]
        found = await self.outcomes([first, *broken, *good])
        self.assertEqual([found[0], *found[4:]], [1, 2, 3])
        self.assertEqual([type(one) for one in found[1:4]][::2], [Refused, ValueError])
        self.assertIsInstance(found[2], Exception)
        self.assertEqual(await self.notes(), [1, 2, 3])

    # --- batches ---

    async def test_batch(self):
        """Neighbours of one batch query are one call of it, each with its own result."""
        found = await self.outcomes([self.store.batch(note_all, number) for number in (1, 2, -3, 4)])
        self.assertEqual(found[0], found[1])
        self.assertGreaterEqual(found[3], 3)
        self.assertIsInstance(found[2], Refused)
        self.assertEqual(await self.notes(), [1, 2, 4])

    async def test_batch_with_one_bad_item(self):
        """When the query fails as a whole, each item is tried alone: the bad one fails alone."""
        found = await self.outcomes([self.store.batch(note_all, number) for number in (1, 13, -2, 3, 3)])
        self.assertEqual((found[0], found[3]), (1, 1))
        self.assertIsInstance(found[1], Exception)
        self.assertIsInstance(found[2], Refused)
        self.assertIsInstance(found[4], Exception)
        self.assertEqual(await self.notes(), [1, 3])

    async def test_batch_keeps_its_place(self):
        """Other queries between two items part them: the order stays."""
        results = [
            self.store.batch(note_all, 1),
            self.store.run(notes),
            self.store.batch(note_all, 2),
            self.store.batch(note_all, 3),
            self.store.run(notes),
        ]
        found = await self.outcomes(results)
        self.assertEqual((found[1], found[4]), ([1], [1, 2, 3]))

    async def test_batch_has_an_end(self):
        """A job that cannot be cut has so many items and no more: others wait meanwhile."""
        found = await self.outcomes([self.store.batch(note_all, number) for number in range(100, 400)])
        self.assertEqual(set(found), {256, 44})

    async def test_join_again(self):
        """A node whose joining went through while the answer was lost may join again."""
        for _ in range(2):
            await self.done(self.store.run(nodes.join, "a node", NOW_MS))
        self.assertEqual(await self.done(self.store.run(nodes.renew, "a node")), {"a node": 1})

    # --- the event log ---

    async def test_staged(self):
        """Entries are delivered after the commit and before the query's result, in position order."""
        seen: list[tuple[int, list[int]]] = []
        results = []
        for number in range(20):
            result = self.store.run(publish, "room:1", 1 + number % 3)
            result.addCallback(lambda positions: seen.append((positions[-1], self.positions())))
            results.append(result)
        await self.done(gatherResults(results))
        for last, delivered in seen:
            self.assertEqual(delivered[-1], last)
        self.assertEqual(self.positions(), sorted(set(self.positions())))
        self.assertEqual(len(self.positions()), sum(1 + number % 3 for number in range(20)))

    def positions(self):
        """Return the positions delivered so far."""
        return [entry.position for entry in self.driver.delivered]

    async def test_nothing_staged_of_the_failed(self):
        """Of a query that fails, nothing is delivered, and its positions do not count."""
        results = [
            self.store.run(publish, "room:1"),
            self.store.run(note_and_refuse, 1, ValueError("x")),
            self.store.run(publish, "room:2", 2),
        ]
        await self.outcomes(results)
        self.assertEqual([entry.channel for entry in self.driver.delivered], ["room:1", "room:2", "room:2"])
        self.assertEqual(await self.done(self.store.run(head)), (self.positions()[-1], 3))

    async def test_no_gap(self):
        """Who reads at position p sees everything up to p, and has been told all of it, and no more."""
        checks = []
        for number in range(60):
            if number % 4 == 3:
                result = self.store.run(head)
                result.addCallback(lambda found: checks.append((found, self.positions())))
            elif number % 7 == 6:
                result = self.store.run(note_and_refuse, 1, Refused(Code.CONFLICT, "x"))
                result.addErrback(lambda failure: failure.trap(Refused))
            else:
                result = self.store.run(publish, f"room:{number}", 1 + number % 2)
        await self.done(self.store.run(notes))
        self.assertEqual(len(checks), 15)
        for (position, readable), delivered in checks:
            self.assertEqual((position, readable), (delivered[-1], len(delivered)))

    async def test_listener_with_a_defect(self):
        """A delivery that fails is logged; the commit stands and the result comes."""

        def broken(entries: Any) -> None:
            if entries:
                raise ZeroDivisionError

        self.store._deliver = broken
        self.assertEqual(len(await self.done(self.store.run(publish, "room:1"))), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(await self.done(self.store.run(head)), (1, 1))

    # --- what the server does with it ---

    async def room(self, places: int) -> int:
        """Return an open room for so many, its host in it."""
        request = CreateRoom(name="방", is_open=True, max_participants=places)
        return (await self.done(self.store.run(_create, 1, request, NOW_MS))).room_id

    async def test_joins(self):
        """Of 300 who join a room for 50 at once, 50 are in it (design 5)."""
        room_id = await self.room(50)
        found = await self.outcomes([self.store.run(_join, room_id, user, NOW_MS) for user in range(2, 302)])
        refused = [one for one in found if isinstance(one, Refused)]
        self.assertEqual((len(refused), {one.code for one in refused}), (251, {Code.ROOM_FULL}))
        counts = [one.room_info.participants_count for one in found if not isinstance(one, Refused)]
        self.assertEqual(counts, list(range(2, 51)))

        async def members(tx: Transaction) -> Any:
            row = await tx.first("SELECT members FROM rooms WHERE room_id = :id", id=room_id)
            return row[0], len(await tx.all("SELECT 1 FROM members WHERE room_id = :id", id=room_id))

        self.assertEqual(await self.done(self.store.run(members)), (50, 50))

    def sending(self, room_id: int, content: str, client_message_id: str | None = None) -> Sending:
        """Return a message on its way."""
        request = SendMessage(
            room_id=room_id, content=content, message_type="text", client_message_id=client_message_id
        )
        return Sending(request=request, user_id=1, session_id=ORIGIN, now_ms=NOW_MS, wrong=None)

    async def test_idempotency(self):
        """Equal client_message_ids are stored once, inside one group too; other content is refused."""
        room_id = await self.room(50)
        before = len(self.driver.delivered)
        contents = ["a", "a", "b", "a"]
        for _ in range(2):
            sendings = [self.sending(room_id, content, "c1") for content in contents]
            first, *others = await self.outcomes([self.store.batch(_send, one) for one in sendings])
            self.assertEqual([type(one) for one in others][1], Refused)
            self.assertEqual(others[1].code, Code.CONFLICT)
            for other in (others[0], others[2]):
                self.assertEqual((other.message_id, other.duplicate), (first.message_id, True))
        self.assertEqual(len(self.driver.delivered) - before, 1)

    async def test_positions(self):
        """Message ids grow strictly, and every message is delivered at its own position, in order."""
        room_id = await self.room(50)
        del self.driver.delivered[:]
        results = []
        for number in range(100):
            wrong = number % 10 == 9
            results.append(self.store.batch(_send, self.sending(room_id + wrong, str(number))))
        found = await self.outcomes(results)
        ids = [one.message_id for one in found if not isinstance(one, Refused)]
        self.assertEqual(len(ids), 90)
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual(self.positions(), ids)
        self.assertEqual({entry.origin for entry in self.driver.delivered}, {ORIGIN})

    # --- trouble and the end ---

    async def test_full_disk(self):
        """A full disk is Unavailable, nothing of it is stored or told; later all is well again."""

        async def write_much(tx: Transaction, number: int) -> None:
            await note(tx, number, "x" * 100_000)
            await publish(tx, "room:1")

        await self.done(self.store.run(note, 1))
        await self.driver.fill_disk()
        found = await self.outcomes([self.store.run(write_much, number) for number in (2, 3)])
        self.assertEqual([type(one) for one in found], [Unavailable, Unavailable])
        self.assertEqual((await self.notes(), self.driver.delivered), ([1], []))
        await self.driver.free_disk()
        await self.done(self.store.run(write_much, 2))
        self.assertEqual((await self.notes(), len(self.driver.delivered)), ([1, 2], 1))

    async def test_full_disk_in_a_batch(self):
        """Likewise for a batch: each of its items is told."""

        async def write_all(tx: Transaction, texts: Sequence[int]) -> list[int]:
            await tx.insert("notes", [{"note": one, "text": "x" * 100_000} for one in texts])
            return list(texts)

        await self.driver.fill_disk()
        found = await self.outcomes([self.store.batch(write_all, number) for number in (2, 3)])
        self.assertEqual([type(one) for one in found], [Unavailable, Unavailable])
        await self.driver.free_disk()
        self.assertEqual(await self.done(self.store.batch(write_all, 4)), 4)

    async def test_close(self):
        """Closing finishes what is queued; after it everything is Unavailable."""
        results = [self.store.run(note, number) for number in range(50)]
        results += [self.store.batch(note_all, number) for number in range(50, 60)]
        counted = gatherResults(results)
        closed = self.store.close()
        (late,) = await self.outcomes([self.store.run(note, 99)])
        self.assertIsInstance(late, Unavailable)
        await self.done(closed)
        self.assertEqual(len(self.successResultOf(counted)), 60)
        found = await self.outcomes([self.store.run(notes), self.store.batch(note_all, 97)])
        self.assertEqual([type(one) for one in found], [Unavailable, Unavailable])

    async def test_batch_while_closing(self):
        """Once it is closing, a store takes no more, also not together with what is queued."""
        queued = self.store.batch(note_all, 1)
        closed = self.store.close()
        found = await self.outcomes([queued, self.store.batch(note_all, 2)])
        await self.done(closed)
        self.assertEqual(found[0], 1)
        self.assertIsInstance(found[1], Unavailable)

    async def test_close_twice(self):
        """Closing a closed store is nothing."""
        await self.done(self.store.close())
        await self.done(self.store.close())

    async def test_names(self):
        """The users' queries, as one for all: what a token says is kept, and never replaced by nothing."""

        async def remember(tx: Transaction, nickname: str | None) -> bool:
            return await users.remember(tx, 7, nickname=nickname, profile_image=None, now_ms=NOW_MS)

        for nickname in ("mina", None):
            self.assertTrue(await self.done(self.store.run(remember, nickname)))
            self.assertEqual(
                await self.done(self.store.run(users.nicknames, [7, 8])), {7: "mina", 8: "사용자8"}
            )
        await self.done(self.store.run(users.set_active, 7, active=False, now_ms=NOW_MS))
        self.assertFalse(await self.done(self.store.run(remember, "x")))


class SqliteThreadTests(ContractMixin, TestCase):
    """SQLite in a file, commits in a thread, on the real reactor."""

    make_driver = ThreadDriver


class SqliteTurnTests(ContractMixin, TestCase):
    """SQLite in memory on a fake clock, as the tests of the server have it."""

    make_driver = TurnDriver


class PostgresTests(ContractMixin, TestCase):
    """PostgreSQL, on the real reactor."""

    make_driver = PostgresDriver
    timeout = 20

"""Design section 6: the queries of the event log."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import TestCase

from assa.storage import Entry, events
from tests.storage.drivers import Driver, PostgresDriver, TurnDriver

DAY_MS = 86_400_000


async def write(tx, channels, at_ms, **more):
    """Write an event for each channel and return the last position."""
    first = await tx.reserve(len(channels))
    entries = [
        Entry(position=first + place, channel=channel, **({"body": b'{"a":1}'} | more))
        for place, channel in enumerate(channels)
    ]
    await events.write(tx, entries, at_ms)
    return entries[-1].position


class EventsMixin:
    """The tests; a TestCase with `make_driver` runs them."""

    make_driver: Callable[[], Driver]

    async def setUp(self):
        """Have an empty log."""
        self.driver = self.make_driver()
        self.addCleanup(self.driver.end)
        await self.driver.begin()

    def run_query(self, query, *args, **options):
        """Return the result of a query."""
        return self.driver.wait(self.driver.store.run(query, *args, **options))

    async def after(self, channels, origin=None, limit=1_000):
        """Return the positions of the events after what each channel has been read up to."""
        found = await self.run_query(events.after, channels, origin=origin, limit=limit)
        return [entry.position for entry in found]

    async def test_after(self):
        """The events of some channels, each after its own position, oldest first (section 4)."""
        await self.run_query(write, ["room:1", "room:2", "room:1", "user:1", "room:3", "room:2"], 0)
        self.assertEqual(await self.after({"room:1": 0, "room:2": 2, "user:1": 0}), [1, 3, 4, 6])
        self.assertEqual(await self.after({"room:1": 3}), [])
        self.assertEqual(await self.after({"room:1": 0}, limit=1), [1])

    async def test_many_channels(self):
        """A user of a thousand rooms can resume."""
        await self.run_query(write, [f"room:{number}" for number in range(1_000)], 0)
        self.assertEqual(len(await self.after({f"room:{number}": 0 for number in range(1_000)})), 1_000)

    async def test_origin(self):
        """What the resuming session caused itself is left out, other sessions' is not (section 4)."""
        await self.run_query(write, ["room:1"], 0, origin="mine")
        await self.run_query(write, ["room:1"], 0, origin="other")
        await self.run_query(write, ["room:1"], 0)
        self.assertEqual(await self.after({"room:1": 0}, origin="mine"), [2, 3])
        self.assertEqual(await self.after({"room:1": 0}), [1, 2, 3])

    async def test_effects(self):
        """Effects alone are nothing to replay."""
        await self.run_query(write, ["room:1"], 0, body=None, effect="+user:1")
        self.assertEqual(await self.after({"room:1": 0}), [])

    async def test_body(self):
        """An event comes back as it was written, in any script."""
        await self.run_query(write, ["room:1"], 0, body='{"a":"가\U0001f600"}'.encode())
        (entry,) = await self.run_query(events.after, {"room:1": 0}, origin=None, limit=5)
        self.assertEqual(entry.body, '{"a":"가\U0001f600"}'.encode())

    async def test_trim(self):
        """Events over their retention go, oldest first and a part at a time; how far is known."""
        for day in range(10):
            await self.run_query(write, ["room:1"] * 3, day * DAY_MS)
        self.assertEqual(await self.run_query(events.bounds), (30, 0))
        self.assertEqual(await self.run_query(events.trim, before_ms=4 * DAY_MS, limit=5), 5)
        self.assertEqual(await self.run_query(events.bounds), (30, 5))
        self.assertEqual(await self.run_query(events.trim, before_ms=4 * DAY_MS, limit=100), 7)
        self.assertEqual(await self.run_query(events.trim, before_ms=4 * DAY_MS, limit=100), 0)
        self.assertEqual(await self.run_query(events.bounds), (30, 12))
        self.assertEqual(await self.after({"room:1": 0}), list(range(13, 31)))

    async def test_trim_nothing(self):
        """An empty log has nothing to trim."""
        self.assertEqual(await self.run_query(events.trim, before_ms=DAY_MS, limit=5), 0)
        self.assertEqual(await self.run_query(events.bounds), (0, 0))

    async def test_trim_sessions(self):
        """What was for one session goes early; the others' events stay, and how far the log goes back too."""
        await self.run_query(write, ["session:a", "room:1", "session:b", "all", "user:1", "video:1"], 0)
        await self.run_query(write, ["session:a"], DAY_MS)
        self.assertEqual(await self.run_query(events.trim_sessions, before_ms=DAY_MS, limit=1), 1)
        self.assertEqual(await self.run_query(events.trim_sessions, before_ms=DAY_MS, limit=9), 1)
        self.assertEqual(await self.run_query(events.bounds), (7, 0))
        channels = ["session:a", "session:b", "room:1", "all", "user:1", "video:1"]
        self.assertEqual(await self.after(dict.fromkeys(channels, 0)), [2, 4, 5, 6, 7])

    async def test_trimmed_to_the_end(self):
        """Positions go on where they were when everything has been trimmed."""
        await self.run_query(write, ["room:1"] * 3, 0)
        await self.run_query(events.trim, before_ms=DAY_MS, limit=100)
        self.assertEqual(await self.run_query(events.bounds), (3, 3))
        self.assertEqual(await self.run_query(write, ["room:1"], DAY_MS), 4)


class SqliteEventTests(EventsMixin, TestCase):
    make_driver = TurnDriver


class PostgresEventTests(EventsMixin, TestCase):
    make_driver = PostgresDriver

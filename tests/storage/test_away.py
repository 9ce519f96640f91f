"""A database that goes away or is slow, and counts that do not grow dearer: promises 1 and 4."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from time import monotonic

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assa.actions import ALL
from assa.node import Node
from assa.rates import RateLimits
from assa.storage import Transaction
from tests.storage.databases import SqliteDatabase
from tests.world import Client, World, code_of


def go_away(world: World) -> None:
    """Have the database refuse every change, like one whose disk has become read-only."""
    world.database.go_away()


def come_back(world: World) -> None:
    """Have the database take changes again."""
    world.database.come_back()


class AwayTests(SynchronousTestCase):
    """What happens while the database is away is made up for when it is back."""

    def test_lost_meanwhile(self):
        """A connection lost meanwhile is offline then; its seat is given up (sections 6.1 and 10.3)."""
        world = World()
        mina, jun = world.connected(1), world.connected(2)
        room_id = world.room(mina, jun)
        world.call(room_id, mina, jun)
        closed = mina.ask("CREATE_ROOM", {"name": "방"})["data"]["room_id"]
        go_away(world)
        jun.drop()
        world.pass_time(5, alive=[mina])
        self.assertEqual(world.query("SELECT count(*) FROM sessions WHERE node IS NOT NULL"), [(2,)])
        come_back(world)
        world.pass_time(2, alive=[mina])
        invited = mina.ask("INVITE", {"room_id": closed, "invited_user_ids": [2]})["data"]["invited_users"]
        self.assertEqual(invited[0]["status"], "offline")
        self.assertEqual(world.query("SELECT count(*) FROM participants"), [(2,)])
        world.pass_time(62, alive=[mina])
        self.assertEqual(world.query("SELECT user_id FROM participants"), [(1,)])
        self.assertEqual(mina.heard("PARTICIPANT_LEFT")["data"]["user_id"], 2)
        again = world.connected(2)
        self.assertEqual(again.heard("INVITATION_RECEIVED")["data"]["room_id"], closed)

    def test_resumed_meanwhile(self):
        """Who has come back by then stays online."""
        world = World()
        jun = world.connected(2)
        go_away(world)
        jun.drop()
        world.pass_time(2.5)
        come_back(world)
        again = world.resumed(jun)
        world.pass_time(70, alive=[again])
        self.assertEqual(world.query("SELECT count(*) FROM sessions WHERE node IS NOT NULL"), [(1,)])
        self.assertFalse(again.closed)

    def test_start(self):
        """A node that starts without it has its timers, and takes over what was left once it is back."""
        world = World(limits={"ping_interval_s": 10.0})
        world.connected(1)
        go_away(world)
        services = evolve(world.node.services, node="later")
        node = Node(
            services=services,
            actions=ALL,
            hub=world.hub,
            clock=world.clock,
            monotonic=world.clock.seconds,
            rate_limits=RateLimits(),
        )
        world.serve(node)
        started = Deferred.fromCoroutine(node.start())
        idle = world.client()
        world.pass_time(11)
        idle.heard("PING")
        world.pass_time(20)
        self.assertEqual(code_of(idle.heard("ERROR")), "CONNECT_TIMEOUT")
        self.assertNoResult(started)
        self.assertEqual(world.query("SELECT count(*) FROM sessions WHERE node IS NOT NULL"), [(1,)])
        come_back(world)
        early = world.client()
        for _ in range(5):  # a try that fails for no fault of the client's does not count (section 3)
            self.assertEqual(code_of(early.connect(world.token(2))), "SERVICE_UNAVAILABLE")
        world.pass_time(2)
        self.successResultOf(started)
        self.assertTrue(early.connect(world.token(2))["success"])
        self.assertEqual(
            world.query("SELECT user_id, node FROM sessions ORDER BY user_id"), [(1, None), (2, "later")]
        )
        world.pass_time(62, alive=[early])
        self.assertEqual(world.query("SELECT user_id FROM sessions"), [(2,)])

    def test_broken(self):
        """A file that is no database any more: SERVICE_UNAVAILABLE at once, and the store can be closed."""
        path = Path(self.mktemp())
        world = World(database=SqliteDatabase(str(path)))  # whatever the others run on
        mina = world.connected(1)
        room_id = world.room(mina)
        other = sqlite3.connect(path)
        other.execute("UPDATE counters SET value = value")
        other.commit()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        with path.open("r+b") as file:
            file.write(b"\xff" * 4_096)
        data = {"room_id": room_id, "content": "안녕", "message_type": "text"}
        for _ in range(3):
            answer = mina.ask("SEND_MESSAGE", data)
            self.assertEqual(code_of(answer), "SERVICE_UNAVAILABLE")
            self.assertEqual(answer["data"]["retry_after_ms"], 1_000)
        mina.drop()
        closed = world.store.close()
        world.turn()
        self.successResultOf(closed)
        self.assertEqual(self.flushLoggedErrors(sqlite3.ProgrammingError), [])


class SlowTests(SynchronousTestCase):
    """Queries that take long."""

    def test_cut(self):
        """A group ends when it has taken long; the rest follows in order, and others are served between."""
        world = World()
        done: list[object] = []

        async def burn(tx: Transaction, number: int) -> int:
            until = monotonic() + 0.03
            while monotonic() < until:
                await tx.execute("UPDATE counters SET value = value")
            done.append(number)
            return number

        world.database.trace(lambda statement: done.append(statement) if statement == "COMMIT" else None)
        results = [world.store.run(burn, number) for number in range(3)]
        for result in results:
            result.addCallback(lambda number: done.append(f"answer {number}"))
        world.turn(30)
        expected = [[number, "COMMIT", f"answer {number}"] for number in range(3)]
        self.assertEqual(done, [one for part in expected for one in part])

    def test_cut_before_close(self):
        """What was put off is carried out before the store closes."""
        world = World()
        done: list[int] = []

        async def burn(tx: Transaction, number: int) -> None:
            until = monotonic() + 0.03
            while monotonic() < until:
                await tx.all("SELECT 1")
            done.append(number)

        for number in range(3):
            world.store.run(burn, number)
        closed = world.store.close()
        world.turn(30)
        self.successResultOf(closed)
        self.assertEqual(done, [0, 1, 2])


class UnreadTests(SynchronousTestCase):
    """Section 5: unread counts, and what they cost."""

    def setUp(self):
        """Have a room of two."""
        self.world = World()
        self.mina, self.jun = self.world.connected(1), self.world.connected(2)
        self.room_id = self.world.room(self.mina, self.jun)

    def sent(self, user_id: int, count: int) -> int:
        """Have a user send many messages at once, without the words on the wire; return the last one."""
        self.world.query(
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n <"  # noqa: S608
            f" {count}) INSERT INTO messages"
            " (message_id, room_id, user_id, message_type, content, created_at)"
            f" SELECT (SELECT position FROM log_head) + n, {self.room_id}, {user_id}, 'text', 'x', 0 FROM c"
        )
        self.world.query(f"UPDATE log_head SET position = position + {count}")  # noqa: S608
        return int(self.world.query("SELECT position FROM log_head")[0][0])

    def unread(self) -> int:
        """Return what LIST_ROOMS tells mina."""
        return int(self.mina.ask("LIST_ROOMS")["data"]["rooms"][0]["unread_messages"])

    def check(self, *message_ids: int) -> list[int]:
        """Confirm messages as mina and return the ids of those that still wait."""
        answer = self.mina.ask("CHECK_RECEIVE", {"room_id": self.room_id, "message_ids": list(message_ids)})
        return [one["message_id"] for one in answer["data"]["pending_messages"]]

    def connect(self) -> int:
        """Return what CONNECT tells mina."""
        again: Client = self.world.connected(1)
        return int(again.welcome["data"]["reconnection_info"]["unread_messages"])

    def through(self) -> int:
        """Return up to where mina's room need not be looked at."""
        return int(self.world.query("SELECT confirmed_through FROM members WHERE user_id = 1")[0][0])

    def test_most(self):
        """At most 10,000 are counted in a room."""
        self.sent(2, 9_999)
        self.assertEqual((self.unread(), self.connect()), (9_999, 9_999))
        self.sent(2, 501)
        self.assertEqual((self.unread(), self.connect()), (10_000, 10_000))

    def test_own_in_a_row(self):
        """Thousands of one's own are looked at once; what others say later counts, and is confirmed."""
        for look in (self.unread, self.connect, self.check, partial(self.mina.ask, "LIST_ROOMS")):
            newest = self.sent(1, 1_500)
            look()
            self.assertEqual(self.through(), newest)
            self.assertEqual(self.unread(), 0)
            said = [self.jun.say(self.room_id, "안녕")["message_id"] for _ in range(3)]
            self.assertEqual((self.unread(), self.connect()), (3, 3))
            self.assertEqual(self.check(said[1]), [said[0], said[2]])
            self.assertEqual(self.check(said[1], said[2]), [said[0]])
            self.assertEqual(self.check(said[0]), [])
            self.assertEqual((self.unread(), self.connect()), (0, 0))

    def test_own_after_others(self):
        """What waits before one's own goes on waiting, and can be confirmed."""
        said = [self.jun.say(self.room_id, "안녕")["message_id"] for _ in range(2)]
        self.assertEqual(self.check(said[1]), [said[0]])
        newest = self.sent(1, 1_500)
        self.assertEqual((self.unread(), self.connect(), self.check()), (1, 1, [said[0]]))
        self.jun.all()
        self.assertEqual(self.check(*said), [])
        heard = self.jun.heard("MESSAGE_RECEIVED")
        self.assertEqual(heard["data"]["message_ids"], [said[0]])
        self.assertEqual((self.unread(), self.through()), (0, newest))
        self.check(*said)
        self.assertEqual(self.jun.all(), [])

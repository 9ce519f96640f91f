"""Announcements, the heartbeat's messages and the shutdown: protocol section 9 (§8)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assa.service import farewell
from tests.world import World

NEWS = {
    "title": "서버 점검 안내",
    "message": "오늘 밤 12시부터",
    "priority": "high",
    "announcement_type": "maintenance",
}


class AnnouncementTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina has two devices, jun one; ops has the scope admin."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.tablet = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.ops = self.world.connected(9, "ops", scope="chat admin")

    def test_everybody_hears_it(self) -> None:
        """SERVER_ANNOUNCEMENT goes to every connected client; the admin gets the number of recipients."""
        stranger = self.world.client()
        answer = self.ops.ask("SERVER_ANNOUNCEMENT", NEWS)
        self.assertEqual(answer["action"], "SERVER_ANNOUNCEMENT_RESPONSE")
        self.assertEqual(answer["data"], {"recipients": 4})
        for one in (self.mina, self.tablet, self.jun, self.ops):
            self.assertEqual(one.heard("SERVER_ANNOUNCEMENT")["data"], NEWS)
        self.assertEqual(stranger.actions(), [])

    def test_recipients_are_connections(self) -> None:
        """Who has dropped is no recipient, and hears it on resuming."""
        self.jun.drop()
        self.assertEqual(self.ops.ask("SERVER_ANNOUNCEMENT", NEWS)["data"], {"recipients": 3})
        self.assertEqual(self.world.resumed(self.jun).actions(), ["SERVER_ANNOUNCEMENT"])

    def test_admins_only(self) -> None:
        """Without the scope: PERMISSION_DENIED; a scope is a word of its own."""
        almost = self.world.connected(3, "sora", scope="administrator not-admin")
        for one in (self.jun, almost):
            self.assertEqual(one.refused("SERVER_ANNOUNCEMENT", NEWS), "PERMISSION_DENIED")
        self.assertEqual(self.mina.actions(), [])

    def test_renewal_brings_and_takes_the_scope(self) -> None:
        """The scope is that of the newest token."""
        self.assertTrue(self.jun.connect(self.world.token(2, scope="admin"))["success"])
        self.assertTrue(self.jun.ask("SERVER_ANNOUNCEMENT", NEWS)["success"])
        self.assertTrue(self.ops.connect(self.world.token(9))["success"])
        self.assertEqual(self.ops.refused("SERVER_ANNOUNCEMENT", NEWS), "PERMISSION_DENIED")

    def test_priority(self) -> None:
        """`priority` is low, normal or high."""
        for good in ("low", "normal", "high"):
            self.ops.ask("SERVER_ANNOUNCEMENT", NEWS | {"priority": good})
            self.assertEqual(self.jun.heard("SERVER_ANNOUNCEMENT")["data"]["priority"], good)
        for bad in ("urgent", "", 1):
            asked = NEWS | {"priority": bad}
            self.assertEqual(self.ops.refused("SERVER_ANNOUNCEMENT", asked), "INVALID_MESSAGE", bad)


class PingTests(SynchronousTestCase):
    def test_client_may_ask(self) -> None:
        """The client may send PING and gets PONG with its `seq_id`, before CONNECT too (section 3)."""
        world = World()
        for one in (world.client(), world.connected(1, "mina")):
            answer = one.ask("PING", seq_id="life")
            self.assertEqual(set(answer), {"action", "timestamp", "seq_id"})
            self.assertEqual((answer["action"], answer["seq_id"]), ("PONG", "life"))

    def test_pong_has_no_answer(self) -> None:
        """PONG is answered by nothing, wanted or not (section 2)."""
        world = World()
        for one in (world.client(), world.connected(1, "mina")):
            one.tell("PONG", seq_id="never-asked")
            self.assertEqual(one.actions(), [])

    def test_ping_is_no_position(self) -> None:
        """The `seq_id` of a PING is in no log and looks like no position (section 2)."""
        world = World()
        mina = world.connected(1, "mina")
        world.pass_time(31)
        self.assertNotEqual(mina.heard("PING")["seq_id"][0], "e")


class ShutdownTests(SynchronousTestCase):
    """On SIGTERM (the process itself is tested in tests/integration)."""

    def setUp(self) -> None:
        """Mina, jun and sora are connected; yuna has not sent CONNECT."""
        self.world = World(path=self.mktemp())
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.sora = self.world.connected(3, "sora")
        self.yuna = self.world.client()
        self.room_id = self.world.room(self.mina, self.jun)

    def shut_down(self) -> Deferred[None]:
        """Begin to shut down."""
        down = Deferred.fromCoroutine(self.world.node.shutdown(farewell))
        self.world.turn()
        return down

    def test_everybody_is_told(self) -> None:
        """`announcement_type` shutdown, `reconnect_after_ms` different for each; then a close."""
        down = self.shut_down()
        self.world.pass_time(1)
        self.successResultOf(down)
        waits = []
        for one in (self.mina, self.jun, self.sora):
            told = one.heard("SERVER_ANNOUNCEMENT")
            self.assertNotEqual(told["seq_id"][0], "e")
            self.assertEqual(told["data"]["announcement_type"], "shutdown")
            waits.append(told["data"]["reconnect_after_ms"])
            self.assertTrue(one.closed)
        self.assertEqual(len(set(waits)), 3)
        self.assertTrue(all(type(one) is int and one > 0 for one in waits), waits)
        self.assertTrue(self.yuna.closed)

    def test_requests_in_flight_are_finished(self) -> None:
        """What was asked before is answered before the close, and durable."""
        self.world.hold_database()
        said = {"room_id": self.room_id, "content": "마지막", "message_type": "text"}
        seq_id = self.mina.tell("SEND_MESSAGE", said)
        down = self.shut_down()
        self.world.pass_time(1)
        self.assertNoResult(down)
        self.assertFalse(self.mina.closed)
        self.world.release_database()
        self.world.pass_time(1)
        self.successResultOf(down)
        self.assertTrue(self.mina.answer(seq_id)["success"])
        self.assertTrue(self.mina.closed)

    def test_within_10_s(self) -> None:
        """A request that never ends does not hold it up."""
        self.world.hold_database()
        self.mina.tell("LIST_ROOMS", {})
        down = self.shut_down()
        self.world.pass_time(10)
        self.successResultOf(down)
        self.assertTrue(self.mina.closed)

    def test_resumable(self) -> None:
        """Connections are closed resumably: the next process takes the session up where it was."""
        self.mina.say(self.room_id, "하나")
        self.jun.all()
        down = self.shut_down()
        self.world.pass_time(1)
        self.successResultOf(down)
        self.world.crash()
        after = World(path=self.world.path, start_s=self.world.clock.seconds() + 5)
        jun = after.resumed(self.jun)
        info = jun.welcome["data"]["reconnection_info"]
        self.assertEqual((info["resumed"], info["replayed_events"]), (True, 0))
        self.assertEqual(jun.session_id, self.jun.session_id)
        self.assertEqual(jun.actions(), [])

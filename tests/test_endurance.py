"""Promise 4: what one client, or a database that goes away, costs the others is bounded."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from assa.rates import RateLimits
from tests.test_tcp import PING, go_on_reading, reactor_turn, stop_reading
from tests.world import UNLIMITED, World, code_of


class ClientTests(SynchronousTestCase):
    """What a client sends, and what it does not read."""

    def test_blank_lines(self):
        """Blank lines are ignored, but they take turns like others: 64 at a time (section 1)."""
        world = World(front="tcp")
        flood, jun = world.client(), world.connected(2)
        flood.protocol.dataReceived(b"\n" * 65_536 + PING)
        (seq_id,) = jun.begin(jun.request("LIST_ROOMS"))
        for _ in range(1_024):
            self.assertEqual(flood.transport.value(), b"")
            reactor_turn(world)
        self.assertTrue(jun.answer(seq_id)["success"])
        world.turn()
        self.assertEqual(flood.actions(), ["PONG"])

    def test_large_answers(self):
        """Who does not read is not sent page after page; all come, in order, once it reads."""
        world = World()
        mina, jun = world.connected(1), world.connected(2)
        room_id = world.room(mina, jun)
        for number in range(3):
            mina.say(room_id, str(number))
        jun.all()
        asked: list[str] = []
        world.database.trace(asked.append)
        write = jun.transport.write

        def full(data: bytes) -> None:
            write(data)
            stop_reading(jun)  # as a transport does when the kernel takes no more

        jun.transport.write = full
        requests = [jun.request("GET_MESSAGES", {"room_id": room_id, "limit": 1}) for _ in range(12)]
        seq_ids = jun.begin(*requests)
        for number in range(1, 13):
            world.turn(30)
            pages = sum("FROM messages" in one for one in asked)
            self.assertLessEqual(pages, number + 1)
            go_on_reading(jun)
        world.turn(30)
        go_on_reading(jun)
        self.assertEqual([one["seq_id"] for one in jun.all()], seq_ids)

    def test_displaced_socket_that_does_not_read(self):
        """Room for a newer socket is made within moments, read or not (section 10)."""
        world = World(limits={"unauthenticated_connections": 2})
        first, _second = world.client(), world.client()
        stop_reading(first)
        third = world.client()
        self.assertFalse(first.lost)  # a StringTransport never gets rid of its bytes
        world.pass_time(3)
        self.assertTrue(first.lost)
        self.assertEqual(len(world.factory.connections), 2)
        self.assertTrue(third.connect(world.token(3))["success"])


class ConnectTests(SynchronousTestCase):
    """CONNECT and what comes with it."""

    def test_invitations_in_parts(self):
        """At most 100 invitations that waited come with one CONNECT, the oldest first (section 6)."""
        world = World()
        mina = world.connected(1)
        data = {"name": "방", "invited_user_ids": [2]}
        rooms = [mina.ask("CREATE_ROOM", data)["data"]["room_id"] for _ in range(250)]
        jun = world.connected(2)
        heard, counts = [], []
        for _ in range(4):
            events = [one["data"]["room_id"] for one in jun.all() if one["action"] == "INVITATION_RECEIVED"]
            counts.append(len(events))
            heard += events
            jun.drop()
            jun = world.resumed(jun)
        self.assertEqual(counts, [100, 100, 50, 0])
        self.assertEqual(heard, rooms)

    def test_too_many_connects(self):
        """A user who connects again and again gets RATE_LIMITED; others do not notice (section 3)."""
        world = World(rate_limits=evolve(UNLIMITED, others=1.0, others_burst=20.0))
        token = world.token(1)
        answers = [world.client().connect(token) for _ in range(22)]
        self.assertEqual([one["success"] for one in answers], [True] * 20 + [False] * 2)
        self.assertEqual(code_of(answers[-1]), "RATE_LIMITED")
        wait_ms = answers[-1]["data"]["retry_after_ms"]
        self.assertGreater(wait_ms, 0)
        world.connected(2)
        world.pass_time(wait_ms / 1000)
        self.assertTrue(world.client().connect(token)["success"])

    def test_default_rate(self):
        """By default a user's 100 CONNECTs at once are taken, the next one is not."""
        world = World(rate_limits=RateLimits())
        token = world.token(1)
        answers = [world.client().connect(token)["success"] for _ in range(101)]
        self.assertEqual(answers, [True] * 100 + [False])

    def test_expiry_keeps_up(self):
        """Sessions end as fast as they can be made: 500 a second (section 10.3)."""
        world = World()
        world.query(
            "INSERT INTO sessions (session_id, user_id, attachment, connected_at, dropped_at)"
            " WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)"
            " SELECT 's' || n, n, 1, 0, 0 FROM c"
        )
        world.pass_time(5)
        self.assertEqual(world.query("SELECT count(*) FROM sessions"), [(0,)])

    def test_disconnect_after_resume(self):
        """DISCONNECT of an old connection leaves a session that another has resumed (section 3.2)."""
        world = World()
        mina, jun = world.connected(1), world.connected(2)
        room_id = world.room(mina, jun)
        world.call(room_id, jun, mina)
        again = world.client()
        again.begin(again.request("CONNECT", {"jwt_token": mina.token}, session_id=mina.session_id))
        mina.begin(mina.request("DISCONNECT", {"reason": "user_logout"}))
        world.turn()
        self.assertTrue(again.heard("CONNECT_RESPONSE")["success"])
        self.assertTrue(mina.closed)
        self.assertFalse(again.closed)
        world.pass_time(70, alive=[again, jun])
        self.assertEqual(world.query("SELECT user_id FROM participants ORDER BY user_id"), [(1,), (2,)])
        asked = {"room_id": world.room(jun), "invited_user_ids": [1]}
        self.assertEqual(jun.ask("INVITE", asked)["data"]["invited_users"][0]["status"], "invited")
        self.assertEqual(again.heard("INVITATION_RECEIVED")["data"]["room_id"], asked["room_id"])

    def test_places_of_failed_connects(self):
        """A CONNECT that fails leaves the place of the one behind it alone: the limit holds (section 10)."""
        world = World(limits={"connections": 2})
        world.connected(5).drop()
        world.query("UPDATE users SET active = 0 WHERE user_id = 5")
        outcomes = []
        for number in range(5):
            client = world.client()
            tokens = (world.token(5), world.token(6 + number))
            client.begin(*(client.request("CONNECT", {"jwt_token": one}) for one in tokens))
            world.turn()
            outcomes.append([one.get("error_code") for one in client.all()])
            online = world.query("SELECT count(*) FROM sessions WHERE node IS NOT NULL")[0][0]
            self.assertLessEqual(online, 2)
        self.assertEqual(outcomes, [["AUTH_FAILED", None]] * 2 + [["SERVER_FULL"]] * 3)

    def test_replay_of_many_rooms(self):
        """What was missed in 150 rooms comes complete and in order (section 10.3)."""
        world = World()
        mina, jun = world.connected(1), world.connected(2)
        rooms = [world.room(mina, jun) for _ in range(150)]
        jun.all()
        jun.drop()
        order = [*rooms[::-2], *rooms[::3], *rooms[1::7]]
        said = [mina.say(room_id, "안녕")["message_id"] for room_id in order]
        jun = world.resumed(jun)
        info = jun.welcome["data"]["reconnection_info"]
        self.assertEqual((info["resumed"], info["replayed_events"]), (True, len(said)))
        events = [one for one in jun.all() if one["action"] == "NEW_MESSAGE"]
        self.assertEqual([one["data"]["message_id"] for one in events], said)
        self.assertEqual([one["data"]["room_id"] for one in events], order)
        few = World(limits={"replay_events": len(rooms) - 1})
        mina, jun = few.connected(1), few.connected(2)
        rooms = [few.room(mina, jun) for _ in rooms]
        jun.all()
        jun.drop()
        for room_id in rooms:
            mina.say(room_id, "안녕")
        self.assertFalse(few.resumed(jun).welcome["data"]["reconnection_info"]["resumed"])

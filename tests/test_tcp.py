"""Protocol section 1 and design section 7: the TCP front, what it reads in a turn and how it closes."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.world import Client, World, codes

PING = b'{"action":"PING","timestamp":"2024-01-01T12:00:00Z","seq_id":"p"}\n'
LINES_A_TURN = 64


def line(action: str, seq_id: str, **data) -> bytes:
    """Return a request as it goes over the wire."""
    message = {"action": action, "timestamp": "2024-01-01T12:00:00Z", "seq_id": seq_id, "data": data}
    return json.dumps(message).encode() + b"\n"


def reactor_turn(world: World) -> None:
    """Do what a reactor does in one turn: `Clock.advance` goes on with what is put off to the next one."""
    due = [call for call in world.clock.calls if call.getTime() <= world.clock.seconds()]
    for call in due:
        if call.active():
            world.clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


def stop_reading(client: Client) -> None:
    """Have the transport find out that a client does not read."""
    client.transport.producer.pauseProducing()


def go_on_reading(client: Client) -> None:
    """Have the transport find out that a client has read what was sent."""
    client.transport.producer.resumeProducing()
    client.world.turn()


class TcpTestCase(SynchronousTestCase):
    def setUp(self):
        """Have a room of two."""
        self.begin()

    def begin(self, **limits):
        """Begin with other limits."""
        self.world = World(limits=limits, front="tcp")
        self.mina, self.jun = self.world.connected(1, "mina"), self.world.connected(2, "jun")
        self.room_id = self.mina.ask("CREATE_ROOM", {"name": "방", "is_open": True})["data"]["room_id"]
        self.jun.ask("JOIN_ROOM", {"room_id": self.room_id})
        for client in (self.mina, self.jun):
            client.all()

    def sending(self, seq_id: str, content: str = "안녕") -> bytes:
        """Return a SEND_MESSAGE."""
        return line("SEND_MESSAGE", seq_id, room_id=self.room_id, content=content, message_type="text")

    def writes(self, client: Client) -> list[bytes]:
        """Return the list in which what is written to a client from now on is kept apart."""
        found: list[bytes] = []
        write = client.transport.write

        def counted(data: bytes) -> None:
            found.append(data)
            write(data)

        client.transport.write = counted
        return found


class WriteTests(TcpTestCase):
    def test_one_write_a_turn(self):
        """What a turn has for a client, answers and events, is one write (design 7)."""
        to_mina, to_jun = self.writes(self.mina), self.writes(self.jun)
        self.mina.protocol.dataReceived(b"".join(self.sending(f"m{number}") for number in range(10)))
        self.jun.protocol.dataReceived(b"".join(self.sending(f"j{number}") for number in range(5)))
        for turns in range(1, 10):
            reactor_turn(self.world)
            self.assertLessEqual(max(len(to_mina), len(to_jun)), turns)
        for written in (to_mina, to_jun):
            self.assertEqual(b"".join(written).count(b"\n"), 15)
            self.assertLessEqual(len(written), 2)  # the first message, and those that waited for it
        self.assertEqual(
            [one["seq_id"] for one in self.mina.all() if "success" in one], [f"m{n}" for n in range(10)]
        )

    def test_answer_and_replay(self):
        """CONNECT_RESPONSE and the events that follow it are one write (section 4)."""
        self.jun.drop()
        for number in range(5):
            self.mina.send_bytes(self.sending(f"m{number}"))
        again = self.world.client()
        to_jun = self.writes(again)
        info = again.connect(
            self.world.token(2), session_id=self.jun.session_id, last_seq_id=self.jun.last_seq_id
        )["data"]["reconnection_info"]
        self.assertEqual((info["resumed"], info["replayed_events"], len(to_jun)), (True, 5, 1))
        self.assertEqual(again.actions(), ["NEW_MESSAGE"] * 5)

    def test_order_of_answers(self):
        """Answers come in the order of the requests, whatever each of them needs (section 2)."""
        requests = [
            self.sending("0"),
            PING.replace(b'"p"', b'"1"'),
            line("ROOM_INFO", "2", room_id=self.room_id),
            line("NONSENSE", "3"),
            self.sending("4"),
            line("ROOM_INFO", "5", room_id=0),
            line("CONNECT", "6", jwt_token=self.world.token(1)),
            line("LIST_ROOMS", "7"),
        ]
        self.mina.send_bytes(b"".join(requests))
        self.assertEqual([one["seq_id"] for one in self.mina.all()], [str(number) for number in range(8)])


class ReadTests(TcpTestCase):
    def test_turns(self):
        """Of one client at most 64 lines are looked at before the others have their turn (design 7)."""
        client = self.world.client()
        client.protocol.dataReceived(PING * 640)
        counts, heard = [], 0
        for _ in range(20):
            reactor_turn(self.world)
            now = client.transport.value().count(b"\n")
            counts.append(now - heard)
            heard = now
        self.assertEqual(counts, [LINES_A_TURN] * 10 + [0] * 10)

    def test_others_are_served(self):
        """While one client floods, another is answered within a few turns (promise 4)."""
        flood = self.world.client()
        flood.protocol.dataReceived(PING * 900)
        self.jun.protocol.dataReceived(self.sending("q"))
        for _ in range(4):
            reactor_turn(self.world)
        self.assertEqual(self.jun.answer("q")["success"], True)
        self.assertLessEqual(flood.transport.value().count(b"\n"), 4 * LINES_A_TURN)

    def test_flood_of_connected(self):
        """A thousand lines in one chunk are answered one by one, each once, in order."""
        self.mina.protocol.dataReceived(
            b"".join(PING.replace(b'"p"', b'"%d"' % number) for number in range(1_000))
        )
        self.world.turn(60)
        self.assertEqual([one["seq_id"] for one in self.mina.all()], [str(number) for number in range(1_000)])
        self.assertEqual(self.mina.transport.producerState, "producing")

    def test_window(self):
        """Reading pauses while 16 requests wait for the database, and goes on after (design 4)."""
        self.mina.protocol.dataReceived(b"".join(self.sending(f"m{number}") for number in range(40)))
        self.assertEqual(self.mina.transport.producerState, "paused")
        self.assertEqual(len(self.mina.protocol._session._requests), 16)
        self.world.turn(30)
        self.assertEqual(self.mina.transport.producerState, "producing")
        self.assertEqual([one["seq_id"] for one in self.mina.all()], [f"m{number}" for number in range(40)])
        self.assertEqual(self.world.query("SELECT count(*) FROM messages"), [(40,)])

    def test_not_reading(self):
        """What a client asks waits while it does not read: the answers would pile up (promise 4)."""
        stop_reading(self.jun)
        self.jun.send_bytes(b"".join(self.sending(f"m{number}") for number in range(10)))
        self.assertEqual(self.jun.transport.producerState, "paused")
        self.assertEqual(self.world.query("SELECT count(*) FROM messages"), [(0,)])
        go_on_reading(self.jun)
        self.assertEqual(self.jun.transport.producerState, "producing")
        self.assertEqual([one["seq_id"] for one in self.jun.all()], [f"m{number}" for number in range(10)])

    def test_errors_are_paid_for(self):
        """A client that produces errors without end is read more slowly (promise 4: bounded time)."""
        client = self.world.client()
        client.protocol.dataReceived(b"{\n" * 20_000)
        self.world.turn(400)
        first = len(client.all())
        self.assertTrue(1 <= first <= 200, first)
        self.world.pass_time(1)
        self.assertTrue(first < first + len(client.all()) <= 1_000)
        self.assertFalse(client.closed)


class SlowTests(TcpTestCase):
    def flood(self, count: int = 15) -> None:
        """Send messages of 1,000 characters."""
        for number in range(count):
            self.mina.send_bytes(self.sending(f"m{number}", "x" * 1_000))

    def test_slow_consumer(self):
        """Past the limit: SLOW_CONSUMER, a close, and what it missed after resuming (section 10)."""
        self.begin(outgoing_bytes=10_000)
        stop_reading(self.jun)
        to_jun = self.writes(self.jun)
        self.flood()
        self.assertEqual(codes(self.jun.all()), ["SLOW_CONSUMER"])
        self.assertEqual((len(to_jun), self.jun.closed), (1, True))
        self.assertEqual(self.jun.protocol._outgoing._parts, [])
        self.world.pass_time(3)
        again = self.world.client()
        info = again.connect(
            self.world.token(2), session_id=self.jun.session_id, last_seq_id=self.jun.last_seq_id
        )["data"]["reconnection_info"]
        self.assertEqual((info["resumed"], info["replayed_events"]), (True, 15))
        self.assertEqual(again.actions(), ["NEW_MESSAGE"] * 15)

    def test_others_do_not_notice(self):
        """The sender and the other readers go on (promise 4)."""
        self.begin(outgoing_bytes=10_000)
        tablet = self.world.connected(2)
        stop_reading(self.jun)
        self.flood()
        self.assertEqual(tablet.actions(), ["NEW_MESSAGE"] * 15)
        self.assertEqual(set(codes(self.mina.all())), {None})

    def test_below_the_limit(self):
        """A client that reads again in time has missed nothing."""
        self.begin(outgoing_bytes=50_000)
        stop_reading(self.jun)
        self.flood()
        self.assertEqual(self.jun.all(), [])
        go_on_reading(self.jun)
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"] * 15)

    def test_large_answers(self):
        """An answer larger than the limit does not trip it: the client asked for it."""
        self.begin(outgoing_bytes=10_000)
        self.flood(20)
        self.jun.all()
        self.jun.protocol.dataReceived(line("GET_MESSAGES", "g", room_id=self.room_id))
        stop_reading(self.jun)
        self.world.turn()
        self.flood(1)
        self.assertFalse(self.jun.closed)
        go_on_reading(self.jun)
        self.assertEqual(len(self.jun.answer("g")["data"]["messages"]), 20)
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"])


class LengthTests(TcpTestCase):
    def test_before_connect(self):
        """Until CONNECT has succeeded a line has 16 KiB (section 1)."""
        client = self.world.client()
        client.send_bytes(b" " * 16_000 + PING)
        self.assertEqual(client.actions(), ["PONG"])
        client.send_bytes(b" " * 16_384 + PING)
        (error,) = client.all()
        self.assertEqual((error["error_code"], error["seq_id"]), ("MESSAGE_TOO_LONG", None))
        self.assertEqual(error["data"]["original_action"], None)
        self.assertTrue(client.connect(self.world.token(3))["success"])

    def test_after_connect(self):
        """Then 1 MiB, and an over-long line is answered once and the next one works (section 1)."""
        self.mina.send_bytes(b" " * (1_048_576 - len(PING) + 1) + PING)
        self.assertEqual(self.mina.actions(), ["PONG"])
        self.mina.send_bytes(b" " * (1_048_577 - len(PING) + 1) + PING + PING)
        found = self.mina.all()
        self.assertEqual([one["action"] for one in found], ["ERROR", "PONG"])
        self.assertEqual(codes(found), ["MESSAGE_TOO_LONG", None])

    def test_pipelined_after_connect(self):
        """What follows CONNECT in the same chunk has the new limit already (sections 1 and 2)."""
        client = self.world.client()
        connect = line("CONNECT", "c", jwt_token=self.world.token(3))
        client.send_bytes(connect + b" " * 100_000 + PING)
        self.assertEqual(client.actions(), ["CONNECT_RESPONSE", "PONG"])

    def test_endless(self):
        """Past 4 MiB in one line the connection is closed (section 1)."""
        for number in range(66):
            self.assertFalse(self.mina.closed, number)
            self.mina.send_bytes(b"x" * 65_536)
            if number == 16:
                self.assertEqual(codes(self.mina.all()), ["MESSAGE_TOO_LONG"])
            if self.mina.closed:
                break
        self.assertTrue(self.mina.closed)
        self.assertEqual(self.mina.all(), [])
        self.assertFalse(self.jun.closed)

    @settings(max_examples=20)
    @given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
    def test_any_chunks(self, sizes):
        """A conversation is the same however its bytes are cut (section 1)."""
        self.begin()
        data = b"".join(
            [self.sending("a"), b"\r\n", PING, b"{\n", line("LIST_ROOMS", "b"), self.sending("c")]
        )
        for size in sizes:
            self.mina.send_bytes(data[:size])
            data = data[size:]
        self.mina.send_bytes(data)
        self.assertEqual([one["seq_id"] for one in self.mina.all()], ["a", "p", None, "b", "c"])
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"] * 2)


class CloseTests(TcpTestCase):
    def test_linger(self):
        """The last line is sent, then the client has 2 s to read it before the connection is cut."""
        self.mina.ask("DISCONNECT", {"reason": "user_logout"})
        self.assertTrue(self.mina.transport.disconnecting)
        self.world.pass_time(1.9)
        self.assertFalse(self.mina.lost)
        self.world.pass_time(0.2)
        self.assertTrue(self.mina.lost)

    def test_closes_himself(self):
        """A client that closes meanwhile leaves no timer behind."""
        before = len(self.world.clock.getDelayedCalls())
        self.mina.ask("DISCONNECT", {"reason": "user_logout"})
        self.mina.drop()
        self.assertEqual(len(self.world.clock.getDelayedCalls()), before)

    def test_lost_with_lines_waiting(self):
        """Lines that wait for their turn when the connection is lost are thrown away, without a word."""
        client = self.world.client()
        client.protocol.dataReceived(PING * 200)
        client.drop()
        self.world.turn(20)
        self.assertLessEqual(client.transport.value().count(b"\n"), LINES_A_TURN)
        self.assertNotIn(client.protocol, self.world.factory.connections)

    def test_nothing_after_the_end(self):
        """What still comes while a connection closes is thrown away (section 3: closing accepts nothing)."""
        self.mina.ask("DISCONNECT", {"reason": "user_logout"})
        self.mina.send_bytes(self.sending("late") + b"x" * 5_000_000)
        self.assertEqual(self.mina.all(), [])
        self.assertEqual(self.world.query("SELECT count(*) FROM messages"), [(0,)])
        self.assertEqual(len(self.mina.protocol._incoming._bytes), 0)

    def test_no_events_after_the_end(self):
        """Who is closing hears no events any more."""
        self.jun.ask("DISCONNECT", {"reason": "user_logout"})
        self.mina.send_bytes(self.sending("m"))
        self.assertEqual(self.jun.all(), [])

    def test_pipelined_disconnect(self):
        """What follows DISCONNECT in the same chunk is not carried out."""
        self.mina.send_bytes(self.sending("a") + line("DISCONNECT", "b", reason="x") + self.sending("c"))
        self.assertEqual([one["seq_id"] for one in self.mina.all()], ["a", "b"])
        self.assertEqual(self.world.query("SELECT count(*) FROM messages"), [(1,)])

    def test_connections(self):
        """The factory knows the open connections."""
        self.assertEqual(self.world.factory.connections, {self.mina.protocol, self.jun.protocol})
        self.mina.drop()
        self.assertEqual(self.world.factory.connections, {self.jun.protocol})

    def test_not_reading_at_the_end(self):
        """A client that does not read is closed as well, what waited goes out first."""
        stop_reading(self.jun)
        self.mina.send_bytes(self.sending("m"))
        self.world.connected(2).connect(self.world.token(2), session_id=self.jun.session_id)
        third = self.world.client()
        third.connect(self.world.token(2), session_id=self.jun.session_id)
        self.assertEqual([one["action"] for one in self.jun.all()], ["NEW_MESSAGE", "ERROR"])
        self.assertTrue(self.jun.closed)

"""Protocol section 1: the WebSocket front, from its handshake to the reasons for which it closes."""

from __future__ import annotations

import gc
import hashlib
import weakref
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from assa.errors import Code, Refused
from assa.http.addresses import Origins, Proxies
from assa.parts import farewell
from assa.rates import RateLimits
from tests.fronts import ACCEPT, Raw, WebSocketFront, make_site, masked, text, upgrade
from tests.test_tcp import go_on_reading, reactor_turn, stop_reading
from tests.test_websocket_frames import CLOSE, CONT, TEXT, WS_PING, ping
from tests.web import Connection, Response
from tests.world import Client, World, code_of, codes

FRAMES_A_TURN = 64


class HandshakeTests(SynchronousTestCase):
    def setUp(self):
        """Have a server."""
        self.world = World()

    def raw(self, **headers: Any) -> Raw:
        """Open a WebSocket with these headers."""
        return Raw(self.world.site, self.world.turn, **headers)

    def answer(self, request: bytes, **options: Any) -> Response:
        """Return the answer to a handshake that is refused."""
        site = make_site(self.world.factory.connections, self.world.clock, **options)
        connection = Connection(site)
        connection.send(request)
        self.world.turn()
        self.assertEqual(len(self.world.factory.connections), 0)
        return connection.response()

    def test_answer(self):
        """101 with the key's answer and our subprotocol, and nothing compressed (RFC 6455, section 4.2.2)."""
        raw = self.raw(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
        status, *headers = raw.head.decode().split("\r\n")
        self.assertEqual(status, "HTTP/1.1 101 Switching Protocols")
        named = dict(header.split(": ") for header in headers)
        self.assertTrue(named.pop("Date"))
        self.assertEqual(
            named,
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Accept": ACCEPT,
                "Sec-WebSocket-Protocol": "assa.v1",
            },
        )

    def test_subprotocol(self):
        """Ours among others is chosen; none is taken for ours; only others are refused."""
        self.assertIn(b"Protocol: assa.v1\r\n", self.raw(Sec_WebSocket_Protocol="x, assa.v1").head + b"\r\n")
        self.assertNotIn(b"Protocol:", self.raw(Sec_WebSocket_Protocol=None).head)
        for raw in tuple(self.world.factory.connections):
            raw.abort()
        refused = self.answer(upgrade(Sec_WebSocket_Protocol="assa.v2, chat"))
        self.assertEqual(refused.status, 400)
        self.assertIn(b"expected the subprotocol assa.v1", refused.body)

    def test_words_in_other_cases(self):
        """`Upgrade: WebSocket` and `Connection: keep-alive, Upgrade`, as some say it."""
        for headers in ({"Upgrade": "WebSocket"}, {"Connection": "keep-alive, Upgrade"}):
            self.assertIn(b" 101 ", self.raw(**headers).head)

    def test_no_handshake(self):
        """Whoever opens /ws in a browser is told what it is for."""
        for request in (upgrade(Upgrade=None), upgrade(Connection=None), upgrade(Upgrade="h2c")):
            answer = self.answer(request)
            self.assertEqual((answer.status, answer.headers["upgrade"]), (426, "websocket"))
            self.assertIn(b"WebSocket", answer.body)

    def test_wrong_handshakes(self):
        """Each mistake has its status, and the connection goes on as HTTP."""
        good = upgrade()
        cases = [
            (good.replace(b"GET", b"POST"), 405),
            (good.replace(b"GET", b"PUT"), 405),
            (good.replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
            (upgrade(Sec_WebSocket_Version="8"), 400),
            (upgrade(Sec_WebSocket_Version=None), 400),
            (upgrade(Sec_WebSocket_Key=None), 400),
            (upgrade(Sec_WebSocket_Key="short"), 400),
            (upgrade(Sec_WebSocket_Key="*" * 24), 400),
            (upgrade(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZTEyMzQ="), 400),
            (good.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), 400),
            (upgrade(Content_Length="5") + b"hello", 400),
            (upgrade(Transfer_Encoding="chunked") + b"0\r\n\r\n", 400),
        ]
        for request, status in cases:
            answer = self.answer(request)
            self.assertEqual(answer.status, status, request)
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_draining(self):
        """A server that is about to stop takes nobody."""
        self.world.node.draining = True
        self.assertEqual(self.answer(upgrade()).status, 503)

    def test_origins(self):
        """A page of the server's own host may connect, or those that are listed, or all; programs always."""
        own, other, null = "http://chat.example.org", "https://evil.example", "null"
        cases: list[tuple[list[str], str | None, bool]] = [
            ([], None, True), ([], own, True), ([], other, False), ([], null, False), ([], "", False),
            ([], own + ":8080", False), ([], "http://chat.example.org.evil.example", False),
            ([], "HTTP://CHAT.example.org", True), ([], "x@chat.example.org", False),
            ([own], own, True), ([own], other, False), ([own], None, True), ([own], null, False),
            (["https://App.example/"], "https://app.example", True),
            (["https://app.example"], "http://app.example", False),
            (["https://app.example"], own, False), (["*"], other, True), (["*"], null, True),
        ]  # fmt: skip
        for allowed, origin, good in cases:
            if good:
                site = make_site(
                    self.world.factory.connections, self.world.clock, origins=Origins(tuple(allowed))
                )
                raw = Raw(site, self.world.turn, Origin=origin)
                self.assertIn(b" 101 ", raw.head, (allowed, origin))
                raw.drop()
            else:
                answer = self.answer(upgrade(Origin=origin), origins=Origins(tuple(allowed)))
                self.assertEqual(answer.status, 403, (allowed, origin))

    def test_right_behind(self):
        """Frames in the same chunk as the handshake, whole or half, are looked at."""
        frames = text(ping("a")) + text(ping("b"))
        for cut in range(len(frames) + 1):
            raw = Raw(self.world.site, self.world.turn, behind=frames[:cut])
            raw.send(frames[cut:])
            self.assertEqual([one["seq_id"] for one in raw.messages()], ["a", "b"], cut)
            raw.drop()

    def test_behind_a_request(self):
        """A handshake right behind another request on the same connection."""
        transport = StringTransport()
        channel = self.world.site.buildProtocol(transport.getPeer())
        channel.makeConnection(transport)
        channel.dataReceived(upgrade(Upgrade=None) + upgrade() + text(ping("a")))
        self.world.turn()
        first, second = transport.value().split(b"HTTP/1.1 ")[1:]
        self.assertEqual((first[:3], second[:3]), (b"426", b"101"))
        self.assertTrue(second.endswith(b"}"))

    def test_memory(self):
        """Nothing of HTTP is left once it is a WebSocket, without waiting for the garbage collector."""
        self.world = World(limits={"connect_timeout_s": 100})
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        requests: list[Any] = []
        made = self.world.site.requestFactory

        def make(*args: Any, **options: Any) -> Any:
            request = made(*args, **options)
            requests.append(weakref.ref(request))
            return request

        self.world.site.requestFactory = make
        raw = self.raw()
        channel = weakref.ref(raw.channel)
        raw.channel = None
        self.assertEqual((channel(), [one() for one in requests]), (None, [None]))
        self.assertEqual(self.world.site._open, {})
        self.world.pass_time(40)  # longer than HTTP may be idle
        raw.send(text(ping("still")))
        self.assertEqual(raw.messages()[-1]["seq_id"], "still")

    def test_gone(self):
        """A WebSocket that is gone leaves nothing behind either, no timer and no object."""
        before = len(self.world.clock.getDelayedCalls())
        raw = self.raw()
        protocol = weakref.ref(raw.protocol)
        raw.drop()
        raw.transport = raw.channel = None
        gc.collect()
        self.assertIsNone(protocol())
        self.assertEqual(len(self.world.clock.getDelayedCalls()), before)


class WebSocketTestCase(SynchronousTestCase):
    def setUp(self):
        """Have a room of two."""
        self.begin()

    def begin(self, **limits: Any) -> None:
        """Begin with other limits."""
        self.world = World(limits=limits, front="websocket")
        self.mina, self.jun = self.world.connected(1, "mina"), self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, self.jun)

    def sending(self, count: int, content: str = "안녕") -> list[dict[str, Any]]:
        """Return that many SEND_MESSAGEs."""
        data = {"room_id": self.room_id, "content": content, "message_type": "text"}
        return [self.mina.request("SEND_MESSAGE", data) for _ in range(count)]

    def writes(self, client: Client) -> list[bytes]:
        """Return the list in which what is written to a client from now on is kept apart."""
        found: list[bytes] = []
        write = client.transport.write

        def counted(data: bytes) -> None:
            found.append(data)
            write(data)

        client.transport.write = counted  # type: ignore[method-assign]
        return found


class CloseTests(WebSocketTestCase):
    def assertClosed(self, client: Client, code: int, reason: str) -> list[dict[str, Any]]:  # noqa: N802
        """Check how a client was closed, that it is gone once it agrees, and return what it was told."""
        told = client.all()
        closed = client.front.closed_with
        self.assertEqual((closed.code, closed.reason), (code, reason))
        self.assertTrue(client.transport.disconnecting)
        self.assertNotIn(client.protocol._session, self.world.node._connected)
        return told

    def test_disconnect(self):
        """DISCONNECT: its answer, then 1000."""
        self.mina.ask("DISCONNECT", {"reason": "user_logout"})
        self.assertClosed(self.mina, 1000, "DISCONNECT")

    def test_shutdown(self):
        """A server that stops: 1001, after the announcement."""
        done = Deferred.fromCoroutine(self.world.node.shutdown(farewell))
        self.world.turn()
        self.assertEqual(self.successResultOf(done), None)
        told = self.assertClosed(self.mina, 1001, "shutdown")
        self.assertEqual([one["action"] for one in told], ["SERVER_ANNOUNCEMENT"])

    def test_full(self):
        """A server that is full, for one who connects and for one who has not: 1013, to try again later."""
        self.begin(connections=2, unauthenticated_connections=1)
        third = self.world.client()
        self.assertEqual(code_of(third.connect(self.world.token(3))), "SERVER_FULL")
        self.assertClosed(third, 1013, "SERVER_FULL")
        third.drop()
        waiting, _ = self.world.client(), self.world.client()
        self.assertEqual(codes(self.assertClosed(waiting, 1013, "SERVER_FULL")), ["SERVER_FULL"])

    def test_unavailable(self):
        """A node that has lost its lease: 1013."""
        self.world.node.lost_lease("test")
        self.world.turn()
        told = self.assertClosed(self.mina, 1013, "SERVICE_UNAVAILABLE")
        self.assertEqual(codes(told), ["SERVICE_UNAVAILABLE"])

    def test_policy(self):
        """Any other reason is 1008, and the reason is the code of the ERROR before it."""
        replaced = self.world.connected(3, device_id="d")
        self.world.connected(3, device_id="d")
        self.assertEqual(codes(self.assertClosed(replaced, 1008, "SESSION_REPLACED")), ["SESSION_REPLACED"])
        expired = self.world.connected(4, lifetime_s=1)
        late = self.world.client()
        self.world.pass_time(31, alive=[expired, self.mina])
        self.assertEqual(codes(self.assertClosed(expired, 1008, "INVALID_TOKEN"))[-1], "INVALID_TOKEN")
        self.assertEqual(codes(self.assertClosed(late, 1008, "CONNECT_TIMEOUT"))[-1], "CONNECT_TIMEOUT")
        self.world.pass_time(60, alive=[self.mina])
        self.assertEqual(
            codes(self.assertClosed(self.jun, 1008, "HEARTBEAT_TIMEOUT"))[-1], "HEARTBEAT_TIMEOUT"
        )
        self.assertFalse(self.mina.closed)

    def test_failed_connects(self):
        """Three CONNECTs that fail: the last answer, then 1008."""
        client = self.world.client()
        for _ in range(3):
            self.assertEqual(code_of(client.connect("x")), "INVALID_TOKEN")
        self.assertClosed(client, 1008, "failed CONNECTs")

    def test_internal(self):
        """A defect of the server's is 1011."""
        self.mina.protocol._session.refuse_all(Refused(Code.INTERNAL_ERROR, "error 1"))
        self.assertEqual(codes(self.assertClosed(self.mina, 1011, "INTERNAL_ERROR")), ["INTERNAL_ERROR"])

    def test_client_closes(self):
        """A client that closes is answered with its own code, and may come back to its session."""
        self.jun.protocol.dataReceived(masked(CLOSE, (1001).to_bytes(2)))
        self.assertTrue(self.jun.closed)
        self.assertEqual((self.jun.front.closed_with.code, self.jun.transport.disconnecting), (1001, True))
        self.jun.drop()
        self.mina.say(self.room_id, "하나")
        again = self.world.resumed(self.jun)
        self.assertEqual((again.session_id, again.actions()), (self.jun.session_id, ["NEW_MESSAGE"]))

    def test_client_vanishes(self):
        """So may one that vanishes without a word."""
        self.jun.drop()
        self.mina.say(self.room_id, "하나")
        again = self.world.resumed(self.jun)
        self.assertEqual((again.session_id, again.actions()), (self.jun.session_id, ["NEW_MESSAGE"]))

    def test_client_does_not_answer(self):
        """Who does not answer the Close frame is cut off after 2 s."""
        self.jun.protocol._session.refuse_all(Refused(Code.SESSION_REPLACED, "test"))
        self.world.pass_time(1.9)
        self.assertFalse(self.jun.lost or self.jun.transport.disconnecting)
        self.world.pass_time(0.2)
        self.assertTrue(self.jun.lost)

    def test_close_behind_disconnect(self):
        """A Close frame that came together with DISCONNECT is found: nobody waits for another."""
        self.mina.feed(b"")
        disconnect = masked(TEXT, ping("x").replace(b"PING", b"DISCONNECT").replace(b"}", b', "data":{}}'))
        self.mina.protocol.dataReceived(disconnect + masked(CLOSE, (1000).to_bytes(2)))
        self.world.turn()
        self.assertTrue(self.mina.transport.disconnecting)
        self.assertEqual(self.mina.actions(), ["DISCONNECT_RESPONSE"])

    def test_nothing_after_the_end(self):
        """What comes after the server's Close frame is thrown away, and no more than looked through."""
        self.mina.protocol._session.close("test")
        for _ in range(10):
            self.mina.protocol.dataReceived(text(ping("x")) * 5_000 + masked(WS_PING))
        self.world.turn()
        self.assertEqual(self.mina.all(), [])
        self.assertEqual(len(self.mina.protocol._incoming), 0)
        self.assertFalse(self.mina.transport.disconnecting)  # the Close frame came too late
        self.assertFalse(self.jun.closed)

    def test_long_reason(self):
        """A reason has at most 123 bytes, and ends between two characters."""
        self.mina.protocol._session.close("가" * 50)
        self.assertClosed(self.mina, 1008, "가" * 41)


class FloodTests(WebSocketTestCase):
    def test_turns(self):
        """Of one client 64 frames are looked at before the others have their turn, whatever they are."""
        cases = [
            (text(ping()), ping()), (masked(WS_PING), b""), (masked(TEXT), None),
            (masked(CONT, fin=False), None), (masked(10, b"x"), None),
        ]  # fmt: skip
        for frame, _ in cases:
            raw = Raw(self.world.site, self.world.turn)
            begun = masked(TEXT, fin=False) if frame[0] == CONT else b""
            raw.protocol.dataReceived(begun + frame * 640)
            waits = [len(raw.protocol._incoming) // len(frame)]
            for _ in range(9):
                reactor_turn(self.world)
                waits.append(len(raw.protocol._incoming) // len(frame))
            expected = [640 - FRAMES_A_TURN * (turn + 1) + bool(begun) for turn in range(10)]
            self.assertEqual(waits, expected, frame)
            raw.drop()

    def test_others_are_served(self):
        """While one floods with pings, another is answered within a few turns (promise 4)."""
        flood = Raw(self.world.site, self.world.turn)
        flood.protocol.dataReceived(masked(WS_PING, b"x" * 125) * 400)
        seq_ids = self.jun.begin(self.jun.request("LIST_ROOMS", {}))
        for _ in range(4):
            reactor_turn(self.world)
        self.assertTrue(self.jun.answer(seq_ids[0])["success"])

    def test_pings_of_one_who_does_not_read(self):
        """Pings are answered no more while nobody reads the answers: they would pile up (promise 4)."""
        stop_reading(self.jun)
        for _ in range(10):
            self.jun.protocol.dataReceived(masked(WS_PING, b"x" * 125) * 300)
            self.world.turn(20)
        self.assertLessEqual(sum(map(len, self.jun.protocol._outgoing._parts)), 127 * FRAMES_A_TURN)
        self.assertEqual(self.jun.transport.producerState, "paused")

    def test_window(self):
        """Reading pauses while 16 requests wait for the database, and goes on after (design 4)."""
        asked = self.mina.begin(*self.sending(40))
        self.assertEqual(self.mina.transport.producerState, "paused")
        self.assertEqual(len(self.mina.protocol._session._requests), 16)
        self.world.turn(30)
        self.assertEqual(self.mina.transport.producerState, "producing")
        self.assertEqual([one["seq_id"] for one in self.mina.all()], asked)

    def test_errors_are_paid_for(self):
        """A client that produces errors without end is read more slowly (promise 4: bounded time)."""
        raw = Raw(self.world.site, self.world.turn)
        raw.protocol.dataReceived(text(b"{") * 5_000)
        self.world.turn(400)
        first = len(raw.messages())
        self.assertTrue(1 <= first <= 200, first)
        self.world.pass_time(1)
        self.assertTrue(0 < len(raw.messages()) <= 1_000)

    def test_heartbeat(self):
        """Ping frames are no sign of life: a browser's answer them by itself, with its page stuck or not."""
        for _ in range(10):
            self.world.pass_time(10)
            self.jun.protocol.dataReceived(masked(WS_PING))
        self.assertEqual(codes(self.jun.all())[-1], "HEARTBEAT_TIMEOUT")


class WriteTests(WebSocketTestCase):
    def test_one_write_a_turn(self):
        """What a turn has for a client, answers and events, is one write (design 7)."""
        to_mina, to_jun = self.writes(self.mina), self.writes(self.jun)
        self.mina.begin(*self.sending(10))
        for turns in range(1, 10):
            reactor_turn(self.world)
            self.assertLessEqual(max(len(to_mina), len(to_jun)), turns)
        self.assertLessEqual(max(len(to_mina), len(to_jun)), 2)
        self.assertEqual((len(self.mina.all()), len(self.jun.all())), (10, 10))

    def test_made_once(self):
        """The frame of a broadcast is made once, and the same bytes go to everybody."""
        tablets = [self.world.connected(2) for _ in range(5)]
        written = [self.writes(one) for one in (self.jun, *tablets)]
        self.mina.say(self.room_id, "하나")
        self.assertEqual([len(one) for one in written], [1] * 6)
        self.assertEqual(len({id(one[0]) for one in written}), 1)

    def test_slow_consumer(self):
        """Past the limit: what waits is dropped, SLOW_CONSUMER and 1008 follow (section 10)."""
        self.begin(outgoing_bytes=10_000)
        tablet = self.world.connected(2)
        stop_reading(self.jun)
        to_jun = self.writes(self.jun)
        for _ in range(15):
            self.mina.say(self.room_id, "x" * 1_000)
        self.assertEqual(tablet.actions(), ["NEW_MESSAGE"] * 15)
        self.assertLess(sum(map(len, to_jun)), 1_000)
        self.assertEqual(codes(self.jun.all()), ["SLOW_CONSUMER"])
        self.assertEqual(self.jun.front.closed_with.code, 1008)
        self.assertEqual(self.jun.protocol._outgoing._parts, [])
        again = self.world.resumed(self.jun)
        self.assertEqual(again.actions(), ["NEW_MESSAGE"] * 15)

    def test_reads_again(self):
        """A client that reads again in time has missed nothing."""
        stop_reading(self.jun)
        for _ in range(15):
            self.mina.say(self.room_id, "x" * 1_000)
        self.assertEqual(self.jun.all(), [])
        go_on_reading(self.jun)
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"] * 15)


class TogetherTests(SynchronousTestCase):
    """One room, two fronts."""

    def test_same_events(self):
        """A client over TCP and one over WebSocket hear the same, in the same order."""
        world = World()
        mina = world.connected(1, front="tcp")
        jun, sora = world.connected(2, front="tcp"), world.connected(3, front="websocket")
        room_id = world.room(mina, jun, sora)
        mina.say(room_id, "하나")
        mina.ask("CREATE_VIDEO_ROOM", {"chat_room_id": room_id, "video_room_name": "회의"})
        mina.ask("EXIT_ROOM", {"room_id": room_id})
        heard = jun.all()
        self.assertEqual(heard, sora.all())
        self.assertEqual([one["action"] for one in heard][:2], ["NEW_MESSAGE", "VIDEO_ROOM_CREATED"])

    def test_resume_across_fronts(self):
        """A session goes from TCP to WebSocket and back, and misses nothing (section 4)."""
        world = World()
        mina, jun = world.connected(1), world.connected(2, front="tcp")
        room_id = world.room(mina, jun)
        session_id = jun.session_id
        for number, front in enumerate(("websocket", "tcp", "websocket")):
            jun.drop()
            mina.say(room_id, str(number))
            jun = world.resumed(jun, front=front)
            self.assertEqual(jun.session_id, session_id)
            self.assertEqual([one["data"]["content"] for one in jun.all()], [str(number)])

    def test_replaced_across_fronts(self):
        """The same device on another front replaces the older connection (section 3)."""
        world = World()
        old = world.connected(1, device_id="d", front="tcp")
        new = world.connected(1, device_id="d", front="websocket")
        self.assertEqual(codes(old.all()), ["SESSION_REPLACED"])
        self.assertFalse(new.closed)


class AddressTests(SynchronousTestCase):
    def setUp(self):
        """Have a server that takes one failed CONNECT of an address, behind a proxy at 10.0.0.1."""
        limits = RateLimits(messages=0, relays=0, others=0, failed_connects=0.01, failed_connects_burst=1)
        self.world = World(rate_limits=limits)
        proxies = Proxies(["10.0.0.0/24"])
        self.site = make_site(self.world.factory.connections, self.world.clock, proxies=proxies)

    def code(self, address: str, forwarded: str) -> str:
        """Return the code of a CONNECT that fails, of a client that a proxy says is at an address."""
        raw = Raw(self.site, self.world.turn, address=address, X_Forwarded_For=forwarded)
        message = ping("c").replace(b"PING", b"CONNECT").replace(b"}", b', "data":{"jwt_token":"x"}}')
        raw.send(text(message))
        code: str = raw.messages()[0]["error_code"]
        return code

    def test_by_client(self):
        """Failed CONNECTs are counted by the client's address, not by the proxy's."""
        self.assertEqual(self.code("10.0.0.1", "192.0.2.1"), "INVALID_TOKEN")
        self.assertEqual(self.code("10.0.0.1", "192.0.2.2"), "INVALID_TOKEN")
        self.assertEqual(self.code("10.0.0.1", "192.0.2.1"), "RATE_LIMITED")
        self.assertEqual(self.code("10.0.0.1", "192.0.2.9, 192.0.2.2"), "RATE_LIMITED")

    def test_spoofed(self):
        """Who is no proxy is counted by its own address, whatever it says."""
        self.assertEqual(self.code("192.0.2.1", "198.51.100.1"), "INVALID_TOKEN")
        self.assertEqual(self.code("192.0.2.1", "198.51.100.2"), "RATE_LIMITED")
        self.assertEqual(self.code("198.51.100.1", ""), "INVALID_TOKEN")

    def test_networks(self):
        """An IPv6 client behind the proxy has a whole /64 to itself (section 3)."""
        self.assertEqual(self.code("10.0.0.1", "[2001:db8::1]:50000"), "INVALID_TOKEN")
        self.assertEqual(self.code("10.0.0.1", "2001:db8::2"), "RATE_LIMITED")
        self.assertEqual(self.code("10.0.0.1", "fe80::1%eth0"), "INVALID_TOKEN")
        self.assertEqual(self.flushLoggedErrors(), [])


class CompressionTests(SynchronousTestCase):
    """permessage-deflate, where the operator has it on (RFC 7692)."""

    def setUp(self):
        """Have a server with compression, and a room of two of which one compresses."""
        self.world = World(limits={"outgoing_bytes": 2_000}, front="websocket")
        self.mina = self.world.connected(1, "mina")
        plain = self.world.site
        self.world.site = make_site(self.world.factory.connections, self.world.clock, compression=True)
        opened = self.world.open

        def opens(transport: StringTransport, front: str) -> Any:
            if front != "compressed":
                return opened(transport, front)
            deflate = ClientPerMessageDeflateFactory()
            return WebSocketFront(self.world.site, transport, extensions=[deflate])

        self.world.open = opens  # type: ignore[method-assign]
        self.jun = self.world.connected(2, "jun", front="compressed")
        self.assertEqual(len(self.jun.front.core.extensions), 1)
        self.assertIsNot(plain, self.world.site)
        self.room_id = self.world.room(self.mina, self.jun)

    def compressed(self, payload: bytes) -> bytes:
        """Return a compressed text frame of jun's."""
        self.jun.front.core.send_text(payload)
        return b"".join(self.jun.front.core.data_to_send())

    def test_both_ways(self):
        """Messages are compressed both ways, each with those before it in mind."""
        self.jun.protocol.dataReceived(self.compressed(ping("안녕" * 20)))
        self.world.turn()
        self.assertEqual(self.jun.all()[0]["seq_id"], "안녕" * 20)
        sizes = []
        for _ in range(3):
            self.mina.say(self.room_id, "안녕" * 100)
            sizes.append(len(self.jun.transport.value()))
            self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["content"], "안녕" * 100)
        self.assertTrue(sizes[0] < 300 and sizes[2] < 150, sizes)

    def test_bomb(self):
        """The limit is of what is inflated: a small frame that becomes more than 1 MiB is 1009."""
        frame = self.compressed(b" " * 1_048_577)
        self.assertLess(len(frame), 20_000)
        self.jun.protocol.dataReceived(frame)
        self.assertTrue(self.jun.closed)
        self.assertEqual(self.jun.front.closed_with.code, 1009)

    def test_bomb_before_connect(self):
        """Likewise 16 KiB before CONNECT."""
        self.jun = self.world.client(front="compressed")
        self.jun.protocol.dataReceived(self.compressed(b" " * 16_385))
        self.assertTrue(self.jun.closed)
        self.assertEqual(self.jun.front.closed_with.code, 1009)

    def test_bombs_are_paid_for(self):
        """Frames that are small and messages that are large are read slowly (promise 4)."""
        frame = self.compressed(b" " * 1_048_575) + b"".join(
            self.compressed(b" " * 1_048_575) for _ in range(9)
        )
        self.jun.protocol.dataReceived(frame)
        self.world.turn(50)
        self.assertEqual(codes(self.jun.all()), ["INVALID_MESSAGE"] * 2)
        self.world.pass_time(0.5)
        self.assertEqual(codes(self.jun.all()), ["INVALID_MESSAGE"] * 2)

    def test_garbage(self):
        """What does not inflate is 1002, or 1007; an uncompressed frame is fine."""
        self.jun.protocol.dataReceived(text(ping("plain")))
        self.world.turn()
        self.assertEqual(self.jun.all()[0]["seq_id"], "plain")
        self.jun.protocol.dataReceived(masked(TEXT, b"\xff" * 20, rsv=4))
        self.assertTrue(self.jun.closed)
        self.assertIn(self.jun.front.closed_with.code, (1002, 1007))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_slow_consumer(self):
        """The last ERROR is understood although what was compressed before it has been dropped."""
        self.mina.say(self.room_id, "before")
        self.jun.all()
        stop_reading(self.jun)
        for number in range(40):
            self.mina.say(self.room_id, hashlib.sha512(b"%d" % number).hexdigest() * 2)
            if self.jun.transport.value():
                break
        self.assertEqual(codes(self.jun.all()), ["SLOW_CONSUMER"])
        self.assertEqual(self.jun.front.closed_with.code, 1008)

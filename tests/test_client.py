"""The client library against a server in memory: what §10.3 asks of a client."""

from __future__ import annotations

import json
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.defer import fail as failed
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from assa.client import (
    Bookmark,
    Client,
    Disconnected,
    Event,
    NoAnswer,
    Offline,
    Online,
    Rejected,
    ServerError,
    Token,
    Waiting,
)
from assa.client.endpoints import tcp_endpoint, tls_endpoint
from assa.client.line import words_of
from assa.protocol import DeviceInfo
from assa.storage import users
from tests.world import World


class End(StringTransport):
    """One end of a connection; what is written at it arrives at the other in the next turn."""

    def __init__(self, road: Road) -> None:
        super().__init__()
        self.road = road
        self.protocol: Any = None
        self.other: End = self
        self.deaf = False
        self.gone = False

    def write(self, data: bytes) -> None:
        """Send to the other end."""
        super().write(data)
        self.road.world.clock.callLater(0, self._arrive)

    def _arrive(self) -> None:
        data = self.value()
        self.clear()
        lost = self.road.losing is not None and self.road.losing in data
        if data and not self.gone and not self.other.deaf and not lost:
            self.other.protocol.dataReceived(data)

    def loseConnection(self) -> None:
        """Close after what was written."""
        super().loseConnection()
        self.road.world.clock.callLater(0, self.drop, ConnectionDone())

    def abortConnection(self) -> None:
        """Close at once."""
        self.drop(ConnectionLost())

    def drop(self, reason: Exception) -> None:
        """Lose the connection."""
        for end in (self, self.other):
            if not end.gone:
                end.gone = True
                end.protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class Road:
    """The way to the server of a world; it can be closed and cut, and can swallow what goes over it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.servers: Factory = world.factory
        self.closed = False
        self.losing: bytes | None = None
        self.attempts: list[float] = []
        self.here: End | None = None

    def connect(self, factory: Any) -> Deferred[Any]:
        """Connect a client."""
        self.attempts.append(self.world.clock.seconds())
        if self.closed:
            return failed(ConnectError())
        here, there = End(self), End(self)
        here.other, there.other = there, here
        here.protocol, there.protocol = (
            factory.buildProtocol(None),
            self.servers.buildProtocol(here.getPeer()),
        )
        there.protocol.makeConnection(there)
        here.protocol.makeConnection(here)
        self.here = here
        return succeed(here.protocol)

    def cut(self) -> None:
        """Lose the connection without a word."""
        assert self.here is not None
        self.here.drop(ConnectionLost())
        self.world.turn()

    def swallow(self, *, both_ways: bool = False) -> None:
        """Let nothing from the server arrive any more, as when a phone changes its network."""
        assert self.here is not None
        self.here.deaf = True
        self.here.other.deaf = both_ways


class Outcome:
    """What has become of something asynchronous."""

    def __init__(self, doing: Any) -> None:
        self.result: Any = None
        self.failure: Exception | None = None
        deferred = doing if isinstance(doing, Deferred) else Deferred.fromCoroutine(doing)
        deferred.addCallbacks(self._succeeded, self._failed)

    def _succeeded(self, result: Any) -> None:
        self.result = result

    def _failed(self, failure: Failure) -> None:
        self.failure = failure.value


class Phone:
    """A user with a client."""

    def __init__(
        self, world: World, user_id: int = 1, nickname: str = "mina", device_id: str | None = None
    ) -> None:
        self.world = world
        self.road = Road(world)
        self.user_id = user_id
        self.events: list[Event] = []
        self.states: list[Any] = []
        self.client = Client(
            self.road,
            world.clock,
            heard=self.events.append,
            changed=self.states.append,
            device=DeviceInfo(device_id=device_id) if device_id else None,
            random=lambda: 0.0,
        )
        self.nickname = nickname

    def token(self, **claims: Any) -> str:
        """Return a fresh token."""
        return self.world.token(self.user_id, nickname=self.nickname, **claims)

    def connect(self, resume: Bookmark | None = None, *, token: Token | None = None) -> Outcome:
        """Connect."""
        outcome = Outcome(self.client.connect(token or self.token(), resume=resume))
        self.world.turn()
        return outcome

    def asks(self, action: str, data: dict[str, Any] | None = None) -> Outcome:
        """Ask and let the server answer."""
        outcome = Outcome(self.client.ask_raw(action, data))
        self.world.turn()
        return outcome

    def heard(self) -> list[str]:
        """Return the names of the events that came, and forget them."""
        names = [getattr(event, "action", type(event).__name__) for event in self.events]
        self.events.clear()
        return names


def online(world: World, user_id: int = 1, nickname: str = "mina") -> Phone:
    """Return a user who is connected."""
    phone = Phone(world, user_id, nickname)
    welcome = phone.connect().result
    assert welcome.user_id == user_id
    return phone


class Room:
    """Two users in a room: mina with the library, jun with plain lines."""

    def __init__(self, **options: Any) -> None:
        self.world = World(**options)
        self.mina = online(self.world)
        self.jun = self.world.connected(2, "jun")
        created = self.mina.asks("CREATE_ROOM", {"name": "방", "is_open": True}).result
        self.room_id: int = created["room_id"]
        self.jun.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.mina.events.clear()

    def text(self, content: str) -> dict[str, Any]:
        """Return the data of SEND_MESSAGE."""
        return {"room_id": self.room_id, "content": content, "message_type": "text"}


class AskingTests(SynchronousTestCase):
    def test_answer(self) -> None:
        """An answer's data is the result of the request (§2.3)."""
        mina = online(World())
        self.assertEqual(mina.asks("LIST_ROOMS").result, {"rooms": []})

    def test_refusal(self) -> None:
        """A refusal is an exception that has the code, the text and the details (§9.1)."""
        mina = online(World())
        wrong = mina.asks("JOIN_ROOM", {"room_id": 7}).failure
        assert isinstance(wrong, Rejected)
        self.assertEqual((wrong.code, wrong.message), ("ROOM_NOT_FOUND", "채팅방을 찾을 수 없습니다"))
        self.assertIn("data.room_id", wrong.details)
        self.assertIn("ROOM_NOT_FOUND: 채팅방을", str(wrong))
        self.assertEqual(str(Rejected("X")), "X")

    def test_before_connecting(self) -> None:
        """There is nobody to ask before `connect`."""
        mina = Phone(World())
        self.assertIsInstance(mina.asks("LIST_ROOMS").failure, Disconnected)
        self.assertRaises(Disconnected, mina.client.tell_raw, "SDP", {})

    def test_not_json(self) -> None:
        """Data that cannot be JSON is the caller's mistake and disturbs nobody else."""
        mina = online(World())
        self.assertRaises(TypeError, mina.client.ask_raw, "LIST_ROOMS", {"x": object()})
        self.assertEqual(mina.asks("LIST_ROOMS").result, {"rooms": []})

    def test_event(self) -> None:
        """Events come in order, and the position of the last one is kept (§10.3)."""
        room = Room()
        room.jun.ask("SEND_MESSAGE", room.text("a"))
        room.jun.ask("SEND_MESSAGE", room.text("b"))
        self.assertEqual([event.content for event in room.mina.events], ["a", "b"])
        ((position,),) = room.world.query("SELECT max(position) FROM events")
        self.assertEqual(room.mina.client.bookmark.last_seq_id, f"e{position}")

    def test_error_of_what_is_only_told(self) -> None:
        """SDP has no answer; what is wrong with it comes as an event (§7.3)."""
        mina = online(World())
        mina.client.tell_raw("SDP", {})
        mina.world.turn()
        (event,) = mina.events
        assert isinstance(event, ServerError)
        self.assertEqual((event.original_action, event.error.code), ("SDP", "INVALID_MESSAGE"))

    def test_listener_that_fails(self) -> None:
        """A defect of the listener is logged and costs the connection nothing."""
        room = Room()
        room.mina.events = None  # type: ignore[assignment]
        room.mina.client._core._heard = lambda _: 1 / 0  # type: ignore[assignment,return-value]
        room.jun.ask("SEND_MESSAGE", room.text("a"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIsNone(room.mina.asks("LIST_ROOMS").failure)

    def test_no_answer(self) -> None:
        """A request that is not answered within 10 s fails (§10.2); its late answer is ignored."""
        mina = online(World())
        mina.road.swallow()
        asked = mina.asks("LIST_ROOMS")
        mina.world.pass_time(9.5)
        self.assertIsNone(asked.failure)
        mina.world.pass_time(1)
        self.assertIsInstance(asked.failure, NoAnswer)
        mina.client._core.link.received(
            mina.client._core.link._line,
            {"action": "LIST_ROOMS_RESPONSE", "success": True, "data": {}, "seq_id": "c2"},
        )
        self.assertEqual(mina.events, [])

    def test_nobody_waits(self) -> None:
        """Who no longer wants an answer cancels the request."""
        mina = online(World())
        asked = mina.client.ask_raw("LIST_ROOMS")
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        mina.world.pass_time(11)
        self.assertEqual(mina.events, [])


class ConnectingTests(SynchronousTestCase):
    def test_welcome(self) -> None:
        """What CONNECT answers is there (§3.1)."""
        room = Room()
        room.jun.ask("SEND_MESSAGE", room.text("a"))
        welcome = Phone(room.world).connect().result
        self.assertEqual((welcome.existing_rooms, welcome.unread_messages), ((room.room_id,), 1))
        self.assertFalse(welcome.resumed)

    def test_refused(self) -> None:
        """A wrong token is told with its code; the connection is closed."""
        mina = Phone(World())
        wrong = mina.connect(token="no token").failure
        assert isinstance(wrong, Rejected)
        self.assertEqual(wrong.code, "INVALID_TOKEN")
        assert mina.road.here is not None
        self.assertTrue(mina.road.here.gone)
        self.assertEqual(len(mina.road.attempts), 1)

    def test_nobody_there(self) -> None:
        """The first attempt is the only one: whoever starts a program sees at once that it cannot work."""
        mina = Phone(World())
        mina.road.closed = True
        self.assertIsInstance(mina.connect().failure, Disconnected)
        mina.world.pass_time(10)
        self.assertEqual(len(mina.road.attempts), 1)

    def test_silent_server(self) -> None:
        """CONNECT is given up after 10 s (§10.2)."""
        mina = Phone(World())
        connecting = Outcome(mina.client.connect(mina.token()))
        mina.road.swallow()
        mina.world.pass_time(10.5)
        self.assertIsInstance(connecting.failure, NoAnswer)

    def test_lost_while_connecting(self) -> None:
        """A connection that is lost before the answer is a failed attempt."""
        mina = Phone(World())
        connecting = Outcome(mina.client.connect(mina.token()))
        mina.road.cut()
        self.assertIsInstance(connecting.failure, Disconnected)

    def test_another_protocol(self) -> None:
        """A server that speaks something else is told from ours."""
        mina = Phone(World())
        mina.road.servers = Factory.forProtocol(_WebServer)
        self.assertIn("does not speak the ASSA protocol", str(mina.connect().failure))

    def test_device(self) -> None:
        """`device_info` goes into CONNECT (§3.1)."""
        world = World()
        client = Client(Road(world), world.clock, device=DeviceInfo(platform="web", device_id="d"))
        Outcome(client.connect(world.token(1)))
        world.turn()
        self.assertEqual(world.query("SELECT device_id FROM sessions"), [("d",)])

    def test_endpoints(self) -> None:
        """TCP and TLS endpoints are made of a host and a port."""
        for make in (tcp_endpoint, tls_endpoint):
            self.assertTrue(IStreamClientEndpoint.providedBy(make(reactor, "chat.example.org", 12345)))

    def test_reasons(self) -> None:
        """The reason of a lost connection is one line; OpenSSL's are taken out of their tuples."""
        self.assertEqual(words_of(Failure(SSL.Error([("SSL", "", "wrong version")]))), "wrong version")
        self.assertEqual(words_of(Failure(ValueError())), "ValueError")
        self.assertEqual(words_of(Failure(ValueError("one.\ntwo"))), "one")


class _WebServer(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")  # type: ignore[union-attr]


class HeartbeatTests(SynchronousTestCase):
    def test_ping(self) -> None:
        """PING is answered, so the connection stays (§8.2)."""
        mina = online(World())
        mina.world.pass_time(150, step=1)
        self.assertEqual(mina.states, [Online(welcome=mina.states[0].welcome)])
        self.assertEqual(mina.events, [])

    def test_server_that_pings_seldom(self) -> None:
        """After a minute of silence the client asks itself; a server that answers is alive (v1.1)."""
        mina = online(World(limits={"ping_interval_s": 10_000}))
        mina.world.pass_time(200, step=1)
        self.assertEqual(len(mina.road.attempts), 1)

    def test_server_that_has_gone(self) -> None:
        """A server from which nothing comes even then has gone."""
        mina = online(World(limits={"ping_interval_s": 10_000}))
        mina.road.swallow()
        mina.world.pass_time(69, step=1)
        self.assertEqual(len(mina.states), 1)
        mina.world.pass_time(3, step=0.5)
        self.assertEqual(mina.states[1].reason, "the server is silent")
        self.assertIsInstance(mina.states[2], Online)


class ReconnectingTests(SynchronousTestCase):
    def test_resume(self) -> None:
        """A lost connection comes back after 1 s with the same session and all it missed, once (§10.3)."""
        room = Room()
        session_id = room.mina.client.bookmark.session_id
        room.jun.ask("SEND_MESSAGE", room.text("a"))
        room.mina.road.cut()
        room.jun.ask("SEND_MESSAGE", room.text("b"))
        room.jun.ask("SEND_MESSAGE", room.text("c"))
        room.world.pass_time(1.25)
        self.assertEqual([event.content for event in room.mina.events], ["a", "b", "c"])
        self.assertEqual(room.mina.client.bookmark.session_id, session_id)
        _, waiting, back = room.mina.states
        self.assertEqual((waiting.attempt, waiting.attempts, waiting.delay_s), (1, 3, 1.0))
        self.assertEqual((back.welcome.resumed, back.welcome.replayed_events), (True, 2))

    def test_give_up(self) -> None:
        """There are three attempts, after 1, 2 and 4 s, then failure (§10.3)."""
        mina = online(World())
        mina.road.closed = True
        lost_s = mina.world.clock.seconds()
        mina.road.cut()
        sending = mina.asks("SEND_MESSAGE", {"room_id": 1, "content": "a", "message_type": "text"})
        mina.world.pass_time(20)
        self.assertEqual([at_s - lost_s for at_s in mina.road.attempts[1:]], [1, 3, 7])
        self.assertEqual([type(state) for state in mina.states], [Online, Waiting, Waiting, Waiting, Offline])
        self.assertIsInstance(sending.failure, Disconnected)
        self.assertIsInstance(mina.asks("LIST_ROOMS").failure, Disconnected)

    def test_second_loss(self) -> None:
        """Each loss has its own three attempts."""
        mina = online(World())
        for _ in range(5):
            mina.road.cut()
            mina.world.pass_time(1.25)
            self.assertIsInstance(mina.client.state, Online)

    def test_message_without_acknowledgement(self) -> None:
        """A message that was stored but not acknowledged is sent again, and stored once (v1.1 section 6)."""
        room = Room()
        room.mina.road.swallow()
        sending = room.mina.asks("SEND_MESSAGE", room.text("once"))
        room.mina.road.cut()
        room.world.pass_time(1.25)
        self.assertTrue(sending.result["duplicate"])
        self.assertEqual(len([one for one in room.jun.all() if one["action"] == "NEW_MESSAGE"]), 1)

    def test_messages_meanwhile(self) -> None:
        """Messages wait for the connection, in their order; other requests fail at once."""
        room = Room()
        room.mina.road.cut()
        sendings = [room.mina.asks("SEND_MESSAGE", room.text(str(number))) for number in range(5)]
        self.assertIsInstance(room.mina.asks("LIST_ROOMS").failure, Disconnected)
        self.assertRaises(Disconnected, room.mina.client.tell_raw, "SDP", {})
        room.world.pass_time(1.25)
        self.assertTrue(all(sending.result["message_id"] for sending in sendings))
        self.assertEqual([room.jun.heard("NEW_MESSAGE")["data"]["content"] for _ in range(5)], list("01234"))

    def test_request_in_flight(self) -> None:
        """A request that was under way when the connection was lost fails: it may have taken effect."""
        mina = online(World())
        asked = Outcome(mina.client.ask_raw("CREATE_ROOM", {"name": "방"}))
        mina.road.cut()
        self.assertIsInstance(asked.failure, Disconnected)

    def test_message_without_answer(self) -> None:
        """A message that is not answered within 10 s gets another connection, once."""
        room = Room()
        room.mina.road.swallow()
        sending = room.mina.asks("SEND_MESSAGE", room.text("a"))
        room.world.pass_time(12)
        self.assertTrue(sending.result["message_id"])
        self.assertEqual(len(room.mina.road.attempts), 2)

    def test_message_that_is_never_answered(self) -> None:
        """After the second time-out it fails."""
        room = Room()
        room.mina.road.losing = b"SEND_MESSAGE_RESPONSE"
        sending = room.mina.asks("SEND_MESSAGE", room.text("a"))
        room.world.pass_time(20)
        self.assertIsNone(sending.failure)
        room.world.pass_time(2)
        self.assertIsInstance(sending.failure, NoAnswer)
        self.assertIsInstance(room.mina.client.state, Online)

    def test_deactivated_meanwhile(self) -> None:
        """Where the server refuses the token, further attempts are in vain."""
        mina = online(World())
        mina.world.store.run(users.set_active, mina.user_id, active=False, now_ms=mina.world.now_ms())
        mina.road.cut()
        mina.world.pass_time(20)
        self.assertEqual(len(mina.road.attempts), 2)
        self.assertIn("AUTH_FAILED", mina.client.state.reason)

    def test_replaced(self) -> None:
        """A client that another has replaced stays away: they would replace each other for ever."""
        world = World()
        phones = [Phone(world, device_id="same"), Phone(world, device_id="same")]
        for phone in phones:
            phone.connect()
        world.pass_time(10)
        self.assertIsInstance(phones[0].client.state, Offline)
        self.assertIn("SESSION_REPLACED", phones[0].client.state.reason)
        self.assertIsInstance(phones[1].client.state, Online)

    def test_shutdown(self) -> None:
        """A server that shuts down says when to come back (v1.1 section 9)."""
        mina = online(World())
        mina.client._core.link.received(
            mina.client._core.link._line,
            {"action": "SERVER_ANNOUNCEMENT", "data": {"reconnect_after_ms": 5_000}, "seq_id": "s1"},
        )
        mina.road.cut()
        mina.world.pass_time(4.5)
        self.assertEqual(len(mina.road.attempts), 1)
        mina.world.pass_time(1)
        self.assertIsInstance(mina.client.state, Online)

    def test_too_much_missed(self) -> None:
        """Where the missed events cannot be complete, `resumed` says so."""
        room = Room(limits={"replay_events": 2})
        room.mina.road.cut()
        for content in "abc":
            room.jun.ask("SEND_MESSAGE", room.text(content))
        room.world.pass_time(1.25)
        self.assertFalse(room.mina.client.state.welcome.resumed)
        self.assertFalse(room.mina.client.state.complete)
        self.assertEqual([event.content for event in room.mina.events], ["a", "b", "c"])
        room.mina.road.cut()
        room.world.pass_time(1.25)
        self.assertTrue(room.mina.client.state.welcome.resumed)


class TokenTests(SynchronousTestCase):
    def test_renewal(self) -> None:
        """What makes tokens is asked for one before the old one expires (v1.1 section 3)."""
        world = World()
        mina = Phone(world)
        mina.connect(token=lambda: mina.token(lifetime_s=90))
        self.assertTrue(mina.client.renews)
        world.pass_time(300, step=1)
        self.assertEqual(len(mina.road.attempts), 1)
        self.assertIsInstance(mina.client.state, Online)

    def test_renewal_fails(self) -> None:
        """A renewal that is refused costs the connection only when the token has expired."""
        world = World()
        mina = Phone(world)
        tokens = iter([mina.token(lifetime_s=70)])
        mina.connect(token=lambda: next(tokens, "no token"))
        world.pass_time(120, step=1)
        self.assertIsInstance(mina.client.state, Offline)
        self.assertIn("INVALID_TOKEN", mina.client.state.reason)

    def test_by_hand(self) -> None:
        """A program may renew the token itself."""
        world = World()
        mina = Phone(world)
        mina.connect(token=mina.token(lifetime_s=70))
        self.assertFalse(mina.client.renews)
        world.pass_time(15, step=1)
        self.assertEqual(mina.heard(), ["TOKEN_EXPIRING"])
        renewing = Outcome(mina.client.renew(mina.token()))
        world.turn()
        self.assertIsNone(renewing.failure)
        world.pass_time(200, step=1)
        self.assertIsInstance(mina.client.state, Online)


class EndingTests(SynchronousTestCase):
    def test_disconnect(self) -> None:
        """DISCONNECT ends the session (§3.2), and the client stays away."""
        mina = online(World())
        leaving = Outcome(mina.client.disconnect())
        again = Outcome(mina.client.disconnect())
        mina.world.pass_time(10)
        self.assertEqual((leaving.failure, again.failure), (None, None))
        self.assertEqual(mina.world.query("SELECT count(*) FROM sessions"), [(0,)])
        self.assertEqual(len(mina.road.attempts), 1)
        self.assertEqual(mina.events, [])
        mina.client.close()

    def test_disconnect_unheard(self) -> None:
        """A server that does not answer is waited for 2 s."""
        mina = online(World())
        mina.road.swallow(both_ways=True)
        leaving = Deferred.fromCoroutine(mina.client.disconnect())
        mina.world.pass_time(1.5)
        self.assertNoResult(leaving)
        mina.world.pass_time(1)
        self.successResultOf(leaving)

    def test_disconnect_while_away(self) -> None:
        """The attempts to come back end."""
        mina = online(World())
        mina.road.closed = True
        mina.road.cut()
        self.successResultOf(Deferred.fromCoroutine(mina.client.disconnect()))
        mina.world.pass_time(10)
        self.assertEqual(len(mina.road.attempts), 1)

    def test_close_and_resume(self) -> None:
        """`close` leaves a session that another client resumes, in another process perhaps (§10.3)."""
        room = Room()
        before = room.mina.client
        before.close()
        room.jun.ask("SEND_MESSAGE", room.text("meanwhile"))
        later = Phone(room.world)
        welcome = later.connect(before.bookmark).result
        self.assertEqual((welcome.resumed, welcome.session_id), (True, before.bookmark.session_id))
        self.assertEqual([event.content for event in later.events], ["meanwhile"])

    def test_close_fails_what_waits(self) -> None:
        """Who waits for an answer is told."""
        mina = online(World())
        asked = Outcome(mina.client.ask_raw("LIST_ROOMS"))
        mina.client.close()
        self.assertIsInstance(asked.failure, Disconnected)

    def test_line_without_action(self) -> None:
        """The words on the wire are those of the protocol."""
        mina = online(World())
        assert mina.road.here is not None
        mina.road.here.other.write(json.dumps({"hello": 1}).encode() + b"\n")
        mina.world.turn()
        self.assertIsInstance(mina.client.state, Waiting)

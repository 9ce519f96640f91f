"""How the client library comes back (§10.3), where it goes, and what it makes of other versions."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assa.client import BadAnswer, Client, Disconnected, Offline, Online, Unknown, Waiting, endpoint, forms
from assa.client.delays import BACKOFF_S, Delays
from assa.client.endpoints import is_loopback, split
from assa.protocol import EVENTS, REQUESTS, Announcement, Connect, DeviceInfo, RequestUpload, UserJoined
from tests.scripted import WELCOME_1_0, WELCOME_1_1, Refusal, Scripted, message
from tests.test_client import Phone
from tests.test_client_catching_up import App, rooms
from tests.world import START_S, World


class DelaysTests(SynchronousTestCase):
    def test_policy(self) -> None:
        """It is 1, 2 and 4 s, and up to a tenth more, so that not all come back at once (§10.3)."""
        self.assertEqual(BACKOFF_S, (1.0, 2.0, 4.0))
        exact, latest = Delays(lambda: 0.0), Delays(lambda: 1.0)
        self.assertEqual([exact.before(attempt) for attempt in (1, 2, 3)], [1.0, 2.0, 4.0])
        self.assertEqual([round(latest.before(attempt), 9) for attempt in (1, 2, 3)], [1.1, 2.2, 4.4])

    def test_spread(self) -> None:
        """A hundred clients come back at a hundred times."""
        delays = Delays(random.Random(1).random)
        waits = {delays.before(1) for _ in range(100)}
        self.assertEqual(len(waits), 100)
        self.assertTrue(all(1.0 <= one <= 1.1 for one in waits))

    def test_server_wins(self) -> None:
        """`reconnect_after_ms` counts as it is, once, whether it is less or more."""
        for after_ms in (100, 300, 9_000):
            delays = Delays(lambda: 0.5)
            delays.retry_after(2_000)
            delays.reconnect_after(after_ms)
            self.assertEqual(delays.before(1), after_ms / 1000)
            self.assertEqual(delays.before(2), 2.0 * 1.05)

    def test_not_before(self) -> None:
        """`retry_after_ms` is the least."""
        delays = Delays(lambda: 0.0)
        delays.retry_after(500)
        self.assertEqual(delays.before(1), 1.0)
        delays.retry_after(5_000)
        self.assertEqual(delays.before(1), 5.0)
        delays.retry_after(None)
        self.assertEqual(delays.before(3), 4.0)


class ReturnTests(SynchronousTestCase):
    def attempts(self, app: App, seconds: float = 60) -> list[float]:
        """Return when it tried to come back, in seconds after the loss."""
        lost_s, before = app.clock.seconds(), len(app.server.attempts)
        app.server.cut()
        app.pass_time(seconds)
        return [at_s - lost_s for at_s in app.server.attempts[before:]]

    def test_full_server(self) -> None:
        """A server that is full says when to try again (v1.1 section 3)."""
        app = App()
        app.server.answers["CONNECT"] = Refusal("SERVER_FULL", retry_after_ms=5_000)
        self.assertEqual(self.attempts(app), [1, 6, 11])
        self.assertEqual(app.client.state, Offline(reason="SERVER_FULL", code="SERVER_FULL"))

    def test_sent_away(self) -> None:
        """Who is sent away comes back when the server says; an error of one request says nothing of it."""
        app = App(LIST_ROOMS=rooms(None))
        data = {"original_action": None, "error_details": "", "retry_after_ms": 4_000}
        app.server.says("ERROR", data, success=False, error_code="SERVICE_UNAVAILABLE")
        self.assertEqual(self.attempts(app), [4])
        data |= {"original_action": "SDP"}
        app.server.says("ERROR", data, success=False, error_code="RATE_LIMITED")
        self.assertEqual(self.attempts(app), [1])

    def test_shutdown(self) -> None:
        """A server that shuts down says when to come back; if it is not there then, 2 and 4 s follow."""
        app = App()
        app.server.says("SERVER_ANNOUNCEMENT", {"reconnect_after_ms": 250})
        app.server.closed = True
        self.assertEqual(self.attempts(app), [0.25, 2.25, 6.25])

    def test_old_announcement(self) -> None:
        """What was said before a connection says nothing about the next."""
        app = App(LIST_ROOMS=rooms(None))
        app.server.says("SERVER_ANNOUNCEMENT", {"reconnect_after_ms": 3_000})
        self.assertEqual(self.attempts(app), [3])
        self.assertEqual(self.attempts(app), [1])

    def test_bounds(self) -> None:
        """A server that wants all back at once, or next year, is mistaken: 0.1 s to an hour."""
        app = App(LIST_ROOMS=rooms(None))
        for told_ms, taken_s in ((0, 0.1), (2**63, 3_600.0)):
            app.server.says(
                "SERVER_ANNOUNCEMENT", {"title": "", "message": "", "reconnect_after_ms": told_ms}
            )
            app.server.cut()
            self.assertEqual(app.states[-1].delay_s, taken_s)
            app.pass_time(taken_s, step=60)
            self.assertIsInstance(app.client.state, Online)

    def test_jitter(self) -> None:
        """What is told of the delay is what is waited."""
        clock = Clock()
        clock.advance(START_S)
        states: list[Any] = []
        server = Scripted(clock)
        client = Client(server, clock, changed=states.append, random=lambda: 0.75)
        Deferred.fromCoroutine(client.connect("token"))
        clock.advance(0)
        server.cut()
        clock.advance(1.07)
        self.assertEqual(len(server.attempts), 1)
        clock.advance(0.006)
        self.assertEqual(len(server.attempts), 2)
        self.assertAlmostEqual(states[1].delay_s, 1.075)

    def test_no_welcome(self) -> None:
        """A CONNECT that is answered without form is a failed attempt."""
        app = App()
        app.server.answers["CONNECT"] = {"user_id": "x"}
        self.assertEqual(self.attempts(app), [1, 3, 7])
        assert isinstance(app.client.state, Offline)
        self.assertIn("the answer to CONNECT", app.client.state.reason)
        self.failureResultOf(app.connect(), BadAnswer)

    def test_again_after_failure(self) -> None:
        """Whoever is told that it was given up may connect again, there and then."""
        app = App()

        def changed(state: Any) -> None:
            app.states.append(state)
            if isinstance(state, Offline):
                app.server.closed = False
                again.append(app.connect(resume=app.client.bookmark))

        again: list[Deferred[Any]] = []
        app.client._core._changed = changed
        sending = app.client.send_text(1, "a")
        app.server.closed = True
        self.attempts(app, 8)
        self.failureResultOf(sending, Disconnected)
        self.assertEqual(len(again), 1)
        self.successResultOf(again[0])
        self.assertIsInstance(app.client.state, Online)
        self.assertEqual(app.server.taken("CONNECT")[-1]["last_seq_id"], "e100")

    def test_closed_by_the_listener(self) -> None:
        """Whoever is told a state may close, whichever it is; nothing is left over."""
        for kind in (Online, Waiting):
            app = App()
            app.server.cut()
            app.pass_time(1.25)
            app.client._core._changed = lambda state, app=app, kind=kind: (
                app.client.close() if isinstance(state, kind) else None
            )
            app.server.cut()
            app.pass_time(10)
            self.assertIsInstance(app.client.state, Offline)
            self.assertEqual(app.clock.getDelayedCalls(), [], kind)

    def test_closed_while_connecting(self) -> None:
        """`close` ends the first attempt too."""
        for closing in (lambda phone: phone.client.close(), lambda phone: phone.client.disconnect()):
            phone = Phone(World())
            connecting = Deferred.fromCoroutine(phone.client.connect(lambda: Deferred()))  # noqa: PLW0108
            if doing := closing(phone):
                Deferred.fromCoroutine(doing)
            phone.client.close()
            self.failureResultOf(connecting, Disconnected)
            self.assertEqual(phone.road.attempts, [])

    def test_cancelled_while_connecting(self) -> None:
        """Whoever cancels `connect` may try again."""
        app = App()
        app.client.close()
        app.server.answers.pop("CONNECT")
        connecting = app.connect()
        connecting.cancel()
        self.failureResultOf(connecting)
        app.server.answers["CONNECT"] = WELCOME_1_1
        self.successResultOf(app.connect())


class VersionsTests(SynchronousTestCase):
    def test_old_server(self) -> None:
        """What v1.0 has is enough: additions are missing, and nothing is asked for them (§3.1)."""
        app = App(CONNECT=WELCOME_1_0)
        (online,) = app.states
        self.assertEqual((online.welcome.version, online.complete), ("1.0", True))
        self.assertEqual((online.welcome.existing_rooms, online.welcome.unread_messages), ((1,), 5))
        self.assertEqual(app.server.requests[0]["data"], {"jwt_token": "nobody verifies it"})
        app.server.cut()
        app.pass_time(1.25)
        resuming = app.server.requests[1]
        self.assertEqual(resuming["session_id"], "session_abc123")
        self.assertNotIn("last_seq_id", resuming["data"])

    def test_answers_of_v1_0(self) -> None:
        """Fields that v1.1 has added are None where they are missing, in every answer."""
        for request, data, added in (
            (Connect, WELCOME_1_0, lambda answer: answer.reconnection_info.video_rooms),
            (
                next(one for one in REQUESTS if one.action == "JOIN_VIDEO_ROOM"),
                {"video_room_id": 200, "participants": []},
                lambda answer: answer.ice_servers,
            ),
            (
                next(one for one in REQUESTS if one.action == "CHECK_RECEIVE"),
                {
                    "room_id": 1,
                    "received_messages": [],
                    "failed_messages": [],
                    "pending_messages": [
                        {
                            "message_id": 1,
                            "content": "",
                            "user": {"user_id": 2, "nickname": "jun"},
                            "created_at": "",
                        }
                    ],
                },
                lambda answer: answer.pending_messages[0].message_type,
            ),
        ):
            self.assertIsNone(added(forms.answer(request, data)))  # type: ignore[arg-type,no-untyped-call]

    def test_newer_server(self) -> None:
        """What a newer server adds, fields and events, disturbs nothing."""
        app = App(CONNECT=WELCOME_1_1 | {"mood": "fine"})
        app.server.says("NEW_MESSAGE", message(1) | {"reactions": [1, 2]}, seq_id="e1", weight=3)
        app.server.says("TYPING", {"room_id": 1}, seq_id="s9")
        app.server.says("USER_JOINED", {"room_id": 1}, seq_id="e2")
        app.server.says("BARE", None, seq_id="e3")
        self.assertEqual(app.heard(), [1])
        self.assertEqual(
            app.events[1:],
            [
                Unknown(action="TYPING", data={"room_id": 1}),
                Unknown(action="USER_JOINED", data={"room_id": 1}),
                Unknown(action="BARE", data={}),
            ],
        )
        self.assertEqual(app.client.bookmark.last_seq_id, "e3")

    def test_nonsense(self) -> None:
        """Whatever a server says, at most its connection is given up: nothing fails, nothing is doubled."""
        app = App()
        choose = random.Random(5)
        values = [None, True, 0, -1, 5, 1.5, 10**30, "", "c1", "c2", "e5", "s1", [], [1], {}, {"room_id": []}]
        values += [{"message_id": "x"}, {"original_action": 5}, {"retry_after_ms": "soon"}, "LIST_ROOMS"]
        actions = [one.action for one in EVENTS] + [f"{one.action}_RESPONSE" for one in REQUESTS]
        actions += ["ERROR", "PING", "PONG", "", "가"]
        for _ in range(500):
            asked = app.client.list_rooms()
            asked.addErrback(lambda _: None)
            fields = ("data", "seq_id", "success", "error_code", "message", "timestamp")
            said = {name: choose.choice(values) for name in fields if choose.random() < 0.7}
            app.server.says(choose.choice(actions), **({"data": None} | said))
            app.pass_time(0)
        self.assertEqual(self.flushLoggedErrors(), [])
        app.client.close()
        self.assertEqual(app.clock.getDelayedCalls(), [])

    def test_every_event_has_its_class(self) -> None:
        """An event is heard as an instance of the class that the server made it of."""
        user = {"user_id": 2, "nickname": "jun", "role": "member"}
        event = forms.event("USER_JOINED", {"room_id": 1, "user": user, "participants_count": 2})
        assert isinstance(event, UserJoined)
        self.assertEqual(event.user.nickname, "jun")
        announcement = forms.event("SERVER_ANNOUNCEMENT", {"title": "a", "message": "b"})
        self.assertEqual(announcement, Announcement(title="a", message="b"))
        self.assertEqual({one.action for one in EVENTS}, set(forms._EVENTS))

    def test_fields(self) -> None:
        """Optional fields that are not given are left out; a required one that is None is not."""
        upload = RequestUpload(room_id=None, file_name="a", file_size=1, mime_type="image/png")
        self.assertIn("room_id", forms.fields_of(upload))
        self.assertEqual(
            forms.fields_of(Connect(jwt_token="x", device_info=DeviceInfo(platform="web"))),
            {"jwt_token": "x", "device_info": {"platform": "web"}},
        )


class EndpointTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        """An address is a host, with a port or 12345 (§1.1)."""
        for text, expected in (
            ("chat.example.org", ("chat.example.org", 12_345)),
            ("chat.example.org:443", ("chat.example.org", 443)),
            ("assa://chat.example.org:443/", ("chat.example.org", 443)),
            ("[2001:db8::1]:443", ("2001:db8::1", 443)),
            ("127.0.0.1", ("127.0.0.1", 12_345)),
        ):
            self.assertEqual(split(text), expected)
        for text in ("", ":12", "http://a", "a:b", "a:70000", "a/b", "u@a", "a?b", "2001:db8::1", "h#f"):
            self.assertRaises(ValueError, split, text)
        for text in ("assa://:secret@h", "assa://u:secret@h:1", "u:secret@h", "secret@h@h"):
            self.assertNotIn("secret", str(self.assertRaises(ValueError, split, text)))

    def test_tls(self) -> None:
        """Whatever is not this very machine gets TLS, unless it is asked for otherwise."""
        for host, expected in (
            ("localhost", True),
            ("LOCALHOST.", True),
            ("127.3.2.1", True),
            ("::1", True),
            ("chat.example.org", False),
            ("10.0.0.1", False),
            ("localhost.example.org", False),
        ):
            self.assertIs(is_loopback(host), expected)
        secured = type(endpoint(reactor, "chat.example.org"))
        plain = type(endpoint(reactor, "127.0.0.1"))
        self.assertIsNot(secured, plain)
        self.assertIs(type(endpoint(reactor, "127.0.0.1", tls=True)), secured)
        self.assertIs(type(endpoint(reactor, "chat.example.org", tls=False)), plain)
        for made in (endpoint(reactor, "chat.example.org"), endpoint(reactor, "[::1]:1")):
            self.assertTrue(IStreamClientEndpoint.providedBy(made))

"""The log: a line for each close, JSON where it is wanted, and never a token, a session or what was said."""

from __future__ import annotations

import io
import json
import secrets
import syslog
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    eventAsText,
    globalLogPublisher,
)
from twisted.python.components import Componentized
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from assa.logs import SyslogObserver, json_line, json_observer, write_json
from tests.operators import Operator
from tests.world import Client, World

SAID = "아무도 모르는 이야기"
NOT_SAID = ("eyJ", SAID, SAID.encode("unicode_escape").decode(), "password", "Bearer ")


class LogTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        """Listen to the log."""
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def closes(self) -> list[LogEvent]:
        """Take what was logged of closes."""
        found = [one for one in self.events if one["log_namespace"] == "assa.visits.Visits"]
        self.events.clear()
        return found

    def texts(self) -> list[str]:
        """Return what was logged, in both forms."""
        return [eventAsText(one) + json_line(one) for one in self.events]


class CloseTests(LogTestCase):
    def setUp(self) -> None:
        """Connect mina."""
        super().setUp()
        self.world = World()
        self.mina = self.world.connected(1, "mina")

    def reason(self) -> str:
        """Return why the one connection was closed that was."""
        [event] = self.closes()
        reason: str = event["reason"]
        return reason

    def test_line(self) -> None:
        """One line at the level info: why, how, from where, who, how long, how much."""
        self.world.pass_time(5)
        self.mina.drop()
        [event] = self.closes()
        self.assertEqual(event["log_level"].name, "info")
        fields = {
            name: event[name] for name in ("reason", "front", "address", "user_id", "duration_s", "requests")
        }
        front = self.mina.protocol.kind
        expected = {
            "reason": "connection lost", "front": front, "address": "192.0.2.1", "user_id": 1,
            "duration_s": 5.0, "requests": 1,
        }  # fmt: skip
        self.assertEqual(fields, expected)
        text = f"a connection of user 1 was closed: connection lost ({front} 192.0.2.1, 5.0 s, 1 requests)"
        self.assertIn(text, eventAsText(event))
        self.assertEqual(json.loads(json_line(event))["event"], text)

    def test_reasons(self) -> None:
        """The client's word, the server's codes, an operator, the end of the server; each once."""
        self.mina.ask("DISCONNECT", {"reason": SAID})
        self.mina.drop()
        self.assertEqual(self.reason(), "DISCONNECT")
        first = self.world.connected(2, device_id="phone")
        self.world.connected(2, device_id="phone")
        first.drop()
        self.assertEqual(self.reason(), "SESSION_REPLACED")
        operator = Operator(self.world)
        [one] = operator.see("/admin/connections?user_id=2")["connections"]
        operator.ask("DELETE", f"/admin/connections/{one['connection_id']}?reason={'x' * 20}")
        self.assertEqual(self.reason(), "operator")
        self.world.connected(3)
        self.world.pass_time(100, step=1)
        self.assertEqual(self.reason(), "HEARTBEAT_TIMEOUT")

    def test_flood(self) -> None:
        """Who never authenticates has few lines, however often he comes; what was left out is counted."""
        for _ in range(500):
            self.world.client().drop()
        said = self.closes()
        self.assertEqual({one["user_id"] for one in said}, {None})
        self.assertEqual(len(said), 20)
        self.mina.drop()
        self.assertEqual(len(self.closes()), 1, "a user's close is always told")
        self.world.pass_time(1)
        self.world.client().drop()
        [next_one] = self.closes()
        self.assertEqual(next_one["unsaid"], 480)
        self.assertIn("480 more before it were not told of", eventAsText(next_one))

    def test_flood_in_an_hour(self) -> None:
        """A flood that lasts has a line a second."""
        for _ in range(600):
            for _ in range(3):
                self.world.client().drop()
            self.world.pass_time(1, step=1)
        self.assertLessEqual(len(self.closes()), 20 + 600)


class SecretTests(LogTestCase):
    def setUp(self) -> None:
        """Make a world, and remember every token and session that it has."""
        super().setUp()
        self.world = World()
        self.operator = Operator(self.world)
        self.clients: list[Client] = []

    def connected(self, user_id: int, **options: Any) -> Client:
        """Connect somebody."""
        self.clients.append(self.world.connected(user_id, SAID[:5], **options))
        return self.clients[-1]

    def check(self, *more: str) -> None:
        """See that the log has lines, and nothing in them that it must not have."""
        self.assertGreater(len(self.events), 0)
        never = {*NOT_SAID, *more, self.operator.token}
        for client in self.clients:
            never |= {client.token, client.session_id}
        for text in self.texts():
            for one in never:
                self.assertNotIn(one, text)

    def test_conversation(self) -> None:
        """From CONNECT to every kind of end: rooms, messages, calls, refusals, an operator."""
        mina, jun = self.connected(1, device_id="phone"), self.connected(2)
        room_id = self.world.room(mina, jun, name=SAID)
        mina.say(room_id, SAID)
        jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": []})
        call = self.world.call(room_id, mina, jun)
        mina.tell("SDP", {"video_room_id": call, "target_user_id": 2, "sdp_type": "offer", "sdp_data": SAID})
        for data in (None, {"room_id": SAID}, {"room_id": 999, "content": SAID, "message_type": "text"}):
            mina.tell("SEND_MESSAGE", data)
        mina.tell(SAID)
        mina.send_bytes(SAID.encode() + b"\n")
        stranger = self.world.client()
        for token in ("eyJhbGciOiJub25lIn0.e30.", SAID, self.world.token(3)[:-2]):
            stranger.connect(token)
        self.operator.ask(
            "POST", "/admin/announcements", json.dumps({"title": SAID, "message": SAID}).encode()
        )
        [one] = self.operator.see("/admin/connections?user_id=2")["connections"]
        self.operator.ask("DELETE", f"/admin/connections/{one['connection_id']}?reason=x")
        self.clients.append(self.world.resumed(jun))
        self.connected(1, device_id="phone")
        mina.drop()
        self.clients[-1].ask("DISCONNECT", {"reason": SAID})
        self.world.pass_time(100, step=1)
        self.assertGreaterEqual(len([1 for one in self.events if "reason" in one]), 5)
        self.check()

    def test_defect(self) -> None:
        """A defect that says what it must not is logged with its number; the client gets that alone."""
        mina = self.connected(1)
        room_id = self.world.room(mina)
        self.world.query("ALTER TABLE messages RENAME TO lost")
        answer = mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": SAID, "message_type": "text"})
        self.assertEqual(answer["error_code"], "INTERNAL_ERROR")
        defect = answer["data"]["error_details"].removeprefix("error ")
        self.assertTrue(any(defect in text and "Traceback" in text for text in self.texts()))
        self.assertEqual(self.operator.refused("GET", f"/admin/rooms/{room_id}"), (500, "INTERNAL_ERROR"))
        self.check()
        self.flushLoggedErrors()

    def test_database_away(self) -> None:
        """What is said of a database that is away does not have what could not be stored."""
        mina = self.connected(1)
        room_id = self.world.room(mina)
        self.world.database.go_away()
        self.assertEqual(
            mina.refused("SEND_MESSAGE", {"room_id": room_id, "content": SAID, "message_type": "text"}),
            "SERVICE_UNAVAILABLE",
        )
        self.check()

    def test_away_and_back_is_said_once(self) -> None:
        """A database that takes no changes for an hour, but can be read: two lines, not thousands."""
        self.connected(1)
        self.world.database.go_away()
        self.world.pass_time(600, step=1)
        self.world.database.come_back()
        self.world.pass_time(10)
        said = [eventAsText(one) for one in self.events if "the database is" in str(one.get("log_format"))]
        self.assertEqual(len(said), 2, said)
        self.assertIn("the database is back", said[1])


class JsonTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have a log that is written as JSON."""
        self.file = io.StringIO()
        self.log = Logger(observer=FileLogObserver(self.file, json_line), namespace="assa.test")

    def lines(self) -> list[Any]:
        """Return what was written; each line is an object."""
        return [json.loads(line) for line in self.file.getvalue().splitlines()]

    def test_fields(self) -> None:
        """The time in UTC, the level, where from, the text, and the event's own fields."""
        self.log.warn("{name} was {age}", name="민아", age=7, tags=["a", "b"], share=0.5, on=True, no=None)  # noqa: G010
        [line] = self.lines()
        self.assertEqual(datetime.fromisoformat(line.pop("time")).utcoffset().total_seconds(), 0)  # type: ignore[union-attr]
        expected = {
            "level": "warn", "namespace": "assa.test", "event": "민아 was 7", "name": "민아", "age": 7,
            "tags": ["a", "b"], "share": 0.5, "on": True, "no": None,
        }  # fmt: skip
        self.assertEqual(line, expected)
        self.assertTrue(self.file.getvalue().isascii())

    def test_what_json_has_no_form_for(self) -> None:
        """Objects are in the text alone; no value can break the line or take the place of a field."""
        self.log.info(
            "{thing} {time}\n\x1b[31m\u2028", thing=object, number=float("nan"), more=[object()], time="5",
            lone="\ud800", bytes=b"x",
        )  # fmt: skip
        [line] = self.lines()
        self.assertEqual(line["level"], "info")
        self.assertEqual(line["event"], "<class 'object'> 5\n\x1b[31m\u2028")
        self.assertEqual(set(line), {"time", "level", "namespace", "event", "lone"})

    def test_failure(self) -> None:
        """A failure has its traceback as a text."""
        try:
            json.loads("{")
        except ValueError:
            self.log.failure("it failed")
        [line] = self.lines()
        self.assertEqual((line["level"], line["event"]), ("critical", "it failed"))
        self.assertIn("JSONDecodeError: ", line["traceback"])

    def test_format_that_does_not_fit(self) -> None:
        """A defect in logging is logged."""
        self.log.info("{missing}")
        self.log.info("no format at all: {0}")
        self.assertEqual(len(self.lines()), 2)


@implementer(ILogObserver)
class Observer:
    """Somebody else's."""

    def __call__(self, event: LogEvent) -> None:
        """Do nothing."""


class PlaceTests(SynchronousTestCase):
    """Where twistd's options have it written; the processes are in the tests of integration."""

    def chosen(self, options: dict[str, Any]) -> Callable[[LogEvent], None] | None:
        """Return what twistd is given to write its log with."""
        application = Componentized()
        write_json(application, options)
        found: Callable[[LogEvent], None] | None = application.getComponent(ILogObserver, None)
        return found

    def test_file(self) -> None:
        """`--logfile`: there, and a new file when the old one is full, as twistd has it."""
        name = self.mktemp()
        observer = json_observer({"logfile": name, "nodaemon": False})
        Logger(observer=observer, namespace="a").info("안녕 {name}", name=secrets.token_hex(400_000))  # type: ignore[arg-type]
        Logger(observer=observer, namespace="a").info("again")  # type: ignore[arg-type]
        Logger(observer=observer, namespace="a").info("and again")  # type: ignore[arg-type]
        written = Path(f"{name}.1").read_text() + Path(name).read_text()
        events = [json.loads(line)["event"] for line in written.splitlines()]
        self.assertEqual(events[1:], ["again", "and again"])

    def test_standard_output(self) -> None:
        """Without a daemon: standard output; a daemon has none."""
        self.assertIsInstance(json_observer({"nodaemon": True}), FileLogObserver)
        with self.assertRaises(SystemExit) as raised:
            json_observer({"logfile": "-", "nodaemon": False})
        self.assertIn("Daemons cannot log to stdout", str(raised.exception))

    def test_syslog(self) -> None:
        """`--syslog`: the same lines, with the priority of their level."""
        self.assertIsInstance(json_observer({"syslog": True, "prefix": "assa"}), SyslogObserver)
        written: list[tuple[int, Any]] = []
        observer = SyslogObserver(lambda priority, line: written.append((priority, json.loads(line))))
        log = Logger(observer=observer, namespace="assa.test")
        log.info("안녕\n하세요")
        log.error("oh")
        self.assertEqual([priority for priority, _ in written], [syslog.LOG_INFO, syslog.LOG_ERR])
        self.assertEqual([line["event"] for _, line in written], ["안녕\n하세요", "oh"])

    def test_own_observer_wins(self) -> None:
        """`--logger` is what the operator wants."""
        self.assertIsNone(self.chosen({"logger": Observer, "nodaemon": True}))
        self.assertIsInstance(self.chosen({"logger": None, "nodaemon": True}), FileLogObserver)
        self.assertIsInstance(self.chosen({"nodaemon": True}), FileLogObserver)

"""`assa.mock` in memory: each fault as a client sees it, and that real clients survive all of them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assa.cli import make_parser
from assa.cli.mock import _conditions, _faults
from assa.client import Online
from assa.limits import Limits
from assa.mock import (
    Conditions,
    Cut,
    Fault,
    Item,
    Late,
    Message,
    OneOfEvery,
    RefuseResumes,
    Stall,
    cut,
    delay,
    drop_answers,
    is_answer,
    make_mock,
    stall,
)
from assa.mock.faults import MakeFault
from assa.mock.narration import Narration
from assa.protocol import CreateRoom, JoinRoom
from tests.fronts import masked
from tests.mocks import FRONTS, Stage, Talker
from tests.world import START_S, UNLIMITED, Client, codes

LATER_S = 30.0
"""Longer than anything is late."""
TRIES = 20
"""More than any fault makes necessary."""


def numbered(client: Client, room_id: int, count: int) -> list[str]:
    """Send so many texts at once and return their seq_ids."""
    texts = [{"room_id": room_id, "content": f"t{n}", "message_type": "text"} for n in range(count)]
    seq_ids = client.begin(*(client.request("SEND_MESSAGE", text) for text in texts))
    client.world.turn()
    return seq_ids


def _text(content: str) -> dict[str, Any]:
    """Return the data of a SEND_MESSAGE to room 1."""
    return {"room_id": 1, "content": content, "message_type": "text"}


def contents(messages: Iterable[dict[str, Any]]) -> list[str]:
    """Return the texts of the messages of others among what was heard."""
    return [one["data"]["content"] for one in messages if one["action"] == "NEW_MESSAGE"]


class PlainTests(SynchronousTestCase):
    def test_serves(self) -> None:
        """Without faults it is the server, over both fronts at once (§1, §5.1)."""
        stage = Stage()
        mina, jun = stage.client("tcp"), stage.client("websocket")
        for user_id, client in enumerate((mina, jun), 1):
            answer = client.connect(stage.mock.token(user_id, f"user{user_id}"))
            self.assertEqual(answer["data"]["user_id"], user_id)
        room_id = stage.room(mina, jun)
        mina.say(room_id, "안녕")
        self.assertEqual(contents(jun.all()), ["안녕"])

    def test_own_tokens(self) -> None:
        """It accepts the tokens of its secret, and no others (v1.1, section 3)."""
        stage = Stage()
        other = make_mock(stage.clock, secret="a secret of somebody else's mock, long enough")
        self.assertEqual(codes([stage.client().connect(other.token(1))]), ["INVALID_TOKEN"])
        for secret in ("short", ""):
            self.assertRaises(ValueError, make_mock, stage.clock, secret=secret)

    def test_rate_limits(self) -> None:
        """It is as strict as the server (v1.1, section 3)."""
        stage = Stage()
        mina = stage.connected(1)
        room_id = stage.room(mina)
        for _ in range(10):
            numbered(mina, room_id, 12)
        self.assertIn("RATE_LIMITED", codes(mina.all()))

    def test_stop(self) -> None:
        """It ends as a server does: with an announcement and a resumable close (v1.1, section 9)."""
        for front in FRONTS:
            stage = Stage(front=front)
            mina = stage.connected(1)
            stopped = stage.mock.stop()
            stage.pass_time(0.5)
            self.assertEqual(mina.heard("SERVER_ANNOUNCEMENT")["data"]["announcement_type"], "shutdown")
            self.assertTrue(mina.closed)
            stage.pass_time(4)
            self.successResultOf(stopped)
            self.assertEqual(stage.mock.lines, [])


class DropTests(SynchronousTestCase):
    def test_one_of_every(self) -> None:
        """One of every N answers is lost, and only its answer: the message is stored and heard."""
        stage = Stage([drop_answers(4)])
        mina, jun = _room_of_two_with(stage)
        asked = numbered(mina, 1, 40) + numbered(mina, 1, 40)
        got = {one["seq_id"] for one in mina.all() if one["action"] == "SEND_MESSAGE_RESPONSE"}
        self.assertIn(len(set(asked) - got), (19, 20, 21))  # the first four began before
        self.assertEqual(len(contents(jun.all())), 80)

    def test_connect(self) -> None:
        """A CONNECT that gets no answer leaves its connection silent: events have no place before it."""
        stage = Stage([drop_answers(1)])
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1)})
        mina.tell("PING")
        stage.pass_time(60)
        self.assertEqual((mina.all(), mina.closed), ([], False))

    def test_no_answers(self) -> None:
        """What is no answer is not lost: PING, and errors without a request."""
        self.assertFalse(is_answer({"action": "PING", "timestamp": "", "seq_id": "s-1"}))
        self.assertFalse(
            is_answer({"action": "ERROR", "success": False, "data": {"original_action": None}, "seq_id": "s"})
        )
        self.assertTrue(
            is_answer({"action": "ERROR", "success": False, "data": {"original_action": "X"}, "seq_id": "q"})
        )

    def test_choice(self) -> None:
        """Exactly one of each N is chosen; the same seed chooses the same ones, another one others."""

        def chosen(seed: int) -> list[bool]:
            it = OneOfEvery(5, Random(seed))
            return [it() for _ in range(100)]

        first = chosen(1)
        self.assertEqual([sum(first[n : n + 5]) for n in range(0, 100, 5)], [1] * 20)
        self.assertEqual({first[n : n + 5].index(True) for n in range(0, 100, 5)}, {0, 1, 2, 3, 4})
        self.assertEqual(first, chosen(1))
        self.assertNotEqual(first, chosen(2))
        self.assertRaises(ValueError, OneOfEvery, 0)


class DelayTests(SynchronousTestCase):
    def test_late_and_in_order(self) -> None:
        """Everything takes at least the least and at most the most, and stays in order."""
        for front in FRONTS:
            stage = Stage([delay(1.0, 3.0)], front=front)
            mina = stage.client()
            seq_ids = mina.begin(
                mina.request("CONNECT", {"jwt_token": stage.mock.token(1)}),
                *(mina.request("LIST_ROOMS", {}) for _ in range(10)),
            )
            stage.pass_time(0.9)
            self.assertEqual(mina.all(), [])
            stage.pass_time(2.2)
            self.assertEqual([one["seq_id"] for one in mina.all()], seq_ids)

    def test_spread(self) -> None:
        """How long it takes differs from message to message."""
        stage = Stage([delay(0.0, 2.0)])
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1)})
        stage.pass_time(LATER_S)
        took = []
        for _ in range(10):
            begun = stage.clock.seconds()
            mina.all()
            mina.tell("LIST_ROOMS", {})
            while not mina.all() and stage.clock.seconds() < begun + LATER_S:
                stage.pass_time(0.05)
            took.append(round(stage.clock.seconds() - begun, 2))
        self.assertGreater(len(set(took)), 5)
        self.assertLess(max(took), 2.1)

    def test_lost_meanwhile(self) -> None:
        """What is on its way to a client that has gone troubles nobody."""
        stage = Stage([delay(1.0, 1.0)])
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1)})
        mina.drop()
        self.assertEqual(stage.mock.lines, [])
        stage.pass_time(LATER_S)

    def test_farewell(self) -> None:
        """The last line of a connection is late as well, and closes it then."""
        stage = Stage([delay(1.0, 1.0)])
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1)})
        stage.pass_time(1.1)
        mina.tell("DISCONNECT", {})
        stage.pass_time(0.9)
        self.assertFalse(mina.closed)
        stage.pass_time(0.2)
        self.assertEqual(mina.actions(), ["CONNECT_RESPONSE", "DISCONNECT_RESPONSE"])
        self.assertTrue(mina.closed)


class CutTests(SynchronousTestCase):
    def test_half_a_line(self) -> None:
        """Half of a line arrives, without its LF, and the connection ends; the session can be resumed."""
        stage = Stage([cut(3)], front="tcp")
        mina, half = _until_closed(stage)
        self.assertNotIn(b"\n", half)
        self.assertTrue(half.startswith(b'{"action":"LIST_ROOMS_RESPONSE"'), half)
        whole = len(json.dumps({"action": "LIST_ROOMS_RESPONSE"}))
        self.assertGreater(len(half), whole // 2)
        self.assertTrue(_back(stage, mina)["resumed"])

    def test_half_a_frame(self) -> None:
        """Over WebSocket half a frame arrives, and no Close frame."""
        stage = Stage([cut(3)], front="websocket")
        _, rest = _until_closed(stage)
        size = rest[1] if rest[1] < 126 else int.from_bytes(rest[2:4])
        self.assertEqual(rest[0], 0x81)  # the last frame of a text
        self.assertLess(len(rest) - (2 if rest[1] < 126 else 4), size)

    def test_nothing_behind(self) -> None:
        """After the cut nothing comes any more, and nothing is taken any more."""
        stage = Stage([cut(1)], front="tcp")
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1)})
        half = mina.transport.value()
        self.assertTrue(mina.transport.disconnecting)
        mina.tell("CREATE_ROOM", {"name": "방"})
        stage.pass_time(1)
        self.assertEqual(mina.transport.value(), half)


class StallTests(SynchronousTestCase):
    def test_silence(self) -> None:
        """The connection falls silent in both directions and stays open, as that of a phone in a tunnel."""
        for front in FRONTS:
            stage = Stage([stall(4, Random(1))], front=front)
            mina = stage.connected(1)
            for _ in range(4):
                mina.tell("CREATE_ROOM", {"name": "방"})
            got = len(mina.all())
            self.assertIn(got, (0, 1, 2))
            stage.pass_time(200, step=1)
            self.assertEqual((mina.all(), mina.closed), ([], False))
            mina.protocol.dataReceived(masked(9))  # not even a PONG of WebSocket's
            stage.turn()
            self.assertEqual(mina.transport.value(), b"")
            # The room whose answer did not arrive is there; what was asked after it has not come through.
            self.assertEqual(len(_back(stage, mina)["existing_rooms"]), got + 1)


class PiecesTests(SynchronousTestCase):
    def test_pieces(self) -> None:
        """Everything arrives in pieces of at most 16 bytes, complete, Korean text cut in the middle too."""
        stage = Stage(conditions=Conditions(in_pieces=True), front="tcp")
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1, "미나")})
        pieces = []
        for _ in range(200):
            stage.pass_time(0.001, step=0.001)
            pieces.append(mina.transport.value())
            mina.transport.clear()
        self.assertLessEqual(max(map(len, pieces)), 16)
        self.assertEqual(json.loads(b"".join(pieces))["message"], "연결이 성공적으로 설정되었습니다")

    def test_close(self) -> None:
        """A connection is closed when all has arrived."""
        stage = Stage(conditions=Conditions(in_pieces=True), front="tcp")
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1)})
        stage.pass_time(1, step=0.001)
        mina.tell("DISCONNECT", {})
        self.assertFalse(mina.closed)
        stage.pass_time(1, step=0.001)
        self.assertEqual(mina.actions(), ["CONNECT_RESPONSE", "DISCONNECT_RESPONSE"])
        self.assertTrue(mina.closed)

    def test_too_much(self) -> None:
        """A client for whom too much waits is a slow one here too (v1.1, section 10)."""
        limits = Limits(outgoing_bytes=50_000)
        stage = Stage(
            conditions=Conditions(in_pieces=True, limits=limits, rate_limits=UNLIMITED), front="tcp"
        )
        mina, jun = _room_of_two_with(stage)
        for _ in range(30):
            mina.tell("SEND_MESSAGE", _text("가" * 2_000))
            mina.tell("SEND_MESSAGE", _text("가" * 2_000))
            stage.pass_time(0.02, step=0.001)
        connection: Any = jun.protocol
        self.assertTrue(connection.disconnecting)
        self.assertLess(len(connection._waiting), 200_000)

    def test_cut(self) -> None:
        """With a cut, half of a line arrives piece by piece."""
        stage = Stage([cut(1)], Conditions(in_pieces=True), front="tcp")
        mina = stage.client()
        mina.tell("CONNECT", {"jwt_token": stage.mock.token(1)})
        stage.pass_time(1, step=0.001)
        self.assertTrue(mina.transport.disconnecting)
        self.assertTrue(mina.transport.value().startswith(b'{"action":"CONNECT_RESPONSE"'))
        self.assertNotIn(b"\n", mina.transport.value())


class UnavailableTests(SynchronousTestCase):
    def test_refused(self) -> None:
        """One of every N requests is refused with SERVICE_UNAVAILABLE, in its order, and changes nothing."""
        stage = Stage(conditions=Conditions(unavailable_every=4))
        mina, jun = _room_of_two_with(stage)
        asked = numbered(mina, 1, 16)
        answers = [one for one in mina.all() if "success" in one]
        self.assertEqual([one["seq_id"] for one in answers], asked)
        refused = [one for one in answers if not one["success"]]
        self.assertIn(len(refused), (3, 4, 5))
        self.assertEqual(set(codes(refused)), {"SERVICE_UNAVAILABLE"})
        self.assertEqual({one["data"]["retry_after_ms"] for one in refused}, {1_000})
        self.assertEqual(len(contents(jun.all())), 16 - len(refused))


class ResumeTests(SynchronousTestCase):
    def test_refused(self) -> None:
        """No session is resumed: a new one, `resumed: false`, and nothing replayed (§10.3)."""
        stage = Stage([RefuseResumes])
        mina, jun = _room_of_two_with(stage)
        jun.drop()
        mina.say(1, "놓친 말")
        again = stage.resumed(jun)
        info = again.welcome["data"]["reconnection_info"]
        self.assertEqual((info["resumed"], info["replayed_events"]), (False, 0))
        self.assertNotEqual(again.session_id, jun.session_id)
        self.assertEqual(contents(again.all()), [])
        missed = again.ask("CHECK_RECEIVE", {"room_id": 1, "message_ids": []})["data"]["pending_messages"]
        self.assertEqual([one["content"] for one in missed], ["놓친 말"])

    def test_strange_connects(self) -> None:
        """A CONNECT without usable data is left to the server."""
        stage = Stage([RefuseResumes])
        mina = stage.client()
        self.assertEqual(mina.refused("CONNECT"), "AUTH_FAILED")
        self.assertEqual(mina.refused("CONNECT", [1]), "INVALID_MESSAGE")


class TokenTests(SynchronousTestCase):
    conditions = Conditions(token_lifetime_s=10)

    def test_expires(self) -> None:
        """TOKEN_EXPIRING at half of its life, the close at half as much after it (v1.1, section 3)."""
        stage = Stage(conditions=self.conditions)
        mina = stage.connected(1)
        stage.pass_time(4)
        self.assertEqual(mina.all(), [])
        stage.pass_time(2)
        self.assertEqual(mina.heard("TOKEN_EXPIRING")["data"]["expires_at"], "2024-01-01T12:00:10.000Z")
        stage.pass_time(8)
        self.assertFalse(mina.closed)
        stage.pass_time(2)
        self.assertEqual(codes(mina.all()), ["INVALID_TOKEN"])
        self.assertTrue(mina.closed)

    def test_renewed(self) -> None:
        """A second CONNECT begins another life, even with the same token; so does a new connection."""
        stage = Stage(conditions=self.conditions)
        mina = stage.connected(1)
        stage.pass_time(8)
        mina.heard("TOKEN_EXPIRING")
        self.assertTrue(mina.connect(mina.token)["success"])
        stage.pass_time(4)
        self.assertEqual((mina.all(), mina.closed), ([], False))
        stage.pass_time(11.5)
        self.assertEqual(mina.actions(), ["TOKEN_EXPIRING", "ERROR"])
        self.assertTrue(stage.resumed(mina).welcome["success"])

    def test_own_end(self) -> None:
        """A token does not live longer than it says itself."""
        stage = Stage(conditions=Conditions(token_lifetime_s=1_000))
        mina = stage.client()
        self.assertTrue(mina.connect(stage.mock.token(1, lifetime_s=100))["success"])
        stage.pass_time(50, step=1)
        self.assertIn("TOKEN_EXPIRING", mina.actions())


class RestartTests(SynchronousTestCase):
    def test_restart(self) -> None:
        """It announces its end, is away for a second, and is back with everything: resuming is complete."""
        for front in FRONTS:
            stage = Stage(front=front)
            mina, jun = _room_of_two_with(stage)
            jun.drop()
            mina.say(1, "놓친 말")
            restarted = stage.mock.restart()
            stage.pass_time(0.5)
            announced = mina.heard("SERVER_ANNOUNCEMENT")["data"]
            self.assertEqual(announced["announcement_type"], "shutdown")
            self.assertEqual(announced["reconnect_after_ms"], 1_000)
            self.assertTrue(mina.closed)
            self.assertIsNone(stage.mock.tcp.buildProtocol(None))
            self.assertIsNone(stage.mock.http.buildProtocol(None))
            stage.pass_time(4)
            self.successResultOf(restarted)
            again = stage.resumed(jun)
            self.assertTrue(again.welcome["data"]["reconnection_info"]["resumed"])
            self.assertEqual(contents(again.all()), ["놓친 말"])

    def test_stopped_meanwhile(self) -> None:
        """It can be stopped while it is away, and stays away."""
        stage = Stage()
        stage.connected(1).drop()
        stage.mock.restart()
        stage.pass_time(0.5)
        stopped = stage.mock.stop()
        stage.pass_time(3)
        self.successResultOf(stopped)
        self.assertIsNone(stage.mock.tcp.buildProtocol(None))
        self.assertEqual(stage.clock.getDelayedCalls(), [])

    def test_again_and_again(self) -> None:
        """It does so every so many seconds."""
        stage = Stage(conditions=Conditions(restart_every_s=10))
        for _ in range(3):
            stage.pass_time(6)
            mina = stage.connected(1)
            self.assertFalse(mina.closed)
            stage.pass_time(4.5)
            self.assertTrue(mina.closed)
            mina.drop()


class FullTests(SynchronousTestCase):
    def test_full(self) -> None:
        """Who is too many gets SERVER_FULL, when to try again, and a close (v1.1, section 3)."""
        stage = Stage(conditions=Conditions(limits=Limits(connections=1)))
        stage.connected(1)
        jun = stage.client()
        answer = jun.connect(stage.mock.token(2))
        self.assertEqual(codes([answer]), ["SERVER_FULL"])
        self.assertGreater(answer["data"]["retry_after_ms"], 0)
        self.assertTrue(jun.closed)


# --- Faults of one's own ---


class Everything(Fault):
    """Does something of each kind, by the text of a message."""

    def outgoing(self, message: Message) -> Iterable[Item]:
        """Do what the text of a broadcast says."""
        if message["action"] != "NEW_MESSAGE":
            return [message]
        data = message["data"]
        match data["content"]:
            case "twice":
                return [message, message]
            case "changed":
                data["content"] = "other"
                return [message]
            case "bytes":
                return [b"not even JSON\n", message]
            case "late":
                return [Late(message, 2), message]
            case "cut":
                return [Cut(message), message]
            case "stall":
                return [Stall(), message]
            case "none":
                return []
            case _:
                return [message]

    def incoming(self, message: Message) -> Message | None:
        """Do what the text of a message says."""
        data = message.get("data")
        match data.get("content") if isinstance(data, dict) else None:
            case "lost":
                return None
            case "stored twice":
                self.line.receive(message | {"seq_id": "own"})
            case "told":
                self.line.send({"action": "SDP", "data": {"user": self.line.user_id}, "seq_id": "x"})
            case "replaced":
                return message | {"action": "NO_SUCH_ACTION"}
            case "everybody":
                for line in self.line.lines:
                    line.abort()
            case "closed":
                self.line.close()
        return message


class OwnFaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have two in a room."""
        self.stage = Stage([Everything], front="tcp")
        self.mina, self.jun = _room_of_two_with(self.stage)

    def heard(self, *texts: str) -> list[str]:
        """Have mina say something, and return what jun hears."""
        for text in texts:
            self.mina.tell("SEND_MESSAGE", {"room_id": 1, "content": text, "message_type": "text"})
        return contents(self.jun.all())

    def test_outgoing(self) -> None:
        """A message arrives as often, and as, the fault has it; others are not concerned."""
        self.assertEqual(self.heard("twice", "changed", "none", "b"), ["twice", "twice", "other", "b"])

    def test_bytes(self) -> None:
        """Bytes go out as they are."""
        self.mina.tell("SEND_MESSAGE", {"room_id": 1, "content": "bytes", "message_type": "text"})
        self.assertTrue(self.jun.transport.value().startswith(b'not even JSON\n{"action":"NEW_MESSAGE"'))

    def test_late(self) -> None:
        """What is late holds up what comes after it, whoever sends it."""
        self.assertEqual(self.heard("late", "a"), [])
        self.jun.tell("SEND_MESSAGE", {"room_id": 1, "content": "told", "message_type": "text"})
        self.assertEqual(self.jun.all(), [])
        self.stage.pass_time(2.1)
        actions = [one["action"] for one in self.jun.inbox] or self.jun.actions()
        self.assertEqual(actions, ["NEW_MESSAGE"] * 3 + ["SDP", "SEND_MESSAGE_RESPONSE"])

    def test_ends(self) -> None:
        """After a cut, or when it has stalled, nothing comes."""
        self.heard("cut")
        self.assertTrue(self.jun.transport.disconnecting)
        jun = self.stage.connected(2)
        self.mina.tell("SEND_MESSAGE", {"room_id": 1, "content": "stall", "message_type": "text"})
        self.assertEqual(self.heard("a"), [])
        self.assertEqual((jun.all(), jun.closed), ([], False))

    def test_incoming(self) -> None:
        """The server gets what the fault makes of a message, and what it sends in the client's name."""
        self.assertEqual(self.heard("lost", "stored twice"), ["stored twice", "stored twice"])
        self.assertIn("own", [one["seq_id"] for one in self.mina.all()])
        self.heard("replaced")
        self.assertEqual(codes(self.mina.all()), ["UNKNOWN_ACTION"])

    def test_send(self) -> None:
        """A fault can send messages of its own, and knows whose connection it is."""
        self.heard("told")
        self.assertEqual(self.mina.heard("SDP")["data"], {"user": 1})

    def test_abort(self) -> None:
        """A fault can lose connections, those of others too, and close them."""
        self.heard("everybody")
        self.assertTrue(self.mina.lost)
        self.assertTrue(self.jun.lost)
        mina = self.stage.connected(1)
        mina.tell("SEND_MESSAGE", {"room_id": 1, "content": "closed", "message_type": "text"})
        self.assertTrue(mina.closed)

    def test_chain(self) -> None:
        """Faults apply one after the other; what is no message any more passes the later ones."""

        class Louder(Fault):
            def outgoing(self, message: Message) -> Iterable[Item]:
                if message["action"] == "NEW_MESSAGE":
                    message["data"]["content"] += "!"
                return [message]

        stage = Stage([Everything, Louder, Louder, delay(1, 1)])
        mina, jun = _room_of_two_with(stage)
        for text in ("twice", "late"):
            mina.tell("SEND_MESSAGE", {"room_id": 1, "content": text, "message_type": "text"})
        stage.pass_time(LATER_S)
        self.assertEqual(contents(jun.all()), ["twice!!", "twice!!", "late", "late!!"])

    def test_no_json(self) -> None:
        """What is no message passes the faults and is refused by the server (§9.1)."""
        self.mina.send_bytes(b"[1]\n{\n")
        self.assertEqual(codes(self.mina.all()), ["INVALID_MESSAGE"] * 2)

    def test_nesting(self) -> None:
        """What is nested deeper than anybody needs is refused by the server, and hurts nothing (v1.1)."""
        for depth in (100, 300, 2_000):
            deep = "[" * depth + "]" * depth
            self.mina.send_bytes(b'{"action":"LIST_ROOMS","seq_id":"q","data":%b}\n' % deep.encode())
            self.assertEqual(codes(self.mina.all()), ["INVALID_MESSAGE"])

    def test_slow_consumer(self) -> None:
        """Who does not read is told so even so, and what waited for him is dropped (v1.1, section 10)."""
        stage = Stage([delay(1, 1)], Conditions(limits=Limits(outgoing_bytes=2_000)), front="tcp")
        mina, jun = _room_of_two_with(stage)
        jun.transport.producer.pauseProducing()
        numbered(mina, 1, 16)
        stage.pass_time(3)
        self.assertTrue(jun.transport.disconnecting)
        last = jun.transport.value().splitlines()[-1]
        self.assertEqual(json.loads(last)["error_code"], "SLOW_CONSUMER")


def _room_of_two_with(stage: Stage) -> tuple[Client, Client]:
    """Return two users in room 1, whatever the faults do to getting there."""
    mina, jun = (_logged_in(stage, user_id) for user_id in (1, 2))
    _insist(mina, "CREATE_ROOM", {"name": "방", "is_open": True})
    _insist(jun, "JOIN_ROOM", {"room_id": 1})
    for one in (mina, jun):
        one.all()
    return mina, jun


def _logged_in(stage: Stage, user_id: int) -> Client:
    for _ in range(TRIES):
        client = stage.client()
        token = stage.mock.token(user_id, f"user{user_id}")
        welcome = _answer(client, "CONNECT", {"jwt_token": token})
        if welcome:
            return _know(client, token, welcome)
    raise AssertionError("no CONNECT has succeeded")


def _know(client: Client, token: str, welcome: dict[str, Any]) -> Client:
    client.token, client.session_id = token, welcome["session_id"]
    client.last_seq_id = welcome["reconnection_info"]["last_seq_id"]
    return client


def _insist(client: Client, action: str, data: dict[str, Any]) -> None:
    """Ask until it has worked."""
    created = action == "CREATE_ROOM"
    for _ in range(TRIES):
        if _answer(client, action, data) or (created and _answer(client, "ROOM_INFO", {"room_id": 1})):
            return
    raise AssertionError(f"no {action} has succeeded")


def _answer(client: Client, action: str, data: dict[str, Any], **envelope: Any) -> Any:
    """Ask, and return the data of the answer; None if there is none within some seconds."""
    client.tell(action, data, **envelope)
    for _ in range(100):
        answers = [one for one in client.all() if "success" in one]
        if answers:
            return answers[0]["data"] if answers[0]["success"] else None
        client.world.pass_time(0.05)
    return None


def _back(stage: Stage, before: Client) -> Any:
    """Connect in the place of another connection until that works, and return the reconnection_info."""
    for _ in range(TRIES):
        data = {"jwt_token": before.token, "last_seq_id": before.last_seq_id}
        welcome = _answer(stage.client(), "CONNECT", data, session_id=before.session_id)
        if welcome:
            return welcome["reconnection_info"]
    raise AssertionError("no CONNECT has succeeded")


def _until_closed(stage: Stage) -> tuple[Client, bytes]:
    """Ask until a connection closes in the middle; return it, and what came of the last message."""
    mina = _logged_in(stage, 1)
    for _ in range(TRIES):
        if mina.transport.disconnecting:
            return mina, mina.transport.value()
        mina.all()
        mina.tell("LIST_ROOMS", {})
    raise AssertionError("the connection was not cut")


# --- What is told ---


class NarrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Listen."""
        self.said: list[str] = []

    def stage(self, *faults: MakeFault, **options: Any) -> Stage:
        """Return a mock that tells what happens."""
        return Stage(faults, watch=Narration(self.said.append, lambda: START_S), **options)

    @property
    def all(self) -> str:
        """Everything that was said."""
        return "\n".join(self.said)

    def test_conversation(self) -> None:
        """Each message is a line: the connection, the user, the direction, what it is and its data."""
        stage = self.stage(front="tcp")
        mina = stage.connected(1)
        mina.ask("CREATE_ROOM", {"name": "방"}, seq_id="q-1")
        mina.ask("JOIN_ROOM", {"room_id": 7}, seq_id="q-2")
        mina.ask("DISCONNECT", {})
        lines = [line.split(" ", 1)[1] for line in self.said]
        self.assertEqual(lines[0], "#1 opened: tcp, from 192.0.2.1")
        self.assertRegex(lines[1], r'^#1 > CONNECT q\d+ \{"jwt_token":"\(token\)"\}$')
        self.assertIn('#1 user 1 > CREATE_ROOM q-1 {"name":"방"}', lines)
        self.assertTrue(any(line.startswith("#1 user 1 < CREATE_ROOM_RESPONSE q-1 {") for line in lines))
        self.assertTrue(any(line.startswith("#1 user 1 < ERROR q-2 ROOM_NOT_FOUND {") for line in lines))
        self.assertEqual(lines[-1], "#1 user 1 closed by the server: DISCONNECT")
        mina.drop()
        self.assertTrue(self.said[-1].endswith("#1 user 1 gone"))

    def test_no_token(self) -> None:
        """A token is never told, wherever the client has put it."""
        stage = self.stage()
        token = stage.mock.token(1)
        mina = stage.client()
        mina.connect(token)
        mina.ask(token, {"x": {"y": [token]}}, seq_id=f"seq {token}"[:128])
        mina.ask("SEND_MESSAGE", {"room_id": 1, "content": token, "message_type": "text"})
        mina.send_bytes(token.encode() + b"\n")
        mina.ask("CONNECT", {"jwt_token": "no.token"})
        mina.ask("CONNECT", {"auth": [{"accessToken": "no.token"}]})
        head, payload, signature = token.split(".")
        for secret in (head, payload, signature, "no.token"):
            self.assertNotIn(secret, self.all)

    def test_faults(self) -> None:
        """What a fault does to a message is told with it."""

        class Odd(Fault):
            def outgoing(self, message: Message) -> Iterable[Item]:
                return {
                    "none": [],
                    "late": [Late(message, 0.25)],
                    "bytes": [b"xyz\n"],
                    "cut": [Cut(message)],
                    "stall": [Stall()],
                }.get(message["seq_id"], [message])

            def incoming(self, message: Message) -> Message | None:
                return None if message["seq_id"] == "lost" else message

        stage = self.stage(Odd)
        for how in ("none", "late", "bytes", "lost", "cut", "stall"):
            mina = stage.connected(1)
            mina.tell("LIST_ROOMS", {}, seq_id=how)
            stage.pass_time(1)
        lines = "\n".join(line for line in self.said if "< " in line or "lost" in line)
        self.assertIn('< LIST_ROOMS_RESPONSE none {"rooms":[]}  LOST', lines)
        self.assertIn('< LIST_ROOMS_RESPONSE late {"rooms":[]}  250 ms LATE', lines)
        self.assertIn("< 4 bytes that are no message", lines)
        self.assertIn("> LIST_ROOMS lost {}  LOST", lines)
        self.assertIn('< LIST_ROOMS_RESPONSE cut {"rooms":[]}  CUT in the middle', lines)
        self.assertIn("<   STALLED", lines)

    def test_harmless(self) -> None:
        """What a client sends does not steer the terminal, and is shortened when it is long."""
        stage = self.stage()
        mina = stage.connected(1)
        mina.ask("A\x1b[2J\u202e", {"x": "y" * 1_000})
        mina.send_bytes(b"\x1b[2J\n")
        self.assertNotRegex(self.all, "[\x1b\u202e]")
        self.assertIn("A\\u001b[2J\\u202e", self.all)
        self.assertIn("y… (1008 characters)", self.all)
        self.assertIn("> 4 bytes that are no message", self.all)


# --- The command ---


class CommandTests(SynchronousTestCase):
    def parsed(self, *arguments: str) -> Any:
        """Return the arguments of a command line."""
        return make_parser().parse_args(["mock", *arguments])

    def test_faults(self) -> None:
        """Each switch is a fault, and they come in the order in which they make sense: delays last."""
        self.assertEqual(_faults(self.parsed(), Random(1)), [])
        switches = "--delay 5-10 --cut-every 3 --stall-every 3 --drop-every 3 --refuse-resumes"
        faults = _faults(self.parsed(*switches.split()), Random(1))
        self.assertEqual(len(faults), 5)
        self.assertIs(faults[0], RefuseResumes)
        (late,) = faults[-1](None).outgoing({})  # type: ignore[arg-type]
        assert isinstance(late, Late)
        self.assertTrue(0.005 <= late.seconds <= 0.01)

    def test_conditions(self) -> None:
        """The other switches are what the server is like."""
        self.assertEqual(_conditions(self.parsed()), Conditions())
        switches = (
            "--slow-bytes --token-lifetime 20 --restart-every 30.5 --unavailable-every 7 --max-clients 0"
        )
        self.assertEqual(
            _conditions(self.parsed(*switches.split())),
            Conditions(
                in_pieces=True,
                token_lifetime_s=20,
                restart_every_s=30.5,
                unavailable_every=7,
                limits=Limits(connections=0),
            ),
        )

    def test_delay(self) -> None:
        """A delay is milliseconds, or a range of them."""
        self.assertEqual(self.parsed("--delay", "50").delay, (0.05, 0.05))
        self.assertEqual(self.parsed("--delay", "0-60000").delay, (0, 60))

    def test_mistakes(self) -> None:
        """A wrong command line has status 2, and says what is expected."""
        for arguments, words in (
            ("--delay 300-200", "the smaller number first"),
            ("--delay 1-", "expected 0 to 60000"),
            ("--cut-every 0", "expected 1 to"),
            ("--token-lifetime soon", "expected 1 to 86400 seconds"),
            ("--port 65536", "expected 0 to 65535"),
            ("--secret x --secret-file y", "not allowed with"),
        ):
            said = io.StringIO()
            with self.assertRaises(SystemExit) as ended, contextlib.redirect_stderr(said):
                self.parsed(*arguments.split())
            self.assertEqual(ended.exception.code, 2)
            self.assertIn(words, said.getvalue())


# --- Real clients ---


class SurvivalTests(SynchronousTestCase):
    """Two programs on the client library write to each other; each hears the other once, and in order."""

    def survive(
        self, *faults: MakeFault, conditions: Conditions | None = None, count: int = 40
    ) -> list[Talker]:
        """Have them talk until all is said and heard."""
        stage = Stage(faults, conditions)
        mina, jun = talkers = [Talker(stage, 1), Talker(stage, 2)]
        texts = {one: [f"{one is mina} {n}" for n in range(count)] for one in talkers}
        done = Deferred.fromCoroutine(self._talk(mina, jun, texts))
        for _ in range(4_000):
            stage.pass_time(0.25)
            if done.called and all(len(one.heard) >= count for one in talkers):
                break
        self.successResultOf(done)
        stage.pass_time(5)  # nothing comes twice later
        self.assertEqual((mina.heard, jun.heard), (texts[jun], texts[mina]))
        return talkers

    async def _talk(self, mina: Talker, jun: Talker, texts: dict[Talker, list[str]]) -> None:
        await mina.connect()
        await jun.connect()
        created = await mina.ask(CreateRoom(name="방", is_open=True))
        await jun.ask(JoinRoom(room_id=created.room_id))
        talking = [Deferred.fromCoroutine(one.say(created.room_id, *texts[one])) for one in (mina, jun)]
        for one in talking:
            await one

    def test_none(self) -> None:
        """Without faults one connection is enough."""
        self.assertEqual([one.way.attempts for one in self.survive()], [1, 1])

    def test_drop(self) -> None:
        """Answers are lost."""
        self.assertGreater(self.survive(drop_answers(5, Random(1)))[0].way.attempts, 2)

    def test_cut(self) -> None:
        """Connections end in the middle of a line."""
        self.assertGreater(self.survive(cut(6, Random(2)))[0].way.attempts, 5)

    def test_stall(self) -> None:
        """Connections fall silent."""
        self.assertGreater(self.survive(stall(15, Random(3)))[1].way.attempts, 2)

    def test_delay(self) -> None:
        """Everything takes its time."""
        self.survive(delay(0.05, 0.4, Random(4)))

    def test_pieces(self) -> None:
        """Everything comes in pieces."""
        self.survive(conditions=Conditions(in_pieces=True), count=5)

    def test_unavailable(self) -> None:
        """Requests are refused for now."""
        self.survive(conditions=Conditions(unavailable_every=4))

    def test_refused_resumes(self) -> None:
        """Connections end, and no session is resumed."""
        talkers = self.survive(RefuseResumes, cut(6, Random(5)))
        welcomes = [state.welcome for one in talkers for state in one.states if isinstance(state, Online)]
        self.assertGreater(len(welcomes), 10)
        self.assertFalse(any(welcome.resumed for welcome in welcomes))

    def test_tokens(self) -> None:
        """Tokens run out, and are renewed in time: one connection is enough."""
        talkers = self.survive(delay(0.2, 0.5, Random(6)), conditions=Conditions(token_lifetime_s=3))
        self.assertEqual([one.way.attempts for one in talkers], [1, 1])

    def test_restarts(self) -> None:
        """The server starts again and again."""
        talkers = self.survive(delay(0.2, 0.5, Random(7)), conditions=Conditions(restart_every_s=4))
        self.assertGreater(talkers[0].way.attempts, 2)

    def test_everything(self) -> None:
        """All of it at once."""
        for seed in range(5):
            random = Random(seed)
            self.survive(
                RefuseResumes,
                drop_answers(15, random),
                stall(40, random),
                cut(12, random),
                delay(0.01, 0.3, random),
                conditions=Conditions(unavailable_every=10, token_lifetime_s=20, restart_every_s=30),
            )

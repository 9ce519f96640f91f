"""Protocol sections 1, 2 and 10: what is understood, what is refused, and how answers are written."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.actions import ALL
from assa.errors import MESSAGES, Code, Refused
from assa.protocol import Event
from assa.schema import omitted
from assa.wire import (
    encode_answer,
    encode_error,
    encode_event,
    encode_signal,
    iso,
    parse,
    with_seq_id,
)
from tests.filing import FileWorld
from tests.world import FRONT

NOW_MS = 1_704_110_400_000
TIME = "2024-01-01T12:00:00.000Z"
UNANSWERED = ("SDP", "ICE_CANDIDATE", "MEDIA_STATUS", "PONG")

_FILES = tempfile.TemporaryDirectory(prefix="assa-wire-")


class Scene:
    """A room with two people who are also in its video room, and one good request of every action."""

    def __init__(self, front: str = FRONT) -> None:
        self.world = FileWorld(Path(_FILES.name), front=front)
        self.mina = self.world.client()
        self.mina.connect(self.world.token(1, nickname="mina", scope="admin"))
        self.jun = self.world.connected(2, "jun")
        room_id = self.mina.ask("CREATE_ROOM", {"name": "방", "is_open": True})["data"]["room_id"]
        self.jun.ask("JOIN_ROOM", {"room_id": room_id})
        video = self.mina.ask("CREATE_VIDEO_ROOM", {"chat_room_id": room_id, "video_room_name": "회의"})
        video_room_id = video["data"]["video_room_id"]
        for client in (self.mina, self.jun):
            client.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
        message = {"room_id": room_id, "content": "안녕", "message_type": "text"}
        message_id = self.jun.ask("SEND_MESSAGE", message)["data"]["message_id"]
        self.mina.all()
        room, video_room = {"room_id": room_id}, {"video_room_id": video_room_id}
        image = {
            "file_path": "/storage/a.jpg",
            "file_name": "a.jpg",
            "file_size": 5,
            "mime_type": "image/png",
        }
        device = {"platform": "android", "app_version": "1.0.0", "device_id": "d"}
        self.requests: dict[str, dict[str, Any]] = {
            "CONNECT": {"jwt_token": self.world.token(1), "device_info": device, "last_seq_id": "e1"},
            "DISCONNECT": {"reason": "user_logout"},
            "CREATE_ROOM": {
                "name": "새 방", "description": "설명", "is_open": False, "max_participants": 50,
                "invited_user_ids": [2, 3],
            },
            "JOIN_ROOM": room,
            "EXIT_ROOM": room,
            "ROOM_INFO": room,
            "LIST_ROOMS": {},
            "SEND_MESSAGE": room | {
                "content": "사진", "message_type": "image", "file_info": image,
                "reply_to_message_id": message_id, "client_message_id": "c1",
            },
            "REQUEST_UPLOAD": room | {"file_name": "a.png", "file_size": 5, "mime_type": "image/png"},
            "CHECK_RECEIVE": room | {"message_ids": [message_id]},
            "GET_MESSAGES": room | {"before_message_id": message_id + 1, "limit": 10},
            "INVITE": room | {"invited_user_ids": [2, 3]},
            "CREATE_VIDEO_ROOM": {"chat_room_id": room_id, "video_room_name": "회의", "max_participants": 10},
            "JOIN_VIDEO_ROOM": video_room | {"media_status": {"audio_enabled": True, "video_enabled": False}},
            "SDP": video_room | {"target_user_id": 2, "sdp_type": "offer", "sdp_data": "v=0\r\n"},
            "ICE_CANDIDATE": video_room | {
                "target_user_id": 2, "candidate": "candidate:1", "sdp_mid": "0", "sdp_mline_index": 0,
            },
            "MEDIA_STATUS": video_room | {"audio_enabled": True, "video_enabled": False},
            "EXIT_VIDEO_ROOM": video_room,
            "GET_VIDEO_ROOM_PARTICIPANT": video_room,
            "GET_ICE_SERVERS": video_room,
            "SERVER_ANNOUNCEMENT": {
                "title": "점검", "message": "곧", "priority": "high", "announcement_type": "maintenance",
            },
            "PING": {},
            "PONG": {},
        }  # fmt: skip

    def envelope(self, action: str) -> dict[str, Any]:
        """Return a good request of an action."""
        return {
            "action": action,
            "timestamp": TIME,
            "seq_id": "q",
            "user_id": 1,
            "session_id": "s",
            "data": copy.deepcopy(self.requests[action]),
        }

    def answers(self) -> list[dict[str, Any]]:
        """Return what mina has been answered: all that is no event."""
        return [one for one in self.mina.all() if "success" in one or one["action"] == "PONG"]

    def ask(self, action: str, **data: Any) -> dict[str, Any]:
        """Return the answer to a good request with other values in its data."""
        request = self.envelope(action)
        request["data"] |= data
        self.mina.send(request)
        (answer,) = self.answers()
        return answer


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, 2, 3, -1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**40]),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.sampled_from(
        ["", " ", "\0", "a\0b", "5", "true", "null", "text", "image", "offer", TIME, "e1", "x" * 6_000]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def places(tree: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the paths of all keys of an object, nested ones too."""
    found = []
    for key, value in tree.items():
        found.append((key,))
        if isinstance(value, dict):
            found += [(key, *path) for path in places(value)]
    return found


def spoil(data: st.DataObject, message: dict[str, Any]) -> None:
    """Replace a field of a message by anything, or take it away, or add one."""
    *path, key = data.draw(st.sampled_from(places(message)), label="place")
    inner = message
    for one in path:
        inner = inner[one]
    change = data.draw(st.sampled_from(["replace", "replace", "remove", "add"]), label="change")
    if change == "remove":
        del inner[key]
    else:
        inner[key if change == "replace" else data.draw(texts)] = data.draw(values, label="value")


class AnythingTests(SynchronousTestCase):
    def check(self, scene: Scene, message: Any) -> None:
        """Check that a message has been answered as the protocol says, whatever it was."""
        self.assertEqual(self.flushLoggedErrors(), [])
        answers = scene.answers()
        action = message.get("action") if isinstance(message, dict) else None
        if action not in UNANSWERED:
            self.assertEqual(len(answers), 1)
        for answer in answers:
            self.check_answer(answer, message)
        ended = action == "DISCONNECT" and answers[0]["success"]
        self.assertEqual(scene.mina.closed, ended)
        self.assertFalse(scene.jun.closed)

    def check_answer(self, answer: dict[str, Any], message: Any) -> None:
        """Check one answer: its code, its words and that it belongs to the message."""
        seq_id = message.get("seq_id") if isinstance(message, dict) else None
        if isinstance(seq_id, str) and 1 <= len(seq_id) <= 128:
            self.assertEqual(answer["seq_id"], seq_id)
        self.assertRegex(answer["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        if answer.get("success", True):
            return
        self.assertNotEqual(answer["error_code"], "INTERNAL_ERROR")
        self.assertEqual(answer["message"], MESSAGES[Code(answer["error_code"])])
        if answer["action"] == "ERROR":
            action = message.get("action") if isinstance(message, dict) else None
            self.assertIn(answer["data"]["original_action"], (None, action))
            self.assertTrue(answer["data"]["error_details"])
        else:
            self.assertEqual(answer["action"], "CONNECT_RESPONSE")

    def test_every_action_is_here(self):
        """These tests know a request of every action."""
        self.assertEqual(set(Scene().requests), {*ALL.names(), "PING", "PONG"})

    def test_good_requests(self):
        """The requests that are spoilt below are good before."""
        for action in Scene().requests:
            scene = Scene()
            scene.mina.send(scene.envelope(action))
            for answer in scene.answers():
                self.assertTrue(answer.get("success", True), answer)

    @given(st.data())
    def test_any_values(self, data):
        """Any JSON for any field gets an answer or a code, never a defect or a close (sections 1 and 2)."""
        scene = Scene()
        action = data.draw(st.sampled_from(sorted(scene.requests)), label="action")
        message = scene.envelope(action)
        for _ in range(data.draw(st.integers(1, 3))):
            spoil(data, message)
        scene.mina.send(message)
        self.check(scene, message)

    def test_every_field_with_everything(self):
        """Each field of each action with a value of each kind of JSON, one by one (sections 1 and 2)."""
        kinds = (
            None,
            True,
            0,
            -1,
            5.0,
            2**53,
            2**64,
            "",
            "5",
            "a\0",
            [],
            [None],
            [[1]],
            {},
            {"a": {}},
            "x" * 6_000,
        )
        for action in Scene().requests:
            scene = Scene()
            for path in places(scene.envelope(action)):
                scene.world.pass_time(0.5)  # who makes many errors at once is read more slowly
                for kind in kinds:
                    if scene.mina.closed:
                        scene = Scene()
                    message = inner = scene.envelope(action)
                    for key in path[:-1]:
                        inner = inner[key]
                    inner[path[-1]] = kind
                    scene.mina.send(message)
                    self.check(scene, message)

    @given(values)
    def test_any_message(self, message):
        """Any JSON at all gets a code (section 1: the top-level value must be an object)."""
        scene = Scene()
        scene.mina.send(message)
        self.check(scene, message)

    @given(st.binary(max_size=40))
    def test_any_bytes(self, line):
        """Any line of bytes gets an error at most, and the next line works (section 1)."""
        scene = Scene(front="tcp")
        scene.mina.send_bytes(line.replace(b"\n", b"") + b"\n")
        self.assertLessEqual(len(scene.answers()), 1)
        self.assertEqual(scene.ask("PING")["action"], "PONG")
        self.assertEqual(self.flushLoggedErrors(), [])


class TypeTests(SynchronousTestCase):
    def setUp(self):
        """Have a scene."""
        self.scene = Scene()

    def assertWrong(self, words: str, action: str, **data: Any) -> None:  # noqa: N802 - as unittest names them
        """Check that a request is INVALID_MESSAGE for this reason."""
        answer = self.scene.ask(action, **data)
        self.assertEqual((answer["success"], answer.get("error_code")), (False, "INVALID_MESSAGE"), data)
        self.assertEqual(answer["data"]["error_details"], words)

    def test_integers(self):
        """`"5"`, `true` and `5.0` are no integers (section 1)."""
        for wrong in ("5", True, False, 5.0, 5.5, None, [5], {"a": 5}, 2**64, 10**30):
            self.assertWrong("data.room_id: expected an integer", "ROOM_INFO", room_id=wrong)
            self.assertWrong("data.limit: expected an integer", "GET_MESSAGES", limit=wrong)

    def test_ids(self):
        """Ids are positive and below 2^53 (section 1)."""
        self.assertEqual(self.scene.ask("ROOM_INFO", room_id=2**53 - 1)["error_code"], "ROOM_NOT_FOUND")
        for wrong in (0, -1, 2**53, 2**63 - 1):
            self.assertWrong(f"data.room_id: expected 1 to {2**53 - 1}", "ROOM_INFO", room_id=wrong)

    def test_booleans(self):
        """Only true and false are booleans (section 1)."""
        for wrong in (0, 1, "true", "false", "", [], {}):
            self.assertWrong("data.is_open: expected true or false", "CREATE_ROOM", is_open=wrong)
            self.assertWrong(
                "data.audio_enabled: expected true or false", "MEDIA_STATUS", audio_enabled=wrong
            )

    def test_texts(self):
        """A number is no text (section 1)."""
        for wrong in (5, True, None, ["a"], {"a": "b"}):
            self.assertWrong("data.content: expected a string", "SEND_MESSAGE", content=wrong)

    def test_lists(self):
        """A text or an object is no list, and its items are typed, too (section 1)."""
        for wrong in ("12", {"1": 2}, 5):
            self.assertWrong("data.message_ids: expected a list", "CHECK_RECEIVE", message_ids=wrong)
        for wrong in ("1", True, 1.0, None, [1]):
            self.assertWrong(
                "data.message_ids: every item: expected an integer", "CHECK_RECEIVE", message_ids=[1, wrong]
            )

    def test_bounds(self):
        """What is out of its bounds is INVALID_MESSAGE and is told them (section 10)."""
        for wrong in (1, 1001, 0):
            self.assertWrong(
                "data.max_participants: expected 2 to 1000", "CREATE_ROOM", max_participants=wrong
            )
        for wrong in ("", "가" * 101):
            self.assertWrong("data.name: expected 1 to 100 characters", "CREATE_ROOM", name=wrong)
        self.assertTrue(self.scene.ask("CREATE_ROOM", name="\U0001f600" * 100)["success"])
        ids = list(range(1, 502))
        self.assertWrong("data.message_ids: expected 0 to 500 items", "CHECK_RECEIVE", message_ids=ids)

    def test_nested(self):
        """A field of a field is named by its path (section 2)."""
        for wrong in (5, "a", []):
            self.assertWrong("data.file_info: expected an object", "SEND_MESSAGE", file_info=wrong)
        image = self.scene.requests["SEND_MESSAGE"]["file_info"]
        self.assertWrong(
            "data.file_info.file_size: expected an integer",
            "SEND_MESSAGE",
            file_info=image | {"file_size": "5"},
        )

    def test_required(self):
        """A missing field is named (section 2)."""
        message = self.scene.envelope("ROOM_INFO")
        del message["data"]["room_id"]
        self.scene.mina.send(message)
        (answer,) = self.scene.answers()
        self.assertEqual(answer["data"]["error_details"], "data.room_id: required")

    def test_null(self):
        """Null is allowed where the protocol has it: reply_to_message_id, sdp_mid, sdp_mline_index."""
        self.assertTrue(self.scene.ask("SEND_MESSAGE", reply_to_message_id=None)["success"])
        request = self.scene.envelope("ICE_CANDIDATE")
        request["data"] |= {"sdp_mid": None, "sdp_mline_index": None}
        self.scene.mina.send(request)
        self.assertEqual(self.scene.answers(), [])
        data = self.scene.jun.heard("ICE_CANDIDATE")["data"]
        self.assertEqual((data["sdp_mid"], data["sdp_mline_index"]), (None, None))

    def test_unknown_keys(self):
        """Unknown keys are ignored, at the top and in data (section 1)."""
        message = self.scene.envelope("ROOM_INFO") | {"version": 2}
        message["data"] |= {"verbose": True}
        self.scene.mina.send(message)
        self.assertTrue(self.scene.answers()[0]["success"])

    def test_nul(self):
        """U+0000 in a text that is stored is refused (section 1)."""
        self.assertWrong("data.content: U+0000 is not allowed", "SEND_MESSAGE", content="a\0b")
        self.assertWrong("data.name: U+0000 is not allowed", "CREATE_ROOM", name="a\0")
        self.assertEqual(self.scene.world.query("SELECT count(*) FROM messages"), [(1,)])

    def test_sdp_is_not_changed(self):
        """What is relayed arrives as it was: line breaks, quotes, any script (section 8)."""
        sdp = 'v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n"\\\t\u2028\U0001f600 회의'
        self.scene.mina.send(
            self.scene.envelope("SDP") | {"data": self.scene.requests["SDP"] | {"sdp_data": sdp}}
        )
        self.assertEqual(self.scene.jun.heard("SDP")["data"]["sdp_data"], sdp)


class EnvelopeTests(SynchronousTestCase):
    def setUp(self):
        """Have a scene."""
        self.scene = Scene()

    def answer(self, **fields: Any) -> dict[str, Any]:
        """Return the answer to a PING with other fields; a field that is ... is left out."""
        message = self.scene.envelope("PING") | fields
        self.scene.mina.send({key: value for key, value in message.items() if value is not ...})
        (answer,) = self.scene.answers()
        return answer

    def details(self, **fields: Any) -> str:
        """Return what an envelope is refused for."""
        answer = self.answer(**fields)
        self.assertEqual(answer["error_code"], "INVALID_MESSAGE")
        return answer["data"]["error_details"]

    def test_required(self):
        """action, timestamp and seq_id are required, the others not (section 2)."""
        for name in ("action", "timestamp", "seq_id"):
            self.assertEqual(self.details(**{name: ...}), f"{name}: required")
            self.assertEqual(self.details(**{name: None}), f"{name}: expected a string")
        self.assertEqual(self.answer(user_id=..., session_id=..., data=...)["action"], "PONG")
        self.assertEqual(self.answer(user_id=None, session_id=None, data=None)["action"], "PONG")

    def test_seq_id(self):
        """A text of 1 to 128 characters, which the answer repeats (section 2)."""
        for right in ("a", "가" * 128, ' "\\', "\U0001f600"):
            self.assertEqual(self.answer(seq_id=right)["seq_id"], right)
        for wrong in ("", "x" * 129):
            self.assertEqual(self.details(seq_id=wrong), "seq_id: expected 1 to 128 characters")
        for wrong in (5, True, ["a"], {}):
            self.assertEqual(self.details(seq_id=wrong), "seq_id: expected a string")

    def test_seq_id_of_an_error(self):
        """An error repeats seq_id and action of its request, as far as they were understood (section 2)."""
        answer = self.answer(timestamp=5)
        self.assertEqual((answer["seq_id"], answer["data"]["original_action"]), ("q", "PING"))
        answer = self.answer(seq_id="x" * 129)
        self.assertEqual((answer["seq_id"], answer["data"]["original_action"]), (None, "PING"))
        answer = self.answer(action="X" * 65)
        self.assertEqual((answer["seq_id"], answer["data"]["original_action"]), ("q", None))

    def test_action(self):
        """An action that does not exist is UNKNOWN_ACTION; names are exact (section 10)."""
        for name in ("NONSENSE", "ping", "PING ", "CONNECT_RESPONSE", "NEW_MESSAGE", "__class__", "가"):
            answer = self.answer(action=name)
            self.assertEqual(
                (answer["error_code"], answer["data"]["original_action"]), ("UNKNOWN_ACTION", name)
            )

    def test_timestamp(self):
        """An ISO 8601 date and time, with or without a zone (section 2)."""
        for right in (
            TIME, "2024-01-01T12:00:00", "2024-01-01T12:00:00+09:00", "2024-01-01T12:00:00.123456Z",
            "2024-01-01T12:00:00.123456789Z", "2024-01-01T12:00Z", "20240101T120000Z", "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
        ):  # fmt: skip
            self.assertEqual(self.answer(timestamp=right)["action"], "PONG", right)
        for wrong in (
            "", "now", "2024-01-01", "12:00:00", "1704110400", "2024-13-01T00:00:00Z", "2024-01-01T25:00:00Z",
            "2024-01-01T12:00:00Zzz", "T", " ", TIME * 2,
        ):  # fmt: skip
            self.assertEqual(self.details(timestamp=wrong), "timestamp: expected an ISO 8601 date and time")
        self.assertEqual(self.details(timestamp=1_704_110_400), "timestamp: expected a string")

    def test_user_id(self):
        """Not the connection's own user: PERMISSION_DENIED (section 2)."""
        answer = self.scene.mina.ask("ROOM_INFO", self.scene.requests["ROOM_INFO"], user_id=2)
        self.assertEqual(answer["error_code"], "PERMISSION_DENIED")
        for wrong in (0, 2**53):
            self.assertEqual(self.details(user_id=wrong), f"user_id: expected 1 to {2**53 - 1}")
        self.assertEqual(self.details(user_id="1"), "user_id: expected an integer")

    def test_session_id(self):
        """Elsewhere than in CONNECT any session_id is ignored (section 2)."""
        answer = self.scene.mina.ask("LIST_ROOMS", {}, session_id="of yesterday")
        self.assertTrue(answer["success"])

    def test_data(self):
        """`data` is an object (section 2); without it the fields that an action needs are missing."""
        for wrong in ([], "a", 5, True):
            self.assertEqual(self.details(data=wrong), "data: expected an object")
        for nothing in (..., None):
            answer = self.answer(action="ROOM_INFO", data=nothing)
            self.assertEqual(answer["data"]["error_details"], "data.room_id: required")


def nested(depth: int) -> bytes:
    """Return a PING whose nesting is this deep."""
    inner = b"[" * (depth - 1) + b"]" * (depth - 1)
    return b'{"action":"PING","timestamp":"%b","seq_id":"q","more":%b}' % (TIME.encode(), inner)


class ParseTests(SynchronousTestCase):
    def assertMalformed(self, line: bytes) -> None:  # noqa: N802 - as unittest names them
        """Check that a line is refused."""
        refused = self.assertRaises(Refused, parse, line)
        self.assertEqual(refused.code, Code.INVALID_MESSAGE)

    def test_object(self):
        """The top-level value must be an object, one a line (section 1)."""
        self.assertEqual(parse(b'{"a": 1}'), {"a": 1})
        for wrong in (
            b"[]",
            b"5",
            b'"a"',
            b"null",
            b"true",
            b"{}{}",
            b"{} {}",
            b"{},",
            b"{",
            b"}",
            b"{]",
            b"'a'",
        ):
            self.assertMalformed(wrong)

    def test_pretty_printed(self):
        """Pretty-printed JSON is told what is wrong: one JSON object per line (section 1)."""
        for line in json.dumps({"action": "PING", "data": {"a": [1]}}, indent=2).encode().split(b"\n"):
            refused = self.assertRaises(Refused, parse, line)
            self.assertIn("one JSON object per line", refused.details)

    def test_duplicate_keys(self):
        """Of duplicate keys the last one counts (section 1)."""
        self.assertEqual(parse(b'{"a":1,"a":2}'), {"a": 2})

    def test_numbers(self):
        """NaN and infinities are no JSON (section 1)."""
        for wrong in (
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"nan",
            b"1e999",
            b"-1e999",
            b"01",
            b"+1",
            b".5",
            b"0x1",
        ):
            self.assertMalformed(b'{"a":' + wrong + b"}")

    def test_huge_numbers(self):
        """Numbers of any length are read or refused, and are no integers (section 1)."""
        for digits in (20, 400, 5_000, 100_000):
            try:
                value = parse(b'{"a":' + b"9" * digits + b"}")["a"]
            except Refused:
                continue
            self.assertIsInstance(value, float)

    def test_surrogates(self):
        """Lone surrogates are malformed, pairs are not (section 1)."""
        self.assertEqual(parse(b'{"a":"\\ud83d\\ude00"}'), {"a": "\U0001f600"})
        for wrong in (b"\\ud800", b"\\udc00", b"\\ude00\\ud83d", b"\\ud800x", b"\xed\xa0\x80"):
            self.assertMalformed(b'{"a":"' + wrong + b'"}')

    def test_utf8(self):
        """Invalid UTF-8 is malformed (section 1)."""
        self.assertEqual(parse('{"가":"나"}'.encode()), {"가": "나"})
        for wrong in (
            b"\xff",
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf5\x80\x80\x80",
            b"\xea\xb0",
            b"\x80",
            b"\xfe\xff",
        ):
            self.assertMalformed(b'{"a":"' + wrong + b'"}')
        self.assertMalformed('{"a":"가"}'.encode("utf-16"))
        self.assertMalformed('{"a":"가"}'.encode("cp949"))

    def test_control_characters(self):
        """Raw control characters in a text are malformed; escaped ones are not (JSON)."""
        for raw in (b"\0", b"\x01", b"\t", b"\x1f"):
            self.assertMalformed(b'{"a":"' + raw + b'"}')
        self.assertEqual(parse(b'{"a":"\\u0000\\t"}'), {"a": "\0\t"})

    def test_depth(self):
        """32 levels are allowed, 33 are not (section 1)."""
        self.assertEqual(parse(nested(32))["action"], "PING")
        self.assertMalformed(nested(33))
        self.assertMalformed(nested(1_000))
        self.assertMalformed(nested(100_000))
        self.assertEqual(parse(b'{"a":"' + b"[{" * 500 + b'"}'), {"a": "[{" * 500})
        self.assertEqual(len(parse(b'{"a":[' + b"{}," * 500 + b"{}]}")["a"]), 501)

    def test_depth_of_objects(self):
        """Objects count like lists (section 1)."""
        self.assertTrue(parse(b'{"a":' * 31 + b"{}" + b"}" * 31))
        self.assertMalformed(b'{"a":' * 32 + b"{}" + b"}" * 32)

    @given(
        st.recursive(
            st.just([]), lambda inner: st.lists(inner, max_size=2) | st.builds(lambda x: [[[x]]], inner)
        )
    )
    def test_any_depth(self, tree):
        """The limit is exact whatever the shape."""

        def depth(value: list[Any]) -> int:
            return 1 + max(map(depth, value), default=0)

        for deeper in range(max(0, 29 - depth(tree)), max(0, 34 - depth(tree))):
            value = tree
            for _ in range(deeper):
                value = [value]
            line = json.dumps({"a": value}).encode()
            if 1 + depth(value) > 32:
                self.assertMalformed(line)
            else:
                self.assertEqual(parse(line), {"a": value})


@frozen(kw_only=True)
class Part:
    """Something within an event."""

    text: str
    size: int | None = omitted()


@frozen(kw_only=True)
class Told(Event):
    """An event."""

    action = "TOLD"
    number: int
    nothing: str | None
    parts: list[Part]
    part: Part | None = omitted()


class EncodeTests(SynchronousTestCase):
    def test_iso(self):
        """UTC, milliseconds, Z (section 2)."""
        for at_ms, text in (
            (NOW_MS, TIME),
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (NOW_MS + 999, "2024-01-01T12:00:00.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ):
            self.assertEqual(iso(at_ms), text)

    def test_answer(self):
        """A success has the example's fields, `message` where the example has one (§2.3)."""
        told = Told(number=5, nothing=None, parts=[])
        for message in ("되었습니다", None):
            line = encode_answer("ROOM_INFO", message, told, "q", NOW_MS)
            self.assertTrue(line.endswith(b"}\n"))
            wanted = {"action": "ROOM_INFO_RESPONSE", "success": True}
            wanted |= {"message": message} if message else {}
            wanted |= {
                "data": {"number": 5, "nothing": None, "parts": []},
                "timestamp": TIME,
                "seq_id": "q",
            }
            self.assertEqual(json.loads(line), wanted)

    def test_omitted(self):
        """A field that v1.0 does not show is absent, not null, while there is nothing in it (section 2)."""
        told = Told(
            number=5, nothing="a", parts=[Part(text="b"), Part(text="c", size=1)], part=Part(text="d")
        )
        line = with_seq_id(encode_event(told, NOW_MS), "e7")
        wanted = {
            "action": "TOLD",
            "data": {
                "number": 5,
                "nothing": "a",
                "parts": [{"text": "b"}, {"text": "c", "size": 1}],
                "part": {"text": "d"},
            },
            "timestamp": TIME,
            "seq_id": "e7",
        }
        self.assertEqual(json.loads(line), wanted)
        self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))

    def test_error(self):
        """§9.1's fields; the code's Korean text is the message."""
        refused = Refused(Code.ROOM_NOT_FOUND, "data.room_id: no such room")
        self.assertEqual(
            json.loads(encode_error(refused, "ROOM_INFO", "q", NOW_MS)),
            {
                "action": "ERROR",
                "success": False,
                "message": "채팅방을 찾을 수 없습니다",
                "error_code": "ROOM_NOT_FOUND",
                "data": {"original_action": "ROOM_INFO", "error_details": "data.room_id: no such room"},
                "timestamp": TIME,
                "seq_id": "q",
            },
        )

    def test_error_without_a_request(self):
        """What could not be read has null for seq_id and original_action (section 2)."""
        error = json.loads(encode_error(Refused(Code.INVALID_MESSAGE, "x"), None, None, NOW_MS))
        self.assertEqual((error["seq_id"], error["data"]["original_action"]), (None, None))

    def test_retry(self):
        """retry_after_ms is in data where trying again makes sense (section 10)."""
        refused = Refused(Code.RATE_LIMITED, "x", retry_after_ms=50)
        self.assertEqual(json.loads(encode_error(refused, "A", "q", NOW_MS))["data"]["retry_after_ms"], 50)

    def test_failed_connect(self):
        """A failed CONNECT has §3.1's fields and no others."""
        refused = Refused(Code.AUTH_FAILED, "data.jwt_token: required")
        self.assertEqual(
            json.loads(encode_error(refused, "CONNECT", "q", NOW_MS)),
            {
                "action": "CONNECT_RESPONSE",
                "success": False,
                "message": "인증에 실패했습니다",
                "error_code": "AUTH_FAILED",
                "timestamp": TIME,
                "seq_id": "q",
            },
        )

    def test_full(self):
        """SERVER_FULL tells when to come back (section 3)."""
        refused = Refused(Code.SERVER_FULL, "x", retry_after_ms=5_000)
        answer = json.loads(encode_error(refused, "CONNECT", "q", NOW_MS))
        self.assertEqual(answer["data"], {"retry_after_ms": 5_000})

    def test_every_code_has_its_words(self):
        """Each code has a text (section 10)."""
        self.assertEqual(set(MESSAGES), set(Code))

    def test_signal(self):
        """PING and PONG have three fields (§8.2)."""
        self.assertEqual(
            json.loads(encode_signal("PING", "s-1", NOW_MS)),
            {"action": "PING", "timestamp": TIME, "seq_id": "s-1"},
        )

    @settings(max_examples=100)
    @given(texts, texts, st.none() | texts)
    def test_one_line(self, text, seq_id, message):
        """Whatever the texts are, an answer is one line that reads back as it was (section 1)."""
        for line in (
            encode_answer("A", message, Part(text=text), seq_id, NOW_MS),
            encode_error(Refused(Code.CONFLICT, text), text, seq_id, NOW_MS),
            with_seq_id(encode_event(Told(number=1, nothing=text, parts=[Part(text=text)]), NOW_MS), "e1"),
        ):
            self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))
            self.assertIn(text, json.dumps(json.loads(line), ensure_ascii=False).replace("\\\\", "\\") + text)
            parse(line)

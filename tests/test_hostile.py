"""Promise 4: a hostile client costs the others nothing, learns nothing and changes nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.logger import eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from assa.auth import Key, Tokens
from tests.test_content import TRAVERSALS
from tests.test_wire import nested
from tests.world import FRONT, KEY, Client, World, code_of, codes

TIME = "2024-01-01T12:00:00.000Z"
SECRET = b"a secret for tests that is long enough"
# What no client may ever read in an error, and no operator in a log.
NEVER = (
    "Traceback", 'File "', ".py", "sqlite", "SELECT", "INSERT", "UPDATE ", "SAVEPOINT", "eyJ", "0x", "assa.",
    "<class", "object at", SECRET.decode(), "비밀 이야기",
)  # fmt: skip


def part(value: object) -> bytes:
    """Return one part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def forged(header: object, payload: object, secret: bytes) -> str:
    """Return a token that no library would make: any header, signed with HMAC all the same."""
    signed = part(header) + b"." + part(payload)
    return (signed + b"." + part(hmac.digest(secret, signed, hashlib.sha256))).decode()


class HostileTestCase(SynchronousTestCase):
    FRONT = FRONT

    def setUp(self):
        """Have two rooms that know nothing of each other, each with a call, and a log that is read."""
        self.logged: list[str] = []
        observer = self._observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.world = World(front=self.FRONT)
        self.mina, self.jun = self.world.connected(1, "mina"), self.world.connected(2, "jun")
        self.eve, self.ann = self.world.connected(3, "eve"), self.world.connected(4, "ann")
        self.room_id, self.video_room_id, self.message_id = self.room_of(self.mina, self.jun)
        self.own_room_id, self.own_video_room_id, self.own_message_id = self.room_of(self.eve, self.ann)
        self.clients = (self.mina, self.jun, self.eve, self.ann)
        for client in self.clients:
            client.all()

    def _observe(self, event: Any) -> None:
        # Without the namespace, which names a module of ours and no secret.
        self.logged.append(eventAsText(event, includeTimestamp=False, includeSystem=False))

    def room_of(self, host: Client, guest: Client) -> tuple[int, int, int]:
        """Return a closed room of two, its video room with both in it, and a message in it."""
        data = {"name": "방", "invited_user_ids": [guest.protocol._session.identity.user_id]}
        room_id = host.ask("CREATE_ROOM", data)["data"]["room_id"]
        guest.ask("JOIN_ROOM", {"room_id": room_id})
        video = host.ask("CREATE_VIDEO_ROOM", {"chat_room_id": room_id, "video_room_name": "회의"})["data"]
        for client in (host, guest):
            client.ask("JOIN_VIDEO_ROOM", {"video_room_id": video["video_room_id"]})
        message = {"room_id": room_id, "content": "비밀 이야기", "message_type": "text"}
        return room_id, video["video_room_id"], guest.ask("SEND_MESSAGE", message)["data"]["message_id"]

    def dump(self) -> dict[str, list[Any]]:
        """Return everything that is in the database; positions may have gaps, so the last one is left out."""
        tables = [table for table in self.world.database.tables() if table != "log_head"]
        return {table: sorted(self.world.query(f"SELECT * FROM {table}"), key=repr) for table in tables}  # noqa: S608

    def assertHarmless(self, answer: dict[str, Any]) -> None:  # noqa: N802 - as unittest names them
        """Check that an error tells nothing that it must not."""
        code_of(answer)
        text = json.dumps(answer, ensure_ascii=False)
        for never in NEVER:
            self.assertNotIn(never, text)

    def assertRefused(self, code: str, action: str, data: Any = None, **envelope: Any) -> None:  # noqa: N802
        """Check that eve gets this code, nothing is changed, nobody hears anything, nothing leaks."""
        before = self.dump()
        answer = self.eve.ask(action, data, **envelope)
        self.assertEqual(answer.get("error_code"), code, (action, data, answer))
        self.assertHarmless(answer)
        self.assertEqual(self.dump(), before)
        for client in self.clients:
            self.assertEqual(client.all(), [])
            self.assertFalse(client.closed)

    def assertLinesRefused(self, client: Client, code: str, *lines: bytes) -> None:  # noqa: N802
        """Check that each line gets this code, nothing is changed and the next line works."""
        before = self.dump()
        for line in lines:
            client.send_bytes(line + b"\n")
            (answer,) = client.all()
            self.assertEqual(answer["error_code"], code, line[:100])
            self.assertHarmless(answer)
        self.assertEqual(self.dump(), before)
        self.assertEqual(client.ask("PING")["action"], "PONG")

    def tearDown(self):
        """Whatever was done: no defect, and nothing in the log that must not be there."""
        self.assertEqual(self.flushLoggedErrors(), [])
        log = "\n".join(self.logged)
        for never in NEVER:
            self.assertNotIn(never, log)


class LineTests(HostileTestCase):
    FRONT = "tcp"
    LINES = (
        b"x", b"{", b"{}}", b"[]", b"null", b'"CONNECT"', b"GET / HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00",
        b"\0" * 50, b"\xff" * 50, b'{"action":', b'{"action":"PING",}', b"{'action':'PING'}", b"NaN", b"{}",
        b'{"action":NaN}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b'{"\\ud800":1}', b"9" * 10_000,
        b'{"a":' + b"9" * 10_000 + b"}", b"[" * 10_000, b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b'{"__proto__":{"action":"PING"}}', b'{"action":{"$ne":null},"timestamp":"","seq_id":""}',
        b'{"action":"PING","timestamp":"2024-01-01T12:00:00Z","seq_id":{"a":1}}',
        b'{"action":["PING"],"timestamp":"2024-01-01T12:00:00Z","seq_id":"q"}',
    )  # fmt: skip

    def test_before_connect(self):
        """Broken lines before CONNECT get INVALID_MESSAGE, and the connection goes on (section 1)."""
        self.assertLinesRefused(self.world.client(), "INVALID_MESSAGE", *self.LINES)

    def test_after_connect(self):
        """Likewise afterwards."""
        self.assertLinesRefused(self.eve, "INVALID_MESSAGE", *self.LINES)

    def test_depth(self):
        """A line nested 100,000 deep is malformed like one of 33 (section 1)."""
        for depth in (33, 1_023, 1_025, 100_000, 500_000):
            self.assertLinesRefused(self.eve, "INVALID_MESSAGE", nested(depth))

    def test_pretty_printed(self):
        """Pretty-printed JSON is told: one JSON object per line (section 1)."""
        message = {"action": "LIST_ROOMS", "timestamp": TIME, "seq_id": "q", "data": {}}
        lines = json.dumps(message, indent=2).encode().split(b"\n")
        self.assertLinesRefused(self.eve, "INVALID_MESSAGE", *lines)
        self.eve.send_bytes(b"{\n")
        self.assertIn("one JSON object per line", self.eve.all()[0]["data"]["error_details"])

    def test_long_before_connect(self):
        """A line of 20 KiB before CONNECT is too long, whatever is in it (section 1)."""
        client = self.world.client()
        connect = client.request("CONNECT", {"jwt_token": self.world.token(5), "x": "y" * 20_480})
        self.assertLinesRefused(client, "MESSAGE_TOO_LONG", json.dumps(connect).encode())

    def test_long(self):
        """A line over 1 MiB is too long, also in small pieces, and costs one error (section 1)."""
        before = self.dump()
        for _ in range(5_000):
            self.eve.protocol.dataReceived(b'{"action":"SEND_MESSAGE","' + b"x" * 200)
        self.eve.send_bytes(b'"}\n')
        self.assertEqual(codes(self.eve.all()), ["MESSAGE_TOO_LONG"])
        self.assertEqual(self.dump(), before)
        self.assertEqual(self.eve.ask("PING")["action"], "PONG")

    def test_longest(self):
        """A line of 1 MiB in small pieces is read: what is in it is the question (section 1)."""
        message = self.eve.request("LIST_ROOMS", {"x": ""})
        line = json.dumps(message).encode()
        line = line.replace(b'"x": ""', b'"x": "' + b"y" * (1_048_576 - len(line)) + b'"')
        self.assertEqual(len(line), 1_048_576)
        for start in range(0, len(line), 1_000):
            self.eve.protocol.dataReceived(line[start : start + 1_000])
        self.eve.send_bytes(b"\n")
        self.assertTrue(self.eve.answer(message["seq_id"])["success"])

    def test_many_objects(self):
        """A line of a third of a million objects is read like any other: its list is too long (section 6)."""
        line = json.dumps(self.eve.request("CHECK_RECEIVE", {"room_id": self.own_room_id, "message_ids": []}))
        many = line.replace("[]", "[" + ",".join(["{}"] * 300_000) + "]").encode()
        self.assertLinesRefused(self.eve, "INVALID_MESSAGE", many)

    def test_long_names(self):
        """A seq_id or an action that is too long is not repeated in the error (section 2)."""
        for name in ("seq_id", "action"):
            message = self.eve.request("LIST_ROOMS", {}) | {name: "x" * 100_000}
            before = self.dump()
            self.eve.send(message)
            (answer,) = self.eve.all()
            self.assertEqual(answer["error_code"], "INVALID_MESSAGE")
            self.assertLess(len(json.dumps(answer)), 1_000)
            self.assertEqual(self.dump(), before)


class TokenTests(HostileTestCase):
    def assertNobody(self, token: Any, code: str = "INVALID_TOKEN") -> None:  # noqa: N802 - as unittest names them
        """Check that a token lets nobody in, changes nothing and is not repeated."""
        before = self.dump()
        client = self.world.client()
        answer = client.ask("CONNECT", {"jwt_token": token})
        self.assertEqual((answer["success"], answer.get("error_code")), (False, code), token)
        self.assertHarmless(answer)
        self.assertEqual(code_of(client.ask("LIST_ROOMS", {})), "AUTH_FAILED")
        self.assertEqual(self.dump(), before)

    def claims(self, **more: Any) -> dict[str, Any]:
        """Return what mina's token says."""
        return {"user_id": 1, "exp": self.world.clock.seconds() + 3600} | more

    def test_none(self):
        """A token that says that it is not signed is not (section 3: the algorithms are configured)."""
        for none in ("none", "None", "NONE", "nOnE", "", None):
            header, payload = part({"alg": none, "typ": "JWT"}), part(self.claims())
            for signature in (b"", part(b"x" * 32)):
                self.assertNobody(b".".join((header, payload, signature)).decode())

    def test_foreign(self):
        """A token of somebody else's key (section 3)."""
        self.assertNobody(forged({"alg": "HS256", "typ": "JWT"}, self.claims(), SECRET[:-1]))
        self.assertNobody(forged({"alg": "HS256", "typ": "JWT"}, self.claims(), b""))
        right = forged({"alg": "HS256", "typ": "JWT"}, self.claims(), SECRET)
        self.assertTrue(self.world.client().connect(right)["success"])

    def test_key_confusion(self):
        """The public key of RS256 is no secret of HS256 (section 3)."""
        pair = rsa.generate_private_key(65537, 2048)
        pem = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        tokens = Tokens(keys=[Key.load("RS256", pem)], now=self.world.clock.seconds)
        self.world.node.services = evolve(self.world.node.services, tokens=tokens)
        for secret in (pem, pem.strip(), pem + b"\n", b""):
            self.assertNobody(forged({"alg": "HS256", "typ": "JWT"}, self.claims(), secret))
            self.assertNobody(forged({"alg": "RS256", "typ": "JWT"}, self.claims(), secret))

    def test_wrong_algorithm(self):
        """The algorithm is the configured one, whatever the token says (section 3)."""
        for algorithm in (
            "HS384",
            "HS512",
            "RS256",
            "ES256",
            "EdDSA",
            "hs256",
            "HS256 ",
            ["HS256"],
            {"a": 1},
            5,
        ):
            self.assertNobody(forged({"alg": algorithm, "typ": "JWT"}, self.claims(), SECRET))

    def test_header_tricks(self):
        """Keys that a token brings along, or names by a path, do not count."""
        tricks: list[dict[str, Any]] = [
            {"jwk": {"kty": "oct", "k": part(b"mine").decode()}},
            {"jku": "https://evil.example/keys"},
            {"x5u": "https://evil.example/cert"},
            {"kid": "../../../../dev/null"},
            {"kid": "' UNION SELECT 'mine' --"},
            {"crit": ["exp"]},
            {"b64": False, "crit": ["b64"]},
        ]
        for trick in tricks:
            self.assertNobody(forged({"alg": "HS256", "typ": "JWT"} | trick, self.claims(), b"mine"))

    def test_times(self):
        """Expired, without an end, not valid yet (section 3)."""
        now = self.world.clock.seconds()
        for claims in (
            {"exp": now - 1},
            {"exp": now},
            {"exp": None},
            {"exp": "9999999999"},
            {"nbf": now + 60},
        ):
            self.assertNobody(forged({"alg": "HS256", "typ": "JWT"}, self.claims(**claims), SECRET))
        self.assertNobody(self.world.token(1, lifetime_s=-1))

    def test_nobody(self):
        """A good token that names no user (section 3)."""
        for user_id in (0, -1, "1", True, 1.0, None, [1], 2**53):
            self.assertNobody(forged({"alg": "HS256", "typ": "JWT"}, self.claims(user_id=user_id), SECRET))

    def test_no_token(self):
        """Nothing to verify is AUTH_FAILED (section 3)."""
        for nothing in (None, ""):
            self.assertNobody(nothing, "AUTH_FAILED")

    def test_no_token_at_all(self):
        """What is no token is INVALID_TOKEN, what is no text INVALID_MESSAGE (section 3)."""
        for token in (
            ".",
            "..",
            "...",
            "a.b.c",
            " ",
            "eyJ",
            "e30.e30.",
            "가.나.다",
            "x" * 10_000,
            "\n",
            "=.=.=",
        ):
            self.assertNobody(token)
        for wrong in (5, True, [], {}, ["a.b.c"]):
            self.assertNobody(wrong, "INVALID_MESSAGE")

    def test_cut(self):
        """Every token that is cut or changed somewhere (section 3)."""
        good = self.world.token(1)
        for place in range(1, len(good) - 1, 7):
            self.assertNobody(good[:place])
            self.assertNobody(good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :])

    def test_three_attempts(self):
        """Three failed CONNECTs on one socket: closed (section 3)."""
        client = self.world.client()
        for attempt in range(3):
            self.assertFalse(client.closed, attempt)
            client.connect("a.b.c")
        self.assertTrue(client.closed)


class SpoofTests(HostileTestCase):
    def test_user_id(self):
        """Who says that he is somebody else is refused in every action (section 2)."""
        room = {"room_id": self.room_id}
        for action, data in (
            ("SEND_MESSAGE", room | {"content": "나야", "message_type": "text"}),
            ("EXIT_ROOM", room),
            ("LIST_ROOMS", {}),
            ("DISCONNECT", {}),
            ("INVITE", room | {"invited_user_ids": [3]}),
        ):
            self.assertRefused("PERMISSION_DENIED", action, data, user_id=1)

    def test_foreign_session(self):
        """The session id of another user opens nothing (section 4: same user)."""
        seats = self.world.query("SELECT * FROM participants ORDER BY 1, 2")
        client = self.world.client()
        answer = client.connect(
            self.world.token(3), session_id=self.mina.session_id, last_seq_id=self.eve.last_seq_id
        )
        self.assertNotEqual(answer["data"]["session_id"], self.mina.session_id)
        self.assertEqual(answer["data"]["reconnection_info"]["existing_rooms"], [self.own_room_id])
        self.assertEqual(answer["data"]["reconnection_info"]["video_rooms"], [])
        self.assertFalse(self.mina.closed)
        self.assertEqual(self.world.query("SELECT * FROM participants ORDER BY 1, 2"), seats)

    def test_foreign_events(self):
        """A last_seq_id of the beginning of time brings no events of others' rooms (section 4)."""
        client = self.world.client()
        client.connect(self.world.token(3), last_seq_id="e0")
        for event in client.all():
            self.assertNotIn(
                "비밀 이야기" if event["data"].get("room_id") == self.room_id else "\0", json.dumps(event)
            )
            self.assertNotEqual(event["data"].get("room_id"), self.room_id)
            self.assertNotEqual(event["data"].get("video_room_id"), self.video_room_id)

    def test_positions(self):
        """A last_seq_id that is no position resumes nothing (section 4)."""
        for wrong in (
            "x",
            "e",
            "e-1",
            "e1.0",
            "E1",
            "e" + "9" * 19,
            "e99999",
            "s-test-1",
            "e\u0661",
            " e1",
            "e1\n",
        ):
            answer = self.world.client().connect(self.world.token(3), last_seq_id=wrong)
            self.assertFalse(answer["data"]["reconnection_info"]["resumed"], wrong)
            self.assertEqual(answer["data"]["reconnection_info"]["replayed_events"], 0)

    def test_another_user(self):
        """A second CONNECT with another user's token changes nothing (section 3)."""
        self.assertRefused("PERMISSION_DENIED", "CONNECT", {"jwt_token": self.world.token(1)})

    def test_admin(self):
        """Without the scope nobody announces anything (section 9)."""
        self.assertRefused("PERMISSION_DENIED", "SERVER_ANNOUNCEMENT", {"title": "a", "message": "b"})


class TrespassTests(HostileTestCase):
    """Eve is a member of one room and reaches into another."""

    def test_room(self):
        """What needs membership is refused to others (section 5)."""
        room = {"room_id": self.room_id}
        message = {"content": "안녕", "message_type": "text"}
        for action, more in (
            ("SEND_MESSAGE", message),
            ("GET_MESSAGES", {}),
            ("GET_MESSAGES", {"after_message_id": 1}),
            ("CHECK_RECEIVE", {"message_ids": [self.message_id]}),
            ("CHECK_RECEIVE", {"message_ids": []}),
            ("INVITE", {"invited_user_ids": [3]}),
            ("EXIT_ROOM", {}),
        ):
            self.assertRefused("USER_NOT_IN_ROOM", action, room | more)
        for action in ("JOIN_ROOM", "ROOM_INFO"):
            self.assertRefused("PERMISSION_DENIED", action, room)

    def test_content_comes_later(self):
        """Whether content would be right is not told to who may not send it (section 10)."""
        room = {"room_id": self.room_id}
        for more in (
            {"content": "x" * 5_001, "message_type": "text"},
            {"content": "a", "message_type": "video"},
            {"content": "a", "message_type": "text", "reply_to_message_id": self.message_id},
            {"content": "", "message_type": "image"},
        ):
            self.assertRefused("USER_NOT_IN_ROOM", "SEND_MESSAGE", room | more)

    def test_no_such_room(self):
        """A room that does not exist is not found, by any action (section 5)."""
        message = {"content": "안녕", "message_type": "text"}
        for action, more in (
            ("SEND_MESSAGE", message), ("GET_MESSAGES", {}), ("CHECK_RECEIVE", {"message_ids": []}),
            ("EXIT_ROOM", {}), ("INVITE", {"invited_user_ids": [3]}), ("JOIN_ROOM", {}), ("ROOM_INFO", {}),
        ):  # fmt: skip
            self.assertRefused("ROOM_NOT_FOUND", action, {"room_id": 2**53 - 1} | more)

    def test_reply(self):
        """Nobody replies to a message of another room (section 6)."""
        message = {"room_id": self.own_room_id, "content": "안녕", "message_type": "text"}
        for message_id in (self.message_id, 2**53 - 1, 1):
            self.assertRefused(
                "MESSAGE_NOT_FOUND", "SEND_MESSAGE", message | {"reply_to_message_id": message_id}
            )

    def test_confirm(self):
        """Messages of another room are not confirmed from here, and not told apart from none (section 6)."""
        before = self.dump()
        foreign = [self.message_id, 2**53 - 1]
        data = {"room_id": self.own_room_id, "message_ids": foreign}
        answer = self.eve.ask("CHECK_RECEIVE", data)["data"]
        self.assertEqual((answer["received_messages"], answer["failed_messages"]), ([], foreign))
        self.assertEqual(self.dump()["receipts"], before["receipts"])
        self.assertEqual(self.dump()["members"], before["members"])
        self.assertEqual(self.jun.all(), [])

    def test_own_messages(self):
        """Nobody confirms his own message (section 6)."""
        data = {"room_id": self.own_room_id, "message_ids": [self.own_message_id]}
        answer = self.ann.ask("CHECK_RECEIVE", data)["data"]
        self.assertEqual((answer["received_messages"], answer["failed_messages"]), ([], []))
        self.assertEqual(self.ann.all(), [])

    def test_history(self):
        """GET_MESSAGES with ids of another room shows nothing of it (section 6)."""
        for bound in ({"before_message_id": self.message_id + 1}, {"after_message_id": self.message_id - 1}):
            answer = self.eve.ask("GET_MESSAGES", {"room_id": self.own_room_id} | bound)
            self.assertTrue({one["room_id"] for one in answer["data"]["messages"]} <= {self.own_room_id})

    def test_video_room(self):
        """Video rooms of other chat rooms are closed to who is not in them (section 8)."""
        room = {"video_room_id": self.video_room_id}
        for action, more in (
            ("JOIN_VIDEO_ROOM", {}),
            ("EXIT_VIDEO_ROOM", {}),
            ("GET_VIDEO_ROOM_PARTICIPANT", {}),
            ("GET_ICE_SERVERS", {}),
            ("MEDIA_STATUS", {"audio_enabled": True, "video_enabled": True}),
            ("SDP", {"target_user_id": 1, "sdp_type": "offer", "sdp_data": "v=0"}),
            (
                "ICE_CANDIDATE",
                {"target_user_id": 1, "candidate": "", "sdp_mid": None, "sdp_mline_index": None},
            ),
        ):
            self.assertRefused("USER_NOT_IN_ROOM", action, room | more)
            self.assertRefused("VIDEO_ROOM_NOT_FOUND", action, {"video_room_id": 2**53 - 1} | more)
        call = {"chat_room_id": self.room_id, "video_room_name": "회의"}
        self.assertRefused("USER_NOT_IN_ROOM", "CREATE_VIDEO_ROOM", call)

    def test_relay(self):
        """Nothing is relayed to who is not in the call, and nothing from who has left (section 8)."""
        room = {"video_room_id": self.own_video_room_id}
        for target in (1, 2, 99, 2**53 - 1):
            sdp = room | {"target_user_id": target, "sdp_type": "offer", "sdp_data": "v=0"}
            self.assertRefused("USER_NOT_IN_ROOM", "SDP", sdp)
            ice = room | {"target_user_id": target, "candidate": "", "sdp_mid": None, "sdp_mline_index": None}
            self.assertRefused("USER_NOT_IN_ROOM", "ICE_CANDIDATE", ice)
        self.eve.ask("EXIT_VIDEO_ROOM", room)
        for client in self.clients:
            client.all()
        sdp = room | {"target_user_id": 4, "sdp_type": "offer", "sdp_data": "v=0"}
        self.assertRefused("USER_NOT_IN_ROOM", "SDP", sdp)

    def test_long_relay(self):
        """128 KiB of SDP and 4 KiB of candidate at most (section 8)."""
        room = {"video_room_id": self.own_video_room_id, "target_user_id": 4}
        self.assertRefused("MESSAGE_TOO_LONG", "SDP", room | {"sdp_type": "offer", "sdp_data": "가" * 43_691})
        ice = room | {"candidate": "x" * 4_097, "sdp_mid": None, "sdp_mline_index": None}
        self.assertRefused("MESSAGE_TOO_LONG", "ICE_CANDIDATE", ice)

    def test_file_path(self):
        """No path leads out of the storage, in no disguise (section 6)."""
        image = {"room_id": self.own_room_id, "content": "", "message_type": "image"}
        for path in TRAVERSALS:
            file = {"file_path": path, "file_name": "a.jpg", "file_size": 5, "mime_type": "image/png"}
            self.assertRefused("FILE_UPLOAD_FAILED", "SEND_MESSAGE", image | {"file_info": file})

    def test_refused_send_is_free(self):
        """A message that is refused writes nothing at all, so that nobody makes the disk work for nothing."""
        before = self.world.query("SELECT * FROM log_head")
        message = {"room_id": self.room_id, "content": "안녕", "message_type": "text"}
        for _ in range(3):
            self.assertRefused("USER_NOT_IN_ROOM", "SEND_MESSAGE", message)
        self.assertEqual(self.world.query("SELECT * FROM log_head"), before)

    def test_sql(self):
        """What looks like SQL is text."""
        evil = "'); DROP TABLE messages; --"
        message = {
            "room_id": self.own_room_id,
            "content": evil,
            "message_type": "text",
            "client_message_id": evil,
        }
        self.assertEqual(self.eve.ask("SEND_MESSAGE", message)["data"]["content"], evil)
        self.assertEqual(self.ann.heard("NEW_MESSAGE")["data"]["content"], evil)
        answer = self.world.client().connect(
            self.world.token(3), device_id=evil, session_id=evil, last_seq_id=evil
        )
        self.assertTrue(answer["success"])
        self.assertEqual(len(self.world.query("SELECT * FROM messages")), 3)


class FloodTests(HostileTestCase):
    def test_garbage(self):
        """While somebody who has not even connected sends garbage, the others are served (promise 4)."""
        flood = [self.world.client(f"198.51.100.{number}", front="tcp") for number in range(5)]
        before = self.dump()
        for client in flood:
            client.protocol.dataReceived(b"{\n" * 30_000)
        message = {"room_id": self.room_id, "content": "안녕", "message_type": "text"}
        self.assertTrue(self.mina.ask("SEND_MESSAGE", message)["success"])
        self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["content"], "안녕")
        sent = self.dump()
        for client in flood:
            answers = client.all()
            self.assertTrue(0 < len(answers) < 1_000, len(answers))
            self.assertHarmless(answers[-1])
            self.assertLessEqual(len(client.protocol._incoming._bytes), 60_000)
        self.world.pass_time(1)
        self.assertEqual(
            {table for table in before if before[table] != self.dump()[table]},
            {"messages", "events"},
        )
        self.assertEqual(sent["messages"], self.dump()["messages"])

    def test_unauthenticated_requests(self):
        """Every action but CONNECT, PING and PONG is AUTH_FAILED before CONNECT, whatever it asks."""
        before = self.dump()
        client = self.world.client()
        for action in ("LIST_ROOMS", "SEND_MESSAGE", "DISCONNECT", "SERVER_ANNOUNCEMENT", "SDP"):
            answer = client.ask(action, {"room_id": "'"}, user_id=1, session_id=self.mina.session_id)
            self.assertEqual(answer["error_code"], "AUTH_FAILED")
            self.assertHarmless(answer)
        self.assertEqual(code_of(client.ask("NONSENSE")), "UNKNOWN_ACTION")
        self.assertEqual(self.dump(), before)
        self.assertFalse(client.closed)

    def test_sockets(self):
        """Sockets that wait for CONNECT have a cap: the oldest goes, clients stay (section 3)."""
        world = World(limits={"unauthenticated_connections": 10})
        mina = world.connected(1)
        waiting = [world.client() for _ in range(15)]
        self.assertEqual([client.closed for client in waiting], [True] * 5 + [False] * 10)
        self.assertFalse(mina.closed)

    def test_slow_loris(self):
        """Who sends a byte now and then and never connects is closed after 30 s (section 3)."""
        client = self.world.client()
        for _ in range(31):
            client.send_bytes(b"x")
            self.world.pass_time(1)
        self.assertTrue(client.closed)
        self.assertEqual(codes(client.all())[-1], "CONNECT_TIMEOUT")

    def test_full(self):
        """Many who connect in the same moment do not get past the limit of the server (section 3)."""
        world = World(limits={"connections": 3})
        clients = [world.client() for _ in range(8)]
        for number, client in enumerate(clients, 1):
            client.begin(client.request("CONNECT", {"jwt_token": world.token(number)}))
        world.turn()
        answers = [client.all()[0] for client in clients]
        self.assertEqual(codes(answers), [None] * 3 + ["SERVER_FULL"] * 5)
        for client, answer in zip(clients[3:], answers[3:], strict=True):
            self.assertGreater(answer["data"]["retry_after_ms"], 0)
            self.assertTrue(client.closed)
        clients[0].drop()
        self.assertTrue(world.client().connect(world.token(9))["success"])

    def test_devices(self):
        """At most 10 connections a user, also when all come in the same moment (section 3)."""
        clients = [self.world.client() for _ in range(15)]
        for client in clients:
            client.begin(client.request("CONNECT", {"jwt_token": self.world.token(9)}))
        self.world.turn(30)
        closed = [client for client in clients if client.closed]
        self.assertEqual(len(closed), 5)
        for client in closed:
            self.assertEqual(client.all()[-1]["error_code"], "SESSION_REPLACED")

    def test_pipelined_connects(self):
        """Many CONNECTs in one chunk are one connection (section 3)."""
        client = self.world.client()
        client.begin(*(client.request("CONNECT", {"jwt_token": self.world.token(9)}) for _ in range(20)))
        self.world.turn(30)
        answers = client.all()
        self.assertEqual([answer["success"] for answer in answers], [True] * 20)
        self.assertEqual(len({answer["data"]["session_id"] for answer in answers}), 1)
        self.assertEqual(self.world.query("SELECT count(*) FROM sessions WHERE user_id = 9"), [(1,)])


class DefectTests(SynchronousTestCase):
    def test_defect(self):
        """A defect is INTERNAL_ERROR with an id that the log has as well, and no more (section 10)."""
        world = World()
        mina = world.connected(1)
        logged: list[Any] = []
        globalLogPublisher.addObserver(logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, logged.append)
        world.query("ALTER TABLE rooms RENAME TO hidden")
        answer = mina.ask("LIST_ROOMS", {})
        self.assertEqual(code_of(answer), "INTERNAL_ERROR")
        details = answer["data"]["error_details"]
        self.assertRegex(details, r"^error [0-9a-f]{16}$")
        self.assertNotIn("rooms", json.dumps(answer["data"]["error_details"]))
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertTrue(any(event.get("defect") == details.split()[1] for event in logged))
        world.query("ALTER TABLE hidden RENAME TO rooms")
        self.assertTrue(mina.ask("LIST_ROOMS", {})["success"])

    def test_secret(self):
        """The key of these tests is the one that the world signs with: the others would prove nothing."""
        self.assertEqual(KEY.material, SECRET)

"""The envelope, connections, sessions and their recovery: protocol sections 1 to 4 and 10."""

from __future__ import annotations

import json
from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from assa.errors import MESSAGES
from assa.rates import RateLimits
from tests.world import START_S, TEXTS, UNLIMITED, World, code_of


def info(client):
    """Return the `reconnection_info` that a client has got."""
    return client.welcome["data"]["reconnection_info"]


class EnvelopeTests(SynchronousTestCase):
    """Sections 1 and 2: what a request must look like, and an error."""

    def setUp(self) -> None:
        """Mina is connected."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")

    def over_tcp(self) -> None:
        """Have mina be there over TCP: a WebSocket is closed for some of what a line may be."""
        self.mina = self.world.connected(1, "mina", front="tcp")

    def error(self, line: bytes):
        """Send a line and return the ERROR."""
        self.mina.send_bytes(line)
        return self.mina.heard("ERROR")

    def test_error(self) -> None:
        """Failure is `ERROR` with the request's `seq_id`, the action and words for a developer (§9.1)."""
        error = self.mina.ask("JOIN_ROOM", {"room_id": "5"}, seq_id="mine")
        self.assertEqual(code_of(error), "INVALID_MESSAGE")
        self.assertEqual(error["seq_id"], "mine")
        self.assertEqual(
            error["data"],
            {"original_action": "JOIN_ROOM", "error_details": "data.room_id: expected an integer"},
        )

    def test_line_that_is_no_json(self) -> None:
        """Where the line could not be parsed, `seq_id` and `original_action` are null."""
        self.over_tcp()
        for line in (
            b"hello",
            b"{",
            b'{"action": NaN}',
            b'"\\ud800"',
            b'{"action": "\xff"}',
            b"[]",
            b"5",
            b"null",
        ):
            error = self.error(line + b"\n")
            self.assertEqual(code_of(error), "INVALID_MESSAGE", line)
            self.assertIsNone(error["seq_id"])
            self.assertIsNone(error["data"]["original_action"])

    def test_json_that_is_stricter_than_some(self) -> None:
        """`NaN`, lone surrogates and invalid UTF-8 are malformed wherever they stand (section 1)."""
        self.over_tcp()
        for value in (b"NaN", b"Infinity", b'"\\ud800"', b'"\xff"', b"1.", b"'a'", b"1,"):
            line = (
                b'{"action": "LIST_ROOMS", "timestamp": "2024-01-01T12:00:00Z", "seq_id": "x",'
                b' "data": {"a": ' + value + b"}}\n"
            )
            self.assertEqual(code_of(self.error(line)), "INVALID_MESSAGE", value)

    def test_duplicate_keys(self) -> None:
        """Of duplicate keys the last one counts (section 1)."""
        self.mina.send_bytes(
            b'{"action": "NOTHING", "seq_id": "x", "timestamp": "2024-01-01T12:00:00Z",'
            b' "action": "LIST_ROOMS", "data": {}}\n'
        )
        self.assertTrue(self.mina.answer("x")["success"])

    def test_numbers(self) -> None:
        """Integers are exact: no fraction, no exponent, no string, no boolean, below 2^53 (section 1)."""
        for value in ("1.0", "1e0", '"1"', "true", "-1", "0", "9007199254740992", "1" + "0" * 400):
            line = (
                '{"action": "JOIN_ROOM", "timestamp": "2024-01-01T12:00:00Z", "seq_id": "x",'
                f' "data": {{"room_id": {value}}}}}\n'
            )
            self.assertEqual(code_of(self.error(line.encode())), "INVALID_MESSAGE", value)

    def test_pretty_printed_json(self) -> None:
        """Pretty-printed JSON gets an error that says what is expected (section 1)."""
        self.mina.send_bytes(json.dumps(self.mina.request("LIST_ROOMS", {}), indent=2).encode() + b"\n")
        self.assertIn("one JSON object per line", self.mina.heard("ERROR")["data"]["error_details"])

    def test_nesting(self) -> None:
        """Nesting deeper than 32 is malformed."""
        deep = b'{"action": "LIST_ROOMS", "data": ' + b'{"a": ' * 40 + b"1" + b"}" * 41
        self.assertEqual(code_of(self.error(deep + b"\n")), "INVALID_MESSAGE")

    def test_lines(self) -> None:
        """CRLF is accepted; empty lines and a BOM are ignored (section 1)."""
        request = json.dumps(self.mina.request("LIST_ROOMS", {}, seq_id="x")).encode()
        for line in (request + b"\r\n", b"\n\r\n" + request + b"\n", b"\xef\xbb\xbf" + request + b"\n"):
            self.mina.send_bytes(line)
            self.assertTrue(self.mina.answer("x")["success"], line)
            self.assertEqual(self.mina.actions(), [])

    def test_chunks(self) -> None:
        """A message may come in any pieces."""
        line = (
            json.dumps(self.mina.request("LIST_ROOMS", {}, seq_id="x"), ensure_ascii=False).encode() + b"\n"
        )
        for at in range(len(line)):
            self.mina.send_bytes(line[at : at + 1])
        self.assertTrue(self.mina.answer("x")["success"])

    def test_required_fields(self) -> None:
        """`action`, `timestamp` and `seq_id` are required and strings; `seq_id` has 1 to 128 characters."""
        good = self.mina.request("LIST_ROOMS", {})
        for bad in (
            {"timestamp": None},
            {"timestamp": 1_704_110_400},
            {"timestamp": "yesterday"},
            {"timestamp": "2024-01-01"},
            {"seq_id": None},
            {"seq_id": ""},
            {"seq_id": 5},
            {"seq_id": "a" * 129},
            {"action": None},
            {"action": 5},
            {"action": ""},
            {"data": []},
            {"data": "x"},
            {"user_id": "1"},
            {"user_id": True},
            {"session_id": 5},
        ):
            self.mina.send(good | bad)
            self.assertEqual(code_of(self.mina.heard("ERROR")), "INVALID_MESSAGE", bad)
        for missing in ("action", "timestamp", "seq_id"):
            self.mina.send({key: value for key, value in good.items() if key != missing})
            self.assertEqual(code_of(self.mina.heard("ERROR")), "INVALID_MESSAGE", missing)

    def test_seq_id_is_the_requests_where_it_can_be_told(self) -> None:
        """An error in the envelope still repeats what is fit to be repeated."""
        self.mina.send({"action": "LIST_ROOMS", "seq_id": "mine"})
        error = self.mina.heard("ERROR")
        self.assertEqual((error["seq_id"], error["data"]["original_action"]), ("mine", "LIST_ROOMS"))

    def test_timestamps(self) -> None:
        """`timestamp` is an ISO 8601 date and time; without a zone it is UTC."""
        for good in ("2024-01-01T12:00:00.000Z", "2024-01-01T12:00:00", "2024-01-01T21:00:00+09:00"):
            self.mina.send(self.mina.request("LIST_ROOMS", {}, seq_id="x") | {"timestamp": good})
            self.assertTrue(self.mina.answer("x")["success"], good)

    def test_unknown_fields_are_ignored(self) -> None:
        """Unknown keys are ignored, at the top and in `data`."""
        answer = self.mina.ask("CREATE_ROOM", {"name": "방", "colour": "red"}, mood="good")
        self.assertTrue(answer["success"])

    def test_own_user_id(self) -> None:
        """A `user_id` that is not the connection's own: PERMISSION_DENIED."""
        self.assertTrue(self.mina.ask("LIST_ROOMS", {}, user_id=1)["success"])
        self.assertEqual(self.mina.refused("LIST_ROOMS", {}, user_id=2), "PERMISSION_DENIED")

    def test_stale_session_id(self) -> None:
        """`session_id` counts in CONNECT alone; elsewhere a stale one is ignored."""
        self.assertTrue(self.mina.ask("LIST_ROOMS", {}, session_id="long-gone")["success"])

    def test_over_long_line(self) -> None:
        """A line over 1 MiB: MESSAGE_TOO_LONG, and the connection goes on."""
        self.over_tcp()
        self.mina.send_bytes(b"a" * 1_048_576 + b"\n")
        self.assertEqual(code_of(self.mina.heard("ERROR")), "INVALID_MESSAGE")
        self.world.pass_time(1)
        error = self.error(b"a" * 1_048_577 + b"\n")
        self.assertEqual(code_of(error), "MESSAGE_TOO_LONG")
        self.assertIsNone(error["seq_id"])
        self.world.pass_time(1)
        self.assertTrue(self.mina.ask("LIST_ROOMS", {})["success"])

    def test_over_long_line_before_connect(self) -> None:
        """Until CONNECT has succeeded the limit is 16 KiB."""
        jun = self.world.client(front="tcp")
        jun.send_bytes(b"a" * 16_385 + b"\n")
        self.assertEqual(code_of(jun.heard("ERROR")), "MESSAGE_TOO_LONG")
        self.assertTrue(jun.connect(self.world.token(2))["success"])

    def test_endless_line(self) -> None:
        """Past 4 MiB in one line the connection is closed."""
        self.over_tcp()
        for _ in range(33):
            self.mina.send_bytes(b"a" * 131_072)
        self.assertTrue(self.mina.closed)

    def test_answers_come_in_order(self) -> None:
        """Several requests in one segment are answered in their order."""
        data = [{"name": "방"}, {"name": ""}, {"name": "방 둘"}]
        requests = [self.mina.request("CREATE_ROOM", one) for one in data]
        requests.insert(1, self.mina.request("PING"))
        requests.append(self.mina.request("NOTHING"))
        requests += [self.mina.request("LIST_ROOMS", {}) for _ in range(40)]
        asked = self.mina.begin(*requests)
        self.world.turn(60)
        self.assertEqual([one["seq_id"] for one in self.mina.all()], asked)

    def test_requests_right_behind_connect(self) -> None:
        """CONNECT and what follows it in the same segment are answered in order."""
        jun = self.world.client()
        asked = jun.begin(
            jun.request("CONNECT", {"jwt_token": self.world.token(2)}),
            jun.request("CREATE_ROOM", {"name": "방"}),
            jun.request("LIST_ROOMS", {}),
        )
        self.world.turn(20)
        answers = jun.all()
        self.assertEqual([one["seq_id"] for one in answers], asked)
        self.assertEqual([one["success"] for one in answers], [True] * 3)
        self.assertEqual(len(answers[2]["data"]["rooms"]), 1)

    def test_requests_behind_disconnect(self) -> None:
        """A connection that is closing accepts nothing."""
        self.mina.begin(self.mina.request("DISCONNECT", {}), self.mina.request("CREATE_ROOM", {"name": "방"}))
        self.world.turn(20)
        self.assertEqual(self.mina.actions(), ["DISCONNECT_RESPONSE"])
        self.assertEqual(self.world.query("SELECT count(*) FROM rooms"), [(0,)])


class OrderOfChecksTests(SynchronousTestCase):
    """Section 10: which check comes first."""

    def setUp(self) -> None:
        """Mina has a room; jun is no member."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, is_open=False)

    def test_envelope_before_action(self) -> None:
        """Envelope → action known."""
        self.mina.send({"action": "NOTHING", "seq_id": "x"})
        self.assertEqual(code_of(self.mina.heard("ERROR")), "INVALID_MESSAGE")

    def test_action_before_authenticated(self) -> None:
        """Action known → authenticated."""
        self.assertEqual(self.world.client().refused("NOTHING"), "UNKNOWN_ACTION")

    def test_authenticated_before_payload(self) -> None:
        """Authenticated → payload."""
        self.assertEqual(self.world.client().refused("JOIN_ROOM", {"room_id": "x"}), "AUTH_FAILED")

    def test_own_user_id_before_payload(self) -> None:
        """The `user_id` is part of being authenticated."""
        self.assertEqual(self.mina.refused("JOIN_ROOM", {"room_id": "x"}, user_id=2), "PERMISSION_DENIED")

    def test_rate_before_payload(self) -> None:
        """Rate → payload."""
        world = World(rate_limits=RateLimits(others=1, others_burst=1))
        mina = world.connected(1, "mina")
        self.assertEqual(mina.refused("JOIN_ROOM", {"room_id": "x"}), "INVALID_MESSAGE")
        self.assertEqual(mina.refused("JOIN_ROOM", {"room_id": "x"}), "RATE_LIMITED")

    def test_authenticated_before_rate(self) -> None:
        """Authenticated → rate: nobody's bucket pays for somebody without a name."""
        world = World(rate_limits=RateLimits(others=1, others_burst=1))
        client = world.client()
        for _ in range(3):
            self.assertEqual(client.refused("LIST_ROOMS", {}), "AUTH_FAILED")

    def test_payload_before_room(self) -> None:
        """Payload → room exists."""
        data = {"room_id": 999, "content": 5, "message_type": "text"}
        self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "INVALID_MESSAGE")

    def test_room_before_membership(self) -> None:
        """Room exists → membership."""
        self.assertEqual(self.jun.refused("EXIT_ROOM", {"room_id": 999}), "ROOM_NOT_FOUND")
        self.assertEqual(self.jun.refused("EXIT_ROOM", {"room_id": self.room_id}), "USER_NOT_IN_ROOM")

    def test_room_and_membership_before_content(self) -> None:
        """Membership → content: length, kind, file, what is replied to."""
        for wrong in (
            {"content": "가" * 5001},
            {"content": ""},
            {"message_type": "video"},
            {"message_type": "image"},
            {"reply_to_message_id": 999},
        ):
            data = {"room_id": 999, "content": "안녕", "message_type": "text"} | wrong
            self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "ROOM_NOT_FOUND", wrong)
            data |= {"room_id": self.room_id}
            self.assertEqual(self.jun.refused("SEND_MESSAGE", data), "USER_NOT_IN_ROOM", wrong)

    def test_permission_before_room_full(self) -> None:
        """Who is not invited does not learn whether there is a place."""
        room_id = self.world.room(self.mina, is_open=False, max_participants=2, invited_user_ids=[3])
        self.world.connected(3, "sora").ask("JOIN_ROOM", {"room_id": room_id})
        self.assertEqual(self.jun.refused("JOIN_ROOM", {"room_id": room_id}), "PERMISSION_DENIED")

    def test_participants_before_length(self) -> None:
        """For relays too: room, participants, then the length."""
        video = self.world.call(self.room_id, self.mina)
        data = {"video_room_id": 999, "target_user_id": 2, "sdp_type": "offer", "sdp_data": "a" * 140_000}
        self.assertEqual(self.mina.refused("SDP", data), "VIDEO_ROOM_NOT_FOUND")
        self.assertEqual(self.mina.refused("SDP", data | {"video_room_id": video}), "USER_NOT_IN_ROOM")
        self.assertEqual(
            self.mina.refused("SDP", data | {"video_room_id": video, "target_user_id": 1}), "MESSAGE_TOO_LONG"
        )


class ConnectTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Nobody is here."""
        self.world = World()

    def failed(self, client, token, **more) -> str:
        """Send a CONNECT that fails and return the code."""
        answer = client.ask("CONNECT", {"jwt_token": token} | more)
        self.assertEqual(answer["action"], "CONNECT_RESPONSE")
        return code_of(answer)

    def test_before_connect(self) -> None:
        """Anything but CONNECT, PING and PONG: AUTH_FAILED, and the connection stays."""
        client = self.world.client()
        for action in ("LIST_ROOMS", "DISCONNECT", "SEND_MESSAGE", "SERVER_ANNOUNCEMENT"):
            self.assertEqual(client.refused(action, {}), "AUTH_FAILED")
        self.assertFalse(client.closed)
        self.assertTrue(client.connect(self.world.token(1))["success"])

    def test_nothing_to_verify(self) -> None:
        """AUTH_FAILED: missing or empty `jwt_token`; the answer has the fields of §3.1."""
        client = self.world.client()
        self.assertEqual(self.failed(client, ""), "AUTH_FAILED")
        answer = client.ask("CONNECT", {})
        self.assertEqual(code_of(answer), "AUTH_FAILED")
        self.assertEqual(set(answer), {"action", "success", "message", "error_code", "timestamp", "seq_id"})

    def test_deactivated_account(self) -> None:
        """AUTH_FAILED: verified, but the user may not connect."""
        self.world.connected(1, "mina").drop()
        self.world.query("UPDATE users SET active = 0 WHERE user_id = 1")
        self.assertEqual(self.failed(self.world.client(), self.world.token(1)), "AUTH_FAILED")

    def test_token_that_cannot_be_verified(self) -> None:
        """INVALID_TOKEN: malformed, expired, no user id; tests/test_auth.py has the rest."""
        without_user = self.world.token(None)
        for bad in ("abc", "a.b.c", self.world.token(1, lifetime_s=-1), without_user):
            self.assertEqual(self.failed(self.world.client(), bad), "INVALID_TOKEN", bad)

    def test_signature_of_somebody_else(self) -> None:
        """INVALID_TOKEN: the signature does not fit."""
        head, body, _ = self.world.token(1).split(".")
        *_, signature = self.world.token(2).split(".")
        self.assertEqual(self.failed(self.world.client(), f"{head}.{body}.{signature}"), "INVALID_TOKEN")

    def test_malformed_connect(self) -> None:
        """A CONNECT of the wrong form fails as CONNECT_RESPONSE."""
        client = self.world.client()
        self.assertEqual(self.failed(client, 5), "INVALID_MESSAGE")
        self.assertEqual(self.failed(client, self.world.token(1), device_info="phone"), "INVALID_MESSAGE")

    def test_three_failures(self) -> None:
        """Three failed CONNECTs on one socket: closed, after the third answer."""
        client = self.world.client()
        for number in range(3):
            self.assertFalse(client.closed, number)
            self.assertEqual(self.failed(client, "x"), "INVALID_TOKEN")
        self.assertTrue(client.closed)

    def test_two_failures_then_success(self) -> None:
        """Two are forgiven."""
        client = self.world.client()
        for _ in range(2):
            self.failed(client, "x")
        self.assertTrue(client.connect(self.world.token(1))["success"])

    def test_connect_timeout(self) -> None:
        """No successful CONNECT within 30 s: ERROR / CONNECT_TIMEOUT, closed, whatever else was said."""
        silent, busy = self.world.client(), self.world.client()
        self.world.pass_time(15)
        busy.ask("PING")
        self.failed(busy, "x")
        self.world.pass_time(14)
        self.assertEqual((silent.closed, busy.closed), (False, False))
        self.world.pass_time(2)
        for one in (silent, busy):
            error = one.heard("ERROR")
            self.assertEqual(code_of(error), "CONNECT_TIMEOUT")
            self.assertIsNone(error["data"]["original_action"])
            self.assertTrue(one.closed)

    def test_renewal(self) -> None:
        """A second CONNECT of the same user: a normal response, the same session."""
        mina = self.world.connected(1, "mina")
        session_id = mina.session_id
        again = mina.connect(self.world.token(1, nickname="미나"))
        self.assertTrue(again["success"])
        self.assertEqual(again["data"]["session_id"], session_id)
        self.assertEqual(set(again["data"]), {"user_id", "session_id", "server_time", "reconnection_info"})
        self.assertTrue(mina.ask("LIST_ROOMS", {})["success"])

    def test_renewal_brings_a_nickname(self) -> None:
        """The newest token's nickname counts."""
        mina = self.world.connected(1, "mina")
        mina.connect(self.world.token(1, nickname="미나"))
        made = mina.ask("CREATE_ROOM", {"name": "방"})["data"]
        self.assertEqual(made["participants"][0]["nickname"], "미나")

    def test_renewal_by_somebody_else(self) -> None:
        """A second CONNECT of another user: PERMISSION_DENIED; the connection stays the first one's."""
        mina = self.world.connected(1, "mina")
        self.assertEqual(self.failed(mina, self.world.token(2)), "PERMISSION_DENIED")
        self.assertTrue(mina.ask("LIST_ROOMS", {}, user_id=1)["success"])

    def test_failed_renewal_closes_nothing(self) -> None:
        """A connection is not lost by a token that is no good."""
        mina = self.world.connected(1, "mina")
        for _ in range(4):
            self.assertEqual(self.failed(mina, "x"), "INVALID_TOKEN")
        self.assertFalse(mina.closed)

    def test_disconnect(self) -> None:
        """DISCONNECT gets its reason back and a close; the session ends."""
        mina = self.world.connected(1, "mina")
        answer = mina.ask("DISCONNECT", {"reason": "user_logout"})
        self.assertEqual(answer["message"], "연결이 종료되었습니다")
        self.assertEqual(answer["data"], {"reason": "user_logout"})
        self.assertTrue(mina.closed)
        again = self.world.client()
        again.connect(self.world.token(1), session_id=mina.session_id)
        self.assertNotEqual(again.session_id, mina.session_id)
        self.assertFalse(info(again)["resumed"])

    def test_session_ids_are_unguessable(self) -> None:
        """128 bits at least: 22 characters of base64, never the same (section 4)."""
        ids = {self.world.connected(number).session_id for number in range(1, 20)}
        self.assertEqual(len(ids), 19)
        self.assertGreaterEqual(min(len(one) for one in ids), 22)

    def test_errors_tell_no_secrets(self) -> None:
        """`error_details` never contains a token (section 2)."""
        token = self.world.token(1, lifetime_s=-100)
        client = self.world.client()
        answer = client.ask("CONNECT", {"jwt_token": token, "device_info": 5})
        self.assertNotIn(token[:20], json.dumps(answer))
        answer = client.ask("CONNECT", {"jwt_token": [token]})
        self.assertNotIn(token[:20], json.dumps(answer))


class TokenExpiryTests(SynchronousTestCase):
    """Section 3: token expiry while connected."""

    def setUp(self) -> None:
        """Mina's token lasts 100 s."""
        self.world = World()
        self.mina = self.world.client()
        self.mina.connect(self.world.token(1, lifetime_s=100))

    def test_warning(self) -> None:
        """TOKEN_EXPIRING 60 s before, once."""
        self.world.pass_time(39, alive=[self.mina])
        self.assertEqual(self.mina.actions(), [])
        self.world.pass_time(2, alive=[self.mina])
        told = self.mina.heard("TOKEN_EXPIRING")
        self.assertEqual(told["data"], {"expires_at": "2024-01-01T12:01:40.000Z"})
        self.assertNotEqual(told["seq_id"][0], "e")
        self.world.pass_time(50, alive=[self.mina])
        self.assertEqual(self.mina.actions(), [])

    def test_close(self) -> None:
        """Without a renewal the connection is closed 25 s after `exp` with INVALID_TOKEN, resumably."""
        self.world.pass_time(124, alive=[self.mina])
        self.assertTrue(self.mina.ask("LIST_ROOMS", {})["success"])
        self.assertFalse(self.mina.closed)
        self.mina.all()
        self.world.pass_time(2)
        self.assertEqual(code_of(self.mina.heard("ERROR")), "INVALID_TOKEN")
        self.assertTrue(self.mina.closed)
        again = self.world.client()
        again.connect(self.world.token(1), session_id=self.mina.session_id)
        self.assertEqual(again.session_id, self.mina.session_id)
        self.assertTrue(info(again)["resumed"])

    def test_renewal(self) -> None:
        """A second CONNECT with a newer token goes on; the next warning is that token's."""
        self.world.pass_time(50, alive=[self.mina])
        self.mina.heard("TOKEN_EXPIRING")
        self.assertTrue(self.mina.connect(self.world.token(1, lifetime_s=200))["success"])
        self.world.pass_time(130, alive=[self.mina])
        self.assertEqual(self.mina.actions(), [])
        self.world.pass_time(12, alive=[self.mina])
        self.assertEqual(self.mina.actions(), ["TOKEN_EXPIRING"])

    def test_keep(self) -> None:
        """Configured to keep, a connection outlives its token."""
        world = World(keep_expired=True)
        mina = world.client()
        mina.connect(world.token(1, lifetime_s=100))
        world.pass_time(200, alive=[mina])
        self.assertEqual(mina.actions(), [])
        self.assertTrue(mina.ask("LIST_ROOMS", {})["success"])


class DeviceTests(SynchronousTestCase):
    """Section 3: several connections of a user."""

    def setUp(self) -> None:
        """Nobody is here."""
        self.world = World()

    def test_same_device(self) -> None:
        """The same `device_id` replaces that device's older connection: SESSION_REPLACED, closed."""
        old = self.world.connected(1, "mina", device_id="phone")
        tablet = self.world.connected(1, "mina", device_id="tablet")
        new = self.world.connected(1, "mina", device_id="phone")
        self.assertEqual(code_of(old.heard("ERROR")), "SESSION_REPLACED")
        self.assertTrue(old.closed)
        self.assertEqual((tablet.actions(), tablet.closed, new.closed), ([], False, False))

    def test_device_of_another_user(self) -> None:
        """A `device_id` is a user's own matter."""
        mina = self.world.connected(1, "mina", device_id="phone")
        self.world.connected(2, "jun", device_id="phone")
        self.assertFalse(mina.closed)

    def test_unnamed_devices(self) -> None:
        """Connections without `device_id` replace nobody."""
        clients = [self.world.connected(1, "mina") for _ in range(3)]
        self.assertEqual([one.closed for one in clients], [False] * 3)

    def test_same_session(self) -> None:
        """A client that resumes before the server has noticed the drop replaces its own old connection."""
        old = self.world.connected(1, "mina")
        new = self.world.resumed(old)
        self.assertEqual(new.session_id, old.session_id)
        self.assertEqual(code_of(old.heard("ERROR")), "SESSION_REPLACED")
        self.assertTrue(old.closed)
        old.drop()
        self.world.pass_time(70, alive=[new])
        self.assertEqual(new.session_id, self.world.resumed(new).session_id)

    def test_ten_connections(self) -> None:
        """At most 10 connections a user: the oldest is replaced."""
        clients = []
        for _ in range(10):
            clients.append(self.world.connected(1, "mina"))
            self.world.pass_time(0.25)
        self.assertFalse(any(one.closed for one in clients))
        eleventh = self.world.connected(1, "mina")
        self.assertEqual(code_of(clients[0].heard("ERROR")), "SESSION_REPLACED")
        self.assertEqual([one.closed for one in clients], [True] + [False] * 9)
        self.assertFalse(eleventh.closed)

    def test_ten_at_the_same_moment(self) -> None:
        """Connections of the same moment count as well."""
        clients = [self.world.client() for _ in range(12)]
        for one in clients:
            one.begin(one.request("CONNECT", {"jwt_token": self.world.token(1)}))
        self.world.turn(30)
        self.assertEqual(sum(not one.closed for one in clients), 10)

    def test_each_gets_every_event(self) -> None:
        """Each connection gets every event."""
        phone, tablet = self.world.connected(1, "mina"), self.world.connected(1, "mina")
        jun = self.world.connected(2, "jun")
        room_id = self.world.room(jun, phone)
        jun.say(room_id, "안녕")
        self.assertEqual(phone.heard("NEW_MESSAGE"), tablet.heard("NEW_MESSAGE"))


class CapacityTests(SynchronousTestCase):
    """Section 3: 1,000 connections a server, here fewer by configuration (§10.1)."""

    def test_server_full(self) -> None:
        """The next CONNECT gets SERVER_FULL with `data.retry_after_ms`, then a close."""
        world = World(limits={"connections": 2})
        mina = world.connected(1, "mina")
        world.connected(2, "jun")
        sora = world.client()
        answer = sora.ask("CONNECT", {"jwt_token": world.token(3)})
        self.assertEqual(code_of(answer), "SERVER_FULL")
        self.assertGreater(answer["data"]["retry_after_ms"], 0)
        self.assertTrue(sora.closed)
        mina.drop()
        self.assertTrue(world.client().connect(world.token(3))["success"])

    def test_full_server_takes_its_own_back(self) -> None:
        """A client whose old socket is half-open resumes on a full server: the old one makes way."""
        world = World(limits={"connections": 2})
        mina = world.connected(1, "mina")
        world.connected(2, "jun")
        again = world.client()
        answer = again.connect(world.token(1), session_id=mina.session_id)
        self.assertTrue(answer["data"]["reconnection_info"]["resumed"])
        self.assertEqual(code_of(mina.heard("ERROR")), "SESSION_REPLACED")
        self.assertEqual(
            world.client().ask("CONNECT", {"jwt_token": world.token(3)})["error_code"], "SERVER_FULL"
        )

    def test_default(self) -> None:
        """1,000 unless configured otherwise."""
        limits = World().node.limits
        self.assertEqual((limits.connections, limits.unauthenticated_connections), (1_000, 1_000))
        self.assertEqual(limits.connections_per_user, 10)

    def test_last_place_is_taken_once(self) -> None:
        """Two CONNECTs at the same moment do not share the last place."""
        world = World(limits={"connections": 2})
        world.connected(1, "mina")
        clients = [world.client(), world.client()]
        for user_id, one in enumerate(clients, 2):
            one.begin(one.request("CONNECT", {"jwt_token": world.token(user_id)}))
        world.turn(20)
        codes = [one.heard("CONNECT_RESPONSE").get("error_code") for one in clients]
        self.assertEqual(sorted(codes, key=str), [None, "SERVER_FULL"])

    def test_renewal_takes_no_place(self) -> None:
        """A renewal is no new connection."""
        world = World(limits={"connections": 1})
        mina = world.connected(1, "mina")
        self.assertTrue(mina.connect(world.token(1))["success"])

    def test_sockets_that_have_not_connected(self) -> None:
        """They have a cap of their own: the oldest is closed."""
        world = World(limits={"unauthenticated_connections": 2})
        mina = world.connected(1, "mina")
        first, second, third = (world.client() for _ in range(3))
        self.assertEqual([one.closed for one in (first, second, third)], [True, False, False])
        self.assertFalse(mina.closed)
        self.assertTrue(third.connect(world.token(3))["success"])


class HeartbeatTests(SynchronousTestCase):
    """Section 3 (§8.2, §10.2)."""

    def setUp(self) -> None:
        """Mina is connected."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")

    def pings(self, seconds: float) -> list[float]:
        """Let time pass, answer PINGs, and return when they came, seconds from the start."""
        times = []
        for _ in range(int(seconds * 2)):
            self.world.pass_time(0.5)
            for ping in self.mina.all():
                self.assertEqual(set(ping), {"action", "timestamp", "seq_id"})
                self.assertEqual(ping["action"], "PING")
                self.mina.send(ping | {"action": "PONG"})
                times.append(self.world.clock.seconds() - START_S)
        return times

    def test_ping_every_30_s(self) -> None:
        """PING every 30 s, the first one up to 10 % early."""
        first, *more = self.pings(200)
        self.assertTrue(27 <= first <= 30.5, first)
        gaps = [later - earlier for earlier, later in pairwise((first, *more))]
        self.assertEqual(len(gaps), 5)
        self.assertTrue(all(30 <= gap <= 30.5 for gap in gaps), gaps)
        self.assertFalse(self.mina.closed)

    def test_first_pings_spread(self) -> None:
        """They come early so that they spread."""
        clients = [self.world.connected(number) for number in range(2, 32)]
        self.world.pass_time(30.5)
        self.assertGreater(len({one.heard("PING")["timestamp"] for one in clients}), 1)

    def test_silence(self) -> None:
        """Nothing for 60 s after an unanswered PING: HEARTBEAT_TIMEOUT, closed, resumable."""
        self.world.pass_time(86)
        self.assertFalse(self.mina.closed)
        self.world.pass_time(5)
        self.assertEqual(code_of(self.mina.heard("ERROR")), "HEARTBEAT_TIMEOUT")
        self.assertTrue(self.mina.closed)
        self.assertEqual(self.world.resumed(self.mina).session_id, self.mina.session_id)

    def test_any_line_is_life(self) -> None:
        """Any complete line counts as life, PONG or not, good or not."""
        for line in (b"hello\n", b'{"action": "PONG"}\n', b"x" * 20 + b"\n"):
            self.world.pass_time(50)
            self.mina.send_bytes(line)
        self.world.pass_time(50)
        self.assertFalse(self.mina.closed)

    def test_incomplete_line_is_no_life(self) -> None:
        """Bytes without a line end prove nothing."""
        for _ in range(10):
            self.world.pass_time(10)
            self.mina.send_bytes(b"x")
        self.assertTrue(self.mina.closed)


class RequestTimeoutTests(SynchronousTestCase):
    """Section 3: a request not answered in 9 s."""

    def setUp(self) -> None:
        """Mina has a room, and then the database hangs."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.room_id = self.world.room(self.mina)
        self.said = {
            "room_id": self.room_id,
            "content": "안녕",
            "message_type": "text",
            "client_message_id": "a",
        }
        self.world.hold_database()

    def test_request_timeout(self) -> None:
        """ERROR / REQUEST_TIMEOUT with the request's seq_id, between 9 and 10 s; no second answer."""
        seq_id = self.mina.tell("SEND_MESSAGE", self.said)
        self.world.pass_time(8.5)
        self.assertEqual(self.mina.actions(), [])
        self.world.pass_time(1.5)
        error = self.mina.answer(seq_id)
        self.assertEqual(code_of(error), "REQUEST_TIMEOUT")
        self.assertEqual(error["data"]["original_action"], "SEND_MESSAGE")
        self.world.release_database()
        self.assertEqual(self.mina.actions(), [])
        self.assertFalse(self.mina.closed)

    def test_retry_is_safe(self) -> None:
        """What it began may still commit: the same `client_message_id` again is a duplicate."""
        self.mina.tell("SEND_MESSAGE", self.said)
        self.world.pass_time(10)
        self.world.release_database()
        self.mina.all()
        self.assertTrue(self.mina.ask("SEND_MESSAGE", self.said)["data"]["duplicate"])

    def test_order_is_kept(self) -> None:
        """The answers that follow keep their order."""
        asked = self.mina.begin(
            self.mina.request("LIST_ROOMS", {}),
            self.mina.request("PING"),
            self.mina.request("LIST_ROOMS", {}),
        )
        self.world.pass_time(10)
        self.world.release_database()
        self.assertEqual([one["seq_id"] for one in self.mina.all()], asked)


class RateTests(SynchronousTestCase):
    """Section 3: token buckets; nothing is dropped silently."""

    def ask_until_refused(self, client, action: str, data) -> tuple[int, object]:
        """Ask until RATE_LIMITED; return how often it went well, and the refusal."""
        for number in range(500):
            seq_id = client.tell(action, data)
            told = [one for one in client.all() if one["seq_id"] == seq_id]
            if told and not told[0]["success"]:
                return number, told[0]
        self.fail("never refused")
        return 0, None

    def test_defaults(self) -> None:
        """Messages 20/s, burst 100; relays 100/s, burst 400; others 20/s, burst 100."""
        limits = RateLimits()
        self.assertEqual((limits.messages, limits.messages_burst), (20, 100))
        self.assertEqual((limits.relays, limits.relays_burst), (100, 400))
        self.assertEqual((limits.others, limits.others_burst), (20, 100))

    def test_messages(self) -> None:
        """100 messages at once, then RATE_LIMITED with `data.retry_after_ms`, which is true."""
        world = World(rate_limits=RateLimits(others=0))
        mina = world.connected(1, "mina")
        said = {"room_id": world.room(mina), "content": "안녕", "message_type": "text"}
        number, refused = self.ask_until_refused(mina, "SEND_MESSAGE", said)
        self.assertEqual((number, code_of(refused)), (100, "RATE_LIMITED"))
        wait_ms = refused["data"]["retry_after_ms"]
        self.assertTrue(0 < wait_ms <= 51, wait_ms)
        self.assertTrue(mina.ask("LIST_ROOMS", {})["success"])
        world.pass_time(wait_ms / 1000)
        self.assertTrue(mina.ask("SEND_MESSAGE", said)["success"])
        world.pass_time(1)
        self.assertEqual(self.ask_until_refused(mina, "SEND_MESSAGE", said)[0], 20)

    def test_per_user(self) -> None:
        """A bucket is the user's: his devices share it, others do not."""
        world = World(rate_limits=RateLimits(others=1, others_burst=3))
        phone, tablet, jun = world.connected(1), world.connected(1), world.connected(2)
        for one in (phone, tablet, phone):
            self.assertTrue(one.ask("LIST_ROOMS", {})["success"])
        self.assertEqual(tablet.refused("LIST_ROOMS", {}), "RATE_LIMITED")
        self.assertTrue(jun.ask("LIST_ROOMS", {})["success"])

    def test_relays(self) -> None:
        """SDP, ICE_CANDIDATE and MEDIA_STATUS have a bucket of their own."""
        world = World(rate_limits=RateLimits(relays=1, relays_burst=2))
        mina = world.connected(1, "mina")
        video = world.call(world.room(mina), mina)
        media = {"video_room_id": video, "audio_enabled": True, "video_enabled": True}
        sdp = {"video_room_id": video, "target_user_id": 1, "sdp_type": "offer", "sdp_data": ""}
        mina.tell("MEDIA_STATUS", media)
        mina.tell("SDP", sdp)
        mina.all()
        self.assertEqual(mina.refused("MEDIA_STATUS", media), "RATE_LIMITED")
        self.assertEqual(mina.refused("SDP", sdp), "RATE_LIMITED")
        self.assertTrue(mina.ask("LIST_ROOMS", {})["success"])

    def test_off(self) -> None:
        """0 means no limit."""
        world = World(rate_limits=UNLIMITED)
        mina = world.connected(1, "mina")
        for _ in range(150):
            self.assertTrue(mina.ask("LIST_ROOMS", {})["success"])

    def fail_to_connect(self, world: World, address: str) -> str:
        """Fail to CONNECT once from an address and return the code."""
        answer = world.client(address).ask("CONNECT", {"jwt_token": "x"})
        if code_of(answer) == "RATE_LIMITED":
            self.assertGreater(answer["data"]["retry_after_ms"], 0)
        return code_of(answer)

    def test_failed_connects(self) -> None:
        """Failed CONNECTs are limited per address; good tokens wait there too, elsewhere they do not."""
        world = World(rate_limits=RateLimits(failed_connects=0.1, failed_connects_burst=3))
        codes = [self.fail_to_connect(world, "192.0.2.7") for _ in range(4)]
        self.assertEqual(codes, ["INVALID_TOKEN"] * 3 + ["RATE_LIMITED"])
        self.assertEqual(self.fail_to_connect(world, "192.0.2.8"), "INVALID_TOKEN")
        answer = world.client("192.0.2.7").ask("CONNECT", {"jwt_token": world.token(1)})
        self.assertEqual(code_of(answer), "RATE_LIMITED")
        world.pass_time(answer["data"]["retry_after_ms"] / 1000)
        self.assertTrue(world.client("192.0.2.7").connect(world.token(1))["success"])

    def test_ipv6_by_64(self) -> None:
        """An IPv6 client has a whole /64: addresses in it count as one."""
        world = World(rate_limits=RateLimits(failed_connects=0.1, failed_connects_burst=2))
        codes = [self.fail_to_connect(world, f"2001:db8:0:1::{host}") for host in range(1, 4)]
        self.assertEqual(codes, ["INVALID_TOKEN"] * 2 + ["RATE_LIMITED"])
        self.assertEqual(self.fail_to_connect(world, "2001:db8:0:2::1"), "INVALID_TOKEN")

    def test_successes_are_not_counted(self) -> None:
        """CONNECTs that succeed cost the address nothing."""
        world = World(rate_limits=RateLimits(failed_connects=0.1, failed_connects_burst=2))
        for user_id in range(1, 8):
            world.connected(user_id)
        self.assertEqual(self.fail_to_connect(world, "192.0.2.1"), "INVALID_TOKEN")


class ResumeTests(SynchronousTestCase):
    """Section 4 (§10.3): a reconnecting client gets every event that it missed, in order, none twice."""

    def setUp(self) -> None:
        """Mina and jun are in an open room."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, self.jun)

    def say(self, *contents: str) -> None:
        """Have mina say something."""
        for content in contents:
            self.mina.say(self.room_id, content)

    def texts(self, client) -> list[str]:
        """Return the texts of the messages that a client has heard."""
        return [one["data"]["content"] for one in client.all() if one["action"] == "NEW_MESSAGE"]

    def test_reconnection_info(self) -> None:
        """Each CONNECT_RESPONSE has it: rooms ascending, unread messages, and what v1.1 adds."""
        rooms = [self.room_id] + [self.world.room(self.jun) for _ in range(3)]
        self.say("하나")
        fresh = info(self.world.connected(2))
        position = fresh.pop("last_seq_id")
        self.assertEqual(
            fresh,
            {
                "existing_rooms": sorted(rooms),
                "unread_messages": 1,
                "resumed": False,
                "replayed_events": 0,
                "video_rooms": [],
            },
        )
        self.assertRegex(position, r"^e[0-9]+$")

    def test_resume(self) -> None:
        """The same session, `resumed`, and every event right after the response, in order, none twice."""
        self.say("하나")
        self.assertEqual(self.texts(self.jun), ["하나"])
        self.jun.drop()
        self.say("둘", "셋")
        jun = self.world.client()
        answer = jun.connect(
            self.world.token(2), session_id=self.jun.session_id, last_seq_id=self.jun.last_seq_id
        )
        self.assertEqual(answer["data"]["session_id"], self.jun.session_id)
        self.assertEqual((info(jun)["resumed"], info(jun)["replayed_events"]), (True, 2))
        self.say("넷")
        heard = jun.all()
        self.assertEqual([one["data"]["content"] for one in heard], ["둘", "셋", "넷"])
        positions = [int(one["seq_id"][1:]) for one in heard]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertGreater(positions[0], int(self.jun.last_seq_id[1:]))

    def test_response_comes_first(self) -> None:
        """Replayed events follow CONNECT_RESPONSE."""
        self.jun.drop()
        self.say("하나")
        jun = self.world.client()
        jun.tell(
            "CONNECT",
            {"jwt_token": self.world.token(2), "last_seq_id": self.jun.last_seq_id},
            session_id=self.jun.session_id,
        )
        self.assertEqual(jun.actions(), ["CONNECT_RESPONSE", "NEW_MESSAGE"])

    def test_events_of_that_moment(self) -> None:
        """What happens while the client resumes comes once, replayed or live."""
        self.jun.drop()
        jun = self.world.client()
        say = [
            self.mina.request(
                "SEND_MESSAGE", {"room_id": self.room_id, "content": str(n), "message_type": "text"}
            )
            for n in range(6)
        ]
        self.mina.begin(*say[:3])
        jun.begin(
            jun.request(
                "CONNECT",
                {"jwt_token": self.world.token(2), "last_seq_id": self.jun.last_seq_id},
                session_id=self.jun.session_id,
            )
        )
        self.mina.begin(*say[3:])
        self.world.turn(20)
        heard = jun.all()
        self.assertEqual(heard[0]["action"], "CONNECT_RESPONSE")
        self.assertEqual([one["data"]["content"] for one in heard[1:]], [str(n) for n in range(6)])

    def test_same_bytes(self) -> None:
        """A replayed event is the event that the others heard."""
        sora = self.world.connected(3, "sora")
        sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.jun.drop()
        self.say("하나")
        self.assertEqual(self.world.resumed(self.jun).heard("NEW_MESSAGE"), sora.heard("NEW_MESSAGE"))

    def test_position_without_any_event(self) -> None:
        """A client that has received no event yet resumes with `reconnection_info.last_seq_id`."""
        jun = self.world.connected(2)
        position = info(jun)["last_seq_id"]
        jun.drop()
        self.say("하나")
        again = self.world.resumed(jun, last_seq_id=position)
        self.assertEqual(self.texts(again), ["하나"])

    def test_no_position(self) -> None:
        """Without `last_seq_id` the session goes on, and nothing is replayed."""
        self.jun.drop()
        self.say("하나")
        jun = self.world.client()
        jun.connect(self.world.token(2), session_id=self.jun.session_id)
        self.assertEqual(jun.session_id, self.jun.session_id)
        self.assertEqual((info(jun)["resumed"], info(jun)["replayed_events"]), (True, 0))
        self.assertEqual(jun.actions(), [])

    def test_session_is_gone(self) -> None:
        """After 60 s the session is gone: under a new id, but every event is replayed."""
        self.jun.drop()
        self.say("하나")
        self.world.pass_time(70, alive=[self.mina])
        jun = self.world.resumed(self.jun)
        self.assertNotEqual(jun.session_id, self.jun.session_id)
        self.assertEqual((info(jun)["resumed"], info(jun)["replayed_events"]), (True, 1))
        self.assertEqual(self.texts(jun), ["하나"])

    def test_session_is_kept_60_s(self) -> None:
        """Until then it is there."""
        self.jun.drop()
        self.world.pass_time(58, alive=[self.mina])
        self.assertEqual(self.world.resumed(self.jun).session_id, self.jun.session_id)

    def test_position_of_before_the_session(self) -> None:
        """Without a session id the position alone resumes, under a new id."""
        self.jun.drop()
        self.say("하나")
        jun = self.world.client()
        jun.connect(self.world.token(2), last_seq_id=self.jun.last_seq_id)
        self.assertNotEqual(jun.session_id, self.jun.session_id)
        self.assertTrue(info(jun)["resumed"])
        self.assertEqual(self.texts(jun), ["하나"])

    def test_somebody_elses_session(self) -> None:
        """A session is its user's: with another's id one gets one's own, and learns nothing."""
        self.say("하나")
        sora = self.world.client()
        sora.connect(self.world.token(3), session_id=self.jun.session_id, last_seq_id="e1")
        self.assertNotEqual(sora.session_id, self.jun.session_id)
        self.assertEqual(sora.actions(), [])
        self.assertFalse(self.jun.closed)

    def test_token_is_verified_again(self) -> None:
        """The JWT is verified again: a session id alone opens nothing."""
        client = self.world.client()
        answer = client.connect("x", session_id=self.jun.session_id)
        self.assertEqual(code_of(answer), "INVALID_TOKEN")
        self.assertFalse(self.jun.closed)

    def test_unknown_position(self) -> None:
        """A position that was never given out, or is none: `resumed: false`, nothing is replayed."""
        self.jun.drop()
        self.say("하나")
        for position in ("e999999999", "broadcast_001", "e", "e-1", "s-test-1", "e1x", "e٣"):
            jun = self.world.client()
            jun.connect(self.world.token(2), session_id=self.jun.session_id, last_seq_id=position)
            self.assertEqual((info(jun)["resumed"], info(jun)["replayed_events"]), (False, 0), position)
            self.assertEqual(jun.actions(), [], position)
            jun.drop()

    def test_catching_up_by_oneself(self) -> None:
        """Who is told `resumed: false` finds everything with CHECK_RECEIVE and GET_MESSAGES."""
        self.jun.drop()
        self.say("하나", "둘")
        jun = self.world.client()
        jun.connect(self.world.token(2), last_seq_id="e999999999")
        self.assertEqual(info(jun)["unread_messages"], 2)
        pending = jun.ask("CHECK_RECEIVE", {"room_id": self.room_id, "message_ids": []})["data"]
        self.assertEqual([one["content"] for one in pending["pending_messages"]], ["하나", "둘"])

    def test_too_old_a_position(self) -> None:
        """Events are kept for a while; from a position older than that: `resumed: false`."""
        self.world = World(limits={"event_retention_s": 100.0})
        self.mina, self.jun = self.world.connected(1, "mina"), self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, self.jun)
        self.jun.drop()
        self.say("하나")
        self.world.pass_time(115, alive=[self.mina])
        self.say("둘")
        jun = self.world.resumed(self.jun)
        self.assertEqual((info(jun)["resumed"], info(jun)["replayed_events"]), (False, 0))
        self.assertEqual(jun.actions(), [])

    def test_more_than_1000_events(self) -> None:
        """1,000 events are replayed; of more none, and `resumed` is false."""
        self.jun.drop()
        for number in range(1000):
            data = {"room_id": self.room_id, "content": str(number), "message_type": "text"}
            self.mina.begin(self.mina.request("SEND_MESSAGE", data))
            if number % 10 == 9:
                self.world.turn(4)
        self.world.turn()
        jun = self.world.resumed(self.jun)
        self.assertEqual((info(jun)["resumed"], info(jun)["replayed_events"]), (True, 1000))
        self.assertEqual(self.texts(jun), [str(number) for number in range(1000)])
        jun.drop()
        self.say("하나 더")
        jun = self.world.resumed(self.jun)
        self.assertEqual((info(jun)["resumed"], info(jun)["replayed_events"]), (False, 0))
        self.assertEqual(jun.actions(), [])

    def test_left_room(self) -> None:
        """A reader who left a room gets nothing of it, not even from before he left."""
        tablet = self.world.connected(2)
        self.jun.drop()
        self.say("하나")
        tablet.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.say("둘")
        jun = self.world.resumed(self.jun)
        self.assertTrue(info(jun)["resumed"])
        self.assertEqual(self.texts(jun), [])

    def test_room_joined_meanwhile(self) -> None:
        """One who joined meanwhile gets it from the join on."""
        tablet = self.world.connected(2)
        other = self.world.room(self.mina)
        self.jun.drop()
        self.mina.say(other, "전")
        tablet.ask("JOIN_ROOM", {"room_id": other})
        self.mina.say(other, "후")
        self.assertEqual(self.texts(self.world.resumed(self.jun)), ["후"])

    def test_left_and_joined_again(self) -> None:
        """The latest join counts."""
        tablet = self.world.connected(2)
        self.jun.drop()
        self.say("전")
        tablet.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.say("동안")
        tablet.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.say("후")
        self.assertEqual(self.texts(self.world.resumed(self.jun)), ["후"])

    def test_own_messages(self) -> None:
        """What the resuming session sent itself is not replayed; what the user's tablet sent is."""
        tablet = self.world.connected(2)
        position = self.jun.last_seq_id
        self.jun.say(self.room_id, "내 것")
        self.jun.drop()
        tablet.say(self.room_id, "태블릿에서")
        self.assertEqual(self.texts(self.world.resumed(self.jun, last_seq_id=position)), ["태블릿에서"])

    def test_own_messages_after_the_session_has_gone(self) -> None:
        """Also when the session itself is gone."""
        position = self.jun.last_seq_id
        self.jun.say(self.room_id, "내 것")
        self.jun.drop()
        self.say("남의 것")
        self.world.pass_time(70, alive=[self.mina])
        self.assertEqual(self.texts(self.world.resumed(self.jun, last_seq_id=position)), ["남의 것"])

    def test_all_kinds_of_events(self) -> None:
        """Joins, leaves, invitations, receipts and announcements are replayed as messages are."""
        sora = self.world.connected(3, "sora", scope="admin")
        closed = self.world.room(self.mina, is_open=False)
        said = self.jun.say(self.room_id, "내 것")["message_id"]
        self.jun.all()
        self.jun.drop()
        tablet = self.world.connected(2)
        sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.mina.ask("CHECK_RECEIVE", {"room_id": self.room_id, "message_ids": [said]})
        self.mina.ask("INVITE", {"room_id": closed, "invited_user_ids": [2]})
        self.mina.ask("CREATE_VIDEO_ROOM", {"chat_room_id": self.room_id, "video_room_name": "회의"})
        sora.ask("SERVER_ANNOUNCEMENT", {"title": "공지", "message": "공지"})
        self.mina.ask("EXIT_ROOM", {"room_id": self.room_id})
        live = tablet.all()
        self.assertEqual(self.world.resumed(self.jun).all(), live)
        self.assertEqual(
            [one["action"] for one in live],
            [
                "USER_JOINED",
                "MESSAGE_RECEIVED",
                "INVITATION_RECEIVED",
                "VIDEO_ROOM_CREATED",
                "SERVER_ANNOUNCEMENT",
                "USER_LEFT",
                "HOST_CHANGED",
            ],
        )

    def test_lost_before_the_replay_arrived(self) -> None:
        """`last_seq_id` is where the connection starts: before the events that are replayed on it."""
        self.jun.drop()
        self.say("하나", "둘")
        position = info(self.world.resumed(self.jun))["last_seq_id"]  # he got the answer, and no more
        jun = self.world.resumed(self.jun, last_seq_id=position)
        self.assertEqual(self.texts(jun), ["하나", "둘"])

    def test_twice(self) -> None:
        """Resuming from the same position again replays the same: nothing is used up."""
        self.jun.drop()
        self.say("하나")
        for _ in range(2):
            jun = self.world.resumed(self.jun)
            self.assertEqual(self.texts(jun), ["하나"])
            jun.drop()

    def test_restart(self) -> None:
        """After kill -9 and a restart: the same session, every event, in order, none twice."""
        path = self.mktemp()
        before = World(path=path)
        mina, jun = before.connected(1, "mina"), before.connected(2, "jun")
        room_id = before.room(mina, jun)
        mina.say(room_id, "하나")
        self.assertEqual(self.texts(jun), ["하나"])
        jun.drop()
        mina.say(room_id, "둘")
        before.crash()
        after = World(path=path, start_s=before.clock.seconds() + 5)
        mina = after.resumed(mina)
        mina.say(room_id, "셋")
        again = after.resumed(jun)
        self.assertEqual(again.session_id, jun.session_id)
        self.assertTrue(info(again)["resumed"])
        mina.say(room_id, "넷")
        self.assertEqual(self.texts(again), ["둘", "셋", "넷"])

    def test_restart_keeps_seats(self) -> None:
        """A session that was connected when the server died has 60 s from the restart on."""
        path = self.mktemp()
        before = World(path=path)
        mina, jun = before.connected(1, "mina"), before.connected(2, "jun")
        video = before.call(before.room(mina, jun), mina, jun)
        before.crash()
        after = World(path=path, start_s=before.clock.seconds() + 300)
        after.pass_time(50)
        mina_again = after.resumed(mina)
        self.assertEqual(mina_again.session_id, mina.session_id)
        self.assertEqual(info(mina_again)["video_rooms"], [video])
        self.assertEqual(mina_again.actions(), [])
        after.pass_time(15, alive=[mina_again])
        self.assertEqual(mina_again.heard("PARTICIPANT_LEFT")["data"]["reason"], "disconnected")

    def test_restart_after_the_session_has_gone(self) -> None:
        """The session itself gone, the position alone is enough after a restart too."""
        path = self.mktemp()
        before = World(path=path)
        mina, jun = before.connected(1, "mina"), before.connected(2, "jun")
        room_id = before.room(mina, jun)
        jun.drop()
        mina.say(room_id, "하나")
        before.crash()
        after = World(path=path, start_s=before.clock.seconds() + 5)
        after.pass_time(70)
        again = after.resumed(jun)
        self.assertNotEqual(again.session_id, jun.session_id)
        self.assertEqual(self.texts(again), ["하나"])


class GoneMeanwhileTests(SynchronousTestCase):
    """Section 3: what was asked takes effect although the client has gone, and leaves nothing behind."""

    def setUp(self) -> None:
        """Mina and jun are in a room; ops can count connections."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.ops = self.world.connected(9, "ops", scope="admin")
        self.room_id = self.world.room(self.mina, self.jun)

    def connections(self) -> int:
        """Return how many connections an announcement goes to."""
        answer = self.ops.ask("SERVER_ANNOUNCEMENT", {"title": "공지", "message": "공지"})
        recipients: int = answer["data"]["recipients"]
        return recipients

    def test_gone_during_connect(self) -> None:
        """A client that is lost while its CONNECT is on its way is not connected, and not online."""
        self.world.hold_database()
        sora = self.world.client()
        sora.tell("CONNECT", {"jwt_token": self.world.token(3, nickname="sora")})
        sora.drop()
        self.world.release_database()
        self.assertEqual(self.connections(), 3)
        asked = {"room_id": self.room_id, "invited_user_ids": [3]}
        invited = self.mina.ask("INVITE", asked)["data"]["invited_users"]
        self.assertEqual(invited[0]["status"], "offline")
        self.assertEqual(self.world.connected(3).actions(), ["INVITATION_RECEIVED"])

    def test_connect_that_takes_too_long(self) -> None:
        """CONNECT too is answered within 10 s: REQUEST_TIMEOUT in the form of §3.1; nobody is connected."""
        self.world.hold_database()
        sora = self.world.client()
        seq_id = sora.tell("CONNECT", {"jwt_token": self.world.token(3)})
        self.world.pass_time(10)
        answer = sora.answer(seq_id)
        self.assertEqual((answer["action"], code_of(answer)), ("CONNECT_RESPONSE", "REQUEST_TIMEOUT"))
        self.world.release_database()
        self.assertNotIn("CONNECT_RESPONSE", sora.actions())
        self.assertEqual(self.connections(), 3)

    def test_gone_during_join_of_a_call(self) -> None:
        """A seat that was taken for a client who has gone is given up after 60 s like any other."""
        video = self.world.call(self.room_id, self.mina)
        self.world.hold_database()
        self.jun.tell("JOIN_VIDEO_ROOM", {"video_room_id": video})
        self.jun.drop()
        self.world.release_database()
        self.world.pass_time(65, alive=[self.mina])
        data = self.mina.ask("GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video})["data"]
        self.assertEqual([one["user_id"] for one in data["participants"]], [1])

    def test_gone_during_disconnect(self) -> None:
        """DISCONNECT ends the session although its answer reaches nobody."""
        video = self.world.call(self.room_id, self.mina, self.jun)
        self.world.hold_database()
        self.jun.tell("DISCONNECT", {})
        self.jun.drop()
        self.world.release_database()
        self.assertEqual(self.mina.heard("PARTICIPANT_LEFT")["data"]["video_room_id"], video)
        self.assertNotEqual(self.world.resumed(self.jun).session_id, self.jun.session_id)

    def test_gone_during_send(self) -> None:
        """A message whose author has gone is stored all the same; sent again it is a duplicate."""
        said = {
            "room_id": self.room_id,
            "content": "안녕",
            "message_type": "text",
            "client_message_id": "a",
        }
        self.mina.begin(self.mina.request("SEND_MESSAGE", said))
        self.mina.drop()
        self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["content"], "안녕")
        again = self.world.resumed(self.mina).ask("SEND_MESSAGE", said)
        self.assertTrue(again["data"]["duplicate"])
        self.assertEqual(self.jun.actions(), [])


class OtherErrorsTests(SynchronousTestCase):
    """Codes of v1.1 that a sound server hardly ever sends (section 10)."""

    def setUp(self) -> None:
        """Mina and jun are in a room."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, self.jun)

    def test_unknown_action(self) -> None:
        """UNKNOWN_ACTION, with the name of it."""
        error = self.mina.ask("TELEPORT", {})
        self.assertEqual(code_of(error), "UNKNOWN_ACTION")
        self.assertEqual(error["data"]["original_action"], "TELEPORT")
        for name in ("NEW_MESSAGE", "connect", "ERROR", "LIST_ROOMS_RESPONSE"):
            self.assertEqual(self.mina.refused(name, {}), "UNKNOWN_ACTION")

    def test_service_unavailable(self) -> None:
        """The database is away: SERVICE_UNAVAILABLE with `data.retry_after_ms`."""
        self.world.store.close()
        error = self.mina.ask("LIST_ROOMS", {})
        self.assertEqual(code_of(error), "SERVICE_UNAVAILABLE")
        self.assertGreater(error["data"]["retry_after_ms"], 0)
        answer = self.world.client().ask("CONNECT", {"jwt_token": self.world.token(3)})
        self.assertEqual(code_of(answer), "SERVICE_UNAVAILABLE")
        self.assertGreater(answer["data"]["retry_after_ms"], 0)

    def test_internal_error(self) -> None:
        """A defect is logged with an id that `error_details` repeats, and the connection goes on."""
        self.world.query("DROP TABLE receipts")
        error = self.mina.ask("CHECK_RECEIVE", {"room_id": self.room_id, "message_ids": []})
        self.assertEqual(code_of(error), "INTERNAL_ERROR")
        details = error["data"]["error_details"]
        self.assertNotIn("receipts", details)
        (logged,) = self.flushLoggedErrors()
        self.assertIn("receipts", logged.getErrorMessage())
        self.assertTrue(self.mina.ask("ROOM_INFO", {"room_id": self.room_id})["success"])

    def test_slow_consumer(self) -> None:
        """Who does not read is closed with SLOW_CONSUMER, resumably, and misses nothing."""
        world = World(limits={"outgoing_bytes": 20_000})
        mina, jun = world.connected(1, "mina"), world.connected(2, "jun")
        room_id = world.room(mina, jun)
        jun.transport.producer.pauseProducing()
        for _ in range(10):
            mina.say(room_id, "가" * 1000)
        heard = jun.all()
        self.assertEqual([code_of(one) for one in heard], ["SLOW_CONSUMER"])
        self.assertTrue(jun.closed)
        again = world.resumed(jun)
        self.assertEqual((info(again)["resumed"], info(again)["replayed_events"]), (True, 10))

    def test_every_code_has_its_text(self) -> None:
        """Section 10: no code but those of the table."""
        self.assertEqual({code.value: text for code, text in MESSAGES.items()}, TEXTS)

    def test_time_of_answers(self) -> None:
        """`timestamp` and `server_time` are UTC with milliseconds and `Z` (section 2)."""
        self.assertEqual(START_S, 1_704_110_400)
        answer = self.world.connected(3).welcome
        self.assertEqual(answer["timestamp"], "2024-01-01T12:00:00.000Z")
        self.assertEqual(answer["data"]["server_time"], "2024-01-01T12:00:00.000Z")

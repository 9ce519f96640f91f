"""RFC 6455 case by case, after the Autobahn test suite's sections 1 to 7 and 9, and at random.

Every case sends frames to a connection that has not connected yet and looks at all that comes back. A
message here is a PING of the protocol, for its PONG repeats the `seq_id`.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from websockets.frames import Opcode

from tests.fronts import Raw, masked
from tests.world import World

CONT, TEXT, BINARY, CLOSE, WS_PING, WS_PONG = 0, 1, 2, 8, 9, 10
SMALL, LIMIT = 16_384, 1_048_576


def ping(seq_id: str = "p", size: int = 0) -> bytes:
    """Return a PING of the protocol, `size` bytes long with what it does not need."""
    message = {"action": "PING", "timestamp": "2024-01-01T12:00:00Z", "seq_id": seq_id}
    data = json.dumps(message, ensure_ascii=False).encode()
    return data[:-1] + b" " * (size - len(data)) + b"}"


def fragments(data: bytes, size: int, opcode: int = TEXT) -> list[bytes]:
    """Return the frames of a message in fragments of a size."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    last = len(parts) - 1
    return [masked(CONT if at else opcode, part, fin=at == last) for at, part in enumerate(parts)]


def close(code: int, reason: bytes = b"") -> bytes:
    """Return a Close frame."""
    return masked(CLOSE, code.to_bytes(2) + reason)


P = ping()
HALF = len(P) // 2
PAYLOAD = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff" * 15

# What is sent; the PONGs of the protocol, the payloads of the pong frames, and the code of the Close frame.
Case = tuple[str, list[bytes], list[str], list[bytes], int | None]
CASES: list[Case] = [
    # 1: frames
    ("1.1.1", [masked(TEXT)], [], [], None),
    *[(f"1.1.{n}", [masked(TEXT, ping(size=n))], ["p"], [], None) for n in (125, 126, 127, 128, 16_384)],
    ("1.1.8", [bytes([one]) for one in masked(TEXT, ping(size=2_000))], ["p"], [], None),
    ("1.2.1", [masked(BINARY)], [], [], 1003),
    ("1.2.3", [masked(BINARY, P)], [], [], 1003),
    ("1.2.x", [masked(BINARY, P, fin=False)], [], [], 1003),
    # 2: pings
    ("2.1", [masked(WS_PING)], [], [b""], None),
    ("2.2", [masked(WS_PING, "안녕".encode())], [], ["안녕".encode()], None),
    ("2.4", [masked(WS_PING, b"\xfe" * 125)], [], [b"\xfe" * 125], None),
    ("2.5", [masked(WS_PING, b"\xfe" * 126)], [], [], 1002),
    ("2.6", [bytes([one]) for one in masked(WS_PING, b"\xfe" * 125)], [], [b"\xfe" * 125], None),
    ("2.7", [masked(WS_PONG)], [], [], None),
    ("2.8", [masked(WS_PONG, b"unasked"), masked(TEXT, P)], ["p"], [], None),
    ("2.10", [masked(WS_PING, b"%d" % n) for n in range(10)], [], [b"%d" % n for n in range(10)], None),
    # 3: reserved bits
    *[(f"3.{rsv}", [masked(TEXT, P, rsv=rsv), masked(TEXT, P)], [], [], 1002) for rsv in range(1, 8)],
    ("3.x", [masked(TEXT, P), masked(WS_PING, rsv=4), masked(TEXT, P)], ["p"], [], 1002),
    # 4: reserved opcodes
    *[(f"4.{n}", [masked(TEXT, P), masked(n, b"x"), masked(TEXT, P)], ["p"], [], 1002) for n in range(3, 8)],
    *[(f"4.{n}", [masked(TEXT, P), masked(n), masked(TEXT, P)], ["p"], [], 1002) for n in range(11, 16)],
    # 5: fragments
    ("5.1", [masked(WS_PING, b"x", fin=False)], [], [], 1002),
    ("5.2", [masked(WS_PONG, b"x", fin=False)], [], [], 1002),
    ("5.3", fragments(P, HALF), ["p"], [], None),
    ("5.5", [bytes([one]) for one in b"".join(fragments(P, HALF))], ["p"], [], None),
    ("5.6", [masked(TEXT, P[:9], fin=False), masked(WS_PING), masked(CONT, P[9:])], ["p"], [b""], None),
    ("5.9", [masked(CONT, P)], [], [], 1002),
    ("5.10", [masked(CONT, P), masked(TEXT, P)], [], [], 1002),
    ("5.12", [masked(CONT, P, fin=False), masked(TEXT, P)], [], [], 1002),
    ("5.15", [*fragments(P, HALF), masked(CONT, P, fin=False), masked(TEXT, P)], ["p"], [], 1002),
    ("5.18", [masked(TEXT, P, fin=False), masked(TEXT, P)], [], [], 1002),
    ("5.19", [b"".join([*fragments(P, 7), masked(WS_PING), masked(TEXT, P)])], ["p", "p"], [b""], None),
    ("5.x", [masked(TEXT, b"", fin=False), masked(CONT, P, fin=False), masked(CONT)], ["p"], [], None),
    # 6: UTF-8
    ("6.2", [masked(TEXT, ping("안녕-µ@ßöäüàá-€"))], ["안녕-µ@ßöäüàá-€"], [], None),
    ("6.2.x", fragments(ping("안녕-€"), 1), ["안녕-€"], [], None),
    ("6.x", [masked(TEXT, b"\xef\xbb\xbf" + P), masked(TEXT, b" \r\n")], ["p"], [], None),
    *[
        (f"6.3 {bad!r}", [masked(TEXT, P[:9] + bad + P[9:])], [], [], 1007)
        for bad in (
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80", b"\x80", b"\xbf", b"\xc0\xaf",
            b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xed\xa0\x80",
            b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xc2", b"\xe2\x82", b"\xf0\x9f\x98",
        )
    ],
    ("6.4", fragments(P[:9] + b"\xf4\x90\x80\x80", 3), [], [], 1007),
    # 7: closing
    ("7.1.1", [masked(TEXT, P), close(1000)], ["p"], [], 1000),
    ("7.1.2", [close(1000), close(1000)], [], [], 1000),
    ("7.1.3", [close(1000), masked(WS_PING, b"x")], [], [], 1000),
    ("7.1.4", [close(1000), masked(TEXT, P)], [], [], 1000),
    ("7.1.5", [masked(TEXT, P, fin=False), close(1000), masked(CONT)], [], [], 1002),
    ("7.1.6", [b"".join([masked(TEXT, P), close(1000), masked(TEXT, P)])], ["p"], [], 1000),
    ("7.3.1", [masked(CLOSE)], [], [], 1005),
    ("7.3.2", [masked(CLOSE, b"\x03")], [], [], 1002),
    ("7.3.4", [close(1000, b"bye")], [], [], 1000),
    ("7.3.5", [close(1000, b"x" * 123)], [], [], 1000),
    ("7.3.6", [close(1000, b"x" * 124)], [], [], 1002),
    ("7.5.1", [close(1000, b"\xce\xba\xed\xa0\x80")], [], [], 1007),
    *[
        (f"7.7 {code}", [close(code)], [], [], code)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    ],
    *[
        (f"7.9 {code}", [close(code)], [], [], 1002)
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535)
    ],
    # not in Autobahn: masks and lengths
    ("unmasked", [b"\x81\x02{}"], [], [], 1002),
    ("unmasked, empty", [masked(TEXT, P), b"\x81\x00"], ["p"], [], 1002),
    ("zero mask", [bytes([0x81, 0x80 | len(P)]) + bytes(4) + P], ["p"], [], None),
    ("longer length than needed", [b"\x81\xfe\x00" + bytes([len(P)]) + bytes(4) + P], ["p"], [], None),
    ("length of 2^63", [b"\x81\xff\x80" + bytes(7)], [], [], 1009),
    ("length of 2^64 - 1", [b"\x81\xff" + b"\xff" * 8], [], [], 1009),
    ("ping of 2^40", [b"\x89\xff\x00\x00\x01" + bytes(5)], [], [], 1009),
]  # fmt: skip


class FramesTestCase(SynchronousTestCase):
    def setUp(self):
        """Have a server."""
        self.world = World()

    def raw(self, *, connected: bool = False) -> Raw:
        """Return a connection, with its limit of 1 MiB if it is connected."""
        raw = Raw(self.world.site, self.world.turn)
        if connected:
            raw.send(masked(TEXT, self.connect()))
            self.assertTrue(raw.messages()[0]["success"])
        return raw

    def connect(self) -> bytes:
        """Return a CONNECT."""
        data = {"jwt_token": self.world.token(1)}
        message = {"action": "CONNECT", "timestamp": "2024-01-01T12:00:00Z", "seq_id": "c", "data": data}
        return json.dumps(message).encode()

    def result(self, raw: Raw) -> tuple[list[str], list[bytes]]:
        """Return the PONGs and the pong frames that have come."""
        frames = raw.frames()
        said = [json.loads(bytes(one.data)) for one in frames if one.opcode is Opcode.TEXT]
        self.assertEqual({one["action"] for one in said} - {"PONG"}, set())
        pongs = [bytes(one.data) for one in frames if one.opcode is Opcode.PONG]
        return [one["seq_id"] for one in said], pongs


class CaseTests(FramesTestCase):
    def check(self, case: Case, chunks: list[bytes]) -> None:
        """Check what comes back, and that the connection goes on or ends as it must."""
        name, _, heard, pongs, code = case
        raw = self.raw()
        raw.send(*chunks)
        found = self.result(raw)
        self.assertEqual((*found, raw.closed_with()), (heard, pongs, code), name)
        if code is None:
            raw.send(masked(TEXT, ping("after")))
            self.assertEqual(raw.messages()[0]["seq_id"], "after", name)
            raw.drop()
        else:
            self.assertTrue(raw.transport.disconnecting, name)
            self.world.pass_time(2.5)
            self.assertTrue(raw.lost, name)
        self.assertEqual(self.flushLoggedErrors(), [], name)

    def test_cases(self):
        """Each case by itself, in the chunks it says."""
        for case in CASES:
            self.check(case, case[1])

    def test_at_once(self):
        """The same when all comes in one chunk."""
        for case in CASES:
            self.check(case, [b"".join(case[1])])

    def test_byte_by_byte(self):
        """The same when every byte comes by itself."""
        for case in CASES:
            whole = b"".join(case[1])
            if len(whole) < 1_000:
                self.check(case, [whole[at : at + 1] for at in range(len(whole))])
        self.assertEqual(len(self.world.factory.connections), 0)


class SizeTests(FramesTestCase):
    """Autobahn's section 9, and the protocol's limits (section 1)."""

    def test_largest(self):
        """A message of 1 MiB comes through, whole and in fragments of any size."""
        message = ping("big", LIMIT)
        raw = self.raw(connected=True)
        for size in (LIMIT, 65_536, 4_096, 256):
            whole = b"".join(fragments(message, size))
            for chunk in (65_536, 1_460):
                raw.send(*[whole[at : at + chunk] for at in range(0, len(whole), chunk)])
                self.world.turn(100)
                self.assertEqual(self.result(raw), (["big"], []), (size, chunk))
                self.world.pass_time(1)  # long messages are paid for

    def test_too_large(self):
        """One byte more is 1009, before the bytes are there: the header says it."""
        raw = self.raw(connected=True)
        raw.send(b"\x81\xff" + (LIMIT + 1).to_bytes(8))
        self.assertEqual(raw.closed_with(), 1009)
        raw = self.raw(connected=True)
        raw.send(*fragments(b"x" * LIMIT, 65_536)[:-1], masked(CONT, b"x" * 65_536, fin=False))
        raw.send(masked(CONT)[:1])
        self.assertIsNone(raw.closed_with())
        raw.send(b"\x81")
        self.assertEqual(raw.closed_with(), 1009)

    def test_sum_of_fragments(self):
        """Fragments count together, in the last as in the others; what was kept of them is let go."""
        for last in (True, False):
            raw = self.raw()
            raw.send(masked(TEXT, b"x" * (SMALL - 1), fin=False), masked(CONT, b"xx", fin=last)[:6])
            self.assertEqual(raw.closed_with(), 1009)
            self.assertEqual(len(raw.protocol._messages._begun), 0)

    def test_before_connect(self):
        """Until CONNECT has succeeded a message has 16 KiB."""
        raw = self.raw()
        raw.send(masked(TEXT, ping("small", SMALL)))
        self.assertEqual(self.result(raw), (["small"], []))
        raw.send(b"\x81\xfe" + (SMALL + 1).to_bytes(2))
        self.assertEqual(raw.closed_with(), 1009)

    def test_right_behind_connect(self):
        """What follows CONNECT in the same chunk has the limit of after it, wherever the chunk is cut."""
        for cut in (None, -100_000, -99_999):
            raw = self.raw()
            both = masked(TEXT, self.connect()) + masked(TEXT, ping("next", 100_000))
            raw.send(*([both] if cut is None else [both[:cut], both[cut:]]))
            self.assertEqual([one["seq_id"] for one in raw.messages()], ["c", "next"])
            raw.drop()

    def test_memory(self):
        """A message in fragments of one byte takes its bytes, not a hundred times as many."""
        raw = self.raw(connected=True)
        one = masked(CONT, b"x", fin=False)
        raw.send(masked(TEXT, fin=False))
        for _ in range(100):
            raw.send(one * 500)
            self.world.turn(10)
        kept = raw.protocol._messages
        self.assertEqual((len(kept._begun), len(kept)), (50_000, 0))
        raw.send(masked(CONT, b"x" * 16))
        self.assertEqual([one["error_code"] for one in raw.messages()], ["INVALID_MESSAGE"])

    def test_memory_after_the_end(self):
        """Of what comes once the rules are broken, or a Close frame was answered, nothing is kept."""
        for last in (
            masked(3, b"x"),
            masked(BINARY, b"x"),
            masked(TEXT, P, rsv=7),
            b"\x81\xff" + b"\x7f" * 12,
        ):
            raw = self.raw()
            raw.send(last, *[b"\xff" * 65_536] * 10)
            self.assertIn(raw.closed_with(), (1002, 1003, 1009))
            self.assertEqual(len(raw.protocol._incoming), 0)
            raw.drop()
        raw = self.raw()
        raw.protocol._session.close("test")
        raw.send(masked(3), *[b"\xff" * 65_536] * 10)
        self.assertEqual(len(raw.protocol._incoming), 0)


messages = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


class RandomTests(FramesTestCase):
    @settings(max_examples=60)
    @given(st.lists(messages, max_size=5), st.data())
    def test_any_fragments_and_chunks(self, said: list[str], data: Any) -> None:
        """However messages are cut into fragments, with pings in between, and bytes into chunks."""
        pings: list[bytes] = []
        stream = bytearray()
        for one in said:
            size = data.draw(st.integers(1, 40), "bytes of a fragment")
            for frame in fragments(ping(one), size):
                if data.draw(st.booleans(), "a ping before it"):
                    pings.append(b"%d" % len(pings))
                    stream += masked(WS_PING, pings[-1])
                stream += frame
        raw = self.raw()
        while stream:
            size = data.draw(st.integers(1, len(stream)), "bytes of a chunk")
            raw.send(bytes(stream[:size]))
            del stream[:size]
        self.world.turn(100)
        self.assertEqual(self.result(raw), (said, pings))
        raw.drop()

    @settings(max_examples=60)
    @given(st.lists(st.binary(max_size=60), max_size=6))
    def test_anything(self, chunks: list[bytes]) -> None:
        """Whatever comes, nothing breaks but the connection, and it breaks with a code of the protocol."""
        raw = self.raw()
        raw.send(*chunks)
        self.assertIn(raw.closed_with(), (None, 1002, 1003, 1007, 1009))
        raw.drop()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(len(self.world.factory.connections), 0)

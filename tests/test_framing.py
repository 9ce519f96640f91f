"""Protocol section 1, framing: lines out of chunks, whatever the chunks."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.framing import Broken, LineBuffer

LIMIT, ENDLESS = 8, 40
BOM = b"\xef\xbb\xbf"
# Few different bytes, so that line ends, carriage returns and BOMs meet each other often.
streams = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", BOM, b"a", b"bc", b" ", b"x" * LIMIT, b"y" * (LIMIT + 1)]),
    max_size=40,
).map(b"".join)
cuts = st.lists(st.integers(1, 12), max_size=60)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    """Return `data` in pieces of these sizes, the rest in one."""
    found = []
    for size in sizes:
        found.append(data[:size])
        data = data[size:]
    return [*found, data]


def read(lines: LineBuffer) -> list[bytes | Broken]:
    """Return what a buffer has to say now."""
    found: list[bytes | Broken] = []
    while (line := lines.next()) is not None:
        if line != b"":  # a blank line has its turn, and is ignored
            found.append(line)
        if line is Broken.ENDLESS:
            break
    return found


def read_pieces(chunks: list[bytes], *, limit: int = LIMIT, endless: int = 1_000_000) -> list[bytes | Broken]:
    """Return what a buffer makes of chunks that come one after the other."""
    lines = LineBuffer(limit=limit, endless=endless)
    found: list[bytes | Broken] = []
    for chunk in chunks:
        lines.feed(chunk)
        found += read(lines)
        if Broken.ENDLESS in found:
            break
    return found


def expected(data: bytes) -> list[bytes | Broken]:
    """Return what the protocol says about a stream, by looking at all of it."""
    found: list[bytes | Broken] = []
    *complete, rest = data.split(b"\n")
    for ended in complete:
        line = ended.removesuffix(b"\r")
        if len(line) > LIMIT:
            found.append(Broken.TOO_LONG)
        elif line.removeprefix(BOM).strip():
            found.append(line.removeprefix(BOM))
    return found + [Broken.TOO_LONG] * (len(rest) > LIMIT + 1)


class LineTests(SynchronousTestCase):
    @given(streams, cuts)
    @example(b"x" * LIMIT + b"\r\n", [LIMIT, 1])
    @example(BOM + b"a\n", [1, 1, 1])
    def test_any_chunks(self, data, sizes):
        """The chunks do not matter: the same lines, each over-long one reported exactly once (section 1)."""
        self.assertEqual(read_pieces(pieces(data, sizes)), expected(data))

    @given(streams, cuts)
    def test_next_line_works(self, data, sizes):
        """After an over-long line the connection goes on (section 1)."""
        long = b"z" * (LIMIT + 2)
        found = read_pieces([long, *pieces(data.replace(b"\n", b""), sizes), b"\n", b"next\n"])
        self.assertEqual(found, [Broken.TOO_LONG, b"next"])

    def test_crlf(self):
        """CRLF is accepted; a CR elsewhere belongs to the line (section 1)."""
        self.assertEqual(read_pieces([b"a\r\nb\nc\rd\r\r\n"]), [b"a", b"b", b"c\rd\r"])

    def test_crlf_apart(self):
        """A CR and its LF may come in two chunks, and do not count as length (section 1)."""
        line = b"x" * LIMIT
        self.assertEqual(read_pieces([line, b"\r", b"\n", line + b"\r", b"\n"]), [line, line])
        self.assertEqual(read_pieces([line + b"yy"]), [Broken.TOO_LONG])

    def test_nothing(self):
        """Empty lines and a leading BOM are ignored (section 1)."""
        self.assertEqual(read_pieces([b"\n\r\n\n", BOM + b"{}\n", BOM + b"\n", BOM + b"\r\n"]), [b"{}"])

    def test_blank_lines_take_turns(self):
        """Blank lines come out one by one, as empty ones: a million of them is not one piece of work."""
        lines = LineBuffer(limit=LIMIT, endless=1_000_000)
        lines.feed(b"\n" * 3 + BOM + b"\n")
        self.assertEqual([lines.next() for _ in range(5)], [b"", b"", b"", b"", None])

    def test_exact_limit(self):
        """A line of the limit passes, one byte more does not (section 1)."""
        self.assertEqual(read_pieces([b"x" * LIMIT + b"\n"]), [b"x" * LIMIT])
        self.assertEqual(read_pieces([b"x" * (LIMIT + 1) + b"\n"]), [Broken.TOO_LONG])

    def test_limit_of_the_protocol(self):
        """1 MiB without the terminator is the longest line (section 1)."""
        line = b"x" * 1_048_576
        found = read_pieces([line + b"\r\n" + line + b"x\n" + b"next\n"], limit=1_048_576, endless=4_194_304)
        self.assertEqual(found, [line, Broken.TOO_LONG, b"next"])

    def test_new_limit(self):
        """The limit can change between two lines, also while the second is half there (section 1)."""
        lines = LineBuffer(limit=2, endless=ENDLESS)
        lines.feed(b"ab\ncd")
        self.assertEqual(lines.next(), b"ab")
        lines.limit = 6
        self.assertEqual(read(lines), [])
        lines.feed(b"efgh\nijklmno\n")
        self.assertEqual(read(lines), [b"cdefgh", Broken.TOO_LONG])

    def test_lower_limit(self):
        """A lower limit counts for what has come already (section 1)."""
        lines = LineBuffer(limit=6, endless=ENDLESS)
        lines.feed(b"abcdef")
        self.assertEqual(read(lines), [])
        lines.limit = 2
        self.assertEqual(read(lines), [Broken.TOO_LONG])
        lines.feed(b"\nab\n")
        self.assertEqual(read(lines), [b"ab"])


class EndlessTests(SynchronousTestCase):
    @given(st.integers(ENDLESS + 13, 5 * ENDLESS), cuts)
    def test_endless(self, size, sizes):
        """A line without end is reported as too long, then as endless (section 1: past 4 MiB)."""
        found = read_pieces(pieces(b"x" * size, sizes), endless=ENDLESS)
        self.assertEqual(found, [Broken.TOO_LONG, Broken.ENDLESS])

    @given(st.integers(LIMIT + 2, ENDLESS), cuts)
    def test_not_endless(self, size, sizes):
        """A line that ends before is not (section 1)."""
        found = read_pieces([*pieces(b"x" * size, sizes), b"\nnext\n"], endless=ENDLESS)
        self.assertEqual(found, [Broken.TOO_LONG, b"next"])

    def test_each_line_alone(self):
        """Many over-long lines are not one endless line (section 1)."""
        found = read_pieces([b"x" * 30 + b"\n"] * 9, endless=ENDLESS)
        self.assertEqual(found, [Broken.TOO_LONG] * 9)

    def test_endless_of_the_protocol(self):
        """It takes 4 MiB (section 1)."""
        chunk = b"x" * 65_536
        lines = LineBuffer(limit=1_048_576, endless=4_194_304)
        heard = []
        for number in range(65):
            lines.feed(chunk)
            heard += [(number, broken) for broken in read(lines)]
        self.assertEqual(heard, [(16, Broken.TOO_LONG), (64, Broken.ENDLESS)])


class Searched(bytearray):
    """A buffer that counts the bytes that were searched for a line end."""

    count = 0

    def find(self, what, start=0):
        """Search, and count."""
        place = super().find(what, start)
        self.count += (len(self) if place < 0 else place + 1) - start
        return place


class CostTests(SynchronousTestCase):
    def test_each_byte_once(self):
        """A long line in small pieces costs no more than its length: each byte is searched once."""
        lines = LineBuffer(limit=1_048_576, endless=4_194_304)
        lines._bytes = Searched()
        for _ in range(16_384):
            lines.feed(b"x" * 64)
            self.assertIs(lines.next(), None)
        lines.feed(b"\n")
        self.assertEqual(len(lines.next()), 1_048_576)
        self.assertEqual(lines._bytes.count, 1_048_577)

    def test_many_lines_in_a_chunk(self):
        """Each byte of a chunk of many lines is searched once as well."""
        lines = LineBuffer(limit=100, endless=ENDLESS)
        lines._bytes = Searched()
        lines.feed(b"abcdefgh\n" * 5_000)
        self.assertEqual(len(read(lines)), 5_000)
        self.assertEqual(lines._bytes.count, 45_000)

    def test_thrown_away(self):
        """What is thrown away is searched once, too."""
        lines = LineBuffer(limit=10, endless=1_000_000)
        lines._bytes = Searched()
        for _ in range(1_000):
            lines.feed(b"x" * 64)
            read(lines)
        self.assertEqual(lines._bytes.count, 64_000)

    @given(streams, cuts)
    def test_memory(self, data, sizes):
        """No more than a line of the limit is kept, with its CR (section 1: not buffered)."""
        lines = LineBuffer(limit=LIMIT, endless=1_000_000)
        for chunk in pieces(data * 5, sizes):
            lines.feed(chunk)
            read(lines)
            self.assertLessEqual(len(lines._bytes), LIMIT + 1)

    def test_memory_is_given_back(self):
        """After a burst the buffer's memory is free again."""
        lines = LineBuffer(limit=1_048_576, endless=4_194_304)
        lines.feed(b"x" * 3_000_000)
        self.assertEqual(read(lines), [Broken.TOO_LONG])
        lines.feed(b"\nab")
        self.assertEqual(read(lines), [])
        self.assertLess(lines._bytes.__alloc__(), 4_096)

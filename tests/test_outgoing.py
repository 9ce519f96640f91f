"""Design section 7: one write a connection and turn, and bounded memory for a client that does not read."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import tcp
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from assa.outgoing import Flusher, Outgoing

LIMIT = 1_000


class Counted(StringTransport):
    """A transport that keeps each write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.writes.append(data)
        super().write(data)


class OutgoingTestCase(SynchronousTestCase):
    def setUp(self):
        """Have one client that reads."""
        self.clock = Clock()
        self.flusher = Flusher(self.clock)
        self.told: list[str] = []
        self.transport = Counted()
        self.outgoing = self.make(self.transport)

    def make(self, transport):
        """Return the outgoing bytes of a transport."""
        return Outgoing(
            transport,
            self.flusher,
            limit=LIMIT,
            slow=lambda: self.told.append("slow"),
            ready=lambda: self.told.append("ready"),
        )

    def turn(self):
        """End a reactor turn and return what was written in it."""
        self.clock.advance(0)
        writes, self.transport.writes = self.transport.writes, []
        return writes


class WriteTests(OutgoingTestCase):
    def test_one_write(self):
        """What a turn produces leaves in one write, in order."""
        for number in range(5):
            self.outgoing.write(b"event %d\n" % number)
            self.outgoing.answer(b"answer %d\n" % number)
        self.assertEqual(self.transport.writes, [])
        wanted = b"".join(b"event %d\nanswer %d\n" % (number, number) for number in range(5))
        self.assertEqual(self.turn(), [wanted])
        self.assertEqual(self.turn(), [])

    def test_one_timer(self):
        """All connections of a turn share one timer."""
        others = [self.make(Counted()) for _ in range(10)]
        for one in (self.outgoing, *others):
            one.write(b"x")
            one.answer(b"y")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.turn()
        self.assertEqual({tuple(one._transport.writes) for one in others}, {(b"xy",)})

    def test_written_while_flushing(self):
        """What one connection's flush makes another write leaves in the next turn."""
        other = self.make(Counted())
        self.transport.write = lambda data: other.write(b"after " + data)
        self.outgoing.write(b"x")
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(other._transport.writes, [b"after x"])

    def test_broken(self):
        """A connection whose write fails does not hold up the others."""

        def broken(_):
            raise OSError

        self.transport.write = broken
        other = self.make(Counted())
        self.outgoing.write(b"x")
        other.write(b"y")
        self.clock.advance(0)
        self.assertEqual(other._transport.writes, [b"y"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_registered(self):
        """The transport tells it when the client reads too slowly: a push producer."""
        self.assertIs(self.transport.producer, self.outgoing)
        self.assertTrue(self.transport.streaming)

    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("write"), st.binary(min_size=1, max_size=9)),
                st.tuples(st.just("answer"), st.binary(min_size=1, max_size=9)),
                st.tuples(st.sampled_from(["turn", "pause", "resume"]), st.just(b"")),
            ),
            max_size=60,
        )
    )
    def test_any_course(self, steps):
        """Everything arrives once, in order, and nothing while the client does not read."""
        self.setUp()
        said, paused = b"", False
        for name, data in steps:
            if name == "turn":
                self.assertLessEqual(len(self.turn()), 1 - paused)
            elif name == "pause":
                self.turn()
                self.outgoing.pauseProducing()
                paused = True
            elif name == "resume":
                self.outgoing.resumeProducing()
                paused = False
            else:
                getattr(self.outgoing, name)(data)
                said += data
        self.outgoing.resumeProducing()
        self.turn()
        self.assertEqual(self.transport.value(), said)


class PauseTests(OutgoingTestCase):
    def test_waits(self):
        """While the client does not read, nothing is written; afterwards everything, in one write."""
        self.outgoing.pauseProducing()
        self.outgoing.write(b"a")
        self.outgoing.answer(b"b")
        self.assertEqual((self.turn(), self.outgoing.paused), ([], True))
        self.outgoing.resumeProducing()
        self.assertEqual((self.turn(), self.told), ([b"ab"], ["ready"]))

    def test_paused_before_the_end_of_the_turn(self):
        """What was written in the turn in which the client stopped reading waits as well."""
        self.outgoing.write(b"a")
        self.outgoing.pauseProducing()
        self.assertEqual(self.turn(), [])
        self.outgoing.write(b"b")
        self.outgoing.resumeProducing()
        self.assertEqual(self.turn(), [b"ab"])

    def test_again_and_again(self):
        """The transport may say that it is full many times (facts 7)."""
        for _ in range(5):
            self.outgoing.pauseProducing()
        self.outgoing.write(b"a")
        self.outgoing.resumeProducing()
        self.assertEqual(self.turn(), [b"a"])

    def test_slow(self):
        """More events than the limit make the client a slow one, and what is over is not kept."""
        self.outgoing.pauseProducing()
        self.outgoing.write(b"x" * LIMIT)
        self.assertEqual(self.told, [])
        self.outgoing.write(b"y")
        self.assertEqual(self.told, ["slow"])
        self.assertEqual(b"".join(self.outgoing._parts), b"x" * LIMIT)

    def test_answers_do_not_count(self):
        """Answers larger than the limit do not make a client slow: it asked for them."""
        self.outgoing.pauseProducing()
        for _ in range(5):
            self.outgoing.answer(b"x" * LIMIT)
        self.outgoing.write(b"y" * LIMIT)
        self.assertEqual(self.told, [])

    def test_reading_clients_are_not_slow(self):
        """Events of one turn may be more than the limit while the client reads."""
        for _ in range(5):
            self.outgoing.write(b"x" * LIMIT)
        self.assertEqual((len(self.turn()[0]), self.told), (5 * LIMIT, []))

    def test_count_starts_anew(self):
        """What has been read does not count any more."""
        for _ in range(5):
            self.outgoing.pauseProducing()
            self.outgoing.write(b"x" * LIMIT)
            self.outgoing.resumeProducing()
            self.turn()
        self.assertNotIn("slow", self.told)


class EndTests(OutgoingTestCase):
    def test_finish(self):
        """At the end what waits is written at once, also to a client that does not read."""
        self.outgoing.pauseProducing()
        self.outgoing.write(b"a")
        self.outgoing.answer(b"last")
        self.outgoing.finish()
        self.assertEqual(self.transport.writes, [b"alast"])
        self.assertIs(self.transport.producer, None)

    def test_drop(self):
        """What waits can be forgotten first, and its memory with it (SLOW_CONSUMER)."""
        self.outgoing.pauseProducing()
        self.outgoing.write(b"x" * LIMIT)
        self.outgoing.drop()
        self.assertEqual(self.outgoing._parts, [])
        self.outgoing.answer(b"last")
        self.outgoing.finish()
        self.assertEqual(self.transport.writes, [b"last"])

    def test_stopped(self):
        """When the connection is gone, nothing is kept and nothing is written."""
        self.outgoing.write(b"a")
        self.outgoing.stopProducing()
        self.assertEqual((self.turn(), self.outgoing._parts), ([], []))


class DirectTests(OutgoingTestCase):
    """A plain TCP connection is written to directly while Twisted has nothing queued for it."""

    def setUp(self):
        """Have a connection of Twisted, without a network: one end of a pair."""
        super().setUp()
        ours, self.theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.theirs.close)
        ours.settimeout(0)
        self.theirs.settimeout(0)
        self.reactor = MemoryReactor()
        self.connection = tcp.Connection(ours, Protocol(), self.reactor)
        self.connection.connected = 1
        self.direct = self.make(self.connection)

    def received(self) -> bytes:
        """Return what the other end can read now."""
        found = b""
        try:
            while chunk := self.theirs.recv(1_000_000):
                found += chunk
        except BlockingIOError:
            pass
        return found

    def test_private_names(self):
        """Twisted's queue is where we look for it: a new Twisted that has moved it is noticed here."""
        self.assertEqual(self.connection.dataBuffer, b"")
        self.assertEqual(self.connection._tempDataBuffer, [])
        self.connection.write(b"x")
        self.assertEqual(self.connection._tempDataBuffer, [b"x"])
        self.assertTrue(issubclass(tcp.Server, tcp.Connection))

    def test_at_once(self):
        """Bytes go to the socket at the end of the turn, without waiting for the reactor."""
        self.direct.write(b"a")
        self.direct.write(b"b")
        self.clock.advance(0)
        self.assertEqual(self.received(), b"ab")
        self.assertEqual(self.reactor.getWriters(), [])

    def test_queued(self):
        """Where Twisted has something queued, what follows is queued behind it."""
        self.connection.write(b"first ")
        self.direct.write(b"second")
        self.clock.advance(0)
        self.assertEqual(self.received(), b"")
        self.connection.doWrite()
        self.assertEqual(self.received(), b"first second")

    def test_full_socket(self):
        """What the socket does not take is queued in Twisted: nothing is lost or said twice."""
        data = bytes(range(256)) * 8_192
        self.direct.answer(data)
        self.clock.advance(0)
        found = self.received()
        self.assertLess(len(found), len(data))
        self.direct.write(b"after")
        self.clock.advance(0)
        while self.connection.dataBuffer or self.connection._tempDataBuffer:
            self.connection.doWrite()
            self.clock.advance(0)
            found += self.received()
        self.assertEqual(found, data + b"after")

    def test_lost(self):
        """A socket that is gone is found out by the reactor: no exception, no second attempt here."""
        self.theirs.close()
        self.direct.write(b"a")
        self.clock.advance(0)
        self.assertEqual(len(self.reactor.getWriters()), 1)
        self.assertIsInstance(self.connection.doWrite(), (ConnectionLost, Exception))

    def test_tls(self):
        """Under TLS bytes go through Twisted: the socket would get them unencrypted."""
        self.connection.unregisterProducer()
        self.connection.TLS = True
        self.connection.protocol = Counted()  # after startTLS Twisted puts its TLS protocol there
        tls = self.make(self.connection)
        tls.write(b"secret")
        self.clock.advance(0)
        self.assertEqual((self.received(), self.connection.protocol.writes), (b"", [b"secret"]))

"""Design section 7: who listens to what on a node, and the delivery of log entries to them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.hub import Hub
from assa.storage import Entry


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self, hub: Hub, *channels: str) -> None:
        self.lines: list[bytes] = []
        self.times_replaced = 0
        hub.subscribe(self, channels)

    def hear(self, lines: bytes) -> None:
        """Keep the lines."""
        self.lines.append(lines)

    def replaced(self) -> None:
        """Count."""
        self.times_replaced += 1

    @property
    def positions(self) -> list[int]:
        """Return the positions of the events heard, in the order of hearing."""
        lines = b"".join(self.lines).split(b"\n")[:-1]
        return [int(line.partition(b'"seq_id":"e')[2].rstrip(b'"}')) for line in lines]


def entry(position: int, channel: str = "room:1", *, body: bytes | None = b'{"action":"X"}', **more) -> Entry:
    """Return an entry of the log."""
    return Entry(position=position, channel=channel, body=body, **more)


class HubTestCase(SynchronousTestCase):
    def setUp(self):
        """Have what each test starts with."""
        self.hub = Hub()


class DeliveryTests(HubTestCase):
    def test_channel(self):
        """An entry goes to the listeners of its channel and to nobody else."""
        mina, jun = Ear(self.hub, "room:1", "user:1"), Ear(self.hub, "room:2")
        self.hub.deliver([entry(5)])
        self.assertEqual((mina.positions, jun.positions), ([5], []))
        self.assertEqual(mina.lines, [b'{"action":"X","seq_id":"e5"}\n'])

    def test_origin(self):
        """The session that caused an event does not hear it; the user's other sessions do (section 6)."""
        phone = Ear(self.hub, "room:1", "user:1", "session:p")
        tablet = Ear(self.hub, "room:1", "user:1", "session:t")
        self.hub.deliver([entry(5, origin="p")])
        self.assertEqual((phone.positions, tablet.positions), ([], [5]))

    def test_shared_bytes(self):
        """All recipients of one broadcast get the same bytes, made once (section 2; design 7)."""
        ears = [Ear(self.hub, "room:1") for _ in range(3)]
        self.hub.deliver([entry(5)])
        self.assertEqual(len({id(ear.lines[0]) for ear in ears}), 1)

    def test_burst(self):
        """A burst into one room reaches each listener as one piece, in order."""
        mina = Ear(self.hub, "room:1")
        self.hub.deliver([entry(number) for number in range(5, 9)])
        self.assertEqual((len(mina.lines), mina.positions), (1, [5, 6, 7, 8]))

    def test_delivered(self):
        """The newest position delivered is known, also of entries that nobody heard."""
        self.hub.deliver([])
        self.assertEqual(self.hub.delivered, 0)
        self.hub.deliver([entry(5), entry(7, "room:9")])
        self.assertEqual(self.hub.delivered, 7)

    @given(
        st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, "s0", "s1", "s2"])), max_size=30),
        st.lists(st.integers(1, 6), max_size=30),
    )
    def test_any_grouping(self, events, sizes):
        """However entries are grouped, each listener hears its channels' events in position order, once."""
        hub = Hub()
        ears = [
            Ear(hub, f"session:s{number}", *(f"room:{room}" for room in range(1, number + 2)))
            for number in range(3)
        ]
        entries = [
            entry(place, f"room:{room}", origin=origin) for place, (room, origin) in enumerate(events, 1)
        ]
        rest = entries
        for size in [*sizes, len(entries)]:
            hub.deliver(rest[:size])
            rest = rest[size:]
        for number, ear in enumerate(ears):
            wanted = [
                one.position
                for one in entries
                if int(one.channel[5:]) <= number + 1 and one.origin != f"s{number}"
            ]
            self.assertEqual(ear.positions, wanted)


class EffectTests(HubTestCase):
    def test_joining(self):
        """Who joins hears what comes after the join, not the join itself (section 5)."""
        phone, other = Ear(self.hub, "user:1"), Ear(self.hub, "room:1")
        self.hub.deliver([entry(5, effect="+user:1")])
        self.hub.deliver([entry(6)])
        self.assertEqual((phone.positions, other.positions), ([6], [5, 6]))

    def test_joining_in_a_burst(self):
        """Also when all of it is one delivery."""
        phone = Ear(self.hub, "user:1")
        self.hub.deliver([entry(4), entry(5, effect="+user:1"), entry(6), entry(7)])
        self.assertEqual(phone.positions, [6, 7])

    def test_leaving(self):
        """Who leaves hears neither that nor what follows (section 5: USER_LEFT goes to the others)."""
        phone, other = Ear(self.hub, "user:1", "room:1"), Ear(self.hub, "room:1")
        self.hub.deliver([entry(4), entry(5, effect="-user:1"), entry(6)])
        self.assertEqual((phone.positions, other.positions), ([4], [4, 5, 6]))

    def test_all_devices(self):
        """A join counts for every device of the user that is there."""
        ears = [Ear(self.hub, "user:1"), Ear(self.hub, "user:1")]
        self.hub.deliver([entry(5, body=None, effect="+user:1"), entry(6)])
        self.assertEqual([ear.positions for ear in ears], [[6], [6]])

    def test_replaced(self):
        """A replaced session is told, after what it still was to hear (section 3)."""
        old, other = Ear(self.hub, "session:s"), Ear(self.hub, "session:t")
        self.hub.deliver([entry(5, "session:s", body=None, effect="!session:s")])
        self.assertEqual((old.times_replaced, other.times_replaced), (1, 0))
        self.assertEqual(old.lines, [])

    def test_removed_while_delivering(self):
        """A listener that goes when it hears something does not disturb the others."""
        hub = self.hub
        gone = Ear(hub, "room:1")
        gone.hear = lambda _: hub.remove(gone)
        left = Ear(hub, "room:1")
        hub.deliver([entry(5)])
        hub.deliver([entry(6)])
        self.assertEqual(left.positions, [5, 6])
        self.assertEqual(len(hub), 1)


class SubscriptionTests(HubTestCase):
    def test_twice(self):
        """To subscribe twice is to subscribe once."""
        mina = Ear(self.hub, "room:1")
        self.hub.subscribe(mina, ["room:1"])
        self.hub.deliver([entry(5)])
        self.assertEqual(mina.positions, [5])

    def test_remove(self):
        """A listener that is removed leaves nothing behind."""
        mina = Ear(self.hub, "room:1", "user:1", "all")
        self.hub.remove(mina)
        self.hub.remove(mina)
        self.hub.unsubscribe(mina, "room:1")
        self.hub.deliver([entry(5)])
        self.assertEqual((mina.positions, len(self.hub), self.hub._by_channel), ([], 0, {}))

    def test_empty_channels(self):
        """Channels without listeners take no memory."""
        mina = Ear(self.hub, "user:1")
        for room in range(100):
            self.hub.deliver([entry(2 * room + 1, f"room:{room}", effect="+user:1")])
            self.hub.deliver([entry(2 * room + 2, f"room:{room}", effect="-user:1")])
        self.assertEqual(set(self.hub._by_channel), {"user:1"})
        self.assertEqual(self.hub._channels, {mina: {"user:1"}})

    def test_effect_without_listeners(self):
        """An effect on a user who is not here subscribes nobody."""
        self.hub.deliver(
            [entry(5, effect="+user:9"), entry(6, effect="-user:9"), entry(7, effect="!session:x")]
        )
        self.assertEqual((len(self.hub), self.hub._by_channel), (0, {}))

"""Protocol section 3, rate limits: token buckets per user, and per address for failed CONNECTs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.rates import Buckets, RateLimits
from tests.world import UNLIMITED, World, codes


class BucketTests(SynchronousTestCase):
    def setUp(self):
        """Have what each test starts with."""
        self.now = 1_000.0
        self.buckets = Buckets(rate=2, burst=5, now=lambda: self.now)

    def taken(self, key: object, tries: int) -> int:
        """Return how many of some tries got a token."""
        return sum(self.buckets.take(key) == 0 for _ in range(tries))

    def test_burst(self):
        """A full bucket gives its burst at once, then what flows in."""
        self.assertEqual(self.taken("a", 20), 5)
        self.now += 1
        self.assertEqual(self.taken("a", 20), 2)

    def test_never_more_than_the_burst(self):
        """A bucket does not fill over its burst, however long nobody takes."""
        self.taken("a", 20)
        self.now += 1e6
        self.assertEqual(self.taken("a", 20), 5)

    def test_keys(self):
        """Each user has a bucket of his own."""
        self.assertEqual(self.taken("a", 20), 5)
        self.assertEqual(self.taken("b", 20), 5)

    def test_looking_costs_nothing(self):
        """To ask for the time to wait takes no token."""
        self.assertEqual({self.buckets.wait_ms("a") for _ in range(20)}, {0})
        self.assertEqual(self.taken("a", 20), 5)

    def test_off(self):
        """A rate of 0 switches the limit off, and nothing is remembered."""
        off = Buckets(rate=0, burst=1, now=lambda: self.now)
        self.assertEqual({off.take("a") for _ in range(1_000)}, {0})
        self.assertEqual((off.wait_ms("a"), len(off)), (0, 0))

    def test_forgotten(self):
        """A bucket that is full again takes no memory; one that is not stays."""
        for key in range(100):
            self.taken(key, 1)
        self.now += 1
        self.taken("busy", 5)
        self.buckets.sweep()
        self.assertEqual(len(self.buckets), 1)
        self.assertEqual(self.taken("busy", 1), 0)

    def test_refused_is_free(self):
        """Trying in vain does not push the next token further away."""
        self.taken("a", 100)
        self.now += 0.5
        self.assertEqual(self.taken("a", 100), 1)

    @given(
        st.floats(0.01, 1_000),
        st.integers(1, 100),
        st.lists(st.floats(0, 5), max_size=40),
    )
    def test_waiting_helps(self, rate, burst, pauses):
        """After exactly the time that was told there is a token (RATE_LIMITED, retry_after_ms)."""
        now = [5.0]
        buckets = Buckets(rate=rate, burst=burst, now=lambda: now[0])
        for pause in pauses:
            now[0] += pause
            wait_ms = buckets.take("a")
            if wait_ms:
                now[0] += wait_ms / 1000
                self.assertEqual(buckets.take("a"), 0)

    @given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.floats(0, 1), max_size=60))
    def test_never_too_many(self, rate, burst, pauses):
        """In any stretch of time at most the burst and what flowed in is given."""
        now = [5.0]
        buckets = Buckets(rate=rate, burst=burst, now=lambda: now[0])
        given_out = 0
        for pause in pauses:
            now[0] += pause
            buckets.sweep()
            given_out += buckets.take("a") == 0
        self.assertLessEqual(given_out, burst + rate * (now[0] - 5.0) + 1e-6)


class LimitsTests(SynchronousTestCase):
    def test_defaults(self):
        """Messages 20/s with a burst of 100, relays 100/s and 400, others 20/s and 100 (section 3)."""
        limits = RateLimits()
        self.assertEqual((limits.messages, limits.messages_burst), (20, 100))
        self.assertEqual((limits.relays, limits.relays_burst), (100, 400))
        self.assertEqual((limits.others, limits.others_burst), (20, 100))

    def test_buckets(self):
        """Each kind makes buckets of its own size."""
        limits = RateLimits(messages=1, messages_burst=3)
        buckets = limits.buckets("messages", lambda: 0.0)
        self.assertEqual(sum(buckets.take("a") == 0 for _ in range(10)), 3)


class ServerTests(SynchronousTestCase):
    def test_messages(self):
        """Over the rate RATE_LIMITED with the time to wait; each request is answered (section 3)."""
        world = World(rate_limits=RateLimits(messages=2, messages_burst=3))
        mina = world.connected(1)
        room_id = mina.ask("CREATE_ROOM", {"name": "방"})["data"]["room_id"]
        message = {"room_id": room_id, "content": "안녕", "message_type": "text"}
        answers = [mina.ask("SEND_MESSAGE", message) for _ in range(5)]
        self.assertEqual(codes(answers), [None] * 3 + ["RATE_LIMITED"] * 2)
        wait_ms = answers[-1]["data"]["retry_after_ms"]
        self.assertTrue(1 <= wait_ms <= 501, wait_ms)
        world.pass_time(wait_ms / 1000)
        self.assertEqual(codes([mina.ask("SEND_MESSAGE", message)]), [None])
        self.assertEqual(world.query("SELECT count(*) FROM messages"), [(4,)])

    def test_kinds(self):
        """What messages use up leaves the others, and the user's devices share one bucket (section 3)."""
        world = World(rate_limits=RateLimits(messages=1, messages_burst=2, others=1, others_burst=10))
        phone, tablet = world.connected(1), world.connected(1)
        room_id = phone.ask("CREATE_ROOM", {"name": "방"})["data"]["room_id"]
        message = {"room_id": room_id, "content": "안녕", "message_type": "text"}
        answers = [client.ask("SEND_MESSAGE", message) for client in (phone, tablet, tablet, phone)]
        self.assertEqual(codes(answers), [None, None, "RATE_LIMITED", "RATE_LIMITED"])
        self.assertEqual(codes([tablet.ask("ROOM_INFO", {"room_id": room_id})]), [None])

    def test_reconnecting_does_not_help(self):
        """The bucket is the user's, not the connection's (section 3)."""
        world = World(rate_limits=RateLimits(others=1, others_burst=3))
        mina = world.connected(1)
        self.assertEqual(codes([mina.ask("LIST_ROOMS", {}) for _ in range(4)])[-1], "RATE_LIMITED")
        mina.drop()
        self.assertEqual(codes([world.connected(1).ask("LIST_ROOMS", {})]), ["RATE_LIMITED"])

    def test_payload_comes_later(self):
        """The rate is looked at before the payload (section 10: which check comes first)."""
        world = World(rate_limits=RateLimits(others=1, others_burst=1))
        mina = world.connected(1)
        answers = [mina.ask("ROOM_INFO", {"room_id": "5"}) for _ in range(2)]
        self.assertEqual(codes(answers), ["INVALID_MESSAGE", "RATE_LIMITED"])


class FailedConnectTests(SynchronousTestCase):
    def setUp(self):
        """Have what each test starts with."""
        self.world = World(rate_limits=RateLimits(failed_connects=1, failed_connects_burst=4))

    def code(self, address, token=None):
        """Return the code of a CONNECT from an address, without a token of a wrong one."""
        return self.world.client(address).connect(token or "x.y.z").get("error_code")

    def test_address(self):
        """After too many failures even a good token has to wait, from that address alone (section 3)."""
        found = [self.code("192.0.2.1") for _ in range(5)]
        self.assertEqual(found, ["INVALID_TOKEN"] * 4 + ["RATE_LIMITED"])
        self.assertEqual(self.code("192.0.2.1", self.world.token(1)), "RATE_LIMITED")
        self.assertEqual(self.code("192.0.2.2", self.world.token(1)), None)
        self.world.pass_time(2)
        self.assertEqual(self.code("192.0.2.1", self.world.token(1)), None)

    def test_ipv6(self):
        """An IPv6 client is its /64 (section 3)."""
        found = [self.code(f"2001:db8:0:1::{number}") for number in range(5)]
        self.assertEqual(found[-1], "RATE_LIMITED")
        self.assertEqual(self.code("2001:db8:0:2::1"), "INVALID_TOKEN")

    def test_success_is_free(self):
        """Good CONNECTs are not counted (section 3: failed ones are)."""
        found = [self.code("192.0.2.1", self.world.token(number)) for number in range(1, 20)]
        self.assertEqual(set(found), {None})

    def test_off(self):
        """0 switches it off."""
        self.world = World(rate_limits=UNLIMITED)
        self.assertEqual({self.code("192.0.2.1") for _ in range(50)}, {"INVALID_TOKEN"})

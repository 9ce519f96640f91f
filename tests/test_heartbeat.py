"""Protocol section 3 (§8.2, §10.2): PING every 30 s, and 60 s of silence after an unanswered one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.heartbeat import Beat, Heartbeat
from assa.limits import Limits
from tests.world import World

STEP = 0.5


def beats(heard_at: set[float], *, until: float, early: float = 0.0) -> list[tuple[float, Beat]]:
    """Return what is due when, checked twice a second, for a client that is heard at these moments."""
    heartbeat = Heartbeat(Limits(), 0.0, early)
    found = []
    for number in range(1, int(until / STEP) + 1):
        now = number * STEP
        heard = any(now - STEP < moment <= now for moment in heard_at)
        beat = heartbeat.check(now, heard=heard)
        if beat is not Beat.NOTHING:
            found.append((now, beat))
        if beat is Beat.DEAD:
            break
    return found


class HeartbeatTests(SynchronousTestCase):
    def test_silence(self):
        """PING at 30 s, and dead 60 s after it when nothing has come (§10.2)."""
        self.assertEqual(beats(set(), until=200), [(30, Beat.PING), (60, Beat.PING), (90, Beat.DEAD)])

    def test_answers(self):
        """A client that answers each PING lives, and is asked every 30 s (§8.2)."""
        found = beats({30.2, 60.2, 90.2, 120.2}, until=150)
        self.assertEqual(found, [(at, Beat.PING) for at in (30, 60, 90, 120, 150)])

    def test_late_answer(self):
        """Any line counts as life, up to the last moment (section 3)."""
        self.assertEqual(beats({89.4}, until=100)[-1], (90, Beat.PING))
        self.assertEqual(beats({89.4}, until=300)[-1], (150, Beat.DEAD))

    def test_life_before_the_ping(self):
        """What came before the PING is no answer to it (section 3)."""
        self.assertEqual(beats({29.0}, until=300)[-1], (90, Beat.DEAD))

    def test_early(self):
        """The first PING comes up to 10 % early, the next ones every 30 s (section 3)."""
        self.assertEqual(beats({27.2, 57.2}, until=60, early=0.1), [(27, Beat.PING), (57, Beat.PING)])

    @given(st.sets(st.integers(1, 600).map(lambda half: half / 2), max_size=12), st.floats(0, 0.1))
    def test_any_client(self, heard_at, early):
        """Never dead within 60 s of a sign of life, always dead within 91 s of the last one (section 3)."""
        found = beats(heard_at, until=600, early=early)
        at, last = found[-1]
        self.assertIs(last, Beat.DEAD)
        alive = max((moment for moment in heard_at if moment <= at), default=0.0)
        self.assertGreaterEqual(at - alive, 60)
        self.assertLessEqual(at - alive, 91)
        self.assertLessEqual(max(found[0][0], 27), 30.5)


class ConnectionTests(SynchronousTestCase):
    def test_timeout(self):
        """A silent client gets PINGs, then HEARTBEAT_TIMEOUT and a close, and can resume (section 3)."""
        world = World()
        mina = world.connected(1, "mina")
        world.pass_time(95, step=0.5)
        heard = mina.all()
        self.assertEqual([one["action"] for one in heard], ["PING"] * 2 + ["ERROR"])
        self.assertEqual(heard[-1]["error_code"], "HEARTBEAT_TIMEOUT")
        self.assertTrue(mina.closed)
        self.assertNotIn("e", {one["seq_id"][0] for one in heard})
        again = world.client().connect(world.token(1), session_id=mina.session_id)
        self.assertTrue(again["data"]["reconnection_info"]["resumed"])

    def test_life(self):
        """PONG keeps a connection, and so does any other complete line, even a wrong one (section 3)."""
        world = World()
        mina, jun = world.connected(1, "mina"), world.connected(2, "jun")
        for _ in range(5):
            world.pass_time(29, step=0.5)
            mina.tell("PONG")
            jun.send_bytes(b"{\n")
        self.assertFalse(mina.closed or jun.closed)

    def test_half_a_line(self):
        """Bytes that are no complete line are no sign of life (section 3)."""
        world = World()
        mina = world.connected(1, "mina")
        for _ in range(95):
            world.pass_time(1, step=0.5)
            mina.send_bytes(b"x")
        self.assertEqual(mina.heard("ERROR")["error_code"], "HEARTBEAT_TIMEOUT")

    def test_ping_of_the_client(self):
        """The client may send PING and gets PONG with its seq_id (section 3)."""
        world = World()
        for client in (world.client(), world.connected(1)):
            pong = client.ask("PING", seq_id="ping_001")
            self.assertEqual(set(pong), {"action", "timestamp", "seq_id"})
            self.assertEqual((pong["action"], pong["seq_id"]), ("PONG", "ping_001"))

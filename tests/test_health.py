"""``/healthz`` and ``/readyz``: what is asked again and again, and must not wait for anything."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assa.service import farewell
from tests.operators import Operator
from tests.web import Response
from tests.world import World


class HealthTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Make a node, and somebody without a token who asks."""
        self.world = World()
        self.probe = Operator(self.world)

    def asked(self, path: str) -> tuple[int, str]:
        """Return the status and the text."""
        response = self.probe.get(path)
        return response.status, response.body.decode()

    def ready(self) -> bool:
        """Return whether it is ready; alive it is in any case."""
        self.assertEqual(self.asked("/healthz"), (200, "ok\n"))
        return self.probe.get("/readyz").status == 200

    def test_ordinary(self) -> None:
        """Both are well, as text that nobody keeps; no token is asked for."""
        for path in ("/healthz", "/readyz"):
            response = self.probe.get(path)
            self.assertEqual((response.status, response.body), (200, b"ok\n"))
            self.assertEqual(response.headers["content-type"], "text/plain; charset=utf-8")
            self.assertEqual(response.headers["cache-control"], "no-store")

    def test_head(self) -> None:
        """HEAD has the status, and no body."""
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.bodiless(self.probe.request("HEAD", path)), 200)
        self.world.node.draining = True
        self.assertEqual(self.bodiless(self.probe.request("HEAD", "/readyz")), 503)

    def bodiless(self, response: Response) -> int:
        """Return the status of an answer without a body."""
        self.assertEqual(response.body, b"")
        return response.status

    def test_no_statement(self) -> None:
        """Nobody's question goes to the database."""
        heard: list[str] = []
        self.world.database.trace(heard.append)
        for _ in range(10):
            self.assertTrue(self.ready())
        self.assertEqual(heard, [])

    def test_draining(self) -> None:
        """A server that stops says so at once, while it still finishes what is in flight."""
        mina = self.world.connected(1)
        self.world.hold_database()
        mina.tell("CREATE_ROOM", {"name": "방"})
        Deferred.fromCoroutine(self.world.node.shutdown(farewell))
        self.assertEqual(self.asked("/readyz"), (503, "the server is stopping\n"))
        self.assertEqual(self.asked("/healthz"), (200, "ok\n"))
        self.world.release_database()

    def test_database_away(self) -> None:
        """A database that refuses changes is found out within seconds, and so is that it is back."""
        self.world.database.go_away()
        self.world.pass_time(6)
        self.assertEqual(self.asked("/readyz"), (503, "the database is away\n"))
        self.world.pass_time(60)
        self.assertFalse(self.ready())
        self.world.database.come_back()
        self.world.pass_time(6)
        self.assertTrue(self.ready())

    def test_a_client_finds_out_first(self) -> None:
        """What a client's request showed counts at once."""
        mina = self.world.connected(1)
        self.world.database.go_away()
        self.assertEqual(mina.refused("CREATE_ROOM", {"name": "방"}), "SERVICE_UNAVAILABLE")
        self.assertFalse(self.ready())

    def test_silent_database(self) -> None:
        """One that hangs is no longer believed in after a while, and is again once it has answered."""
        self.world.hold_database()
        self.world.pass_time(10)
        self.assertTrue(self.ready())
        self.world.pass_time(15)
        status, text = self.asked("/readyz")
        self.assertEqual(status, 503)
        self.assertRegex(text, r"^the database has not answered for 2\d s\n$")
        self.world.release_database()
        self.assertTrue(self.ready())

    def test_idle_node_stays_ready(self) -> None:
        """For an hour nobody comes: what is known stays fresh."""
        for _ in range(60):
            self.world.pass_time(60, step=1)
            self.assertTrue(self.ready())

    def test_lost_lease(self) -> None:
        """A node that the others have given up is not ready until it has joined anew."""
        self.world.database.go_away()
        self.world.node.lost_lease("given up")
        self.world.turn()
        self.assertEqual(self.asked("/readyz"), (503, "the server has not joined the nodes yet\n"))
        self.world.database.come_back()
        self.world.pass_time(2)
        self.assertTrue(self.ready())

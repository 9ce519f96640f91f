"""``/metrics``: what a node counts, as Prometheus reads it, and who may."""

from __future__ import annotations

import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from twisted.trial.unittest import SynchronousTestCase

from tests.operators import Metrics, Operator, refusal
from tests.world import World


class CountTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina and jun are in a room, and an operator looks on."""
        self.world = World()
        self.operator = Operator(self.world)
        self.mina, self.jun = self.world.connected(1, "mina"), self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, self.jun)

    def grown(self, before: Metrics, name: str, **labels: str) -> float:
        """Return by how much a sample has grown; one that was not there was 0."""
        try:
            old = before.value(name, **labels)
        except KeyError:
            old = 0.0
        return self.operator.scraped().value(name, **labels) - old

    def test_connections(self) -> None:
        """Each by its front and its state; who has only opened a socket is no client."""
        self.world.client()
        browser = World(front="websocket")
        browser.connected(1)
        for world, front, connected, strangers in (
            (self.world, self.mina.protocol.kind, 2, 1),
            (browser, "websocket", 1, 0),
        ):
            metrics = Operator(world).scraped()
            value = metrics.value("assa_connections", front=front, state="connected")
            self.assertEqual(value, connected)
            value = metrics.value("assa_connections", front=front, state="unauthenticated")
            self.assertEqual(value, strangers)
            self.assertEqual(metrics.value("assa_sessions_connected"), connected)

    def test_requests_and_errors(self) -> None:
        """Requests by action, errors by code; PONGs are no requests."""
        before = self.operator.scraped()
        self.mina.say(self.room_id, "안녕")
        self.mina.tell("PING")
        self.mina.send({"action": "PONG", "timestamp": "2024-01-01T12:00:00.000Z", "seq_id": "s"})
        self.mina.refused("SEND_MESSAGE", {"room_id": 999, "content": "x", "message_type": "text"})
        self.mina.send_bytes(b"{}\n")
        self.assertEqual(self.grown(before, "assa_requests_total", action="SEND_MESSAGE"), 2)
        self.assertEqual(self.grown(before, "assa_requests_total", action="PING"), 1)
        self.assertEqual(self.grown(before, "assa_errors_total", code="ROOM_NOT_FOUND"), 1)
        self.assertEqual(self.grown(before, "assa_errors_total", code="INVALID_MESSAGE"), 1)

    def test_names_of_clients_are_no_labels(self) -> None:
        """However many actions a client makes up, there is one label for them."""
        before = self.operator.ask("GET", "/metrics").body.count(b"\n")
        for number in range(50):
            self.assertEqual(self.mina.refused(f"MADE_UP_{number}"), "UNKNOWN_ACTION")
        text = self.operator.ask("GET", "/metrics").body.decode()
        self.assertNotIn("MADE_UP", text)
        self.assertEqual(text.count("\n"), before)
        self.assertEqual(Metrics(text).value("assa_requests_total", action="unknown"), 50)

    def test_deliveries(self) -> None:
        """An event is counted once, and once more for each connection that heard it; its author did not."""
        tablet = self.world.connected(1, "mina")
        before = self.operator.scraped()
        self.mina.say(self.room_id, "하나")
        self.mina.say(self.room_id, "둘")
        self.assertEqual(self.grown(before, "assa_events_total", action="NEW_MESSAGE"), 2)
        self.assertEqual(self.grown(before, "assa_deliveries_total", action="NEW_MESSAGE"), 4)
        self.assertEqual(len([one for one in tablet.actions() if one == "NEW_MESSAGE"]), 2)
        position = self.operator.scraped().value("assa_log_position")
        self.assertEqual(position, int(tablet.last_seq_id[1:]))

    def test_deliveries_of_a_burst(self) -> None:
        """Events that are delivered together are counted one by one."""
        before = self.operator.scraped()
        data = {"room_id": self.room_id, "content": "x", "message_type": "text"}
        self.mina.begin(*[self.mina.request("SEND_MESSAGE", data) for _ in range(10)])
        self.world.turn()
        self.assertEqual(self.grown(before, "assa_events_total", action="NEW_MESSAGE"), 10)
        self.assertEqual(self.grown(before, "assa_deliveries_total", action="NEW_MESSAGE"), 10)

    def test_outcomes_of_connect(self) -> None:
        """Fresh, resumed with what was replayed, incomplete, renewed, or refused with a code."""
        self.jun.drop()
        for text in ("하나", "둘", "셋"):
            self.mina.say(self.room_id, text)
        before = self.operator.scraped()
        self.world.connected(3)
        self.assertTrue(self.world.resumed(self.jun).welcome["data"]["reconnection_info"]["resumed"])
        lost = self.world.client()
        lost.connect(self.world.token(4), session_id="gone", last_seq_id="e99999")
        self.assertFalse(lost.welcome["data"]["reconnection_info"]["resumed"])
        self.mina.connect(self.world.token(1))
        self.world.client().connect("no.such.token")
        for outcome in ("fresh", "resumed", "incomplete", "renewed", "INVALID_TOKEN"):
            grown = self.grown(before, "assa_connects_total", outcome=outcome)
            self.assertEqual(grown, 1, outcome)
        self.assertEqual(self.grown(before, "assa_replayed_events_total"), 3)

    def test_closes(self) -> None:
        """By reason: the client's word, the network's doing, silence."""
        front = self.mina.protocol.kind
        sora = self.world.connected(3)
        before = self.operator.scraped()
        self.mina.ask("DISCONNECT", {})
        self.jun.drop()
        self.world.pass_time(100, step=1)
        self.assertTrue(sora.closed)
        for reason in ("DISCONNECT", "connection lost", "HEARTBEAT_TIMEOUT"):
            grown = self.grown(before, "assa_connection_closes_total", reason=reason, front=front)
            self.assertEqual(grown, 1, reason)
        self.assertEqual(self.grown(before, "assa_errors_total", code="HEARTBEAT_TIMEOUT"), 1)

    def test_slow_client(self) -> None:
        """Who does not read is clogged, then a slow consumer; what waits for him is counted."""
        self.jun.protocol._outgoing.pauseProducing()
        for _ in range(10):
            self.mina.say(self.room_id, "가" * 5_000)
        metrics = self.operator.scraped()
        self.assertEqual(metrics.value("assa_connections_clogged"), 1)
        self.assertGreater(metrics.value("assa_outgoing_queued_bytes"), 150_000)
        most = metrics.value("assa_outgoing_queued_bytes_max")
        self.assertEqual(most, metrics.value("assa_outgoing_queued_bytes"))
        for _ in range(70):
            self.mina.say(self.room_id, "가" * 5_000)
        front, reason = self.jun.protocol.kind, "SLOW_CONSUMER"
        closes = self.operator.scraped().value("assa_connection_closes_total", reason=reason, front=front)
        self.assertEqual(closes, 1)

    def test_groups(self) -> None:
        """Queries that are committed together are one group of that size."""
        before = self.operator.scraped()
        data = {"room_id": self.room_id, "content": "x", "message_type": "text"}
        self.mina.begin(*[self.mina.request("SEND_MESSAGE", data) for _ in range(10)])
        self.world.turn()
        after = self.operator.scraped()
        name = "assa_commit_group_queries"
        small, large = f"{name}_bucket", f"{name}_sum"
        self.assertEqual(after.value(large) - before.value(large), 10)
        grown = [after.value(small, le=le) - before.value(small, le=le) for le in ("8.0", "16.0", "+Inf")]
        self.assertEqual(grown[2], grown[1])
        self.assertLess(grown[0], grown[2])
        for histogram in (name, "assa_commit_group_seconds"):
            counts = [
                after.value(f"{histogram}_bucket", **labels) for labels in self.buckets(after, histogram)
            ]
            self.assertEqual(counts, sorted(counts))
            self.assertEqual(counts[-1], after.value(f"{histogram}_count"))

    def buckets(self, metrics: Metrics, histogram: str) -> list[dict[str, str]]:
        """Return the buckets, the smallest first."""
        return sorted(metrics.labels(f"{histogram}_bucket"), key=lambda labels: float(labels["le"]))


class DatabaseTests(SynchronousTestCase):
    def test_queue(self) -> None:
        """What waits while a commit takes long is the store's queue."""
        world = World()
        mina = world.connected(1)
        room_id = world.room(mina)
        inside = Operator(world, public=False)
        world.hold_database()
        for _ in range(3):
            mina.tell("SEND_MESSAGE", {"room_id": room_id, "content": "x", "message_type": "text"})
        self.assertEqual(inside.scraped().value("assa_store_queue_length"), 2)
        world.release_database()
        self.assertEqual(inside.scraped().value("assa_store_queue_length"), 0)

    def test_away_and_back(self) -> None:
        """A database that takes no changes is not up, even if it can be read; the metrics do not ask it."""
        world = World()
        inside = Operator(world, public=False)
        self.assertEqual(inside.scraped().value("assa_database_up"), 1)
        world.database.go_away()
        world.pass_time(6)
        metrics = inside.scraped()
        self.assertEqual((metrics.value("assa_database_up"), metrics.value("assa_ready")), (0, 0))
        self.assertGreater(metrics.value("assa_store_failures_total"), 0)
        world.database.come_back()
        world.pass_time(6)
        metrics = inside.scraped()
        self.assertEqual((metrics.value("assa_database_up"), metrics.value("assa_ready")), (1, 1))


class FormTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Make a node that has something to tell."""
        self.world = World()
        mina, jun = self.world.connected(1), self.world.connected(2)
        mina.say(self.world.room(mina, jun), "안녕")
        self.inside = Operator(self.world, public=False)

    def test_text(self) -> None:
        """Without a wish, or with the usual one: the text format, not to be kept."""
        response = self.inside.get("/metrics")
        self.assertTrue(response.headers["content-type"].startswith("text/plain; version=0.0.4"))
        self.assertEqual(response.headers["cache-control"], "no-store")
        metrics = Metrics(response.body.decode())
        self.assertIn("process_resident_memory_bytes", metrics.families)
        self.assertRegex(metrics.labels("assa_build_info")[0]["version"], r"^\d+\.\d+")

    def test_openmetrics(self) -> None:
        """OpenMetrics for who asks for it; its own parser, which is strict, reads all of it."""
        accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        response = self.inside.get("/metrics", Accept=accept)
        self.assertTrue(response.headers["content-type"].startswith("application/openmetrics-text"))
        names = {family.name for family in openmetrics(response.body.decode())}
        self.assertLessEqual({"assa_requests", "assa_build", "assa_commit_group_seconds"}, names)

    def test_odd_wishes(self) -> None:
        """Whatever is wished for, there is an answer."""
        for accept in (
            "application/openmetrics-text;version=abc", "text/plain;version=x.y", "\xff\xfe", ";;,;=", "",
            "application/openmetrics-text; version=1.0.0; escaping=none-of-them",
        ):  # fmt: skip
            self.assertEqual(self.inside.get("/metrics", Accept=accept).status, 200, accept)

    def test_names(self) -> None:
        """Prometheus' conventions: a prefix, base units, `_total` of counters alone; each has its help."""
        families = Metrics(self.inside.get("/metrics").body.decode()).families
        ours = {name: family for name, family in families.items() if name.startswith("assa_")}
        self.assertGreater(len(ours), 15)
        self.assertEqual([name for name in families if not name.startswith(("assa_", "process_"))], [])
        for name, family in ours.items():
            self.assertRegex(name, r"^assa_[a-z_]+$")
            self.assertTrue(family.documentation.endswith("."), name)
            for sample in family.samples:
                self.assertEqual(sample.name.endswith("_total"), family.type == "counter", sample)
            self.assertIsNone(re.search(r"_(ms|milliseconds|kib|mib)\b", name))

    def test_head(self) -> None:
        """HEAD is GET without the body."""
        response = self.inside.request("HEAD", "/metrics")
        self.assertEqual((response.status, response.body), (200, b""))

    def test_other_methods(self) -> None:
        """There is nothing to post."""
        self.assertEqual(self.inside.request("POST", "/metrics", body=b"").status, 405)


class AccessTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Make a node whose port everybody reaches."""
        self.world = World()

    def test_strangers(self) -> None:
        """On a public port it takes a token of the scope admin."""
        visitor = Operator(self.world)
        self.assertEqual(refusal(visitor.get("/metrics")), (401, "AUTH_FAILED"))
        self.assertEqual(visitor.get("/metrics").headers["www-authenticate"], "Bearer")
        for authorization, expected in (
            ("Basic YTpi", (401, "AUTH_FAILED")),
            ("Bearer", (401, "AUTH_FAILED")),
            ("Bearer no.such.token", (401, "INVALID_TOKEN")),
            ("Bearer \xff\xfe", (401, "INVALID_TOKEN")),
            ("\xff", (401, "AUTH_FAILED")),
            (f"Bearer {self.world.token(1)}", (403, "PERMISSION_DENIED")),
            (f"Bearer {self.world.token(1, scope='admin', lifetime_s=-1)}", (401, "INVALID_TOKEN")),
        ):
            response = visitor.get("/metrics", Authorization=authorization)
            self.assertEqual(refusal(response), expected, authorization)
            self.assertNotIn("jwt_token", response.json["error_details"])
        self.assertEqual(visitor.ask("GET", "/metrics").status, 200)

    def test_the_machine_itself(self) -> None:
        """A Prometheus beside the server needs none; what a proxy brings does not come from the machine."""
        for address in ("127.0.0.1", "::1"):
            local = Operator(self.world, address=address)
            for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"):
                self.assertEqual(local.get("/metrics", Host=host).status, 200)
            for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP"):
                named = {"Host": "localhost", header: "127.0.0.1"}
                response = local.request("GET", "/metrics", headers=named)
                self.assertEqual(refusal(response), (401, "AUTH_FAILED"), header)

    def test_names_of_the_machine(self) -> None:
        """A page in a browser beside the server, whose name leads there too, gets nothing (DNS rebinding)."""
        local = Operator(self.world, address="127.0.0.1")
        for host in ("evil.example", "localhost.evil.example", "evil.example:8080", "127.0.0.1.evil.example"):
            self.assertEqual(refusal(local.get("/metrics", Host=host)), (401, "AUTH_FAILED"), host)

    def test_admin_endpoint(self) -> None:
        """On a port of its own, which is the operator's to guard, everybody may."""
        self.assertEqual(Operator(self.world, public=False).get("/metrics").status, 200)

"""``/admin``: what operators see and do, and nobody else."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from assa.wire import iso
from tests.operators import OPERATOR, Operator, refusal
from tests.postgres import require_postgres
from tests.storage.databases import supply
from tests.test_system import NEWS
from tests.web import Connection, request_bytes
from tests.world import Client, World

SECRET_TEXT = "아무도 모르는 이야기"
PATHS = (
    ("POST", "/admin/announcements"),
    ("GET", "/admin/connections"),
    ("DELETE", "/admin/connections/x-1"),
    ("GET", "/admin/users/1"),
    ("GET", "/admin/rooms"),
    ("GET", "/admin/rooms/1"),
)


class AdminTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina and jun are in a room and have talked; an operator looks on."""
        self.world = World()
        self.operator = Operator(self.world)
        self.mina = self.world.connected(1, "mina", device_id="phone")
        self.jun = self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, self.jun, name="회의실")
        self.mina.say(self.room_id, SECRET_TEXT)
        self.jun.all()

    def connection_of(self, user_id: int) -> Any:
        """Return the one connection of a user."""
        [connection] = self.operator.see(f"/admin/connections?user_id={user_id}")["connections"]
        return connection


class AccessTests(AdminTestCase):
    def test_nobody_else(self) -> None:
        """Every path asks for a token with the scope admin; also from the machine itself."""
        for visitor in (self.operator, Operator(self.world, address="127.0.0.1", public=False)):
            for method, path in PATHS:
                response = visitor.request(method, path, body=b"")
                self.assertEqual(refusal(response), (401, "AUTH_FAILED"), path)
                self.assertEqual(response.headers["www-authenticate"], "Bearer")
                for scope in (None, "chat", "administrator not-admin"):
                    token = self.world.token(1, scope=scope)
                    response = visitor.request(method, path, headers={"Authorization": f"Bearer {token}"})
                    self.assertEqual(refusal(response), (403, "PERMISSION_DENIED"), path)
        self.assertFalse(self.mina.closed)

    def test_wrong_tokens(self) -> None:
        """An expired token, and one of somebody else's key."""
        for token in (self.world.token(OPERATOR, scope="admin", lifetime_s=-1), "no.such.token"):
            response = self.operator.get("/admin/rooms", Authorization=f"Bearer {token}")
            self.assertEqual(refusal(response), (401, "INVALID_TOKEN"))
            self.assertNotIn(token, response.body.decode())

    def test_deactivated_operator(self) -> None:
        """An account that may not connect may not administer either, whatever its token says."""
        self.world.connected(OPERATOR, "ops").drop()
        self.operator.see("/admin/rooms")
        self.world.query(f"UPDATE users SET active = 0 WHERE user_id = {OPERATOR}")  # noqa: S608
        self.assertEqual(self.operator.refused("GET", "/admin/rooms"), (401, "AUTH_FAILED"))

    def test_paths_and_methods(self) -> None:
        """What there is not: 404; what a path does not do: 405, and what it does."""
        for path in (
            "/admin",
            "/admin/",
            "/admin/secrets",
            "/admin/users",
            "/admin/users/1/2",
            "/admin/rooms/x",
        ):
            self.assertEqual(self.operator.refused("GET", path), (404, "NOT_FOUND"), path)
        for method, path, allowed in (
            ("GET", "/admin/announcements", "POST"),
            ("POST", "/admin/rooms", "GET"),
            ("PUT", "/admin/users/1", "GET"),
            ("OPTIONS", "/admin/connections/x-1", "DELETE"),
        ):
            response = self.operator.ask(method, path, b"")
            self.assertEqual(refusal(response), (405, "METHOD_NOT_ALLOWED"))
            self.assertEqual(response.headers["allow"], allowed)

    def test_queries(self) -> None:
        """Numbers in their range, each once, and none that is not known."""
        for query in (
            "limit=501", "limit=-1", "limit=x", "limit=1&limit=2", "limit=", "limit=%D9%A3", "after=0x10",
            "after=99999999999999999", "unknown=1", "%ff=1", "limit=%ff", "limit=1%00",
        ):  # fmt: skip
            self.assertEqual(
                self.operator.refused("GET", f"/admin/rooms?{query}"), (400, "INVALID_MESSAGE"), query
            )
        self.assertEqual(
            self.operator.refused("GET", "/admin/connections?after=other-1"), (400, "INVALID_MESSAGE")
        )

    def test_headers(self) -> None:
        """JSON that nobody keeps; HEAD is GET without the body."""
        response = self.operator.ask("HEAD", "/admin/rooms")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(response.headers["cache-control"], "no-store")
        self.assertNotIn("access-control-allow-origin", response.headers)

    def test_database_away(self) -> None:
        """503 with the time to wait, and no reason that is none of the network's business."""
        self.world.store.close()
        response = self.operator.ask("GET", "/admin/rooms")
        self.assertEqual(refusal(response), (503, "SERVICE_UNAVAILABLE"))
        self.assertEqual(response.headers["retry-after"], "1")

    def test_who_hangs_up(self) -> None:
        """Whoever does not wait for his answer is no trouble."""
        self.world.hold_database()
        self.mina.tell("CREATE_ROOM", {"name": "방"})
        impatient = Connection(self.operator.site)
        headers = {"Authorization": f"Bearer {self.operator.token}"}
        impatient.send(request_bytes("GET", "/admin/rooms", headers))
        impatient.protocol.connectionLost(Failure(ConnectionLost()))
        self.world.release_database()
        self.assertEqual((impatient.transport.value(), self.flushLoggedErrors()), (b"", []))


class AnnouncementTests(AdminTestCase):
    def announce(self, document: Any) -> Any:
        """Post an announcement and return the answer's document, or the refusal."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        response = self.operator.ask("POST", "/admin/announcements", body)
        return response.json if response.status == 200 else refusal(response)

    def test_everybody_hears_it(self) -> None:
        """As with SERVER_ANNOUNCEMENT (§8.1); the defaults are the same."""
        self.assertEqual(self.announce(NEWS), {"recipients": 2})
        self.assertEqual(self.mina.heard("SERVER_ANNOUNCEMENT")["data"], NEWS)
        self.assertEqual(self.announce({"title": "가", "message": "나"}), {"recipients": 2})
        self.jun.heard("SERVER_ANNOUNCEMENT")
        expected = {"title": "가", "message": "나", "priority": "normal", "announcement_type": "notice"}
        self.assertEqual(self.jun.heard("SERVER_ANNOUNCEMENT")["data"], expected)

    def test_who_is_away_hears_it_later(self) -> None:
        """It is an event like others: resuming brings it."""
        self.jun.drop()
        self.assertEqual(self.announce(NEWS), {"recipients": 1})
        self.assertEqual(self.world.resumed(self.jun).actions(), ["SERVER_ANNOUNCEMENT"])

    def test_rules(self) -> None:
        """The rules of SERVER_ANNOUNCEMENT, with the field and the rule in the details; JSON it must be."""
        wrong = (
            b"", b"[]", b"null", b"{", b"\xff", b'{"title": "\\ud800", "message": "x"}', {"title": "x"},
            NEWS | {"priority": "urgent"}, NEWS | {"title": ""}, NEWS | {"message": "x" * 5001},
            NEWS | {"message": 1}, NEWS | {"title": "a\0b"}, b"[" * 60_000,
        )  # fmt: skip
        for document in wrong:
            self.assertEqual(self.announce(document), (400, "INVALID_MESSAGE"), document)
        body = json.dumps(NEWS | {"priority": "urgent"}).encode()
        details = self.operator.ask("POST", "/admin/announcements", body).json["error_details"]
        self.assertTrue(details.startswith("priority: "), details)
        self.assertEqual(self.mina.actions(), [])

    def test_size(self) -> None:
        """A body has at most 64 KiB."""
        body = json.dumps(NEWS | {"more": "x" * 65_536}).encode()
        self.assertEqual(self.operator.ask("POST", "/admin/announcements", body).status, 413)


class ConnectionTests(AdminTestCase):
    def test_description(self) -> None:
        """Who, from where, how, since when, and how much waits; never the session's id."""
        self.world.pass_time(10, alive=[self.mina, self.jun])
        self.mina.say(self.room_id, "또")
        self.world.pass_time(5, alive=[self.jun])
        seen = self.connection_of(1)
        now = self.world.now_ms()
        self.assertEqual(seen.pop("session"), self.mina.session_id[:6] + "…")
        self.assertEqual((seen.pop("since"), seen.pop("connection_id")[-2:]), (iso(now - 15_000), "-1"))
        self.assertIn(seen.pop("last_heard"), [iso(now - 5_000), iso(now - 4_500)])
        expected = {
            "user_id": 1,
            "nickname": "mina",
            "device_id": "phone",
            "front": self.mina.protocol.kind,
            "address": "192.0.2.1",
            "state": "connected",
            "requests": 4,
            "queued_bytes": 0,
            "clogged": False,
            "rooms": 1,
        }
        self.assertEqual(seen, expected)

    def test_who_does_not_read(self) -> None:
        """What waits for a client that does not read is seen."""
        self.jun.protocol._outgoing.pauseProducing()
        self.mina.say(self.room_id, "가" * 1_000)
        seen = self.connection_of(2)
        self.assertTrue(seen["clogged"])
        self.assertGreater(seen["queued_bytes"], 3_000)

    def test_strangers(self) -> None:
        """A connection without a user is listed too."""
        self.world.client("198.51.100.9")
        [stranger] = [
            one for one in self.operator.see("/admin/connections")["connections"] if one["user_id"] is None
        ]
        self.assertEqual((stranger["state"], stranger["address"]), ("unauthenticated", "198.51.100.9"))
        self.assertEqual((stranger["session"], stranger["rooms"]), (None, 0))

    def test_pages(self) -> None:
        """In the order in which they came, a page at a time, by the last one's id."""
        for user_id in range(3, 10):
            self.world.connected(user_id)
        users: list[int] = []
        path = "/admin/connections?limit=4"
        for _ in range(3):
            page = self.operator.see(path)
            self.assertLessEqual(len(page["connections"]), 4)
            users += [one["user_id"] for one in page["connections"]]
            path = f"/admin/connections?limit=4&after={page['next']}"
        self.assertEqual(users, list(range(1, 10)))
        self.assertIsNone(page["next"])

    def close(self, client: Client, query: str = "") -> Any:
        """Close a client's connection."""
        connection = self.connection_of(1 if client is self.mina else 2)["connection_id"]
        return self.operator.ask("DELETE", f"/admin/connections/{connection}{query}")

    def test_closing(self) -> None:
        """The client is told with a code of the protocol, closed, and can resume without a loss."""
        self.assertEqual(self.close(self.jun, "?reason=%EC%A0%90%EA%B2%80").status, 200)
        error = self.jun.heard("ERROR")
        self.assertEqual((error["error_code"], error["success"]), ("SERVICE_UNAVAILABLE", False))
        self.assertEqual(error["data"]["error_details"], "closed by an operator: 점검")
        self.assertTrue(self.jun.closed)
        self.assertEqual(self.operator.see("/admin/connections?user_id=2")["connections"], [])
        self.mina.say(self.room_id, "다시")
        again = self.world.resumed(self.jun)
        self.assertEqual((again.session_id, again.actions()), (self.jun.session_id, ["NEW_MESSAGE"]))
        self.assertFalse(self.mina.closed)

    def test_closing_once(self) -> None:
        """One that is closed, was never there or is another node's: 404. A session's id names none."""
        connection = self.connection_of(2)["connection_id"]
        self.assertEqual(self.close(self.jun).status, 200)
        node = connection.rpartition("-")[0]
        for name in (connection, f"{node}-999", f"{node}-", "other-2", self.mina.session_id, "%00", "..%2f"):
            refused = self.operator.refused("DELETE", f"/admin/connections/{name}")
            self.assertEqual(refused, (404, "NOT_FOUND"), name)
        self.assertFalse(self.mina.closed)

    def test_reason(self) -> None:
        """At most 200 characters, and nothing but characters."""
        for query in ("?reason=" + "x" * 201, "?reason=a%0Ab", "?why=x"):
            self.assertEqual(refusal(self.close(self.jun, query)), (400, "INVALID_MESSAGE"))
        self.assertFalse(self.jun.closed)


class UserTests(AdminTestCase):
    def test_connected(self) -> None:
        """His session, on which node and device, and the connection if it is here."""
        seen = self.operator.see("/admin/users/1")
        [session], [connection] = seen.pop("sessions"), seen.pop("connections")
        now = iso(self.world.now_ms())
        node = self.world.node.services.node
        expected = {
            "user_id": 1, "nickname": "mina", "active": True, "online": True, "last_connect": now,
            "rooms": 1, "node": node, "closes": [],
        }  # fmt: skip
        self.assertEqual(seen, expected)
        expected = {
            "session": self.mina.session_id[:6] + "…", "state": "connected", "node": node,
            "device_id": "phone", "connections": 1, "connected_since": now, "dropped_since": None,
            "resumable_until": None,
        }  # fmt: skip
        self.assertEqual(session, expected)
        self.assertEqual(connection, self.connection_of(1))

    def test_dropped(self) -> None:
        """Since when he is away, until when he can resume, and why each of his connections ended."""
        self.world.pass_time(5, alive=[self.mina, self.jun])
        self.jun.drop()
        again = self.world.resumed(self.jun)
        self.world.pass_time(2)
        self.operator.ask("DELETE", f"/admin/connections/{self.connection_of(2)['connection_id']}")
        again.drop()
        self.world.turn()
        seen, now = self.operator.see("/admin/users/2"), self.world.now_ms()
        [session] = seen["sessions"]
        self.assertEqual((seen["online"], session["state"], session["connections"]), (False, "dropped", 2))
        self.assertEqual(session["dropped_since"], iso(now))
        self.assertEqual(session["resumable_until"], iso(now + 60_000))
        self.assertEqual([one["reason"] for one in seen["closes"]], ["operator", "connection lost"])
        self.assertEqual([one["duration_s"] for one in seen["closes"]], [2.0, 5.0])
        self.assertEqual(seen["closes"][0]["at"], iso(now))
        self.world.pass_time(62)
        self.assertEqual(self.operator.see("/admin/users/2")["sessions"], [])

    def test_last_closes(self) -> None:
        """The last twenty, and each user's own."""
        for _ in range(25):
            self.world.connected(3).ask("DISCONNECT", {})
        self.jun.drop()
        closes = self.operator.see("/admin/users/3")["closes"]
        self.assertEqual([one["reason"] for one in closes], ["DISCONNECT"] * 20)
        self.assertEqual(len(self.operator.see("/admin/users/2")["closes"]), 1)

    def test_unknown(self) -> None:
        """Who never connected is not known, nor what is no number."""
        for user_id in ("77", "9007199254740991", "0", "x", "-1", "1e3", "%00"):
            refused = self.operator.refused("GET", f"/admin/users/{user_id}")
            self.assertEqual(refused, (404, "NOT_FOUND"), user_id)


class RoomTests(AdminTestCase):
    def test_description(self) -> None:
        """Its members, its host and how much there is; not what was said."""
        self.mina.ask("INVITE", {"room_id": self.room_id, "invited_user_ids": [5]})
        tablet = self.world.connected(1, "mina")
        self.world.call(self.room_id, tablet)
        self.jun.drop()
        response = self.operator.ask("GET", f"/admin/rooms/{self.room_id}")
        self.assertNotIn(SECRET_TEXT, response.body.decode())
        seen, now = response.json, iso(self.world.now_ms())
        members = [
            {"user_id": 1, "nickname": "mina", "role": "host", "joined_at": now, "connections": 2},
            {"user_id": 2, "nickname": "jun", "role": "member", "joined_at": now, "connections": 0},
        ]
        self.assertEqual(seen.pop("members"), members)
        expected = {
            "room_id": self.room_id, "name": "회의실", "is_open": True, "members_count": 2,
            "max_participants": 50, "host_user_id": 1, "created_at": now, "last_message_at": now,
            "messages": 1, "invitations": 1, "video_rooms": 1,
        }  # fmt: skip
        self.assertEqual(seen, expected)

    def test_list(self) -> None:
        """Rooms with members by id, a page at a time; a room without a message has no last one."""
        ids = [self.room_id, *(self.world.room(self.jun) for _ in range(4))]
        closed = self.world.room(self.jun)
        self.jun.ask("EXIT_ROOM", {"room_id": closed})
        first = self.operator.see("/admin/rooms?limit=3")
        second = self.operator.see(f"/admin/rooms?limit=3&after={first['next']}")
        self.assertEqual([one["room_id"] for one in first["rooms"] + second["rooms"]], ids)
        self.assertIsNone(second["next"])
        self.assertIsNone(second["rooms"][0]["last_message_at"])
        self.assertEqual(self.operator.see("/admin/rooms?limit=0"), {"rooms": [], "next": None})
        self.assertEqual(self.operator.refused("GET", f"/admin/rooms/{closed}"), (404, "ROOM_NOT_FOUND"))

    def test_many_messages(self) -> None:
        """Messages are counted up to 10,000, so that the question costs the others nothing."""
        columns = "room_id, user_id, message_type, content, created_at"
        digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
        numbers = " + ".join(f"{10**place} * n{place}.d" for place in range(5))
        tables = ", ".join(f"({digits}) AS n{place}" for place in range(5))
        self.world.query(
            f"INSERT INTO messages (message_id, {columns})"  # noqa: S608 - numbers
            f" SELECT 1000000 + {numbers}, {self.room_id}, 1, 'text', 'x', 5 FROM {tables}"
            " RETURNING message_id"
        )
        seen = self.operator.see(f"/admin/rooms/{self.room_id}")
        self.assertEqual((seen["messages"], seen["last_message_at"]), (10_001, iso(5)))


class SeveralNodesTests(SynchronousTestCase):
    def test_another_node(self) -> None:
        """A user's sessions on other nodes are seen from here; closing is for who asks that node."""
        require_postgres()
        database, worlds = supply().take(self), list[World]()
        here, there = (World(database=database, nodes=worlds, lease_s=10) for _ in range(2))
        mina = there.connected(1, "mina")
        here.connected(1, "mina")
        seen = Operator(here).see("/admin/users/1")
        self.assertEqual(
            {one["node"] for one in seen["sessions"]},
            {here.node.services.node, there.node.services.node},
        )
        self.assertEqual(len(seen["connections"]), 1)
        [connection] = Operator(there).see("/admin/connections")["connections"]
        path = f"/admin/connections/{connection['connection_id']}"
        self.assertEqual(Operator(here).refused("DELETE", path), (404, "NOT_FOUND"))
        self.assertEqual(Operator(there).ask("DELETE", path).status, 200)
        self.assertTrue(mina.closed)
        states = [one["state"] for one in Operator(here).see("/admin/users/1")["sessions"]]
        self.assertEqual(sorted(states), ["connected", "dropped"])

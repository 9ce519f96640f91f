"""The HTTP port as such: what it costs, how long it waits, and who a request comes from."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from assa.http.addresses import Proxies, is_forwarded
from assa.http.site import ChatSite, tree
from tests.fronts import make_site, upgrade
from tests.test_tcp import PING, reactor_turn
from tests.web import Connection, Visitor, request_bytes
from tests.world import World, codes


class Echo(Resource):
    """Answers with its name."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        """Answer."""
        return b"here: " + request.method + b"\n"


class SiteTestCase(SynchronousTestCase):
    def setUp(self):
        """Have a site for three connections."""
        self.world = World()
        self.site = ChatSite(tree({"echo": Echo()}), self.world.clock, connections=3)
        self.opened: list[Connection] = []

    def open(self) -> Connection:
        """Open a connection that is lost when it is closed or cut."""
        connection = Connection(self.site)
        transport = connection.transport
        transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
        self.opened.append(connection)
        return connection

    def closed(self, connection: Connection) -> bool:
        """Return whether the server has closed a connection."""
        return connection.transport.disconnecting


class ConnectionTests(SiteTestCase):
    def test_many(self):
        """The oldest connection makes room for another, in the middle of a request or not."""
        first, second = self.open(), self.open()
        second.send(request_bytes("GET", "/echo")[:10])
        others = [self.open() for _ in range(3)]
        self.assertEqual([self.closed(one) for one in (first, second, *others)], [True, True] + [False] * 3)
        others[2].send(request_bytes("GET", "/echo"))
        self.assertEqual(others[2].response().status, 200)

    def test_many_and_transfers(self):
        """Connections that anybody can open drive out no transfer, unless there are more transfers."""
        transfer, *others = [self.open() for _ in range(2)]
        self.site.transfers(transfer.protocol)
        others += [self.open() for _ in range(4)]
        self.assertFalse(self.closed(transfer))
        self.assertEqual([self.closed(one) for one in others], [True] * 3 + [False] * 2)
        for one in others[3:]:
            self.site.transfers(one.protocol)
        self.open()
        self.assertEqual([self.closed(one) for one in (transfer, *others[3:])], [True, False, False])

    def test_many_and_a_transfer_that_is_over(self):
        """Once it is over its connection is one like the others, and a late word of it changes nothing."""
        first = self.open()
        first.send(request_bytes("GET", "/echo")[:-2])
        self.site.transfers(first.protocol)
        first.send(b"\r\n")
        others = [self.open() for _ in range(3)]
        self.assertEqual([self.closed(one) for one in (first, *others)], [True] + [False] * 3)
        self.site.transfers(first.protocol)
        self.site.rests(first.protocol)
        self.assertFalse(self.site.has(first.protocol))
        self.site.stop()
        self.assertEqual([self.closed(one) for one in others], [True] * 3)

    def test_forms(self):
        """A form is a body like any other: nobody takes it apart."""
        connection = self.open()
        head = {"Content-Type": "multipart/form-data"}
        connection.send(request_bytes("POST", "/echo", head, b"no form"))
        self.assertEqual((connection.response().status, self.closed(connection)), (200, False))

    def test_idle(self):
        """A client that says nothing for 30 s is closed, whatever it has begun."""
        whole = request_bytes("POST", "/echo", body=b"x" * 100)
        for begun in (b"", b"GET", b"GET /echo HTTP/1.1\r\nHost: x", whole[:-50]):
            connection = self.open()
            connection.send(begun)
            self.world.pass_time(29)
            self.assertFalse(self.closed(connection), begun)
            self.world.pass_time(1.5)
            self.assertTrue(self.closed(connection), begun)

    def test_idle_between_requests(self):
        """Likewise one that says nothing after an answer."""
        connection = self.open()
        connection.send(request_bytes("GET", "/echo"))
        self.assertEqual(connection.response().status, 200)
        self.world.pass_time(20)
        connection.send(request_bytes("GET", "/echo"))
        self.assertEqual(connection.response().status, 200)
        self.world.pass_time(31)
        self.assertTrue(self.closed(connection))

    def test_long_headers(self):
        """Headers over 16 KiB, or more than 500, are 400, and the connection is closed before more comes."""
        for header in (b"X: " + b"x" * 17_000 + b"\r\n", b"X: y\r\n" * 501, b"X: " + b"x" * 33_000):
            connection = self.open()
            connection.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n" + header)
            self.assertTrue(self.closed(connection), header[:10])
            self.assertNotIn(b"200", connection.transport.value())

    def test_pipelined(self):
        """Requests that come together are answered one after the other, each in a turn of its own."""
        connection = self.open()
        connection.send(request_bytes("GET", "/echo") + request_bytes("PUT", "/echo", body=b"x") * 3)
        for answered in range(1, 5):
            self.assertEqual(connection.transport.value().count(b"HTTP/1.1 200 OK"), answered)
            self.assertEqual(connection.transport.producerState, "producing" if answered == 4 else "paused")
            reactor_turn(self.world)
        found = connection.transport.value()
        self.assertLess(found.index(b"here: GET"), found.index(b"here: PUT"))
        connection.send(request_bytes("GET", "/echo"))
        self.assertEqual(connection.transport.value().count(b"HTTP/1.1 200 OK"), 5)

    def test_pipelined_and_gone(self):
        """Requests whose client is gone meanwhile are not looked at."""
        connection = self.open()
        connection.send(request_bytes("GET", "/echo") * 3)
        connection.protocol.connectionLost(Failure(ConnectionLost()))
        self.world.turn()
        self.assertEqual(connection.transport.value().count(b"HTTP/1.1 200 OK"), 1)

    def test_stop(self):
        """The site closes all of its connections when the server stops."""
        connections = [self.open() for _ in range(3)]
        self.site.stop()
        self.assertEqual([self.closed(one) for one in connections], [True] * 3)

    def test_headers_of_any_bytes(self):
        """Bytes that are no text, and addresses that are none, are an answer's business and no defect's."""
        site = make_site(self.world.factory.connections, self.world.clock, proxies=Proxies(["192.0.2.0/24"]))
        for value in (b"http://[", b"\xff\xfe", b"http://[::1", "http://\u2100".encode()):
            for name, status in ((b"Origin", 403), (b"X-Forwarded-For", 426), (b"Forwarded", 426)):
                connection = Connection(site)
                connection.send(b"GET /ws HTTP/1.1\r\nHost: x\r\n" + name + b": " + value + b"\r\n\r\n")
                self.assertEqual(connection.response().status, status, (name, value))
            head = upgrade(X_Forwarded_For="REPLACED").replace(b"REPLACED", value)
            connection = Connection(site)
            connection.send(head)
            self.assertIn(b" 101 ", connection.transport.value())
            connection.transport.protocol.connectionLost(Failure(ConnectionLost()))  # type: ignore[attr-defined]
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_wrong_door(self):
        """A client of the TCP port that comes to the HTTP port: 400 if it says CRLF, else it is idle."""
        for line, answer in ((PING, b""), (PING.replace(b"\n", b"\r\n"), b"HTTP/1.1 400")):
            connection = self.open()
            connection.send(line)
            if not self.closed(connection):
                self.world.pass_time(31)
            self.assertTrue(self.closed(connection))
            self.assertTrue(connection.transport.value().startswith(answer))

    def test_other_wrong_door(self):
        """A browser that comes to the TCP port is told in JSON, and the port goes on."""
        client = self.world.client(front="tcp")
        client.send_bytes(request_bytes("GET", "/", {"Accept": "text/html"}))
        self.assertEqual(set(codes(client.all())), {"INVALID_MESSAGE"})
        self.assertFalse(client.closed)


class ProxiesTests(SynchronousTestCase):
    """RFC 7239 `Forwarded`, and `X-Forwarded-For`."""

    def client(self, peer: Any, *networks: str, **headers: str | list[str]) -> str:
        """Return the address of the client of a request that comes from `peer` with these headers."""
        found: list[str] = []

        class Whose(Resource):
            isLeaf = True

            def render(self, request: Any) -> bytes:
                found.append(Proxies(networks).client_of(request))
                return str(is_forwarded(request)).encode()

        site = ChatSite(tree({"who": Whose()}), None, connections=10)
        lines = [
            f"{name.replace('_', '-')}: {value}"
            for name, values in headers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        connection = Connection(site)
        connection.transport.peerAddr = peer if not isinstance(peer, str) else IPv4Address("TCP", peer, 1)
        connection.protocol.setTimeout(None)
        site.timeOut = None
        head = "".join(f"{line}\r\n" for line in lines)
        connection.send(f"GET /who HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        self.assertEqual(connection.response().body, str(bool(headers)).encode())
        return found[0]

    def test_nobody_is_trusted(self):
        """Without trusted proxies the peer is the client, whatever the headers say."""
        self.assertEqual(self.client("192.0.2.1"), "192.0.2.1")
        for headers in ({"X_Forwarded_For": "198.51.100.1"}, {"Forwarded": "for=198.51.100.1"}):
            self.assertEqual(self.client("192.0.2.1", **headers), "192.0.2.1")
            self.assertEqual(self.client("192.0.2.1", "10.0.0.0/8", "::1", **headers), "192.0.2.1")

    def test_hops(self):
        """The list is read from its end; the first hop that is no trusted proxy is the client."""
        trusted = ("10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1")
        cases = [
            ("192.0.2.7", "192.0.2.7"), ("192.0.2.7:4711", "192.0.2.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"), ("[2001:db8::7]", "2001:db8::7"),
            ("192.0.2.7, 10.0.0.2, 10.0.0.3", "192.0.2.7"), ("1.1.1.1, 192.0.2.7", "192.0.2.7"),
            ("192.0.2.7, 2001:db8:1::2", "192.0.2.7"), ("10.0.0.9, 10.0.0.2", "10.0.0.9"),
            ("192.0.2.7, unknown", "10.0.0.1"), ("", "10.0.0.1"), ("x, 10.0.0.2", "10.0.0.2"),
            ("::ffff:192.0.2.7", "192.0.2.7"), (["192.0.2.6", "192.0.2.7,10.0.0.2"], "192.0.2.7"),
            ("192.0.2.7,,", "10.0.0.1"), ("192.0.2.7\t,\t10.0.0.2", "192.0.2.7"),
        ]  # fmt: skip
        for value, client in cases:
            self.assertEqual(self.client("10.0.0.1", *trusted, X_Forwarded_For=value), client, value)

    def test_forwarded(self):
        """`Forwarded` has pairs, quotes and words for what is not told; it goes before the other header."""
        cases = [
            ("for=192.0.2.7", "192.0.2.7"), ('For="[2001:db8::7]:4711"', "2001:db8::7"),
            ("proto=https;for=192.0.2.7;by=10.0.0.1", "192.0.2.7"),
            ("for=192.0.2.7, for=10.0.0.2", "192.0.2.7"),
            ("for=_secret", "10.0.0.1"), ("for=unknown, for=10.0.0.2", "10.0.0.2"),
            ("by=192.0.2.7", "10.0.0.1"),
            ('for="192.0.2.7:_port"', "192.0.2.7"), ("for = 192.0.2.7", "10.0.0.1"), (";;,", "10.0.0.1"),
        ]  # fmt: skip
        for value, client in cases:
            found = self.client("10.0.0.1", "10.0.0.0/8", Forwarded=value, X_Forwarded_For="198.51.100.9")
            self.assertEqual(found, client, value)

    def test_spoofed(self):
        """What a client wrote itself stands before what the proxy added, and does not count."""
        forged = "10.0.0.5, 127.0.0.1, 203.0.113.1, 192.0.2.7"
        self.assertEqual(self.client("10.0.0.1", "10.0.0.0/8", X_Forwarded_For=forged), "192.0.2.7")
        many = ", ".join(["10.0.0.5"] * 1_000)
        self.assertEqual(self.client("10.0.0.1", "10.0.0.0/8", X_Forwarded_For=many), "10.0.0.5")

    def test_unix(self):
        """A connection over a Unix socket has no address, and is no proxy that could be named."""
        peer = UNIXAddress("/run/x")
        self.assertEqual(self.client(peer, "0.0.0.0/0", X_Forwarded_For="192.0.2.7"), "")


class VisitorTests(SiteTestCase):
    def test_every_answer(self):
        """Every answer, also of what is not there, forbids to guess types, to frame and to say where from."""
        for path, status in (("/echo", 200), ("/nothing", 404)):
            answer = Visitor(self.site).get(path)
            self.assertEqual(answer.status, status)
            named = {name: answer.headers[name] for name in ("server", "x-frame-options", "referrer-policy")}
            self.assertEqual(
                named, {"server": "ASSA", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}
            )

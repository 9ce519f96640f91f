"""HTTP in memory: requests to a site without a socket, as a browser or a program would make them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.server import Site

HOST = "chat.example.org"


@frozen
class Response:
    """What came back; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Connection:
    """One connection to a site, as its client sees it.

    Args:
        site: Where it goes.
        address: The client's.
    """

    def __init__(self, site: Site, address: str = "192.0.2.1") -> None:
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", address, 50000))
        self.protocol: Any = site.buildProtocol(self.transport.getPeer())
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.protocol.dataReceived(data)

    def lose(self) -> None:
        """Lose the connection."""
        self.transport.connected = False
        self.protocol.connectionLost(Failure(ConnectionLost()))

    def response(self) -> Response:
        """Take the answer that has come."""
        received = self.transport.value()
        self.transport.clear()
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        named = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in named}
        if headers.get("transfer-encoding") == "chunked":
            body = unchunked(body)
        return Response(int(status.split(" ")[1]), headers, body)


def unchunked(body: bytes) -> bytes:
    """Return a body that came in chunks."""
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
        if not length:
            break
    return whole


def request_bytes(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """Return a request as it goes over the wire."""
    given = {"Host": HOST} | dict(headers or {})
    if body is not None:
        given.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


class Visitor:
    """Whoever makes requests, each on a connection of its own.

    Args:
        site: Where they go.
        turn: Lets what is due happen, after each request.
        address: Where they come from.
    """

    def __init__(
        self, site: Site, turn: Callable[[], None] = lambda: None, address: str = "192.0.2.1"
    ) -> None:
        self.site = site
        self.address = address
        self._turn = turn

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """Make a request and return its answer."""
        connection = Connection(self.site, self.address)
        connection.send(request_bytes(method, path, headers, body))
        self._turn()
        return connection.response()

    def get(self, path: str, **headers: str) -> Response:
        """GET a path; underscores in the names of headers stand for dashes."""
        return self.request(
            "GET", path, headers={name.replace("_", "-"): one for name, one in headers.items()}
        )

    def post(self, path: str, document: Any, **headers: str) -> Response:
        """POST a JSON document."""
        named = {name.replace("_", "-"): one for name, one in headers.items()}
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.request("POST", path, headers={"Content-Type": "application/json"} | named, body=body)

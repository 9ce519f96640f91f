"""`server.reuse_port`: several servers on one port, each a process with a database of its own."""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import Figures
from tests.integration.plain import Client
from tests.integration.server import LOOPBACK, Server, free_port, refused, running
from tests.integration.tls import certificate, endpoint

CONNECTIONS = 300
FEWEST = 50  # of 300 among three, where 100 are expected: six standard deviations less
PING = b'{"action": "PING", "timestamp": "2024-01-01T12:00:00.000Z", "seq_id": "1"}\n'


def described(port: int) -> str:
    """Return the endpoint of a shared port."""
    return f"tcp:{port}:interface={LOOPBACK}"


@contextmanager
def sharing(count: int, shared: str) -> Iterator[list[Server]]:
    """Run servers that share one endpoint; each has a port of its own besides, which tells when it is up."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(listen=[shared], server__reuse_port=True)) for _ in range(count)]


class Crowd:
    """Connections to a shared port, which are counted where they arrive.

    Args:
        servers: Who shares the port.
        port: Which port.
        host: Its address.
        tls: What a TLS connection is verified with.
    """

    def __init__(
        self, servers: list[Server], port: int, *, host: str = LOOPBACK, tls: ssl.SSLContext | None = None
    ) -> None:
        self._servers = servers
        self._address = (host, port)
        self._tls = tls
        self._open: list[socket.socket] = []
        self._watched: dict[int, socket.socket] = {}

    def grow(self, count: int) -> list[int]:
        """Open so many more connections, all of which are answered; return how many each server got."""
        before = self._files()
        for _ in range(count):
            one = socket.create_connection(self._address, 20)
            self._open.append(one if self._tls is None else self._wrapped(one, self._tls))
            assert self._answered(self._open[-1]), "a connection was not served"
        return [now - then for now, then in zip(self._files(), before, strict=True)]

    def _wrapped(self, one: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        return tls.wrap_socket(one, server_hostname="localhost")

    def _files(self) -> list[int]:
        return [self._files_of(server) if server.process.poll() is None else 0 for server in self._servers]

    def _files_of(self, server: Server) -> int:
        pid = server.process.pid
        if pid not in self._watched:
            # When this is answered, the connection that asked whether the server is up is gone.
            self._watched[pid] = socket.create_connection(server.address, 20)
            assert self._answered(self._watched[pid])
        return server.open_files

    def _answered(self, one: socket.socket) -> bool:
        try:
            one.sendall(PING)
            return b"PONG" in one.recv(1_024)
        except OSError:
            return False

    def alive(self) -> int:
        """Return how many of the connections are still answered."""
        return sum(self._answered(one) for one in self._open)

    def close(self) -> None:
        """Drop all connections."""
        for one in (*self._open, *self._watched.values()):
            one.close()


# --- Real processes ---


def test_connections_are_spread_and_survive_a_stop(figures: Figures) -> None:
    """Each process gets its part; while one is stopped, the others keep theirs and get what comes."""
    port = free_port()
    with sharing(3, described(port)) as servers, closing(Crowd(servers, port)) as crowd:
        parts = crowd.grow(CONNECTIONS)
        figures(f"{CONNECTIONS} connections among three processes: {parts}")
        assert sum(parts) == CONNECTIONS
        assert min(parts) > FEWEST
        servers[0].terminate()
        servers[0].wait()
        assert crowd.alive() == CONNECTIONS - parts[0]
        assert sum(crowd.grow(CONNECTIONS)[1:]) == CONNECTIONS
        servers[0].start()
        assert crowd.grow(CONNECTIONS)[0] > FEWEST


def test_tls_is_shared() -> None:
    """A process on a shared port answers for TLS as one that is alone."""
    with tempfile.TemporaryDirectory(prefix="assa-tls-") as name:
        pem, port = certificate(Path(name)), free_port()
        tls = ssl.create_default_context(cafile=pem)
        with sharing(2, endpoint(port, pem)) as servers, closing(Crowd(servers, port, tls=tls)) as crowd:
            assert min(crowd.grow(60)) > 0
            with closing(Client((LOOPBACK, port), 1, tls=tls)) as mina:
                mina.connect()


@pytest.mark.parametrize("first_shares", [False, True])
def test_both_have_to_want_it(first_shares: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of the test
    """Without the setting, in the first process or in the second, the port is in use, in one line."""
    port = free_port()
    with running(listen=[described(port)], server__reuse_port=first_shares):
        status, lines = refused(tmp_path, server__listen=described(port), server__reuse_port=not first_shares)
    assert status != 0
    assert len(lines) == 1, lines
    assert f"assa: server.listen: {described(port)}: " in lines[0]
    assert "in use" in lines[0]

"""Endpoints: which text makes which, and what a wrong one is told; tests of sockets are in integration/."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from assa.listening import ListenError, make_endpoint
from assa.service import ChatService, StartError
from assa.settings import AuthSection, Config, ServerSection, StorageSection


class EndpointTests(SynchronousTestCase):
    def assertWrong(self, expected: str, text: str, **how: Any) -> None:  # noqa: N802 - as unittest names them
        """Check that an endpoint is refused in one line that begins like this."""
        error = str(self.assertRaises(ListenError, make_endpoint, text, reactor, **how))
        self.assertEqual(error[: len(expected)], expected)
        self.assertNotIn("\n", error)

    def listened(self, text: str) -> tuple[Any, ...]:
        """Return what listening on an endpoint asks the reactor for, without the factory."""
        memory = MemoryReactorClock()
        self.successResultOf(make_endpoint(text, memory).listen(Factory.forProtocol(Protocol)))
        (asked,) = [*memory.tcpServers, *memory.unixServers]
        return tuple(
            part for part in asked if not isinstance(part, Factory) and not hasattr(part, "protocol")
        )

    def test_backlog(self) -> None:
        """The queue has room for everybody at once, behind the PROXY protocol too, unless it is given."""
        self.assertEqual(self.listened("tcp:1")[:2], (1, 1_024))
        self.assertEqual(self.listened("tcp6:1")[:2], (1, 1_024))
        self.assertEqual(self.listened("haproxy:tcp:1:interface=127.0.0.1"), (1, 1_024, "127.0.0.1"))
        self.assertEqual(self.listened("unix:/s")[1], 1_024)
        self.assertEqual(self.listened("tcp:1:backlog=5")[:2], (1, 5))

    def test_wrong(self) -> None:
        """What cannot be understood is named with what is expected; parsers raise what they like."""
        self.assertWrong("server.listen: tpc:1: ", "tpc:1")
        self.assertWrong("server.listen: tcp: a port is missing, as in tcp:12345", "tcp")
        self.assertWrong("server.listen: ssl:1: expected ssl:PORT:privateKey=FILE:certKey=FILE", "ssl:1")
        self.assertWrong("server.listen: tpc:1: ", "tpc:1", reuse_port=True)

    def test_no_sharing(self) -> None:
        """Where the platform cannot share a port, already the first process says so, not only the second."""
        for text in ("tcp:1", "tcp6:1", "haproxy:tcp:1", "ssl:1:privateKey=a:certKey=a"):
            self.assertWrong(
                "server.reuse_port: this platform has no SO_REUSEPORT", text, reuse_port=True, option=None
            )
        make_endpoint("tcp:1", reactor, option=None)
        make_endpoint("unix:/s", reactor, reuse_port=True, option=None)

    def test_what_is_shared(self) -> None:
        """Only a TCP port of the server's own is shared: other endpoints get the reactor as it is."""
        self.assertIs(make_endpoint("unix:/s", reactor, reuse_port=True)._reactor, reactor)
        self.assertIs(make_endpoint("tcp:1", reactor)._reactor, reactor)
        self.assertIsNot(make_endpoint("tcp:1", reactor, reuse_port=True)._reactor, reactor)


class ServiceTests(SynchronousTestCase):
    def test_start_error(self) -> None:
        """The service tells it as its own error, before it starts."""
        config = Config(
            server=ServerSection(listen=("tpc:1",)),
            storage=StorageSection(url="sqlite::memory:"),
            auth=AuthSection(secret="kept to ourselves, and 32 bytes or more"),
        )
        error = self.assertRaises(StartError, ChatService, config, reactor)
        self.assertTrue(str(error).startswith("server.listen: tpc:1: "), error)

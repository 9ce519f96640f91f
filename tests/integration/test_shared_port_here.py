"""`server.reuse_port` in this process, where coverage sees it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from twisted.trial.util import suppress as suppressed

from assa.listening import make_endpoint
from tests.integration.tls import certificate


class SharedPortTests(TestCase):
    """Two ports of one process on the same address."""

    async def listening(self, text: str) -> Any:
        """Return the port of a shared endpoint, which is closed after the test."""
        port = await make_endpoint(text, reactor, reuse_port=True).listen(Factory.forProtocol(Protocol))
        self.addCleanup(maybeDeferred, port.stopListening)
        return port

    async def test_twice(self) -> None:
        """Each kind of endpoint that is a TCP port can be listened on twice."""
        with tempfile.TemporaryDirectory(prefix="assa-tls-") as name:
            pem = certificate(Path(name))
            for text in (
                "tcp:{}:interface=127.0.0.1",
                "haproxy:tcp:{}:interface=127.0.0.1",
                f"ssl:{{}}:interface=127.0.0.1:privateKey={pem}:certKey={pem}",
                f"haproxy:ssl:{{}}:interface=127.0.0.1:privateKey={pem}:certKey={pem}",
            ):
                number = (await self.listening(text.format(0))).getHost().port
                again = await self.listening(text.format(number))
                self.assertEqual(again.getHost().port, number)

    # What Twisted's own ssl: endpoints pass to pyOpenSSL.
    test_twice.suppress = (suppressed(message="Passing pyOpenSSL", category=DeprecationWarning),)

    async def test_not_by_chance(self) -> None:
        """An endpoint that is not shared does not join one that is."""
        number = (await self.listening("tcp:0:interface=127.0.0.1")).getHost().port
        alone = make_endpoint(f"tcp:{number}:interface=127.0.0.1", reactor)
        with self.assertRaisesRegex(Exception, "in use"):
            await alone.listen(Factory.forProtocol(Protocol))

    async def test_refused_by_the_kernel(self) -> None:
        """A kernel that does not know the option is reported like an address that is taken."""
        endpoint = make_endpoint("tcp:0:interface=127.0.0.1", reactor, reuse_port=True, option=9_999)
        with self.assertRaisesRegex(Exception, "Couldn't listen"):
            await endpoint.listen(Factory.forProtocol(Protocol))

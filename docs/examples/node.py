"""A Twisted program with a node of ASSA in it: as many of them as you like serve the same rooms.

    python docs/examples/node.py postgresql://assa@127.0.0.1/assa SECRET_FILE

It prints where it listens. SIGTERM or Ctrl-C ends it in order. docs/embedding.rst goes through what
differs from embed.py.
"""

# ruff: noqa: INP001, T201 - a script, which says where it listens

from __future__ import annotations

import secrets
import sys
import time
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger, globalLogBeginner, textFileLogObserver

from assa.actions import ALL
from assa.auth import Key, Tokens
from assa.hub import Hub
from assa.ice import IceServers
from assa.limits import Limits
from assa.node import Node
from assa.registry import Services
from assa.service import farewell
from assa.storage import Unavailable
from assa.storage.postgres import PostgresStore
from assa.tcp import ChatFactory


def now_ms() -> int:
    """Return the time by this program's clock, milliseconds since the epoch."""
    return int(time.time() * 1000)


class Chat(Service):
    """A node of ASSA as a part of a program.

    Args:
        clock: The reactor.
        endpoint: Where clients connect.
        url: The database that all nodes share.
        key: What tokens are verified with, on all nodes the same.
    """

    log = Logger()

    def __init__(self, clock: Any, endpoint: Any, url: str, key: Key) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self.hub = Hub()
        self.store = PostgresStore(url, reactor=clock, deliver=self.hub.deliver, now_ms=now_ms)
        services = Services(
            store=self.store,
            tokens=Tokens(keys=[key], now=time.time),
            limits=Limits(),
            node=secrets.token_hex(6),
            now_ms=now_ms,
            ice_servers=IceServers(),
        )
        self.node = Node(
            services=services,
            actions=ALL,
            hub=self.hub,
            clock=clock,
            monotonic=time.monotonic,
            lease_s=10.0,
        )
        self.factory = ChatFactory(self.node)
        self.port: Any = None

    def startService(self) -> None:
        """Open the database, become one of the nodes, listen."""
        Deferred.fromCoroutine(self._start()).addErrback(lambda why: self.log.failure("no chat", why))
        super().startService()

    async def _start(self) -> None:
        try:
            await self.store.open()
        except Unavailable as wrong:
            self.log.warn("the database is not there yet: {wrong}", wrong=str(wrong))  # noqa: G010 - Twisted's
        await self.node.start()  # as long as it takes until the database is there
        if not self.running:
            return
        self.port = await self._endpoint.listen(self.factory)
        print(f"chat on port {self.port.getHost().port}", flush=True)

    def stopService(self) -> Deferred[None]:
        """Listen no more, tell the clients, finish what is in flight, leave the other nodes."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self.port is not None:
            await maybeDeferred(self.port.stopListening)
        await self.node.shutdown(farewell)
        while self.factory.connections:  # whoever does not hang up is cut off after 2 s
            await deferLater(self._clock, 0.02)
        await self.store.close()


def main() -> None:
    """Run until a signal comes."""
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    clock: Any = reactor
    key = Key.load("HS256", Path(sys.argv[2]).read_bytes().strip())
    chat = Chat(clock, TCP4ServerEndpoint(clock, 0, interface="127.0.0.1"), sys.argv[1], key)
    clock.addSystemEventTrigger("before", "shutdown", chat.stopService)
    clock.callWhenRunning(chat.startService)
    clock.run()


if __name__ == "__main__":
    main()

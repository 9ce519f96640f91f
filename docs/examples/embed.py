"""A Twisted program with ASSA in it: a chat on one port, a web page about it and WebSocket on another.

    python docs/examples/embed.py chat.sqlite3

It prints where it listens and a token for each of two users. SIGTERM or Ctrl-C ends it in order.
docs/embedding.rst goes through it part by part.
"""

# ruff: noqa: INP001, T201 - a script, which says where it listens

from __future__ import annotations

import secrets
import sys
import time
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger, globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from typing_action import actions as own_actions

from assa import log
from assa.actions import ALL
from assa.auth import Key, Tokens, mint
from assa.http.addresses import Origins, Proxies
from assa.http.site import ChatSite, tree
from assa.http.websocket import WebSocketResource
from assa.hub import Hub
from assa.ice import IceServers
from assa.limits import Limits
from assa.node import Node
from assa.protocol import Announcement
from assa.registry import Actions, Services
from assa.service import farewell
from assa.storage import Transaction
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread
from assa.tcp import ChatFactory


def now_ms() -> int:
    """Return the time by this program's clock, milliseconds since the epoch."""
    return int(time.time() * 1000)


class Chat(Service):
    """ASSA as a part of a program.

    Args:
        clock: The reactor: timers, and the way back from the database's thread.
        endpoint: Where clients connect; any stream server endpoint of Twisted.
        path: The SQLite file, or ``:memory:``.
        key: What tokens are verified with.
    """

    log = Logger()

    def __init__(self, clock: Any, endpoint: Any, path: str, key: Key) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self.hub = Hub()
        self.store = SqliteStore(
            path, worker=DatabaseThread(clock), deliver=self.hub.deliver, now_ms=now_ms, synchronous="FULL"
        )
        services = Services(
            store=self.store,
            tokens=Tokens(keys=[key], now=time.time),
            limits=Limits(connections=200, shutdown_s=4.0),
            node=secrets.token_hex(6),
            now_ms=now_ms,
            ice_servers=IceServers(stun_urls=["stun:stun.example.org:3478"]),
        )
        self.node = Node(
            services=services,
            actions=Actions.joined(ALL, own_actions),
            hub=self.hub,
            clock=clock,
            monotonic=time.monotonic,
        )
        self.factory = ChatFactory(self.node)
        self.port: Any = None

    def startService(self) -> None:
        """Open the database, begin the timers, listen."""
        self.store.open()  # raises what is wrong with the file
        Deferred.fromCoroutine(self._start()).addErrback(lambda why: self.log.failure("no chat", why))
        super().startService()

    async def _start(self) -> None:
        await self.node.start()
        self.port = await self._endpoint.listen(self.factory)
        print(f"chat on port {self.port.getHost().port}", flush=True)

    def stopService(self) -> Deferred[None]:
        """Listen no more, tell the clients, finish what is in flight, close, close the database."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self.port is not None:
            await maybeDeferred(self.port.stopListening)
        await self.node.shutdown(farewell)
        while self.factory.connections:  # whoever does not hang up is cut off after 2 s
            await deferLater(self._clock, 0.02)
        await self.store.close()

    async def announce(self, text: str) -> int:
        """Say something to everybody, as this program, and return its position in the event log."""
        announcement = Announcement(title="embed.py", message=text)
        position: int = await self.store.run(_announce, announcement)
        return position


async def _announce(tx: Transaction, announcement: Announcement) -> int:
    return await log.publish(tx, log.EVERYONE, announcement, now_ms=now_ms())


class Page(Resource):
    """What else the program does: GET / counts the connected, POST / announces its body."""

    isLeaf = True

    def __init__(self, chat: Chat) -> None:
        super().__init__()
        self._chat = chat

    def render_GET(self, request: Any) -> bytes:
        """Count."""
        return f"{len(self._chat.hub)} connected\n".encode()

    def render_POST(self, request: Any) -> int:
        """Announce."""

        def announced(position: int) -> None:
            request.write(f"announced as e{position}\n".encode())
            request.finish()

        def failed(why: Any) -> None:
            request.setResponseCode(503)
            request.write(f"{why.getErrorMessage()}\n".encode())
            request.finish()

        text = request.content.read().decode(errors="replace")
        Deferred.fromCoroutine(self._chat.announce(text)).addCallbacks(announced, failed)
        return NOT_DONE_YET


class Web(Service):
    """The page, and WebSocket at /ws, on an endpoint of their own."""

    def __init__(self, clock: Any, endpoint: Any, chat: Chat) -> None:
        self._endpoint = endpoint
        websocket = WebSocketResource(
            chat.factory.connections,
            origins=Origins(["https://shop.example.org"]),
            proxies=Proxies(["127.0.0.1"]),
        )
        root = tree({"": Page(chat), "ws": websocket})
        self._site = ChatSite(root, clock, connections=100)
        self._port: Any = None

    def startService(self) -> None:
        """Listen."""
        super().startService()
        self._endpoint.listen(self._site).addCallback(self._listening)

    def _listening(self, port: Any) -> None:
        self._port = port
        print(f"web on port {port.getHost().port}", flush=True)

    def stopService(self) -> Any:
        """Listen no more, and close what is no WebSocket: those are the chat's."""
        super().stopService()
        self._site.stop()
        return maybeDeferred(self._port.stopListening)


def main() -> None:
    """Run until a signal comes."""
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    key = Key.load("HS256", secrets.token_bytes(32))
    for user_id, nickname in ((1, "mina"), (2, "jun")):
        token = mint(key, user_id=user_id, nickname=nickname, lifetime_s=3600, now=time.time())
        print(f"token of {nickname}: {token}", flush=True)
    clock: Any = reactor
    program = MultiService()
    chat = Chat(clock, TCP4ServerEndpoint(clock, 0, interface="127.0.0.1"), sys.argv[1], key)
    chat.setServiceParent(program)
    Web(clock, TCP4ServerEndpoint(clock, 0, interface="127.0.0.1"), chat).setServiceParent(program)
    clock.addSystemEventTrigger("before", "shutdown", program.stopService)
    clock.callWhenRunning(program.startService)
    clock.run()


if __name__ == "__main__":
    main()

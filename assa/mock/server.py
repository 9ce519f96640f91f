"""The mock itself: its connections, its ports, its beginning and its end."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater

from assa import __version__
from assa.auth import Key, mint
from assa.http.addresses import Origins, Proxies
from assa.http.pages import DevelopmentTokens, Json, Pages
from assa.http.site import ChatSite, tree
from assa.http.websocket import WebSocketResource
from assa.mock.faults import MakeFault
from assa.mock.line import Line, Watch
from assa.mock.node import Conditions, LineNode, Nodes
from assa.mock.transport import FaultyFactory
from assa.parts import farewell
from assa.tcp import ChatFactory
from assa.timers import Timers

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort

    from assa.connection import Connection, Connections

TOKEN_S: Final = 30 * 86_400.0
"""Seconds for which a token of the mock is good."""
DOWN_S: Final = 1.0
"""Seconds for which a mock that starts again is away."""
_CLOSE_STEP_S: Final = 0.02
_CLOSE_STEPS: Final = 50


class Mock:
    """A server that forgets everything when it ends, and that does wrong what it is told to.

    Made by :func:`make_mock`. Its factories listen on any endpoint, or build protocols for transports in
    memory.

    Args:
        clock: The reactor, or a fake clock.
        key: Signs and verifies tokens.
        faults: Of every connection.
        conditions: What the server is like.
        watch: Is told what happens.
        random: Decides.
    """

    def __init__(
        self,
        clock: Any,
        *,
        key: Key,
        faults: Sequence[MakeFault],
        conditions: Conditions,
        watch: Watch,
        random: Random,
    ) -> None:
        self.lines: list[Line] = []
        """The connections that are open."""
        self._clock, self._key, self._conditions = clock, key, conditions
        self._faults, self._watch = faults, watch
        self._numbers = count(1)
        self._timers = Timers(clock)
        self._ports: list[IListeningPort] = []
        self._stopping = False
        self._nodes, pieces = Nodes(clock, key, conditions, random), conditions.in_pieces
        self._chat = ChatFactory(self._next_node())
        self._web = self._site(self._chat.connections)
        self.tcp = FaultyFactory(self._chat, clock=clock, random=random, in_pieces=pieces)
        """Makes the connections of the TCP port."""
        self.http = FaultyFactory(self._web, clock=clock, random=random, in_pieces=pieces)
        """Makes those of the HTTP port, with the WebSocket at ``/ws``."""

    def _next_node(self) -> LineNode:
        node = self._nodes.make()
        node.take = self._take
        return node

    def _take(self, connection: Connection) -> Line:
        line = Line(
            next(self._numbers),
            connection,
            clock=self._clock,
            faults=self._faults,
            watch=self._watch,
            lines=self.lines,
        )
        self.lines.append(line)
        line.transport.lost = lambda: self._gone(line)
        self._watch.opened(line)
        return line

    def _gone(self, line: Line) -> None:
        self.lines.remove(line)
        line.lost()

    def _site(self, connections: Connections) -> ChatSite:
        """Return what the HTTP port has: the WebSocket, tokens, and the web client."""
        about = {"version": __version__, "websocket": "/ws", "development": True, "uploads": False}
        # Whatever page a client developer works on may connect.
        websocket = WebSocketResource(connections, origins=Origins(("*",)), proxies=Proxies())
        resources = {
            "ws": websocket,
            "dev/token": DevelopmentTokens(self.token),
            "config.json": Json(about),
        }
        limit = connections.node.limits.unauthenticated_connections
        return ChatSite(tree(resources, Pages()), self._clock, connections=limit)

    def token(
        self,
        user_id: int,
        nickname: str | None = None,
        *,
        scopes: Iterable[str] = (),
        lifetime_s: float = TOKEN_S,
    ) -> str:
        """Return a token that the mock accepts."""
        return mint(
            self._key,
            user_id=user_id,
            nickname=nickname,
            scopes=scopes,
            lifetime_s=lifetime_s,
            now=self._clock.seconds(),
        )

    # --- its life ---

    def start(self) -> Deferred[None]:
        """Begin; the Deferred fires a few turns later, when the first CONNECT can succeed."""
        self._nodes.store.open()
        if self._conditions.restart_every_s:
            self._timers.every(self._conditions.restart_every_s, self.restart)
        return Deferred.fromCoroutine(self._chat.node.start())

    async def listen(self, port: int, http_port: int, interface: str = "127.0.0.1") -> tuple[int, int]:
        """Listen on two TCP ports of an address, 0 for any that is free; return them.

        Raises:
            CannotListenError: One of them is taken.
        """
        for number, factory in ((port, self.tcp), (http_port, self.http)):
            endpoint = TCP4ServerEndpoint(self._clock, number, interface=interface)
            self._ports.append(await endpoint.listen(factory))
        hosts: list[Any] = [listening.getHost() for listening in self._ports]
        return hosts[0].port, hosts[1].port

    def restart(self) -> Deferred[None]:
        """End as a server does that is told to, and begin again a second later with the same data."""
        return Deferred.fromCoroutine(self._restart())

    async def _restart(self) -> None:
        self.tcp.away = self.http.away = True
        await self._end_node()
        await deferLater(self._clock, DOWN_S)
        if self._stopping:
            return
        self._chat.node = self._chat.connections.node = self._next_node()
        await self._chat.node.start()
        self.tcp.away = self.http.away = False

    async def _end_node(self) -> None:
        """Announce the end and close every connection, resumably."""
        await self._chat.node.shutdown(farewell)
        for _ in range(_CLOSE_STEPS):
            if not self.lines:
                return
            await deferLater(self._clock, _CLOSE_STEP_S)
        for line in tuple(self.lines):
            line.abort()

    def stop(self) -> Deferred[None]:
        """End, as a server does."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._stopping = True
        self._timers.stop()
        await gatherResults([maybeDeferred(port.stopListening) for port in self._ports])
        await self._end_node()
        self._web.stop()
        await self._nodes.store.close()


def make_mock(
    reactor: Any,
    faults: Sequence[MakeFault] = (),
    *,
    secret: str | None = None,
    conditions: Conditions | None = None,
    watch: Watch | None = None,
    random: Random | None = None,
) -> Mock:
    """Make a mock, which has not started and listens nowhere yet.

    Args:
        reactor: A reactor; or a fake clock, by which tokens and times count then.
        faults: Of every connection, in the order in which messages meet them: subclasses of
            :class:`assa.mock.Fault`, or what the functions of :mod:`assa.mock.faults` return.
        secret: Of HS256, at least 32 bytes, for tokens of one's own; None: a random one.
        conditions: What the server is like; None: as the protocol has it.
        watch: Is told what happens.
        random: Decides wherever something is random.

    Raises:
        ValueError: The secret is too short.
    """
    return Mock(
        reactor,
        key=Key.load("HS256", (secrets.token_urlsafe(48) if secret is None else secret).encode()),
        faults=faults,
        conditions=conditions or Conditions(),
        watch=watch or Watch(),
        random=random or Random(),  # noqa: S311 - no secret
    )

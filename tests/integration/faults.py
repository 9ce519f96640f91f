"""A proxy in this reactor that cuts, delays, swallows and tears what goes through it, at random."""

from __future__ import annotations

from collections import Counter, deque
from random import Random
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.integration.server import LOOPBACK


class Side(Protocol):
    """One of the two connections of a client's way to the server.

    Args:
        proxy: Whose.
        is_client: Whether the client is at its end.
    """

    def __init__(self, proxy: FaultProxy, *, is_client: bool) -> None:
        self.proxy, self.is_client = proxy, is_client
        self.other: Side | None = None
        self.silent = self.gone = False
        self.waiting: list[bytes] = []
        self._under_way: deque[bytes] = deque()
        self._free_s = 0.0
        self._calls: set[Any] = set()

    def connectionMade(self) -> None:
        """Find the way to the server, or begin to forward."""
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        if self.is_client:
            self.proxy.opened(self)

    def join(self, other: Side) -> None:
        """Go on with the other half."""
        self.other, other.other = other, self
        if self.gone:
            other.cut()
        for data in self.waiting:
            self._forward(data)

    def dataReceived(self, data: bytes) -> None:
        """Forward it, later perhaps and in pieces; what is silent forwards nothing any more."""
        if self.is_client and self.proxy.forgetful:
            data = data.replace(b'"last_seq_id":"e', b'"last_seq_id":"x')
        if self.silent:
            return
        if self.other is None:
            self.waiting.append(data)
        else:
            self._forward(data)

    def _forward(self, data: bytes) -> None:
        reactor, random = self.proxy.reactor, self.proxy.random
        middle = random.randrange(len(data)) if random.random() < self.proxy.torn else len(data)
        for piece in (data[:middle], data[middle:]):
            delay_s = random.expovariate(1 / self.proxy.delay_s) if self.proxy.delay_s else 0.0
            self._free_s = max(self._free_s, reactor.seconds() + delay_s)
            self._under_way.append(piece)
            call = reactor.callLater(max(0.0, self._free_s - reactor.seconds()), self._write)
            self._calls = {one for one in self._calls if one.active()} | {call}

    def _write(self) -> None:
        data = self._under_way.popleft()
        if not self.silent and self.other is not None and not self.other.gone:
            transport: Any = self.other.transport
            transport.write(data)

    def cut(self) -> None:
        """Lose both connections, and what is on the way."""
        for side in (self, self.other):
            if side is not None:
                for call in side._calls:
                    if call.active():
                        call.cancel()
                if not side.gone:
                    side.gone = True
                    transport: Any = side.transport
                    transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Lose the other half too."""
        self.gone = True
        self.proxy.ways.pop(self, None)
        self.cut()


class FaultProxy:
    """Forwards connections to a port of this machine, as badly as it is told to.

    Args:
        reactor: Real.
        port: Where to.
        random: Decides.
    """

    def __init__(self, reactor: Any, port: int, random: Random) -> None:
        self.reactor, self.random = reactor, random
        self.closed = self.forgetful = False
        self.delay_s = self.torn = 0.0
        self.ways: dict[Side, None] = {}
        self.counts: Counter[str] = Counter()
        self._target = TCP4ClientEndpoint(reactor, LOOPBACK, port)
        self._port: IListeningPort | None = None

    async def listen(self) -> int:
        """Begin, and return the port."""
        factory = Factory.forProtocol(lambda: Side(self, is_client=True))
        self._port = await TCP4ServerEndpoint(self.reactor, 0, interface=LOOPBACK).listen(factory)
        host: Any = self._port.getHost()
        return int(host.port)

    async def close(self) -> None:
        """End everything."""
        self.heal()
        assert self._port is not None
        await self._port.stopListening()  # type: ignore[misc] # it may return None, here it never does

    def opened(self, side: Side) -> None:
        """Take a new connection of a client."""
        self.counts["connections"] += 1
        if self.closed:
            side.cut()
            return
        self.ways[side] = None
        connecting = self._target.connect(Factory.forProtocol(lambda: Side(self, is_client=False)))
        connecting.addCallbacks(side.join, lambda _: side.cut())

    def heal(self) -> None:
        """Have everything go well from here on, on new connections."""
        self.closed = self.forgetful = False
        self.delay_s = self.torn = 0.0
        for side in list(self.ways):
            side.cut()

    def misbehave(self) -> None:
        """Have something go wrong."""
        fault = self.random.choices(
            ("cut", "swallow", "delay", "torn", "closed", "forgetful"), (30, 15, 15, 10, 8, 12)
        )[0]
        self.counts[fault] += 1
        self.closed = False
        ways = list(self.ways)
        if fault == "cut" and ways:
            self.random.choice(ways).cut()
        elif fault == "swallow" and ways:
            side = self.random.choice(ways)
            here, there = self.random.choice(((True, False), (True, True), (False, True)))
            side.silent = side.silent or here
            if side.other is not None:
                side.other.silent = side.other.silent or there
        elif fault == "delay":
            self.delay_s = self.random.choice((0.0, 0.001, 0.01, 0.05))
        elif fault == "torn":
            self.torn = self.random.choice((0.0, 0.3, 1.0))
        elif fault == "closed":
            self.closed = True
        elif fault == "forgetful":
            self.forgetful = not self.forgetful

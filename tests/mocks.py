"""A mock in memory with a fake clock, and clients that see what its faults do to them.

Plain ones are those of :mod:`tests.world`, over TCP or WebSocket; :class:`Talker` is a program on the client
library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from assa.client import Client as LibraryClient
from assa.client import Disconnected, NewMessage, NoAnswer, Offline, Rejected, SendMessage, State
from assa.mock import Conditions, Watch, make_mock
from assa.mock.faults import MakeFault
from tests.fronts import Front, TcpFront, WebSocketFront
from tests.world import FRONT, START_S, Client

FRONTS = ("tcp", "websocket")


class Stage:
    """A mock and its time; what :class:`tests.world.Client` asks of a World.

    Args:
        faults: As for make_mock.
        conditions: As for make_mock.
        front: How clients come in where they do not say.
        seed: Of what is random.
        watch: As for make_mock.
    """

    def __init__(
        self,
        faults: Sequence[MakeFault] = (),
        conditions: Conditions | None = None,
        *,
        front: str = FRONT,
        seed: int = 1,
        watch: Watch | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(START_S)
        self.mock = make_mock(self.clock, faults, conditions=conditions, random=Random(seed), watch=watch)
        self.mock.start()
        self._front = front
        self.turn()

    def turn(self, turns: int = 12) -> None:
        """Let everything that is due now happen."""
        for _ in range(turns):
            self.clock.advance(0)

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            self.clock.advance(min(step, end - self.clock.seconds()))
            self.turn(3)

    def open(self, transport: StringTransport, front: str) -> Front:
        """Have the mock take a connection."""
        if front == "tcp":
            return TcpFront(self.mock.tcp, transport)  # type: ignore[arg-type]  # a wrapped one
        return WebSocketFront(_Upgrading(self.mock.http, transport), transport)  # type: ignore[arg-type]

    def client(self, front: str | None = None) -> Client:
        """Open a connection that has not connected yet."""
        return Client(self, "192.0.2.1", front or self._front)  # type: ignore[arg-type]

    def connected(self, user_id: int, **options: Any) -> Client:
        """Open a connection and log in."""
        client = self.client()
        assert client.connect(self.mock.token(user_id, f"user{user_id}"), **options)["success"]
        return client

    def resumed(self, before: Client) -> Client:
        """Open a connection that resumes the session of another."""
        client = self.client()
        client.connect(before.token, session_id=before.session_id, last_seq_id=before.last_seq_id)
        return client

    def room(self, host: Client, *members: Client) -> int:
        """Create an open room, have others join, and return its id."""
        room_id: int = host.ask("CREATE_ROOM", {"name": "방", "is_open": True})["data"]["room_id"]
        for member in members:
            assert member.ask("JOIN_ROOM", {"room_id": room_id})["success"]
        for one in (host, *members):
            one.all()
        return room_id


class _Upgrading:
    """An HTTP port of a mock, where the transport's protocol stays the same when it becomes a WebSocket."""

    def __init__(self, factory: Any, transport: Any) -> None:
        self._factory = factory
        self._transport = transport

    def buildProtocol(self, address: Any) -> Any:
        protocol = self._transport.protocol = self._factory.buildProtocol(address)
        return protocol


class _End(StringTransport):
    """One end of a connection; what is written at it arrives at the other in a later turn."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.protocol: Any = None
        self.other: _End = self
        self.gone = False

    def write(self, data: bytes) -> None:
        self._clock.callLater(0, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if not self.other.gone:
            self.other.protocol.dataReceived(data)

    def loseConnection(self) -> None:
        super().loseConnection()
        self._clock.callLater(0, self._drop, ConnectionDone())

    def abortConnection(self) -> None:
        self._drop(ConnectionLost())

    def _drop(self, reason: Exception) -> None:
        for end in (self, self.other):
            if not end.gone:
                end.gone = True
                end.protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class _Way:
    """The way to a mock over TCP."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.attempts = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        self.attempts += 1
        here, there = _End(self._stage.clock), _End(self._stage.clock)
        here.other, there.other = there, here
        there.protocol = self._stage.mock.tcp.buildProtocol(there.getPeer())
        if there.protocol is None:
            return fail(ConnectError())
        here.protocol = factory.buildProtocol(None)
        there.protocol.makeConnection(there)
        here.protocol.makeConnection(here)
        return succeed(here.protocol)


class Talker:
    """A program on the client library that does not give up, and the messages that it has heard.

    Args:
        stage: Where the mock is.
        user_id: Whose it is.
    """

    def __init__(self, stage: Stage, user_id: int) -> None:
        self.way = _Way(stage)
        self.states: list[State] = []
        self.heard: list[str] = []
        self._stage = stage
        self._user_id = user_id
        self.client = LibraryClient(
            self.way, stage.clock, heard=self._hear, changed=self._changed, random=lambda: 0.5
        )

    def _hear(self, event: object) -> None:
        # A message of one's own is among those that are caught up with, if its sender was told that nobody
        # knows what has become of it.
        if isinstance(event, NewMessage) and event.user.user_id != self._user_id:
            self.heard.append(event.content)

    def _token(self) -> str:
        return self._stage.mock.token(self._user_id, f"user{self._user_id}")

    def _changed(self, state: State) -> None:
        self.states.append(state)
        if isinstance(state, Offline):  # the library has given up: go on nevertheless
            self._stage.clock.callLater(1, self._connect_again)

    def _connect_again(self) -> None:
        Deferred.fromCoroutine(self.connect())

    async def connect(self) -> None:
        """Connect, however often that takes."""
        await self._until_answered(lambda: self.client.connect(self._token, resume=self.client.bookmark))

    async def ask(self, request: Any) -> Any:
        """Ask until there is an answer: only for what may be asked twice."""
        return await self._until_answered(lambda: self.client.ask(request))

    async def say(self, room_id: int, *texts: str) -> None:
        """Send texts, one after the other, each until it is known to be stored."""
        for text in texts:
            message = SendMessage(room_id=room_id, content=text, message_type="text", client_message_id=text)
            await self.ask(message)

    async def _until_answered(self, attempt: Callable[[], Any]) -> Any:
        while True:
            try:
                return await attempt()
            except (Disconnected, NoAnswer):
                pass
            except Rejected as wrong:
                if wrong.retry_after_ms is None:
                    raise
            await deferLater(self._stage.clock, 1)

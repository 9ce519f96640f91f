"""The server inside a Twisted program: as a service, as a plug-in's service, and put together by hand."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, clientFromString, connectProtocol
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from assa.actions import ALL
from assa.auth import Key, Tokens
from assa.config import load
from assa.errors import Code, Refused
from assa.hub import Hub
from assa.ice import IceServers
from assa.limits import Limits
from assa.node import Node
from assa.protocol import Request
from assa.registry import Actions, Context, Services
from assa.service import ChatService, farewell
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread
from assa.tap import Options, makeService
from assa.tcp import ChatFactory
from tests.integration.plain import SECRET, Message, token

TIMEOUT_S = 10


class Talker(LineOnlyReceiver):
    """A client on a Twisted endpoint."""

    delimiter = b"\n"
    MAX_LENGTH = 1_048_577

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()
        self.welcome: Message = {}
        self._lines: DeferredQueue[Message] = DeferredQueue()
        self._passed_over: list[Message] = []
        self._asked = 0

    @classmethod
    async def on(cls, port: IListeningPort, user_id: int, before: Talker | None = None) -> Talker:
        """Connect, and authenticate or resume an earlier connection's session."""
        endpoint = clientFromString(reactor, f"tcp:127.0.0.1:{cast('Any', port.getHost()).port}:timeout=5")
        talker: Talker = await connectProtocol(endpoint, cls())
        data = {"jwt_token": token(user_id), "device_info": {"device_id": f"device-{user_id}"}}
        envelope = {"session_id": before.welcome["session_id"]} if before else {}
        talker.welcome = await talker.ask("CONNECT", data, **envelope)
        return talker

    def lineReceived(self, line: bytes) -> None:
        """Take note of a message."""
        self._lines.put(json.loads(line))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Take note of the end."""
        self.gone.callback(None)

    def send(self, action: str, data: Message, **envelope: object) -> str:
        """Send a request and return its `seq_id`."""
        self._asked += 1
        seq_id = f"q{self._asked}"
        message = {"action": action, "data": data, "timestamp": "2024-01-01T12:00:00.000Z", "seq_id": seq_id}
        self.sendLine(json.dumps(message | envelope).encode())
        return seq_id

    async def ask(self, action: str, data: Message, **envelope: object) -> Any:
        """Send a request and return the data of its answer."""
        answer = await self.heard(f"{action}_RESPONSE", seq_id=self.send(action, data, **envelope))
        assert answer["success"] is True, answer
        return answer["data"]

    async def heard(self, action: str, **fields: object) -> Message:
        """Return the first message of that action with these fields."""
        waiting, self._passed_over = self._passed_over, []
        while True:
            message = (
                waiting.pop(0)
                if waiting
                else await self._lines.get().addTimeout(TIMEOUT_S, cast("Any", reactor))
            )
            if message["action"] == action and fields.items() <= message.items():
                self._passed_over += waiting
                return message
            self._passed_over.append(message)

    async def hang_up(self) -> None:
        """Drop the connection."""
        assert self.transport is not None
        self.transport.loseConnection()
        await self.gone.addTimeout(TIMEOUT_S, cast("Any", reactor))


async def chat(port: IListeningPort) -> None:
    """Let two users meet in a room, and one say something to the other."""
    mina, jun = await Talker.on(port, 1), await Talker.on(port, 2)
    room_id = (await mina.ask("CREATE_ROOM", {"name": "방", "is_open": True}))["room_id"]
    await jun.ask("JOIN_ROOM", {"room_id": room_id})
    assert (await mina.heard("USER_JOINED"))["data"]["user"]["user_id"] == 2
    said = {"room_id": room_id, "content": "안녕하세요!", "message_type": "text"}
    sent = await mina.ask("SEND_MESSAGE", said)
    heard = (await jun.heard("NEW_MESSAGE"))["data"]
    assert (heard["message_id"], heard["content"]) == (sent["message_id"], "안녕하세요!")
    await mina.hang_up()
    await jun.hang_up()


def settings(state: Path) -> dict[str, str]:
    """Return the environment of a server on a port that the kernel chooses."""
    return {
        "ASSA_SERVER__LISTEN": "tcp:0:interface=127.0.0.1",
        "ASSA_HTTP__LISTEN": "[]",
        "ASSA_SERVER__STATE_DIR": str(state),
        "ASSA_AUTH__SECRET": SECRET,
    }


def nothing_is_left() -> bool:
    """Return whether the server has given back what it had of the reactor."""
    return cast("Any", reactor).getDelayedCalls() == []


# --- As a service ---


@pytest_twisted.async_yield_fixture
async def service(tmp_path: Path) -> AsyncGenerator[ChatService, None]:
    """Run a whole server in this process."""
    service = ChatService(load(None, settings(tmp_path)), reactor)
    service.startService()
    yield service
    if service.running:
        await service.stopService()
    assert nothing_is_left()


@pytest_twisted.ensureDeferred
async def test_chat_through_endpoints(service: ChatService) -> None:
    """A ChatService listens on its endpoints as soon as it is started."""
    await chat(service.ports[0])


@pytest_twisted.ensureDeferred
async def test_stopping_is_announced_and_resumable(service: ChatService, tmp_path: Path) -> None:
    """Stopping the service is the shutdown of §9 of v1.1; a new one on the same files goes on."""
    mina = await Talker.on(service.ports[0], 1)
    stopped = service.stopService()
    announced = (await mina.heard("SERVER_ANNOUNCEMENT"))["data"]
    assert announced["announcement_type"] == "shutdown"
    await mina.gone.addTimeout(TIMEOUT_S, cast("Any", reactor))
    await stopped
    again = ChatService(load(None, settings(tmp_path)), reactor)
    again.startService()
    resumed = await Talker.on(again.ports[0], 1, before=mina)
    assert resumed.welcome["session_id"] == mina.welcome["session_id"]
    assert resumed.welcome["reconnection_info"]["resumed"] is True
    await resumed.hang_up()
    await again.stopService()


@pytest_twisted.ensureDeferred
async def test_the_service_of_the_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `twistd assa` runs is an ordinary service that a program may start and stop."""
    port_file = tmp_path / "socket"
    for name, value in (settings(tmp_path) | {"ASSA_SERVER__LISTEN": f"unix:{port_file}"}).items():
        monkeypatch.setenv(name, value)
    options = Options()
    options.parseOptions([])
    service = makeService(options)
    service.startService()
    talker = await connectProtocol(clientFromString(reactor, f"unix:{port_file}"), Talker())
    assert (await talker.ask("CONNECT", {"jwt_token": token(7)}))["user_id"] == 7
    await talker.hang_up()
    await service.stopService()
    assert not port_file.exists()
    assert nothing_is_left()


# --- Put together by hand ---


@frozen(kw_only=True)
class Rolled:
    """What a program's own request is answered with."""

    sides: int
    by: int


@frozen(kw_only=True)
class Roll(Request[Rolled]):
    """A program's own request."""

    action = "ROLL"
    success_text = "주사위를 굴렸습니다"
    sides: int


dice = Actions()


@dice.on(Roll)
async def roll(ctx: Context, request: Roll) -> Rolled:
    """Answer with what was asked for."""
    if request.sides < 2:
        raise Refused(Code.INVALID_MESSAGE, "data.sides: expected at least 2")
    return Rolled(sides=request.sides, by=ctx.user_id)


@pytest_twisted.async_yield_fixture
async def embedded() -> AsyncGenerator[IListeningPort, None]:
    """Build store, node and factory, and listen on an endpoint of one's own."""
    hub = Hub()
    store = SqliteStore(
        ":memory:",
        worker=DatabaseThread(cast("Any", reactor)),
        deliver=hub.deliver,
        now_ms=lambda: int(time.time() * 1000),
    )
    store.open()
    services = Services(
        store=store,
        tokens=Tokens(keys=[Key.load("HS256", SECRET.encode())], now=time.time),
        limits=Limits(connections=2),
        node="embedded",
        now_ms=lambda: int(time.time() * 1000),
        ice_servers=IceServers(),
    )
    node = Node(
        services=services,
        actions=Actions.joined(ALL, dice),
        hub=hub,
        clock=cast("Any", reactor),
        monotonic=time.monotonic,
    )
    await node.start()
    endpoint = TCP4ServerEndpoint(cast("Any", reactor), 0, interface="127.0.0.1")
    port = await endpoint.listen(ChatFactory(node))
    yield port
    await maybeDeferred(port.stopListening)
    await node.shutdown(farewell)
    await store.close()
    assert nothing_is_left()


@pytest_twisted.ensureDeferred
async def test_embedded_chat(embedded: IListeningPort) -> None:
    """A program that builds its own store, node and factory has the whole protocol."""
    await chat(embedded)


@pytest_twisted.ensureDeferred
async def test_embedded_action(embedded: IListeningPort) -> None:
    """A program may add actions of its own; they are checked and answered like the protocol's."""
    mina = await Talker.on(embedded, 1)
    assert await mina.ask("ROLL", {"sides": 6}) == {"sides": 6, "by": 1}
    for data in ({"sides": 1}, {"sides": "6"}, {}):
        error = await mina.heard("ERROR", seq_id=mina.send("ROLL", data))
        assert error["error_code"] == "INVALID_MESSAGE"
        assert "sides" in error["data"]["error_details"]
    await mina.hang_up()


@pytest_twisted.ensureDeferred
async def test_embedded_limits(embedded: IListeningPort) -> None:
    """The program's limits count: here two clients at once."""
    clients = [await Talker.on(embedded, user_id) for user_id in (1, 2)]
    host = cast("Any", embedded.getHost())
    late = await connectProtocol(clientFromString(reactor, f"tcp:127.0.0.1:{host.port}"), Talker())
    answer = await late.heard("CONNECT_RESPONSE", seq_id=late.send("CONNECT", {"jwt_token": token(3)}))
    assert (answer["success"], answer["error_code"]) == (False, "SERVER_FULL")
    await late.gone.addTimeout(TIMEOUT_S, cast("Any", reactor))
    for client in clients:
        await client.hang_up()

"""The server inside a Twisted program: as a service, as a plug-in's service, and put together by hand."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import pytest_twisted
from attrs import frozen
from twisted.internet import reactor as twisted_reactor
from twisted.internet.defer import DeferredQueue, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, clientFromString
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint

from assa.actions import ALL
from assa.auth import Key, Tokens
from assa.client import Bookmark, Client, NewMessage, Online, Rejected, Waiting, endpoint
from assa.config import load
from assa.errors import Code, Refused
from assa.hub import Hub
from assa.ice import IceServers
from assa.limits import Limits
from assa.node import Node
from assa.protocol import Announcement, DeviceInfo, Request, UserJoined
from assa.registry import Actions, Context, Services
from assa.service import ChatService, farewell
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread
from assa.tap import Options, makeService
from assa.tcp import ChatFactory
from tests.integration.plain import SECRET, token

A = TypeVar("A")
TIMEOUT_S = 10
reactor = cast("Any", twisted_reactor)


class Person:
    """A user with the client library.

    Args:
        user_id: Who.
        endpoint: Where the server is.
    """

    def __init__(self, user_id: int, endpoint: IStreamClientEndpoint) -> None:
        self._user_id = user_id
        self._events: DeferredQueue[Any] = DeferredQueue()
        self.client = Client(
            endpoint,
            reactor,
            heard=self._events.put,
            changed=self._events.put,
            device=DeviceInfo(device_id=f"device-{user_id}"),
        )

    @classmethod
    async def on(cls, port: IListeningPort, user_id: int, before: Person | None = None) -> Person:
        """Connect, and go on where an earlier client ended."""
        person = cls(user_id, endpoint(reactor, f"127.0.0.1:{cast('Any', port.getHost()).port}"))
        await person.connect(before and before.client.bookmark)
        return person

    async def connect(self, resume: Bookmark | None = None) -> Online:
        """Connect."""
        await self.client.connect(lambda: token(self._user_id), resume=resume)
        return await self.heard(Online)

    async def heard(self, kind: type[A]) -> A:
        """Return the next event or state of that class; the others before it are not looked at again."""
        while not isinstance(event := await self._events.get().addTimeout(TIMEOUT_S, reactor), kind):
            pass
        return event


async def chat(port: IListeningPort) -> None:
    """Let two users meet in a room, and one say something to the other."""
    mina, jun = await Person.on(port, 1), await Person.on(port, 2)
    room_id = (await mina.client.create_room("방", is_open=True)).room_id
    await jun.client.join_room(room_id)
    assert (await mina.heard(UserJoined)).user.user_id == 2
    sent = await mina.client.send_text(room_id, "안녕하세요!")
    heard = await jun.heard(NewMessage)
    assert (heard.message_id, heard.content) == (sent.message_id, "안녕하세요!")
    await mina.client.disconnect()
    await jun.client.disconnect()


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
    return reactor.getDelayedCalls() == []


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
    mina = await Person.on(service.ports[0], 1)
    stopped = service.stopService()
    announced = await mina.heard(Announcement)
    assert announced.announcement_type == "shutdown"
    waiting = await mina.heard(Waiting)
    assert waiting.delay_s * 1000 == announced.reconnect_after_ms
    mina.client.close()
    await stopped
    again = ChatService(load(None, settings(tmp_path)), reactor)
    again.startService()
    resumed = await Person.on(again.ports[0], 1, before=mina)
    assert isinstance(resumed.client.state, Online)
    assert resumed.client.state.complete
    assert resumed.client.bookmark.session_id == mina.client.bookmark.session_id
    await resumed.client.disconnect()
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
    person = Person(7, clientFromString(reactor, f"unix:{port_file}"))
    assert (await person.connect()).welcome.user_id == 7
    await person.client.disconnect()
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
        worker=DatabaseThread(reactor),
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
        clock=reactor,
        monotonic=time.monotonic,
    )
    await node.start()
    listening = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await listening.listen(ChatFactory(node))
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
    mina = await Person.on(embedded, 1)
    assert await mina.client.ask(Roll(sides=6)) == Rolled(sides=6, by=1)
    for data in ({"sides": 1}, {"sides": "6"}, {}):
        with pytest.raises(Rejected) as caught:
            await mina.client.ask_raw("ROLL", data)
        assert caught.value.code == "INVALID_MESSAGE"
        assert "sides" in caught.value.details
    await mina.client.disconnect()


@pytest_twisted.ensureDeferred
async def test_embedded_limits(embedded: IListeningPort) -> None:
    """The program's limits count: here two clients at once."""
    clients = [await Person.on(embedded, user_id) for user_id in (1, 2)]
    with pytest.raises(Rejected) as caught:
        await Person.on(embedded, 3)
    assert caught.value.code == "SERVER_FULL"
    assert caught.value.retry_after_ms
    for one in clients:
        await one.client.disconnect()

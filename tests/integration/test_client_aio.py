"""The client library on asyncio: the example of the documents, and what else a program may do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.integration.plain import TIMEOUT_S, Client, room_of, token
from tests.integration.server import ROOT, Server, running

EXAMPLE = ROOT / "docs" / "examples" / "asyncio_client.py"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server."""
    with running() as started:
        yield started


def address(server: Server) -> str:
    """Return where it is, as the library takes it."""
    host, port = server.address
    return f"{host}:{port}"


def test_example(server: Server) -> None:
    """The example says hello, hears what is said, and ends by itself; its warnings are errors."""
    with closing(Client(server.address, 1)) as mina:
        mina.connect()
        room_id = room_of([mina])
        program = subprocess.Popen(
            [sys.executable, "-W", "error", str(EXAMPLE), address(server), str(room_id)],
            env=server.environment,
            cwd=server.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        with program:
            assert program.stdin is not None
            program.stdin.write(f"{token(2)}\n")
            program.stdin.flush()
            heard = mina.heard("NEW_MESSAGE")["data"]
            assert heard["content"] == "hello from asyncio"
            mina.say(room_id, "안녕")
            mina.say(room_id, "bye")
            out, err = program.communicate(timeout=TIMEOUT_S)
        assert (program.returncode, err) == (0, "")
        assert out == f"sent as #{heard['message_id']}\n사람1: 안녕\n사람1: bye\n"


PROGRAM = """
import asyncio, json, sys
from assa.client import Bookmark, Disconnected, Offline, Online, Rejected, Waiting
from assa.client.aio import AsyncClient
from assa.protocol import GetRoomInfo, SetMediaStatus

address, jwt, room_id = sys.argv[1], sys.argv[2], int(sys.argv[3])

async def refused(doing):
    try:
        await doing
    except Rejected as wrong:
        return wrong.code

async def main():
    states = []
    client = AsyncClient(address, changed=states.append)
    try:
        await client.connect("no token")
    except Rejected as wrong:
        print(wrong.code)
    welcome = await client.connect(lambda: jwt)
    assert client.state is states[-1] and client.client.user_id == welcome.user_id
    made = await client.create_room("방", description="d", is_open=True)
    print(made.name, [one.room_id for one in (await client.list_rooms()).rooms] == [made.room_id])
    print((await client.ask(GetRoomInfo(room_id=made.room_id))).description)
    joined = await client.join_room(room_id)
    first = joined.recent_messages[0]
    checked = await client.confirm(room_id, [first.message_id])
    print(first.content, checked.received_messages == [first.message_id])
    reply = await client.send_text(room_id, "reply", reply_to=first.message_id)
    got = await client.get_messages(room_id, before=reply.message_id + 1, limit=1)
    print(got.messages[0].content, got.messages[0].reply_to_message_id == first.message_id)
    print((await client.exit_room(made.room_id)).room_id == made.room_id)
    print(await refused(client.ask(GetRoomInfo(room_id=made.room_id))))
    client.tell(SetMediaStatus(video_room_id=1, audio_enabled=True, video_enabled=True))
    events = client.events()
    print((await anext(events)).error.code)
    waiting = asyncio.ensure_future(client.list_rooms())
    await asyncio.sleep(0)
    waiting.cancel()
    client.close()
    print([event async for event in events])
    kept = json.dumps(client.bookmark.to_json())
    again = AsyncClient(address)
    async with again:
        await again.connect(jwt, resume=Bookmark.from_json(json.loads(kept)))
        print("ready", flush=True)
        try:
            async for event in again.events():
                print(event.content, flush=True)
        except Disconnected as wrong:
            print("given up")

asyncio.run(main())
"""


def test_program() -> None:
    """A program on asyncio asks, hears, keeps its place, and is told when the server is gone for good."""
    with running() as server, closing(Client(server.address, 1)) as mina:
        mina.connect()
        room_id = room_of([mina])
        mina.say(room_id, "old")
        mina.settle()
        program = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROGRAM, address(server), token(2), str(room_id)],
            env=server.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        with program:
            assert program.stdout is not None
            lines = [program.stdout.readline().strip()]
            while lines[-1] not in ("ready", ""):
                lines.append(program.stdout.readline().strip())
            mina.say(room_id, "new")
            lines.append(program.stdout.readline().strip())
            mina.hang_up()
            server.kill()
            out, err = program.communicate(timeout=TIMEOUT_S)
        assert (program.returncode, err) == (0, "")
        assert [*lines, *out.split()] == [
            "INVALID_TOKEN",
            *(
                "방 True",
                "d",
                "old True",
                "reply True",
                "True",
                "ROOM_NOT_FOUND",
                "VIDEO_ROOM_NOT_FOUND",
                "[]",
            ),
            *("ready", "new", "given", "up"),
        ]


def test_other_reactor() -> None:
    """Where another reactor is installed already, the program is told what to do."""
    program = """
import asyncio
from twisted.internet import reactor
from assa.client.aio import AsyncClient
async def main():
    try:
        AsyncClient("localhost")
    except RuntimeError as wrong:
        print(wrong)
asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=True,
    )
    assert "is installed already" in ended.stdout


KEEPING = """
import asyncio, sys
from assa.client import Disconnected, NewMessage, Online
from assa.client.aio import AsyncClient

address, jwt, other, room_id = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

async def messages(client, last):
    async for event in client.events():
        if isinstance(event, NewMessage):
            yield event.content
            if event.content == last:
                return

async def main():
    talker = AsyncClient(address)
    await talker.connect(other)
    client = AsyncClient(address)
    try:
        await anext(client.events())
    except Disconnected as wrong:
        print(wrong)
    await client.connect(jwt)
    for number in range(10):
        await talker.send_text(room_id, f"m{number}")
    seen = []
    async for content in messages(client, "m2"):
        seen.append(content)
    kept = client.bookmark
    await asyncio.sleep(0.3)
    assert client.bookmark == kept
    client.close()
    assert [event async for event in client.events()] == []
    await talker.send_text(room_id, "m10")

    second = AsyncClient(address)
    await second.connect(jwt, resume=kept)
    async for content in messages(second, "m10"):
        seen.append(content)
    print(*seen)
    second.close()

    await client.connect(jwt, resume=second.bookmark)
    await talker.send_text(room_id, "m11")
    print([content async for content in messages(client, "m11")], isinstance(client.state, Online))

    nowhere = AsyncClient("127.0.0.1:1")
    connecting = asyncio.ensure_future(nowhere.connect(jwt))
    await asyncio.sleep(0)
    hearing = asyncio.ensure_future(anext(nowhere.events()))
    for doing in (connecting, hearing):
        try:
            await doing
        except Disconnected as wrong:
            print(type(wrong).__name__)

    async def token():
        await asyncio.sleep(60)
    connecting = asyncio.ensure_future(nowhere.connect(token))
    await asyncio.sleep(0.1)
    await nowhere.disconnect()
    try:
        await connecting
    except Disconnected as wrong:
        print(wrong)
    try:
        AsyncClient(address, changed=token)
    except TypeError as wrong:
        print("no listener")
    await talker.disconnect()
    print("the end")

asyncio.run(main())
"""


def test_keeping(server: Server) -> None:
    """The bookmark follows `events`, a client is used again after `close`, and the process ends by itself.

    It is given no `async with`, and one of its clients is never closed.
    """
    with closing(Client(server.address, 1)) as mina, closing(Client(server.address, 3)) as other:
        mina.connect()
        other.connect()
        room_id = room_of([mina, other])
    program = subprocess.run(
        [sys.executable, "-W", "error", "-c", KEEPING, address(server), token(1), token(3), str(room_id)],
        env=server.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (program.returncode, program.stderr) == (0, "")
    assert program.stdout.splitlines() == [
        "not connected yet",
        " ".join(f"m{number}" for number in range(11)),
        "['m11'] True",
        *("Disconnected", "Disconnected", "closed", "no listener", "the end"),
    ]

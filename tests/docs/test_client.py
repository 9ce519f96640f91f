"""docs/client.rst: its programs as processes against a server, its pieces against one in memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

import assa.client
import assa.protocol
from tests.docs.samples import take
from tests.integration.plain import TIMEOUT_S
from tests.integration.server import ROOT, running
from tests.test_client import Phone, Road, online
from tests.world import World

DOCUMENT = "docs/client.rst"
HELLO = take(DOCUMENT, "import sys")
RUN_HELLO = take(DOCUMENT, "python hello.py")
CONNECT = take(DOCUMENT, "async def fetch_token")
MEMBERS = take(DOCUMENT, "async def members")
AGAIN = take(DOCUMENT, "async def try_again")
BOOKMARK = take(DOCUMENT, "def stop")
RUN_ASYNCIO = take(DOCUMENT, "assa token 1 > token")


class ProgramsTests(SynchronousTestCase):
    def test_programs(self) -> None:
        """What is typed works as it is typed, in a directory with the program."""
        with running(auth__secret=None) as server, tempfile.TemporaryDirectory() as directory:
            Path(directory, "hello.py").write_text(HELLO)
            Path(directory, "docs").symlink_to(ROOT / "docs")
            address = f"127.0.0.1:{server.address[1]}"
            bin_directory = Path(sys.executable).parent
            environment = server.environment | {"PATH": f"{bin_directory}:/usr/bin:/bin"}
            said = subprocess.run(
                ["sh", "-ec", RUN_HELLO.replace("127.0.0.1:12345", address)],
                cwd=directory,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                timeout=TIMEOUT_S,
                check=True,
            )
            self.assertRegex(said.stdout, r"^stored as #\d+\n$")
            program = subprocess.Popen(
                ["sh", "-ec", RUN_ASYNCIO.replace("127.0.0.1:12345", address)],
                cwd=directory,
                env=environment,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
            with program:
                assert program.stdout is not None
                self.assertRegex(program.stdout.readline(), r"^sent as #\d+$")
                said = subprocess.run(
                    [sys.executable, "-m", "assa", "chat", "--user", "2", "--nickname", "jun"],
                    input="/join 1\nbye\n",
                    env=environment,
                    capture_output=True,
                    encoding="utf-8",
                    timeout=TIMEOUT_S,
                    check=True,
                )
                self.assertEqual(program.stdout.read(), "jun: bye\n")
                self.assertEqual(program.wait(TIMEOUT_S), 0)


class Pieces:
    """The pieces of the document, defined in one namespace with what they name."""

    def __init__(self, world: World, user_id: int) -> None:
        self.asked: list[str] = []
        text = SimpleNamespace(text=lambda: succeed(world.token(user_id, nickname="mina")))
        treq = SimpleNamespace(get=lambda url, **_: (self.asked.append(url), succeed(text))[1])
        names = {**vars(assa.protocol), **vars(assa.client), "json": json, "treq": treq, "session": {}}
        names |= {"installation_id": "d", "endpoint": lambda *_: Road(world)}
        for piece in (CONNECT, MEMBERS, AGAIN, BOOKMARK):
            exec(piece, names)  # noqa: S102 - the document is ours
        self.names = names

    def __getattr__(self, name: str) -> Any:
        return self.names[name]


class PiecesTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Define the pieces."""
        self.world = World()
        self.pieces = Pieces(self.world, 1)

    def done(self, doing: Any) -> Any:
        """Return the result of a coroutine."""
        deferred = doing if isinstance(doing, Deferred) else Deferred.fromCoroutine(doing)
        self.world.turn()
        return self.successResultOf(deferred)

    def test_connecting(self) -> None:
        """The token comes from the program's own service, the device is told."""
        client, welcome = self.done(self.pieces.connect(self.world.clock))
        self.assertEqual((welcome.user_id, client.user_id), (1, 1))
        self.assertEqual(self.pieces.asked, ["https://www.example.org/chat-token"])
        self.assertEqual(self.world.query("SELECT device_id FROM sessions"), [("d",)])

    def test_asking(self) -> None:
        """An answer is an object, a refusal an exception."""
        mina, jun = online(self.world), online(self.world, 2, "jun")
        room_id = self.done(mina.client.create_room("방")).room_id
        self.assertEqual(self.done(self.pieces.members(mina.client, room_id)), "mina")
        self.assertIn("PERMISSION_DENIED: 권한", self.done(self.pieces.members(jun.client, room_id)))

    def test_going_on(self) -> None:
        """After it was given up, and in another process, it goes on where it was."""
        mina, jun = online(self.world), online(self.world, 2, "jun")
        room_id = self.done(mina.client.create_room("방", is_open=True)).room_id
        self.done(jun.client.join_room(room_id))
        mina.events.clear()
        mina.road.closed = True
        mina.road.cut()
        self.world.pass_time(10)
        self.done(jun.client.send_text(room_id, "a"))
        mina.road.closed = False
        self.assertTrue(self.done(self.pieces.try_again(mina.client)).resumed)
        self.assertEqual([event.content for event in mina.events], ["a"])
        path = Path(self.mktemp())
        self.pieces.stop(mina.client, path)
        self.done(jun.client.send_text(room_id, "b"))
        later = Phone(self.world)
        self.done(self.pieces.start(later.client, path))
        self.assertEqual([event.content for event in later.events], ["b"])


class NamesTests(SynchronousTestCase):
    def test_names(self) -> None:
        """What the document names of the library is there, and what the library offers is named."""
        text = (ROOT / DOCUMENT).read_text("utf-8")
        for name in ("Unknown", "ServerError", "Postponed", "Gap", "Online", "Waiting", "Offline"):
            named = text.split(f"``{name}(")[1].partition(")``")[0].split(", ")
            fields = [one.name for one in getattr(assa.client, name).__attrs_attrs__]
            self.assertEqual(named, fields, name)
        for name in (
            "send_text",
            "create_room",
            "join_room",
            "exit_room",
            "list_rooms",
            "get_messages",
            "confirm",
        ):
            self.assertIn(f"``{name}``", text)
            self.assertTrue(callable(getattr(assa.client.Client, name)))
        for name in ("Rejected", "Disconnected", "NoAnswer", "BadAnswer"):
            self.assertIn(f"* - ``{name}``", text)
            self.assertTrue(issubclass(getattr(assa.client, name), Exception))

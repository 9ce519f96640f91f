"""The programs of docs/embedding.rst and docs/web.rst, and what is quoted of them."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from assa.auth import Key, mint
from assa.http.websocket import SUBPROTOCOL
from tests.docs.commands import run
from tests.docs.rst import EXAMPLES, text_of
from tests.docs.samples import take, take_all
from tests.docs.talker import TIMEOUT_S, Talker, announced, started
from tests.integration.plain import token
from tests.integration.server import LOOPBACK, ROOT, TWISTD, Server, free_port, running
from tests.javascript import node
from tests.postgres import require_postgres, shared_server

EMBED = take("docs/embedding.rst", "python docs/examples/embed.py")
NODE = take("docs/embedding.rst", "python docs/examples/node.py")
QUOTED = [
    *take_all("docs/embedding.rst", "python"),
    *take_all("docs/architecture.rst", "python"),
    *take_all("docs/web.rst", "javascript"),
]


def typed(command: str) -> list[str]:
    """Return a command of the documents as it is started from another directory."""
    program, script, *options = command.split()
    assert program == "python", command
    return [sys.executable, str(ROOT / script), *options]


class EmbeddingTests(SynchronousTestCase):
    def test_embed(self) -> None:
        """A program with its own endpoint, store, clock and action chats and stops cleanly."""
        with tempfile.TemporaryDirectory(prefix="assa-embed-") as directory:
            self.check_run(directory, before=[])
            self.check_run(directory, before=["안녕하세요!", "안녕, 브라우저!"])

    def check_run(self, directory: str, before: list[str]) -> None:
        """Run the example once; what was said the last time is still there."""
        command = typed(EMBED)
        wanted = ("token of mina: ", "token of jun: ", "chat on port ", "web on port ")
        with started(command, directory) as program:
            token, other, port, page = announced(program, wanted)
            with closing(Talker(int(port), token)) as mina, closing(Talker(int(port), other)) as jun:
                if not before:
                    mina.ask("CREATE_ROOM", name="방", is_open=True)
                recent = jun.ask("JOIN_ROOM", room_id=1)["recent_messages"]
                self.assertEqual([one["content"] for one in recent], before)
                sent = mina.ask("SEND_MESSAGE", room_id=1, content="안녕하세요!", message_type="text")
                self.assertEqual(jun.heard("NEW_MESSAGE")["message_id"], sent["message_id"])
                jun.tell("TYPING", room_id=1)
                self.assertEqual(mina.heard("USER_TYPING")["nickname"], "jun")
                self.check_page(int(page), mina, jun)
                self.check_websocket(int(page), token, jun)
                program.send_signal(signal.SIGTERM)
                for one in (mina, jun):
                    self.assertEqual(one.heard("SERVER_ANNOUNCEMENT")["announcement_type"], "shutdown")
                    self.assertEqual(one.rest(), b"")
            _, log = program.communicate(timeout=TIMEOUT_S)
            self.assertEqual(program.returncode, 0, log)
            self.assertNotIn("Traceback", log)

    def check_page(self, port: int, *talkers: Talker) -> None:
        """Check what the program does beside ASSA, and that it reaches into it."""
        address = f"http://127.0.0.1:{port}/"
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            self.assertEqual(answer.read(), b"2 connected\n")
        with urllib.request.urlopen(address, b"tea is ready", timeout=TIMEOUT_S) as answer:
            self.assertRegex(answer.read(), rb"\Aannounced as e\d+\n\Z")
        for one in talkers:
            self.assertEqual(one.heard("SERVER_ANNOUNCEMENT")["message"], "tea is ready")

    def check_websocket(self, port: int, token: str, other: Talker) -> None:
        """Check that a browser chats with a client over TCP, from a page that may and no other."""
        address = f"ws://127.0.0.1:{port}/ws"
        with self.assertRaises(InvalidStatus):
            connect(address, origin=Origin(f"http://127.0.0.1:{port}"))
        browser = connect(address, origin=Origin("https://shop.example.org"), subprotocols=[SUBPROTOCOL])
        with browser:
            for action, data in (
                ("CONNECT", {"jwt_token": token}),
                ("SEND_MESSAGE", {"room_id": 1, "content": "안녕, 브라우저!", "message_type": "text"}),
            ):
                request = {
                    "action": action,
                    "data": data,
                    "timestamp": "2024-01-01T12:00:00Z",
                    "seq_id": action,
                }
                browser.send(json.dumps(request))
                answer = json.loads(browser.recv(TIMEOUT_S))
                self.assertEqual((answer["action"], answer["success"]), (f"{action}_RESPONSE", True))
            self.assertEqual(other.heard("NEW_MESSAGE")["content"], "안녕, 브라우저!")

    def test_node(self) -> None:
        """Two programs with one PostgreSQL: a client of each, and both stop cleanly."""
        require_postgres()
        url = shared_server().create_database()
        self.addCleanup(shared_server().drop_database, url)
        with tempfile.TemporaryDirectory(prefix="assa-node-") as directory:
            secret = Path(directory, "secret")
            secret.write_text("of both, and of who issues the tokens")
            command = [*typed(NODE)[:2], url, str(secret)]
            key = Key.load("HS256", secret.read_bytes())
            tokens = [mint(key, user_id=one, lifetime_s=60, now=time.time()) for one in (1, 2)]
            with started(command, directory) as first, started(command, directory) as second:
                ports = [int(announced(one, ["chat on port "])[0]) for one in (first, second)]
                with (
                    closing(Talker(ports[0], tokens[0])) as mina,
                    closing(Talker(ports[1], tokens[1])) as jun,
                ):
                    mina.ask("CREATE_ROOM", name="방", is_open=True)
                    jun.ask("JOIN_ROOM", room_id=1)
                    sent = mina.ask("SEND_MESSAGE", room_id=1, content="안녕하세요!", message_type="text")
                    self.assertEqual(jun.heard("NEW_MESSAGE")["message_id"], sent["message_id"])
                    for program, one in ((first, mina), (second, jun)):
                        program.send_signal(signal.SIGTERM)
                        self.assertEqual(one.heard("SERVER_ANNOUNCEMENT")["announcement_type"], "shutdown")
                        self.assertEqual(one.rest(), b"")
                        _, log = program.communicate(timeout=TIMEOUT_S)
                        self.assertEqual(program.returncode, 0, log)
                        self.assertNotIn("Traceback", log)
                self.assertEqual(shared_server().execute(url, "SELECT count(*) FROM nodes"), [(0,)])

    def test_tac(self) -> None:
        """A whole server as a service of a program for twistd."""
        with tempfile.TemporaryDirectory(prefix="assa-tac-") as directory:
            server = Server(Path(directory))
            server._command = [str(TWISTD), "-n", "--pidfile=", "-y", str(EXAMPLES / "chat.tac")]
            try:
                server.start()
                server.terminate()
                server.wait()
            finally:
                server.kill()
            self.assertNotIn("Traceback", server.log)

    def test_hello(self) -> None:
        """A program with assa.js connects, says something, is refused something, and leaves."""
        program = node()
        port = free_port()
        with running(http__listen=[f"tcp:{port}:interface={LOOPBACK}"]) as server:
            path = Path(server.directory, "token")
            path.write_text(token(1))
            command = [program, "--experimental-websocket", str(EXAMPLES / "hello.mjs")]
            shown = run([*command, f"ws://{LOOPBACK}:{port}/ws", str(path)], dict(os.environ))
            self.assertEqual(shown.split(), ["connecting", "connected", "ROOM_NOT_FOUND", "closed"])

    def test_quotations(self) -> None:
        """The Python and the JavaScript in the documents are those of the examples, which run."""
        code = "\n".join(
            line.strip()
            for path in sorted(EXAMPLES.iterdir())
            if path.is_file()
            for line in text_of(path).splitlines()
        )
        for block in QUOTED:
            self.assertIn("\n".join(line.strip() for line in block.splitlines()), code)

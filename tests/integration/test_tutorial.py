"""docs/tutorial.rst as a reader goes through it: everything is typed, on a server of the test's."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.commands import as_told, need, run
from tests.docs.rst import EXAMPLES, text_of
from tests.docs.samples import take
from tests.integration.server import ROOT
from tests.javascript import node
from tests.processes import wait_until

TOLD = "docs/tutorial.rst"
TOKENS = take(TOLD, "assa token 1 --nickname mina")
PROGRAMS = {
    "chat.py": take(TOLD, '"""A chat client'),
    "Chat.java": take(TOLD, "// A chat client: java"),
    "chat.ts": take(TOLD, "// A chat client: node"),
}
COMMANDS = {
    "Python": "$ python docs/examples/chat.py 127.0.0.1 12345",
    "Java": "$ java -cp build/chat:/usr/share/java/gson.jar Chat 127.0.0.1 12345",
    "TypeScript": "$ node build/chat-ts/chat.js 127.0.0.1 12345",
}
SESSIONS = {
    name: [take(TOLD, f"{command} {one}") for one in ("mina", "jun")] for name, command in COMMANDS.items()
}
BUILD_JAVA = take(TOLD, "mkdir -p build/chat\njavac")
BUILD_TYPESCRIPT = take(TOLD, "npm --prefix clients/typescript ci")
KILL = take(TOLD, "kill -9")
MOCK = take(TOLD, "assa mock")
CONFORMANCE = take(TOLD, "assa conformance")
SCHEMA = take(TOLD, "assa schema")
SECRET = "~/.local/state/assa/secret"
TIMEOUT_S = 60
GSON = Path("/usr/share/java/gson.jar")


@contextlib.contextmanager
def clone() -> Generator[Path, None, None]:
    """Have what a reader has; the client in TypeScript is a copy, as other tests build it meanwhile."""
    with tempfile.TemporaryDirectory(prefix="assa-clone-") as name:
        place = Path(name)
        (place / "docs").symlink_to(ROOT / "docs")
        (place / "clients").mkdir()
        (place / "clients" / "java").symlink_to(ROOT / "clients" / "java")
        made = shutil.ignore_patterns("node_modules", "dist", "build")
        shutil.copytree(ROOT / "clients" / "typescript", place / "clients" / "typescript", ignore=made)
        (place / "assa").symlink_to(ROOT / "assa")  # whose types the client is built with
        yield place


class Terminal:
    """A terminal in which a program runs, and what the tutorial shows of it.

    Args:
        session: The command after `$`, what is typed after `>`, and what is shown.
        clone: Where it is typed.
        environ: Of the shell.
        port: Of the server.
    """

    def __init__(self, session: str, clone: Path, environ: dict[str, str], port: int) -> None:
        command, *self.rest = session.splitlines()
        command = command.removeprefix("$ ").replace("12345", str(port))
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=clone,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._watch = threading.Timer(TIMEOUT_S, self.process.kill)
        self._watch.start()

    def type(self, words: str) -> None:
        """Type a line."""
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def goes_on(self, said: set[str]) -> bool:
        """Do or read the next line of the session, if it is the user's or can have come; tell whether."""
        line = self.rest[0] if self.rest else ""
        if line.startswith("> "):
            self.type(line[2:])
            said.add(line[2:])
        elif line.startswith("* ") or line.partition(": ")[2] in said:
            assert self.shows() == line
        else:
            return False
        del self.rest[0]
        return True

    def shows(self) -> str:
        """Return the next line that is shown."""
        line = self.process.stdout.readline()
        assert line, f"it ended with status {self.process.wait()}"
        return line.rstrip("\n")

    def shows_message(self) -> str:
        """Return the next line that is no note of the program itself."""
        while (line := self.shows()).startswith("* "):
            pass
        return line

    def end(self) -> str:
        """End the input; return the rest of what is shown, once the program has ended by itself."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        assert self.process.wait(TIMEOUT_S) == 0, rest
        return rest

    def close(self) -> None:
        """Make sure that nothing is left of it."""
        self._watch.cancel()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                stream.close()


def talk(first: Terminal, second: Terminal, said: set[str]) -> None:
    """Go through two sessions side by side: somebody reads what the other one has typed by then."""
    people = [one for one in (first, second) if one.rest]
    while people:
        before = [len(one.rest) for one in people]
        for one in people:
            while one.rest and one.goes_on(said):
                pass
        assert [len(one.rest) for one in people] != before, [one.rest for one in people]
        people = [one for one in people if one.rest]


class TutorialTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Start the server as told, and make the tokens."""
        self.clone = self.enterContext(clone())
        self.server, self.environ = self.enterContext(as_told("twistd -n assa"))
        self.environ = self.environ | {"PYTHONUNBUFFERED": "1"}
        self.typed(TOKENS)

    def typed(self, command: str, timeout_s: float = TIMEOUT_S) -> str:
        """Type a command in the clone; return what it shows."""
        secret = str(self.server.state / "secret")
        command = command.replace(SECRET, secret).replace("12345", str(self.port))
        return run(f"set -e\ncd {self.clone}\n{command}", self.environ, timeout_s=timeout_s)

    @property
    def port(self) -> int:
        """Where the server, or the mock in its place, listens."""
        return int(self.server.address[1])

    def terminal(self, session: str) -> Terminal:
        """Return a terminal with a session."""
        terminal = Terminal(session, self.clone, self.environ, self.port)
        self.addCleanup(terminal.close)
        return terminal

    def check(self, name: str) -> None:
        """Chat as it is shown; then the server is killed and comes back."""
        said: set[str] = set()
        mina = self.terminal(SESSIONS[name][0])
        while mina.goes_on(said):
            pass
        jun = self.terminal(SESSIONS[name][1])
        talk(mina, jun, said)
        run(f"cd {self.server.directory} && {KILL}", self.environ)
        self.server.process.wait()
        mina.type("are you there?")
        self.server.start()
        self.assertEqual(jun.shows_message(), "mina: are you there?")
        mina.type("bye")
        self.assertEqual(jun.shows_message(), "mina: bye")
        for one in (mina, jun):
            self.assertNotIn("Traceback", one.end())

    def test_python(self) -> None:
        """The client in Python."""
        self.check("Python")

    def test_java(self) -> None:
        """The client in Java."""
        need("javac", "openjdk-17-jdk-headless")
        if not GSON.exists():
            raise SkipTest("no Gson here: `apt install libgoogle-gson-java`")
        self.typed(BUILD_JAVA)
        self.check("Java")

    def test_typescript(self) -> None:
        """The client in TypeScript."""
        node()
        need("npm", "npm")
        self.typed(BUILD_TYPESCRIPT, timeout_s=2 * TIMEOUT_S)
        self.check("TypeScript")

    def test_tools(self) -> None:
        """The rules of a section hold; there is a schema; on the mock all arrives, once and in order."""
        self.assertRegex(self.typed(CONFORMANCE), r"5\.1")
        self.assertIn("room_id", json.loads(self.typed(SCHEMA))["properties"]["data"]["properties"])
        self.server.terminate()
        self.server.wait()
        command = MOCK.replace(SECRET, str(self.server.state / "secret"))
        self.server._command = ["bash", "-c", f"exec {command} --port {self.port} --http-port 0 --seed 1"]
        self.server.spawn()
        wait_until(self.server.accepts)
        mina, room = self.entered(f"{COMMANDS['Python']} mina.jwt")
        jun, _ = self.entered(f"{COMMANDS['Python']} jun.jwt {room}")
        for number in range(4):
            mina.type(f"message {number}")
        self.assertEqual([jun.shows_message() for _ in range(4)], [f"mina: message {n}" for n in range(4)])
        self.assertIn("SEND_MESSAGE", self.server.log)

    def entered(self, session: str) -> tuple[Terminal, str]:
        """Start a program, again if a fault hits it at its beginning, until it is in a room; return which."""
        for _ in range(8):
            terminal = self.terminal(session)
            while line := terminal.process.stdout.readline():
                if line.startswith("* room "):
                    return terminal, line.split()[-1]
        raise AssertionError(line)


class ProgramTests(SynchronousTestCase):
    def test_programs(self) -> None:
        """The programs that are shown are those that run, and no longer than promised."""
        for name, shown in PROGRAMS.items():
            lines = [one for one in text_of(EXAMPLES / name).splitlines() if not one.startswith("# ruff")]
            self.assertEqual(shown.splitlines(), lines)
            self.assertLessEqual(len(lines), 50)

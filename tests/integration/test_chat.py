"""The command `assa` as people use it: processes, pipes and terminals against a real server."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.integration.tls import certificate, endpoint

TIMEOUT_S = 20.0
_COLUMNS = 60


def command(server: Server, *arguments: str, text: str = "") -> tuple[int, str, str]:
    """Run `assa` with the server's settings and return its status, output and errors."""
    ended = subprocess.run(
        [sys.executable, "-m", "assa", *arguments],
        env=server.environment,
        cwd=server.directory,
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


class Person:
    """Somebody at a keyboard: `assa chat` in a process.

    Args:
        server: Whose settings it has.
        arguments: Of `assa chat`.
        terminal: Whether the process has a terminal, or pipes.
        environ: Further variables.
    """

    def __init__(self, server: Server, *arguments: str, terminal: bool = False, **environ: str) -> None:
        self._shown = ""
        self._keyboard, theirs = self._terminal() if terminal else (-1, subprocess.PIPE)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assa", "chat", *arguments],
            env=server.environment | {"TERM": "xterm", "LANG": "C.UTF-8"} | environ,
            cwd=server.directory,
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.STDOUT,
        )
        if terminal:
            os.close(theirs)
            self._screen = self._keyboard
        else:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self._keyboard, self._screen = self.process.stdin.fileno(), self.process.stdout.fileno()

    @staticmethod
    def _terminal() -> tuple[int, int]:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, _COLUMNS, 0, 0))
        return ours, theirs

    def types(self, text: str) -> None:
        """Type something."""
        os.write(self._keyboard, text.encode())

    def enters(self, line: str) -> None:
        """Type a line."""
        self.types(f"{line}\n")

    def sees(self, pattern: str) -> re.Match[str]:
        """Wait until something is shown; what comes before it is not looked at again."""
        give_up = time.monotonic() + TIMEOUT_S
        while (found := re.search(pattern, self._shown)) is None:
            left_s = give_up - time.monotonic()
            assert left_s > 0, f"{pattern!r} was not shown, but {self._shown!r}"
            self._look(left_s, pattern)
        self._shown = self._shown[found.end() :]
        return found

    def _look(self, timeout_s: float, pattern: str) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._screen, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return
        try:
            chunk = os.read(self._screen, 65_536)
        except OSError:  # what Linux says at the end of a terminal
            chunk = b""
        assert chunk, f"the end came before {pattern!r}: {self._shown!r}"
        self._shown += chunk.decode(errors="replace")

    def ends(self) -> int:
        """Wait for the end and return the status."""
        return self.process.wait(TIMEOUT_S)

    def close(self) -> None:
        """Make sure that the process is gone."""
        self.process.kill()
        self.process.wait(TIMEOUT_S)
        if self.process.stdin is None:
            os.close(self._keyboard)
        else:
            self.process.stdin.close()
            assert self.process.stdout is not None
            self.process.stdout.close()


@contextmanager
def people(server: Server, *each: tuple[str, ...], **options: Any) -> Generator[list[Person], None, None]:
    """Let people chat as long as the block lasts."""
    with ExitStack() as stack:
        persons = []
        for arguments in each:
            person = Person(server, *arguments, **options)
            stack.callback(person.close)
            persons.append(person)
        yield persons


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a development server."""
    with running(auth__secret=None) as started:
        yield started


MINA = ("--user", "1", "--nickname", "mina")
JUN = ("--user", "2", "--nickname", "jun", "--lang", "ko")


def test_two_people_chat(server: Server) -> None:
    """One opens a room, the other joins, both talk; the author sees the receipt; leaving is polite."""
    with people(server, MINA, JUN) as (mina, jun):
        mina.sees("Connected as user 1")
        jun.sees("사용자 2")
        mina.enters("/open 로비")
        room_id = mina.sees(r"Created \[(\d+)\] 로비")[1]
        jun.enters(f"/join {room_id}")
        jun.sees(r"참가자: mina, jun")
        mina.sees(r"jun joined \(members: 2\)")
        mina.enters("안녕하세요")
        number = mina.sees(r"mina: 안녕하세요 \(#(\d+)\)")[1]
        jun.sees(rf"mina: 안녕하세요 \(#{number}\)")
        mina.sees(rf"jun received #{number}")
        jun.enters(f"/reply {number} 네")
        mina.sees(rf"jun: 네 \(#\d+, reply to #{number}\)")
        assert command(server, "announce", "--title", "점검", "--message", "곧", "--priority", "high") == (
            0,
            "announced to 2 connections\n",
            "",
        )
        mina.sees(r"\*\*\* 점검: 곧 \(high, notice\)")
        jun.sees(r"\*\*\* 점검")
        jun.enters("/leave")
        mina.sees("jun left")
        jun.enters("/quit")
        assert jun.ends() == 0
        mina.process.terminate()
        assert mina.ends() == 0


def test_terminal(server: Server) -> None:
    """In a terminal, what arrives does not disturb what is being typed; it is left as it was found."""
    with people(server, ("--user", "3", "--nickname", "sol"), terminal=True) as (sol,):
        before = termios.tcgetattr(sol._keyboard)
        sol.sees("> ")
        sol.enters("/open 방")
        sol.sees(r"\[\d+\] 방> ")
        during = termios.tcgetattr(sol._keyboard)
        assert not during[3] & termios.ICANON
        assert not during[3] & termios.ECHO
        sol.types("half a li")
        sol.sees("half a li")
        command(server, "announce", "--title", "news", "--message", "text")
        sol.sees(r"\*\*\* news.*\r\n\[\d+\] 방> half a li")
        sol.types("xx\x7f\x7fne\r")
        sol.sees(r"sol: half a line \(#\d+\)")
        sol.process.send_signal(signal.SIGINT)  # what Ctrl-C does
        assert sol.ends() == 0
        assert termios.tcgetattr(sol._keyboard)[3] == before[3]


def test_end_of_input_in_a_terminal(server: Server) -> None:
    """Ctrl-D on an empty line ends it."""
    with people(server, ("--user", "3"), terminal=True) as (sol,):
        sol.sees("> ")
        sol.types("\x04")
        assert sol.ends() == 0


def test_server_restarts() -> None:
    """The chat comes back by itself, and what was typed meanwhile arrives (§10.3)."""
    with running(auth__secret=None) as server, people(server, MINA) as (mina,):
        mina.sees("Connected")
        mina.enters("/open 방")
        mina.sees("Created")
        server.kill()
        mina.sees(r"Connection lost .* Trying again in 1 s \(1 of 3\)")
        mina.enters("typed meanwhile")
        server.start()
        mina.sees("Connected again; nothing was missed")
        mina.sees(r"mina: typed meanwhile \(#\d+\)")
        server.kill()
        mina.sees("Connection lost for good")
        assert mina.ends() == 1


def test_script(server: Server) -> None:
    """Piped lines are carried out one after the other; the status tells whether all went well."""
    status, out, _ = command(
        server, "chat", "--user", "5", "--nickname", "build", text="/open ci\ndone\nlast"
    )
    assert status == 0
    assert re.search(r"build: done \(#\d+\)\n\[\d+\] build: last \(#\d+\)\n$", out)
    status, out, _ = command(server, "chat", "--user", "5", text="/join 99999\n")
    assert (status, "ROOM_NOT_FOUND" in out) == (1, True)


def test_reader_that_goes(server: Server) -> None:
    """When nobody reads the output any more, the program ends."""
    with people(server, ("--user", "6")) as (sol,):
        sol.sees("Connected")
        assert sol.process.stdout is not None
        sol.process.stdout.close()
        sol.process.stdout = Path(os.devnull).open("rb")  # noqa: SIM115 - closed with the person
        sol.enters("/help")
        sol.ends()


def test_deactivate(server: Server) -> None:
    """A deactivated user cannot connect until he is activated, while the server runs."""
    told = f"user 8 is deactivated in {server.state / 'assa.sqlite3'} (has never connected)\n"
    assert command(server, "user", "deactivate", "8") == (0, told, "")
    status, _, err = command(server, "chat", "--user", "8")
    assert (status, err.count("\n")) == (1, 1)
    assert "AUTH_FAILED" in err
    told = f"user 8 is active in {server.state / 'assa.sqlite3'}\n"
    assert command(server, "user", "activate", "8") == (0, told, "")
    assert command(server, "chat", "--user", "8")[0] == 0


def test_migrate(server: Server) -> None:
    """A database that is up to date needs nothing; a new one is made."""
    told = f"nothing to do: the schema of {server.state / 'assa.sqlite3'} is up to date\n"
    assert command(server, "migrate")[:2] == (0, told)
    fresh = server.directory / "fresh.toml"
    fresh.write_text(f'storage.url = "sqlite:{server.directory}/fresh.sqlite3"\n')
    assert "applied 0001" in command(server, "migrate", "--config", str(fresh))[1]
    fresh.write_text('storage.url = "sqlite:/nowhere/x.sqlite3"\n')
    for wrong in (["migrate"], ["user", "deactivate", "1"]):
        status, _, err = command(server, *wrong, "--config", str(fresh))
        assert (status, err.count("\n")) == (1, 1)
        assert "storage.url" in err


def test_mistakes(server: Server) -> None:
    """Each is one line on standard error and status 1."""
    member = command(server, "token", "9", "--lifetime", "60")[1].strip()
    announce = ["announce", "--title", "a", "--message", "b"]
    for arguments, words in (
        (["chat", "--port", str(free_port())], "cannot connect to 127.0.0.1:"),
        (["chat", "--token", "nonsense"], "INVALID_TOKEN"),
        (["chat", "--tls"], "cannot connect"),
        (["chat", "--config", "/nowhere.toml"], "/nowhere.toml"),
        ([*announce, "--token", member], "PERMISSION_DENIED"),
        ([*announce, "--port", str(free_port())], "cannot connect"),
    ):
        status, out, err = command(server, *arguments)
        assert (status, out, err.count("\n")) == (1, "", 1), err
        assert words in err


def test_interrupted_while_connecting(server: Server) -> None:
    """Ctrl-C is obeyed before the server has answered, too."""
    with closing(socket.create_server((LOOPBACK, 0))) as silent:
        silent.settimeout(TIMEOUT_S)
        port = silent.getsockname()[1]
        with people(server, ("--port", str(port))) as (sol,), closing(silent.accept()[0]) as connection:
            assert b"CONNECT" in connection.recv(1024)
            sol.process.send_signal(signal.SIGINT)
            assert sol.ends() == 0


def test_tls(tmp_path: Path) -> None:
    """With --tls the server has to have a certificate for its name, from an authority that is trusted."""
    pem, port = certificate(tmp_path), free_port()
    with running(auth__secret=None, listen=[endpoint(port, pem)]) as server:
        options = ["chat", "--tls", "--port", str(port), "--host"]
        assert "certificate verify failed" in command(server, *options, "localhost")[2]
        server.environment["SSL_CERT_FILE"] = str(pem)
        status, out, err = command(server, *options, "localhost", text="/open 방\n")
        assert (status, err) == (0, "")
        assert "Created" in out
        # Another way to write 127.0.0.1, which the certificate does not have.
        status, out, err = command(server, *options, "127.1")
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "another name" in err

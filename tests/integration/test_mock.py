"""`assa mock` as client developers start it: a process, its ports, its output, and what its switches do."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest_twisted
from twisted.internet import reactor as twisted_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from assa.client import Client as LibraryClient
from assa.client import Disconnected, NewMessage, NoAnswer, Offline, Online, Rejected, SendMessage, endpoint
from tests.integration.conftest import Figures
from tests.integration.plain import SECRET, Client, room_of
from tests.integration.server import LOOPBACK, environment
from tests.integration.websocket import WebSocketClient
from tests.processes import wait_until

TIMEOUT_S = 20.0
HASTE = 10
"""The client's seconds in one of ours: it need not wait ten of ours for an answer that was dropped."""
TEXTS = 15
reactor = cast("Any", twisted_reactor)


class Mock:
    """A process.

    Args:
        home: The only directory that it knows.
        arguments: Its switches.
    """

    def __init__(self, home: Path, *arguments: str) -> None:
        given = environment({}) | {"HOME": str(home), "PYTHONUNBUFFERED": ""}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assa", "mock", "--port", "0", "--http-port", "0", *arguments],
            env=given,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self.said: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(lambda: any(line.startswith("ready") for line in self.said), TIMEOUT_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(iter(self.process.stdout.readline, ""))

    def find(self, pattern: str) -> str:
        """Return what a pattern has found in the output."""
        found = re.search(pattern, "".join(self.said), re.MULTILINE)
        assert found is not None, self.said
        return found[1]

    @property
    def tcp(self) -> tuple[str, int]:
        """The address of TCP."""
        return LOOPBACK, int(self.find(rf"^TCP +{LOOPBACK}:(\d+)$"))

    @property
    def http(self) -> tuple[str, int]:
        """The address of WebSocket."""
        return LOOPBACK, int(self.find(rf"^WebSocket +ws://{LOOPBACK}:(\d+)/ws$"))

    def token(self, user_id: int) -> str:
        """Return a token that was printed."""
        return self.find(rf"^user {user_id} +\S+ +(\S+)$")

    def end(self) -> int:
        """Press Ctrl-C and return the status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return status


@contextmanager
def mock(*arguments: str) -> Generator[Mock, None, None]:
    """Run a mock as long as the block lasts; it ends as Ctrl-C has it end, and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="assa-mock-") as home:
        one = Mock(Path(home), *arguments)
        try:
            yield one
            assert one.end() == 0, one.said
            assert "Traceback" not in "".join(one.said), one.said
            assert list(Path(home).iterdir()) == []
        except BaseException as failure:
            failure.add_note("--- the mock has said ---\n" + "".join(one.said[-40:]))
            raise
        finally:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()
            assert one.process.stdout is not None
            one.process.stdout.close()


def test_conversation() -> None:
    """TCP and WebSocket chat with the printed tokens; each message is told, and no token is."""
    with mock() as one:
        said = len(one.said)
        with closing(Client(one.tcp, 1)) as mina, closing(WebSocketClient(one.http, 2)) as jun:
            for client in (mina, jun):
                seq_id = client.send("CONNECT", {"jwt_token": one.token(client.user_id)})
                client.connected(seq_id)
            room_id = room_of([mina, jun])
            mina.say(room_id, "안녕하세요")
            assert jun.heard("NEW_MESSAGE")["data"]["content"] == "안녕하세요"
            assert one.end() == 0
            for client in (mina, jun):
                client.heard("SERVER_ANNOUNCEMENT")
        told = "".join(one.said[said:])
        assert re.search(r"#1 user 1 > SEND_MESSAGE \S+ .*안녕하세요", told), told
        assert re.search(r"#2 user 2 < NEW_MESSAGE e\d+ .*안녕하세요", told), told
        assert '> CONNECT u2-1 {"jwt_token":"(token)"}' in told
        for user_id in (1, 2):
            assert not any(part in told for part in one.token(user_id).split("."))


def test_browser() -> None:
    """The web client is there, and has tokens made for whom it likes."""
    with mock("--users", "0") as one, closing(HTTPConnection(*one.http, timeout=TIMEOUT_S)) as browser:
        browser.request("GET", "/")
        assert "<html" in browser.getresponse().read().decode()
        browser.request("GET", "/config.json")
        assert json.load(browser.getresponse())["development"] is True
        browser.request("POST", "/dev/token", b'{"user_id": 5, "nickname": "dan"}')
        token = json.load(browser.getresponse())["token"]
        with closing(Client(one.tcp, 5)) as dan:
            dan.connected(dan.send("CONNECT", {"jwt_token": token}))


def test_reader_gone() -> None:
    """It ends when nobody reads any more what it tells."""
    with subprocess.Popen(
        [sys.executable, "-m", "assa", "mock", "--port", "0", "--http-port", "0"],
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        while not process.stdout.readline().startswith("ready"):
            pass
        process.stdout.close()
        with closing(Client((LOOPBACK, port), 1)):
            assert process.wait(TIMEOUT_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@contextmanager
def connected(*arguments: str) -> Iterator[tuple[Mock, Client]]:
    """Run a mock that chooses nothing of CONNECT, and connect a plain client."""
    with (
        mock("--secret", SECRET, "--quiet", "--seed", "2", *arguments) as one,
        closing(Client(one.tcp, 1)) as mina,
    ):
        mina.connect()
        yield one, mina


def test_quiet() -> None:
    """`--quiet` tells of no message; `--users` says how many tokens there are; one's own are accepted."""
    with connected("--users", "12") as (one, mina):
        mina.settle()
        assert len([line for line in one.said if line.startswith("user ")]) == 12
        assert one.said[-1].startswith("ready")


def test_drop() -> None:
    """`--drop-every`: of so many answers one does not come."""
    with connected("--drop-every", "100") as (_, mina):
        asked = {mina.send("LIST_ROOMS", {}) for _ in range(99)}
        mina.settle()
        assert len(asked - {message["seq_id"] for message in mina.take("LIST_ROOMS_RESPONSE")}) == 1


def test_delay() -> None:
    """`--delay`: an answer takes that long at least."""
    with connected("--delay", "200-300") as (_, mina):
        begun = time.monotonic()
        mina.ask("LIST_ROOMS", {})
        assert time.monotonic() - begun >= 0.19


def test_cut() -> None:
    """`--cut-every`: the connection ends in the middle of a line, and the session can be resumed."""
    with connected("--cut-every", "20") as (_, mina):
        with suppress(ConnectionError):
            for _ in range(20):
                mina.send("LIST_ROOMS", {})
                time.sleep(0.002)
        mina.read_to_end()
        assert mina._unfinished.startswith(b'{"action":"LIST_ROOMS_RESPONSE"')
        mina.dial()
        assert mina.connect()["resumed"]


def test_stall() -> None:
    """`--stall-every`: no answer comes, and no close."""
    with connected("--stall-every", "20") as (_, mina):
        for _ in range(20):
            mina.send("LIST_ROOMS", {})
        with suppress(TimeoutError):
            while mina.receive(0.5):
                pass
        assert not mina.closed
        assert len(mina.take("LIST_ROOMS_RESPONSE")) < 20


def test_slow_bytes() -> None:
    """`--slow-bytes`: an answer comes in many pieces; over WebSocket its frames do, and the handshake."""
    with connected("--slow-bytes") as (one, mina), closing(WebSocketClient(one.http, 2)) as jun:
        _, line = mina.line("LIST_ROOMS", {})
        mina.socket.sendall(line)
        pieces = [b""]
        while not pieces[-1].endswith(b"\n"):
            pieces.append(mina.socket.recv(65_536))
        assert len(pieces) > 3, pieces
        jun.connect()
        assert jun.ask("CREATE_ROOM", {"name": "방"})["name"] == "방"


def test_unavailable() -> None:
    """`--unavailable-every`: a request is refused for now."""
    with connected("--unavailable-every", "20") as (_, mina):
        answers = [mina.call("LIST_ROOMS", {}) for _ in range(40)]
        refused = [answer for answer in answers if not answer["success"]]
        assert len(refused) in (1, 2, 3)
        assert {answer["error_code"] for answer in refused} == {"SERVICE_UNAVAILABLE"}


def test_sessions() -> None:
    """`--token-lifetime` ends a session, and with `--refuse-resumes` it is not resumed."""
    with connected("--refuse-resumes", "--token-lifetime", "1") as (_, mina):
        assert mina.heard("TOKEN_EXPIRING")
        (error,) = mina.read_to_end()
        assert error["error_code"] == "INVALID_TOKEN"
        mina.dial()
        session_id = mina.session_id
        assert not mina.connect()["resumed"]
        assert mina.session_id != session_id


def test_restart() -> None:
    """`--restart-every`: the end is announced, and a second later the session can be resumed."""
    with connected("--restart-every", "3") as (_, mina):
        (announcement,) = mina.read_to_end()
        assert announcement["data"]["announcement_type"] == "shutdown"
        assert announcement["data"]["reconnect_after_ms"] == 1_000
        time.sleep(1.2)
        mina.dial()
        assert mina.connect()["resumed"]


def test_full() -> None:
    """`--max-clients`: one more is refused with SERVER_FULL."""
    with connected("--max-clients", "1") as (one, _), closing(Client(one.tcp, 2)) as jun:
        _, line = jun.connect_line()
        jun.socket.sendall(line)
        (answer,) = jun.read_to_end()
        assert answer["error_code"] == "SERVER_FULL"


def test_mistakes(tmp_path: Path) -> None:
    """What does not work is said in one line, with status 1."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        mistakes = (
            (["--port", "0", "--http-port", port], f"assa: {LOOPBACK}:{port}: "),
            (["--secret", "short"], "assa: --secret: HS256 needs a secret of at least 32 bytes"),
            (["--secret-file", "nowhere"], "assa: --secret-file: "),
            (["--port", "0", "--interface", "nowhere"], "assa: nowhere:0: "),
        )
        commands = [
            subprocess.Popen(
                [sys.executable, "-m", "assa", "mock", *arguments],
                env=environment({}),
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )
            for arguments, _ in mistakes
        ]
        for command, (arguments, words) in zip(commands, mistakes, strict=True):
            _, said = command.communicate(timeout=TIMEOUT_S)
            assert command.returncode == 1, (arguments, said)
            assert said.startswith(words), (arguments, said)
            assert said.count("\n") == 1, (arguments, said)


# --- Real clients, and everything at once ---


class Hasty:
    """The reactor with a faster clock."""

    def seconds(self) -> float:
        """Return the time."""
        return float(reactor.seconds() * HASTE)

    def callLater(self, delay_s: float, call: Any, *arguments: Any, **named: Any) -> Any:
        """Call later, but not so much."""
        return reactor.callLater(delay_s / HASTE, call, *arguments, **named)


class Program:
    """A program on the client library that does not give up.

    Args:
        one: Where it connects.
        user_id: Whose it is.
    """

    def __init__(self, one: Mock, user_id: int) -> None:
        self.heard: list[str] = []
        self.connections = 0
        self._user_id = user_id
        self._token = one.token(user_id)
        place = endpoint(reactor, "{}:{}".format(*one.tcp))
        self.client = LibraryClient(place, Hasty(), heard=self._hear, changed=self._changed)

    def _hear(self, event: object) -> None:
        if isinstance(event, NewMessage) and event.user.user_id != self._user_id:
            self.heard.append(event.content)

    def _changed(self, state: object) -> None:
        self.connections += isinstance(state, Online)
        if isinstance(state, Offline) and not self.closed:
            reactor.callLater(0.1, lambda: Deferred.fromCoroutine(self.connect()))

    closed = False

    def close(self) -> None:
        """End."""
        self.closed = True
        self.client.close()

    async def connect(self) -> None:
        """Connect, however often that takes."""
        await self.insist(lambda: self.client.connect(lambda: self._token, resume=self.client.bookmark))

    async def say(self, room_id: int, *texts: str) -> None:
        """Send texts, one after the other, each until it is known to be stored."""
        for text in texts:
            message = SendMessage(room_id=room_id, content=text, message_type="text", client_message_id=text)
            await self.insist(lambda message=message: self.client.ask(message))

    async def insist(self, attempt: Any) -> Any:
        """Do what may be done twice until it has worked."""
        while not self.closed:
            try:
                return await attempt()
            except (Disconnected, NoAnswer):
                pass
            except Rejected as wrong:
                if wrong.retry_after_ms is None:
                    raise
            await deferLater(reactor, 0.1)
        return None


@pytest_twisted.ensureDeferred
async def test_real_clients(figures: Figures) -> None:
    """Programs on the client library hear each other once, and in order, with everything wrong at once."""
    switches = (
        *("--drop-every", "15", "--delay", "1-20", "--cut-every", "12", "--stall-every", "40"),
        *("--unavailable-every", "12", "--refuse-resumes", "--token-lifetime", "4", "--restart-every", "6"),
        "--quiet",
    )
    with mock(*switches) as one:
        mina, jun = programs = [Program(one, user_id) for user_id in (1, 2)]
        texts = {program: [f"{program is mina} {n}" for n in range(TEXTS)] for program in programs}
        try:
            for program in programs:
                await program.connect()
            room = await mina.insist(lambda: mina.client.create_room("방", is_open=True))
            await jun.insist(lambda: jun.client.join_room(room.room_id))
            for talking in [
                Deferred.fromCoroutine(program.say(room.room_id, *texts[program])) for program in programs
            ]:
                await talking
            give_up = time.monotonic() + TIMEOUT_S
            while time.monotonic() < give_up and any(len(program.heard) < TEXTS for program in programs):
                await deferLater(reactor, 0.05)
            await deferLater(reactor, 0.5)  # nothing comes twice
            assert (mina.heard, jun.heard) == (texts[jun], texts[mina]), one.find(r"^seed +(\d+)$")
            figures(f"{2 * TEXTS} messages over {mina.connections + jun.connections} connections")
        finally:
            for program in programs:
                program.close()

"""The Java client: its own tests, its example, and two of them through lost connections and dead servers."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

from twisted.trial.unittest import TestCase

from tests.integration import tls
from tests.integration.cutting import CuttingProxy
from tests.integration.plain import TIMEOUT_S, Client, history, room_of, token
from tests.integration.proxy import Proxy
from tests.integration.server import Server, free_port, running
from tests.java import CLIENT, JUNIT, OLDEST, classes, command
from tests.javaclasses import Platform, used

MANY, SOME = (250, 100) if os.environ.get("ASSA_EXAMPLES") != "thorough" else (2_000, 1_000)
"""Messages of each of the two."""
SPEED = 10
"""The clients' clocks go so much faster: they come back after 0.1, 0.2 and 0.4 seconds."""
_GIVE_UP_S = 90
_DESUGARED = {"java/lang/Record", "java/lang/runtime/ObjectMethods", "java/lang/invoke/StringConcatFactory"}
"""What the compiler makes of records and of `+` between strings; Android's build tools replace it."""

Told = dict[str, Any]
Stored = list[tuple[int, str]]


class Talk:
    """Two Java clients who talk over a proxy that hurts, and what they have told at the end.

    Args:
        server: Where they talk.
        port: Its port.
        messages: How many each says.
        options: Further arguments of the program.
        mean: Bytes after which a connection is hurt, on average.
    """

    def __init__(self, server: Server, port: int, messages: int, *options: str, mean: int = 12_000) -> None:
        self.server = server
        self.seed = random.randrange(1_000_000)
        self.messages = messages
        self.told: Told = {}
        self._proxy = CuttingProxy(port, seed=self.seed, least=1_500, mean=mean)
        arguments = [str(self._proxy.port), token(1), token(2), str(messages), str(SPEED), str(_GIVE_UP_S)]
        self._command = command("assa.client.TwoTalkers", *arguments, *options)

    @property
    def hurt(self) -> Counter[str]:
        """How often the proxy has done what."""
        return self._proxy.hurt

    def run(self, meanwhile: Callable[[Server], None] | None = None) -> Stored:
        """Let them talk; return the messages that are stored then.

        Args:
            meanwhile: What is done once they have begun, and are not to be ready after.
        """
        script = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        try:
            assert script.stdout is not None
            room_id = int(script.stdout.readline())
            if meanwhile is not None:
                meanwhile(self.server)
                assert script.poll() is None, "they were ready too early"
            self.told = json.loads(script.communicate(timeout=_GIVE_UP_S + 10)[0])
        except BaseException as failure:
            failure.add_note(f"seed {self.seed}")
            raise
        finally:
            script.kill()
            script.wait()
            self._proxy.close()
        with closing(Client(self.server.address, 1)) as client:
            client.connect()
            return history(client, room_id)

    def total(self, what: str) -> int:
        """Return how often something has happened to both."""
        return int(self.told["mina"][what] + self.told["jun"][what])

    def __str__(self) -> str:
        """Return what tells of a failure."""
        figures = {what: self.total(what) for what in ("online", "offline", "gaps")}
        return f"seed {self.seed}, {dict(self.hurt)}, {figures}"


class JavaClientTests(TestCase):
    def test_units(self):
        """What the client's own tests claim holds: of §2, §3, §5, §10, with a clock of theirs."""
        launcher = [
            *("org.junit.platform.console.ConsoleLauncher", "--disable-banner", "--disable-ansi-colors"),
            *("--details=tree", "--fail-if-no-tests", f"--scan-classpath={classes() / 'test'}"),
        ]
        told = _output(command(*launcher, jars=("gson.jar", *JUNIT)))
        self.assertRegex(told, r"\[ +0 tests skipped +\]")
        successful = re.search(r"\[ +(\d+) tests successful +\]", told)
        self.assertIsNotNone(successful, told)
        self.assertGreater(int(successful[1]), 100, told)

    def test_android(self):
        """The client uses no more of Java's library than Java 8 has, and Android from API 26 on."""
        home = Path(shutil.which("javac")).resolve().parents[1]
        platform = Platform(home / "lib" / "ct.sym", "8")
        newer = {member for member in used(classes() / "main") if not platform.has(member)}
        self.assertEqual({name for name, _, _ in newer}, _DESUGARED)
        # The tests do, so that it would be seen.
        control = {member[:2] for member in used(classes() / "test") if not platform.has(member)}
        self.assertIn(("java/util/List", "of"), control)

    def test_example(self):
        """The example of README.md chats: it joins, sends, hears, and leaves."""
        with running() as server, closing(Client(server.address, 1)) as mina:
            mina.connect()
            room_id = room_of([mina])
            arguments = ["localhost", str(server.address[1]), token(2), str(room_id)]
            chat = subprocess.Popen(
                command("Chat", *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            try:
                said = mina.heard("NEW_MESSAGE")["data"]
                self.assertEqual(said["content"], "안녕하세요!")
                mina.say(room_id, "반가워요")
                lines = [chat.stdout.readline().rstrip() for _ in range(4)]
                told, _ = chat.communicate(timeout=TIMEOUT_S)
            finally:
                chat.kill()
                chat.wait()
            self.assertEqual(lines[:2], ["* WAITING", "* ONLINE"])
            self.assertEqual(set(lines[2:]), {f"* stored as {said['message_id']}", "사람1: 반가워요"})
            self.assertEqual(told.splitlines(), ["* OFFLINE closed"])
            self.assertEqual(chat.returncode, 0)

    def test_joined_elsewhere(self):
        """Missed messages of a room that the user joined on another device are fetched (v1.1, recovery)."""
        with (
            running(limits__replay_events=1) as server,
            closing(Proxy(server.address[1])) as proxy,
            closing(Client(server.address, 1)) as mina,
            closing(Client(server.address, 2)) as other,
        ):
            mina.connect()
            other.connect()
            known = room_of([mina])
            with closing(_Chat(proxy.port, known)) as chat:
                chat.until("* stored")
                proxy.refuses = True
                proxy.cut()
                chat.until("* WAITING")
                _talk_in_a_new_room(mina, other)
                proxy.refuses = False
                told = chat.until("사람1: 셋")
                mina.say(known, "끝")
                told += chat.until("사람1: 끝")
        heard = [line for line in told if not line.startswith("*")]
        self.assertEqual(heard, ["사람1: 하나", "사람1: 둘", "사람1: 셋", "사람1: 끝"])

    def test_documents(self):
        """Both READMEs show the example as it is, and name the files and methods that there are."""
        example = (CLIENT / "examples" / "Chat.java").read_text()
        for name in ("README.md", "README.ko.md"):
            text = (CLIENT / name).read_text()
            shown = re.findall(r"```java\n(.*?)```", text, re.DOTALL)
            self.assertIn(example, shown, name)
        both = [_code((CLIENT / name).read_text()) for name in ("README.md", "README.ko.md")]
        self.assertEqual(*both)

    def test_pom(self):
        """Maven's description needs what the script needs, and nothing else."""
        pom = (CLIENT / "pom.xml").read_text()
        needed = re.findall(r"<dependency>.*?<artifactId>(.*?)</artifactId>", pom, re.DOTALL)
        self.assertEqual(needed, ["gson", "junit-jupiter"])
        self.assertIn(f"<maven.compiler.release>{OLDEST}</maven.compiler.release>", pom)


def _talk_in_a_new_room(host: Client, guest: Client) -> None:
    """Have one say something in a closed room before the other has joined it, and three things after."""
    room_id = host.ask("CREATE_ROOM", {"name": "방", "is_open": False})["room_id"]
    host.say(room_id, "before the join")
    host.ask("INVITE", {"room_id": room_id, "invited_user_ids": [guest.user_id]})
    guest.ask("JOIN_ROOM", {"room_id": room_id})
    for content in ("하나", "둘", "셋"):
        host.say(room_id, content)
    host.settle()


class _Chat:
    """The example, as the second user.

    Args:
        port: Of the server on this machine.
        room_id: Where it talks.
    """

    def __init__(self, port: int, room_id: int) -> None:
        arguments = ["localhost", str(port), token(2), str(room_id)]
        self._process = subprocess.Popen(
            command("Chat", *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._end = Timer(TIMEOUT_S, self._process.kill)  # what is waited for may never come
        self._end.start()

    def until(self, start: str) -> list[str]:
        """Return the lines that it prints up to one that begins like this."""
        lines: list[str] = []
        assert self._process.stdout is not None
        while not lines or not lines[-1].startswith(start):
            line = self._process.stdout.readline()
            assert line, lines
            lines.append(line.rstrip())
        return lines

    def close(self) -> None:
        """End it."""
        self._end.cancel()
        self._process.kill()
        self._process.communicate()


def _output(arguments: list[str]) -> str:
    """Run a program that is to succeed; return what it told."""
    ran = subprocess.run(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_GIVE_UP_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def _code(text: str) -> list[str]:
    """Return the blocks of code of a document."""
    return re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


class HurtConnectionsTests(TestCase):
    def test_lost_connections(self):
        """Each message is stored once and heard once, in order, however connections are lost (§10.3)."""
        with running(rate__messages=0, rate__others=0) as server:
            talk = Talk(server, server.address[1], MANY)
            self._check(talk, talk.run())
        self.assertGreater(talk.total("online"), 5, talk)

    def test_killed_server(self):
        """Likewise when the server is killed, twice, and started again (§10.3)."""
        with running(rate__messages=0, rate__others=0) as server:
            talk = Talk(server, server.address[1], MANY)
            self._check(talk, talk.run(_kill_twice))

    def test_refused_resumes(self):
        """Likewise when the server cannot replay what was missed: it is fetched (v1.1, recovery)."""
        with running(rate__messages=0, rate__others=0, limits__replay_events=1) as server:
            talk = Talk(server, server.address[1], SOME)
            self._check(talk, talk.run())
        self.assertGreater(talk.total("gaps"), 0, talk)

    def test_sessions_gone(self):
        """Likewise when the session has gone, and one's own messages are replayed (v1.1, likewise)."""
        with running(rate__messages=0, rate__others=0, limits__session_retention=0.05) as server:
            talk = Talk(server, server.address[1], SOME, mean=7_000)
            self._check(talk, talk.run())
        self.assertEqual(talk.total("gaps"), 0, talk)

    def test_tls(self):
        """Likewise over TLS, the certificate and the name being verified."""
        port = free_port()
        with TemporaryDirectory() as directory:
            pem = tls.certificate(Path(directory))
            authority = Path(directory) / "authority.pem"
            text = pem.read_text()
            authority.write_text(text[text.index("-----BEGIN CERTIFICATE") :])
            with running(listen=[tls.endpoint(port, pem)], rate__messages=0, rate__others=0) as server:
                talk = Talk(server, port, SOME, str(authority))
                self._check(talk, talk.run())

    def _check(self, talk: Talk, stored: Stored) -> None:
        self.assertTrue(talk.told["complete"], talk)
        self.assertGreater(sum(talk.hurt.values()), 3, talk)
        for name, other in (("mina", "jun"), ("jun", "mina")):
            own = [one for one in stored if one[1].startswith(name)]
            self.assertEqual(talk.told[name]["failed"], [], talk)
            said = [int(content.split()[0].split("-")[1]) for _, content in own]
            self.assertEqual(said, list(range(talk.messages)), talk)
            self.assertEqual([tuple(one) for one in talk.told[name]["sent"]], own, talk)
            self.assertEqual([tuple(one) for one in talk.told[other]["heard"]], own, talk)


def _kill_twice(server: Server) -> None:
    for _ in range(2):
        time.sleep(1)
        server.kill()
        server.start()

"""docs/mock.rst: its commands, what they show, and its samples."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.commands import commands, run
from tests.docs.rst import DOCS, text_of
from tests.docs.samples import take
from tests.integration.plain import TIMEOUT_S, Client
from tests.integration.server import LOOPBACK, environment
from tests.mocks import Stage
from tests.processes import wait_until

DOCUMENT = "docs/mock.rst"
START = take(DOCUMENT, "assa mock  ")
SHOWN = take(DOCUMENT, "TCP        127.0.0.1:12345")
SHOW = take(DOCUMENT, "assa mock --cut-every")
SAMPLE = take(DOCUMENT, "from twisted.internet import reactor")
OWN = take(DOCUMENT, "from assa.mock import Fault")


@contextmanager
def started(command: str) -> Generator[tuple[list[str], tuple[str, int]], None, None]:
    """Start a mock as it is typed, only on other ports; yield what it says and where it is."""
    with commands() as path, tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        typed = command.replace("assa mock", "exec assa mock --port 0 --http-port 0")
        process = subprocess.Popen(["bash", "-c", typed], env=environment({}) | path, stdout=output)
        said: list[str] = []

        def read() -> bool:
            output.seek(0)
            said[:] = output.read().splitlines()
            return any(line.startswith("ready") for line in said)

        try:
            wait_until(read, TIMEOUT_S)
            yield said, (LOOPBACK, int(said[0].rpartition(":")[2]))
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0
            read()
        finally:
            process.kill()
            process.wait()


def pattern(shown: str) -> str:
    """Return what a line that is shown has to look like: numbers may be others, and … is anything."""
    return re.sub(r"\d+", r"\\d+", re.escape(shown).replace("…", ".*"))


class DocumentTests(SynchronousTestCase):
    def test_start(self) -> None:
        """It starts as it is typed, and accepts the tokens that it prints."""
        with started(START) as (said, address), closing(Client(address, 2)) as jun:
            [token] = [line.split()[-1] for line in said if line.startswith("user 2 ")]
            jun.connected(jun.send("CONNECT", {"jwt_token": token}))

    def test_shown(self) -> None:
        """What it shows of a conversation looks as the document has it."""
        with started(SHOW) as (said, address), closing(Client(address, 1)) as mina:
            [token] = [line.split()[-1] for line in said if line.startswith("user 1 ")]
            text = {"room_id": 1, "content": "hello", "message_type": "text"}
            for number, (action, data) in enumerate(
                (
                    ("CONNECT", {"jwt_token": token}),
                    ("CREATE_ROOM", {"name": "lobby"}),
                    ("SEND_MESSAGE", text),
                ),
                1,
            ):
                mina.send(action, data, seq_id=f"c{number}")
                mina.receive()
            time.sleep(0.1)
        shown = [line for line in said if "SERVER_ANNOUNCEMENT" not in line]
        self.assertEqual(len(shown), len(SHOWN.splitlines()), shown)
        for line, expected in zip(shown, SHOWN.splitlines(), strict=True):
            self.assertRegex(line, f"^{pattern(expected)}$")

    def test_sample(self) -> None:
        """The test of the document passes."""
        with tempfile.TemporaryDirectory() as name:
            Path(name, "test_hello.py").write_text(SAMPLE)
            given = environment({}) | {"LC_ALL": "C.UTF-8"}
            command = f"cd {name} && exec {sys.executable} -m twisted.trial test_hello"
            self.assertIn("PASSED (successes=1)", run(command, given))

    def test_own_fault(self) -> None:
        """The server of the document is as old as it says."""
        names: dict[str, Any] = {}
        exec(OWN, names)  # noqa: S102 - it is ours
        stage = Stage([names["OldServer"]])
        mina, jun = stage.connected(1), stage.connected(2)
        room_id = stage.room(mina, jun)
        self.assertEqual(mina.refused("LIST_ROOMS", {}), "UNKNOWN_ACTION")
        message_id = mina.say(room_id, "hello")["message_id"]
        answer = jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": [message_id]})
        self.assertEqual(answer["data"]["received_messages"], [message_id])
        self.assertEqual(mina.actions(), [])

    def test_options(self) -> None:
        """The options that the text names are those that there are."""
        with commands() as path:
            shown = run("assa mock --help", environment({}) | path | {"LC_ALL": "C.UTF-8"})
        named = set(re.findall(r"``(--[\w-]+)", text_of(DOCS / "mock.rst")))
        self.assertEqual(named, set(re.findall(r"^ +(--[\w-]+)", shown, re.MULTILINE)))

    def test_names(self) -> None:
        """What the text names of a line and of the module is there."""
        from assa import mock  # noqa: PLC0415 - looked at as a whole

        for name in (
            "drop_answers",
            "cut",
            "stall",
            "delay",
            "RefuseResumes",
            "Conditions",
            "Late",
            "Cut",
            "Stall",
        ):
            self.assertIn(name, mock.__all__)
        for name in re.findall(
            r"``(\w+)\(?\w*\)?``", text_of(DOCS / "mock.rst").rpartition("``self.line`` has")[2]
        ):
            self.assertTrue(hasattr(mock.Line, name), name)

"""The commands of README.rst."""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from assa.settings import Config
from tests.docs.commands import as_told, run
from tests.docs.rst import DOCS, text_of
from tests.docs.samples import take
from tests.integration.server import ROOT

START = take("README.rst", "pip install -e .")
TEST = take("README.rst", "pip install -e '.[test]'")
CHATS = [take("README.rst", f"$ assa chat --user {user}") for user in (1, 2)]
BY_HAND = take("README.rst", "TOKEN=")


class ReadmeTests(SynchronousTestCase):
    def test_commands(self) -> None:
        """One line to run it, one line to test it."""
        self.assertEqual(START, "pip install -e . && twistd -n assa")
        self.assertEqual(TEST, "pip install -e '.[test]' && python -m pytest")
        [port] = {re.search(r"\d+", one)[0] for one in Config().http.listen}
        self.assertIn(f"http://localhost:{port}/", text_of(ROOT / "README.rst"))
        self.assertIn(f"http://localhost:{port}/", text_of(DOCS / "web.rst"))

    def test_first_chat(self) -> None:
        """The server starts, two people chat, and a client of one's own gets its answers."""
        start = START.rpartition("&& ")[2]
        with as_told(start) as (server, environ):
            shown = [run(*self.typed(block, environ)) for block in CHATS]
            self.assertIn("mina: hello", shown[0])
            self.assertIn("mina: hello", shown[1])
            self.assertIn("jun: hello, mina", shown[1])
            answers = [json.loads(line) for line in run(BY_HAND, environ).splitlines()]
            self.assertEqual([one["action"] for one in answers], ["CONNECT_RESPONSE", "LIST_ROOMS_RESPONSE"])
            [room] = answers[1]["data"]["rooms"]
            self.assertEqual((room["name"], room["last_message"]["content"]), ("lobby", "hello, mina"))
            self.assertIn("development mode", server.log)

    def typed(self, block: str, environ: dict[str, str]) -> tuple[str, dict[str, str], str]:
        """Return the command of a session in a terminal, and what is typed into it."""
        command, *lines = block.splitlines()
        self.assertTrue(command.startswith("$ assa chat "))
        return command.removeprefix("$ "), environ, "".join(f"{line.removeprefix('> ')}\n" for line in lines)

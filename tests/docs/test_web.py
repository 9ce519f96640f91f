"""docs/web.rst against the server that has the web client."""

from __future__ import annotations

import json
import urllib.request

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.commands import Machine, as_told, run
from tests.docs.rst import DOCS, text_of
from tests.docs.samples import take
from tests.docs.talker import TIMEOUT_S, Talker
from tests.integration.server import LOOPBACK, ROOT, free_port, running

PUBLIC_URL = "https://chat.example.org"
CONFIG = json.loads(take("docs/web.rst", '{"version"'))
TOKEN = take("docs/web.rst", "assa token")
COPY = take("docs/web.rst", "cp -r")
POLICY = take("docs/web.rst", "img-src")


class WebTests(SynchronousTestCase):
    """docs/web.rst against the server that has the web client."""

    def setUp(self) -> None:
        """Start a server."""
        self.port = free_port()
        listen = [f"tcp:{self.port}:interface={LOOPBACK}"]
        self.server = self.enterContext(running(http__listen=listen, http__public_url=PUBLIC_URL))

    def got(self, path: str) -> tuple[str, str]:
        """Return the policy and the body of a page."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}{path}", timeout=TIMEOUT_S) as answer:
            return answer.headers["Content-Security-Policy"] or "", answer.read().decode()

    def test_config(self) -> None:
        """What a copy of the pages needs beside it is what the server makes itself."""
        self.assertEqual(json.loads(self.got("/config.json")[1]), CONFIG | {"websocket": "/ws"})

    def test_policy(self) -> None:
        """The policy that a copy needs is the server's, with the server in place of itself."""
        policy, page = self.got("/")
        self.assertIn("<script", page)
        for rule in POLICY.split("; "):
            self.assertEqual(set(rule.split()) - set(policy.replace(";", "").split()), self.beyond(rule))

    def beyond(self, rule: str) -> set[str]:
        """Return what a rule has more than the server's own: `'self'` covers its WebSocket."""
        return {PUBLIC_URL.replace("http", "ws")} if rule.startswith("connect-src") else set()

    def test_library(self) -> None:
        """The library is where the document says."""
        self.assertIn("/assa/assa.js", text_of(DOCS / "web.rst"))
        self.assertIn("Connection", self.got("/assa/assa.js")[1])


class CopyTests(SynchronousTestCase):
    def test_commands(self) -> None:
        """A token for a try; and the pages elsewhere, where any web server has them as they are here."""
        with as_told("twistd -n assa") as (server, environ):
            talker = Talker(server.address[1], run(TOKEN, environ).strip())
            self.addCleanup(talker.close)
            machine = Machine(server.directory, server.state)
            run(f"cd {ROOT}\n{machine.typed(COPY)}", environ)
            for page in ("index.html", "assa/assa.js", "app/main.js"):
                copied = machine.pages / "chat" / page
                self.assertEqual(copied.read_bytes(), (ROOT / "assa" / "web" / page).read_bytes())

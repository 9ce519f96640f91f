"""The web client's files, what the page is told, and the tokens of a development server."""

from __future__ import annotations

import json
import tempfile
import time
from typing import Any
from unittest import TestCase

from twisted.internet.task import Clock

from assa.auth import Tokens
from assa.config import load, signing_keys
from assa.hub import Hub
from assa.parts import make_node, make_store
from assa.sites import make_sites
from assa.tcp import ChatFactory
from tests.web import Visitor

LOCAL = "127.0.0.1"


class SiteTestCase(TestCase):
    """A server's public site, out of its settings, with nothing behind it that has started."""

    def setUp(self):
        """Make a directory for the server's state."""
        directory = tempfile.TemporaryDirectory(prefix="assa-site-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def site(self, **settings: Any) -> Any:
        """Return the site that the settings describe, a development server's without a key."""
        given = {
            f"ASSA_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in ({"server__state_dir": self.directory} | settings).items()
        }
        self.config = load(None, given)
        clock: Any = Clock()
        hub = Hub()
        node = make_node(self.config, clock, hub, make_store(self.config, clock, hub))
        return make_sites(self.config, clock, ChatFactory(node))["http.listen"]

    def visitor(self, address: str = LOCAL, **settings: Any) -> Visitor:
        """Return somebody who visits the site."""
        return Visitor(self.site(**settings), address=address)


class PageTests(SiteTestCase):
    """The files of the package, served as they are."""

    def test_index(self):
        """The page is at /, may load nothing from elsewhere, and is asked for again at each visit."""
        page = self.visitor().get("/")
        self.assertEqual(page.status, 200)
        self.assertEqual(page.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(page.headers["cache-control"], "no-cache")
        self.assertEqual(page.headers["x-content-type-options"], "nosniff")
        policy = page.headers["content-security-policy"]
        self.assertIn("default-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertIn(b"<title>", page.body)

    def test_scripts(self):
        """A module comes with the type without which a browser does not run it."""
        script = self.visitor().get("/assa/assa.js")
        self.assertEqual(
            (script.status, script.headers["content-type"]), (200, "text/javascript; charset=utf-8")
        )

    def test_library(self):
        """A page from elsewhere may import assa.js, which is public; it gets nothing else."""
        visitor = self.visitor()
        for path, allowed in (
            ("/assa/assa.js", "*"),
            ("/assa/call.js", "*"),
            ("/app/main.js", None),
            ("/", None),
        ):
            answer = visitor.get(path, Origin="https://app.example.org")
            self.assertEqual(
                (answer.status, answer.headers.get("access-control-allow-origin")), (200, allowed)
            )

    def test_unchanged(self):
        """A browser that has a file is told that it has not changed."""
        visitor = self.visitor()
        known = visitor.get("/").headers["etag"]
        again = visitor.get("/", If_None_Match=known)
        self.assertEqual((again.status, again.body), (304, b""))

    def test_nothing_else(self):
        """No list of a directory, no file that is not of the page, nothing outside."""
        visitor = self.visitor()
        for path in (
            "/assa/",
            "/assa",
            "/assa/README.md",
            "/../auth.py",
            "/%2e%2e/auth.py",
            "/..%2fauth.py",
            "/x",
        ):
            answer = visitor.get(path)
            self.assertEqual(answer.status, 404, path)
            self.assertNotIn(b"import", answer.body, path)

    def test_off(self):
        """`http.web_client = false`: neither page nor its settings."""
        visitor = self.visitor(http__web_client=False)
        for path in ("/", "/config.json", "/assa/assa.js"):
            self.assertEqual(visitor.get(path).status, 404, path)

    def test_config(self):
        """The page is told what the server has."""
        self.assertEqual(
            self.visitor(files__uploads=False).get("/config.json").json,
            {"version": "0.1.0", "websocket": "/ws", "development": True, "uploads": False},
        )
        configured = self.visitor(auth__secret="s" * 32).get("/config.json").json
        self.assertEqual((configured["development"], configured["uploads"]), (False, True))


class DevelopmentTests(SiteTestCase):
    """POST /dev/token: only on a development server, only for its own machine."""

    def test_token(self):
        """The token is one that the server accepts, for a day."""
        visitor = self.visitor()
        answer = visitor.post("/dev/token", {"user_id": 7, "nickname": "미나"}, Host="localhost:8080")
        self.assertEqual((answer.status, answer.headers["cache-control"]), (200, "no-store"))
        now = int(time.time())
        tokens = Tokens(keys=signing_keys(self.config), now=lambda: now)
        identity = tokens.identify(answer.json["token"])
        self.assertEqual((identity.user_id, identity.nickname, identity.scopes), (7, "미나", frozenset()))
        self.assertAlmostEqual(identity.expires_at_ms / 1000 - now, 86_400, delta=5)

    def test_configured(self):
        """A server with a key never makes one."""
        visitor = self.visitor(auth__secret="s" * 32)
        self.assertEqual(visitor.post("/dev/token", {"user_id": 7}, Host="localhost").status, 404)

    def test_refused(self):
        """Nobody from elsewhere: another machine, a proxy, another page, a name that leads here."""
        asked = {"user_id": 7}
        site = self.site()
        cases = [
            ("192.0.2.9", {"Host": "localhost"}),
            (LOCAL, {"Host": "localhost", "X_Forwarded_For": "192.0.2.9"}),
            (LOCAL, {"Host": "localhost", "Forwarded": "for=192.0.2.9"}),
            (LOCAL, {"Host": "localhost:8080", "Origin": "https://evil.example"}),
            (LOCAL, {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}),
        ]
        for address, headers in cases:
            answer = Visitor(site, address=address).post("/dev/token", asked, **headers)
            self.assertEqual(answer.status, 403, headers)
            self.assertNotIn('token":', answer.body.decode())

    def test_wrong(self):
        """A wrong request is told what is expected."""
        visitor = self.visitor()
        wrong = [b"", b"[", [], {}, {"user_id": "7"}, {"user_id": True}, {"user_id": 0}, {"user_id": 2**53}]
        names = [5, "x" * 101]
        for asked in [*wrong, b"[" * 1_000, *({"user_id": 1, "nickname": one} for one in names)]:
            answer = visitor.post("/dev/token", asked, Host="127.0.0.1:8080")
            self.assertEqual(answer.status, 400, asked)
            self.assertIn("expected", answer.json["error"])
        self.assertEqual(visitor.get("/dev/token", Host="localhost").status, 405)

"""The configuration of nginx in docs/operations.rst, in front of a server with the settings beside it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import tempfile
import tomllib
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import connect
from websockets.typing import Origin

from assa.http.websocket import SUBPROTOCOL
from tests.docs.commands import need
from tests.docs.rst import DOCS, blocks
from tests.docs.samples import take
from tests.docs.talker import TIMEOUT_S, Talker
from tests.filing import JPEG
from tests.integration.plain import token
from tests.integration.server import LOOPBACK, free_port, running
from tests.integration.tls import certificate
from tests.processes import wait_until

CONFIGURATION = take("docs/operations.rst", "map $http_upgrade")
[SETTINGS] = [one for one in blocks(DOCS / "operations.rst", "toml") if "trusted_proxies" in one]
HOST = "chat.example.org"


@contextmanager
def nginx(configuration: str, directory: Path) -> Generator[None, None, None]:
    """Run nginx as long as the block lasts."""
    file = directory / "nginx.conf"
    file.write_text(f"daemon off; pid {directory}/pid; events {{}} http {{\n{configuration}\n}}")
    with subprocess.Popen(["nginx", "-p", directory, "-e", directory / "error", "-c", file]) as process:
        try:
            wait_until(lambda: (directory / "pid").exists() or process.poll() is not None)
            assert process.poll() is None, (directory / "error").read_text()
            yield
        finally:
            process.terminate()


class NginxTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Start both."""
        need("nginx", "nginx-light")
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="assa-nginx-")))
        inside, self.port = free_port(), free_port()
        settings = tomllib.loads(SETTINGS)["http"]
        own = {"listen": [f"tcp:{inside}:interface={LOOPBACK}"], "admin_listen": []}
        self.server = self.enterContext(
            running(**{f"http__{name}": value for name, value in (settings | own).items()})
        )
        pem = certificate(self.directory)
        configuration = CONFIGURATION
        for old, new in (
            ("listen 443 ssl", f"listen {LOOPBACK}:{self.port} ssl"),
            ("/etc/nginx/chat.pem", str(pem)),
            ("/etc/nginx/chat.key", str(pem)),
            ("/var/log/nginx/chat.log", f"{self.directory}/access"),
            ("127.0.0.1:8080", f"{LOOPBACK}:{inside}"),
        ):
            self.assertIn(old, configuration)
            configuration = configuration.replace(old, new)
        self.enterContext(nginx(configuration, self.directory))
        self.tls = ssl.create_default_context(cafile=pem)
        self.tls.check_hostname = False  # the certificate is for localhost

    def requested(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Make a request as user 1."""
        connection = http.client.HTTPSConnection(LOOPBACK, self.port, timeout=TIMEOUT_S, context=self.tls)
        with closing(connection):
            connection.request(method, path, body, {"Host": HOST, "Authorization": f"Bearer {token(1)}"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def test_websocket(self) -> None:
        """A browser chats through it, from the server's own page; the server knows where it really is."""
        browser = connect(
            f"wss://{HOST}/ws", sock=socket.create_connection((LOOPBACK, self.port)), ssl=self.tls,
            origin=Origin(f"https://{HOST}"), subprotocols=[SUBPROTOCOL],
            additional_headers={"X-Forwarded-For": "203.0.113.7"},
        )  # fmt: skip
        with browser:
            request = {"action": "CONNECT", "data": {"jwt_token": token(2)}, "seq_id": "1"}
            browser.send(json.dumps(request | {"timestamp": "2024-01-01T12:00:00Z"}))
            self.assertTrue(json.loads(browser.recv(TIMEOUT_S))["success"])
        wait_until(
            lambda: "user 2 was closed: closed by the client (websocket 203.0.113.7" in self.server.log
        )

    def test_files(self) -> None:
        """An upload and a download go through; the address of an upload is not in the log of nginx."""
        with closing(Talker(self.server.address[1], token(1))) as talker:
            room_id = talker.ask("CREATE_ROOM", name="방", is_open=True)["room_id"]
            file = {"file_name": "a.jpg", "file_size": len(JPEG), "mime_type": "image/jpeg"}
            asked = talker.ask("REQUEST_UPLOAD", room_id=room_id, **file)
        upload = asked["upload_url"].removeprefix(f"https://{HOST}")
        self.assertEqual(self.requested("PUT", upload, JPEG)[0], 201)
        self.assertEqual(self.requested("GET", asked["file_path"]), (200, JPEG))
        wait_until((self.directory / "access").read_text)
        logged = (self.directory / "access").read_text()
        self.assertIn(asked["file_path"], logged)
        self.assertNotIn("/uploads/", logged)

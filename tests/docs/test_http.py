"""What the protocol document says of HTTP, against a server."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.samples import take_all
from tests.docs.talker import TIMEOUT_S, Talker
from tests.filing import JPEG
from tests.integration.plain import token
from tests.integration.server import LOOPBACK, free_port, running

PUT, CREATED, REFUSED, GET, LINK = take_all("docs/protocol.rst", "http")


class HttpTests(SynchronousTestCase):
    """What docs/protocol.rst says of HTTP, against a server."""

    def setUp(self) -> None:
        """Log in to a server."""
        self.port = free_port()
        listen = [f"tcp:{self.port}:interface={LOOPBACK}"]
        self.server = self.enterContext(running(http__listen=listen))
        self.talker = self.enterContext(closing(Talker(self.server.address[1], token(1))))
        self.room_id = self.talker.ask("CREATE_ROOM", name="방", is_open=True)["room_id"]

    def requested(self, shown: str, path: str, body: bytes = b"") -> tuple[str, str]:
        """Make a request with the method and the headers that are shown; return status line and body."""
        first, *lines = shown.splitlines()
        method, example, version = first.split()
        self.assertEqual((Path(example).parts[:2], version), (Path(path).parts[:2], "HTTP/1.1"))
        real = {"Content-Length": str(len(body)), "Authorization": f"Bearer {token(1)}", "Host": LOOPBACK}
        headers = {name: real[name] for name in (line.split(":")[0] for line in lines)}
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=TIMEOUT_S)) as connection:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return f"HTTP/1.1 {answer.status} {answer.reason}", answer.read().decode("latin-1")

    def check(self, shown: str, answer: tuple[str, str]) -> Any:
        """Compare an answer with the one that is shown; return its document."""
        head, _, body = shown.partition("\n\n")
        self.assertEqual(head.splitlines()[0], answer[0])
        document = json.loads(answer[1].encode("latin-1"))
        self.assertEqual(list(document), list(json.loads(body)))
        return document

    def uploaded(self, content: bytes) -> tuple[str, tuple[str, str]]:
        """Upload a content as told; return the path and the answer."""
        file = {"file_name": "photo.jpg", "file_size": len(content), "mime_type": "image/jpeg"}
        asked = self.talker.ask("REQUEST_UPLOAD", room_id=self.room_id, **file)
        return asked["file_path"], self.requested(PUT, asked["upload_url"], content)

    def test_upload(self) -> None:
        """PUT, GET and a link are as they are shown."""
        content = JPEG
        path, answer = self.uploaded(content)
        self.assertEqual(self.check(CREATED, answer)["file_path"], path)
        self.assertEqual(self.requested(GET, path), ("HTTP/1.1 200 OK", content.decode("latin-1")))
        asking = GET.replace("GET", "POST")
        link = self.check(LINK, self.requested(asking, path))
        anonymous = GET.rpartition("\n")[0]
        self.assertEqual(self.requested(anonymous, link["url"])[1], content.decode("latin-1"))

    def test_refused(self) -> None:
        """What is no picture is refused in the words that are shown."""
        _, answer = self.uploaded(b"no picture")
        self.assertEqual(self.check(REFUSED, answer), json.loads(REFUSED.partition("\n\n")[2]))

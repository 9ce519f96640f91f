"""A World that takes uploads, on a disk of its own, and those who bring and fetch files there."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from assa.files.disk import DiskStore
from assa.files.paths import Paths
from assa.files.service import Files
from assa.http.addresses import Origins
from assa.http.downloads import FileResource
from assa.http.site import ChatSite, tree
from assa.http.uploads import UploadResource
from tests.web import Connection, Response, Visitor, request_bytes
from tests.world import Client, World


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"\xff\xdb\0\x43\0" + bytes(range(64)) + b"\xff\xd9"
)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + b"\0\0\0\1\0\0\0\1\x08\2\0\0\0" + b"\0" * 20
GIF = b"GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0" + bytes(24)


def heif(major: bytes, *compatible: bytes) -> bytes:
    """Return the beginning of a HEIF file with these brands."""
    return _box(b"ftyp", major + b"\0\0\0\0" + b"".join(compatible)) + _box(b"meta", bytes(64))


HEIC = heif(b"heic", b"mif1", b"heic")
IMAGES = {
    "image/jpeg": JPEG, "image/png": PNG, "image/gif": GIF, "image/webp": WEBP, "image/heic": HEIC
}  # fmt: skip


class Disk:
    """Does what blocks at once, or when it is told to: a slow disk."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] | None = None

    def do(self, job: Callable[[], Any]) -> Deferred[Any]:
        """Run a function."""
        if self.held is None:
            return maybeDeferred(job)
        done: Deferred[Any] = Deferred()
        self.held.append(lambda: maybeDeferred(job).chainDeferred(done))
        return done

    def hold(self) -> None:
        """Do nothing from now on."""
        self.held = []

    def work(self, jobs: int = 1) -> None:
        """Do so many of the jobs that wait."""
        assert self.held is not None
        for _ in range(jobs):
            self.held.pop(0)()

    def release(self) -> None:
        """Do everything that waits, and go on."""
        while self.held:
            self.work()
        self.held = None


class FileWorld(World):
    """A World that takes uploads.

    Args:
        directory: Where it keeps them.
        origins: Pages of other hosts that may use it.
        keeping: Arguments of Files.
        options: Arguments of World.
    """

    def __init__(
        self,
        directory: Path,
        *,
        origins: tuple[str, ...] = (),
        keeping: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.disk = Disk()
        self.kept = DiskStore(directory, self.disk.do)
        self.kept.prepare()
        self.directory = directory
        self._keeping = keeping or {}
        super().__init__(**options)
        files = self.node.services.files
        assert files is not None
        self.files = files
        allowed = Origins(origins)
        resources = {
            "uploads": UploadResource(files, origins=allowed, clock=self.clock),
            "storage": FileResource(
                files, tokens=self.node.services.tokens, origins=allowed, clock=self.clock
            ),
        }
        self.web = ChatSite(tree(resources), self.clock, connections=100)
        self.browser = Visitor(self.web, self.turn)

    def make_files(self) -> Files:
        """Return what takes uploads."""
        given: dict[str, Any] = {"paths": Paths("/storage/"), "quota": 10_000_000} | self._keeping
        return Files(store=self.store, blobs=self.kept, now_ms=self.now_ms, **given)

    # --- what is on the disk ---

    @property
    def blobs(self) -> list[bytes]:
        """The contents that are kept."""
        return sorted(one.read_bytes() for one in (self.directory / "blobs").glob("*/*"))

    @property
    def incoming(self) -> list[Path]:
        """What is being written."""
        return list((self.directory / "incoming").iterdir())

    # --- what clients do ---

    def asked(
        self, client: Client, room_id: int | None, content: bytes = JPEG, **more: Any
    ) -> dict[str, Any]:
        """Ask for an upload and return the data of the answer."""
        answer = client.ask("REQUEST_UPLOAD", described(room_id, content) | more)
        assert answer["success"], answer
        data: dict[str, Any] = answer["data"]
        return data

    def put(self, url: str, content: bytes = JPEG, **headers: str) -> Response:
        """Make a PUT; underscores in the names of headers stand for dashes."""
        named = {name.replace("_", "-"): one for name, one in headers.items()}
        return self.browser.request("PUT", url, headers=named, body=content)

    def begin_put(self, url: str, length: int, content: bytes = b"", **headers: str) -> Connection:
        """Begin a PUT whose body, or the rest of it, comes later."""
        connection = Connection(self.web)
        named = {name.replace("_", "-"): one for name, one in headers.items()}
        connection.send(request_bytes("PUT", url, {"Content-Length": str(length)} | named) + content)
        self.turn()
        return connection

    def uploaded(self, client: Client, room_id: int | None, content: bytes = JPEG, **more: Any) -> str:
        """Upload a file and return its path."""
        asked = self.asked(client, room_id, content, **more)
        response = self.put(asked["upload_url"], content)
        assert response.status == 201, response
        path: str = asked["file_path"]
        return path

    def shown(self, client: Client, room_id: int, content: bytes = JPEG) -> str:
        """Upload an image, send it to the room, and return its path."""
        path = self.uploaded(client, room_id, content)
        answer = client.ask("SEND_MESSAGE", image(room_id, path, content))
        assert answer["success"], answer
        return path

    def get(self, path: str, client: Client | None, method: str = "GET", **headers: str) -> Response:
        """Ask for a file with a client's token, or without one."""
        named = {name.replace("_", "-"): one for name, one in headers.items()}
        if client is not None:
            named["Authorization"] = f"Bearer {client.token}"
        return self.browser.request(method, path, headers=named)

    def tidy(self) -> None:
        """Remove what nobody needs."""
        done = Deferred.fromCoroutine(self.files.tidy())
        failures: list[Any] = []
        done.addErrback(failures.append)
        self.turn()
        assert done.called
        assert not failures, failures

    def tidy_all(self) -> None:
        """Look once at every shard of the blobs."""
        for _ in range(256):
            self.tidy()


def described(room_id: int | None, content: bytes = JPEG) -> dict[str, Any]:
    """Return the data of REQUEST_UPLOAD for a content that is an image."""
    mime_type = next((one for one, example in IMAGES.items() if content[:4] == example[:4]), "image/jpeg")
    return {"room_id": room_id, "file_name": "a.jpg", "file_size": len(content), "mime_type": mime_type}


def image(room_id: int, path: str, content: bytes = JPEG, **claims: Any) -> dict[str, Any]:
    """Return the data of SEND_MESSAGE for an image; `claims` are fields of its `file_info`."""
    info = {**described(room_id, content), "file_path": path}
    del info["room_id"]
    return {"room_id": room_id, "content": "", "message_type": "image", "file_info": info | claims}


class FileTestCase(SynchronousTestCase):
    """A World with a room of two who may upload, and a third person."""

    keeping: dict[str, Any] = {}  # noqa: RUF012 - it is not changed
    origins: tuple[str, ...] = ()

    def setUp(self):
        """Make the world."""
        directory = tempfile.TemporaryDirectory(prefix="assa-files-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.world = FileWorld(self.directory, origins=self.origins, keeping=self.keeping)
        self.mina, self.jun, self.other = (
            self.world.connected(user_id, nickname, lifetime_s=30 * 86_400)
            for user_id, nickname in ((1, "mina"), (2, "jun"), (3, "other"))
        )
        self.room_id = self.world.room(self.mina, self.jun)

    def assert_refused(self, response: Response, status: int, words: str) -> None:
        """Check a refused upload."""
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.json["error_code"], "FILE_UPLOAD_FAILED")
        self.assertEqual(response.json["message"], "파일 업로드에 실패했습니다")
        self.assertIn(words, response.json["error_details"])

"""Files over real sockets and on real disks: many at once, cut, killed, full, fast and slow, on two nodes."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.integration import tls
from tests.integration.conftest import Figures
from tests.integration.nodes import wait_until_joined
from tests.integration.plain import TIMEOUT_S, Client, Message, room_of, token
from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.postgres import require_postgres, shared_server
from tests.processes import wait_until

JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
MIB = 2**20
BIG = JPEG + bytes(range(256)) * 40_000  # ten million bytes
CHUNK = 65_536


class Web:
    """The HTTP port of a server, as a program that speaks HTTP sees it.

    Args:
        port: Where it is.
        trusted: What TLS is verified with; None: no TLS.
    """

    def __init__(self, port: int, trusted: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.trusted = trusted

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection."""
        if self.trusted is None:
            return http.client.HTTPConnection(LOOPBACK, self.port, timeout=TIMEOUT_S)
        return http.client.HTTPSConnection("localhost", self.port, timeout=TIMEOUT_S, context=self.trusted)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Make a request; return the status, the headers and the body of its answer."""
        with closing(self.connect()) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def put(self, url: str, content: bytes) -> tuple[int, Message]:
        """Upload a content; return the status and the document of the answer."""
        status, _, body = self.ask("PUT", url, content)
        return status, json.loads(body)

    def get(self, path: str, user_id: int, **headers: str) -> tuple[int, bytes]:
        """Ask for a file as a user; return the status and the content."""
        status, _, body = self.ask("GET", path, Authorization=f"Bearer {token(user_id)}", **headers)
        return status, body

    def begin(self, url: str, length: int, sent: bytes) -> http.client.HTTPConnection:
        """Begin an upload and return its connection."""
        connection = self.connect()
        connection.putrequest("PUT", url)
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        connection.send(sent)
        return connection


@contextmanager
def serving(**settings: object) -> Generator[tuple[Server, Web], None, None]:
    """Run a server with an HTTP port."""
    port = free_port()
    listen = f"tcp:{port}:interface={LOOPBACK}:backlog=1024"
    with running(http__listen=[listen], **({"rate__others": 0} | settings)) as server:
        yield server, Web(port)


@contextmanager
def people(server: Server, count: int = 2) -> Generator[list[Client], None, None]:
    """Have users 1 and up connected."""
    with ExitStack() as stack:
        clients = []
        for user_id in range(1, count + 1):
            client = Client(server.address, user_id)
            stack.callback(client.hang_up)
            client.connect()
            clients.append(client)
        yield clients


def asked(client: Client, room_id: int | None, content: bytes) -> Message:
    """Ask for an upload."""
    described = {"file_name": "a.jpg", "file_size": len(content), "mime_type": "image/jpeg"}
    return client.ask("REQUEST_UPLOAD", {"room_id": room_id} | described)


def image(room_id: int, path: str, content: bytes) -> Message:
    """Return the data of a message that shows an uploaded file."""
    info = {"file_path": path, "file_name": "a.jpg", "file_size": len(content), "mime_type": "image/jpeg"}
    return {"room_id": room_id, "content": "", "message_type": "image", "file_info": info}


def files_in(directory: Path) -> list[Path]:
    """Return all files below a directory."""
    return [one for one in directory.rglob("*") if one.is_file()]


def kept(server: Server) -> list[Path]:
    """Return what is on the disk of a server."""
    return files_in(server.state / "files")


def test_a_picture_in_a_room() -> None:
    """Request, PUT, message, GET, with a link too; as a part, and not at all for somebody else."""
    with serving() as (server, web), people(server, 3) as (mina, jun, other):
        room_id = room_of([mina, jun])
        place = asked(mina, room_id, BIG)
        status, done = web.put(place["upload_url"], BIG)
        assert (status, done["file_size"]) == (201, len(BIG)), done
        mina.ask("SEND_MESSAGE", image(room_id, place["file_path"], BIG))
        path = jun.heard("NEW_MESSAGE")["data"]["file_info"]["file_path"]
        assert web.get(path, jun.user_id) == (200, BIG)
        assert web.get(path, jun.user_id, Range="bytes=1000000-1000009") == (206, BIG[1_000_000:1_000_010])
        assert web.get(path, other.user_id)[0] == 404
        _, _, body = web.ask("POST", path, Authorization=f"Bearer {token(jun.user_id)}")
        assert web.ask("GET", json.loads(body)["url"])[2] == BIG


def test_fifty_at_once(figures: Figures) -> None:
    """Fifty uploads at the same moment all succeed, and a chat goes on meanwhile without much delay."""
    with serving() as (server, web), people(server) as (mina, jun):
        room_id = room_of([mina, jun])
        contents = [JPEG + bytes([number]) * (400_000 + number) for number in range(50)]
        places = [asked((mina, jun)[number % 2], room_id, one) for number, one in enumerate(contents)]
        delays = []
        with ThreadPoolExecutor(50) as pool:
            began = time.monotonic()
            uploads = [
                pool.submit(web.put, place["upload_url"], content)
                for place, content in zip(places, contents, strict=True)
            ]
            while not all(one.done() for one in uploads) or len(delays) < 5:
                sent = time.monotonic()
                mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": "안녕", "message_type": "text"})
                delays.append(time.monotonic() - sent)
            took_s = time.monotonic() - began
        assert [one.result()[0] for one in uploads] == [201] * 50
        for place, content in zip(places, contents, strict=True):
            assert web.get(place["file_path"], jun.user_id) == (200, content)
        assert len(kept(server)) == 50
        figures(f"20 MB in {took_s:.2f} s; acknowledgements meanwhile at most {max(delays) * 1000:.0f} ms")
        assert max(delays) < 2


def test_memory(figures: Figures) -> None:
    """Of what comes and goes nothing but a few pieces is in memory, however slow the other side is."""
    with serving() as (server, web), people(server) as (mina, jun):
        room_id = room_of([mina, jun])
        web.put(asked(mina, room_id, JPEG)["upload_url"], JPEG)  # everything is loaded once
        before_mib = most_mib = server.rss_mib
        # Four at the same time are a user's.
        places = [asked((mina, jun)[number % 2], room_id, BIG + bytes([number])) for number in range(8)]
        begun = [web.begin(one["upload_url"], len(BIG) + 1, b"") for one in places]
        for first in range(0, len(BIG), CHUNK * 16):
            for connection in begun:
                connection.send(BIG[first : first + CHUNK * 16])
            most_mib = max(most_mib, server.rss_mib)
        for number, connection in enumerate(begun):
            connection.send(bytes([number]))
            assert connection.getresponse().status == 201
            connection.close()
        reading = [web.connect() for _ in places]
        for place, connection in zip(places, reading, strict=True):
            connection.request("GET", place["file_path"], headers={"Authorization": f"Bearer {token(1)}"})
            assert connection.getresponse().status == 200
        most_mib = max(most_mib, server.rss_mib)
        for connection in reading:
            connection.close()
        figures(f"80 MB in and out took {most_mib - before_mib:.1f} MiB")
        assert most_mib - before_mib < 12


def test_memory_of_refusals(figures: Figures) -> None:
    """Nothing is kept of what was refused, not even until garbage is collected."""
    with serving() as (server, web), people(server, 1):
        web.put("/uploads/x", BIG[:CHUNK])  # everything is loaded once
        before_mib = server.rss_mib
        for _ in range(400):
            assert web.put("/uploads/x", BIG[: CHUNK * 2])[0] == 403
        grown_mib = server.rss_mib - before_mib
        figures(f"400 refused uploads of 128 KiB took {grown_mib:.1f} MiB")
        assert grown_mib < 8


@pytest.mark.parametrize("reset", [False, True])
def test_cut(*, reset: bool) -> None:
    """Of an upload whose connection is cut nothing is ever seen, and its address still counts."""
    with serving() as (server, web), people(server) as (mina, jun):
        place = asked(mina, room_of([mina, jun]), BIG)
        connection = web.begin(place["upload_url"], len(BIG), BIG[: MIB * 5])
        wait_until(lambda: any(one.stat().st_size > MIB for one in kept(server)))
        assert web.get(place["file_path"], mina.user_id)[0] == 404
        if reset:
            connection.sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: no FIN
        connection.close()
        wait_until(lambda: not kept(server))
        assert web.put(place["upload_url"], BIG)[0] == 201


def test_killed() -> None:
    """What was acknowledged is there after kill -9; what was not can be uploaded again, and its rest goes."""
    with serving(files__upload_ttl=300) as (server, web), people(server) as (mina, jun):
        room_id = room_of([mina, jun])
        done, begun = asked(mina, room_id, BIG), asked(mina, room_id, BIG + b"x")
        assert web.put(done["upload_url"], BIG)[0] == 201
        cut = web.begin(begun["upload_url"], len(BIG) + 1, BIG)
        wait_until(lambda: len(kept(server)) == 2)
        server.kill()
        cut.close()
        server.start()
        assert web.get(done["file_path"], mina.user_id) == (200, BIG)
        assert web.get(begun["file_path"], mina.user_id)[0] == 404
        assert web.put(begun["upload_url"], BIG + b"x")[0] == 201
        assert web.get(begun["file_path"], mina.user_id) == (200, BIG + b"x")


def test_stopped() -> None:
    """A server that is stopped ends in time and in order, though uploads and downloads are under way."""
    with serving() as (server, web), people(server) as (mina, jun):
        room_id = room_of([mina, jun])
        done, begun = asked(mina, room_id, BIG), asked(mina, room_id, BIG)
        assert web.put(done["upload_url"], BIG)[0] == 201
        writing = web.begin(begun["upload_url"], len(BIG), BIG[:MIB])
        reading = web.connect()
        reading.request("GET", done["file_path"], headers={"Authorization": f"Bearer {token(1)}"})
        wait_until(lambda: len(kept(server)) == 2)
        server.terminate()
        server.wait()
        for one in (writing, reading):
            one.close()


def test_refused() -> None:
    """A client that sends everything before it listens is told why it was refused, not cut off."""
    with serving() as (server, web), people(server) as (mina, jun):
        room_id = room_of([mina, jun])
        exe = b"MZ\x90\0" + bytes(len(BIG) - 4)
        for place, content, expected in (
            (asked(mina, room_id, BIG), exe, 415),
            (asked(mina, room_id, BIG), BIG[:-1], 400),
            (asked(mina, room_id, BIG), BIG + bytes(MIB), 413),
            ({"upload_url": "/uploads/x"}, BIG, 403),
        ):
            status, refused = web.put(place["upload_url"], content)
            assert (status, refused["error_code"]) == (expected, "FILE_UPLOAD_FAILED")
        assert kept(server) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path, None, None]:
    """Return a directory on a disk that has room for 4 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "assa-test", str(tmp_path)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_full_disk(small_disk: Path) -> None:
    """What finds no room is refused with 507 and leaves nothing; a smaller file fits; chat goes on."""
    with (
        serving(files__directory=str(small_disk / "files")) as (server, web),
        people(server) as (mina, jun),
    ):
        room_id = room_of([mina, jun])
        place = asked(mina, room_id, BIG)
        status, refused = web.put(place["upload_url"], BIG)
        assert (status, refused["error_details"]) == (507, "there is no room for it here")
        assert files_in(small_disk) == []
        small = asked(mina, room_id, BIG[:MIB])
        assert web.put(small["upload_url"], BIG[:MIB])[0] == 201
        mina.ask("SEND_MESSAGE", image(room_id, small["file_path"], BIG[:MIB]))
        assert jun.heard("NEW_MESSAGE")


def test_tls() -> None:
    """The same over TLS, in both directions."""
    port = free_port()
    with ExitStack() as stack:
        directory = stack.enter_context(temporary())
        pem = tls.certificate(directory)
        server = stack.enter_context(running(http__listen=[tls.endpoint(port, pem)]))
        web = Web(port, ssl.create_default_context(cafile=str(pem)))
        mina, jun = stack.enter_context(people(server))
        place = asked(mina, room_of([mina, jun]), BIG)
        assert web.put(place["upload_url"], BIG)[0] == 201
        assert web.get(place["file_path"], jun.user_id) == (200, BIG)


@contextmanager
def temporary() -> Generator[Path, None, None]:
    """Make a directory for a while."""
    with tempfile.TemporaryDirectory(prefix="assa-test-") as directory:
        yield Path(directory)


@contextmanager
def two_nodes(directory: Path) -> Generator[Sequence[tuple[Server, Web]], None, None]:
    """Run two nodes that share a database and a directory."""
    require_postgres()
    database = shared_server().create_database()
    shared = {"storage__url": database, "files__directory": str(directory)}
    try:
        with serving(**shared) as here, serving(**shared) as there:
            for server, _ in (here, there):
                wait_until_joined(server)
            yield here, there
    finally:
        shared_server().drop_database(database)


def test_two_nodes() -> None:
    """What one node has announced another takes, and all serve; at the same moment too, and once."""
    with (
        temporary() as directory,
        two_nodes(directory) as ((here, web_here), (there, web_there)),
        people(here, 1) as [mina],
        closing(Client(there.address, 2)) as jun,
        ThreadPoolExecutor(20) as pool,
    ):
        jun.connect()
        room_id = room_of([mina, jun])
        place = asked(mina, room_id, BIG)
        both = [pool.submit(web.put, place["upload_url"], BIG) for web in (web_here, web_there)]
        assert sorted(one.result()[0] for one in both) == [201, 409]
        mina.ask("SEND_MESSAGE", image(room_id, place["file_path"], BIG))
        path = jun.heard("NEW_MESSAGE")["data"]["file_info"]["file_path"]
        for web in (web_here, web_there):
            assert web.get(path, jun.user_id) == (200, BIG)
        places = [asked((mina, jun)[number % 2], room_id, BIG) for number in range(10)]
        same = [
            pool.submit((web_here, web_there)[number // 2 % 2].put, one["upload_url"], BIG)
            for number, one in enumerate(places)
        ]
        assert [one.result()[0] for one in same] == [201] * 10
        assert len(files_in(directory)) == 1  # however often it came, and where

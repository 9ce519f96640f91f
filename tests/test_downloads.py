"""Protocol v1.1, section 6: who gets which file over HTTP, and how."""

from __future__ import annotations

from unittest import TestCase

from twisted.logger import globalLogPublisher

from assa.files import WRITE_BYTES, Missing
from assa.http.downloads import disposition
from assa.http.ranges import Unsatisfiable, range_of
from assa.storage import users
from tests.filing import HEIC, IMAGES, JPEG, PNG, FileTestCase
from tests.web import Connection, request_bytes

BIG = JPEG + bytes(range(256)) * 2_000  # half a MiB
NOWHERE = "/storage/u/aaaaaaaaaaaaaaaaaaaaaa.jpg"


class WhoTests(FileTestCase):
    """Who may see a file."""

    def setUp(self):
        """Have an image in the room."""
        super().setUp()
        self.path = self.world.shown(self.mina, self.room_id)

    def test_members(self):
        """The members of its room, those too who join later, and its uploader, though he has left."""
        for one in (self.mina, self.jun):
            self.assertEqual(self.world.get(self.path, one).body, JPEG)
        self.other.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.world.get(self.path, self.other).body, JPEG)
        self.mina.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.world.get(self.path, self.mina).body, JPEG)

    def test_others(self):
        """Nobody else; they are not told whether it exists."""
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        nothing = self.world.get(NOWHERE, self.other)
        self.assertEqual((nothing.status, nothing.json["error_code"]), (404, "NOT_FOUND"))
        for client, method in ((self.other, "GET"), (self.jun, "GET"), (self.other, "POST")):
            refused = self.world.get(self.path, client, method)
            self.assertEqual((refused.status, refused.body), (404, nothing.body))
            self.assertEqual(refused.headers, nothing.headers)

    def test_nobody(self):
        """Without a token, or with one that does not count, the answer is 401."""
        for headers in (
            {},
            {"Authorization": "Basic eDp5"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer x.y.z"},
            {"Authorization": f"Bearer {self.world.token(1, lifetime_s=-1)}"},
        ):
            for path in (self.path, NOWHERE):
                refused = self.world.browser.request("GET", path, headers=headers)
                self.assertEqual(refused.status, 401)
                self.assertEqual(refused.headers["www-authenticate"], "Bearer")
                self.assertIn(refused.json["error_code"], ("AUTH_FAILED", "INVALID_TOKEN"))

    def test_locked_out(self):
        """A user who may not connect sees nothing either."""
        done = self.world.store.run(users.set_active, 2, active=False, now_ms=0)
        self.world.turn()
        self.assertIsNone(done.result)
        self.assertEqual(self.world.get(self.path, self.jun).status, 404)
        self.assertEqual(self.world.get(self.world.uploaded(self.mina, None), self.jun).status, 404)

    def test_unfinished(self):
        """A file that has not come is not there, for its uploader neither."""
        path = self.world.asked(self.mina, self.room_id)["file_path"]
        for method in ("GET", "HEAD", "POST"):
            self.assertEqual(self.world.get(path, self.mina, method).status, 404)

    def test_path_tricks(self):
        """Nothing below the prefix but the paths that were given out leads to anything."""
        name = self.path.removeprefix("/storage/")
        for path in (
            "/storage",
            "/storage/",
            "/storage/u/",
            f"/storage/{name}/",
            f"/storage//{name}",
            f"/storage/x/../{name}",
            f"/storage/u/../{name}",
            f"/storage/%75/{name[2:]}",
            f"/storage/{name}%00",
            f"/storage/{name[:-3]}png",
            f"/storage/{name.upper()}",
            "/storage/../assa.sqlite3",
            "/storage/..%2f..%2fetc%2fpasswd",
            "/storage/u/%2e%2e/%2e%2e/etc/passwd",
            "/storage/u/" + "a" * 10_000,
        ):
            with self.subTest(path=path[:80]):
                self.assertEqual(self.world.get(path, self.mina).status, 404)

    def test_database_away(self):
        """Without a database the answer is 503, and when to ask again."""
        self.world.store.close()
        refused = self.world.get(self.path, self.mina)
        self.assertEqual((refused.status, refused.json["error_code"]), (503, "SERVICE_UNAVAILABLE"))
        self.assertEqual(refused.headers["retry-after"], "1")


class LinkTests(FileTestCase):
    """Signed addresses."""

    def setUp(self):
        """Have an image in the room, and an address of it."""
        super().setUp()
        self.path = self.world.shown(self.mina, self.room_id)
        self.given = self.world.get(self.path, self.jun, "POST")
        self.link = self.given.json["url"]

    def test_given(self):
        """Who may see a file gets an address for it, and the time until which it counts."""
        self.assertEqual(self.given.status, 201)
        self.assertEqual(set(self.given.json), {"url", "expires_at"})
        self.assertEqual(self.given.json["expires_at"], "2024-01-01T13:00:00.000Z")
        self.assertEqual(self.given.headers["cache-control"], "no-store")
        self.assertTrue(self.link.startswith(f"{self.path}?link="))

    def test_used(self):
        """Whoever has it sees the file, in an `<img>` too; also parts of it."""
        self.assertEqual(self.world.get(self.link, None).body, JPEG)
        self.assertEqual(self.world.get(self.link, None, Range="bytes=0-1").body, JPEG[:2])

    def test_expired(self):
        """After its time it is gone."""
        self.world.clock.advance(3_600)
        refused = self.world.get(self.link, None)
        self.assertEqual((refused.status, refused.json["error_code"]), (410, "PERMISSION_DENIED"))

    def test_altered(self):
        """It is for this file, and as it was given."""
        token = self.link.partition("?link=")[2]
        another = self.world.shown(self.mina, self.room_id, PNG)
        upload = self.world.asked(self.mina, self.room_id)["upload_url"].removeprefix("/uploads/")
        for link in (
            f"{another}?link={token}",
            f"{self.path}?link={token[:-1]}",
            f"{self.path}?link={token}x",
            f"{self.path}?link=x",
            f"{self.path}?link={upload}",
            f"{NOWHERE}?link={token}",
        ):
            self.assertEqual(self.world.get(link, None).status, 403)
        self.assertEqual(self.world.get(f"{self.path}?link=", None).status, 403)

    def test_no_way_to_another(self):
        """With an address alone no further one is had for longer."""
        later = self.world.get(self.link, None, "POST")
        self.assertEqual(later.status, 401)


class HowTests(FileTestCase):
    """What comes with a file."""

    def test_headers(self):
        """Its type, its length, its name, and that nothing in it is to be carried out."""
        for mime_type, content in IMAGES.items():
            path = self.world.shown(self.mina, self.room_id, content)
            for method in ("GET", "HEAD"):
                response = self.world.get(path, self.jun, method)
                self.assertEqual((response.status, response.body), (200, content if method == "GET" else b""))
                headers = response.headers
                self.assertEqual(headers["content-type"], mime_type)
                self.assertEqual(headers["content-length"], str(len(content)))
                self.assertEqual(
                    headers["content-disposition"], "inline; filename=\"a.jpg\"; filename*=UTF-8''a.jpg"
                )
                self.assertEqual(headers["x-content-type-options"], "nosniff")
                self.assertEqual(headers["content-security-policy"], "sandbox; default-src 'none'")
                self.assertEqual(headers["cross-origin-resource-policy"], "same-origin")
                self.assertEqual(headers["cache-control"], "private, max-age=86400, immutable")
                self.assertEqual(headers["accept-ranges"], "bytes")
                self.assertNotIn("transfer-encoding", headers)

    def test_name(self):
        """The name is told in ASCII and in full (RFC 6266), and cannot end the header."""
        for name, plain, full in (
            ("사진 1.jpg", "__ 1.jpg", "%EC%82%AC%EC%A7%84%201.jpg"),
            ('a".jpg', "a_.jpg", "a%22.jpg"),
            ("a%41;b='.jpg", "a_41;b='.jpg", "a%2541%3Bb%3D%27.jpg"),
            ("é\N{PARTY POPPER}.gif", "__.gif", "%C3%A9%F0%9F%8E%89.gif"),
        ):
            self.assertEqual(disposition(name), f"inline; filename=\"{plain}\"; filename*=UTF-8''{full}")
        path = self.world.uploaded(self.mina, self.room_id, file_name="사진 1.jpg")
        self.assertIn("%EC%82%AC", self.world.get(path, self.mina).headers["content-disposition"])

    def test_not_modified(self):
        """A client that has it already is told so; one that may not see it is not."""
        path = self.world.shown(self.mina, self.room_id)
        etag = self.world.get(path, self.jun).headers["etag"]
        for listed in (etag, f'"x", {etag}', f"W/{etag}", "*"):
            response = self.world.get(path, self.jun, If_None_Match=listed)
            self.assertEqual((response.status, response.body), (304, b""))
            self.assertEqual(response.headers["etag"], etag)
        self.assertEqual(self.world.get(path, self.jun, If_None_Match='"x"').status, 200)
        self.assertEqual(self.world.get(path, self.other, If_None_Match=etag).status, 404)
        self.assertEqual(self.world.get(path, None, If_None_Match="*").status, 401)

    def test_ranges(self):
        """A part of it comes when one is asked for; what is no single range is ignored."""
        path, size = self.world.shown(self.mina, self.room_id), len(JPEG)
        for asked, start, end in (("0-0", 0, 1), ("1-3", 1, 4), ("5-", 5, size), ("-4", size - 4, size)):
            response = self.world.get(path, self.jun, Range=f"bytes={asked}")
            self.assertEqual((response.status, response.body), (206, JPEG[start:end]))
            self.assertEqual(response.headers["content-range"], f"bytes {start}-{end - 1}/{size}")
            self.assertEqual(response.headers["content-length"], str(end - start))
        for asked in (
            "bytes=0-1,3-4",
            "bytes=3-1",
            "bytes=-",
            "lines=0-1",
            "bytes=a-b",
            "bytes=0-" + "9" * 30,
        ):
            self.assertEqual(self.world.get(path, self.jun, Range=asked).status, 200, asked)
        response = self.world.get(path, self.jun, Range=f"bytes={size}-")
        self.assertEqual((response.status, response.headers["content-range"]), (416, f"bytes */{size}"))
        self.assertNotIn("etag", response.headers)
        head = self.world.get(path, self.jun, "HEAD", Range="bytes=0-9")
        self.assertEqual((head.status, head.headers["content-length"]), (206, "10"))

    def test_if_range(self):
        """A part is only sent of what the client has the rest of."""
        path = self.world.shown(self.mina, self.room_id)
        etag = self.world.get(path, self.jun).headers["etag"]
        self.assertEqual(self.world.get(path, self.jun, Range="bytes=0-1", If_Range=etag).status, 206)
        self.assertEqual(self.world.get(path, self.jun, Range="bytes=0-1", If_Range='"x"').status, 200)

    def test_missing(self):
        """A content that is not where it should be is the operator's to hear of."""
        path = self.world.shown(self.mina, self.room_id)
        for one in (self.directory / "blobs").glob("*/*"):
            one.unlink()
        heard = []
        globalLogPublisher.addObserver(heard.append)
        self.addCleanup(globalLogPublisher.removeObserver, heard.append)
        self.assertEqual(self.world.get(path, self.jun).status, 404)
        self.assertEqual([one["log_format"] for one in heard], ["the content of a file is missing: {name}"])

    def test_unreadable(self):
        """Nor is what a broken disk says anybody else's to hear."""
        path = self.world.shown(self.mina, self.room_id)
        for one in (self.directory / "blobs").glob("*/*"):
            one.unlink()
            one.symlink_to(one)  # ELOOP
        response = self.world.get(path, self.jun)
        self.assertEqual((response.status, response.json["error_code"]), (500, "INTERNAL_ERROR"))
        self.assertNotIn(str(self.directory), response.body.decode())
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_methods(self):
        """Files are not changed here."""
        path = self.world.shown(self.mina, self.room_id)
        self.assertEqual(self.world.get(path, self.mina, "PUT").status, 501)


class PaceTests(FileTestCase):
    """A file is sent no faster than its client takes it."""

    def setUp(self):
        """Have a big file, and somebody who asks for it."""
        super().setUp()
        self.path = self.world.shown(self.mina, self.room_id, BIG)
        self.connection = Connection(self.world.web)
        headers = {"Authorization": f"Bearer {self.jun.token}"}
        self.request = request_bytes("GET", self.path, headers)

    @property
    def sent(self):
        """How many bytes of the content have been sent."""
        return len(self.connection.transport.value().partition(b"\r\n\r\n")[2])

    def ask(self, pieces):
        """Ask for the file on a slow disk and let so many pieces be read."""
        self.world.disk.hold()
        self.connection.send(self.request)
        self.world.turn()
        self.world.disk.work(1 + pieces)  # it is opened first
        self.world.turn()

    def test_slow_client(self):
        """While the client has enough to read, nothing more is read from the disk."""
        self.ask(1)
        self.assertEqual(self.sent, WRITE_BYTES)
        self.connection.transport.producer.pauseProducing()
        self.world.disk.work()
        self.assertEqual(self.sent, WRITE_BYTES * 2)  # it was being read
        self.assertEqual(self.world.disk.held, [])
        self.connection.transport.producer.resumeProducing()
        self.world.disk.release()
        self.world.turn()
        self.assertEqual(self.connection.response().body, BIG)
        self.connection.send(self.request)
        self.world.turn()
        self.assertEqual(self.connection.response().body, BIG)

    def test_stuck_client(self):
        """A client that takes nothing for a minute is given up."""
        aborted = []
        self.connection.transport.abortConnection = lambda: aborted.append(True)
        self.ask(1)
        self.connection.transport.producer.pauseProducing()
        self.world.clock.advance(59)
        self.connection.transport.producer.resumeProducing()
        self.connection.transport.producer.pauseProducing()
        self.world.clock.advance(59)
        self.assertEqual(aborted, [])
        self.world.clock.advance(2)
        self.assertEqual(aborted, [True])
        self.connection.lose()
        self.world.disk.release()
        self.world.turn()

    def test_lost_client(self):
        """When the client is gone, the file is closed, whenever that is; nothing is logged."""
        heard = []
        globalLogPublisher.addObserver(heard.append)
        self.addCleanup(globalLogPublisher.removeObserver, heard.append)
        for pieces in (-1, 0, 1, 3):
            self.connection = Connection(self.world.web)
            self.ask(pieces)
            self.connection.lose()
            self.world.disk.release()
            self.world.turn()
        self.assertEqual([one for one in heard if one["log_level"].name in ("error", "critical")], [])

    def test_cut_short(self):
        """A content that ends too early ends the connection, so that the client knows."""
        [blob] = (self.directory / "blobs").glob("*/*")
        blob.write_bytes(BIG[:100_000])
        self.connection.send(self.request)
        self.world.turn()
        self.assertEqual(self.sent, 100_000)
        self.assertEqual(len(self.flushLoggedErrors(Missing)), 1)
        self.assertTrue(self.connection.transport.disconnecting)


class CorsTests(FileTestCase):
    """Pages of other hosts."""

    origins = ("https://app.example.org",)

    def test_origins(self):
        """Pages of http.origins may read files and their headers, and show them; others may not."""
        path = self.world.shown(self.mina, self.room_id, HEIC)
        response = self.world.get(path, self.jun, Origin=self.origins[0])
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["access-control-allow-origin"], self.origins[0])
        self.assertIn("ETag", response.headers["access-control-expose-headers"])
        self.assertEqual(response.headers["cross-origin-resource-policy"], "cross-origin")
        refused = self.world.get(path, self.jun, Origin="https://evil.example")
        self.assertEqual((refused.status, refused.json["error_code"]), (403, "PERMISSION_DENIED"))
        self.assertNotIn("access-control-allow-origin", refused.headers)


class RangeTests(TestCase):
    """Ranges by themselves."""

    def test_ranges(self):
        """As RFC 9110 has them."""
        for header, expected in (
            (None, None),
            ("", None),
            ("bytes=0-", (0, 10)),
            ("bytes=9-9", (9, 10)),
            ("bytes=0-99", (0, 10)),
            ("bytes=-3", (7, 10)),
            ("bytes=-99", (0, 10)),
            ("Bytes= 1-2 ", (1, 3)),
            ("bytes=2-1", None),
        ):
            self.assertEqual(range_of(header, 10), expected, header)
        for header in ("bytes=10-", "bytes=10-11", "bytes=-0"):
            self.assertRaises(Unsatisfiable, range_of, header, 10)

"""Protocol v1.1, section 6: REQUEST_UPLOAD, the PUT of a file, and images that refer to uploaded files."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from unittest import TestCase

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from assa.config import load
from assa.files import WRITE_BYTES, Rejected
from assa.files.signing import Use, sign, verify
from assa.files.sniffing import type_of
from assa.http.pages import WEB
from assa.http.slots import Slots
from assa.parts import make_files
from assa.rules import ConfigError
from tests.filing import GIF, IMAGES, JPEG, PNG, FileTestCase, FileWorld, described, heif, image
from tests.postgres import require_postgres
from tests.storage.databases import supply
from tests.web import Connection, request_bytes
from tests.world import World, code_of

EXE = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(200)
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
BIG = JPEG + bytes(range(256)) * 1_200  # about 300 KiB
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def details(answer):
    """Return what a refusal says."""
    return answer["data"]["error_details"]


class RequestTests(FileTestCase):
    """REQUEST_UPLOAD."""

    def test_answer(self):
        """A member gets an address, the path that the file will have, and the time until which it counts."""
        answer = self.mina.ask("REQUEST_UPLOAD", described(self.room_id))
        self.assertEqual(answer["action"], "REQUEST_UPLOAD_RESPONSE")
        self.assertTrue(answer["success"])
        self.assertNotIn("message", answer)
        data = answer["data"]
        self.assertEqual(set(data), {"upload_url", "file_path", "expires_at"})
        self.assertRegex(data["file_path"], r"^/storage/u/[A-Za-z0-9_-]{22}\.jpg$")
        self.assertRegex(data["upload_url"], r"^/uploads/[A-Za-z0-9_.-]+$")
        self.assertEqual(data["expires_at"], "2024-01-01T12:05:00.000Z")

    def test_extensions(self):
        """The path ends as files of its type do."""
        endings = {
            self.world.asked(self.mina, self.room_id, content)["file_path"].rpartition(".")[2]
            for content in IMAGES.values()
        }
        self.assertEqual(endings, {"jpg", "png", "gif", "webp", "heic"})

    def test_order_of_checks(self):
        """A room that is not there comes first, then membership, then the file (section 10)."""
        wrong = described(999) | {"file_size": 0}
        self.assertEqual(self.mina.refused("REQUEST_UPLOAD", wrong), "ROOM_NOT_FOUND")
        wrong["room_id"] = self.room_id
        self.assertEqual(self.other.refused("REQUEST_UPLOAD", wrong), "USER_NOT_IN_ROOM")
        self.assertEqual(self.mina.refused("REQUEST_UPLOAD", wrong), "FILE_UPLOAD_FAILED")

    def test_rules(self):
        """The file has to be one that SEND_MESSAGE would take; the field that is wrong is named."""
        for field, value in (
            ("file_size", 0),
            ("file_size", 10_485_761),
            ("file_name", "../a.jpg"),
            ("file_name", "a\0.jpg"),
            ("file_name", ""),
            ("mime_type", "image/svg+xml"),
            ("mime_type", "text/html"),
        ):
            with self.subTest(field=field, value=value):
                answer = self.mina.ask("REQUEST_UPLOAD", described(self.room_id) | {field: value})
                self.assertEqual(code_of(answer), "FILE_UPLOAD_FAILED")
                self.assertIn(f"data.{field}:", details(answer))

    def test_types(self):
        """A field of a wrong type, or none at all, is no valid message."""
        for field, value in (("file_size", "5"), ("room_id", 0), ("mime_type", None)):
            self.assertEqual(
                self.mina.refused("REQUEST_UPLOAD", described(self.room_id) | {field: value}),
                "INVALID_MESSAGE",
            )
        incomplete = described(self.room_id)
        del incomplete["room_id"]
        self.assertEqual(self.mina.refused("REQUEST_UPLOAD", incomplete), "INVALID_MESSAGE")

    def test_unfinished(self):
        """A hundred uploads of a user can be begun; who brings none of them has to wait."""
        for _ in range(100):
            self.world.asked(self.mina, self.room_id)
        answer = self.mina.ask("REQUEST_UPLOAD", described(self.room_id))
        self.assertEqual(code_of(answer), "FILE_UPLOAD_FAILED")
        self.assertIn("100 uploads", details(answer))
        self.world.asked(self.jun, self.room_id)
        self.world.pass_time(1_000, step=20, alive=(self.mina, self.jun))
        self.world.tidy()
        self.world.asked(self.mina, self.room_id)

    def test_off(self):
        """Where uploads are off, that is the answer, and images are taken by what is said of them."""
        world = World()
        mina = world.connected(1, "mina")
        room_id = world.room(mina)
        answer = mina.ask("REQUEST_UPLOAD", described(999))
        self.assertEqual(code_of(answer), "FILE_UPLOAD_FAILED")
        self.assertIn("uploads are off here", details(answer))
        path = "/storage/u/aaaaaaaaaaaaaaaaaaaaaa.jpg"
        self.assertTrue(mina.ask("SEND_MESSAGE", image(room_id, path))["success"])


class QuotaTests(FileTestCase):
    """What one user may keep."""

    keeping = {"quota": 2_000}  # noqa: RUF012

    def test_quota(self):
        """All that a user keeps or has announced counts; what would be too much is refused, others go on."""
        self.world.asked(self.mina, self.room_id, file_size=1_500)
        answer = self.mina.ask("REQUEST_UPLOAD", described(self.room_id) | {"file_size": 501})
        self.assertEqual(code_of(answer), "FILE_UPLOAD_FAILED")
        self.assertIn("2001 bytes, and 2000 are allowed", details(answer))
        self.world.asked(self.mina, self.room_id, file_size=500)
        self.world.asked(self.jun, self.room_id, file_size=2_000)

    def test_given_back(self):
        """What did not come in time, or is removed, counts no more."""
        self.world.asked(self.mina, self.room_id, file_size=1_000)
        self.world.uploaded(self.mina, self.room_id)
        self.world.pass_time(1_000, step=20, alive=(self.mina, self.jun, self.other))
        self.world.tidy()
        self.assertEqual(self.world.query("SELECT file_bytes, unfinished FROM uploaders"), [(len(JPEG), 0)])
        self.world.clock.advance(90_000)
        self.world.tidy()
        self.assertEqual(self.world.query("SELECT file_bytes, unfinished FROM uploaders"), [(0, 0)])


class PutTests(FileTestCase):
    """The PUT."""

    def test_done(self):
        """The bytes are kept under their SHA-256, and the answer says what they are."""
        asked = self.world.asked(self.mina, self.room_id)
        response = self.world.put(asked["upload_url"])
        self.assertEqual(response.status, 201)
        self.assertEqual(response.headers["content-type"], "application/json")
        expected = {"file_path": asked["file_path"], "file_size": len(JPEG), "mime_type": "image/jpeg"}
        self.assertEqual(response.json, expected)
        self.assertEqual(self.world.blobs, [JPEG])
        self.assertEqual(self.world.incoming, [])

    def test_big(self):
        """A content that comes in many pieces, of any size, is the same afterwards."""
        for size in (1, 1_460, 7_777, WRITE_BYTES, WRITE_BYTES + 1):
            content = BIG + size.to_bytes(4)
            asked = self.world.asked(self.mina, self.room_id, content)
            connection = self.world.begin_put(asked["upload_url"], len(content))
            step = size if size > 1 else 997
            for first in range(0, len(content), step):
                connection.send(content[first : first + step])
            self.world.turn()
            self.assertEqual(connection.response().status, 201)
            self.assertIn(content, self.world.blobs)

    def test_every_type(self):
        """The five types of the protocol are taken."""
        for content in IMAGES.values():
            self.world.uploaded(self.mina, self.room_id, content)
        self.assertEqual(self.world.blobs, sorted(IMAGES.values()))

    def test_same_content(self):
        """However often a content is uploaded, by whomever, it is kept once; each has a path of his own."""
        paths = {self.world.uploaded(self.mina, self.room_id) for _ in range(3)}
        paths.add(self.world.uploaded(self.jun, self.room_id))
        self.assertEqual(len(paths), 4)
        self.assertEqual(self.world.blobs, [JPEG])

    def test_length(self):
        """There have to be exactly as many bytes as announced, and it has to be said beforehand."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        self.assert_refused(self.world.put(url, JPEG[:-1]), 400, f"expected {len(JPEG)} bytes")
        self.assert_refused(self.world.put(url, JPEG + b"!"), 413, f"expected {len(JPEG)} bytes")
        self.assert_refused(self.world.put(url, b""), 400, "got 0")
        chunked = Connection(self.world.web)
        chunked.send(request_bytes("PUT", url, {"Transfer-Encoding": "chunked"}) + b"5\r\nabcde\r\n")
        self.world.turn()
        self.assert_refused(chunked.response(), 411, "Content-Length")
        self.assert_refused(self.world.browser.request("PUT", url), 411, "Content-Length")
        self.assertEqual(self.world.blobs + self.world.incoming, [])
        self.assertEqual(self.world.put(url).status, 201)

    def test_wrong_type(self):
        """What is something else than was announced is refused, whatever its name; a right one may follow."""
        for content in (
            EXE,
            HTML,
            PNG,
            GIF + HTML,
            b"\0" * 100,
            b"%PDF-1.4",
            heif(b"avif", b"mif1", b"avif"),
        ):
            asked = self.world.asked(self.mina, self.room_id, JPEG, file_size=len(content))
            response = self.world.put(asked["upload_url"], content, Content_Type="image/jpeg")
            self.assert_refused(response, 415, "expected image/jpeg")
        self.assertEqual(self.world.blobs + self.world.incoming, [])
        again = JPEG[: len(content)].ljust(len(content), b"\0")
        self.assertEqual(self.world.put(asked["upload_url"], again).status, 201)

    def test_wrong_type_early(self):
        """It is refused when its beginning has come, not its end; nothing more is written."""
        asked = self.world.asked(self.mina, self.room_id, file_size=10_000_000 - 1)
        connection = self.world.begin_put(asked["upload_url"], 10_000_000 - 1, EXE + bytes(WRITE_BYTES))
        response = connection.response()
        self.assert_refused(response, 415, "expected image/jpeg")
        self.assertEqual(response.headers["connection"], "close")
        self.assertEqual(self.world.incoming, [])
        self.world.clock.advance(5)
        self.assertTrue(connection.transport.disconnecting)

    def test_once(self):
        """An address is good for one upload."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        self.assertEqual(self.world.put(url).status, 201)
        self.assert_refused(self.world.put(url), 409, "already")

    def test_two_at_once(self):
        """Of two uploads to one address that run side by side, one counts."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        halves = JPEG[:50], JPEG[50:]
        both = [self.world.begin_put(url, len(JPEG), halves[0]) for _ in range(2)]
        for one in both:
            one.send(halves[1])
        self.world.turn()
        self.assertEqual(sorted(one.response().status for one in both), [201, 409])
        self.assertEqual((self.world.blobs, self.world.incoming), ([JPEG], []))

    def test_expired(self):
        """After its time an address is gone, also from the database."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        self.world.clock.advance(300)
        self.assert_refused(self.world.put(url), 410, "expired")
        self.world.clock.advance(3_600)
        self.world.tidy()
        self.assertEqual(self.world.query("SELECT * FROM files"), [])
        self.assert_refused(self.world.put(url), 410, "expired")

    def test_altered(self):
        """An address that is not exactly as it was given is none of ours; nor is one made for reading."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        path = self.world.uploaded(self.mina, self.room_id, PNG)
        link = json.loads(self.world.get(path, self.mina, "POST").body)["url"].partition("?link=")[2]
        said, _, seal = url.removeprefix("/uploads/").partition(".")
        for token in (
            "",
            "x",
            ".",
            said,
            f"{said}.",
            f".{seal}",
            f"{said}.{seal[:-1]}",
            f"{said}.{seal}=",
            f"{said}.{seal}A",
            f"{said}..{seal}",
            f"{seal}.{said}",
            f"{said[:-1]}{'A' if said[-1] != 'A' else 'B'}.{seal}",
            f"{'A' if said[0] != 'A' else 'B'}{said[1:]}.{seal}",
            "%2e%2e",
            "A" * 5_000,
            link,
        ):
            with self.subTest(token=token):
                self.assert_refused(self.world.put(f"/uploads/{token}"), 403, "not one of this server's")
        self.assertEqual(self.world.blobs, [PNG])

    def test_path_tricks(self):
        """Nothing in an address leads anywhere else on the disk."""
        for path in ("/uploads/../../etc/passwd", "/uploads/..%2f..%2fx", "/uploads//x", "/uploads"):
            response = self.world.put(path)
            self.assertIn(response.status, (403, 404))
        self.assertEqual(self.world.blobs + self.world.incoming, [])
        self.assertEqual(sorted(one.name for one in self.directory.iterdir()), ["blobs", "incoming"])

    def test_other_spellings(self):
        """Who takes the body is found as who answers is: no body is taken that another one answers for."""
        asked = self.world.asked(self.mina, self.room_id)
        url = asked["upload_url"]
        self.assertEqual(self.world.put(f"/{url}").status, 404)
        self.assertEqual(self.world.blobs + self.world.incoming, [])
        for body in (b"", PNG):
            self.assertEqual(self.world.put("/%75ploads/x", body).status, 403)
        self.assertEqual(self.world.put(url.replace("/u", "/%75", 1)).status, 201)

    def test_headers_of_any_bytes(self):
        """A header that is no text keeps nobody from an answer."""
        asked = self.world.asked(self.mina, self.room_id)
        head = request_bytes("PUT", asked["upload_url"], {"Content-Length": str(len(JPEG)), "X": "REPLACED"})
        for name, status in ((b"Origin", b"403"), (b"Expect", b"201")):
            connection = Connection(self.world.web)
            connection.send(head.replace(b"X: REPLACED", name + b": \xff\xfe"))
            connection.send(JPEG)
            self.world.turn()
            self.assertTrue(connection.transport.value().startswith(b"HTTP/1.1 " + status), name)

    def test_cut(self):
        """Of an upload whose connection is lost nothing is left; the address still counts."""
        asked = self.world.asked(self.mina, self.room_id, BIG)
        for sent in (0, 10, WRITE_BYTES - 1, WRITE_BYTES, WRITE_BYTES * 3, len(BIG) - 1):
            connection = self.world.begin_put(asked["upload_url"], len(BIG), BIG[:sent])
            self.assertEqual(len(self.world.incoming), int(sent >= WRITE_BYTES))
            self.assertEqual(self.world.get(asked["file_path"], self.mina).status, 404)
            connection.lose()
            self.world.turn()
            self.assertEqual(self.world.incoming + self.world.blobs, [], sent)
        self.assertEqual(self.world.put(asked["upload_url"], BIG).status, 201)

    def test_cut_while_writing(self):
        """Nor where the disk is just writing, or had more to write."""
        asked = self.world.asked(self.mina, self.room_id, BIG)
        for sent in (WRITE_BYTES, WRITE_BYTES * 2):
            self.world.disk.hold()
            connection = self.world.begin_put(asked["upload_url"], len(BIG), BIG[:sent])
            connection.lose()
            self.world.disk.release()
            self.world.turn()
            self.assertEqual(self.world.incoming + self.world.blobs, [], sent)
        self.assertEqual(self.world.put(asked["upload_url"], BIG).status, 201)

    def test_cut_at_the_end(self):
        """What had come as a whole is kept, though nobody is there to be told."""
        asked = self.world.asked(self.mina, self.room_id)
        self.world.disk.hold()
        connection = self.world.begin_put(asked["upload_url"], len(JPEG), JPEG)
        connection.lose()
        self.world.disk.release()
        self.world.turn()
        self.assertEqual(self.world.blobs, [JPEG])
        self.assert_refused(self.world.put(asked["upload_url"]), 409, "already")

    def test_database_away(self):
        """Without a database there is no upload; it can be tried again."""
        asked = self.world.asked(self.mina, self.room_id)
        self.world.put("/uploads/x")  # the key is known from here on
        connection = self.world.begin_put(asked["upload_url"], len(JPEG), JPEG[:-1])
        self.world.database.go_away()
        connection.send(JPEG[-1:])
        self.world.turn()
        response = connection.response()
        self.assert_refused(response, 503, "cannot be kept now")
        self.assertEqual(response.headers["retry-after"], "5")
        self.world.database.come_back()
        self.assertEqual(self.world.put(asked["upload_url"]).status, 201)

    def test_connection_goes_on(self):
        """After an upload its connection serves further requests, those too that came right behind it."""
        first, second = (self.world.asked(self.mina, self.room_id)["upload_url"] for _ in range(2))
        connection = self.world.begin_put(
            first,
            len(JPEG),
            JPEG + request_bytes("PUT", second, body=JPEG) + request_bytes("GET", "/storage/x"),
        )
        received = connection.transport.value()
        self.assertEqual(received.count(b"HTTP/1.1 201"), 2)
        self.assertEqual(received.count(b"HTTP/1.1 401"), 1)

    def test_methods(self):
        """Only PUT uploads."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        for method in ("GET", "POST"):
            self.assertEqual(self.world.browser.request(method, url, body=JPEG).status, 405)

    def test_public_url(self):
        """With http.public_url the address is a whole one."""
        self.world.files.public_url = "https://chat.example.org"
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        self.assertTrue(url.startswith("https://chat.example.org/uploads/"), url)


class PaceTests(FileTestCase):
    """An upload takes no more memory, time and places than it may."""

    def setUp(self):
        """Announce a big file."""
        super().setUp()
        self.asked = self.world.asked(self.mina, self.room_id, BIG)
        self.url = self.asked["upload_url"]

    def test_slow_disk(self):
        """While the disk has enough to do, the connection is not read; then it goes on."""
        self.world.disk.hold()
        connection = self.world.begin_put(self.url, len(BIG), BIG[:1_000])
        self.assertEqual(connection.transport.producerState, "producing")
        connection.send(BIG[1_000:WRITE_BYTES])
        self.assertEqual(connection.transport.producerState, "producing")  # one piece is being written
        connection.send(BIG[WRITE_BYTES : WRITE_BYTES * 2])
        self.assertEqual(connection.transport.producerState, "paused")
        self.assertEqual(len(self.world.disk.held), 1)
        self.world.disk.work()
        self.assertEqual(connection.transport.producerState, "producing")
        connection.send(BIG[WRITE_BYTES * 2 :])
        self.world.disk.release()
        self.world.turn()
        self.assertEqual(connection.response().status, 201)
        self.assertEqual(self.world.blobs, [BIG])

    def test_hanging_disk(self):
        """A disk that hangs holds up uploads and downloads, and nobody's chat."""
        path = self.world.shown(self.mina, self.room_id)
        self.world.disk.hold()
        self.world.begin_put(self.url, len(BIG), BIG)
        Connection(self.world.web).send(
            request_bytes("GET", path, {"Authorization": f"Bearer {self.mina.token}"})
        )
        self.world.turn()
        self.mina.say(self.room_id, "안녕")
        self.jun.heard("NEW_MESSAGE")
        self.assertEqual(len(self.world.disk.held), 2)

    def test_slow_disk_is_no_slow_client(self):
        """A connection that is not read does not count as idle."""
        self.world.disk.hold()
        connection = self.world.begin_put(self.url, len(BIG), BIG[: WRITE_BYTES * 2])
        self.world.clock.advance(100)
        self.assertFalse(connection.transport.disconnecting)
        self.world.disk.release()
        self.world.turn()
        connection.send(BIG[WRITE_BYTES * 2 :])
        self.world.turn()
        self.assertEqual(connection.response().status, 201)

    def test_idle(self):
        """A client that stops sending is closed after 30 s, before and after others have waited for it."""
        for sent in (0, 10, WRITE_BYTES * 2):
            connection = self.world.begin_put(self.url, len(BIG), BIG[:sent])
            self.world.clock.advance(29)
            self.assertFalse(connection.transport.disconnecting)
            self.world.clock.advance(2)
            self.assertTrue(connection.transport.disconnecting)
            connection.lose()
            self.world.turn()
            self.assertEqual(self.world.incoming, [])

    def test_idle_afterwards(self):
        """After an upload that had to wait, its connection is closed when it is idle, as any other is."""
        self.world.disk.hold()
        connection = self.world.begin_put(self.url, len(BIG), BIG)
        self.world.disk.release()
        self.world.turn()
        self.assertEqual(connection.response().status, 201)
        self.world.clock.advance(31)
        self.assertTrue(connection.transport.disconnecting)

    def test_too_slow(self):
        """It has to end within the time within which it had to begin."""
        connection = self.world.begin_put(self.url, len(BIG), BIG[:WRITE_BYTES])
        for place in range(31):
            connection.send(BIG[WRITE_BYTES + place :][:1])
            self.world.clock.advance(10)
            self.world.turn()
        self.assert_refused(connection.response(), 408, "too long")
        self.assertEqual(self.world.incoming, [])

    def test_waiting_is_no_slow_client(self):
        """The time that an upload has begins anew when its turn comes."""
        small = [self.world.asked(self.mina, self.room_id)["upload_url"] for _ in range(4)]
        begun = [self.world.begin_put(one, len(JPEG), JPEG[:1]) for one in small]
        late = self.world.begin_put(self.url, len(BIG), BIG[:1_000])
        late.send(BIG[1_000 : WRITE_BYTES + 1_000])  # which was on its way already, and changes nothing
        self.assertEqual(self.world.incoming, [])
        for place in range(1, 12):
            for one in begun:
                one.send(JPEG[place : place + 1])
            self.world.clock.advance(25)
        for one in begun:
            one.send(JPEG[12:])
        self.world.turn()
        for place in range(5):
            late.send(BIG[WRITE_BYTES + 1_000 + place :][:1])
            self.world.clock.advance(25)
        late.send(BIG[WRITE_BYTES + 1_005 :])
        self.world.turn()
        self.assertEqual(late.response().status, 201)

    def test_places(self):
        """Four uploads of a user run at a time; more wait, unread, and those of others do not."""
        asked = [self.world.asked(self.mina, self.room_id, BIG) for _ in range(6)]
        begun = [self.world.begin_put(one["upload_url"], len(BIG), BIG[:1_000]) for one in asked]
        states = [one.transport.producerState for one in begun]
        self.assertEqual(states, ["producing"] * 4 + ["paused"] * 2)
        jun = self.world.asked(self.jun, self.room_id, BIG)["upload_url"]
        self.assertEqual(self.world.put(jun, BIG).status, 201)
        begun[0].send(BIG[1_000:])
        begun[5].lose()
        self.world.turn()
        self.assertEqual(begun[0].response().status, 201)
        self.assertEqual(begun[4].transport.producerState, "producing")
        for one in begun[1:5]:
            one.send(BIG[1_000:])
        self.world.turn()
        self.assertEqual([one.response().status for one in begun[1:5]], [201] * 4)

    def test_lost_while_waiting(self):
        """Whoever leaves before his turn leaves nothing to be done, though he has sent everything."""
        small = [self.world.asked(self.mina, self.room_id) for _ in range(5)]
        for one in small[:4]:
            self.world.begin_put(one["upload_url"], len(JPEG), JPEG[:10])
        last = self.world.begin_put(small[4]["upload_url"], len(JPEG), JPEG)
        last.lose()
        self.world.turn()
        self.assertEqual(self.world.blobs, [])
        self.assertEqual(self.world.put(self.world.asked(self.jun, self.room_id)["upload_url"]).status, 201)
        self.world.clock.advance(31)

    def test_expect(self):
        """A client that asks first is told to go on once it is known that its bytes are wanted."""
        connection = self.world.begin_put(self.url, len(BIG), Expect="100-continue")
        self.assertEqual(connection.transport.value(), CONTINUE)
        connection.send(BIG)
        self.world.turn()
        self.assertIn(b"HTTP/1.1 201", connection.transport.value())
        again = self.world.begin_put(self.url, len(BIG), Expect="100-continue")
        self.assertNotIn(CONTINUE, again.transport.value())
        self.assert_refused(again.response(), 409, "already")

    def test_refused_body(self):
        """After a refusal what still comes is read for a while, lest the answer be lost, but not for ever."""
        connection = self.world.begin_put("/uploads/x", 50_000_000, bytes(1_000))
        self.assertEqual(connection.response().status, 403)
        for _ in range(16):
            connection.send(bytes(2**20))
            self.assertFalse(connection.transport.disconnecting)
        connection.send(bytes(2**20))
        self.assertTrue(connection.transport.disconnecting)

    def test_refused_body_ends(self):
        """When the refused body has come, the connection is closed."""
        connection = self.world.begin_put("/uploads/x", 2_000, bytes(1_000))
        self.assertEqual(connection.response().status, 403)
        self.assertFalse(connection.transport.disconnecting)
        connection.send(bytes(1_000))
        self.assertTrue(connection.transport.disconnecting)


class FullDiskTests(FileTestCase):
    """Nothing is left of what finds no room."""

    def setUp(self):
        """Announce a big file."""
        super().setUp()
        self.url = self.world.asked(self.mina, self.room_id, BIG)["upload_url"]

    def break_disk(self, number, after=0):
        """Have writing fail after so many pieces."""
        left = [after]

        def write(file, data):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(number, os.strerror(number))
            return os.write(file, data)

        self.world.kept.write = write

    def test_full(self):
        """The client is told that there is no room, at once."""
        for number in (errno.ENOSPC, errno.EDQUOT):
            for after in (0, 2):
                self.break_disk(number, after)
                connection = self.world.begin_put(self.url, len(BIG), BIG[: WRITE_BYTES * 3])
                self.assert_refused(connection.response(), 507, "no room")
                self.assertEqual(self.world.blobs + self.world.incoming, [])
        self.world.kept.write = os.write
        self.assertEqual(self.world.put(self.url, BIG).status, 201)

    def test_full_at_the_end(self):
        """Also where the last piece finds no room."""
        self.break_disk(errno.ENOSPC, len(BIG) // WRITE_BYTES)
        self.assert_refused(self.world.put(self.url, BIG), 507, "no room")
        self.assertEqual(self.world.blobs + self.world.incoming, [])

    def test_broken(self):
        """A disk that fails in another way is for the operator to hear of; the client may try again."""
        self.break_disk(errno.EIO, 1)
        response = self.world.put(self.url, BIG)
        self.assert_refused(response, 503, "cannot be kept now")
        self.assertEqual(response.headers["retry-after"], "5")
        self.assertEqual(self.world.blobs + self.world.incoming, [])
        self.assertEqual([one.value.errno for one in self.flushLoggedErrors(OSError)], [errno.EIO])
        self.world.kept.write = os.write
        self.assertEqual(self.world.put(self.url, BIG).status, 201)

    def test_written_in_parts(self):
        """A disk that takes less than it is given gets the rest as well."""
        self.world.kept.write = lambda file, data: os.write(file, data[:1_000])
        self.assertEqual(self.world.put(self.url, BIG).status, 201)
        self.assertEqual(self.world.blobs, [BIG])


class BodyTests(FileTestCase):
    """Bodies of other requests."""

    def test_announced(self):
        """A body of more than 64 KiB is refused when it is announced."""
        connection = Connection(self.world.web)
        connection.send(request_bytes("POST", "/storage/x", {"Content-Length": "65537"}) + b"x")
        response = connection.response()
        self.assertEqual((response.status, response.headers["connection"]), (413, "close"))
        self.world.clock.advance(5)
        self.assertTrue(connection.transport.disconnecting)

    def test_chunked(self):
        """Or when it has come."""
        connection = Connection(self.world.web)
        connection.send(request_bytes("POST", "/storage/x", {"Transfer-Encoding": "chunked"}))
        for _ in range(16):
            connection.send(b"1000\r\n" + bytes(0x1000) + b"\r\n")
        self.assertEqual(connection.transport.value(), b"")
        connection.send(b"1\r\nx\r\n")
        self.assertEqual(connection.response().status, 413)

    def test_short(self):
        """A shorter one is the resource's."""
        response = self.world.browser.post("/storage/x", bytes(65_536))
        self.assertEqual(response.status, 401)


class CorsTests(FileTestCase):
    """Pages of other hosts (CORS)."""

    origins = ("https://app.example.org",)

    def test_preflight(self):
        """A browser asks first, and gets the origin back that http.origins names."""
        for path, method in (("/uploads/x", "PUT"), ("/storage/u/x.jpg", "GET")):
            answer = self.world.browser.request(
                "OPTIONS", path, headers={"Origin": self.origins[0], "Access-Control-Request-Method": method}
            )
            self.assertEqual(answer.status, 204)
            self.assertEqual(answer.headers["access-control-allow-origin"], self.origins[0])
            self.assertIn(method, answer.headers["access-control-allow-methods"])
            self.assertIn("Origin", answer.headers["vary"])
            answer = self.world.browser.request("OPTIONS", path, headers={"Origin": "https://evil.example"})
            self.assertEqual(answer.status, 403)
            self.assertNotIn("access-control-allow-origin", answer.headers)

    def test_upload(self):
        """An upload from such a page succeeds, one from another is refused; both can tell."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        refused = self.world.put(url, Origin="https://evil.example")
        self.assert_refused(refused, 403, "http.origins")
        self.assertNotIn("access-control-allow-origin", refused.headers)
        wrong = self.world.put(url, JPEG[1:], Origin=self.origins[0])
        self.assert_refused(wrong, 400, "expected")
        self.assertEqual(wrong.headers["access-control-allow-origin"], self.origins[0])
        done = self.world.put(url, Origin=self.origins[0])
        self.assertEqual((done.status, done.headers["access-control-allow-origin"]), (201, self.origins[0]))


class SameOriginTests(FileTestCase):
    """Without http.origins."""

    def test_same_origin(self):
        """Pages from the server itself may upload, others may not."""
        url = self.world.asked(self.mina, self.room_id)["upload_url"]
        self.assert_refused(self.world.put(url, Origin="https://evil.example"), 403, "http.origins")
        self.assertEqual(self.world.put(url, Origin="http://chat.example.org").status, 201)


class ImageTests(FileTestCase):
    """SEND_MESSAGE of an uploaded image."""

    def refused(self, client, data):
        """Return the words of the FILE_UPLOAD_FAILED that a message gets."""
        answer = client.ask("SEND_MESSAGE", data)
        self.assertEqual(code_of(answer), "FILE_UPLOAD_FAILED")
        return details(answer)

    def test_sent(self):
        """An uploaded image can be sent; everybody gets the file's own size and type."""
        path = self.world.uploaded(self.mina, self.room_id, PNG)
        answer = self.mina.ask("SEND_MESSAGE", image(self.room_id, path, PNG))
        expected = {"file_path": path, "file_name": "a.jpg", "file_size": len(PNG), "mime_type": "image/png"}
        self.assertEqual(answer["data"]["file_info"], expected)
        self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["file_info"], expected)

    def test_claims(self):
        """Another size or type than the file has is refused, and the field is named."""
        path = self.world.uploaded(self.mina, self.room_id)
        words = self.refused(self.mina, image(self.room_id, path, file_size=len(JPEG) + 1))
        self.assertIn(f"data.file_info.file_size: the file has {len(JPEG)} bytes", words)
        words = self.refused(self.mina, image(self.room_id, path, mime_type="image/png"))
        self.assertIn("data.file_info.mime_type: the file is image/jpeg", words)

    def test_whose(self):
        """The file has to be one that the sender has uploaded to this room, to its end."""
        elsewhere = self.world.room(self.mina, self.jun)
        path = self.world.uploaded(self.mina, self.room_id)
        begun = self.world.asked(self.mina, self.room_id)["file_path"]
        profile = self.world.uploaded(self.mina, None)
        nowhere = "/storage/u/aaaaaaaaaaaaaaaaaaaaaa.jpg"
        for client, room_id, one in (
            (self.jun, self.room_id, path),
            (self.mina, elsewhere, path),
            (self.mina, self.room_id, begun),
            (self.mina, self.room_id, profile),
            (self.mina, self.room_id, nowhere),
        ):
            self.assertIn("data.file_info.file_path: ", self.refused(client, image(room_id, one)))

    def test_order(self):
        """Membership comes before the file, and the form of what is said before the file itself."""
        path = self.world.uploaded(self.mina, self.room_id)
        self.assertEqual(self.other.refused("SEND_MESSAGE", image(self.room_id, path)), "USER_NOT_IN_ROOM")
        self.assertEqual(self.mina.refused("SEND_MESSAGE", image(999, path)), "ROOM_NOT_FOUND")
        words = self.refused(self.mina, image(self.room_id, path, file_size=0))
        self.assertIn("expected 1 to", words)

    def test_foreign(self):
        """Files that were not uploaded here are taken as in v1.0, unless files.foreign is off."""
        foreign = image(self.room_id, "/storage/rooms/1/a.jpg")
        self.assertTrue(self.mina.ask("SEND_MESSAGE", foreign)["success"])
        self.world.files.foreign = False
        self.assertIn("data.file_info.file_path: ", self.refused(self.mina, foreign))
        path = self.world.uploaded(self.mina, self.room_id)
        self.assertTrue(self.mina.ask("SEND_MESSAGE", image(self.room_id, path))["success"])

    def test_again(self):
        """A file may be shown in several messages; a send that is repeated is stored once."""
        data = image(self.room_id, self.world.uploaded(self.mina, self.room_id))
        first = self.mina.ask("SEND_MESSAGE", data | {"client_message_id": "one"})
        again = self.mina.ask("SEND_MESSAGE", data | {"client_message_id": "one"})
        self.assertEqual(again["data"], first["data"] | {"duplicate": True})
        self.assertTrue(self.mina.ask("SEND_MESSAGE", data)["success"])

    def test_among_texts(self):
        """In one group with texts and other images each is judged by itself."""
        path = self.world.uploaded(self.mina, self.room_id)
        text = {"room_id": self.room_id, "content": "안녕", "message_type": "text"}
        wrong = image(self.room_id, "/storage/u/aaaaaaaaaaaaaaaaaaaaaa.jpg")
        asked = [text, image(self.room_id, path), wrong, text]
        seq_ids = self.mina.begin(*[self.mina.request("SEND_MESSAGE", one) for one in asked])
        self.world.turn()
        self.assertEqual([self.mina.answer(one)["success"] for one in seq_ids], [True, True, False, True])

    def test_texts_cost_nothing(self):
        """A text needs no statement about files."""
        heard = []
        self.world.database.trace(heard.append)
        self.mina.say(self.room_id, "안녕")
        self.assertTrue(heard)
        self.assertEqual([one for one in heard if "FROM files" in one or "UPDATE files" in one], [])


class ProfileTests(FileTestCase):
    """A user's own image."""

    def test_profile(self):
        """An upload without a room becomes the image of its user, in the next message too, for all to see."""
        path = self.world.uploaded(self.mina, None)
        self.mina.say(self.room_id, "안녕")
        self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["user"]["profile_image"], path)
        self.assertEqual(self.world.get(path, self.other).body, JPEG)

    def test_replaced(self):
        """The newest one counts; the one before is removed after a day."""
        old, new = self.world.uploaded(self.mina, None), self.world.uploaded(self.mina, None, PNG)
        self.world.clock.advance(90_000)
        self.world.tidy()
        self.assertEqual(self.world.blobs, [PNG])
        self.assertEqual(self.world.query("SELECT file_path FROM files"), [(new,)])
        self.assertNotEqual(old, new)


class TidyTests(FileTestCase):
    """What nobody needs is removed."""

    def test_orphans(self):
        """A file that no message refers to is removed after a day; one that is shown stays."""
        shown = self.world.shown(self.mina, self.room_id, PNG)
        self.world.uploaded(self.mina, self.room_id, GIF)
        self.world.clock.advance(86_399)
        self.world.tidy()
        self.assertEqual(len(self.world.blobs), 2)
        self.world.clock.advance(2)
        self.world.tidy()
        self.assertEqual(self.world.blobs, [PNG])
        self.assertEqual(self.world.query("SELECT file_path FROM files"), [(shown,)])

    def test_shared(self):
        """A content goes with the last file that has it, and may come again."""
        self.world.uploaded(self.mina, self.room_id)
        self.world.shown(self.jun, self.room_id)
        self.world.clock.advance(90_000)
        self.world.tidy()
        self.assertEqual(self.world.blobs, [JPEG])
        self.world.uploaded(self.mina, self.room_id, PNG)
        self.world.clock.advance(90_000)
        self.world.tidy()
        self.assertEqual(self.world.blobs, [JPEG])
        self.world.uploaded(self.mina, self.room_id, PNG)
        self.assertEqual(self.world.blobs, sorted((JPEG, PNG)))

    def test_removed_while_it_comes_again(self):
        """A content that comes while the last file that had it is removed has a name of its own."""
        self.world.uploaded(self.mina, self.room_id)
        self.world.clock.advance(90_000)
        asked = self.world.asked(self.mina, self.room_id)
        self.world.disk.hold()
        tidied = Deferred.fromCoroutine(self.world.files.tidy())
        self.world.turn()
        self.assertEqual(len(self.world.disk.held), 1)  # the row is gone, its blob is about to go
        connection = self.world.begin_put(asked["upload_url"], len(JPEG), JPEG)
        while len(self.world.disk.held) > 1:
            self.world.disk.held.pop(1)()  # all of the upload comes before it
            self.world.turn()
        self.assertEqual(connection.response().status, 201)
        self.world.disk.release()
        self.world.turn()
        self.assertTrue(tidied.called)
        self.assertEqual(self.world.blobs, [JPEG])
        self.assertEqual(self.world.get(asked["file_path"], self.mina).body, JPEG)

    def test_many(self):
        """However many there are, all are removed, a part at a time."""
        for number in range(120):
            self.world.uploaded(self.mina, self.room_id, JPEG + bytes([number]))
        self.world.clock.advance(90_000)
        self.world.tidy()
        self.assertEqual(self.world.blobs, [])
        self.assertEqual(self.world.query("SELECT file_bytes, unfinished FROM uploaders"), [(0, 0)])

    def test_strays(self):
        """What a process left that ended in between is removed: blobs without a file, unfinished ones."""
        self.world.shown(self.mina, self.room_id)
        name = "ab" * 32 + "-01234567"
        stray = self.directory / "blobs" / "ab" / name
        stray.parent.mkdir(exist_ok=True)
        begun = self.directory / "incoming" / "1234"
        other = self.directory / "blobs" / "ab" / "not ours"
        for one in (stray, begun, other):
            one.write_bytes(b"x")
        self.world.tidy_all()
        self.assertEqual(len(self.world.blobs), 3)  # they may belong to an upload that is under way
        for one in (*(self.directory / "blobs").glob("*/*"), begun):
            os.utime(one, (1, 1))
        self.world.tidy_all()
        self.assertEqual(self.world.incoming, [])
        self.assertEqual(self.world.blobs, sorted([JPEG, b"x"]))
        self.assertTrue(other.exists())

    def test_by_itself(self):
        """It happens by itself."""
        self.world.uploaded(self.mina, self.room_id)
        self.world.clock.advance(86_401)
        self.world.pass_time(31, step=5)
        self.assertEqual(self.world.blobs, [])

    def test_message_just_in_time(self):
        """A message that refers to a file the moment before it is removed keeps it, or is refused."""
        path = self.world.uploaded(self.mina, self.room_id)
        self.world.clock.advance(86_401)
        self.mina = self.world.resumed(self.mina)
        tidied = Deferred.fromCoroutine(self.world.files.tidy())
        answer = self.mina.ask("SEND_MESSAGE", image(self.room_id, path))
        self.world.turn()
        self.assertTrue(tidied.called)
        self.assertEqual(bool(answer.get("success")), self.world.blobs == [JPEG])


class NodesTests(TestCase):
    """Two nodes with one database and one directory."""

    def setUp(self):
        """Start them."""
        require_postgres()
        directory = tempfile.TemporaryDirectory(prefix="assa-files-")
        self.addCleanup(directory.cleanup)
        database, worlds = supply().take(self), []
        self.here, self.there = (
            FileWorld(Path(directory.name), database=database, nodes=worlds, lease_s=10) for _ in range(2)
        )

    def test_two_nodes(self):
        """An address of one node is good on the other; so are the file, its links and the limits."""
        mina, jun = self.here.connected(1, "mina"), self.there.connected(2, "jun")
        room_id = self.here.room(mina, jun)
        asked = self.here.asked(mina, room_id)
        self.assertEqual(self.there.put(asked["upload_url"]).status, 201)
        self.assertEqual(self.here.put(asked["upload_url"]).status, 409)
        self.assertTrue(mina.ask("SEND_MESSAGE", image(room_id, asked["file_path"]))["success"])
        link = self.here.get(asked["file_path"], mina, "POST").json["url"]
        self.assertEqual(self.there.get(link, None).body, JPEG)
        self.assertEqual(self.there.get(asked["file_path"], jun).body, JPEG)
        self.assertTrue(self.there.shown(jun, room_id))
        self.assertEqual(self.here.blobs, [JPEG])

    def test_first_key(self):
        """Nodes that need a key for the first time at the same moment have the same one."""
        keys = [Deferred.fromCoroutine(one.files.key()) for one in (self.here, self.there)]
        self.here.turn()
        self.assertEqual(keys[0].result, keys[1].result)
        self.assertEqual(len(keys[0].result), 32)


class SettingsTests(TestCase):
    """What a server makes out of [files]."""

    def setUp(self):
        """Have a directory for its state."""
        directory = tempfile.TemporaryDirectory(prefix="assa-state-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def made(self, **settings):
        """Return what keeps files on a server with these settings."""
        given = {f"ASSA_{name.upper()}": json.dumps(value) for name, value in settings.items()}
        config = load(None, {"ASSA_SERVER__STATE_DIR": str(self.directory / "state")} | given)
        return make_files(config, Clock(), None)

    def test_directory(self):
        """By default files are in the state directory, for the server's user alone."""
        files = self.made()
        self.assertEqual((files.quota, files.foreign, files.upload_ttl_s), (2**30, True, 300))
        self.assertEqual((self.directory / "state").stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.directory / "state" / "files" / "blobs").stat().st_mode & 0o777, 0o700)

    def test_off(self):
        """Uploads can be off; they are where nobody could bring any."""
        self.assertIsNone(self.made(files__uploads=False))
        self.assertIsNone(self.made(http__listen=[]))
        self.assertIsNotNone(self.made(http__listen=[], http__public_url="https://chat.example.org"))
        self.assertEqual(list(self.directory.glob("state/files/*/*")), [])

    def test_prefix(self):
        """The prefix has to be free."""
        self.made(files__prefix="/pictures/of/chat/")
        pages = [f"/{one.name}/" for one in WEB.iterdir() if one.is_dir()]
        self.assertGreater(len(pages), 1)
        for prefix in ("/", "/ws/", "/uploads/", "/admin/files/", *pages):
            with self.assertRaises(ConfigError) as caught:
                self.made(files__prefix=prefix)
            self.assertIn("files.prefix", str(caught.exception))

    def test_unusable(self):
        """A directory that cannot be used is told at the start."""
        (self.directory / "plain").write_text("")
        with self.assertRaises(ConfigError) as caught:
            self.made(files__directory=str(self.directory / "plain"))
        self.assertIn("files.directory", str(caught.exception))


class PartTests(TestCase):
    """Parts of it by themselves."""

    def test_sniffing(self):
        """A type is told by the beginning of the content; of HEIF, by its brands."""
        heic = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
        for content, expected in (
            *((content, mime_type) for mime_type, content in IMAGES.items()),
            *((heif(brand, b"mif1"), "image/heic") for brand in heic),
            (heif(b"mif1", b"mif1", b"heic", b"hevc"), "image/heic"),
            (heif(b"mif1", b"mif1", b"heix"), "image/heic"),
            (heif(b"msf1", b"msf1", b"hevc"), "image/heic"),
            (heif(b"mif1", b"mif1"), None),
            (heif(b"mif1", b"mif1", b"avif"), None),
            (heif(b"avif", b"avif", b"mif1"), None),
            (heif(b"isom", b"isom", b"mp42"), None),
            (heif(b"qt  ", b"heic"), None),
            (b"\xff\xff\xff\xffftypheic" + bytes(20), None),
            (b"\0\0\0\x08ftypheic" + bytes(20), None),
            (b"\0\0\0\0ftyp", None),
            (PNG[:37] + b"\0\0\0\x08acTL" + PNG[37:], "image/png"),
            (EXE, "application/x-msdownload"),
            (HTML, None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"", None),
            (b"x", None),
            (b"RIFF\x24\0\0\0WAVEfmt " + bytes(30), "audio/x-wav"),
        ):
            with self.subTest(content=content[:24]):
                self.assertEqual(type_of(content), expected)

    def test_sniffing_survives(self):
        """No beginning of a content breaks it."""
        for content in (*IMAGES.values(), EXE, heif(b"mif1", b"heic")):
            for length in range(len(content)):
                type_of(content[:length])

    def test_signing(self):
        """A token counts for its use, its key and its time."""
        token = sign(b"k" * 32, Use.READ, "/storage/사진.jpg", 1_000)
        self.assertEqual(verify(b"k" * 32, Use.READ, token, 999), "/storage/사진.jpg")
        for key, use, now_ms, status in (
            (b"k" * 32, Use.READ, 1_000, 410),
            (b"k" * 32, Use.UPLOAD, 999, 403),
            (b"j" * 32, Use.READ, 999, 403),
        ):
            with self.assertRaises(Rejected) as caught:
                verify(key, use, token, now_ms)
            self.assertEqual(caught.exception.status, status)

    def test_slots(self):
        """Places go to the longest-waiting who may have one."""
        slots, had = Slots(total=3, each=2), []
        for number, user in enumerate((1, 1, 1, 2, 2, 3)):
            slots.take(user).addCallback(lambda _, number=number: had.append(number))
        self.assertEqual(had, [0, 1, 3])
        slots.give(2)
        self.assertEqual(had, [0, 1, 3, 4])
        slots.give(1)
        self.assertEqual(had, [0, 1, 3, 4, 2])
        waiting = slots.take(9)
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        slots.give(1)
        slots.give(1)
        slots.give(2)
        self.assertEqual(had, [0, 1, 3, 4, 2, 5])

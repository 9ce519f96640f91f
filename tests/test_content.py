"""Protocol section 6 (§5.1, §5.2, §10.1): what a message may contain."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.content import IMAGE_TYPES, check_content
from assa.errors import Code
from assa.limits import Limits
from assa.protocol.shapes import FileInfo

LIMITS = Limits()
IMAGE = FileInfo(
    file_path="/storage/rooms/100/a.jpg", file_name="a.jpg", file_size=1024, mime_type="image/jpeg"
)
TRAVERSALS = (
    "",
    "/",
    "/storage",
    "/storage/",
    "storage/a.jpg",
    "//storage/a.jpg",
    "/storage//a.jpg",
    "/storage/./a.jpg",
    "/storage/a.jpg/",
    "/storage/a.jpg/.",
    "/storage/..",
    "/storage/../etc/passwd",
    "/storage/../storage/a.jpg",
    "/storage/a/../../etc/passwd",
    "/storage/a/../b.jpg",
    "/storage/a/..",
    "/storage/.//..//etc/passwd",
    "/storage/..\\etc\\passwd",
    "/storage/a\\..\\..\\b.jpg",
    "/storage/a\\b.jpg",
    "\\storage\\a.jpg",
    "/storage/a.jpg\0.png",
    "/storage/\0",
    "/Storage/a.jpg",
    "/storage2/a.jpg",
    "/etc/passwd",
    "../storage/a.jpg",
    " /storage/a.jpg",
    "\ufeff/storage/a.jpg",
    "file:///storage/a.jpg",
    "http://example.com/storage/a.jpg",
    "C:/storage/a.jpg",
    "C:\\storage\\a.jpg",
)


class ContentTestCase(SynchronousTestCase):
    def code(self, message_type: str = "text", content: str = "안녕", file_info: FileInfo | None = None):
        """Return the code that a message is refused with, or None."""
        refused = check_content(message_type, content, file_info, LIMITS, "/storage/")
        if refused is None:
            return None
        self.assertTrue(refused.details.startswith("data."), refused.details)
        return refused.code

    def image(self, **more):
        """Return the code that an image is refused with, or None."""
        return self.code("image", "", evolve(IMAGE, **more))


class TextTests(ContentTestCase):
    def test_length(self):
        """1 to 5,000 Unicode code points, however many bytes they are."""
        for text in ("a", "가" * 5_000, "\U0001f600" * 5_000, " a "):
            self.assertIs(self.code(content=text), None)
        for text in ("a" * 5_001, "\U0001f600" * 5_001):
            self.assertIs(self.code(content=text), Code.MESSAGE_TOO_LONG)

    def test_blank(self):
        """Empty or blank is INVALID_MESSAGE, in every kind of white space."""
        for text in ("", " ", "\n\t ", "\u3000", "\u00a0\u2003"):
            self.assertIs(self.code(content=text), Code.INVALID_MESSAGE)

    def test_type(self):
        """Text or image, spelt like this."""
        for wrong in ("", "TEXT", "text ", "file", "video", "image/png"):
            self.assertIs(self.code(wrong), Code.INVALID_MESSAGE_TYPE)

    def test_type_first(self):
        """A wrong type is told before its content is looked at."""
        self.assertIs(self.code("file", "a" * 9_999), Code.INVALID_MESSAGE_TYPE)

    def test_file_of_a_text(self):
        """A text's file_info does not count."""
        self.assertIs(self.code(file_info=evolve(IMAGE, file_path="/etc/passwd")), None)


class ImageTests(ContentTestCase):
    def test_good(self):
        """The example's shape, with and without a caption."""
        self.assertIs(self.code("image", "", IMAGE), None)
        self.assertIs(self.code("image", "사진", IMAGE), None)

    def test_caption(self):
        """A caption is as long as a text at most."""
        self.assertIs(self.code("image", "가" * 5_001, IMAGE), Code.MESSAGE_TOO_LONG)

    def test_no_file(self):
        """file_info is required."""
        self.assertIs(self.code("image", "사진", None), Code.FILE_UPLOAD_FAILED)

    def test_size(self):
        """1 byte to 10 MiB."""
        for size in (1, 10_485_760):
            self.assertIs(self.image(file_size=size), None)
        for size in (0, -1, 10_485_761, 2**63):
            self.assertIs(self.image(file_size=size), Code.FILE_UPLOAD_FAILED)

    def test_mime_type(self):
        """One of five, exactly."""
        self.assertEqual(
            set(IMAGE_TYPES), {f"image/{kind}" for kind in ("jpeg", "png", "gif", "webp", "heic")}
        )
        for kind in IMAGE_TYPES:
            self.assertIs(self.image(mime_type=kind), None)
        for kind in ("", "image/svg+xml", "IMAGE/PNG", "image/png ", "text/html", "image/png\0", "image/*"):
            self.assertIs(self.image(mime_type=kind), Code.FILE_UPLOAD_FAILED)

    def test_name(self):
        """A bare name: no path, no control characters, not only dots."""
        for name in ("a.jpg", "사진 1.png", "..jpg", ".a", "a..b"):
            self.assertIs(self.image(file_name=name), None)
        for name in (
            "",
            " ",
            ".",
            "..",
            "../a.jpg",
            "a/b.jpg",
            "a\\b.jpg",
            "/a.jpg",
            "a\0.jpg",
            "a\nb",
            "x" * 256,
        ):
            self.assertIs(self.image(file_name=name), Code.FILE_UPLOAD_FAILED)


class PathTests(ContentTestCase):
    def test_traversal(self):
        """A path that is not normalised, or not below the prefix, in all its disguises (section 6)."""
        for path in TRAVERSALS:
            self.assertIs(self.image(file_path=path), Code.FILE_UPLOAD_FAILED, path)

    def test_control_characters(self):
        """No control characters, which logs and headers would choke on; no path without end."""
        for path in ("/storage/a\nb", "/storage/a\r\nX: y", "/storage/\x7f", "/storage/" + "x" * 1_016):
            self.assertIs(self.image(file_path=path), Code.FILE_UPLOAD_FAILED)

    def test_good(self):
        """Plain paths pass, in any script."""
        for path in (
            "/storage/a",
            "/storage/방/사진 1.jpg",
            "/storage/a.b/c..d",
            "/storage/...",
            "/storage/.a",
        ):
            self.assertIs(self.image(file_path=path), None, path)

    def test_other_prefix(self):
        """The prefix comes from the configuration."""
        for path, code in (("/files/x/a.jpg", None), ("/storage/a.jpg", Code.FILE_UPLOAD_FAILED)):
            refused = check_content("image", "", evolve(IMAGE, file_path=path), LIMITS, "/files/x/")
            self.assertIs(refused and refused.code, code)

    @given(
        st.lists(
            st.sampled_from(
                ["storage", "..", ".", "", "a", "\\", "\0", "%2e%2e", "\uff0e\uff0e", "~", "a b"]
            ),
            max_size=7,
        ),
        st.sampled_from(["/storage/", "/", "", "//"]),
    )
    def test_accepted_is_below(self, parts, start):
        """Whatever is accepted is a normalised path below the prefix (section 6)."""
        path = start + "/".join(parts)
        if self.image(file_path=path) is None:
            self.assertEqual(posixpath.normpath(path), path)
            self.assertEqual(PurePosixPath(path).parts[:2], ("/", "storage"))
            self.assertGreater(len(PurePosixPath(path).parts), 2)
            self.assertFalse({"..", "."} & set(path.split("/")))
            self.assertFalse(set("\\\0") & set(path))

    @given(st.text(max_size=30))
    def test_any_text(self, text):
        """Any text is accepted or refused with the code of files, never with an exception."""
        for field in ("file_path", "file_name", "mime_type"):
            self.assertIn(self.image(**{field: text}), (None, Code.FILE_UPLOAD_FAILED))

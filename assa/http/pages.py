"""The web client at ``/``: static files of the package, what they are told, and tokens for development."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from attrs import frozen
from twisted.web.http import CACHED
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource

from assa.errors import Refused
from assa.http.access import from_this_machine
from assa.http.addresses import Origins
from assa.http.problems import answer
from assa.schema import Id, Length, structure

if TYPE_CHECKING:
    from twisted.web.server import Request

WEB: Final = Path(__file__).parent.parent / "web"
"""The directory of the web client and of assa.js."""
LIBRARY: Final = "assa"
"""The directory of assa.js in it."""
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_PERMISSIONS: Final = "camera=(self), microphone=(self), display-capture=(self), geolocation=()"
_BODY_BYTES: Final = 1_000


class Pages(Resource):
    """The static files: asked for again at each visit, so that an upgrade is seen at once.

    They are small, and read whole.

    Args:
        directory: Where they are.
        connects: Further places that scripts may connect to, of the policy's `connect-src`.
    """

    def __init__(self, directory: Path = WEB, *, connects: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._directory = directory
        self._policy = policy(connects)

    def getChild(self, path: bytes, request: Request) -> IResource:
        """Return the file at a path below this one."""
        names = [name.decode("latin-1") for name in (path, *(request.postpath or ()))]
        file = self._find(names)
        if file is None:
            return notFound()
        request.postpath = []
        return _Page(file, self._policy)

    def _find(self, names: list[str]) -> Path | None:
        """Return the file that the names lead to; of other kinds than a page is made of, there is none."""
        if names == [""]:
            names = ["index.html"]
        if not all(_NAME.fullmatch(name) for name in names):
            return None
        file = self._directory.joinpath(*names)
        return file if file.suffix in _TYPES and file.is_file() else None


class _Page(Resource):
    """One file, with the headers of all."""

    isLeaf = True

    def __init__(self, file: Path, policy: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._file = file
        self._policy = policy

    def render_GET(self, request: Request) -> bytes:
        """Send the file, unless the browser has it already."""
        content = self._file.read_bytes()
        request.setHeader("Content-Type", _TYPES[self._file.suffix])
        request.setHeader("Cache-Control", "no-cache")
        request.setHeader("Content-Security-Policy", self._policy)
        request.setHeader("Permissions-Policy", _PERMISSIONS)
        if self._file.parent.name == LIBRARY:
            request.setHeader("Access-Control-Allow-Origin", "*")  # modules that pages from elsewhere import
        etag = f'"{sha256(content).hexdigest()[:32]}"'
        return b"" if request.setETag(etag.encode()) is CACHED else content


def policy(connects: str) -> str:
    """Return the Content-Security-Policy of the web client: nothing from anywhere else."""
    return (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; "
        f"connect-src 'self' {connects}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class Json(Resource):
    """A JSON document.

    Args:
        document: What it says.
    """

    isLeaf = True

    def __init__(self, document: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._document = document

    def render_GET(self, request: Request) -> bytes:
        """Answer with the document."""
        return answer(request, HTTPStatus.OK, self._document)


@frozen(kw_only=True)
class Whose:
    """Whose token a development page asks for."""

    user_id: Id
    nickname: Annotated[str, Length(0, 100)] | None = None


class DevelopmentTokens(Resource):
    """``POST /dev/token``: a token for whoever asks, on a development server, from the machine itself.

    Args:
        mint: Makes a token out of a user id and a nickname.
    """

    isLeaf = True

    def __init__(self, mint: Callable[[int, str | None], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._mint = mint

    def render_POST(self, request: Request) -> bytes:
        """Answer with a token.

        A page of another origin cannot have one made, and nobody on another machine can: a development server
        that is reachable must not hand out identities.
        """
        if not from_this_machine(request) or not Origins().allows(request):
            problem = "only from this machine, and not through a proxy: make one with `assa token`"
            return answer(request, HTTPStatus.FORBIDDEN, {"error": problem})
        try:
            asked = orjson.loads(request.content.read(_BODY_BYTES) if request.content else b"")
            whose = structure(Whose, asked, "")
        except (orjson.JSONDecodeError, Refused):
            problem = "expected {user_id: a positive integer, nickname: at most 100 characters or absent}"
            return answer(request, HTTPStatus.BAD_REQUEST, {"error": problem})
        return answer(request, HTTPStatus.OK, {"token": self._mint(whose.user_id, whose.nickname or None)})

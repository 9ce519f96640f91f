"""``GET /storage/...``: the content of a file, for who may see it (section 6, v1.1).

Who may is said by a token (``Authorization: Bearer``), or by a signed address, which a POST with such a token
gives: ``{"url", "expires_at"}``, for places where no header can be set, such as an ``<img>``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from assa.errors import Code, Refused
from assa.files import Missing, Rejected
from assa.http.access import bearer
from assa.http.cors import Cors
from assa.http.problems import Unserved, answer, error, refuse
from assa.http.ranges import Unsatisfiable, range_of
from assa.http.sending import Sending
from assa.storage import Unavailable
from assa.wire import iso

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure
    from twisted.web.server import Request

    from assa.auth import Tokens
    from assa.files.service import Files
    from assa.http.addresses import Origins
    from assa.storage.files import File

_KEPT_S: Final = 86_400
_RETRY_MS: Final = 1_000
_HEADERS: Final = {
    "Accept-Ranges": "bytes",
    # Its content never changes; who else uses the browser must not get it from there.
    "Cache-Control": f"private, max-age={_KEPT_S}, immutable",
    # Whatever it is taken for: it runs no script and loads nothing.
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


class FileResource(Resource):
    """Serves files.

    Args:
        files: Where they are.
        tokens: Tells who a JWT is.
        origins: Pages of other hosts that may read them.
        clock: Ends connections whose clients read nothing.
    """

    isLeaf = True
    log = Logger()

    def __init__(self, files: Files, *, tokens: Tokens, origins: Origins, clock: IReactorTime) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._files = files
        self._tokens = tokens
        self._clock = clock
        self._policy = "cross-origin" if origins.named else "same-origin"
        methods = "GET, HEAD, POST, OPTIONS"
        self._cors = Cors(
            origins, methods=methods, headers="Authorization, Content-Type, If-None-Match, If-Range, Range"
        )

    def render_OPTIONS(self, request: Request) -> bytes:
        """Tell a browser what a page may do."""
        return self._cors.preflight(request)

    def render_GET(self, request: Request) -> int:
        """Send a file."""
        return self._begin(request, self._send)

    def render_HEAD(self, request: Request) -> int:
        """Tell about a file."""
        return self._begin(request, self._send)

    def render_POST(self, request: Request) -> int:
        """Answer with a signed address of a file."""
        return self._begin(request, self._link)

    def _begin(self, request: Request, work: Callable[[Request], Coroutine[Any, Any, None]]) -> int:
        Deferred.fromCoroutine(work(request)).addErrback(self._failed, request).addErrback(
            lambda failure: self.log.failure("a file could not be served", failure)
        )
        return NOT_DONE_YET

    # --- who may see it ---

    async def _file(self, request: Request) -> File:
        """Return the file that is asked for.

        Raises:
            Refused: It is not known who asks.
            Rejected: A signed address does not count.
            Unserved: There is none, or none for whoever asks: they are not told which.
        """
        path = request.path.decode("latin-1")
        token = (request.args or {}).get(b"link")
        if token and request.method != b"POST":  # one signed address is not to give the next
            file = await self._files.linked(path, token[0].decode("latin-1"))
        else:
            file = await self._files.visible(path, bearer(request, self._tokens).user_id)
        if file is None:
            raise Unserved(HTTPStatus.NOT_FOUND, "no such file, or none that you may see")
        return file

    def _check_origin(self, request: Request) -> None:
        request.responseHeaders.addRawHeader("Vary", "Authorization")
        if not self._cors.allow(request):
            raise Refused(Code.PERMISSION_DENIED, "this origin is not among http.origins")

    # --- what is sent ---

    async def _link(self, request: Request) -> None:
        self._check_origin(request)
        url, expires_at_ms = await self._files.link(await self._file(request))
        _finish(request, answer(request, HTTPStatus.CREATED, {"url": url, "expires_at": iso(expires_at_ms)}))

    async def _send(self, request: Request) -> None:
        self._check_origin(request)
        file = await self._file(request)
        self._describe(request, file)
        etag = f'"{file.digest}"'
        if _is_among(etag, request.getHeader("if-none-match")):
            request.setResponseCode(HTTPStatus.NOT_MODIFIED)
            _finish(request, b"")
            return
        start, count = 0, file.file_size
        if request.getHeader("if-range") in (None, etag):
            start, count = self._ranged(request, file)
        request.setHeader("Content-Length", str(count))
        if request.method == b"HEAD":
            _finish(request, b"")
            return
        assert file.blob is not None  # noqa: S101 - it has come
        reading = await self._files.blobs.open(file.blob)
        await Sending(request, reading, self._clock).send(start, count)

    def _describe(self, request: Request, file: File) -> None:
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        request.setHeader("Content-Type", file.mime_type)
        request.setHeader("Content-Disposition", disposition(file.file_name))
        request.setHeader("Cross-Origin-Resource-Policy", self._policy)
        request.setHeader("ETag", f'"{file.digest}"')

    def _ranged(self, request: Request, file: File) -> tuple[int, int]:
        """Return the first byte to send and how many, by the request's Range."""
        wanted = range_of(request.getHeader("range"), file.file_size)
        if wanted is None:
            return 0, file.file_size
        start, end = wanted
        request.setResponseCode(HTTPStatus.PARTIAL_CONTENT)
        request.setHeader("Content-Range", f"bytes {start}-{end - 1}/{file.file_size}")
        return start, end - start

    # --- what goes wrong ---

    def _failed(self, failure: Failure, request: Request) -> None:
        if request.startedWriting:  # the client sees that it is not all of it
            request.loseConnection()
            self.log.failure("a file was not sent to its end", failure)
            return
        for name in ("Content-Disposition", "Content-Length", "ETag"):
            request.responseHeaders.removeHeader(name)
        _finish(request, self._refusal(failure.value, request, failure))

    def _refusal(self, wrong: BaseException | None, request: Request, failure: Failure) -> bytes:
        match wrong:
            case Refused() | Unserved():
                return refuse(request, wrong)
            case Unsatisfiable():
                request.setHeader("Content-Range", f"bytes */{wrong.size}")
                status, code = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, Code.INVALID_MESSAGE
                details = f"Range: the file has {wrong.size} bytes"
            case Rejected():
                status, code, details = wrong.status, Code.PERMISSION_DENIED, wrong.details
            case Unavailable():
                rule = "the database is away"
                return refuse(request, Refused(Code.SERVICE_UNAVAILABLE, rule, retry_after_ms=_RETRY_MS))
            case Missing():
                self.log.error("the content of a file is missing: {name}", name=str(wrong))
                return refuse(request, Unserved(HTTPStatus.NOT_FOUND, "the content is missing"))
            case _:
                self.log.failure("a file could not be served", failure)
                return refuse(request, Refused(Code.INTERNAL_ERROR, "it is in the server's log"))
        return answer(request, status, error(code, details))


def disposition(name: str) -> str:
    """Return a Content-Disposition that names a file, also to who knows ASCII only (RFC 6266)."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in name)
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _is_among(etag: str, listed: str | None) -> bool:
    """Return whether a list of entity tags, or `*`, covers one; weak ones do (RFC 9110, 13.1.2)."""
    tags = [one.strip().removeprefix("W/") for one in (listed or "").split(",")]
    return etag in tags or tags == ["*"]


def _finish(request: Request, body: bytes) -> None:
    """Send an answer, unless nobody is there any more."""
    if getattr(request, "channel", None) is None:
        return
    if body:
        request.setHeader("Content-Length", str(len(body)))
    request.write(body)
    request.finish()

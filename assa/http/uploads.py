"""``PUT /uploads/TOKEN``: the bytes of a file, to the address that REQUEST_UPLOAD gave (section 6, v1.1)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from assa.errors import Code
from assa.files import Rejected
from assa.http.cors import Cors
from assa.http.problems import answer, error
from assa.http.receiving import Reply, Upload
from assa.http.slots import Slots

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.server import Request

    from assa.files.service import Files
    from assa.http.addresses import Origins
    from assa.http.request import ChatRequest

_TOTAL: Final = 128
_EACH: Final = 4
"""Uploads at the same time, of all and of one user: each takes about 200 KiB of memory. Others wait."""


class UploadResource(Resource):
    """Takes uploads.

    Args:
        files: Where they go.
        origins: Pages of other hosts that may upload.
        clock: Ends those that take too long.
    """

    isLeaf = True

    def __init__(self, files: Files, *, origins: Origins, clock: IReactorTime) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._files = files
        self._clock = clock
        self._cors = Cors(origins, methods="PUT, OPTIONS", headers="Content-Type")
        self._slots = Slots(total=_TOTAL, each=_EACH)

    def receive(self, request: ChatRequest, command: bytes, path: bytes, length: int | None) -> bool:
        """Take the body of a PUT, see :class:`assa.http.request.Receiver`."""
        if command != b"PUT":
            return False
        if not self._cors.allow(request):
            refused = Rejected(HTTPStatus.FORBIDDEN, "this origin is not among http.origins")
            _turn_away(request, Reply(refused=refused))
            return True
        token = path.partition(b"?")[0].rpartition(b"/")[2].decode("latin-1")
        upload = Upload(
            request, token=token, length=length, files=self._files, slots=self._slots, clock=self._clock
        )
        request.content = upload  # which has what Twisted needs of a file
        upload.reply.addCallback(_answer_early, request, upload)
        upload.begin()
        return True

    def render_PUT(self, request: ChatRequest) -> int:
        """Answer an upload whose body has come, once it is durable."""
        upload: Any = request.content
        upload.rendered = True
        upload.reply.addCallback(_send, request)
        return NOT_DONE_YET

    def render_OPTIONS(self, request: Request) -> bytes:
        """Tell a browser what a page may do."""
        return self._cors.preflight(request)


def _answer_early(reply: Reply, request: ChatRequest, upload: Upload) -> Reply:
    """Refuse what has not come yet; else its turn comes in a moment."""
    if not upload.rendered and not upload.complete:
        _turn_away(request, reply)
    return reply


def _turn_away(request: ChatRequest, reply: Reply) -> None:
    status, document = _put(request, reply)
    request.turn_away(status, answer(request, status, document))


def _send(reply: Reply, request: ChatRequest) -> None:
    if getattr(request, "channel", None) is None:  # nobody is there any more
        return
    status, document = _put(request, reply)
    text = answer(request, status, document)
    request.setHeader("Content-Length", str(len(text)))  # type: ignore[no-untyped-call]  # Twisted's
    request.write(text)  # type: ignore[no-untyped-call]  # Twisted's
    request.finish()  # type: ignore[no-untyped-call]  # Twisted's


def _put(request: Request, reply: Reply) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return the status and the document of a reply."""
    file, refused = reply.file, reply.refused
    if file is not None:
        done = {"file_path": file.file_path, "file_size": file.file_size, "mime_type": file.mime_type}
        return HTTPStatus.CREATED, done
    assert refused is not None  # noqa: S101 - one or the other
    if refused.retry_after_s is not None:
        request.setHeader("Retry-After", str(refused.retry_after_s))
    return refused.status, error(Code.FILE_UPLOAD_FAILED, refused.details)

"""One upload on its way from its connection to the store of files, and no faster than that takes it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from assa.files import WRITE_BYTES, Blob, Rejected, StoreFull
from assa.storage import Unavailable

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from assa.files.service import Files
    from assa.http.request import ChatRequest
    from assa.http.slots import Slots
    from assa.storage.files import File

_RETRY_S: Final = 5


class Cut(Exception):  # noqa: N818 - what happened, no defect
    """The connection was lost before everything had come."""


@frozen
class Reply:
    """What the client is told: the file, or why it was refused."""

    file: File | None = None
    refused: Rejected | None = None


class Upload:
    """Takes the body of a request as Twisted hands it over, which takes this for a file.

    Bytes are written when there are `WRITE_BYTES` of them. While that many wait for the store, and before it
    is known that they are wanted, the connection is not read.

    Args:
        request: Whose body it is.
        token: What was in its address.
        length: Bytes of the body; None: not known.
        files: Where it goes.
        slots: How many at the same time.
        clock: Ends one that takes too long.
    """

    log = Logger()

    def __init__(
        self,
        request: ChatRequest,
        *,
        token: str,
        length: int | None,
        files: Files,
        slots: Slots,
        clock: IReactorTime,
    ) -> None:
        self.reply: Deferred[Reply] = Deferred()
        """Fires once everything has come and is durable, or is refused."""
        self.rendered = False
        """Whether Twisted has asked for the answer."""
        self._request = request
        self._channel: Any = request.channel
        self._token = token
        self._length = length
        self._left = -1 if length is None else length
        self._files = files
        self._slots = slots
        self._buffer = bytearray()
        self._paused = self._begun = False
        self._waits: Deferred[None] | None = None
        self._wanted: Deferred[None] | None = None
        self._broken: Exception | None = None
        self._deadline: Any = clock.callLater(files.upload_ttl_s, self._break, _too_slow())

    def begin(self) -> None:
        """Find out whether the bytes are wanted, and take them."""
        expected = self._request.getHeader("expect")
        self._expected = expected is not None and expected.lower() == "100-continue"
        self._request.requestHeaders.removeHeader("Expect")  # which Twisted would answer at once
        self._pause()
        Deferred.fromCoroutine(self._receive()).addCallbacks(self._received, self._failed).addErrback(
            lambda failure: self.log.failure("an upload failed", failure)
        )

    @property
    def complete(self) -> bool:
        """Return whether the whole body has come."""
        return bool(self._length) and not self._left

    # --- what Twisted does with the file that it takes this for ---

    def write(self, data: bytes) -> None:
        """Take bytes that have come."""
        self._buffer += data
        self._left -= len(data)
        if not self._left:
            self._all_here()
        if self._ready():
            self._go_on()
        if len(self._buffer) >= WRITE_BYTES:
            self._pause()

    def tell(self) -> int:
        """Return how much can be read: nothing, the store has it."""
        return 0

    def seek(self, *_: int) -> int:
        """Need nothing."""
        return 0

    def close(self) -> None:
        """End: the request is over, or its connection is lost. What has come is kept if its turn had come."""
        if self._left or not self._begun:
            self._break(Cut())

    # --- the connection ---

    def _pause(self) -> None:
        if self._left and not self._paused:
            self._paused = True
            self._channel.transport.pauseProducing()
            self._channel.setTimeout(None)  # the client is not to blame

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._channel.setTimeout(self._channel.site.timeOut)
            self._channel.transport.resumeProducing()

    def _all_here(self) -> None:
        self._cancel_deadline()
        if self._paused:
            self._resume()  # what comes now is another request, and Twisted's to hold up

    def _cancel_deadline(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    # --- waiting ---

    def _ready(self) -> bool:
        return len(self._buffer) >= WRITE_BYTES or not self._left

    def _go_on(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None and not wanted.called:
            wanted.callback(None)

    def _break(self, reason: Exception) -> None:
        """Have the upload fail where it waits for the client or its turn, or is about to."""
        self._broken = self._broken or reason
        self._cancel_deadline()
        if self._waits is not None:
            self._waits.cancel()

    async def _wait(self, for_what: Deferred[None]) -> None:
        self._waits = for_what
        if self._broken is not None:  # it happened while the disk was waited for
            for_what.cancel()
        try:
            await for_what
        except CancelledError:
            assert self._broken is not None  # noqa: S101 - or nobody has cancelled it
            raise self._broken from None
        finally:
            self._waits = None

    async def _next(self) -> bytes:
        """Return the next bytes to write."""
        if not self._ready():
            self._resume()
            self._wanted = Deferred()
            await self._wait(self._wanted)
        data = bytes(self._buffer[:WRITE_BYTES])
        del self._buffer[:WRITE_BYTES]
        if len(self._buffer) < WRITE_BYTES:
            self._resume()  # more may come while this is written
        return data

    # --- the way of a file ---

    async def _receive(self) -> File:
        file = await self._files.admit(self._token)
        self._check_length(file)
        await self._wait(self._slots.take(file.user_id))
        self._begun = True
        self._channel.site.transfers(self._channel)
        if self._deadline.active():  # while it waited, the client was not to blame
            self._deadline.reset(self._files.upload_ttl_s)
        try:
            blob = await self._write(file)
            await self._files.arrived(file, blob)
        finally:
            self._slots.give(file.user_id)
        return file

    def _check_length(self, file: File) -> None:
        if self._length is None or not self._request.requestHeaders.hasHeader("content-length"):
            raise Rejected(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        if self._length != file.file_size:
            much = self._length > file.file_size
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if much else HTTPStatus.BAD_REQUEST
            raise Rejected(status, f"expected {file.file_size} bytes, as announced; got {self._length}")

    async def _write(self, file: File) -> Blob:
        if self._expected and self._left:
            self._channel.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writing = await self._files.blobs.begin()
        try:
            data = await self._next()
            self._files.check_type(file, data)
            while data:
                await writing.write(data)
                data = await self._next() if self._left or self._buffer else b""
            return await writing.finish()
        except Exception:
            await writing.abandon()
            raise

    # --- the end ---

    def _received(self, file: File) -> None:
        self.reply.callback(Reply(file=file))

    def _failed(self, failure: Failure) -> None:
        self._cancel_deadline()
        self._buffer.clear()
        refused = self._refusal(failure)
        # Its frames keep what was just being read, 64 KiB for each refusal until garbage is collected.
        for wrong in (refused, failure.value):
            if wrong is not None:
                wrong.__traceback__ = None
        if not isinstance(self._broken, Cut):
            self._resume()
            self.reply.callback(Reply(refused=refused))

    def _refusal(self, failure: Failure) -> Rejected:
        wrong = failure.value
        if isinstance(wrong, Rejected):
            return wrong
        if isinstance(wrong, StoreFull):
            return Rejected(HTTPStatus.INSUFFICIENT_STORAGE, "there is no room for it here")
        if not isinstance(wrong, Unavailable | Cut):
            self.log.failure("an upload failed", failure)
        return Rejected(HTTPStatus.SERVICE_UNAVAILABLE, "it cannot be kept now", retry_after_s=_RETRY_S)


def _too_slow() -> Rejected:
    return Rejected(HTTPStatus.REQUEST_TIMEOUT, "it took too long", retry_after_s=_RETRY_S)

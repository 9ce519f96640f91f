"""A request on the HTTP port: where its body goes, and what every answer has in common.

Twisted keeps a body of any length, in memory or in a temporary file, before it asks anybody. Here a body is
at most `BODY_BYTES` long, and a resource that takes more (:class:`Receiver`) gets it piece by piece.
"""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from typing import Any, AnyStr, Final, Protocol, runtime_checkable
from urllib.parse import unquote_to_bytes

from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.server import Request

BODY_BYTES: Final = 65_536
"""The longest body of a request that is no upload."""
_HEADERS: Final = {
    b"Server": b"ASSA",
    b"X-Content-Type-Options": b"nosniff",
    b"Referrer-Policy": b"no-referrer",
    b"X-Frame-Options": b"DENY",
}
_LINGER_S: Final = 5
_LINGER_BYTES: Final = 2**24
"""How long, and how much, is read of a body that nobody wants."""


@runtime_checkable
class Receiver(Protocol):
    """A resource that takes bodies of its own choice."""

    def receive(self, request: ChatRequest, command: bytes, path: bytes, length: int | None) -> bool:
        """Look at a request whose headers have come.

        Args:
            request: May be turned away; else its `content` may be replaced by what takes the body.
            command: Its method.
            path: What it asks for, with the query.
            length: Bytes of its body; None: not known before the end.

        Returns:
            Whether the resource takes the body, or has turned the request away.
        """


class _Kept(BytesIO):
    """A body that is kept in memory, as far as it is a short one."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__()
        self._request = request

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > BODY_BYTES:
            self._request.refuse_body()
            return 0
        return super().write(data)


class _Ignored(BytesIO):
    """A body that nobody wants; more than a client may have on its way already is not even read."""

    def __init__(self, channel: Any) -> None:
        super().__init__()
        self._channel = channel
        self._left = _LINGER_BYTES

    def write(self, data: Any) -> int:
        self._left -= len(data)
        if self._left < 0:
            self._channel.loseConnection()
        return len(data)


class ChatRequest(Request):
    """A request that takes no more than it has to."""

    _lingering: Any = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's
        """Decide where the body goes: its headers have come."""
        self.content = _Kept(self) if length != 0 else BytesIO()
        channel: Any = self.channel
        command, path = channel._command, channel._path  # noqa: SLF001 - Twisted tells them no earlier
        resource = channel.site.resource.children.get(_first(path))
        if isinstance(resource, Receiver) and resource.receive(self, command, path, length):
            return
        if length is not None and length > BODY_BYTES:
            self.refuse_body()

    def getHeader(self, key: AnyStr) -> AnyStr | None:  # noqa: N802 - Twisted's
        """Return a header's last value; whatever bytes a client sends, there is a text for them."""
        if isinstance(key, bytes):
            return super().getHeader(key)
        value = super().getHeader(key.encode())
        return None if value is None else value.decode("latin-1")

    def refuse_body(self) -> None:
        """Turn the request away because of the length of its body."""
        self.setHeader("Content-Type", "text/plain; charset=utf-8")  # type: ignore[no-untyped-call]  # Twisted's
        self.turn_away(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {BODY_BYTES} bytes\n".encode()
        )

    def turn_away(self, status: HTTPStatus, answer: bytes) -> None:
        """Answer before the body has come, and close the connection soon after.

        At once would be too early: to a client that still sends, the kernel would say that nobody is there,
        and the answer would be lost.
        """
        channel: Any = self.channel
        channel.persistent = False
        # Twisted sets these once the body has come.
        self.method, self.uri, self.clientproto = channel._command, channel._path, channel._version  # noqa: SLF001
        self.requestHeaders.removeHeader("Expect")
        self.content = _Ignored(channel)
        self._lingering = channel.callLater(_LINGER_S, channel.loseConnection)
        self._put_headers()
        self.setHeader(b"Connection", b"close")  # type: ignore[no-untyped-call]  # Twisted's
        self.setHeader(b"Content-Length", b"%d" % len(answer))  # type: ignore[no-untyped-call]  # Twisted's
        self.setResponseCode(status)
        self.write(answer)  # type: ignore[no-untyped-call]  # Twisted's

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802 - Twisted's
        """Go on with a request whose body has come."""
        if self._lingering is not None:
            self._stop_lingering()
            self.finish()  # type: ignore[no-untyped-call]  # Twisted's
            return
        # Twisted would take forms apart, which nobody asks for here, and which takes it long.
        self.requestHeaders.removeHeader(b"Content-Type")
        super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]  # Twisted's

    def connectionLost(self, reason: Failure) -> None:
        """Let go of everything."""
        self._stop_lingering()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's

    def _stop_lingering(self) -> None:
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()

    def _put_headers(self) -> None:
        self.setHeader(b"Date", datetimeToString())  # type: ignore[no-untyped-call]  # Twisted's
        for name, value in _HEADERS.items():
            self.setHeader(name, value)  # type: ignore[no-untyped-call]  # Twisted's

    def render(self, resrc: Any) -> None:
        """Answer it."""
        self._put_headers()
        super().render(resrc)  # type: ignore[no-untyped-call]  # Twisted's


def _first(path: bytes) -> bytes:
    """Return the first part of a path, read as Twisted does when it looks for the resource."""
    return unquote_to_bytes(path.partition(b"?")[0][1:].partition(b"/")[0])

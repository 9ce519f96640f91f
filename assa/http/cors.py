"""Which pages of other hosts may upload and read files (CORS): those of http.origins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from twisted.web.http import Request

    from assa.http.addresses import Origins

_READABLE: Final = "ETag, Content-Range, Content-Disposition, Retry-After"
_REMEMBERED_S: Final = 600


class Cors:
    """Allows pages, with the same rules as for WebSocket.

    Args:
        origins: Pages that may use the server.
        methods: What they may do.
        headers: What they may send beyond what any page may.
    """

    def __init__(self, origins: Origins, *, methods: str, headers: str) -> None:
        self._origins = origins
        self._methods = methods
        self._headers = headers

    def allow(self, request: Request) -> bool:
        """Tell the browser that its page may see the answer; return False if it may not even ask."""
        request.responseHeaders.addRawHeader("Vary", "Origin")
        if not self._origins.allows(request):
            return False
        origin = request.getHeader("origin")
        if origin is not None:
            request.setHeader("Access-Control-Allow-Origin", origin)
            request.setHeader("Access-Control-Expose-Headers", _READABLE)
        return True

    def preflight(self, request: Request) -> bytes:
        """Answer OPTIONS, by which a browser asks first."""
        if not self.allow(request):
            request.setResponseCode(403)
            return b"this origin is not among http.origins\n"
        request.setResponseCode(204)
        request.setHeader("Access-Control-Allow-Methods", self._methods)
        request.setHeader("Access-Control-Allow-Headers", self._headers)
        request.setHeader("Access-Control-Max-Age", str(_REMEMBERED_S))
        request.setHeader("Allow", self._methods)
        return b""

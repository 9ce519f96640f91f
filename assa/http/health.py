"""Whether the process turns (``/healthz``) and whether it serves clients (``/readyz``).

Neither asks the database: the node knows what was seen of it lately.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from twisted.web.resource import Resource

if TYPE_CHECKING:
    from twisted.web.server import Request


class HealthResource(Resource):
    """Says that all is well, or why not.

    Args:
        problem: Returns what is wrong, or an empty text.
    """

    isLeaf = True

    def __init__(self, problem: Callable[[], str] = str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._problem = problem

    def render_GET(self, request: Request) -> bytes:
        """Answer 200, or 503 and the reason."""
        problem = self._problem()
        request.setResponseCode(HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        request.setHeader("Cache-Control", "no-store")
        return f"{problem or 'ok'}\n".encode()

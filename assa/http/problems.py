"""What a request over HTTP is told instead of an answer: the fields of an ERROR (§9.1) and an HTTP status."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson

from assa.errors import MESSAGES, Code, Refused

if TYPE_CHECKING:
    from twisted.web.http import Request

_STATUS: Final = {
    Code.AUTH_FAILED: HTTPStatus.UNAUTHORIZED,
    Code.INVALID_TOKEN: HTTPStatus.UNAUTHORIZED,
    Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    Code.ROOM_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.INVALID_MESSAGE: HTTPStatus.BAD_REQUEST,
    Code.MESSAGE_TOO_LONG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.SERVICE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_WORDS: Final = {
    HTTPStatus.NOT_FOUND: ("NOT_FOUND", "찾을 수 없습니다"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("METHOD_NOT_ALLOWED", "허용되지 않는 메서드입니다"),
}
"""What HTTP knows and the protocol has no code for."""


class Unserved(Exception):  # noqa: N818 - an answer of HTTP, not a defect
    """A request that HTTP itself refuses.

    Args:
        status: NOT_FOUND or METHOD_NOT_ALLOWED.
        details: For the developer who reads it.
    """

    def __init__(self, status: HTTPStatus, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.details = details


def answer(request: Request, status: HTTPStatus, document: Any) -> bytes:
    """Give an answer its status and the headers of JSON that nobody is to keep; return its body."""
    request.setResponseCode(status)
    request.setHeader("Content-Type", "application/json")
    request.setHeader("Cache-Control", "no-store")
    return orjson.dumps(document)


def error(code: Code, details: str) -> dict[str, str]:
    """Return the document of an error with a code of the protocol."""
    return {"error_code": code.value, "message": MESSAGES[code], "error_details": details}


def refuse(request: Request, wrong: Refused | Unserved) -> bytes:
    """Give an answer the status and the headers of a refusal; return its body."""
    if isinstance(wrong, Unserved):
        status = wrong.status
        code, message = _WORDS[status]
    else:
        status = _STATUS.get(wrong.code, HTTPStatus.BAD_REQUEST)
        code, message = wrong.code.value, MESSAGES[wrong.code]
        if wrong.retry_after_ms is not None:
            request.setHeader("Retry-After", str(-(-wrong.retry_after_ms // 1000)))
    if status is HTTPStatus.UNAUTHORIZED:
        request.setHeader("WWW-Authenticate", "Bearer")
    return answer(request, status, {"error_code": code, "message": message, "error_details": wrong.details})

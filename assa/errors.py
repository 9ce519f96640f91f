"""Error codes of the protocol and the exception that carries one (§9).

A request that may not be carried out raises :class:`Refused`; the session turns it into the
answer on the wire, in one place.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Error codes: §9.2's eleven, then those of v1.1."""

    AUTH_FAILED = "AUTH_FAILED"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - the name of a code, no secret
    ROOM_NOT_FOUND = "ROOM_NOT_FOUND"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    ROOM_FULL = "ROOM_FULL"
    USER_NOT_IN_ROOM = "USER_NOT_IN_ROOM"
    MESSAGE_TOO_LONG = "MESSAGE_TOO_LONG"
    INVALID_MESSAGE_TYPE = "INVALID_MESSAGE_TYPE"
    FILE_UPLOAD_FAILED = "FILE_UPLOAD_FAILED"
    VIDEO_ROOM_NOT_FOUND = "VIDEO_ROOM_NOT_FOUND"
    MAX_PARTICIPANTS_REACHED = "MAX_PARTICIPANTS_REACHED"

    INVALID_MESSAGE = "INVALID_MESSAGE"
    UNKNOWN_ACTION = "UNKNOWN_ACTION"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    CONFLICT = "CONFLICT"
    CONNECT_TIMEOUT = "CONNECT_TIMEOUT"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    HEARTBEAT_TIMEOUT = "HEARTBEAT_TIMEOUT"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    SERVER_FULL = "SERVER_FULL"
    SESSION_REPLACED = "SESSION_REPLACED"
    RATE_LIMITED = "RATE_LIMITED"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    INTERNAL_ERROR = "INTERNAL_ERROR"


MESSAGES: Final[dict[Code, str]] = {
    Code.AUTH_FAILED: "인증에 실패했습니다",
    Code.INVALID_TOKEN: "인증에 실패했습니다",
    Code.ROOM_NOT_FOUND: "채팅방을 찾을 수 없습니다",
    Code.PERMISSION_DENIED: "권한이 없습니다",
    Code.ROOM_FULL: "채팅방 인원이 초과되었습니다",
    Code.USER_NOT_IN_ROOM: "채팅방에 참가하고 있지 않습니다",
    Code.MESSAGE_TOO_LONG: "메시지가 너무 깁니다",
    Code.INVALID_MESSAGE_TYPE: "지원하지 않는 메시지 타입입니다",
    Code.FILE_UPLOAD_FAILED: "파일 업로드에 실패했습니다",
    Code.VIDEO_ROOM_NOT_FOUND: "영상회의 방을 찾을 수 없습니다",
    Code.MAX_PARTICIPANTS_REACHED: "최대 참가자 수를 초과했습니다",
    Code.INVALID_MESSAGE: "메시지 형식이 올바르지 않습니다",
    Code.UNKNOWN_ACTION: "알 수 없는 액션입니다",
    Code.MESSAGE_NOT_FOUND: "메시지를 찾을 수 없습니다",
    Code.CONFLICT: "같은 식별자로 다른 내용이 전송되었습니다",
    Code.CONNECT_TIMEOUT: "연결 시간이 초과되었습니다",
    Code.REQUEST_TIMEOUT: "요청 처리 시간이 초과되었습니다",
    Code.HEARTBEAT_TIMEOUT: "응답이 없어 연결을 종료합니다",
    Code.SERVICE_UNAVAILABLE: "서비스를 일시적으로 사용할 수 없습니다",
    Code.SERVER_FULL: "서버 접속 인원이 초과되었습니다",
    Code.SESSION_REPLACED: "다른 연결로 대체되었습니다",
    Code.RATE_LIMITED: "요청이 너무 많습니다",
    Code.SLOW_CONSUMER: "수신이 너무 느려 연결을 종료합니다",
    Code.INTERNAL_ERROR: "서버 내부 오류가 발생했습니다",
}
"""The Korean text of each code, as the `message` field of an error carries it."""


class Refused(Exception):  # noqa: N818 - a refusal is an answer of the protocol, not a defect
    """A request is refused with a code of the protocol.

    Args:
        code: What the client gets as `error_code`.
        details: Names the field and the rule, for a client developer; no secrets (§9.1
            `error_details`).
        retry_after_ms: Milliseconds after which trying again makes sense, where it does.
    """

    def __init__(self, code: Code, details: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(f"{code.value}: {details}")
        self.code = code
        self.details = details
        self.retry_after_ms = retry_after_ms

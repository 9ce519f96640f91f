"""What the documents say of each message by name: its section, its Korean text."""

from __future__ import annotations

from typing import Final

SECTIONS: Final = {
    "1.0": {
        "CONNECT_RESPONSE": "3.1",
        "CREATE_ROOM_RESPONSE": "4.1",
        "JOIN_ROOM_RESPONSE": "4.2",
        "USER_JOINED": "4.2",
        "EXIT_ROOM_RESPONSE": "4.3",
        "ROOM_INFO_RESPONSE": "4.4",
        "SEND_MESSAGE_RESPONSE": "5.1",
        "NEW_MESSAGE": "5.1",
        "CHECK_RECEIVE_RESPONSE": "5.3",
        "INVITE_RESPONSE": "6.1",
        "INVITATION_RECEIVED": "6.1",
        "CREATE_VIDEO_ROOM_RESPONSE": "7.1",
        "JOIN_VIDEO_ROOM_RESPONSE": "7.2",
        "SDP": "7.3",
        "PARTICIPANT_MEDIA_STATUS": "7.5",
        "SERVER_ANNOUNCEMENT": "8.1",
        "PING": "8.2",
        "ERROR": "9.1",
    },
    "1.1": {
        "TOKEN_EXPIRING": "3.1",
        "DISCONNECT_RESPONSE": "3.2",
        "USER_LEFT": "4.3",
        "HOST_CHANGED": "4.3",
        "LIST_ROOMS_RESPONSE": "4.4",
        "REQUEST_UPLOAD_RESPONSE": "5.2",
        "MESSAGE_RECEIVED": "5.3",
        "GET_MESSAGES_RESPONSE": "5.3",
        "VIDEO_ROOM_CREATED": "7.1",
        "PARTICIPANT_JOINED": "7.2",
        "GET_ICE_SERVERS_RESPONSE": "7.2",
        "ICE_CANDIDATE": "7.4",
        "EXIT_VIDEO_ROOM_RESPONSE": "7.6",
        "PARTICIPANT_LEFT": "7.6",
        "VIDEO_HOST_CHANGED": "7.6",
        "VIDEO_ROOM_CLOSED": "7.6",
        "GET_VIDEO_ROOM_PARTICIPANT_RESPONSE": "7.7",
        "SERVER_ANNOUNCEMENT_RESPONSE": "8.1",
        "PONG": "8.2",
    },
}
"""By the version that shows a message first; a message of v1.0 belongs to the same section in v1.1."""

SUCCESSES: Final = {
    "1.0": {
        "CONNECT": "연결이 성공적으로 설정되었습니다",
        "CREATE_ROOM": "채팅방이 생성되었습니다",
        "JOIN_ROOM": "채팅방에 참가했습니다",
        "EXIT_ROOM": "채팅방에서 나갔습니다",
        "SEND_MESSAGE": "메시지가 전송되었습니다",
        "INVITE": "사용자들이 초대되었습니다",
        "CREATE_VIDEO_ROOM": "영상회의 방이 생성되었습니다",
        "JOIN_VIDEO_ROOM": "영상회의에 참가했습니다",
    },
    "1.1": {
        "DISCONNECT": "연결이 종료되었습니다",
        "EXIT_VIDEO_ROOM": "영상회의에서 나갔습니다",
    },
}
"""The `message` of each success that has one, by the version that shows it."""

CONNECT_REFUSED: Final = "인증에 실패했습니다"
"""The `message` of the failure in §3.1."""

ERRORS: Final = {
    "AUTH_FAILED": CONNECT_REFUSED,
    "INVALID_TOKEN": CONNECT_REFUSED,
    "ROOM_NOT_FOUND": "채팅방을 찾을 수 없습니다",
    "PERMISSION_DENIED": "권한이 없습니다",
    "ROOM_FULL": "채팅방 인원이 초과되었습니다",
    "USER_NOT_IN_ROOM": "채팅방에 참가하고 있지 않습니다",
    "MESSAGE_TOO_LONG": "메시지가 너무 깁니다",
    "INVALID_MESSAGE_TYPE": "지원하지 않는 메시지 타입입니다",
    "FILE_UPLOAD_FAILED": "파일 업로드에 실패했습니다",
    "VIDEO_ROOM_NOT_FOUND": "영상회의 방을 찾을 수 없습니다",
    "MAX_PARTICIPANTS_REACHED": "최대 참가자 수를 초과했습니다",
    "INVALID_MESSAGE": "메시지 형식이 올바르지 않습니다",
    "UNKNOWN_ACTION": "알 수 없는 액션입니다",
    "MESSAGE_NOT_FOUND": "메시지를 찾을 수 없습니다",
    "CONFLICT": "같은 식별자로 다른 내용이 전송되었습니다",
    "CONNECT_TIMEOUT": "연결 시간이 초과되었습니다",
    "HEARTBEAT_TIMEOUT": "응답이 없어 연결을 종료합니다",
    "SERVICE_UNAVAILABLE": "서비스를 일시적으로 사용할 수 없습니다",
    "REQUEST_TIMEOUT": "요청 처리 시간이 초과되었습니다",
    "SERVER_FULL": "서버 접속 인원이 초과되었습니다",
    "SESSION_REPLACED": "다른 연결로 대체되었습니다",
    "RATE_LIMITED": "요청이 너무 많습니다",
    "SLOW_CONSUMER": "수신이 너무 느려 연결을 종료합니다",
    "INTERNAL_ERROR": "서버 내부 오류가 발생했습니다",
}
"""The `message` of each error (v1.1)."""

TITLES: Final = {
    "1.1": "Lines",
    "1.2": "Course of a connection",
    "2.1": "Messages",
    "2.2": "Fields of every message",
    "2.3": "Answers",
    "3.1": "CONNECT",
    "3.2": "DISCONNECT",
    "4.1": "CREATE_ROOM",
    "4.2": "JOIN_ROOM",
    "4.3": "EXIT_ROOM",
    "4.4": "ROOM_INFO, LIST_ROOMS",
    "5.1": "SEND_MESSAGE",
    "5.2": "Images",
    "5.3": "CHECK_RECEIVE, GET_MESSAGES",
    "6.1": "INVITE",
    "7.1": "CREATE_VIDEO_ROOM",
    "7.2": "JOIN_VIDEO_ROOM",
    "7.3": "SDP",
    "7.4": "ICE_CANDIDATE",
    "7.5": "MEDIA_STATUS",
    "7.6": "EXIT_VIDEO_ROOM",
    "7.7": "GET_VIDEO_ROOM_PARTICIPANT",
    "8.1": "SERVER_ANNOUNCEMENT",
    "8.2": "PING and PONG",
    "9.1": "ERROR",
    "9.2": "Error codes",
    "10.1": "Sizes",
    "10.2": "Timers",
    "10.3": "Sessions and recovery",
}
"""What each section is called in a report."""

"""What `assa chat` says, in English and in Korean; everything from outside is made harmless here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_ENGLISH: Final = {
    "connected": "Connected as user {user_id}{nickname}. /help shows what you can do.",
    "no_rooms": "You are in no room yet: /open NAME makes one that anybody may /join.",
    "your_rooms": "Your rooms:",
    "listed_room": "  [{room_id}] {name} (members: {count}, unread: {unread}){here}",
    "here": " <- you write here",
    "in_room": "You write in [{room_id}] {name} now.",
    "created": "Created [{room_id}] {name}. You write here now; /invite USER_ID... asks others in.",
    "opened": "Created [{room_id}] {name}, open to anybody: /join {room_id}. You write here now.",
    "entered": "Joined [{room_id}] {name}, with {nicknames}.",
    "exited": "Left [{room_id}].",
    "invited": "  {nickname} (user {user_id}): {status}",
    "message": "[{room_id}] {nickname}: {text} (#{message_id})",
    "reply": "[{room_id}] {nickname}: {text} (#{message_id}, reply to #{reply_to})",
    "image": "<image {name}, {size} bytes> {caption}",
    "old_message": "{time} {line}",
    "end_of_history": "  (/history {count} {before} shows what came before)",
    "no_messages": "No messages.",
    "nothing_unread": "Nothing unread.",
    "member": "  {nickname} (user {user_id}, {role})",
    "room_described": "[{room_id}] {name}: {count} of {most} members, {open}. {description}",
    "open": "open",
    "closed": "by invitation",
    "USER_JOINED": "[{room_id}] {nickname} joined (members: {count})",
    "USER_LEFT": "[{room_id}] {nickname} left (members: {count})",
    "HOST_CHANGED": "[{room_id}] {nickname} is the host now",
    "MESSAGE_RECEIVED": "[{room_id}] {nickname} received {ids}",
    "INVITATION_RECEIVED": "{nickname} invites you to [{room_id}] {name} (members: {count}): /join {room_id}",
    "SERVER_ANNOUNCEMENT": "*** {title}: {text} ({priority}, {kind})",
    "TOKEN_EXPIRING": "Your token expires at {time}: start again with a new one before that.",
    "VIDEO_ROOM_CREATED": "[{room_id}] {nickname} started the call {call_id} ({name}): /call {call_id}",
    "PARTICIPANT_JOINED": "(call {call_id}) {nickname} joined",
    "PARTICIPANT_LEFT": "(call {call_id}) {nickname} left ({reason})",
    "PARTICIPANT_MEDIA_STATUS": "(call {call_id}) {nickname}: microphone {audio}, camera {video}",
    "VIDEO_HOST_CHANGED": "(call {call_id}) {nickname} is the host now",
    "VIDEO_ROOM_CLOSED": "[{room_id}] the call {call_id} is over",
    "SDP": "(call {call_id}) {kind} from {nickname}, {size} bytes",
    "ICE_CANDIDATE": "(call {call_id}) ICE candidate from {nickname}: {text}",
    "in_call": "In call {call_id} with {nicknames} (signalling only: no camera here). /hangup leaves.",
    "hung_up": "Left the call {call_id}.",
    "muted": "Microphone {audio} in call {call_id}.",
    "on": "on",
    "off": "off",
    "unknown_event": "* {action} {text}",
    "raw": "{action}: {text}",
    "told": "{action}: sent; it has no answer",
    "error": "! {code}: {text}",
    "error_details": "! {code}: {text} ({details})",
    "waiting": "! Connection lost ({reason}). Trying again in {delay} s ({attempt} of {attempts}).",
    "still_waiting": "! Still no server ({reason}). Trying again in {delay} s ({attempt} of {attempts}).",
    "resumed": "Connected again; nothing was missed.",
    "resumed_one": "Connected again; 1 missed event follows.",
    "resumed_many": "Connected again; {count} missed events follow.",
    "not_resumed": "Connected again. Missed messages follow; what else was missed, /rooms and /who show.",
    "gap": "! [{room_id}] Missed messages could not be fetched ({reason}): /history shows them.",
    "offline": "! Connection lost for good: {reason}. To go on, start it again with the same command.",
    "refused": "! Connection lost for good: {reason}",
    "unsent": "! Not sent (lines): {count}",
    "not_connected": "! Not connected: {reason}",
    "no_answer": "! No answer: {reason}",
    "no_room": "! In which room? /rooms lists yours, /room ID goes to one.",
    "no_call": "! You are in no call: /call joins this room's or starts one, /call ID joins one.",
    "already_in_call": "! You are in call {call_id}: /hangup first.",
    "history_count": "! COUNT is 1 to {most}.",
    "unknown_command": "! There is no /{name}: /help lists what there is. (//{name} sends it as text.)",
    "usage": "! Like this: {usage}",
    "too_long": "! That line is too long.",
    "unreadable": "! {path}: {reason}",
    "retry": "! Too fast: sent again in {delay} s.",
    "retry_away": "! The server cannot do it now: sent again in {delay} s.",
    "receipts": "Receipts of others are {state}.",
}
_KOREAN: Final = {
    "connected": "사용자 {user_id}{nickname}(으)로 연결되었습니다. /help 로 명령을 볼 수 있습니다.",
    "no_rooms": "아직 참가한 방이 없습니다: /open 이름 으로 누구나 /join 할 수 있는 방을 만듭니다.",
    "your_rooms": "내 채팅방:",
    "listed_room": "  [{room_id}] {name} (인원 {count}, 안 읽음 {unread}){here}",
    "here": " <- 지금 쓰는 방",
    "in_room": "이제 [{room_id}] {name} 방에 씁니다.",
    "created": "[{room_id}] {name} 방을 만들었습니다. 이제 여기에 씁니다. /invite 사용자ID... 로 초대합니다.",
    "opened": "[{room_id}] {name} 공개 방을 만들었습니다: /join {room_id}. 이제 여기에 씁니다.",
    "entered": "[{room_id}] {name} 방에 참가했습니다. 참가자: {nicknames}",
    "exited": "[{room_id}] 방에서 나갔습니다.",
    "invited": "  {nickname} (사용자 {user_id}): {status}",
    "message": "[{room_id}] {nickname}: {text} (#{message_id})",
    "reply": "[{room_id}] {nickname}: {text} (#{message_id}, #{reply_to}에 답장)",
    "image": "<이미지 {name}, {size}바이트> {caption}",
    "old_message": "{time} {line}",
    "end_of_history": "  (이전 메시지: /history {count} {before})",
    "no_messages": "메시지가 없습니다.",
    "nothing_unread": "안 읽은 메시지가 없습니다.",
    "member": "  {nickname} (사용자 {user_id}, {role})",
    "room_described": "[{room_id}] {name}: 인원 {count}/{most}, {open}. {description}",
    "open": "공개",
    "closed": "초대제",
    "USER_JOINED": "[{room_id}] {nickname} 님이 참가했습니다 (인원 {count})",
    "USER_LEFT": "[{room_id}] {nickname} 님이 나갔습니다 (인원 {count})",
    "HOST_CHANGED": "[{room_id}] 이제 {nickname} 님이 방장입니다",
    "MESSAGE_RECEIVED": "[{room_id}] {nickname} 님이 받았습니다: {ids}",
    "INVITATION_RECEIVED": "{nickname} 님의 초대: [{room_id}] {name} (인원 {count}): /join {room_id}",
    "SERVER_ANNOUNCEMENT": "*** {title}: {text} ({priority}, {kind})",
    "TOKEN_EXPIRING": "토큰이 {time}에 만료됩니다. 그 전에 새 토큰으로 다시 시작하세요.",
    "VIDEO_ROOM_CREATED": "[{room_id}] {nickname} 님이 통화를 시작했습니다 ({name}): /call {call_id}",
    "PARTICIPANT_JOINED": "(통화 {call_id}) {nickname} 님이 참가했습니다",
    "PARTICIPANT_LEFT": "(통화 {call_id}) {nickname} 님이 나갔습니다 ({reason})",
    "PARTICIPANT_MEDIA_STATUS": "(통화 {call_id}) {nickname}: 마이크 {audio}, 카메라 {video}",
    "VIDEO_HOST_CHANGED": "(통화 {call_id}) 이제 {nickname} 님이 진행자입니다",
    "VIDEO_ROOM_CLOSED": "[{room_id}] 통화 {call_id}이(가) 끝났습니다",
    "SDP": "(통화 {call_id}) {nickname} 님의 {kind}, {size}바이트",
    "ICE_CANDIDATE": "(통화 {call_id}) {nickname} 님의 ICE candidate: {text}",
    "in_call": "통화 {call_id}, 참가자: {nicknames} (시그널링만 됩니다). /hangup 으로 나갑니다.",
    "hung_up": "통화 {call_id}에서 나갔습니다.",
    "muted": "통화 {call_id}: 마이크 {audio}.",
    "on": "켜짐",
    "off": "꺼짐",
    "unknown_event": "* {action} {text}",
    "raw": "{action}: {text}",
    "told": "{action}: 보냈습니다. 응답이 없는 액션입니다",
    "error": "! {code}: {text}",
    "error_details": "! {code}: {text} ({details})",
    "waiting": "! 연결이 끊겼습니다 ({reason}). {delay}초 뒤 다시 시도합니다 ({attempt}/{attempts}).",
    "still_waiting": "! 아직 서버가 없습니다 ({reason}). {delay}초 뒤 재시도합니다 ({attempt}/{attempts}).",
    "resumed": "다시 연결되었습니다. 놓친 것이 없습니다.",
    "resumed_one": "다시 연결되었습니다. 놓친 이벤트 1개가 이어집니다.",
    "resumed_many": "다시 연결되었습니다. 놓친 이벤트 {count}개가 이어집니다.",
    "not_resumed": "다시 연결되었습니다. 놓친 메시지가 이어집니다. 다른 변화는 /rooms, /who 로 확인하세요.",
    "gap": "! [{room_id}] 놓친 메시지를 가져오지 못했습니다 ({reason}): /history 로 확인하세요.",
    "offline": "! 연결이 완전히 끊겼습니다: {reason}. 계속하려면 같은 명령으로 다시 시작하세요.",
    "refused": "! 연결이 완전히 끊겼습니다: {reason}",
    "unsent": "! 보내지 못한 줄: {count}",
    "not_connected": "! 연결되어 있지 않습니다: {reason}",
    "no_answer": "! 응답이 없습니다: {reason}",
    "no_room": "! 어느 방입니까? /rooms 로 목록을 보고 /room ID 로 옮깁니다.",
    "no_call": "! 통화 중이 아닙니다: /call 로 이 방의 통화에 참가하거나 시작하고, /call ID 로 참가합니다.",
    "already_in_call": "! 이미 통화 {call_id} 중입니다: 먼저 /hangup 하세요.",
    "history_count": "! COUNT는 1~{most}입니다.",
    "unknown_command": "! /{name} 명령은 없습니다: /help (글로 보내려면 //{name})",
    "usage": "! 이렇게 씁니다: {usage}",
    "too_long": "! 줄이 너무 깁니다.",
    "unreadable": "! {path}: {reason}",
    "retry": "! 너무 빠릅니다. {delay}초 뒤 다시 보냅니다.",
    "retry_away": "! 서버가 지금 처리할 수 없습니다. {delay}초 뒤 다시 보냅니다.",
    "receipts": "상대의 수신 확인 표시: {state}.",
}
LANGUAGES: Final[dict[str, dict[str, str]]] = {"en": _ENGLISH, "ko": _KOREAN}

# Control characters would move the cursor or worse; directional ones would reorder the line.
_HARMFUL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOWN: Final = {"\n": " ⏎ ", "\r": "", "\t": " "}


def harmless(text: str) -> str:
    """Return a text that cannot steer the terminal and stays on its line."""
    return _HARMFUL.sub(lambda found: _SHOWN.get(found[0], "\ufffd"), text)


def language_of(environ: Mapping[str, str]) -> str:
    """Return the language of a locale's environment: ko or en."""
    chosen = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "ko" if chosen.startswith("ko") else "en"


class Words:
    """Says things in one language.

    Args:
        language: One of `LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = LANGUAGES[language]

    def __call__(self, key: str, **fields: Any) -> str:
        """Return a line; texts among its fields may be from anybody."""
        safe = {name: harmless(one) if isinstance(one, str) else one for name, one in fields.items()}
        return self._words[key].format(**safe)

    def __contains__(self, key: object) -> bool:
        """Return whether there is such a line."""
        return key in self._words

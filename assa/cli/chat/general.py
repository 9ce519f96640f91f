"""Commands about the program itself, and the one for everything else."""

from __future__ import annotations

from typing import Final

import orjson

from assa.cli.chat.talk import Commands, Quit, Talk, UsageMistaken, required
from assa.cli.chat.words import harmless

commands = Commands()
_UNANSWERED: Final = frozenset({"SDP", "ICE_CANDIDATE", "MEDIA_STATUS", "PONG"})


@commands.on(
    "raw",
    "ACTION {JSON}",
    en='send any action of the protocol: /raw ROOM_INFO {"room_id": 1}',
    ko='프로토콜의 액션을 그대로 보내기: /raw ROOM_INFO {"room_id": 1}',
)
async def raw(talk: Talk, argument: str) -> None:
    """Send a request as it was typed and show the data of its answer."""
    action, _, text = required(argument).partition(" ")
    try:
        data = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        raise UsageMistaken from None
    if type(data) is not dict:
        raise UsageMistaken
    if action.upper() in _UNANSWERED:
        talk.client.tell_raw(action.upper(), data)
        talk.say("told", action=action.upper())
        return
    answer = await talk.client.ask_raw(action.upper(), data)
    talk.say("raw", action=action.upper(), text=harmless(orjson.dumps(answer).decode()))


@commands.on(
    "receipts", "on|off", en="show when others have received messages, or not", ko="수신 확인 표시 켜기/끄기"
)
async def receipts(talk: Talk, argument: str) -> None:
    """Show the receipts of others, or not."""
    if argument not in ("on", "off"):
        raise UsageMistaken
    talk.receipts_shown = argument == "on"
    talk.say("receipts", state=talk.words(argument))


@commands.on("quit", en="leave the program; you stay in your rooms", ko="끝내기 (방에는 남아 있음)")
async def leave_program(_: Talk, __: str) -> None:
    """End."""
    raise Quit

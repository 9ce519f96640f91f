"""Commands about calls (§7): the signalling; a terminal has neither camera nor microphone."""

from __future__ import annotations

from assa.cli.chat.talk import Commands, Misuse, Talk, number
from assa.client import Rejected
from assa.protocol import SetMediaStatus

commands = Commands()


@commands.on(
    "call",
    "[ID]",
    en="join the call ID; or this room's, else start one",
    ko="ID 통화 참가; 없으면 이 방의 통화에 참가하거나 새로 시작",
)
async def call(talk: Talk, argument: str) -> None:
    """Join a call: the one named, else the one that this room has as far as is known, else a new one."""
    if talk.call_id is not None:
        raise Misuse("already_in_call", call_id=talk.call_id)
    call_id = number(argument) if argument else _open_call(talk, talk.here())
    if call_id is None:
        room_id = talk.here()
        name = talk.narrator.room(room_id) or f"{room_id}"
        created = await talk.ask("CREATE_VIDEO_ROOM", chat_room_id=room_id, video_room_name=name)
        call_id = created["video_room_id"]
        talk.open_calls[call_id] = room_id
    try:
        answer = await talk.ask("JOIN_VIDEO_ROOM", video_room_id=call_id)
    except Rejected:
        talk.open_calls.pop(call_id, None)  # it may be over: the next /call starts one
        raise
    talk.call_id = call_id
    talk.say("in_call", call_id=call_id, nicknames=talk.narrator.people(answer["participants"]))


def _open_call(talk: Talk, room_id: int) -> int | None:
    return next((call_id for call_id, where in talk.open_calls.items() if where == room_id), None)


@commands.on("hangup", en="leave the call", ko="통화에서 나가기")
async def hangup(talk: Talk, _: str) -> None:
    """Leave the call."""
    call_id, talk.call_id = _current(talk), None
    await talk.ask("EXIT_VIDEO_ROOM", video_room_id=call_id)
    talk.say("hung_up", call_id=call_id)


@commands.on("mute", en="tell the others that your microphone is off", ko="마이크 끔 알리기")
async def mute(talk: Talk, _: str) -> None:
    """Say that the microphone is off."""
    _set_microphone(talk, on=False)


@commands.on("unmute", en="tell the others that your microphone is on", ko="마이크 켬 알리기")
async def unmute(talk: Talk, _: str) -> None:
    """Say that the microphone is on."""
    _set_microphone(talk, on=True)


def _set_microphone(talk: Talk, *, on: bool) -> None:
    call_id = _current(talk)
    talk.client.tell(SetMediaStatus(video_room_id=call_id, audio_enabled=on, video_enabled=True))
    talk.say("muted", call_id=call_id, audio=talk.narrator.switch(on=on))


def _current(talk: Talk) -> int:
    if talk.call_id is None:
        raise Misuse("no_call")
    return talk.call_id

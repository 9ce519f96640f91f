"""Commands about messages (§5)."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import Any, Final

from assa.cli.chat.narration import Data
from assa.cli.chat.talk import Commands, Misuse, Talk, UsageMistaken, number, required

commands = Commands()
_PAGE: Final = 20
_LARGEST_PAGE: Final = 100
_STORED_UNDER: Final = "/storage/messages/"
_IMAGES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".heic": "image/heic",
}


async def send(talk: Talk, **message: Any) -> None:
    """Send a message to the room in which the user writes, and show it as the others see it.

    Raises:
        Misuse: He writes in none.
    """
    request = {"room_id": talk.here(), "client_message_id": secrets.token_hex(12), **message}
    answer = await talk.ask("SEND_MESSAGE", **request)
    author = {"user_id": talk.user_id}
    shown = {**answer, "user": author, "reply_to_message_id": message.get("reply_to_message_id")}
    talk.show(talk.narrator.message(shown))


async def send_text(talk: Talk, text: str) -> None:
    """Send a line of text."""
    await send(talk, content=text, message_type="text")


@commands.on("reply", "ID TEXT", en="answer the message #ID", ko="#ID 메시지에 답장하기")
async def reply(talk: Talk, argument: str) -> None:
    """Reply to a message."""
    message_id, _, text = argument.partition(" ")
    await send(talk, content=required(text), message_type="text", reply_to_message_id=number(message_id))


@commands.on(
    "image",
    "PATH...",
    en="tell of pictures: their names, sizes and types (nothing is uploaded)",
    ko="이미지 메시지 보내기 (이름, 크기, 종류만; 업로드하지 않음)",
)
async def image(talk: Talk, argument: str) -> None:
    """Send image messages about files here."""
    try:
        paths = shlex.split(required(argument))
    except ValueError:
        raise UsageMistaken from None
    for path in paths:
        await send(talk, content="", message_type="image", file_info=_file_info(path))


def _file_info(path: str) -> Data:
    file = Path(path).expanduser()
    try:
        size = file.stat().st_size
    except (OSError, ValueError) as wrong:
        reason = getattr(wrong, "strerror", None) or str(wrong)
        raise Misuse("unreadable", path=path, reason=reason) from None
    return {
        "file_path": f"{_STORED_UNDER}{file.name}",
        "file_name": file.name,
        "file_size": size,
        "mime_type": _IMAGES.get(file.suffix.lower(), "application/octet-stream"),
    }


@commands.on("read", en="show what you have not read here, and confirm it", ko="이 방의 안 읽은 메시지 보기")
async def read(talk: Talk, _: str) -> None:
    """Show unconfirmed messages and confirm them."""
    room_id = talk.here()
    await talk.receipts.flush()
    shown: list[int] = []
    while pending := (await talk.ask("CHECK_RECEIVE", room_id=room_id, message_ids=shown))[
        "pending_messages"
    ]:
        for message in pending:
            talk.show(talk.narrator.old_message(message, room_id))
        shown = [message["message_id"] for message in pending]
    if not shown:
        talk.say("nothing_unread")


@commands.on(
    "history", "[COUNT [BEFORE_ID]]", en="show what was said here before", ko="이 방의 이전 메시지 보기"
)
async def history(talk: Talk, argument: str) -> None:
    """Show a page of the room's messages."""
    count, _, before = argument.partition(" ")
    limit = number(count) if count else _PAGE
    if not 1 <= limit <= _LARGEST_PAGE:
        raise Misuse("history_count", most=_LARGEST_PAGE)
    page: dict[str, Any] = {"room_id": talk.here(), "limit": limit}
    if before:
        page["before_message_id"] = number(before)
    answer = await talk.ask("GET_MESSAGES", **page)
    for message in answer["messages"]:
        talk.show(talk.narrator.old_message(message))
        talk.confirm(answer["room_id"], message)
    if answer["has_more"]:
        talk.say("end_of_history", count=limit, before=answer["messages"][0]["message_id"])
    elif not answer["messages"]:
        talk.say("no_messages")

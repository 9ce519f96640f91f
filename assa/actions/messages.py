"""Messages and receipts (§5) and GET_MESSAGES (v1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from assa import log
from assa.content import check_content
from assa.errors import Code, Refused
from assa.protocol.messages import MessageSent, NewMessage, SendMessage
from assa.protocol.shapes import Author, ChatMessage
from assa.registry import Actions, Context, Rate
from assa.storage import Entry, Transaction, events, files, messages, rooms
from assa.wire import encode_event, iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assa.files.service import Files
    from assa.storage.files import File

actions = Actions()
Key = tuple[int, int, str]
"""A room, an author and a client_message_id."""


@frozen(kw_only=True)
class Sending:
    """One SEND_MESSAGE on its way to the store.

    Args:
        request: What is sent.
        user_id: Its author.
        session_id: The session that it comes from.
        now_ms: The time.
        wrong: What its content is refused for.
        uploaded: The path of its image where it has to be one that was uploaded here.
    """

    request: SendMessage
    user_id: int
    session_id: str
    now_ms: int
    wrong: Refused | None
    uploaded: str | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Return the room and the author."""
        return self.request.room_id, self.user_id

    @property
    def key(self) -> Key | None:
        """Return what makes it idempotent, or None without a client_message_id."""
        client_id = self.request.client_message_id
        return (self.request.room_id, self.user_id, client_id) if client_id else None


@actions.on(SendMessage, rate=Rate.MESSAGES)
async def send_message(ctx: Context, request: SendMessage) -> MessageSent:
    """Store a message and tell the other connections of the room.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM, INVALID_MESSAGE_TYPE, INVALID_MESSAGE,
            MESSAGE_TOO_LONG, FILE_UPLOAD_FAILED, MESSAGE_NOT_FOUND, CONFLICT.
    """
    services = ctx.services
    # The room comes first in the order of checks, and only the transaction knows it.
    wrong = check_content(
        request.message_type, request.content, request.file_info, services.limits, services.files_prefix
    )
    sending = Sending(
        request=request,
        user_id=ctx.user_id,
        session_id=ctx.session_id,
        now_ms=ctx.now_ms,
        wrong=wrong,
        uploaded=_uploaded(request, services.files),
    )
    return await ctx.store.batch(_send, sending)


def _uploaded(request: SendMessage, service: Files | None) -> str | None:
    """Return the path of an image that has to be one that was uploaded here."""
    if service is None or request.message_type != "image" or request.file_info is None:
        return None
    path = request.file_info.file_path
    return path if service.paths.made(path) or not service.foreign else None


async def _send(tx: Transaction, sendings: Sequence[Sending]) -> list[MessageSent | Refused]:
    asked = {(*one.place, one.request.client_message_id or None): None for one in sendings}
    authors, stored = await messages.before_sending(tx, asked)
    known = {key: _content(message) for key, message in stored.items()}
    sendings = await _with_files(tx, sendings)
    verdicts = [await _judged(tx, sending, authors, known) for sending in sendings]
    fresh = [one for one, verdict in zip(sendings, verdicts, strict=True) if verdict is None]
    written = await _write(tx, fresh, authors)
    sent = stored | {one.key: message for one, message in zip(fresh, written, strict=True) if one.key}
    new = iter(written)
    results: list[MessageSent | Refused] = []
    for sending, verdict in zip(sendings, verdicts, strict=True):
        if isinstance(verdict, Refused):
            results.append(verdict)
        elif verdict is None:
            results.append(_sent(next(new), sending))
        else:
            results.append(evolve(_sent(sent[verdict], sending), duplicate=True))
    return results


async def _with_files(tx: Transaction, sendings: Sequence[Sending]) -> Sequence[Sending]:
    """Look at the files of images; what does not fit is refused after all that comes before the content."""
    paths = [one.uploaded for one in sendings if one.uploaded is not None and one.wrong is None]
    if not paths:
        return sendings
    there = await files.come(tx, paths)
    return [
        one if one.wrong or one.uploaded is None else evolve(one, wrong=_wrong_file(one, there))
        for one in sendings
    ]


def _wrong_file(sending: Sending, there: Mapping[str, File]) -> Refused | None:
    claimed = sending.request.file_info
    assert claimed is not None  # noqa: S101 - or nothing was uploaded
    file = there.get(claimed.file_path)
    if file is None or (file.room_id, file.user_id) != sending.place:
        rule = "file_path: expected a file that you have uploaded to this room"
    elif file.file_size != claimed.file_size:
        rule = f"file_size: the file has {file.file_size} bytes"
    elif file.mime_type != claimed.mime_type:
        rule = f"mime_type: the file is {file.mime_type}"
    else:
        return None
    return Refused(Code.FILE_UPLOAD_FAILED, f"data.file_info.{rule}")


async def _judged(
    tx: Transaction,
    sending: Sending,
    authors: Mapping[tuple[int, int], Author],
    known: dict[Key, tuple[object, ...]],
) -> Refused | Key | None:
    """Return what a message is refused for, in the order of the protocol, or the key that it repeats.

    A new one (None) becomes known, so that a second one in the same group repeats it.
    """
    try:
        await _allow(tx, sending, authors)
    except Refused as refused:
        return refused
    content = _content(sending.request)
    if sending.key is None or known.setdefault(sending.key, content) is content:
        return None
    if known[sending.key] != content:
        rule = "data.client_message_id: already used for another message in this room"
        return Refused(Code.CONFLICT, rule)
    return sending.key


async def _allow(tx: Transaction, sending: Sending, authors: Mapping[tuple[int, int], Author]) -> None:
    request = sending.request
    if sending.place not in authors:
        await rooms.find_for_member(tx, *sending.place)
    if sending.wrong is not None:
        raise sending.wrong
    reply_to = request.reply_to_message_id
    if reply_to is not None and not await messages.in_room(tx, request.room_id, [reply_to]):
        raise Refused(Code.MESSAGE_NOT_FOUND, "data.reply_to_message_id: no message of this room")


def _content(one: SendMessage | ChatMessage) -> tuple[object, ...]:
    file_info = one.file_info if one.message_type == "image" else None
    return one.message_type, one.content, file_info, one.reply_to_message_id


async def _write(
    tx: Transaction, sendings: Sequence[Sending], authors: Mapping[tuple[int, int], Author]
) -> list[NewMessage]:
    if not sendings:
        return []
    first = await tx.reserve(len(sendings))
    new = [_message(one, place, authors[one.place]) for place, one in enumerate(sendings, first)]
    rows = [
        (message, one.request.client_message_id or None, one.now_ms)
        for message, one in zip(new, sendings, strict=True)
    ]
    await messages.insert(tx, rows)
    if shown := [one.uploaded for one in sendings if one.uploaded is not None]:
        await files.use(tx, shown)
    entries = [
        Entry(
            position=message.message_id,
            channel=log.room(message.room_id),
            body=encode_event(message, one.now_ms),
            origin=one.session_id,
        )
        for message, one in zip(new, sendings, strict=True)
    ]
    await events.append(tx, entries, sendings[0].now_ms)
    return new


def _message(sending: Sending, position: int, author: Author) -> NewMessage:
    request = sending.request
    return NewMessage(
        message_id=position,
        room_id=request.room_id,
        content=request.content,
        message_type=request.message_type,
        user=author,
        created_at=iso(sending.now_ms),
        reply_to_message_id=request.reply_to_message_id,
        file_info=request.file_info if request.message_type == "image" else None,
    )


def _sent(message: ChatMessage, sending: Sending) -> MessageSent:
    return MessageSent(
        message_id=message.message_id,
        room_id=message.room_id,
        content=message.content,
        message_type=message.message_type,
        created_at=message.created_at,
        client_message_id=sending.request.client_message_id,
        file_info=message.file_info,
    )

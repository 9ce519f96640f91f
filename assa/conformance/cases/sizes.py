"""Images (§5.2), and how much a message may carry (§10.1)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.answers import line_of
from assa.conformance.cases.examples import FILE, image, text
from assa.conformance.registry import rule
from assa.conformance.stage import Stage


@rule("5.2")
async def image_arrives(stage: Stage) -> None:
    """An image is answered, and reaches the others, as an image."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    sent = await mina.ask("SEND_MESSAGE", image(room_id) | {"client_message_id": "client_img_001"})
    sent.shows({"data.message_type": "image", "data.content": "", "data.client_message_id": "client_img_001"})
    (await jun.hear("NEW_MESSAGE", room_id=room_id)).shows({"data.message_type": "image", "data.content": ""})


@rule("10.1")
async def longest_text(stage: Stage) -> None:
    """A text may have 5,000 characters."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await mina.ask("SEND_MESSAGE", text(room_id, "가" * 5_000))
    (await jun.hear("NEW_MESSAGE", room_id=room_id)).shows({"data.content": "가" * 5_000})


@rule("10.1")
async def too_long_a_text(stage: Stage) -> None:
    """A text of more than 5,000 characters gets MESSAGE_TOO_LONG."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await mina.refused("MESSAGE_TOO_LONG", "SEND_MESSAGE", text(room_id, "가" * 5_001))


@rule("10.1")
async def largest_file(stage: Stage) -> None:
    """An image may have 10 MB; a larger one gets FILE_UPLOAD_FAILED."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await mina.ask("SEND_MESSAGE", image(room_id, file_size=10_000_000))
    await mina.refused("FILE_UPLOAD_FAILED", "SEND_MESSAGE", image(room_id, file_size=10_485_761))


@rule("10.1")
async def largest_message(stage: Stage) -> None:
    """A whole message may have 1 MB."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    request = mina.request("SEND_MESSAGE", text(room_id, "큰 메시지"))
    line = line_of(request)
    mina.write(b"{" + b" " * (1_000_000 - len(line)) + line[1:])
    (await mina.answer(request)).shows({"success": True})


# --- v1.1 ---


@rule("5.2", "1.1")
async def file_info_is_shown(stage: Stage) -> None:
    """The answer and NEW_MESSAGE of an image carry its file_info."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    (await mina.ask("SEND_MESSAGE", image(room_id))).shows({"data.file_info": FILE})
    (await jun.hear("NEW_MESSAGE", room_id=room_id)).shows({"data.file_info": FILE})


@rule("5.2", "1.1")
async def bad_files(stage: Stage) -> None:
    """A file_info that breaks a rule, or is missing, gets FILE_UPLOAD_FAILED."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    without = {key: value for key, value in image(room_id).items() if key != "file_info"}
    await mina.refused("FILE_UPLOAD_FAILED", "SEND_MESSAGE", without)
    for wrong in (
        {"file_path": "/etc/passwd"},
        {"file_path": "/storage/../etc/passwd"},
        {"file_path": "/storage//x.jpg"},
        {"file_name": "../x.jpg"},
        {"file_size": 0},
        {"mime_type": "text/html"},
    ):
        await mina.refused("FILE_UPLOAD_FAILED", "SEND_MESSAGE", image(room_id, **wrong))


@rule("5.2", "1.1")
async def request_upload(stage: Stage) -> None:
    """REQUEST_UPLOAD gives an address, or FILE_UPLOAD_FAILED where the server takes no uploads."""
    mina = await stage.user()
    asked = {
        "room_id": await stage.room(mina),
        "file_name": "a.png",
        "file_size": 10,
        "mime_type": "image/png",
    }
    answer = await mina.call("REQUEST_UPLOAD", asked)
    if answer.raw.get("success") is not True:
        answer.shows({"action": "ERROR", "error_code": "FILE_UPLOAD_FAILED"})
    await mina.refused("FILE_UPLOAD_FAILED", "REQUEST_UPLOAD", asked | {"mime_type": "text/html"})


@rule("10.1", "1.1")
async def too_long_a_line(stage: Stage) -> None:
    """A line of more than 1 MiB gets MESSAGE_TOO_LONG, and the connection goes on."""
    mina = await stage.user()
    mina.write(b'{"action": "' + b"x" * 1_048_576 + b'"}\n')
    (await mina.error("MESSAGE_TOO_LONG")).shows({"seq_id": None})
    await mina.ask("LIST_ROOMS", {})


@rule("10.1", "1.1")
async def characters_not_bytes(stage: Stage) -> None:
    """A text is measured in Unicode code points, not in bytes or UTF-16 units."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await mina.ask("SEND_MESSAGE", text(room_id, "😀" * 5_000))
    await mina.refused("MESSAGE_TOO_LONG", "SEND_MESSAGE", text(room_id, "😀" * 5_001))

"""ERROR and its codes (§9)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.cases.examples import NOWHERE
from assa.conformance.registry import rule
from assa.conformance.stage import Stage


@rule("9.1")
async def error_names_the_request(stage: Stage) -> None:
    """ERROR repeats the seq_id of the request and names its action."""
    mina = await stage.user()
    sent = mina.tell("ROOM_INFO", {"room_id": NOWHERE})
    answer = await mina.answer(sent)
    answer.shows(
        {"action": "ERROR", "success": False, "seq_id": sent["seq_id"], "data.original_action": "ROOM_INFO"}
    )


@rule("9.1")
async def errors_close_nothing(stage: Stage) -> None:
    """After an ERROR the connection goes on."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    for action, data in (
        ("ROOM_INFO", {"room_id": NOWHERE}),
        ("SEND_MESSAGE", {"room_id": NOWHERE, "content": "?", "message_type": "text"}),
        ("EXIT_ROOM", {"room_id": room_id}),
    ):
        answer = await jun.call(action, data)
        answer.require(answer.raw.get("success") is False, "expected a failure")
        await jun.ask("ROOM_INFO", {"room_id": room_id})


@rule("9.2")
async def refused_changes_nothing(stage: Stage) -> None:
    """What was refused has not been done."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    await jun.refused(
        "USER_NOT_IN_ROOM", "SEND_MESSAGE", {"room_id": room_id, "content": "?", "message_type": "text"}
    )
    await mina.quiet("NEW_MESSAGE", room_id=room_id)
    (await mina.ask("ROOM_INFO", {"room_id": room_id})).shows({"data.participants_count": 1})


@rule("9.1")
async def error_for_what_is_missing(stage: Stage) -> None:
    """A request without a field that it needs gets ERROR, and the connection goes on."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    answer = await mina.call("SEND_MESSAGE", {"content": "어디로?", "message_type": "text"})
    answer.shows({"action": "ERROR", "success": False})
    await mina.ask("ROOM_INFO", {"room_id": room_id})


@rule("9.1")
async def error_for_unknown_actions(stage: Stage) -> None:
    """An action that does not exist gets ERROR, and the connection goes on."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    (await mina.call("FLY_AWAY", {})).shows({"action": "ERROR", "success": False})
    await mina.ask("ROOM_INFO", {"room_id": room_id})


# --- v1.1 ---


@rule("9.2", "1.1")
async def unknown_action(stage: Stage) -> None:
    """An action that does not exist gets UNKNOWN_ACTION."""
    mina = await stage.user()
    for action in ("FLY_AWAY", "send_message", "SEND_MESSAGE_RESPONSE"):
        await mina.refused("UNKNOWN_ACTION", action, {})


@rule("9.2", "1.1")
async def invalid_message(stage: Stage) -> None:
    """A field that is missing or of the wrong type gets INVALID_MESSAGE, and error_details names it."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    good = {"room_id": room_id, "content": "?", "message_type": "text"}
    for field, value in (("room_id", "5"), ("content", 5), ("message_type", None), ("content", None)):
        wrong = (
            good | {field: value} if value is not None else {key: good[key] for key in good if key != field}
        )
        answer = await mina.refused("INVALID_MESSAGE", "SEND_MESSAGE", wrong)
        answer.require(
            field in str(answer.at("data.error_details")), f"expected error_details to name {field}"
        )


@rule("9.2", "1.1")
async def data_is_missing(stage: Stage) -> None:
    """A request without the data that it needs gets INVALID_MESSAGE."""
    mina = await stage.user()
    await mina.refused("INVALID_MESSAGE", "SEND_MESSAGE")
    mina.send(mina.request("SEND_MESSAGE") | {"data": []})
    await mina.error("INVALID_MESSAGE")


@rule("9.2", "1.1")
async def envelope_before_action(stage: Stage) -> None:
    """The envelope is checked before the action, and the action before CONNECT."""
    stranger = await stage.stranger()
    stranger.send({"action": "FLY_AWAY", "timestamp": "2024-01-01T12:00:00.000Z"})
    await stranger.error("INVALID_MESSAGE")
    await stranger.refused("UNKNOWN_ACTION", "FLY_AWAY", {})
    await stranger.refused("AUTH_FAILED", "SEND_MESSAGE", {})


@rule("9.2", "1.1")
async def payload_before_room(stage: Stage) -> None:
    """Types and bounds are checked before the room, then membership, then the content."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    empty = {"content": "", "message_type": "text"}
    await jun.refused("INVALID_MESSAGE", "SEND_MESSAGE", empty | {"room_id": NOWHERE, "message_type": 5})
    await jun.refused("ROOM_NOT_FOUND", "SEND_MESSAGE", empty | {"room_id": NOWHERE})
    await jun.refused("USER_NOT_IN_ROOM", "SEND_MESSAGE", empty | {"room_id": room_id})
    await mina.refused("INVALID_MESSAGE", "SEND_MESSAGE", empty | {"room_id": room_id})


@rule("9.2", "1.1")
async def permission_before_full(stage: Stage) -> None:
    """Permission is checked before whether the room is full."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, is_open=False, max_participants=2, invited_user_ids=[jun.user_id])
    await jun.ask("JOIN_ROOM", {"room_id": room_id})
    await sora.refused("PERMISSION_DENIED", "JOIN_ROOM", {"room_id": room_id})

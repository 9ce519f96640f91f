"""CHECK_RECEIVE and GET_MESSAGES (§5.3)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.cases.examples import NOWHERE, image
from assa.conformance.registry import rule
from assa.conformance.stage import Stage
from assa.conformance.user import User

_PAGE = 3


async def _sent(user: User, room_id: int, *contents: str) -> list[int]:
    """Send texts and return their ids."""
    data = {"room_id": room_id, "message_type": "text"}
    return [
        (await user.ask("SEND_MESSAGE", data | {"content": one})).at("data.message_id") for one in contents
    ]


@rule("5.3")
async def check_receive(stage: Stage) -> None:
    """received_messages has the ids that were confirmed."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    ids = await _sent(mina, room_id, "하나", "둘")
    checked = await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": ids}, user_id=jun.user_id)
    checked.shows({"data.room_id": room_id, "data.failed_messages": []})
    came = checked.at("data.received_messages")
    checked.require(sorted(came) == ids, f"received_messages: expected {ids}, got {came}")


@rule("5.3")
async def pending(stage: Stage) -> None:
    """pending_messages has what others have sent and was not confirmed, and nothing that was."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    first, second, third = await _sent(mina, room_id, "하나", "둘", "셋")
    checked = await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": [first]})
    came = checked.ids("data.pending_messages", "message_id")
    checked.require(
        sorted(came) == [second, third], f"pending_messages: expected {[second, third]}, got {came}"
    )
    contents = checked.ids("data.pending_messages", "content")
    checked.require(sorted(contents) == ["둘", "셋"], f"pending_messages: expected 둘 and 셋, got {contents}")
    checked.shows({"data.pending_messages.0.user.user_id": mina.user_id})


@rule("5.3")
async def confirmed_for_good(stage: Stage) -> None:
    """What was confirmed is not pending later, on no connection of the user."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    ids = await _sent(mina, room_id, "하나")
    await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": ids})
    (later,) = await _sent(mina, room_id, "둘")
    await stage.left(jun)
    again = await stage.user(jun.identity)
    checked = await again.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": [later]})
    checked.shows({"data.pending_messages": []})


@rule("5.3")
async def check_without_membership(stage: Stage) -> None:
    """CHECK_RECEIVE by one who is no member gets USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    await jun.refused("USER_NOT_IN_ROOM", "CHECK_RECEIVE", {"room_id": room_id, "message_ids": [1]})


@rule("5.3")
async def check_nowhere(stage: Stage) -> None:
    """CHECK_RECEIVE of a room that does not exist gets ROOM_NOT_FOUND."""
    mina = await stage.user()
    await mina.refused("ROOM_NOT_FOUND", "CHECK_RECEIVE", {"room_id": NOWHERE, "message_ids": [1]})


# --- v1.1 ---


@rule("5.3", "1.1")
async def plain_question(stage: Stage) -> None:
    """CHECK_RECEIVE without ids confirms nothing and tells what is pending, oldest first."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    ids = await _sent(mina, room_id, "하나", "둘")
    for _ in range(2):
        checked = await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": []})
        came = checked.ids("data.pending_messages", "message_id")
        checked.require(came == ids, f"pending_messages: expected {ids} in this order, got {came}")


@rule("5.3", "1.1")
async def what_cannot_be_confirmed(stage: Stage) -> None:
    """failed_messages has ids of no message of the room; the user's own messages are in neither list."""
    mina, jun = await stage.users(2)
    room_id, other = await stage.room(mina, jun), await stage.room(mina, jun)
    (theirs,) = await _sent(mina, room_id, "남의 것")
    (own,) = await _sent(jun, room_id, "내 것")
    (elsewhere,) = await _sent(mina, other, "다른 방")
    asked = [theirs, own, elsewhere, 2**53 - 1]
    checked = await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": asked})
    failed = sorted(checked.at("data.failed_messages"))
    checked.shows({"data.received_messages": [theirs]})
    checked.require(
        failed == [elsewhere, 2**53 - 1], f"failed_messages: expected {[elsewhere, 2**53 - 1]}, got {failed}"
    )


@rule("5.3", "1.1")
async def message_received(stage: Stage) -> None:
    """The author hears MESSAGE_RECEIVED once for each confirmed message."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    ids = await _sent(mina, room_id, "하나", "둘")
    await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": ids})
    heard = await mina.hear("MESSAGE_RECEIVED", room_id=room_id, user_id=jun.user_id)
    heard.require(sorted(heard.at("data.message_ids")) == ids, f"message_ids: expected {ids}")
    again = await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": ids})
    again.shows({"data.received_messages": ids})
    await mina.quiet("MESSAGE_RECEIVED", room_id=room_id)


@rule("5.3", "1.1")
async def not_before_the_join(stage: Stage) -> None:
    """What was sent before the user joined is not pending."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    await _sent(mina, room_id, "그 전에")
    await jun.ask("JOIN_ROOM", {"room_id": room_id})
    (await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": []})).shows(
        {"data.pending_messages": []}
    )


@rule("5.3", "1.1")
async def too_many_ids(stage: Stage) -> None:
    """CHECK_RECEIVE takes 500 ids and not more."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    asked = {"room_id": room_id, "message_ids": list(range(1, 502))}
    await mina.refused("INVALID_MESSAGE", "CHECK_RECEIVE", asked)
    await mina.ask("CHECK_RECEIVE", asked | {"message_ids": list(range(1, 501))})


@rule("5.3", "1.1")
async def get_messages(stage: Stage) -> None:
    """GET_MESSAGES gives the newest messages, those before one and those after one, always oldest first."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    ids = await _sent(mina, room_id, *"abcdefg")
    for where, expected, more in (
        ({}, ids[-_PAGE:], True),
        ({"before_message_id": ids[2]}, ids[:2], False),
        ({"before_message_id": ids[5]}, ids[2:5], True),
        ({"after_message_id": ids[1]}, ids[2:5], True),
        ({"after_message_id": ids[4]}, ids[5:], False),
    ):
        got = await mina.ask("GET_MESSAGES", {"room_id": room_id, "limit": _PAGE} | where)
        came = got.ids("data.messages", "message_id")
        got.require(came == expected, f"messages: expected {expected}, got {came}").shows(
            {"data.has_more": more}
        )


@rule("5.3", "1.1")
async def get_messages_refused(stage: Stage) -> None:
    """GET_MESSAGES is for members, with one of before_message_id and after_message_id, for at most 100."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    await jun.refused("USER_NOT_IN_ROOM", "GET_MESSAGES", {"room_id": room_id})
    await mina.refused("ROOM_NOT_FOUND", "GET_MESSAGES", {"room_id": NOWHERE})
    for wrong in ({"limit": 0}, {"limit": 101}, {"before_message_id": 5, "after_message_id": 1}):
        await mina.refused("INVALID_MESSAGE", "GET_MESSAGES", {"room_id": room_id} | wrong)


@rule("5.3", "1.1")
async def told_alike(stage: Stage) -> None:
    """A message is shown by GET_MESSAGES, JOIN_ROOM and LIST_ROOMS as NEW_MESSAGE has told it."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun)
    await mina.ask("SEND_MESSAGE", image(room_id))
    heard = (await jun.hear("NEW_MESSAGE", room_id=room_id)).at("data")
    got = await mina.ask("GET_MESSAGES", {"room_id": room_id})
    got.shows({"data.room_id": room_id, "data.messages": [heard]})
    (await sora.ask("JOIN_ROOM", {"room_id": room_id})).shows({"data.recent_messages": [heard]})
    listed = await jun.ask("LIST_ROOMS", {})
    place = listed.ids("data.rooms", "room_id").index(room_id)
    listed.shows({"last_message": heard}, f"data.rooms.{place}")


@rule("5.3", "1.1")
async def pending_alike(stage: Stage) -> None:
    """What is pending has message_type, reply_to_message_id and file_info as NEW_MESSAGE has told them."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    (first,) = await _sent(mina, room_id, "질문")
    await mina.ask("SEND_MESSAGE", image(room_id) | {"reply_to_message_id": first})
    checked = await jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": [first]})
    heard = await jun.hear("NEW_MESSAGE", room_id=room_id, message_type="image")
    for field in ("message_id", "content", "created_at", "message_type", "reply_to_message_id", "file_info"):
        checked.shows({f"data.pending_messages.0.{field}": heard.at(f"data.{field}")})

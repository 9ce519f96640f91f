"""SEND_MESSAGE and NEW_MESSAGE (§5.1)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.cases.examples import NOWHERE, text
from assa.conformance.registry import rule
from assa.conformance.stage import Stage


@rule("5.1")
async def send_message(stage: Stage) -> None:
    """SEND_MESSAGE is answered with what was sent."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    asked = text(room_id, "안녕하세요!", reply_to_message_id=None, client_message_id="client_msg_001")
    sent = await mina.ask("SEND_MESSAGE", asked, user_id=mina.user_id)
    sent.shows({"data.room_id": room_id, "data.content": "안녕하세요!", "data.message_type": "text"})
    sent.shows({"data.client_message_id": "client_msg_001"})


@rule("5.1")
async def reaches_every_other_member(stage: Stage) -> None:
    """NEW_MESSAGE reaches every other member, as it was answered to its sender."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    sent = await mina.ask("SEND_MESSAGE", text(room_id, "모두에게"))
    for member in (jun, sora):
        heard = await member.hear("NEW_MESSAGE", room_id=room_id)
        heard.shows(
            {"data.content": "모두에게", "data.message_type": "text", "data.user.user_id": mina.user_id}
        )
        heard.shows({f"data.{field}": sent.at(f"data.{field}") for field in ("message_id", "created_at")})


@rule("5.1")
async def not_to_the_sender(stage: Stage) -> None:
    """NEW_MESSAGE does not go to the connection that sent it."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await mina.ask("SEND_MESSAGE", text(room_id, "나만 빼고"))
    await jun.hear("NEW_MESSAGE", room_id=room_id)
    await mina.quiet("NEW_MESSAGE", room_id=room_id)


@rule("5.1")
async def not_to_strangers(stage: Stage) -> None:
    """NEW_MESSAGE goes to nobody outside the room."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun)
    await mina.ask("SEND_MESSAGE", text(room_id, "우리끼리"))
    await jun.hear("NEW_MESSAGE", room_id=room_id)
    await sora.quiet("NEW_MESSAGE", room_id=room_id)


@rule("5.1")
async def reply(stage: Stage) -> None:
    """NEW_MESSAGE of a reply tells which message it answers, of another one null."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    first = (await mina.ask("SEND_MESSAGE", text(room_id, "질문"))).at("data.message_id")
    (await jun.hear("NEW_MESSAGE", room_id=room_id)).shows({"data.reply_to_message_id": None})
    await mina.ask("SEND_MESSAGE", text(room_id, "대답", reply_to_message_id=first))
    (await jun.hear("NEW_MESSAGE", room_id=room_id)).shows({"data.reply_to_message_id": first})


@rule("5.1")
async def content_unchanged(stage: Stage) -> None:
    """A text arrives as it was sent: line breaks, quotes, spaces and characters of every kind."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    content = ' 줄\n바꿈\t"따옴표" \\ / <b>&amp; 한글 中文 العربية 😀👩\u200d👩\u200d👧 e\u0301 '
    (await mina.ask("SEND_MESSAGE", text(room_id, content))).shows({"data.content": content})
    (await jun.hear("NEW_MESSAGE", room_id=room_id)).shows({"data.content": content})


@rule("5.1")
async def messages_differ(stage: Stage) -> None:
    """Every message has an id of its own, also one that says the same."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    sent = [await mina.ask("SEND_MESSAGE", text(room_id, "같은 말")) for _ in range(2)]
    sent[1].require(
        sent[0].at("data.message_id") != sent[1].at("data.message_id"), "expected another message_id"
    )


@rule("5.1")
async def send_without_membership(stage: Stage) -> None:
    """SEND_MESSAGE by one who is no member gets USER_NOT_IN_ROOM."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina)
    await jun.refused("USER_NOT_IN_ROOM", "SEND_MESSAGE", text(room_id, "나도"))


@rule("5.1")
async def send_nowhere(stage: Stage) -> None:
    """SEND_MESSAGE to a room that does not exist gets ROOM_NOT_FOUND."""
    mina = await stage.user()
    await mina.refused("ROOM_NOT_FOUND", "SEND_MESSAGE", text(NOWHERE, "거기 누구"))


@rule("5.1")
async def unknown_type(stage: Stage) -> None:
    """A message_type that does not exist gets INVALID_MESSAGE_TYPE."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await mina.refused("INVALID_MESSAGE_TYPE", "SEND_MESSAGE", text(room_id, "?") | {"message_type": "smell"})


# --- v1.1 ---


@rule("5.1", "1.1")
async def ids_grow(stage: Stage) -> None:
    """message_id grows, and everybody gets the messages of a room in this order."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    sent = [user.tell("SEND_MESSAGE", text(room_id, f"{n}")) for n in range(6) for user in (mina, jun)]
    ids = [(await (mina, jun)[n % 2].answer(one)).at("data.message_id") for n, one in enumerate(sent)]
    heard = [await sora.hear("NEW_MESSAGE", room_id=room_id) for _ in sent]
    came = [one.at("data.message_id") for one in heard]
    heard[-1].require(came == sorted(ids), f"message_id: expected {sorted(ids)} in this order, got {came}")


@rule("5.1", "1.1")
async def order_of_one_sender(stage: Stage) -> None:
    """The messages of one sender arrive in the order in which he sent them."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    for number in range(10):
        mina.tell("SEND_MESSAGE", text(room_id, f"{number}"))
    heard = [await jun.hear("NEW_MESSAGE", room_id=room_id) for _ in range(10)]
    came = [one.at("data.content") for one in heard]
    heard[-1].require(came == [f"{number}" for number in range(10)], f"expected 0 to 9 in order, got {came}")


@rule("5.1", "1.1")
async def sent_twice_stored_once(stage: Stage) -> None:
    """A message that is sent again with its client_message_id gets the first answer and duplicate: true."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    asked = text(room_id, "한 번만", client_message_id="once")
    first, second = [await mina.ask("SEND_MESSAGE", asked) for _ in range(2)]
    first.require(
        first.raw["data"].get("duplicate") in (None, False), "duplicate: expected none in the first answer"
    )
    second.shows({f"data.{field}": first.at(f"data.{field}") for field in ("message_id", "created_at")})
    second.shows({"data.duplicate": True})


@rule("5.1", "1.1")
async def sent_twice_heard_once(stage: Stage) -> None:
    """A message that is sent again with its client_message_id reaches the others once."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    asked = text(room_id, "한 번만", client_message_id="once")
    for _ in range(2):
        await mina.ask("SEND_MESSAGE", asked)
    await jun.hear("NEW_MESSAGE", room_id=room_id)
    await jun.quiet("NEW_MESSAGE", room_id=room_id)
    got = await mina.ask("GET_MESSAGES", {"room_id": room_id})
    count = len(got.at("data.messages"))
    got.require(count == 1, f"expected 1 message in the history of the room, got {count}")


@rule("5.1", "1.1")
async def conflict(stage: Stage) -> None:
    """The same client_message_id with another content gets CONFLICT."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await mina.ask("SEND_MESSAGE", text(room_id, "하나", client_message_id="once"))
    await mina.refused("CONFLICT", "SEND_MESSAGE", text(room_id, "둘", client_message_id="once"))


@rule("5.1", "1.1")
async def client_ids_are_of_the_user(stage: Stage) -> None:
    """A client_message_id counts for its user and its room: others may use the same."""
    mina, jun = await stage.users(2)
    room_id, other = await stage.room(mina, jun), await stage.room(mina)
    sent = await mina.ask("SEND_MESSAGE", text(room_id, "하나", client_message_id="once"))
    ids = {sent.at("data.message_id")}
    ids.add(
        (await jun.ask("SEND_MESSAGE", text(room_id, "둘", client_message_id="once"))).at("data.message_id")
    )
    ids.add(
        (await mina.ask("SEND_MESSAGE", text(other, "셋", client_message_id="once"))).at("data.message_id")
    )
    sent.require(len(ids) == 3, f"expected three messages, got the ids {ids}")  # noqa: PLR2004


@rule("5.1", "1.1")
async def without_client_id(stage: Stage) -> None:
    """client_message_id is null in the answer when there was none."""
    mina = await stage.user()
    sent = await mina.ask("SEND_MESSAGE", text(await stage.room(mina), "이름 없이"))
    sent.shows({"data.client_message_id": None})


@rule("5.1", "1.1")
async def other_devices(stage: Stage) -> None:
    """NEW_MESSAGE goes to the sender's other devices."""
    phone = await stage.user()
    tablet = await stage.user(phone.identity)
    room_id = await stage.room(phone)
    await phone.ask("SEND_MESSAGE", text(room_id, "나에게"))
    await tablet.hear("NEW_MESSAGE", room_id=room_id, content="나에게")


@rule("5.1", "1.1")
async def blank_text(stage: Stage) -> None:
    """An empty or blank text, or one with U+0000, gets INVALID_MESSAGE."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    for content in ("", "  \n", "a\0b"):
        await mina.refused("INVALID_MESSAGE", "SEND_MESSAGE", text(room_id, content))


@rule("5.1", "1.1")
async def reply_to_nothing(stage: Stage) -> None:
    """A reply to what is no message of the room gets MESSAGE_NOT_FOUND."""
    mina = await stage.user()
    room_id, other = await stage.room(mina), await stage.room(mina)
    elsewhere = (await mina.ask("SEND_MESSAGE", text(other, "다른 방"))).at("data.message_id")
    for message_id in (elsewhere, 2**53 - 1):
        await mina.refused(
            "MESSAGE_NOT_FOUND", "SEND_MESSAGE", text(room_id, "?", reply_to_message_id=message_id)
        )

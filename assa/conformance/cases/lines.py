"""Lines, messages and answers as such (§1, §2)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from functools import partial

from assa.conformance.answers import line_of
from assa.conformance.messages import Broken, Json, Message
from assa.conformance.registry import rule
from assa.conformance.stage import Stage, connect_data


def _is_numbered(seq_id: str, message: Json) -> bool:
    return message.get("seq_id") == seq_id


@rule("1.1")
async def two_messages_in_one_segment(stage: Stage) -> None:
    """Two messages that arrive together are both answered."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    first, second = (mina.request("ROOM_INFO", {"room_id": room_id}) for _ in range(2))
    mina.write(line_of(first) + line_of(second))
    for request in (first, second):
        (await mina.answer(request)).shows({"success": True})


@rule("1.1")
async def message_in_pieces(stage: Stage) -> None:
    """A message that arrives in pieces, also within a character, is taken."""
    mina = await stage.user()
    request = mina.request("CREATE_ROOM", {"name": "조각난 방", "is_open": True})
    line = line_of(request)
    cut = line.index("각".encode()) + 1
    for piece in (line[:cut], line[cut : cut + 1], line[cut + 1 : -1], line[-1:]):
        mina.write(piece)
        await stage.sleep(0.02)
    (await mina.answer(request)).shows({"success": True, "data.name": "조각난 방"})


@rule("1.1")
async def port_stays_open(stage: Stage) -> None:
    """A connection stays open from request to request."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    for _ in range(3):
        await stage.sleep(stage.quiet_s)
        await mina.ask("ROOM_INFO", {"room_id": room_id})


@rule("1.2")
async def nothing_before_connect(stage: Stage) -> None:
    """Nothing is done for a client before its CONNECT has succeeded."""
    stranger = await stage.stranger()
    sent = stranger.tell("CREATE_ROOM", {"name": "방", "is_open": True})
    try:
        came = await stranger.answer(sent)
    except Broken:
        return  # silence, or a closed connection, is no service either
    came.require(came.raw.get("success") is False, "expected a failure")


@rule("2.2")
async def envelope_names_the_user(stage: Stage) -> None:
    """A request may name the user and the session of its connection."""
    mina = await stage.user()
    envelope = {"user_id": mina.user_id, "session_id": mina.session_id}
    await mina.ask("CREATE_ROOM", {"name": "방", "is_open": False}, **envelope)


@rule("2.2")
async def envelope_without_the_user(stage: Stage) -> None:
    """A request need not name the user, nor the session."""
    mina = await stage.user()
    await mina.ask("CREATE_ROOM", {"name": "방", "is_open": False})


@rule("2.3")
async def answers_by_number(stage: Stage) -> None:
    """Each of several requests in flight gets the answer with its own seq_id."""
    mina = await stage.user()
    rooms = [await stage.room(mina) for _ in range(3)]
    sent = [mina.tell("ROOM_INFO", {"room_id": room_id}) for room_id in rooms]
    for request, room_id in reversed(list(zip(sent, rooms, strict=True))):
        seq_id = request["seq_id"]
        came = await mina.take(partial(_is_numbered, seq_id), f"the answer {seq_id}")
        Message(came, request).shows({"data.room_id": room_id})


@rule("2.3")
async def success_is_said(stage: Stage) -> None:
    """A success is the action with _RESPONSE and success: true, and no error_code."""
    mina = await stage.user()
    answer = await mina.ask("CREATE_ROOM", {"name": "방", "is_open": False})
    answer.require(answer.raw.get("error_code") is None, "expected no error_code")


@rule("1.1", "1.1")
async def blank_lines_and_crlf(stage: Stage) -> None:
    """Blank lines, a byte order mark and CRLF do not matter."""
    mina = await stage.user()
    request = mina.request("LIST_ROOMS", {})
    mina.write(b"\n\r\n  \n\xef\xbb\xbf" + line_of(request)[:-1] + b"\r\n")
    (await mina.answer(request)).shows({"success": True})
    for came in mina.inbox:
        Message(came).require(came.get("action") != "ERROR", "expected no ERROR")


@rule("1.1", "1.1")
async def no_json(stage: Stage) -> None:
    """What is not JSON gets INVALID_MESSAGE without a seq_id, and the connection stays."""
    mina = await stage.user()
    for line in (b"hello\n", b'{"action": "PING",\n', b'{"action": \xff}\n'):
        mina.write(line)
        (await mina.error("INVALID_MESSAGE")).shows({"seq_id": None, "data.original_action": None})
    await mina.ask("LIST_ROOMS", {})


@rule("1.1", "1.1")
async def no_object(stage: Stage) -> None:
    """JSON that is no object gets INVALID_MESSAGE."""
    mina = await stage.user()
    for line in (b"[]\n", b"1\n", b'"PING"\n', b"null\n"):
        mina.write(line)
        await mina.error("INVALID_MESSAGE")


@rule("1.1", "1.1")
async def strict_json(stage: Stage) -> None:
    """NaN, lone surrogates and nesting deeper than 32 are no JSON of the protocol."""
    mina = await stage.user()
    for value in ("NaN", r'"\ud800"', "[" * 40 + "]" * 40):
        line = line_of(mina.request("PING", {"x": "?"}))
        mina.write(line.replace(b'"?"', value.encode()))
        await mina.error("INVALID_MESSAGE")


@rule("1.1", "1.1")
async def unknown_fields(stage: Stage) -> None:
    """Fields that the server does not know are ignored."""
    mina = await stage.user()
    await mina.ask("CREATE_ROOM", {"name": "방", "is_open": True, "colour": "blue"}, priority=3)


@rule("1.1", "1.1")
async def last_key_counts(stage: Stage) -> None:
    """Of duplicate keys the last one counts."""
    mina = await stage.user()
    request = mina.request("CREATE_ROOM", {"name": "둘째", "is_open": True})
    mina.write(line_of(request).replace(b'"name":', b'"name": "\xed\x95\x98", "name":'))
    (await mina.answer(request)).shows({"success": True, "data.name": "둘째"})


@rule("2.2", "1.1")
async def types_are_strict(stage: Stage) -> None:
    """A text, a boolean or a number with a point is no integer, and 0 and 2^53 are no ids."""
    mina = await stage.user()
    for wrong in ("5", True, 5.0, 0, -1, 2**53):
        answer = await mina.refused("INVALID_MESSAGE", "ROOM_INFO", {"room_id": wrong})
        details = answer.at("data.error_details")
        answer.require("room_id" in str(details), "expected error_details to name room_id")


@rule("2.2", "1.1")
async def envelope_is_checked(stage: Stage) -> None:
    """A seq_id of more than 128 characters, a timestamp that is none, or none at all get INVALID_MESSAGE."""
    mina = await stage.user()
    for wrong in ({"seq_id": "x" * 129}, {"timestamp": "yesterday"}):
        mina.tell("LIST_ROOMS", {}, **wrong)
        await mina.error("INVALID_MESSAGE")
    request = mina.request("LIST_ROOMS", {})
    for missing in ("seq_id", "timestamp"):
        mina.send({key: value for key, value in request.items() if key != missing})
        await mina.error("INVALID_MESSAGE")


@rule("2.2", "1.1")
async def anothers_user_id(stage: Stage) -> None:
    """A user_id that is not the connection's gets PERMISSION_DENIED."""
    mina = await stage.user()
    await mina.refused("PERMISSION_DENIED", "LIST_ROOMS", {}, user_id=mina.user_id + 1)


@rule("2.2", "1.1")
async def stale_session_id(stage: Stage) -> None:
    """A session_id counts in CONNECT alone; elsewhere a stale one is ignored."""
    mina = await stage.user()
    await mina.ask("LIST_ROOMS", {}, session_id="of-long-ago")


@rule("2.2", "1.1")
async def one_number_for_all(stage: Stage) -> None:
    """All who hear an event see the same seq_id, and another event has another."""
    mina, jun, sora = await stage.users(3)
    room_id = await stage.room(mina, jun, sora)
    seen: list[str] = []
    for text in ("하나", "둘"):
        await mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": text, "message_type": "text"})
        one, other = [await user.hear("NEW_MESSAGE", content=text) for user in (jun, sora)]
        other.shows({"seq_id": one.at("seq_id")})
        other.require(one.at("seq_id") not in seen, "expected another seq_id than that of the event before")
        seen.append(one.at("seq_id"))


@rule("2.3", "1.1")
async def answers_in_order(stage: Stage) -> None:
    """Answers come in the order of the requests."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    sent = []
    for number in range(5):
        data = {"room_id": room_id, "content": f"{number}", "message_type": "text"}
        sent += [
            mina.tell("SEND_MESSAGE", data),
            mina.tell("ROOM_INFO", {"room_id": 2**53 - 1}),
            mina.tell("LIST_ROOMS", {}),
        ]
    numbers = {request["seq_id"] for request in sent}
    for request in sent:
        came = await mina.take(lambda one: one.get("seq_id") in numbers, "an answer")
        Message(came, request).shows({"seq_id": request["seq_id"]})


@rule("2.3", "1.1")
async def no_answer_to_relays(stage: Stage) -> None:
    """MEDIA_STATUS has no answer when it succeeds."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    video_room_id = await stage.meeting(room_id, mina)
    status = {"video_room_id": video_room_id, "audio_enabled": False, "video_enabled": True}
    told = mina.tell("MEDIA_STATUS", status)
    await mina.settled()
    for came in mina.inbox:
        Message(came, told).require(came.get("seq_id") != told["seq_id"], "expected no answer")


@rule("1.2", "1.1")
async def auth_failed_before_connect(stage: Stage) -> None:
    """Before CONNECT a request gets AUTH_FAILED, and CONNECT still succeeds on the same connection."""
    stranger = await stage.stranger()
    await stranger.refused("AUTH_FAILED", "LIST_ROOMS", {})
    await stage.login(stranger)


@rule("10.1", "1.1")
async def line_before_connect(stage: Stage) -> None:
    """Before CONNECT a line may have 16,384 bytes, and the connection outlives a longer one."""
    stranger = await stage.stranger()
    request = stranger.request("CONNECT", connect_data(stranger.identity.token))
    stranger.write(b" " * (16_384 + 1 - len(line_of(request))) + line_of(request))
    (await stranger.answer(request)).shows({"success": True})
    another = await stage.stranger()
    another.write(b'{"action": "' + b"x" * 16_384 + b'"}\n')
    await another.error("MESSAGE_TOO_LONG")
    await stage.login(another)

"""CONNECT and DISCONNECT (§3)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from assa.conformance.answers import failed
from assa.conformance.identities import Identity, forged, unsigned
from assa.conformance.messages import Message
from assa.conformance.registry import rule
from assa.conformance.stage import Stage, connect_data
from assa.conformance.user import User

_REFUSALS = "AUTH_FAILED INVALID_TOKEN"
_HOUR_S = 3_600
_LEAST_SESSION_ID = 16


@rule("3.1")
async def connect(stage: Stage) -> None:
    """CONNECT with a good token succeeds and tells whose it is."""
    mina = await stage.user()
    mina.welcome.shows({"data.user_id": mina.user_id})
    session_id = mina.welcome.at("data.session_id")
    mina.welcome.require(isinstance(session_id, str) and bool(session_id), "expected a session_id")


@rule("3.1")
async def sessions_differ(stage: Stage) -> None:
    """Every session has an id of its own."""
    mina, jun = await stage.users(2)
    jun.welcome.require(
        mina.session_id != jun.session_id, f"expected another session_id than {mina.session_id}"
    )


@rule("3.1")
async def existing_rooms(stage: Stage) -> None:
    """reconnection_info.existing_rooms has the user's rooms."""
    mina = await stage.user()
    rooms = [await stage.room(mina) for _ in range(2)]
    await stage.left(mina)
    again = await stage.user(mina.identity)
    came = again.welcome.at("data.reconnection_info.existing_rooms")
    again.welcome.require(set(rooms) <= set(came), f"existing_rooms: expected {rooms} among them")


@rule("3.1")
async def unread_messages(stage: Stage) -> None:
    """reconnection_info.unread_messages counts what others have sent meanwhile."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    await stage.left(jun)
    once = await stage.user(jun.identity)
    before = once.welcome.at("data.reconnection_info.unread_messages")
    await stage.left(once)
    for text in ("하나", "둘", "셋"):
        await mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": text, "message_type": "text"})
    again = await stage.user(jun.identity)
    again.welcome.shows({"data.reconnection_info.unread_messages": before + 3})


async def _refused(stage: Stage, token: str | None, codes: str, user: User | None = None) -> Message:
    answer = await stage.connect(user or await stage.stranger(), connect_data(token))
    return failed(answer, codes).shows({"action": "CONNECT_RESPONSE"})


@rule("3.1")
async def forged_token(stage: Stage) -> None:
    """A token with a wrong signature is refused with CONNECT_RESPONSE."""
    await _refused(stage, forged(stage.somebody().token), _REFUSALS)


@rule("3.1")
async def unsigned_token(stage: Stage) -> None:
    """A token that says it needs no signature (alg none) is refused."""
    await _refused(stage, unsigned(stage.somebody().token), _REFUSALS)


@rule("3.1")
async def expired_token(stage: Stage) -> None:
    """An expired token is refused."""
    token = stage.identities.token(stage.somebody().user_id, exp=int(stage.clock.seconds()) - _HOUR_S)
    await _refused(stage, token, _REFUSALS)


@rule("3.1")
async def no_token(stage: Stage) -> None:
    """What is no token is refused."""
    await _refused(stage, "not.a.token", _REFUSALS)


@rule("3.1")
async def refused_is_not_connected(stage: Stage) -> None:
    """Who was refused is not served, and may CONNECT with a good token."""
    stranger = await stage.stranger()
    await _refused(stage, forged(stranger.identity.token), _REFUSALS, stranger)
    answer = await stranger.call("CREATE_ROOM", {"name": "방", "is_open": True})
    answer.require(answer.raw.get("success") is False, "expected a failure")
    await stage.login(stranger)


@rule("3.2")
async def disconnect(stage: Stage) -> None:
    """After DISCONNECT nothing more comes."""
    mina, jun = await stage.users(2)
    room_id = await stage.room(mina, jun)
    jun.tell("DISCONNECT", {"reason": "user_logout"}, user_id=jun.user_id)
    await stage.sleep(stage.quiet_s)
    await mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": "갔나요?", "message_type": "text"})
    await jun.quiet("NEW_MESSAGE", room_id=room_id)


@rule("3.2")
async def rooms_outlive_disconnect(stage: Stage) -> None:
    """Who disconnects stays a member of his chat rooms."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await stage.left(mina)
    again = await stage.user(mina.identity)
    rooms = again.welcome.at("data.reconnection_info.existing_rooms")
    again.welcome.require(room_id in rooms, f"existing_rooms: expected {room_id} among {rooms}")


# --- v1.1 ---


@rule("3.1", "1.1")
async def invalid_token(stage: Stage) -> None:
    """A token that cannot be verified gets INVALID_TOKEN."""
    await _refused(stage, forged(stage.somebody().token), "INVALID_TOKEN")
    await _refused(stage, "not.a.token", "INVALID_TOKEN")


@rule("3.1", "1.1")
async def nothing_to_verify(stage: Stage) -> None:
    """A CONNECT without a token, or with an empty one, gets AUTH_FAILED."""
    await _refused(stage, None, "AUTH_FAILED")
    await _refused(stage, "", "AUTH_FAILED")


@rule("3.1", "1.1")
async def expired_is_invalid(stage: Stage) -> None:
    """An expired token gets INVALID_TOKEN, and so does one without exp."""
    somebody = stage.somebody()
    for exp in (int(stage.clock.seconds()) - _HOUR_S, None):
        await _refused(stage, stage.identities.token(somebody.user_id, exp=exp), "INVALID_TOKEN")


@rule("3.1", "1.1")
async def token_of_nobody(stage: Stage) -> None:
    """A token that names no user gets INVALID_TOKEN."""
    token = stage.identities.token(stage.somebody().user_id, user_id=None, sub=None)
    await _refused(stage, token, "INVALID_TOKEN")


@rule("3.1", "1.1")
async def user_of_sub(stage: Stage) -> None:
    """Without the claim user_id the user is the one of sub."""
    user = await stage.claiming(user_id=None)
    user.welcome.shows({"data.user_id": user.user_id})


@rule("3.1", "1.1")
async def three_failures_close(stage: Stage) -> None:
    """After the third failed CONNECT the connection is closed."""
    stranger = await stage.stranger()
    for _ in range(3):
        stranger.tell("CONNECT", connect_data("not.a.token"))
    await stranger.closed()


@rule("3.1", "1.1")
async def renewal(stage: Stage) -> None:
    """A second CONNECT of the same user renews the token and keeps the session."""
    mina = await stage.user()
    before = mina.session_id
    answer = await stage.login(mina)
    answer.shows({"data.session_id": before, "data.reconnection_info.resumed": True})


@rule("3.1", "1.1")
async def renewal_by_another(stage: Stage) -> None:
    """A second CONNECT with the token of another user gets PERMISSION_DENIED, and the connection goes on."""
    mina = await stage.user()
    await _refused(stage, stage.somebody().token, "PERMISSION_DENIED", mina)
    await mina.ask("LIST_ROOMS", {})


@rule("3.1", "1.1")
async def renewal_that_fails(stage: Stage) -> None:
    """A renewal that fails closes nothing."""
    mina = await stage.user()
    await _refused(stage, forged(mina.identity.token), "INVALID_TOKEN", mina)
    await mina.ask("LIST_ROOMS", {})


@rule("3.1", "1.1")
async def same_device(stage: Stage) -> None:
    """A new connection of the same device replaces the old one, which gets SESSION_REPLACED and is closed."""
    identity = stage.somebody()
    old = await stage.user(identity, device_id=f"phone-of-{identity.user_id}")
    await stage.user(identity, device_id=f"phone-of-{identity.user_id}")
    await old.error("SESSION_REPLACED")
    await old.closed()


@rule("3.1", "1.1")
async def several_devices(stage: Stage) -> None:
    """Every connection of a user gets every event."""
    mina = await stage.user()
    phone = await stage.user()
    tablet = await stage.user(phone.identity)
    room_id = await stage.room(mina, phone)
    await mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": "둘 다", "message_type": "text"})
    for device in (phone, tablet):
        await device.hear("NEW_MESSAGE", room_id=room_id, content="둘 다")


@rule("3.1", "1.1")
async def ten_connections(stage: Stage) -> None:
    """A user's eleventh connection replaces his oldest one."""
    identity = stage.somebody()
    devices = []
    for _ in range(11):
        devices.append(await stage.user(identity))
        await stage.sleep(0.02)  # so that it is plain which is the oldest
    await devices[0].error("SESSION_REPLACED")
    await devices[0].closed()
    for device in devices[1:]:
        await device.settled()


@rule("3.1", "1.1")
async def token_expiring(stage: Stage) -> None:
    """A connection whose token expires within a minute gets TOKEN_EXPIRING; a newer token is taken."""
    user = await stage.claiming(exp=int(stage.clock.seconds()) + 30)
    await user.hear("TOKEN_EXPIRING")
    user.identity = Identity(user_id=user.user_id, token=stage.identities.token(user.user_id))
    (await stage.login(user)).shows({"success": True})


@rule("3.1", "1.1", slow=True)
async def token_expired(stage: Stage) -> None:
    """A connection whose token has expired is closed with INVALID_TOKEN, 25 s later."""
    user = await stage.claiming(exp=int(stage.clock.seconds()) + 5)
    await user.hear("TOKEN_EXPIRING")
    await stage.sleep(25)
    await user.error("INVALID_TOKEN")
    await user.closed()


@rule("3.1", "1.1")
async def session_id_is_long(stage: Stage) -> None:
    """A session_id is too long to be guessed."""
    mina = await stage.user()
    mina.welcome.require(
        len(mina.session_id) >= _LEAST_SESSION_ID, "session_id: expected at least 16 characters"
    )


@rule("3.1", "1.1")
async def nickname_of_the_token(stage: Stage) -> None:
    """Others see nickname and profile_image of the token, without a nickname 사용자 with the id."""
    mina = await stage.user()
    named = await stage.claiming(nickname="새이름", profile_image="/storage/profiles/1.jpg")
    nameless = await stage.claiming(nickname=None)
    room_id = await stage.room(mina, named, nameless)
    for user, nickname, image in (
        (named, "새이름", "/storage/profiles/1.jpg"),
        (nameless, nameless.nickname, None),
    ):
        await user.ask("SEND_MESSAGE", {"room_id": room_id, "content": "나", "message_type": "text"})
        heard = await mina.hear("NEW_MESSAGE", room_id=room_id)
        heard.shows({"data.user.nickname": nickname, "data.user.profile_image": image})


@rule("3.2", "1.1")
async def disconnect_is_answered(stage: Stage) -> None:
    """DISCONNECT is answered with its reason before the connection is closed."""
    mina = await stage.user()
    answer = await mina.ask("DISCONNECT", {"reason": "user_logout"})
    answer.shows({"data.reason": "user_logout"})
    await mina.closed()


@rule("3.2", "1.1")
async def disconnect_ends_the_session(stage: Stage) -> None:
    """After DISCONNECT the session cannot be resumed."""
    mina = await stage.user()
    before = mina.session_id
    await mina.ask("DISCONNECT", {"reason": "user_logout"})
    await mina.closed()
    again = await stage.user(mina.identity, session_id=before)
    again.welcome.require(again.session_id != before, "expected a new session_id")

"""Announcements, PING and PONG (§8), and the server's timers (§10.2)."""

# ruff: noqa: D401 - the docstring of a case is its rule, which says what is, not what to do

from __future__ import annotations

from typing import Any, Final

from assa.conformance.messages import Message
from assa.conformance.registry import rule
from assa.conformance.stage import Stage
from assa.conformance.user import User

_NOTICE: Final[dict[str, Any]] = {
    "title": "서버 점검 안내",
    "message": "오늘 밤 12시부터",
    "priority": "high",
    "announcement_type": "maintenance",
}
_LATE_S = 3.0
"""How much later than said a timer may fire."""


@rule("8.2", slow=True)
async def ping(stage: Stage) -> None:
    """The server sends PING every 30 s, and a client that answers stays connected."""
    mina = await stage.user()
    room_id = await stage.room(mina)
    await mina.hear("PING", 30 + _LATE_S)
    await mina.hear("PING", 30 + _LATE_S)
    await mina.ask("ROOM_INFO", {"room_id": room_id})


@rule("10.2", slow=True)
async def silence(stage: Stage) -> None:
    """A client that does not answer PING is closed after 60 s."""
    mina = await stage.user()
    mina.line.answers_pings = False
    await mina.hear("PING", 30 + _LATE_S)
    await stage.sleep(45)
    mina.welcome.require(mina.line.open, "closed less than 60 s after PING")
    await mina.closed(15 + 30 + _LATE_S)


@rule("10.2", slow=True)
async def no_connect(stage: Stage) -> None:
    """A connection without CONNECT is closed after 30 s."""
    stranger = await stage.stranger()
    await stranger.closed(30 + _LATE_S)


async def _pong(user: User) -> None:
    sent = user.tell("PING")
    came = await user.take(lambda one: one.get("action") == "PONG", "PONG")
    Message(came, sent).shows({"seq_id": sent["seq_id"]})


@rule("8.1", "1.1", alone=True)  # everybody gets it
async def announcement(stage: Stage) -> None:
    """SERVER_ANNOUNCEMENT of an admin reaches every client, and he is told how many."""
    mina = await stage.user()
    admin = await stage.claiming(scope="admin", nickname="운영자")
    told = await admin.ask("SERVER_ANNOUNCEMENT", _NOTICE)
    recipients = told.at("data.recipients")
    told.require(isinstance(recipients, int) and recipients >= 2, "recipients: expected 2 at least")  # noqa: PLR2004
    for user in (mina, admin):
        await user.hear("SERVER_ANNOUNCEMENT", **_NOTICE)


@rule("8.1", "1.1")
async def announcement_refused(stage: Stage) -> None:
    """SERVER_ANNOUNCEMENT without the scope admin gets PERMISSION_DENIED."""
    mina = await stage.user()
    await mina.refused("PERMISSION_DENIED", "SERVER_ANNOUNCEMENT", _NOTICE)


@rule("8.2", "1.1")
async def pong(stage: Stage) -> None:
    """A PING of the client gets PONG with its seq_id."""
    mina = await stage.user()
    await _pong(mina)


@rule("8.2", "1.1")
async def pong_before_connect(stage: Stage) -> None:
    """PING and PONG are taken before CONNECT."""
    stranger = await stage.stranger()
    stranger.tell("PONG")
    await _pong(stranger)


@rule("8.2", "1.1")
async def pong_has_no_answer(stage: Stage) -> None:
    """PONG has no answer."""
    mina = await stage.user()
    sent = mina.tell("PONG")
    await mina.settled()
    for message in mina.inbox:
        mina.welcome.require(
            message.get("seq_id") != sent["seq_id"], f"expected no answer to PONG, got {message}"
        )


@rule("10.2", "1.1", slow=True)
async def connect_timeout(stage: Stage) -> None:
    """Before a connection without CONNECT is closed, it is told CONNECT_TIMEOUT."""
    stranger = await stage.stranger()
    await stranger.closed(30 + _LATE_S)
    await stranger.error("CONNECT_TIMEOUT")


@rule("10.2", "1.1", slow=True)
async def heartbeat_timeout(stage: Stage) -> None:
    """Before a silent connection is closed, it is told HEARTBEAT_TIMEOUT, and its session can be resumed."""
    mina = await stage.user()
    mina.line.answers_pings = False
    await mina.closed(30 + 60 + _LATE_S)
    await mina.error("HEARTBEAT_TIMEOUT")
    again = await stage.resumed(mina)
    again.welcome.shows({"data.session_id": mina.session_id, "data.reconnection_info.resumed": True})

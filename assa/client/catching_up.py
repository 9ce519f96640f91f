"""Catching up where a session could not be resumed: what was missed is fetched (§5.3, §10.3, v1.1 section 4).

A server of v1.1 has GET_MESSAGES, page by page after the last message that was heard. One of v1.0 has the
`pending_messages` of CHECK_RECEIVE only: what the user has not confirmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa.client import forms
from assa.client.events import Gap
from assa.client.inbox import Inbox, Room
from assa.client.refusals import BadAnswer, Disconnected, NoAnswer, Rejected
from assa.client.states import V1_0, Welcome
from assa.protocol import (
    Author,
    ChatMessage,
    CheckReceive,
    GetMessages,
    GetRoomInfo,
    ListRooms,
    NewMessage,
    PendingMessage,
    Request,
)

A = TypeVar("A")
_PAGE: Final = 100
_PAGES: Final = 1_000
"""So many pages of a room are kept until the first message is found."""
_CONFIRMED: Final = 500
"""Ids in one CHECK_RECEIVE."""
_TRIES: Final = 5
_LONGEST_S: Final = 8.0
_ROOMS: Final = 0
"""Stands for LIST_ROOMS where tries are counted by room."""
_NOT_MINE: Final = frozenset({"ROOM_NOT_FOUND", "USER_NOT_IN_ROOM", "PERMISSION_DENIED"})
_SLACK: Final = timedelta(seconds=2)
"""A message may have been stored a little after the time that it carries."""


@frozen(kw_only=True)
class _Page:
    """The answer to GET_MESSAGES: one message without form costs no others."""

    messages: list[dict[str, Any]]
    has_more: bool

    def ids(self) -> list[int]:
        """Return the ids of the messages."""
        return [one["message_id"] for one in self.messages if type(one.get("message_id")) is int]


@frozen(kw_only=True)
class _GetPage(Request[_Page]):
    action = GetMessages.action
    since = GetMessages.since
    room_id: int
    before_message_id: int | None = None
    after_message_id: int | None = None
    limit: int = _PAGE


class Ask(Protocol):
    """Asks the server."""

    def __call__(self, request: Request[A], /) -> Deferred[A]:
        """Send a request and return its answer."""


class CatchingUp:
    """Fetches what was missed, however many connections it takes; events wait until that is done.

    Args:
        reactor: The time.
        ask: Asks the server.
        inbox: Gets what was missed.
        stuck: Called when the server does not answer.
    """

    log = Logger()

    def __init__(self, reactor: Any, ask: Ask, inbox: Inbox, stuck: Callable[[str], None]) -> None:
        self.since = ""
        """When the first connection began: older messages were not missed."""
        self._reactor = reactor
        self._ask = ask
        self._inbox = inbox
        self._stuck = stuck
        self._rooms: list[int] | None = None
        self._tries: Counter[int] = Counter()
        self._nap: Deferred[None] | None = None

    def begin(self, welcome: Welcome) -> None:
        """Find out in which rooms something was missed, and fetch it."""
        self._rooms = None
        self.go_on(welcome)

    def go_on(self, welcome: Welcome) -> None:
        """Fetch what is still missing."""
        Deferred.fromCoroutine(self._work(welcome)).addErrback(self._stopped)

    def stop(self) -> None:
        """Fetch nothing: there is no connection, so what is being asked fails too."""
        nap, self._nap = self._nap, None
        if nap is not None:
            nap.cancel()

    def _stopped(self, failure: Failure) -> None:
        if failure.check(NoAnswer):
            self._stuck(failure.getErrorMessage())
        elif not failure.check(CancelledError, Disconnected):
            self.log.failure("catching up failed", failure=failure)
            self._inbox.release()

    async def _work(self, welcome: Welcome) -> None:
        if self._rooms is None:
            self._rooms = await self._patiently(_ROOMS, lambda: self._stale(welcome))
        if self._rooms is None:
            self._rooms = sorted({*self._inbox.rooms, *welcome.existing_rooms})
        while self._rooms:
            room_id = self._rooms[0]
            await self._patiently(room_id, lambda: self._fetch(welcome, room_id))  # noqa: B023 - awaited here
            self._rooms.pop(0)
        self._tries.clear()
        self._inbox.release()

    async def _patiently(self, room_id: int, doing: Callable[[], Any]) -> Any:
        """Do something several times if need be; return None when that was in vain."""
        while True:
            try:
                return await doing()
            except NoAnswer as wrong:
                if self._is_too_often(room_id, wrong):
                    return None
                raise
            except (Rejected, BadAnswer) as wrong:
                if getattr(wrong, "code", "") in _NOT_MINE or self._is_too_often(room_id, wrong):
                    return None
                after_ms = getattr(wrong, "retry_after_ms", None)
                self._nap = deferLater(self._reactor, self._delay_s(room_id, after_ms))
                await self._nap

    def _is_too_often(self, room_id: int, wrong: Exception) -> bool:
        self._tries[room_id] += 1
        if self._tries[room_id] < _TRIES:
            return False
        self.log.warn(  # noqa: G010 - this logger is Twisted's
            "missed messages were not fetched: {reason}", reason=str(wrong)
        )
        if room_id != _ROOMS:
            self._tell_gap(room_id, str(wrong))
        return True

    def _tell_gap(self, room_id: int, reason: str) -> None:
        room = self._inbox.rooms.get(room_id)
        self._inbox.put(Gap(room_id=room_id, after_message_id=room.newest if room else None, reason=reason))

    def _delay_s(self, room_id: int, after_ms: int | None) -> float:
        return min(_LONGEST_S, 2.0 ** (self._tries[room_id] - 1)) if after_ms is None else after_ms / 1000

    # --- which rooms ---

    async def _stale(self, welcome: Welcome) -> list[int]:
        """Return the rooms in which something may have been missed."""
        if welcome.version == V1_0:
            return list(welcome.existing_rooms) if welcome.unread_messages else []
        listed = await self._ask(ListRooms())
        stale = []
        for one in listed.rooms:
            last, known = one.last_message, self._inbox.rooms.get(one.room_id)
            if last is not None and self._is_new(last, known):
                stale.append(one.room_id)
        return stale

    def _is_new(self, message: ChatMessage, room: Room | None) -> bool:
        if room is None or room.newest is None:
            return _is_after(message.created_at, self.since)
        return message.message_id > room.newest

    # --- what was said there ---

    async def _fetch(self, welcome: Welcome, room_id: int) -> None:
        room = self._inbox.room(room_id)
        if welcome.version == V1_0:
            await self._fetch_pending(room_id, room)
        elif room.newest:
            await self._fetch_after(room_id, room.newest)
        elif room.newest is None:
            await self._fetch_since(room_id, _later(self.since, await self._joined_at(room_id)))
        else:
            await self._fetch_since(room_id, "")

    async def _joined_at(self, room_id: int) -> str:
        """Return when the user became a member: on another device, or here where the answer was lost."""
        info = await self._ask(GetRoomInfo(room_id=room_id))
        mine = (one.joined_at for one in info.participants if one.user_id == self._inbox.user_id)
        return next(mine, "")

    async def _fetch_after(self, room_id: int, message_id: int) -> None:
        has_more = True
        while has_more:
            page = await self._ask(_GetPage(room_id=room_id, after_message_id=message_id))
            self._take(page)
            newest, has_more = max(page.ids(), default=message_id), page.has_more
            if has_more and newest <= message_id:
                raise BadAnswer("GET_MESSAGES has more, and does not go on")
            message_id = newest

    async def _fetch_since(self, room_id: int, since: str) -> None:
        """Fetch backwards, as there is no message to go on from."""
        pages: list[_Page] = []
        before: int | None = None
        while not pages or pages[-1].has_more:
            if len(pages) == _PAGES:
                self._tell_gap(room_id, f"more than {_PAGES * _PAGE} messages were missed")
                break
            page = await self._ask(_GetPage(room_id=room_id, before_message_id=before))
            pages.append(page)
            if not page.messages or not _is_after(page.messages[0].get("created_at"), since):
                break
            oldest = min(page.ids(), default=before)
            if oldest is None or (before is not None and oldest >= before):
                raise BadAnswer("GET_MESSAGES has more, and does not go on")
            before = oldest
        for page in reversed(pages):
            self._take(page, since)

    def _take(self, page: _Page, since: str = "") -> None:
        for message in page.messages:
            if _is_after(message.get("created_at"), since):
                self._inbox.fetch(forms.event(NewMessage.action, message))

    async def _fetch_pending(self, room_id: int, room: Room) -> None:
        """Fetch what is unconfirmed; what was heard of it is confirmed where that is the way to the rest."""
        confirmed: list[int] = []
        since = self.since if room.newest is None else ""
        while True:
            checked = await self._ask(CheckReceive(room_id=room_id, message_ids=confirmed))
            pending = sorted(checked.pending_messages, key=lambda one: one.message_id)
            new = [
                one for one in pending if not room.knows(one.message_id) and _is_after(one.created_at, since)
            ]
            for one in new:
                self._inbox.fetch(_from_pending(one, room_id))
            ids = [one.message_id for one in pending]
            if ids == confirmed or not (new or len(pending) >= _PAGE):
                return
            confirmed = (ids if len(pending) >= _PAGE else [one.message_id for one in new])[:_CONFIRMED]


def _later(one: str, other: str) -> str:
    """Return the later of two times; the first where one cannot be read."""
    try:
        return max(one, other, key=datetime.fromisoformat)
    except (TypeError, ValueError):
        return one


def _is_after(created_at: Any, since: str) -> bool:
    """Return whether a message is of the time since then; in doubt it is."""
    try:
        return not since or datetime.fromisoformat(created_at) >= datetime.fromisoformat(since) - _SLACK
    except (TypeError, ValueError):
        return True


def _from_pending(message: PendingMessage, room_id: int) -> NewMessage:
    author = message.user
    default_type = "image" if message.file_info else "text"
    return NewMessage(
        message_id=message.message_id,
        room_id=room_id,
        content=message.content,
        message_type=message.message_type or default_type,
        user=Author(user_id=author.user_id, nickname=author.nickname, profile_image=None),
        created_at=message.created_at,
        reply_to_message_id=message.reply_to_message_id,
        file_info=message.file_info,
    )

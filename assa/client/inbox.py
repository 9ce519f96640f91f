"""What has arrived and is to be heard: each message once, in the order of its room. Pure.

Messages arrive as events, again as events when a session is resumed, and as pages of history where it could
not be. One's own come too, from a server that has forgotten the session or that sends to everybody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from assa.client.events import Event
from assa.client.requests import Request
from assa.protocol import NewMessage

_KEPT: Final = 2_048
"""Ids kept of a room. Answers overtake events, and an old server may send in another order, by fewer."""


@define(eq=False)
class Room:
    """Which messages of a room are known.

    Args:
        newest: The last one that was heard, from which catching up goes on; None: none since the beginning.
        floor: All ids up to it are known.
    """

    newest: int | None = None
    floor: int = 0
    _ids: set[int] = field(factory=set)

    def knows(self, message_id: int) -> bool:
        """Return whether a message was heard or is one's own."""
        return message_id <= self.floor or message_id in self._ids

    def begin(self, message_id: int) -> None:
        """Take note that nothing up to a message is missing."""
        self.newest = max(message_id, self.newest or 0)

    def own(self, message_id: int) -> None:
        """Take note of a message that was sent here: no event of it is to be heard."""
        self._ids.add(message_id)

    def heard(self, message_id: int) -> None:
        """Take note of a message that is heard."""
        self._ids.add(message_id)
        self.begin(message_id)

    @property
    def own_after(self) -> list[int]:
        """Return the ids of messages after the newest: they can only be one's own."""
        return sorted(one for one in self._ids if one > (self.newest or 0))

    def trim(self) -> None:
        """Forget single ids of long ago."""
        if len(self._ids) > 2 * _KEPT:
            ids = sorted(self._ids)
            self.floor = max(self.floor, ids[-_KEPT - 1])
            self._ids = set(ids[-_KEPT:])


@frozen
class _Item:
    event: Event
    position: str | None = None
    doubt: Request | None = None
    """Of one's own message: the send without an answer whose message it may be."""


class Inbox:
    """Events on their way to the listener.

    Args:
        tell: The listener; it does not fail.
        in_doubt: Returns the message that is on its way to a room and has no answer yet.
    """

    def __init__(self, tell: Callable[[Event], None], in_doubt: Callable[[int], Request | None]) -> None:
        self.user_id = 0
        self.rooms: dict[int, Room] = {}
        self.position: str | None = None
        """The `seq_id` up to which everything was heard."""
        self.held = False
        """Whether events wait for messages that are fetched."""
        self.stopped = False
        """Whether nothing is to be heard any more: the program may have noted how far it has come."""
        self.arrived: Callable[[], None] | None = None
        """Who takes events with `next`, instead of hearing them, is told here that there may be one."""
        self._tell = tell
        self._in_doubt = in_doubt
        self._fetched: deque[_Item] = deque()
        self._events: deque[_Item] = deque()
        self._start: str | None = None
        self._draining = False

    def begin(self, rooms: dict[int, Room], position: str | None) -> None:
        """Begin anew, with what is known from before."""
        self.rooms, self.position, self.held, self._start = rooms, position, False, None
        self.stopped = False
        self._fetched.clear()
        self._events.clear()

    def hold(self, position: str | None) -> None:
        """Let events wait until what was missed has been fetched.

        Args:
            position: Where the events begin.
        """
        self.held, self._start = True, position

    def release(self) -> None:
        """Let the events come: everything has been fetched."""
        self.held = False
        self.drain()

    def put(self, event: Event, position: str | None = None) -> None:
        """Take an event that has arrived."""
        self._events.append(_Item(event, position, self._doubt(event)))
        self.drain()

    def fetch(self, message: Event) -> None:
        """Take a message that was fetched; it comes before the events that wait."""
        self._fetched.append(_Item(message, None, self._doubt(message)))
        self.drain()

    def tell(self, event: Event) -> None:
        """Take what is no event of the server: it waits for none of them."""
        if self.arrived is None:
            self._tell(event)
        else:
            self._fetched.appendleft(_Item(event))
            self.arrived()

    def room(self, room_id: int) -> Room:
        """Return what is known of a room."""
        return self.rooms.setdefault(room_id, Room())

    def drain(self) -> None:
        """Have everything heard that waits for nothing."""
        if self.arrived is not None:
            self.arrived()
            return
        if self._draining:  # the listener has done something that leads here
            return
        self._draining = True
        try:
            while (event := self.next()) is not None:
                self._tell(event)
        finally:
            self._draining = False

    def next(self) -> Event | None:
        """Return the next event, which counts as heard; None while there is none that waits for nothing."""
        while not self.stopped and (queue := self._queue()) and not _is_in_doubt(queue[0]):
            item = queue.popleft()
            if self._is_new(item):
                return item.event
        return None

    def _queue(self) -> deque[_Item]:
        if self._fetched or self.held:
            return self._fetched
        if self._start is not None:
            self.position, self._start = self._start, None
        return self._events

    def _is_new(self, item: _Item) -> bool:
        """Take note of an event; return whether it is to be heard."""
        event, is_known = item.event, False
        self.position = item.position or self.position
        if isinstance(event, NewMessage):
            room = self.room(event.room_id)
            is_known = room.knows(event.message_id)
            room.heard(event.message_id)
            if not self.held and not self._events:
                room.trim()
        return not is_known

    def _doubt(self, event: Event) -> Request | None:
        if isinstance(event, NewMessage) and event.user.user_id == self.user_id:
            return self._in_doubt(event.room_id)
        return None


def _is_in_doubt(item: _Item) -> bool:
    return item.doubt is not None and item.doubt.is_in_doubt

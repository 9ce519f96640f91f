"""One client's connection to a mock, message by message, and the interface of what goes wrong on it.

A :class:`Line` stands between a session and its connection, whether TCP or WebSocket: it is the session's
front. What faults return is sent in order; what is late holds up what comes after it, as a slow network does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING

import orjson

from assa.mock.in_order import InOrder
from assa.mock.items import Cut, Item, Message, Stall, bytes_of, messages_of, parsed, seconds_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from assa.connection import Connection
    from assa.mock.transport import FaultyTransport
    from assa.session import Session


class Fault:
    """What a mock does to the messages of one connection: nothing, unless a subclass says so.

    Args:
        line: The connection.
    """

    def __init__(self, line: Line) -> None:
        self.line = line

    def incoming(self, message: Message) -> Message | None:
        """Return what the server gets of a client's message, None for nothing."""
        return message

    def outgoing(self, message: Message) -> Iterable[Item]:
        """Return what the client gets of a message of the server, in order; empty for nothing."""
        return [message]


class Watch:
    """Is told what happens on the lines of a mock; does nothing with it, unless a subclass does."""

    def opened(self, line: Line) -> None:
        """Take note of a new connection."""

    def came(self, line: Line, message: Message | bytes, *, lost: bool = False) -> None:
        """Take note of a client's message, or of bytes that are none; `lost`: the server does not get it."""

    def went(self, line: Line, item: Item) -> None:
        """Take note of what has been sent."""

    def kept(self, line: Line, message: Message) -> None:
        """Take note of a message of which the client gets nothing."""

    def closes(self, line: Line, reason: str) -> None:
        """Take note that the server closes a connection."""

    def gone(self, line: Line) -> None:
        """Take note that a connection is over."""


Send = Callable[[bytes], None]


class Line:
    """One client's connection, as faults see it; the front of its session (:class:`assa.around.Front`).

    Args:
        number: Names it, from 1 on.
        connection: Carries the bytes.
        clock: Makes what is late wait.
        faults: Make the faults, first to last as messages pass them; each is called with this line.
        watch: Is told what happens.
        lines: Those of the mock that are open, this one among them.
    """

    def __init__(
        self,
        number: int,
        connection: Connection,
        *,
        clock: IReactorTime,
        faults: Sequence[Callable[[Line], Fault]],
        watch: Watch,
        lines: Collection[Line],
    ) -> None:
        self.number = number
        self.kind = connection.kind
        self._lines = lines
        self._connection = connection
        self.transport: FaultyTransport = connection.transport  # type: ignore[assignment]  # made by FaultyFactory
        self._watch = watch
        self._in_order = InOrder(clock)
        self._over = False
        """Whether nothing gets through any more."""
        self._session: Session | None = None
        self._user_id: int | None = None
        self._faults = [make(self) for make in faults]

    def serve(self, session: Session) -> None:
        """Stand between a session and what comes for it."""
        self._session = session
        self._received = session.received
        session.received = self._take

    # --- what faults may use ---

    @property
    def user_id(self) -> int | None:
        """Return who is or was connected, None before CONNECT has succeeded."""
        identity = self._session.identity if self._session else None
        if identity is not None:
            self._user_id = identity.user_id
        return self._user_id

    @property
    def session_id(self) -> str:
        """Return the session's id, empty before CONNECT has succeeded."""
        return self._session.session_id if self._session else ""

    @property
    def lines(self) -> Sequence[Line]:
        """Return the mock's open connections, this one among them."""
        return tuple(self._lines)

    def send(self, message: Message) -> None:
        """Send the client a message of one's own, past the faults, after what is on its way."""
        self._in_order.add(0, partial(self._deliver, message, self._connection.write))

    def receive(self, message: Message) -> None:
        """Have the server get a message as if the client had sent it, past the faults."""
        self._received(orjson.dumps(message))

    def close(self, reason: str = "mock", last: bytes = b"", *, drop: bool = False) -> None:
        """Close the connection, resumably, after what is on its way (or `drop` it) and a last line."""
        if drop:
            self._in_order.clear()
        self._end(reason, last, partial(self._connection.close, drop=drop))

    def abort(self) -> None:
        """Lose the connection at once."""
        self._over = True
        self._connection.abort()

    # --- from the client to the session ---

    def _take(self, line: bytes) -> None:
        if self._over:
            return
        message = parsed(line)
        if message is None:
            self._watch.came(self, line)
            self._received(line)
            return
        before = bytes_of(message)
        changed = self._changed(message)
        self._watch.came(self, orjson.loads(before), lost=changed is None)
        if changed is not None:
            after = bytes_of(changed)
            self._received(line if after == before else after)

    def _changed(self, message: Message) -> Message | None:
        for fault in self._faults:
            changed = fault.incoming(message)
            if changed is None:
                return None
            message = changed
        return message

    # --- from the session to the client: what it asks of its front ---

    @property
    def address(self) -> str:
        """Return the client's IP address."""
        return self._connection.address

    @property
    def clogged(self) -> bool:
        """Return whether the client does not read what it is sent."""
        return self._connection.clogged

    def allow_long_lines(self) -> None:
        """Take lines of full length from here on."""
        self._connection.allow_long_lines()

    def resume(self) -> None:
        """Bring lines again, unless the connection is about to end."""
        if not self.transport.disconnecting:
            self._connection.resume()

    def write(self, data: bytes) -> None:
        """Send events."""
        self._pass(data, self._connection.write)

    def answer(self, data: bytes) -> None:
        """Send what the client asked for."""
        self._pass(data, self._connection.answer)

    def hang_up(self, reason: str, last: bytes) -> None:
        """Send the last line and close at once."""
        self._end(reason, last, self._connection.hang_up)

    def _pass(self, data: bytes, send: Send) -> None:
        for message in messages_of(data):
            for item in self._items(message):
                self._in_order.add(seconds_of(item), partial(self._deliver, item, send))

    def _end(self, reason: str, last: bytes, close: Callable[[str, bytes], None]) -> None:
        items = [item for message in messages_of(last) for item in self._items(message)]
        seconds = max(map(seconds_of, items), default=0)
        self._in_order.add(seconds, partial(self._say_farewell, reason, items, close))

    def _items(self, message: Message) -> list[Item]:
        items: list[Item] = [message]
        for fault in self._faults:
            items = [
                made
                for item in items
                # A copy, for a fault may have sent one message twice, and the next may change one in place.
                for made in (fault.outgoing(deepcopy(item)) if isinstance(item, dict) else [item])
            ]
        if not items and not self._over:
            self._watch.kept(self, message)
        return items

    # --- what arrives in the end ---

    def _deliver(self, item: Item, send: Send) -> None:
        if self._over:
            return
        self._watch.went(self, item)
        data = bytes_of(item)
        if isinstance(item, Cut):
            self.transport.lose(len(data) // 2)
        if data:
            send(data)
        if isinstance(item, Stall):
            self.transport.stall()
        self._over = isinstance(item, Cut | Stall)

    def _say_farewell(self, reason: str, items: Sequence[Item], close: Callable[[str, bytes], None]) -> None:
        if any(isinstance(item, Cut | Stall) for item in items):
            for item in items:
                self._deliver(item, self._connection.answer)
        elif not self._over:
            self._over = True
            for item in items:
                self._watch.went(self, item)
            self._watch.closes(self, reason)
            close(reason, b"".join(map(bytes_of, items)))

    def lost(self) -> None:
        """Take note that the connection is gone."""
        self._over = True
        self._in_order.clear()
        self._watch.gone(self)

"""The client library for programs on asyncio: the same client, with awaitables and ``async for``.

::

    from assa.client.aio import AsyncClient

    async def main():
        async with AsyncClient("chat.example.org") as client:
            await client.connect(fetch_token)  # a coroutine function, for example
            await client.send_text(100, "hello")
            async for event in client.events():
                print(event)

    asyncio.run(main())

It runs Twisted on the loop of the program, with Twisted's asyncio reactor. Where the program has none yet,
the first client installs it; a program that installs a reactor by itself installs that one.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred
from twisted.internet.main import installReactor

from assa.client.bookmark import Bookmark
from assa.client.client import Client
from assa.client.endpoints import endpoint
from assa.client.events import Event
from assa.client.refusals import Disconnected
from assa.client.states import Offline, State, Welcome
from assa.client.tokens import Token
from assa.protocol import (
    DeviceInfo,
    Invited,
    MessageSent,
    MessagesGot,
    ReceiveChecked,
    Request,
    RoomCreated,
    RoomJoined,
    RoomLeft,
    RoomsListed,
)

A = TypeVar("A")
_REACTOR = "twisted.internet.reactor"


def _nothing(_: object) -> None:
    """Hear nothing."""


class AsyncClient:
    """One user's connection to a server; see :class:`assa.client.Client`, which it has inside.

    Made inside of the running loop. As an asynchronous context manager it disconnects at the end. Events
    wait until :meth:`events` is asked for them.

    Args:
        address: As for :func:`assa.client.endpoint`.
        tls: Likewise.
        changed: Called when the connection is there, lost, back or given up.
        device: What CONNECT says of the device (§3.1).
    """

    def __init__(
        self,
        address: str,
        *,
        tls: bool | None = None,
        changed: Callable[[State], None] = _nothing,
        device: DeviceInfo | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reactor = _reactor_of(self._loop)
        self._client = Client(
            endpoint(self._reactor, address, tls=tls), self._reactor, changed=changed, device=device
        )
        self._arrived = asyncio.Event()
        self._take = self._client.pull(self._arrived.set)
        self._ended = False

    @property
    def client(self) -> Client:
        """Return the client inside."""
        return self._client

    @property
    def state(self) -> State:
        """Return how the connection is."""
        return self._client.state

    @property
    def bookmark(self) -> Bookmark:
        """Return how far :meth:`events` has come, its last event included."""
        return self._client.bookmark

    # --- connecting ---

    async def connect(self, token: Token, *, resume: Bookmark | None = None) -> Welcome:
        """Connect; the function for tokens may be a coroutine function. See :meth:`Client.connect`."""
        self._ended = False
        try:
            return await self._await(self._client.connect(_awaited(token), resume=resume))
        finally:
            self._arrived.set()

    async def disconnect(self, reason: str = "user_logout") -> None:
        """End the session (§3.2); :meth:`events` ends."""
        self._ended = True
        await self._await(self._client.disconnect(reason))
        self._arrived.set()

    def close(self, reason: str = "closed") -> None:
        """Close at once, without ending the session; :meth:`events` ends."""
        self._ended = True
        self._client.close(reason)
        self._arrived.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    # --- hearing ---

    async def events(self) -> AsyncIterator[Event]:
        """Yield each event, in order; each message once. It ends with `disconnect` and `close`.

        Raises:
            Disconnected: There is no connection, or it was given up: `connect` with `resume` goes on.
        """
        while True:
            self._arrived.clear()
            if (event := self._take()) is not None:
                yield event
            elif not isinstance(self.state, Offline) or not self._client.idle:
                await self._arrived.wait()
            elif self._ended:
                return
            else:
                raise Disconnected(self.state.reason)

    # --- asking ---

    async def ask(self, request: Request[A]) -> A:
        """Send a request and return its answer; see :meth:`Client.ask`."""
        return await self._await(self._client.ask(request))

    def tell(self, request: Request[None]) -> None:
        """Send what has no answer; see :meth:`Client.tell`."""
        self._client.tell(request)

    async def send_text(self, room_id: int, text: str, *, reply_to: int | None = None) -> MessageSent:
        """Send a text to a room (§5.1)."""
        return await self._await(self._client.send_text(room_id, text, reply_to=reply_to))

    async def create_room(
        self, name: str, *, description: str = "", is_open: bool = False, invite: Sequence[int] = ()
    ) -> RoomCreated:
        """Create a room, for invited users or open to everybody (§4.1)."""
        return await self._await(
            self._client.create_room(name, description=description, is_open=is_open, invite=invite)
        )

    async def join_room(self, room_id: int) -> RoomJoined:
        """Join a room (§4.2)."""
        return await self._await(self._client.join_room(room_id))

    async def exit_room(self, room_id: int) -> RoomLeft:
        """Leave a room (§4.3)."""
        return await self._await(self._client.exit_room(room_id))

    async def list_rooms(self) -> RoomsListed:
        """List the user's rooms (v1.1)."""
        return await self._await(self._client.list_rooms())

    async def invite(self, room_id: int, user_ids: Sequence[int]) -> Invited:
        """Invite users to a room, at most 100 (§6.1)."""
        return await self._await(self._client.invite(room_id, user_ids))

    async def get_messages(
        self, room_id: int, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> MessagesGot:
        """Return a page of a room's history (v1.1)."""
        return await self._await(self._client.get_messages(room_id, before=before, after=after, limit=limit))

    async def confirm(self, room_id: int, message_ids: Sequence[int]) -> ReceiveChecked:
        """Confirm that messages were received, at most 500 (§5.3)."""
        return await self._await(self._client.confirm(room_id, message_ids))

    async def _await(self, doing: Deferred[A] | Coroutine[Any, Any, A]) -> A:
        deferred = doing if isinstance(doing, Deferred) else Deferred.fromCoroutine(doing)
        result: A = await deferred.asFuture(self._loop)
        return result


def _awaited(token: Token) -> Token:
    """Return where tokens come from, with what asyncio awaits made into what Twisted does."""
    if isinstance(token, str):
        return token

    def fresh() -> Any:
        result: Any = token()
        is_ours = inspect.isawaitable(result) and not isinstance(result, Deferred)
        return Deferred.fromFuture(asyncio.ensure_future(result)) if is_ours else result

    return fresh


def _reactor_of(loop: asyncio.AbstractEventLoop) -> Any:
    """Return the reactor on a loop that runs; without one, install and start it."""
    if _REACTOR not in sys.modules:
        installReactor(AsyncioSelectorReactor(loop))
    reactor: Any = sys.modules[_REACTOR]
    if getattr(reactor, "_asyncioEventloop", None) is not loop:
        raise RuntimeError(
            f"{type(reactor).__name__} is installed already, and not on this loop: assa.client.aio needs"
            " twisted.internet.asyncioreactor, and one loop for the life of the process"
        )
    if not reactor._started:  # noqa: SLF001 - `running` is true only after the loop's next turn
        reactor.startRunning(installSignalHandlers=False)
        # Threads look up names. As nobody stops this reactor, they must not keep the process from ending.
        reactor.getThreadPool().threadFactory = partial(Thread, daemon=True)
    return reactor

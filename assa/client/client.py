"""A client of one user: it connects, asks, hears, and comes back by itself (§10.3)."""

from __future__ import annotations

import random as random_numbers
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from assa.client import forms
from assa.client.bookmark import Bookmark, mark
from assa.client.core import Core
from assa.client.events import Event
from assa.client.refusals import Disconnected
from assa.client.states import Online, Session, State, Welcome
from assa.client.tokens import Token
from assa.protocol import (
    CheckReceive,
    CreateRoom,
    DeviceInfo,
    ExitRoom,
    GetMessages,
    Invite,
    Invited,
    JoinRoom,
    ListRooms,
    MessageSent,
    MessagesGot,
    ReceiveChecked,
    Request,
    RoomCreated,
    RoomJoined,
    RoomLeft,
    RoomsListed,
    SendMessage,
)

A = TypeVar("A")


def _nothing(_: object) -> None:
    """Hear nothing."""


class Client:
    """One user's connection to a server.

    Args:
        endpoint: Where the server is, see :func:`assa.client.endpoint`; any client endpoint will do.
        reactor: The time.
        heard: Called with each event, in order; each message once.
        changed: Called when the connection is there, lost, back or given up.
        device: What CONNECT says of the device (§3.1); its `device_id` stays the same over restarts.
        random: Returns numbers from 0 to 1, for the delays.

    Raises:
        TypeError: `heard` or `changed` is a coroutine function.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: Any,
        *,
        heard: Callable[[Event], None] = _nothing,
        changed: Callable[[State], None] = _nothing,
        device: DeviceInfo | None = None,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self._core = Core(endpoint, reactor, heard=heard, changed=changed, device=device, random=random)

    # --- what is known ---

    @property
    def state(self) -> State:
        """Return how the connection is."""
        return self._core.link.state

    @property
    def idle(self) -> bool:
        """Return whether there is no connection, nor is one being tried: `connect` may be called."""
        return self._core.link.idle

    @property
    def user_id(self) -> int:
        """Return who the server says this is; 0 before the first connection."""
        return self._core.inbox.user_id

    @property
    def renews(self) -> bool:
        """Return whether it gets itself a new token before the old one expires."""
        return self._core.link.renews

    @property
    def bookmark(self) -> Bookmark:
        """Return how far it has come: what `connect` goes on from, in another process too."""
        return Bookmark(
            session_id=self._core.link.session.session_id,
            last_seq_id=self._core.inbox.position,
            since=self._core.catching_up.since,
            rooms=mark(self._core.inbox.rooms),
        )

    # --- connecting ---

    async def connect(self, token: Token, *, resume: Bookmark | None = None) -> Welcome:
        """Connect once; later losses are mended without further ado, three attempts long each.

        Args:
            token: A JWT, or what makes one; a function is asked for each connection, and before the token
                expires. It may return a Deferred or a coroutine.
            resume: Of an earlier connection, also of this client: what was missed since is heard.

        Raises:
            Rejected: The server refuses, for example INVALID_TOKEN.
            Disconnected: There is no server, or the connection was lost.
            NoAnswer: The server does not answer.
            RuntimeError: It is connected.
        """
        if not self.idle:
            raise RuntimeError("connected, or about to be: disconnect() or close() first")
        session = Session()
        self._core.catching_up.since = ""
        self._core.inbox.begin({}, None)
        if resume is not None:
            session = Session(session_id=resume.session_id, last_seq_id=resume.last_seq_id)
            self._core.catching_up.since = resume.since
            self._core.inbox.begin(resume.room_records(), resume.last_seq_id)
        return await self._core.link.connect(token, session)

    async def renew(self, token: Token) -> None:
        """Go on with a newer token of the same user.

        Raises:
            Rejected: The server refuses it.
            Disconnected: There is no connection, or it was lost before the answer.
            NoAnswer: No answer came within 10 s.
        """
        self._core.link.token = token
        await self._core.link.renew()

    async def disconnect(self, reason: str = "user_logout") -> None:
        """End the session (§3.2) and close the connection; an unreachable server is not waited for."""
        await self._core.link.disconnect(reason)

    def close(self, reason: str = "closed") -> None:
        """Close at once, without ending the session: `connect` can resume it, see `bookmark`.

        Nothing is heard from here on.
        """
        self._core.inbox.stopped = True
        self._core.link.close(reason)

    def pull(self, arrived: Callable[[], None]) -> Callable[[], Event | None]:
        """Have events wait until they are taken one by one: for bridges such as AsyncClient.

        Args:
            arrived: Called when there may be one, or when the state has changed.

        Returns:
            What takes the next one; None: there is none yet. `bookmark` is that of the last one taken.
        """
        self._core.inbox.arrived = arrived
        return self._core.inbox.next

    # --- asking ---

    def ask(self, request: Request[A]) -> Deferred[A]:
        """Send a request and return its answer; which one, says the class of the request.

        A SendMessage gets a `client_message_id` unless it has one, waits for the connection when there is
        none, and is sent again where that makes sense: when the connection was lost before the answer, and
        when the server could not take it yet. Messages to one room are stored in the order of these calls.

        Raises:
            ValueError: At once, and nothing is sent: a field is of another type or out of bounds.
            Rejected: The server refuses it.
            Disconnected: There is no connection, or it was lost before the answer.
            NoAnswer: No answer came within 10 s; of a message, twice.
            BadAnswer: The answer has not the form of the protocol.
        """
        return self._core.ask(request)

    def ask_raw(self, action: str, data: dict[str, Any] | None = None) -> Deferred[dict[str, Any]]:
        """Send a request that is known by its name only, and return the data of its answer; as `ask`.

        Raises:
            TypeError: The data cannot be JSON.
        """
        return self._core.ask_raw(action, data or {})

    def tell(self, request: Request[None]) -> None:
        """Send what has no answer: SendSdp, SendIceCandidate, SetMediaStatus. Its error comes as ServerError.

        Raises:
            ValueError: A field is of another type or out of bounds.
            Disconnected: There is no connection.
        """
        self.tell_raw(request.action, forms.checked(request))

    def tell_raw(self, action: str, data: dict[str, Any]) -> None:
        """Send what has no answer and is known by its name only; as `tell`."""
        if not isinstance(self.state, Online):
            raise Disconnected(self.state.reason)
        self._core.link.tell(action, data)

    def send_text(self, room_id: int, text: str, *, reply_to: int | None = None) -> Deferred[MessageSent]:
        """Send a text to a room (§5.1)."""
        return self.ask(
            SendMessage(room_id=room_id, content=text, message_type="text", reply_to_message_id=reply_to)
        )

    def create_room(
        self, name: str, *, description: str = "", is_open: bool = False, invite: Sequence[int] = ()
    ) -> Deferred[RoomCreated]:
        """Create a room, for invited users or open to everybody (§4.1)."""
        return self.ask(
            CreateRoom(name=name, description=description, is_open=is_open, invited_user_ids=list(invite))
        )

    def join_room(self, room_id: int) -> Deferred[RoomJoined]:
        """Join a room (§4.2); the answer has its newest messages, what comes later is heard."""
        return self.ask(JoinRoom(room_id=room_id))

    def exit_room(self, room_id: int) -> Deferred[RoomLeft]:
        """Leave a room (§4.3)."""
        return self.ask(ExitRoom(room_id=room_id))

    def list_rooms(self) -> Deferred[RoomsListed]:
        """List the user's rooms (v1.1)."""
        return self.ask(ListRooms())

    def invite(self, room_id: int, user_ids: Sequence[int]) -> Deferred[Invited]:
        """Invite users to a room, at most 100 (§6.1)."""
        return self.ask(Invite(room_id=room_id, invited_user_ids=list(user_ids)))

    def get_messages(
        self, room_id: int, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> Deferred[MessagesGot]:
        """Return a page of a room's history (v1.1): the newest, those before or those after a message."""
        return self.ask(
            GetMessages(room_id=room_id, before_message_id=before, after_message_id=after, limit=limit)
        )

    def confirm(self, room_id: int, message_ids: Sequence[int]) -> Deferred[ReceiveChecked]:
        """Confirm that messages were received, at most 500 (§5.3)."""
        return self.ask(CheckReceive(room_id=room_id, message_ids=list(message_ids)))

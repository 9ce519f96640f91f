"""The parts of a client and what they tell each other."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from assa import wire
from assa.client import forms
from assa.client.catching_up import CatchingUp
from assa.client.events import Event, Postponed, ServerError
from assa.client.inbox import Inbox, Room
from assa.client.link import Link
from assa.client.refusals import Disconnected
from assa.client.requests import Request, Requests, data_of, rejected
from assa.client.sending import Sending
from assa.client.states import Offline, Online, State, Waiting
from assa.protocol import Announcement, CreateRoom, DeviceInfo, ExitRoom, JoinRoom, SendMessage, TokenExpiring
from assa.protocol import Request as ProtocolRequest

A = TypeVar("A")


class Core:
    """What works behind a client.

    Args:
        endpoint: Where the server is.
        reactor: The time.
        heard: Called with each event.
        changed: Called with each state.
        device: What CONNECT says of the device (§3.1).
        random: Returns numbers from 0 to 1, for the delays.
    """

    log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: Any,
        *,
        heard: Callable[[Event], None],
        changed: Callable[[State], None],
        device: DeviceInfo | None,
        random: Callable[[], float],
    ) -> None:
        for listener in (heard, changed):
            if iscoroutinefunction(listener):
                raise TypeError("a listener is a plain function: nobody would await a coroutine")
        self._reactor = reactor
        self._heard = heard
        self._changed = changed
        self.sending = Sending(reactor, transmit=self._transmit, stuck=self._stuck, postponed=self._postponed)
        self.requests = Requests(reactor, messages=self.sending, finished=self._finished)
        self.link = Link(endpoint, reactor, self.requests, self, device=device, random=random)
        self.inbox = Inbox(self._tell, self.sending.in_doubt)
        self.catching_up = CatchingUp(reactor, self.ask, self.inbox, self._stuck)

    # --- asking ---

    def ask(self, request: ProtocolRequest[A]) -> Deferred[A]:
        """Send a request; see :meth:`assa.client.Client.ask`."""
        asked = self.ask_raw(request.action, forms.checked(request))
        return asked.addCallback(lambda data: forms.answer(type(request), data))

    def ask_raw(self, action: str, data: dict[str, Any]) -> Deferred[dict[str, Any]]:
        """Send a request by its name; see :meth:`assa.client.Client.ask_raw`."""
        state = self.link.state
        if isinstance(state, Offline) or (isinstance(state, Waiting) and action != SendMessage.action):
            return fail(Disconnected(state.reason))
        request = self.requests.add(action, data)
        request.answer.addCallback(self._noted, action)
        if request.is_message:
            self.sending.add(request)
        else:
            self.link.transmit(request)
        return request.answer

    def _noted(self, data: dict[str, Any], action: str) -> dict[str, Any]:
        """Draw the conclusions that an answer has for what is heard later."""
        room_id = data.get("room_id")
        if isinstance(room_id, int):
            _note(self.inbox.rooms, action, room_id, data, held=self.inbox.held)
        return data

    # --- what the link says ---

    def opened(self, online: Online, position: str | None) -> None:
        """Take note that there is a connection, whose events begin after `position`."""
        inbox, welcome = self.inbox, online.welcome
        inbox.user_id = welcome.user_id
        if not self.catching_up.since:
            self.catching_up.since = welcome.server_time or wire.iso(int(self._reactor.seconds() * 1000))
            inbox.begin({room_id: Room() for room_id in welcome.existing_rooms}, position)
        if not online.complete:
            inbox.hold(position)
        self.changed(online)
        if self.link.state is not online:  # whoever was told has closed it
            return
        self.sending.resume()
        if not online.complete:
            self.catching_up.begin(welcome)
        elif inbox.held:
            self.catching_up.go_on(welcome)

    def received(self, message: dict[str, Any]) -> None:
        """Take a message that is no answer."""
        data = data_of(message)
        event, after_ms = _event(message, data), data.get("reconnect_after_ms")
        if isinstance(event, ServerError) and event.original_action is None:
            self.link.ended_by(event.error)
        elif message["action"] == Announcement.action and type(after_ms) is int and after_ms >= 0:
            self.link.delays.reconnect_after(after_ms)
        elif isinstance(event, TokenExpiring) and self.link.renews:
            self.link.renewal.now()
        self.inbox.put(event, forms.position_of(message))

    def lost(self) -> None:
        """Take note that the connection is gone."""
        self.sending.pause()
        self.catching_up.stop()

    def changed(self, state: State) -> None:
        """Tell the program."""
        if isinstance(state, Offline) and self.inbox.arrived is None:
            self.inbox.stopped = True
        try:
            self._changed(state)
        except Exception:  # noqa: BLE001 - the connection goes on whatever the listener does
            self.log.failure("telling the state failed")
        if self.inbox.arrived is not None:
            self.inbox.arrived()

    # --- what the other parts say ---

    def _transmit(self, request: Request) -> bool:
        """Send a message where there is a connection; return whether there is."""
        return isinstance(self.link.state, Online) and self.link.transmit(request)

    def _stuck(self, reason: str) -> None:
        """Look for another connection."""
        self.link.abandon(reason)

    def _finished(self, request: Request) -> None:
        """Go on after a message."""
        self.sending.finished(request)
        self.inbox.drain()

    def _postponed(self, event: Postponed) -> None:
        """Tell that a message has to wait; what waited for its answer need not any more."""
        self.inbox.tell(event)
        self.inbox.drain()

    def _tell(self, event: Event) -> None:
        """Tell the program."""
        try:
            self._heard(event)
        except Exception:  # noqa: BLE001 - the connection goes on whatever the listener does
            self.log.failure("hearing {event} failed", event=type(event).__name__)


def _event(message: dict[str, Any], data: dict[str, Any]) -> Event:
    if message["action"] == "ERROR":
        return ServerError(error=rejected(message), original_action=data.get("original_action"))
    return forms.event(message["action"], data)


def _note(rooms: dict[int, Room], action: str, room_id: int, data: dict[str, Any], *, held: bool) -> None:
    if action == SendMessage.action and isinstance(data.get("message_id"), int):
        rooms.setdefault(room_id, Room()).own(data["message_id"])
    elif action == ExitRoom.action:
        rooms.pop(room_id, None)
    elif action in (CreateRoom.action, JoinRoom.action) and (not held or room_id not in rooms):
        # A snapshot (§4.2): what is older is no event any more, unless it is among those that wait.
        rooms.setdefault(room_id, Room()).begin(_newest(data.get("recent_messages")))


def _newest(messages: Any) -> int:
    """Return the newest id among messages, as far as they are any."""
    found = messages if isinstance(messages, list) else []
    ids = [one.get("message_id") for one in found if isinstance(one, dict)]
    return max((one for one in ids if isinstance(one, int)), default=0)

"""A client of one user: its connection, the way back after a loss, and its requests (§10.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa.client.greeting import Session, Token, fresh, greet, welcomed
from assa.client.line import Line, words_of
from assa.client.messages import Event, Offline, Online, State, Waiting, Welcome
from assa.client.refusals import Disconnected, NoAnswer, Rejected
from assa.client.requests import Request, Requests, rejected

BACKOFF_S: Final = (1.0, 2.0, 4.0)
"""§10.3."""
_FAREWELL_S: Final = 2.0
_HOPELESS: Final = frozenset({"AUTH_FAILED", "INVALID_TOKEN", "PERMISSION_DENIED"})
"""A CONNECT that was refused for one of these is refused again."""


def _nothing(_: object) -> None:
    """Hear nothing."""


class Client:
    """One user's connection to a server.

    Args:
        endpoint: Where the server is; any client endpoint of Twisted will do.
        reactor: The time.
        heard: Called with each event, in order.
        changed: Called when the connection is lost, comes back or is given up.
        device_info: What CONNECT says of the device (§3.1).
    """

    log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: Any,
        *,
        heard: Callable[[Event], None] = _nothing,
        changed: Callable[[State], None] = _nothing,
        device_info: dict[str, Any] | None = None,
    ) -> None:
        self.state: State = Offline(reason="not connected yet")
        self._endpoint = endpoint
        self._reactor = reactor
        self._heard = heard
        self._changed = changed
        self._device_info = device_info
        self._requests = Requests(reactor, overdue=self._overdue)
        self._token: Token = ""
        self._session = Session()
        self._line: Line | None = None
        self._returning: Deferred[None] | None = None
        self._reconnect_after_s = 0.0
        self._farewell: Deferred[None] | None = None
        self._final: str | None = None

    @property
    def session_id(self) -> str | None:
        """Return what `connect` resumes the session with."""
        return self._session.session_id

    @property
    def last_seq_id(self) -> str | None:
        """Return the position of the last event, from which `connect` can go on."""
        return self._session.last_seq_id

    @property
    def renews(self) -> bool:
        """Return whether it gets itself a new token before the old one expires."""
        return callable(self._token)

    # --- connecting ---

    async def connect(
        self, token: Token, session_id: str | None = None, last_seq_id: str | None = None
    ) -> Welcome:
        """Connect once; later losses are mended without further ado.

        Args:
            token: A JWT, or what makes one; a function is also asked when the token is about to expire.
            session_id: Of an earlier connection, to resume it.
            last_seq_id: Likewise the position that it had come to.

        Raises:
            Rejected: The server refuses, for example INVALID_TOKEN.
            Disconnected: There is no server, or the connection was lost.
            NoAnswer: The server does not answer.
        """
        self._token = token
        self._session = Session(session_id=session_id, last_seq_id=last_seq_id)
        self._farewell = self._final = None
        return await self._open()

    async def _open(self) -> Welcome:
        try:
            factory = Factory.forProtocol(lambda: Line(self, self._reactor))
            line = cast("Line", await self._endpoint.connect(factory))
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - endpoints fail with what they like
            raise Disconnected(words_of(Failure())) from None
        self._line = line
        try:
            welcome = await self._greet()
        except BaseException:
            self._line = None
            line.close()
            raise
        self._reconnect_after_s = 0.0
        self._change(Online(welcome=welcome))
        for request in self._requests.durable():
            self._send(request)
        return welcome

    async def _greet(self) -> Welcome:
        greeting = greet(self._token, self._device_info, self._session)
        welcome, self._session = welcomed(
            await self._ask("CONNECT", greeting, self.session_id), self._session
        )
        return welcome

    # --- asking ---

    def ask(self, action: str, data: dict[str, Any] | None = None) -> Deferred[dict[str, Any]]:
        """Send a request and return the data of its answer.

        SEND_MESSAGE gets a `client_message_id` unless it has one, waits for the connection when there
        is none, and is sent again when the connection was lost before the answer.

        Raises:
            Rejected: The server refuses it.
            Disconnected: There is no connection, or it was lost before the answer.
            NoAnswer: No answer came within 10 s.
            TypeError: The data cannot be JSON.
        """
        if isinstance(self.state, Offline) or (isinstance(self.state, Waiting) and action != "SEND_MESSAGE"):
            return fail(Disconnected(self.state.reason))
        return self._ask(action, data or {})

    def tell(self, action: str, data: dict[str, Any] | None = None) -> None:
        """Send what has no answer: SDP, ICE_CANDIDATE, MEDIA_STATUS; its error comes as an event.

        Raises:
            Disconnected: There is no connection.
        """
        if self._line is None or not isinstance(self.state, Online):
            raise Disconnected(getattr(self.state, "reason", "not connected"))
        self._line.send({"action": action, "data": data or {}, "seq_id": self._requests.new_seq_id()})

    async def renew(self, token: Token) -> None:
        """Go on with a newer token of the same user.

        Raises:
            Rejected: The server refuses it.
            Disconnected: There is no connection, or it was lost before the answer.
            NoAnswer: No answer came within 10 s.
        """
        self._token = token
        await self.ask("CONNECT", {"jwt_token": fresh(token)})

    def _ask(
        self, action: str, data: dict[str, Any], session_id: str | None = None
    ) -> Deferred[dict[str, Any]]:
        request = self._requests.add(action, data, session_id)
        if isinstance(self.state, Online) or not request.durable:
            self._send(request)
        return request.answer

    def _send(self, request: Request) -> None:
        if self._line is not None:
            self._line.send(request.message())
            self._requests.sent(request)

    def _overdue(self, request: Request) -> None:
        """Look for another way when a message gets no answer: the server always gives one in 9 s."""
        if self._line is not None:
            self._line.abort(f"no answer to {request.action}")

    # --- what arrives ---

    def received(self, message: dict[str, Any]) -> None:
        """Take a message from the connection."""
        action = message["action"]
        if self._requests.answered(message) or action == "PONG" or action.endswith("_RESPONSE"):
            return  # who asked may have given up meanwhile
        seq_id = message.get("seq_id") or ""
        if seq_id[:1] == "e" and seq_id[1:].isdecimal():
            self._session = Session(session_id=self.session_id, last_seq_id=seq_id)
        error = rejected(message) if action == "ERROR" else None
        event = Event(action=action, data=message.get("data") or {}, error=error)
        self._note(event)
        self._tell(event)

    def _note(self, event: Event) -> None:
        """Draw the conclusions that an event has for the connection itself."""
        if event.error is not None and event.error.code == "SESSION_REPLACED":
            self._final = str(event.error)  # coming back would replace the one that has replaced us
        elif event.action == "SERVER_ANNOUNCEMENT":
            self._reconnect_after_s = (event.data.get("reconnect_after_ms") or 0) / 1000
        elif event.action == "TOKEN_EXPIRING" and callable(self._token):
            Deferred.fromCoroutine(self.renew(self._token)).addErrback(self._not_renewed)

    def _not_renewed(self, failure: Failure) -> None:
        failure.trap(Rejected, Disconnected, NoAnswer)
        self.log.info("the token was not renewed: {reason}", reason=str(failure.value))

    def _tell(self, event: Event) -> None:
        try:
            self._heard(event)
        except Exception:  # noqa: BLE001 - the connection goes on whatever the listener does
            self.log.failure("hearing {action} failed", action=event.action)

    # --- losing the connection, and coming back ---

    def lost(self, line: Line, reason: str) -> None:
        """Take note that a connection is gone."""
        if line is not self._line:
            return
        self._line = None
        self._requests.fail(Disconnected(reason), all_of_them=False)
        if self._farewell is not None:
            self._give_up(reason)
        elif isinstance(self.state, Online):
            self._returning = Deferred.fromCoroutine(self._return(self._final or reason))
            self._returning.addErrback(lambda failure: failure.trap(CancelledError))

    async def _return(self, reason: str) -> None:
        for attempt, delay_s in enumerate(BACKOFF_S, 1):
            if self._final is not None:
                break
            wait_s, self._reconnect_after_s = max(delay_s, self._reconnect_after_s), 0.0
            self._change(Waiting(attempt=attempt, attempts=len(BACKOFF_S), delay_s=wait_s, reason=reason))
            await deferLater(self._reactor, wait_s)
            try:
                await self._open()
            except (Rejected, Disconnected, NoAnswer) as wrong:
                reason = str(wrong)
                if isinstance(wrong, Rejected) and wrong.code in _HOPELESS:
                    break
            else:
                return
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        self._change(Offline(reason=reason))
        self._requests.fail(Disconnected(reason), all_of_them=True)
        if self._farewell is not None and not self._farewell.called:
            self._farewell.callback(None)

    def _change(self, state: State) -> None:
        self.state = state
        try:
            self._changed(state)
        except Exception:  # noqa: BLE001 - the connection goes on whatever the listener does
            self.log.failure("telling the state failed")

    # --- the end ---

    async def disconnect(self, reason: str = "user_logout") -> None:
        """End the session (§3.2) and close the connection; an unreachable server is not waited for."""
        if isinstance(self.state, Offline):
            return
        if self._farewell is None:
            self._farewell = Deferred()
            if isinstance(self.state, Online) and self._line is not None:
                deadline = self._reactor.callLater(_FAREWELL_S, self._line.abort, "disconnected")
                self._farewell.addBoth(lambda _: deadline.active() and deadline.cancel())
                self.tell("DISCONNECT", {"reason": reason})  # the server answers and closes
            else:
                self.close("disconnected")
        waiting: Deferred[None] = Deferred()
        self._farewell.addBoth(waiting.callback)
        await waiting

    def close(self, reason: str = "closed") -> None:
        """Close at once, without ending the session: `connect` can resume it."""
        if self._farewell is None:
            self._farewell = Deferred()
        if self._returning is not None:
            self._returning.cancel()
        line, self._line = self._line, None
        if line is not None:
            line.abort(reason)
        self._give_up(reason)

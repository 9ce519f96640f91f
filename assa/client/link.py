"""The connection to the server: it comes back after a loss, three attempts long, and resumes (§10.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from assa.client import forms
from assa.client.delays import BACKOFF_S, Delays
from assa.client.line import Line, words_of
from assa.client.refusals import Disconnected, Rejected
from assa.client.requests import Request, Requests
from assa.client.states import Offline, Online, Session, State, Waiting, Welcome
from assa.client.tokens import Renewal, Token, fresh
from assa.protocol import Connect, DeviceInfo, Disconnect

_FAREWELL_S: Final = 2.0
_REFUSED: Final = frozenset({"AUTH_FAILED", "INVALID_TOKEN", "PERMISSION_DENIED"})
"""A CONNECT that was refused for one of these is refused again."""


class Owner(Protocol):
    """Whose connection it is."""

    def opened(self, online: Online, position: str | None) -> None:
        """Take note that there is a connection, whose events begin after `position`."""

    def received(self, message: dict[str, Any]) -> None:
        """Take a message that is no answer."""

    def lost(self) -> None:
        """Take note that the connection is gone."""

    def changed(self, state: State) -> None:
        """Take note of a new state."""


class Link:
    """The connection of one client.

    Args:
        endpoint: Where the server is.
        reactor: The time.
        requests: Those that wait for answers.
        owner: Is told what happens.
        device: What CONNECT says of the device (§3.1).
        random: For the delays.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: Any,
        requests: Requests,
        owner: Owner,
        *,
        device: DeviceInfo | None,
        random: Callable[[], float],
    ) -> None:
        self.state: State = Offline(reason="not connected yet")
        self.token: Token = ""
        self.session = Session()
        self.delays = Delays(random)
        self.renewal = Renewal(reactor, lambda: Deferred.fromCoroutine(self.renew()))
        self._endpoint = endpoint
        self._reactor = reactor
        self._requests = requests
        self._owner = owner
        self._device = device
        self._line: Line | None = None
        self._working: Deferred[Any] | None = None
        self._farewell: Deferred[None] | None = None
        self._final: Rejected | None = None

    @property
    def idle(self) -> bool:
        """Return whether there is no connection, nor will there be one."""
        return isinstance(self.state, Offline) and self._working is None

    @property
    def renews(self) -> bool:
        """Return whether it gets itself new tokens."""
        return callable(self.token)

    # --- connecting ---

    async def connect(self, token: Token, session: Session) -> Welcome:
        """Connect once."""
        self.token, self.session = token, session
        self._final = None
        self.delays.forget()
        self._working = working = Deferred.fromCoroutine(self._open())
        try:
            return await working
        except CancelledError:
            if self._working is working:
                raise
            raise Disconnected("closed") from None
        finally:
            if self._working is working:
                self._working = None

    async def _open(self) -> Welcome:
        token = await fresh(self.token, self._reactor)
        try:
            factory = Factory.forProtocol(lambda: Line(self, self._reactor))
            line = cast("Line", await self._endpoint.connect(factory))
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - endpoints fail with what they like
            raise Disconnected(words_of(Failure())) from None
        self._line = line
        try:
            return await self._greet(token)
        except BaseException as wrong:
            if self._line is line:
                self._line = None
            line.abort(str(wrong))  # whatever it says from here on is not heard
            raise

    async def _greet(self, token: str) -> Welcome:
        before = self.session
        greeting = Connect(jwt_token=token, device_info=self._device, last_seq_id=before.last_seq_id)
        answer = await self._connect(greeting, before.session_id)
        welcome = Welcome.of(answer)
        complete = welcome.resumed and before.last_seq_id is not None
        start = answer.reconnection_info.last_seq_id or None
        # Resumed: what was missed comes next, so the old position counts until then.
        position = before.last_seq_id if complete else start
        self.session = Session(session_id=welcome.session_id, last_seq_id=position)
        self.delays.forget()
        if self.renews:
            self.renewal.watch(token, welcome.server_time)
        self._working = None  # whoever closes from here on has nothing to interrupt
        self.state = online = Online(welcome=welcome, complete=complete or before == Session())
        self._owner.opened(online, position)
        return welcome

    async def _connect(self, greeting: Connect, session_id: str | None) -> Any:
        request = self._requests.add("CONNECT", forms.fields_of(greeting), session_id)
        self.transmit(request)
        return forms.answer(Connect, await request.answer)

    async def renew(self) -> None:
        """Go on with a new token of the same user."""
        if not isinstance(self.state, Online):
            raise Disconnected(self.state.reason)
        token = await fresh(self.token, self._reactor)
        if not isinstance(self.state, Online):
            raise Disconnected(self.state.reason)
        answer = await self._connect(Connect(jwt_token=token), None)
        self.session = Session(session_id=answer.session_id, last_seq_id=self.session.last_seq_id)
        if self.renews:
            self.renewal.watch(token, answer.server_time)

    # --- what goes out and comes in ---

    def transmit(self, request: Request) -> bool:
        """Send a request where there is a connection; return whether there is."""
        if self._line is None:
            return False
        self._line.send(request.message())
        self._requests.sent(request)
        return True

    def tell(self, action: str, data: dict[str, Any]) -> None:
        """Send what has no answer."""
        if self._line is not None:
            self._line.send({"action": action, "data": data, "seq_id": self._requests.new_seq_id()})

    def abandon(self, reason: str) -> None:
        """Look for another way: something is wrong with this connection."""
        if self._line is not None:
            self._line.abort(reason)

    def received(self, line: Line, message: dict[str, Any]) -> None:
        """Take a message from the connection; one that was given up has nothing to say."""
        if line is not self._line:
            return
        action = message["action"]
        if self._requests.answered(message) or action == "PONG" or action.endswith("_RESPONSE"):
            return  # who asked may have given up meanwhile
        if position := forms.position_of(message):
            self.session = Session(session_id=self.session.session_id, last_seq_id=position)
        self._owner.received(message)

    def ended_by(self, error: Rejected) -> None:
        """Take note of an error that the server told unasked."""
        if error.code == "SESSION_REPLACED":
            self._final = error  # coming back would replace the one that has replaced us
        self.delays.retry_after(error.retry_after_ms)

    # --- losing the connection, and coming back ---

    def lost(self, line: Line, reason: str) -> None:
        """Take note that a connection is gone."""
        if line is not self._line:
            return
        self._line = None
        self.renewal.stop()
        was_online = isinstance(self.state, Online)
        if was_online and self._farewell is None:
            self.state = self._waiting(1, str(self._final or reason))
        self._owner.lost()
        self._requests.fail(self._requests.stop(messages=False), Disconnected(reason))
        if self._farewell is not None:
            self._give_up(reason)
        elif was_online:
            working = Deferred.fromCoroutine(self._return())
            if not working.called:  # else it was closed by who was told that it was lost
                self._working = working

    def _waiting(self, attempt: int, reason: str) -> Waiting:
        delay_s = self.delays.before(attempt)
        return Waiting(attempt=attempt, attempts=len(BACKOFF_S), delay_s=delay_s, reason=reason)

    async def _return(self) -> None:
        wrong: Exception | None = self._final
        while wrong is None or not self._is_hopeless(wrong):
            state = self.state
            assert isinstance(state, Waiting)  # noqa: S101 - `lost` has seen to it
            if not self._announce(state):
                return
            try:
                await deferLater(self._reactor, state.delay_s)
                await self._open()
            except Exception as failed:  # noqa: BLE001 - whatever it is, it is a failed attempt
                if self.state is not state:  # closed meanwhile, perhaps connected anew
                    return
                wrong = failed
                if state.attempt == len(BACKOFF_S):
                    break
                self.delays.retry_after(getattr(wrong, "retry_after_ms", None))
                self.state = self._waiting(state.attempt + 1, str(wrong))
            else:
                return
        self._working = None
        self._give_up(str(wrong), getattr(wrong, "code", None))

    def _announce(self, state: Waiting) -> bool:
        """Tell of an attempt; return whether it is still wanted after that."""
        working, self._working = self._working, None
        self._owner.changed(state)
        if self.state is not state:  # closed meanwhile
            return False
        self._working = working
        return True

    def _is_hopeless(self, wrong: Exception) -> bool:
        if not isinstance(wrong, Rejected):
            return False
        can_renew = wrong.code == "INVALID_TOKEN" and self.renews
        return wrong is self._final or (wrong.code in _REFUSED and not can_renew)

    def _give_up(self, reason: str, code: str | None = None) -> None:
        self.state = Offline(reason=reason, code=code)
        doomed = self._requests.stop(messages=True)  # whoever is told now may connect anew
        farewell, self._farewell = self._farewell, None
        self._owner.changed(self.state)
        self._requests.fail(doomed, Disconnected(reason))
        if farewell is not None:
            farewell.callback(None)

    # --- the end ---

    async def disconnect(self, reason: str) -> None:
        """End the session (§3.2) and close the connection; an unreachable server is not waited for."""
        if self._line is None or not isinstance(self.state, Online):
            self.close("disconnected")
            return
        if self._farewell is None:
            self._farewell = Deferred()
            deadline = self._reactor.callLater(_FAREWELL_S, self._line.abort, "disconnected")
            self._farewell.addBoth(lambda _: deadline.active() and deadline.cancel())
            self.tell("DISCONNECT", forms.fields_of(Disconnect(reason=reason)))  # answered, and closed
        waiting: Deferred[None] = Deferred()
        self._farewell.addBoth(waiting.callback)
        await waiting

    def close(self, reason: str) -> None:
        """Close at once, without ending the session."""
        if self.idle:
            return
        working, self._working = self._working, None
        line, self._line = self._line, None
        self.renewal.stop()
        if line is not None:
            line.abort(reason)
            self._owner.lost()
        self._give_up(reason)  # whoever is told now may connect anew
        if working is not None:
            working.cancel()

"""One client: its states, its requests and their answers, its timers (§1.2, §3, §8.2, §9, §10.2).

A session knows no bytes on a wire: a *front* gives it lines and takes lines from it.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa import wire
from assa.around import Front, Host
from assa.auth import Identity
from assa.errors import Code, Refused
from assa.heartbeat import Beat, Heartbeat
from assa.log import seq_id
from assa.registry import Action, Attached, Context, Rate
from assa.schema import structure
from assa.states import Closing, Connected, TokenExpiring, Unauthenticated
from assa.storage import Unavailable
from assa.tally import UNKNOWN
from assa.window import Pending, Window

_RETRY_MS = 1_000
_ERROR_COST = 16_384
_SHORT_LINE = 1_024
_EARLY_FACTOR = 8
_EARLY_BRACKETS = 32
_BUDGET = 2_097_152
"""What long lines (their bytes) and errors may cost in one sweep before reading pauses until the next."""


class Session:
    """One client of a node.

    Args:
        node: The node it is connected to.
        front: Its connection.
    """

    log = Logger()

    def __init__(self, node: Host[Session], front: Front) -> None:
        self._node = node
        self._front = front
        self._state: Unauthenticated | Connected | Closing = Unauthenticated()
        self._window = Window(node.limits.window_requests, front.answer)
        self._heartbeat = Heartbeat(node.limits, node.monotonic(), random.uniform(0, 0.1))  # noqa: S311 - it only spreads load
        self.visit = node.visits.begin(front)
        """What operators see of the connection."""
        self._replay = b""
        self._spent = 0
        self._heard = False
        self._ending = False
        self.hear: Callable[[bytes], None] = front.write

    # --- what others may know ---

    @property
    def identity(self) -> Identity | None:
        """Return who is connected, or None before CONNECT."""
        return self._state.identity if isinstance(self._state, Connected) else None

    @property
    def session_id(self) -> str:
        """Return the id of the session that is connected, or an empty one before CONNECT."""
        return self._state.context.session_id if isinstance(self._state, Connected) else ""

    @property
    def device_id(self) -> str | None:
        """Return the device that CONNECT named, if it did."""
        return self._state.device_id if isinstance(self._state, Connected) else None

    @property
    def state(self) -> str:
        """Return unauthenticated, connected or closing."""
        return type(self._state).__name__.lower()

    @property
    def accepting(self) -> bool:
        """Return whether the front may bring the next line."""
        return (
            self._window.open
            and self._spent < _BUDGET
            and not self._node.draining
            and not self._front.clogged
            and not isinstance(self._state, Closing)
        )

    @property
    def busy(self) -> bool:
        """Return whether a request is being answered."""
        return bool(self._window)

    @property
    def gone(self) -> bool:
        """Return whether the connection is closed, and nobody waits for an answer."""
        return isinstance(self._state, Closing)

    # --- requests ---

    def received(self, line: bytes) -> None:
        """Take one line from the client."""
        self._heard = True
        self.visit.requests += 1
        if len(line) > _SHORT_LINE:
            self._spent += len(line) if self.identity else _EARLY_FACTOR * len(line)
        name = seq = None
        try:
            message = wire.parse(line, brackets=None if self.identity else _EARLY_BRACKETS)
            name, seq = wire.own_words(message)
            envelope = wire.envelope(message)
            if envelope.action == "PONG":
                return
            if envelope.action == "PING":
                self._node.tally.requests["PING"] += 1
                self._pay(Rate.OTHERS)
                self._settle(
                    self._enter(name, seq), wire.encode_signal("PONG", envelope.seq_id, self._node.now_ms())
                )
                return
            action, request = self._admitted(envelope)
        except Refused as refused:
            self._refused(refused, self._enter(name, seq))
            return
        self._begin(action, request, envelope)

    def overlong(self, limit: int) -> None:
        """Take note of a line that was longer than `limit` bytes and has been thrown away."""
        self._heard = True
        self.visit.requests += 1
        refused = Refused(Code.MESSAGE_TOO_LONG, f"expected a line of at most {limit} bytes")
        self._refused(refused, self._enter(None, None))

    def _admitted(self, envelope: wire.Envelope) -> tuple[Action, Any]:
        """Return the action and its request, checked in the order of the protocol.

        Raises:
            Refused: UNKNOWN_ACTION, AUTH_FAILED, PERMISSION_DENIED, RATE_LIMITED, INVALID_MESSAGE.
        """
        action = self._node.actions[envelope.action]
        self._node.tally.requests[UNKNOWN if action is None else action.name] += 1
        if action is None:
            raise Refused(Code.UNKNOWN_ACTION, "action: no such action")
        identity = self.identity
        if identity is None:
            if not action.early:
                raise Refused(Code.AUTH_FAILED, "CONNECT comes first")
            self._node.failed_connects.check(self._front.address)
        elif envelope.user_id is not None and envelope.user_id != identity.user_id:
            raise Refused(Code.PERMISSION_DENIED, "user_id: not the user of this connection")
        self._pay(action.rate)
        return action, structure(action.request, {} if envelope.data is None else envelope.data, "data")

    def _pay(self, rate: Rate) -> None:
        identity = self.identity
        wait_ms = self._node.rates[rate].take(identity.user_id) if identity else 0
        if wait_ms:
            raise Refused(Code.RATE_LIMITED, f"too many {rate.value} a second", retry_after_ms=wait_ms)

    def _enter(self, name: str | None, seq: str | None) -> Pending:
        pending = Pending(name, seq, self._node.monotonic())
        self._window.enter(pending)
        return pending

    def _begin(self, action: Action, request: Any, envelope: wire.Envelope) -> None:
        if action.exclusive:
            pending = Pending(envelope.action, envelope.seq_id, self._node.monotonic())
            self._window.enter_alone(pending, lambda: self._run(action, request, envelope, pending))
        else:
            self._run(action, request, envelope, self._enter(envelope.action, envelope.seq_id))

    def _run(self, action: Action, request: Any, envelope: wire.Envelope, pending: Pending) -> None:
        if isinstance(self._state, Connected):
            context = self._state.context
        else:
            context = Context(services=self._node.services, client=self, asked_session_id=envelope.session_id)
        answered: Deferred[Any] = Deferred.fromCoroutine(action.run(context, request))
        answered.addCallbacks(
            self._succeeded, self._failed, callbackArgs=(action, pending), errbackArgs=(pending,)
        )
        answered.addErrback(lambda failure: self.log.failure("answering failed", failure))

    # --- answers ---

    def _succeeded(self, data: Any, action: Action, pending: Pending) -> None:
        answer = b""
        if action.answered and pending.seq_id is not None:
            answer = wire.encode_answer(
                action.name, action.message, data, pending.seq_id, self._node.now_ms()
            )
        replay, self._replay = self._replay, b""
        self._settle(pending, answer + replay if replay else answer)

    def _failed(self, failure: Failure, pending: Pending) -> None:
        wrong = failure.value
        if isinstance(wrong, Refused):
            refused = wrong
        elif isinstance(wrong, Unavailable):
            refused = Refused(Code.SERVICE_UNAVAILABLE, "the database is away", retry_after_ms=_RETRY_MS)
            self._node.unavailable(wrong)
        else:
            defect = secrets.token_hex(8)
            self.log.failure("defect {defect} in {action}", failure, defect=defect, action=pending.name)
            refused = Refused(Code.INTERNAL_ERROR, f"error {defect}")
        self._refused(refused, pending)

    def _refused(self, refused: Refused, pending: Pending) -> None:
        self._spent += _ERROR_COST
        if pending.name == "CONNECT" and self.identity is None:
            self._node.dismiss(self)  # before another CONNECT that waits for this one begins
        error = wire.encode_error(refused, pending.name, pending.seq_id, self._node.now_ms())
        in_time = self._settle(pending, error)
        self._node.tally.errors[refused.code] += in_time
        if pending.name == "CONNECT":
            self._node.tally.connects[refused.code] += in_time
            self._connect_failed(refused)

    def _settle(self, pending: Pending, answer: bytes) -> bool:
        in_time = self._window.settle(pending, answer)
        if self._ending and not self._window:
            self.close("DISCONNECT")  # also when its answer was overdue
        elif in_time:
            self._front.resume()
        return in_time

    # --- CONNECT and the life of the connection ---

    def admit(self, user_id: int, resumes: str | None) -> None:
        """Raise Refused: SERVER_FULL, or RATE_LIMITED when the user connects too often."""
        self._node.admit(self, user_id, resumes)

    def attach(self, attached: Attached) -> None:
        """Become connected: hear events from here on, the missed ones right after the answer."""
        if not isinstance(self._state, Unauthenticated):
            self._node.detach(attached.session_id, attached.attachment)  # it has gone meanwhile
            return
        context = Context(
            services=self._node.services,
            client=self,
            user_id=attached.identity.user_id,
            session_id=attached.session_id,
            attachment=attached.attachment,
            scopes=attached.identity.scopes,
        )
        self._state = Connected(
            identity=attached.identity,
            attachment=attached.attachment,
            context=context,
            device_id=attached.device_id,
        )
        self._node.tally.connects[attached.outcome] += 1
        self._node.tally.replayed += attached.replayed
        self._replay = b"".join(
            wire.with_seq_id(entry.body, seq_id(entry.position)) for entry in attached.replay if entry.body
        )
        self._front.allow_long_lines()
        self._node.connected(self, attached.channels)

    def renew(self, identity: Identity) -> None:
        """Go on with a newer token of the same user."""
        if isinstance(self._state, Connected):
            context = evolve(self._state.context, scopes=identity.scopes)
            self._state = evolve(self._state, identity=identity, context=context, warned=False)
            self._node.tally.connects["renewed"] += 1

    def end(self) -> None:
        """Close after the answer, for good."""
        self._ending = True

    def _connect_failed(self, refused: Refused) -> None:
        if not isinstance(self._state, Unauthenticated):
            return
        if refused.code is Code.SERVER_FULL:
            self.close("SERVER_FULL")
            return
        if refused.code is Code.SERVICE_UNAVAILABLE:
            return  # no fault of the client's: it may go on trying here
        self._state = Unauthenticated(failures=self._state.failures + 1)
        if refused.code in (Code.AUTH_FAILED, Code.INVALID_TOKEN):
            self._node.failed_connects.count(self._front.address)
        if self._state.failures >= self._node.limits.failed_connects:
            self.close("failed CONNECTs")

    def replaced(self) -> None:
        """Give way to another connection of the same session or device."""
        self.refuse_all(
            Refused(
                Code.SESSION_REPLACED,
                "the session or device has connected anew, or the user has too many connections",
            )
        )

    def slow(self) -> None:
        """Close a client that does not read; what it missed it gets when it resumes."""
        refused = Refused(Code.SLOW_CONSUMER, "too much was waiting to be read: resume with last_seq_id")
        self.refuse_all(refused, drop=True)

    def send_away(self, details: str) -> None:
        """Close for an operator; the client may come back."""
        refused = Refused(Code.SERVICE_UNAVAILABLE, details, retry_after_ms=_RETRY_MS)
        self.refuse_all(refused, reason="operator")

    def refuse_all(self, refused: Refused, *, reason: str = "", drop: bool = False) -> None:
        """Say why in an ERROR without a request, and close resumably, with the code as the default reason."""
        self.close(reason or refused.code.value, self._last_error(refused), drop=drop)

    def _last_error(self, refused: Refused) -> bytes:
        self._node.tally.errors[refused.code] += 1
        return wire.encode_error(refused, None, self._node.signal_id(), self._node.now_ms())

    def tell(self, line: bytes) -> None:
        """Send a line that is in no log."""
        if not isinstance(self._state, Closing):
            self._front.write(line)

    def close(self, reason: str, last: bytes = b"", *, drop: bool = False) -> None:
        """Close the connection; the session stays resumable unless it was ended."""
        if not isinstance(self._state, Closing):
            self._leave(reason)
            self._front.close(reason, last, drop=drop)

    def displaced(self) -> None:
        """Make room for a newer connection, at once: nobody waits for this one to hang up."""
        refused = Refused(Code.SERVER_FULL, "too many sockets wait for CONNECT")
        self._leave(refused.code.value)
        self._front.hang_up(refused.code.value, self._last_error(refused))

    def lost(self) -> None:
        """Take note that the connection is gone."""
        if not isinstance(self._state, Closing):
            self._leave("connection lost")

    def _leave(self, reason: str) -> None:
        state, self._state = self._state, Closing(reason=reason)
        self._window.forget()
        self._node.left(self)
        user_id = state.identity.user_id if isinstance(state, Connected) else None
        self._node.visits.end(self.visit, reason, user_id)
        if isinstance(state, Connected) and not self._ending:
            self._node.detach(state.context.session_id, state.attachment)

    # --- timers ---

    def sweep(self, now: float) -> None:
        """Do what is due at `now`, monotonic seconds; called for every client from one LoopingCall."""
        heard, self._heard = self._heard, False
        if heard:
            self.visit.heard_at = now
        limits = self._node.limits
        for pending in self._window.begun_before(now - limits.answer_timeout_s):
            self._overdue(pending)
        if isinstance(self._state, Unauthenticated) and now - self.visit.opened >= limits.connect_timeout_s:
            self.refuse_all(
                Refused(Code.CONNECT_TIMEOUT, f"no CONNECT within {limits.connect_timeout_s:g} s")
            )
        elif isinstance(self._state, Connected):
            self._check_token(self._state)
        beat = self._heartbeat.check(now, heard=heard)
        if beat is Beat.PING:
            self.tell(wire.encode_signal("PING", self._node.signal_id(), self._node.now_ms()))
        elif beat is Beat.DEAD:
            self.refuse_all(Refused(Code.HEARTBEAT_TIMEOUT, f"nothing heard for {limits.pong_timeout_s:g} s"))
        if self._spent:
            self._spent = 0
            self._front.resume()

    def _overdue(self, pending: Pending) -> None:
        refused = Refused(
            Code.REQUEST_TIMEOUT, "not answered in time: it may still take effect, so try again"
        )
        self._refused(refused, pending)
        if pending.name == "CONNECT":
            self.close("CONNECT overdue")  # its late success must not meet another attempt

    def _check_token(self, state: Connected) -> None:
        limits, left_s = self._node.limits, state.token_left_s(self._node.now_ms())
        if self._node.keep_expired:
            return
        if left_s <= -limits.token_grace_s:
            self.refuse_all(Refused(Code.INVALID_TOKEN, "the token has expired: CONNECT with a new one"))
        elif left_s <= limits.token_warning_s and not state.warned:
            self._state = evolve(state, warned=True)
            event = TokenExpiring(expires_at=wire.iso(state.identity.expires_at_ms))
            body = wire.encode_event(event, self._node.now_ms())
            self.tell(wire.with_seq_id(body, self._node.signal_id()))

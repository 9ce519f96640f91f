"""The requests of one client: checked, begun in order, and answered in order (§2, §9, §10.2).

What an answer changes about the client itself is in :mod:`assa.session`.
"""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa import wire
from assa.around import Backend, Front
from assa.auth import Identity
from assa.errors import Code, Refused
from assa.protocol.envelope import Envelope
from assa.registry import Action, Client, Context, Rate
from assa.schema import structure
from assa.storage import Unavailable
from assa.tally import UNKNOWN
from assa.visits import Visit
from assa.window import Pending, Window

_RETRY_MS = 1_000
_ERROR_COST = 16_384
_SHORT_LINE = 1_024
_EARLY_FACTOR = 8
_EARLY_BRACKETS = 32
_BUDGET = 2_097_152
"""What long lines (their bytes) and errors may cost in one sweep before reading pauses until the next."""


class Asker(Client, Protocol):
    """Whose requests they are: a session."""

    ending: bool
    """Whether it closes once its requests are answered."""

    def context(self, asked_session_id: str | None) -> Context:
        """Return what an action gets to know of it; the session that was asked for counts in CONNECT."""

    def dismiss(self) -> None:
        """Give up the place that a CONNECT was to take."""

    def connect_failed(self, refused: Refused) -> None:
        """Take note that a CONNECT has been refused."""

    def close(self, reason: str) -> None:
        """Close the connection."""


class Requests:
    """What one client asks, and its answers.

    Args:
        backend: The node that answers.
        front: Where answers go, and more requests come from.
        asker: Whose they are.
        visit: Where they are counted.
    """

    log = Logger()

    def __init__(self, backend: Backend, front: Front, asker: Asker, visit: Visit) -> None:
        self._backend = backend
        self._front = front
        self._asker = asker
        self._visit = visit
        self._window = Window(backend.limits.window_requests, front.answer)
        self._spent = 0
        self.replay = b""
        """The events that a CONNECT has missed: they follow its answer."""

    def __len__(self) -> int:
        """Return the number of requests in flight."""
        return len(self._window)

    @property
    def accepting(self) -> bool:
        """Return whether the next one may come."""
        return (
            self._window.open
            and self._spent < _BUDGET
            and not self._backend.draining
            and not self._front.clogged
        )

    # --- what comes in ---

    def received(self, line: bytes) -> None:
        """Take one line from the client."""
        identity = self._asker.identity
        self._visit.requests += 1
        if len(line) > _SHORT_LINE:
            self._spent += len(line) if identity else _EARLY_FACTOR * len(line)
        name = seq = None
        try:
            message = wire.parse(line, brackets=None if identity else _EARLY_BRACKETS)
            name, seq = wire.own_words(message)
            envelope = wire.envelope(message)
            if envelope.action == "PONG":
                return
            if envelope.action == "PING":
                self._pong(identity, envelope)
                return
            action, request = self._admitted(identity, envelope)
        except Refused as refused:
            self._refused(refused, self._enter(name, seq))
            return
        self._begin(action, request, envelope)

    def overlong(self, limit: int) -> None:
        """Take note of a line that was longer than `limit` bytes and has been thrown away."""
        self._visit.requests += 1
        refused = Refused(Code.MESSAGE_TOO_LONG, f"expected a line of at most {limit} bytes")
        self._refused(refused, self._enter(None, None))

    def _pong(self, identity: Identity | None, envelope: Envelope) -> None:
        self._backend.tally.requests["PING"] += 1
        self._pay(identity, Rate.OTHERS)
        pong = wire.encode_signal("PONG", envelope.seq_id, self._backend.now_ms())
        self._settle(self._enter("PING", envelope.seq_id), pong)

    def _admitted(self, identity: Identity | None, envelope: Envelope) -> tuple[Action, Any]:
        """Return the action and its request, checked in the order of the protocol.

        Raises:
            Refused: UNKNOWN_ACTION, AUTH_FAILED, PERMISSION_DENIED, RATE_LIMITED, INVALID_MESSAGE.
        """
        action = self._backend.actions[envelope.action]
        self._backend.tally.requests[UNKNOWN if action is None else action.name] += 1
        if action is None:
            raise Refused(Code.UNKNOWN_ACTION, "action: no such action")
        if identity is None:
            if not action.early:
                raise Refused(Code.AUTH_FAILED, "CONNECT comes first")
            self._backend.failed_connects.check(self._front.address)
        elif envelope.user_id is not None and envelope.user_id != identity.user_id:
            raise Refused(Code.PERMISSION_DENIED, "user_id: not the user of this connection")
        self._pay(identity, action.rate)
        return action, structure(action.request, {} if envelope.data is None else envelope.data, "data")

    def _pay(self, identity: Identity | None, rate: Rate) -> None:
        wait_ms = self._backend.rates[rate].take(identity.user_id) if identity else 0
        if wait_ms:
            raise Refused(Code.RATE_LIMITED, f"too many {rate.value} a second", retry_after_ms=wait_ms)

    def _enter(self, name: str | None, seq: str | None) -> Pending:
        pending = Pending(name, seq, self._backend.monotonic())
        self._window.enter(pending)
        return pending

    def _begin(self, action: Action, request: Any, envelope: Envelope) -> None:
        if action.exclusive:
            pending = Pending(envelope.action, envelope.seq_id, self._backend.monotonic())
            self._window.enter_alone(pending, lambda: self._run(action, request, envelope, pending))
        else:
            self._run(action, request, envelope, self._enter(envelope.action, envelope.seq_id))

    def _run(self, action: Action, request: Any, envelope: Envelope, pending: Pending) -> None:
        context = self._asker.context(envelope.session_id)
        answered: Deferred[Any] = Deferred.fromCoroutine(action.run(context, request))
        answered.addCallbacks(
            self._succeeded, self._failed, callbackArgs=(action, pending), errbackArgs=(pending,)
        )
        answered.addErrback(lambda failure: self.log.failure("answering failed", failure))

    # --- what goes out ---

    def _succeeded(self, data: Any, action: Action, pending: Pending) -> None:
        answer = b""
        if action.answered and pending.seq_id is not None:
            answer = wire.encode_answer(
                action.name, action.success_text, data, pending.seq_id, self._backend.now_ms()
            )
        replay, self.replay = self.replay, b""
        self._settle(pending, answer + replay if replay else answer)

    def _failed(self, failure: Failure, pending: Pending) -> None:
        wrong = failure.value
        if isinstance(wrong, Refused):
            refused = wrong
        elif isinstance(wrong, Unavailable):
            refused = Refused(Code.SERVICE_UNAVAILABLE, "the database is away", retry_after_ms=_RETRY_MS)
            self._backend.unavailable(wrong)
        else:
            defect = secrets.token_hex(8)
            self.log.failure("defect {defect} in {action}", failure, defect=defect, action=pending.name)
            refused = Refused(Code.INTERNAL_ERROR, f"error {defect}")
        self._refused(refused, pending)

    def _refused(self, refused: Refused, pending: Pending) -> None:
        self._spent += _ERROR_COST
        if pending.name == "CONNECT" and self._asker.identity is None:
            self._asker.dismiss()  # before another CONNECT that waits for this one begins
        error = wire.encode_error(refused, pending.name, pending.seq_id, self._backend.now_ms())
        in_time = self._settle(pending, error)
        self._backend.tally.errors[refused.code] += in_time
        if pending.name == "CONNECT":
            self._backend.tally.connects[refused.code] += in_time
            self._asker.connect_failed(refused)

    def _settle(self, pending: Pending, answer: bytes) -> bool:
        in_time = self._window.settle(pending, answer)
        if self._asker.ending and not self._window:
            self._asker.close("DISCONNECT")  # also when its answer was overdue
        elif in_time:
            self._front.resume()
        return in_time

    # --- what time changes ---

    def expire(self, now: float) -> None:
        """Refuse what should have been answered by `now`, monotonic seconds."""
        for pending in self._window.begun_before(now - self._backend.limits.answer_timeout_s):
            refused = Refused(
                Code.REQUEST_TIMEOUT, "not answered in time: it may still take effect, so try again"
            )
            self._refused(refused, pending)
            if pending.name == "CONNECT":
                self._asker.close("CONNECT overdue")  # its late success must not meet another attempt

    def forgive(self) -> None:
        """Forget what they have cost; called once a sweep."""
        if self._spent:
            self._spent = 0
            self._front.resume()

    def forget(self) -> None:
        """Drop all of them: the client is gone."""
        self._window.forget()

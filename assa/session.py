"""One client: its states and everything that changes them, its timers, its end (§1.2, §3, §8.2, §10.2).

A session knows no bytes on a wire: a *front* gives it lines and takes lines from it. What the client
asks goes through :mod:`assa.requests`.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import evolve

from assa import wire
from assa.around import Front, Host
from assa.auth import Identity
from assa.errors import Code, Refused
from assa.heartbeat import Beat, Heartbeat
from assa.protocol import TokenExpiring
from assa.registry import Attached, Context
from assa.requests import Requests
from assa.states import Closing, Connected, Unauthenticated

_RETRY_MS = 1_000


class Session:
    """One client of a node.

    Args:
        node: The node it is connected to.
        front: Its connection.
    """

    def __init__(self, node: Host[Session], front: Front) -> None:
        self._node = node
        self._front = front
        self._state: Unauthenticated | Connected | Closing = Unauthenticated()
        self._heartbeat = Heartbeat(node.limits, node.monotonic(), random.uniform(0, 0.1))  # noqa: S311 - it only spreads load
        self.visit = node.visits.begin(front)
        """What operators see of the connection."""
        self._counted = 0
        """How many requests had come at the last sweep."""
        self.ending = False
        """Whether it closes, for good, once its requests are answered."""
        self._requests = Requests(node, front, self, self.visit)
        # Every line and every event comes through here, so it goes straight on, without a call in between.
        self.received: Callable[[bytes], None] = self._requests.received
        self.overlong: Callable[[int], None] = self._requests.overlong
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
        return self._requests.accepting and not isinstance(self._state, Closing)

    @property
    def busy(self) -> bool:
        """Return whether a request is being answered."""
        return len(self._requests) > 0

    @property
    def gone(self) -> bool:
        """Return whether the connection is closed, and nobody waits for an answer."""
        return isinstance(self._state, Closing)

    # --- CONNECT and the life of the connection ---

    def admit(self, user_id: int, resumes: str | None) -> None:
        """Raise Refused: SERVER_FULL, or RATE_LIMITED when the user connects too often."""
        self._node.admit(self, user_id, resumes)

    def dismiss(self) -> None:
        """Give up the place that a CONNECT was to take."""
        self._node.dismiss(self)

    def context(self, asked_session_id: str | None) -> Context:
        """Return what an action gets to know of the client, and the session that its CONNECT asks for."""
        if isinstance(self._state, Connected):
            return self._state.context
        return Context(services=self._node.services, client=self, asked_session_id=asked_session_id)

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
        self._requests.replay = b"".join(
            wire.with_seq_id(entry.body, wire.seq_id_at(entry.position))
            for entry in attached.replay
            if entry.body
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
        self.ending = True

    def connect_failed(self, refused: Refused) -> None:
        """Count a CONNECT that was refused; after too many of them, close."""
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

    # --- how it closes ---

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
        self._requests.forget()
        self._node.left(self)
        user_id = state.identity.user_id if isinstance(state, Connected) else None
        self._node.visits.end(self.visit, reason, user_id)
        if isinstance(state, Connected) and not self.ending:
            self._node.detach(state.context.session_id, state.attachment)

    # --- timers ---

    def sweep(self, now: float) -> None:
        """Do what is due at `now`, monotonic seconds; called for every client from one LoopingCall."""
        heard, self._counted = self.visit.requests != self._counted, self.visit.requests
        if heard:
            self.visit.heard_at = now
        self._requests.expire(now)
        limits = self._node.limits
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
        self._requests.forgive()

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

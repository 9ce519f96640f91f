"""Requests that wait for their answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Final, Protocol

import orjson
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from assa.client.refusals import NoAnswer, Rejected
from assa.protocol import SendMessage

ANSWER_TIMEOUT_S: Final = 10.0
"""§10.2."""
LONGEST_MS: Final = 86_400_000
"""A server that says more than a day is mistaken."""


@define(eq=False, kw_only=True)
class Request:
    """One request.

    Args:
        action: What is asked.
        seq_id: What its answer will carry.
        data: Its payload, encoded.
        answer: Gets the data of the answer, or the exception.
        session_id: The session that CONNECT resumes.
        is_message: It survives its connection, as its `client_message_id` makes it safe to repeat.
        room_id: Of a message; 0 where it has none that could be right.
        client_message_id: Likewise.
        unanswered: How often it was sent and got neither an answer nor a refusal.
        timeouts: How often it got no answer in time.
        refusals: How often it was refused.
        done: Whether it has its answer, or nobody waits for one any more.
    """

    action: str
    seq_id: str
    data: Any
    answer: Deferred[dict[str, Any]]
    session_id: str | None = None
    is_message: bool = False
    room_id: int = 0
    client_message_id: str = ""
    unanswered: int = 0
    timeouts: int = 0
    refusals: int = 0
    done: bool = False
    timer: IDelayedCall | None = field(default=None, repr=False)

    @property
    def is_in_doubt(self) -> bool:
        """Return whether it may have taken effect without its sender knowing."""
        return self.unanswered > 0 and not self.done

    def message(self) -> dict[str, Any]:
        """Return it as it goes over the wire."""
        message = {"action": self.action, "data": self.data, "seq_id": self.seq_id}
        return message if self.session_id is None else {**message, "session_id": self.session_id}


class Messages(Protocol):
    """Who looks after messages."""

    def overdue(self, request: Request) -> bool:
        """Take note that a message got no answer in time; return whether it will be sent again."""

    def refused(self, request: Request, wrong: Rejected) -> bool:
        """Take note that a message was refused; return whether it will be sent again."""


class Requests:
    """All requests of one client that wait, in the order in which they were made.

    Args:
        reactor: The time.
        messages: Decides about messages that get no answer, or one for now.
        finished: Called with a message when all is over with it, after its sender was told.
    """

    def __init__(
        self, reactor: IReactorTime, *, messages: Messages, finished: Callable[[Request], None]
    ) -> None:
        self._reactor = reactor
        self._messages = messages
        self._finished = finished
        self._numbers = count(1)
        self._waiting: dict[str, Request] = {}

    def new_seq_id(self) -> str:
        """Return a `seq_id` that was not used before."""
        return f"c{next(self._numbers)}"

    def add(self, action: str, data: dict[str, Any], session_id: str | None = None) -> Request:
        """Take a request in; a message gets a `client_message_id` unless it has one.

        Raises:
            TypeError: The data cannot be JSON.
        """
        is_message = action == SendMessage.action
        if is_message and not data.get("client_message_id"):
            data = {**data, "client_message_id": secrets.token_hex(12)}
        room_id = data.get("room_id")
        request = Request(
            action=action,
            seq_id=self.new_seq_id(),
            data=orjson.Fragment(orjson.dumps(data)),
            answer=Deferred(lambda _: self._finish(request)),
            session_id=session_id,
            is_message=is_message,
            room_id=room_id if is_message and isinstance(room_id, int) else 0,
            client_message_id=str(data.get("client_message_id", "")),
        )
        self._waiting[request.seq_id] = request
        return request

    def sent(self, request: Request) -> None:
        """Take note that a request has been sent: its time runs."""
        self._stop(request)
        request.timer = self._reactor.callLater(ANSWER_TIMEOUT_S, self._late, request)

    def answered(self, message: dict[str, Any]) -> bool:
        """Give an answer to who waits for it; return whether anybody does."""
        seq_id = message.get("seq_id")
        request = self._waiting.get(seq_id) if isinstance(seq_id, str) else None
        if request is None or not ("success" in message or message["action"] == "PONG"):
            return False
        self._stop(request)
        if message.get("success", True):
            self._finish(request, data_of(message))
        elif not (request.is_message and self._messages.refused(request, rejected(message))):
            self._finish(request, rejected(message))
        return True

    def stop(self, *, messages: bool) -> list[Request]:
        """Stop the clock of all, as there is no connection, and return those that end with it.

        Args:
            messages: Whether messages end too.
        """
        for request in self._waiting.values():
            self._stop(request)
        return [one for one in self._waiting.values() if messages or not one.is_message]

    def fail(self, requests: Iterable[Request], wrong: Exception) -> None:
        """Tell those who wait that no answer will come."""
        for request in requests:
            self._finish(request, wrong)

    def _late(self, request: Request) -> None:
        if not (request.is_message and self._messages.overdue(request)):
            wrong = NoAnswer(f"no answer to {request.action} within {ANSWER_TIMEOUT_S:g} s")
            self._finish(request, wrong)

    def _finish(self, request: Request, outcome: dict[str, Any] | Exception | None = None) -> None:
        """End a request with its answer, with what went wrong, or without a word to who has cancelled it."""
        self._stop(request)
        self._waiting.pop(request.seq_id, None)
        if request.done:
            return
        request.done = True
        if isinstance(outcome, Exception):
            request.answer.errback(outcome)
        elif outcome is not None:
            request.answer.callback(outcome)
        if request.is_message:
            self._finished(request)

    @staticmethod
    def _stop(request: Request) -> None:
        if request.timer is not None and request.timer.active():
            request.timer.cancel()


def data_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of a message; empty where it has none."""
    data = message.get("data")
    return data if isinstance(data, dict) else {}


def rejected(message: dict[str, Any]) -> Rejected:
    """Return what an error on the wire says (§9.1; a CONNECT's has no `data`)."""
    data = data_of(message)
    after_ms = data.get("retry_after_ms")
    return Rejected(
        str(message.get("error_code") or "ERROR"),
        str(message.get("message") or ""),
        str(data.get("error_details") or ""),
        retry_after_ms=after_ms if isinstance(after_ms, int) and 0 <= after_ms <= LONGEST_MS else None,
    )

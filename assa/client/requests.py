"""Requests that wait for their answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import orjson
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from assa.client.refusals import NoAnswer, Rejected

ANSWER_TIMEOUT_S: Final = 10.0
"""§10.2."""


@define(eq=False, kw_only=True)
class Request:
    """One request.

    Args:
        action: What is asked.
        seq_id: What its answer will carry.
        data: Its payload, encoded.
        answer: Gets the data of the answer, or the exception.
        durable: It survives its connection: a message, which its `client_message_id` makes safe to repeat.
        session_id: The session that CONNECT resumes.
    """

    action: str
    seq_id: str
    data: Any
    answer: Deferred[dict[str, Any]]
    durable: bool
    session_id: str | None = None
    repeated: bool = False
    timer: IDelayedCall | None = field(default=None, repr=False)

    def message(self) -> dict[str, Any]:
        """Return it as it goes over the wire."""
        message = {"action": self.action, "data": self.data, "seq_id": self.seq_id}
        return message if self.session_id is None else {**message, "session_id": self.session_id}


class Requests:
    """All requests of one client that wait, in the order in which they were made.

    Args:
        reactor: The time.
        overdue: Called with a message that got no answer; it may still be repeated.
    """

    def __init__(self, reactor: IReactorTime, *, overdue: Callable[[Request], None]) -> None:
        self._reactor = reactor
        self._overdue = overdue
        self._numbers = count(1)
        self._waiting: dict[str, Request] = {}

    def new_seq_id(self) -> str:
        """Return a `seq_id` that was not used before."""
        return f"c{next(self._numbers)}"

    def add(self, action: str, data: dict[str, Any], session_id: str | None = None) -> Request:
        """Take a request in.

        Raises:
            TypeError: The data cannot be JSON.
        """
        durable = action == "SEND_MESSAGE"
        if durable:
            data = {"client_message_id": secrets.token_hex(12), **data}
        request = Request(
            action=action,
            seq_id=self.new_seq_id(),
            data=orjson.Fragment(orjson.dumps(data)),
            answer=Deferred(lambda _: self._forget(request)),
            durable=durable,
            session_id=session_id,
        )
        self._waiting[request.seq_id] = request
        return request

    def sent(self, request: Request) -> None:
        """Take note that a request has been sent: its time runs."""
        self._stop(request)
        request.timer = self._reactor.callLater(ANSWER_TIMEOUT_S, self._late, request)

    def durable(self) -> list[Request]:
        """Return those that go to the next connection."""
        return [request for request in self._waiting.values() if request.durable]

    def answered(self, message: dict[str, Any]) -> bool:
        """Give an answer to who waits for it; return whether anybody does."""
        request = self._waiting.get(message.get("seq_id") or "")
        if request is None or not ("success" in message or message["action"] == "PONG"):
            return False
        self._forget(request)
        if message.get("success", True):
            request.answer.callback(message.get("data") or {})
        else:
            request.answer.errback(rejected(message))
        return True

    def fail(self, wrong: Exception, *, all_of_them: bool) -> None:
        """Tell those who wait that no answer will come; messages wait on, unless all are meant."""
        for request in list(self._waiting.values()):
            self._stop(request)
            if all_of_them or not request.durable:
                self._forget(request)
                request.answer.errback(wrong)

    def _late(self, request: Request) -> None:
        if request.durable and not request.repeated:
            request.repeated = True
            self._overdue(request)
        else:
            self._forget(request)
            request.answer.errback(NoAnswer(f"no answer to {request.action} within {ANSWER_TIMEOUT_S:g} s"))

    def _forget(self, request: Request) -> None:
        self._stop(request)
        self._waiting.pop(request.seq_id, None)

    def _stop(self, request: Request) -> None:
        if request.timer is not None and request.timer.active():
            request.timer.cancel()


def rejected(message: dict[str, Any]) -> Rejected:
    """Return what an error on the wire says (§9.1; a CONNECT's has no `data`)."""
    data = message.get("data") or {}
    return Rejected(
        message.get("error_code") or "ERROR",
        message.get("message") or "",
        data.get("error_details") or "",
        retry_after_ms=data.get("retry_after_ms"),
    )

"""A server that says what a test has written for it: an old one, a newer one, one with defects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

Data = dict[str, Any]
NOW = "2024-01-01T12:00:00.000Z"
WELCOME_1_0: Data = {
    "user_id": 1,
    "session_id": "session_abc123",
    "server_time": NOW,
    "reconnection_info": {"existing_rooms": [1], "unread_messages": 5},
}
"""As v1.0 has it (§3.1)."""
WELCOME_1_1: Data = WELCOME_1_0 | {
    "reconnection_info": {
        "existing_rooms": [1],
        "unread_messages": 0,
        "resumed": False,
        "replayed_events": 0,
        "video_rooms": [],
        "last_seq_id": "e100",
    }
}


class Refusal(Exception):  # noqa: N818 - an answer
    """What a request is refused with."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.code, self.data = code, data


@implementer(IStreamClientEndpoint)
class Scripted:
    """A server in memory, and the way to it.

    Args:
        clock: The time.
        answers: What is answered, by action: data, a Refusal, or a function of the request's data that
            returns one of them. An action that is not there gets no answer.
    """

    def __init__(self, clock: Clock, **answers: Any) -> None:
        self.clock = clock
        self.answers: Data = {"CONNECT": WELCOME_1_1} | answers
        self.asked: list[tuple[str, Data]] = []
        self.requests: list[Data] = []
        self.attempts: list[float] = []
        self.closed = False
        self.delay_s = 0.0
        self.transport = StringTransport()
        self.protocol: Any = None

    def connect(self, factory: Any) -> Deferred[Any]:
        """Connect a client."""
        self.attempts.append(self.clock.seconds())
        if self.closed:
            return fail(ConnectError())
        self.transport = transport = StringTransport()
        transport.abortConnection = self.cut  # type: ignore[method-assign]
        transport.loseConnection = self.cut  # type: ignore[method-assign]
        transport.write = self._written  # type: ignore[method-assign]
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(transport)
        return succeed(self.protocol)

    def cut(self) -> None:
        """Lose the connection."""
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionLost()))

    def says(self, action: str, data: Any = None, **envelope: Any) -> None:
        """Send something unasked."""
        message = {"action": action, "data": data, "timestamp": NOW, "seq_id": "s1"} | envelope
        self.protocol.dataReceived(json.dumps(message).encode() + b"\n")

    def taken(self, action: str) -> list[Data]:
        """Return the data of all requests of an action so far."""
        return [data for name, data in self.asked if name == action]

    def _written(self, line: bytes) -> None:
        request = json.loads(line)
        self.requests.append(request)
        self.asked.append((request["action"], request.get("data") or {}))
        self.clock.callLater(self.delay_s, self._answer, request, self.protocol)

    def _answer(self, request: Data, protocol: Any) -> None:
        answer = self.answers.get(request["action"])
        if isinstance(answer, Callable):  # type: ignore[arg-type] # a typing form, but it works
            answer = answer(request.get("data") or {})
        if answer is None or protocol is not self.protocol:
            return
        envelope = {"timestamp": NOW, "seq_id": request["seq_id"]}
        if isinstance(answer, Refusal):
            is_connect = request["action"] == "CONNECT"
            action = "CONNECT_RESPONSE" if is_connect else "ERROR"
            data = answer.data | (
                {} if is_connect else {"original_action": request["action"], "error_details": ""}
            )
            message = {"action": action, "success": False, "error_code": answer.code, "data": data}
        else:
            message = {"action": f"{request['action']}_RESPONSE", "success": True, "data": answer}
        protocol.dataReceived(json.dumps(message | envelope).encode() + b"\n")


def message(
    message_id: int, content: str = "", *, user_id: int = 2, created_at: str = NOW, room_id: int = 1
) -> Data:
    """Return a message as NEW_MESSAGE and GET_MESSAGES have it."""
    return {
        "message_id": message_id,
        "room_id": room_id,
        "content": content or f"m{message_id}",
        "message_type": "text",
        "user": {"user_id": user_id, "nickname": "jun", "profile_image": None},
        "created_at": created_at,
        "reply_to_message_id": None,
    }


def pending(message_id: int, content: str = "", *, created_at: str = NOW) -> Data:
    """Return a message as CHECK_RECEIVE has it in v1.0."""
    return {
        "message_id": message_id,
        "content": content or f"m{message_id}",
        "user": {"user_id": 2, "nickname": "jun"},
        "created_at": created_at,
    }

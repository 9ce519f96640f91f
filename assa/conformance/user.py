"""One connection as a rule uses it: ask, be refused, hear, hear nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from assa.conformance.answers import failed, is_answer, is_event, position_of, succeeded, wait_s
from assa.conformance.identities import Identity
from assa.conformance.line import Line, timestamp
from assa.conformance.messages import Broken, Json, Message, shown

_RETRIES: Final = 20


class Scene(Protocol):
    """What a user needs to know of the rule that he takes part in."""

    clock: IReactorTime
    timeout_s: float
    quiet_s: float
    sent: deque[tuple[int, Json]]
    """The last few messages of all users."""

    def next_seq_id(self) -> str:
        """Return one that nobody has used."""

    def arrived(self, user: User, message: Json) -> None:
        """Take note of a message."""

    def repeated(self) -> None:
        """Take note that a request is sent again that was too fast."""

    def answered(self, sent: Json, answer: Json) -> None:
        """Take note of an answer."""

    def malformed(self, text: str) -> None:
        """Take note of what is no message."""


class User:
    """A connection, before CONNECT or after.

    Args:
        scene: The rule that he takes part in.
        identity: Who it is.
    """

    def __init__(self, scene: Scene, identity: Identity) -> None:
        self._scene = scene
        self.identity = identity
        self.user_id = identity.user_id
        self.line = self.new_line()
        self.inbox: list[Json] = []
        self.position: str | None = None
        """The `seq_id` of the last event of the log, or where the connection began (v1.1)."""
        self.welcome = Message({})
        """The answer to CONNECT."""
        self.history: list[str] = []
        """The names of all messages in the order in which they came."""
        self._last_sent: Json | None = None

    def new_line(self) -> Line:
        """Return a connection of this user that is not open yet."""
        return Line(self._received, self._scene.malformed)

    @property
    def session_id(self) -> str:
        """The session's id, as CONNECT_RESPONSE told it."""
        return str(self.welcome.at("data.session_id"))

    @property
    def nickname(self) -> str:
        """What others should see."""
        return self.identity.nickname or f"사용자{self.user_id}"

    def _received(self, message: Json) -> None:
        self._scene.arrived(self, message)
        if not is_answer(message) and position_of(message.get("seq_id")) is not None:
            self.position = message["seq_id"]
        self.inbox.append(message)
        self.history.append(str(message.get("action")))

    # --- out ---

    def request(self, action: str, data: Any = None, **envelope: Any) -> Json:
        """Return a request with a `seq_id` of its own; what is None is left out."""
        usual = {
            "action": action,
            "data": data,
            "timestamp": timestamp(),
            "seq_id": self._scene.next_seq_id(),
        }
        return {key: value for key, value in (usual | envelope).items() if value is not None}

    def send(self, message: Json) -> Json:
        """Send a message and return it."""
        self._note(message)
        self.line.send(message)
        return message

    def tell(self, action: str, data: Any = None, **envelope: Any) -> Json:
        """Send a request without waiting, and return it."""
        return self.send(self.request(action, data, **envelope))

    def write(self, data: bytes | str) -> None:
        """Send bytes that may be no message."""
        data = data.encode() if isinstance(data, str) else data
        self._note({"bytes": repr(data[:100]), "length": len(data)})
        self.line.write(data)

    def _note(self, sent: Json) -> None:
        self._last_sent = sent
        self._scene.sent.append((self.user_id, sent))

    # --- in ---

    async def take(self, wanted: Callable[[Json], bool], what: str, timeout_s: float | None = None) -> Json:
        """Take the first message that is wanted out of the inbox, waiting for it.

        Raises:
            Broken: It did not come in time, or the connection was closed.
        """
        wait_s = self._scene.timeout_s if timeout_s is None else timeout_s
        give_up, looked_at = self._scene.clock.seconds() + wait_s, 0
        while True:
            for index in range(looked_at, len(self.inbox)):
                if wanted(self.inbox[index]):
                    return self.inbox.pop(index)
            looked_at = len(self.inbox)
            left_s = give_up - self._scene.clock.seconds()
            if not self.line.open:
                raise Broken(f"expected {what}, the connection was closed{self._circumstances()}")
            if left_s <= 0:
                raise Broken(
                    f"expected {what}, nothing of the kind came in {wait_s:g} s{self._circumstances()}"
                )
            await self._arrival(left_s)

    async def _arrival(self, timeout_s: float) -> None:
        waiting: Deferred[Any] = self.line.arrival()
        waiting.addTimeout(timeout_s, self._scene.clock)
        try:
            await waiting
        except defer.TimeoutError:
            return

    def _circumstances(self) -> str:
        sent = [f"\nuser {user_id} sent: {shown(message)}" for user_id, message in self._scene.sent]
        others = [one.get("action") for one in self.inbox[-10:]]
        return "".join([*sent, f"\nuser {self.user_id} got besides: {shown(others)}"])

    async def answer(self, sent: Json) -> Message:
        """Return what answers a request, success or failure, also where its `seq_id` is wrong.

        Raises:
            Broken: Nothing did.
        """
        action, seq_id = sent.get("action"), sent.get("seq_id")

        def answers(message: Json) -> bool:
            if not is_answer(message):
                return False
            original = message.get("data")
            named = original.get("original_action") if isinstance(original, dict) else None
            return (
                message.get("seq_id") == seq_id
                or message.get("action") == f"{action}_RESPONSE"
                or (message.get("action") == "ERROR" and named == action)
            )

        answer = await self.take(answers, f"an answer to {action}")
        self._scene.answered(sent, answer)
        return Message(answer, sent)

    async def call(self, action: str, data: Any = None, **envelope: Any) -> Message:
        """Send a request and return its answer; one that came too fast is repeated when it may be.

        Raises:
            Broken: Nothing answered it.
        """
        for _ in range(_RETRIES):
            answer = await self.answer(self.tell(action, data, **envelope))
            if answer.raw.get("error_code") != "RATE_LIMITED":
                return answer
            self._scene.repeated()
            await self.sleep(wait_s(answer))
        raise Broken(f"{action} was RATE_LIMITED {_RETRIES} times, after every wait it had asked for")

    async def ask(self, action: str, data: Any = None, **envelope: Any) -> Message:
        """Send a request that succeeds and return its answer.

        Raises:
            Broken: It does not.
        """
        return succeeded(await self.call(action, data, **envelope))

    async def refused(self, codes: str, action: str, data: Any = None, **envelope: Any) -> Message:
        """Send a request that fails with one of the codes (separated by spaces) and return its answer.

        Raises:
            Broken: It succeeds, or fails with another code.
        """
        return failed(await self.call(action, data, **envelope), codes)

    async def settled(self) -> None:
        """Wait until all that was asked before has been dealt with: answers keep their order (v1.1).

        Raises:
            Broken: There was no answer.
        """
        await self.ask("LIST_ROOMS", {})
        await self.sleep(self._scene.quiet_s)

    async def error(self, codes: str) -> Message:
        """Return an ERROR that comes without an answer to be matched, with one of the codes.

        Raises:
            Broken: None came, or with another code.
        """
        came = await self.take(lambda one: one.get("action") == "ERROR", f"an ERROR {codes}")
        return failed(Message(came, self._last_sent), codes)

    async def hear(self, event: str, timeout_s: float | None = None, **data: Any) -> Message:
        """Return the next event of that name with these fields in its data.

        Raises:
            Broken: None came.
        """
        words = f" with {shown(data)}" if data else ""
        return Message(await self.take(lambda one: is_event(one, event, data), f"{event}{words}", timeout_s))

    async def quiet(self, event: str, **data: Any) -> None:
        """Check that no such event comes, or waits in the inbox.

        Raises:
            Broken: One does.
        """
        await self.sleep(self._scene.quiet_s)
        for message in self.inbox:
            if is_event(message, event, data):
                raise Broken(
                    f"expected no {event} for user {self.user_id}{self._circumstances()}{Message(message)}"
                )

    async def closed(self, timeout_s: float | None = None) -> None:
        """Wait until the server has closed the connection.

        Raises:
            Broken: It has not.
        """
        wait_s = self._scene.timeout_s if timeout_s is None else timeout_s
        give_up = self._scene.clock.seconds() + wait_s
        while self.line.open:
            left_s = give_up - self._scene.clock.seconds()
            if left_s <= 0:
                raise Broken(
                    f"expected the server to close, it had not after {wait_s:g} s{self._circumstances()}"
                )
            await self._arrival(left_s)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await deferLater(self._scene.clock, seconds)

    def events(self, name: str | None = None) -> list[Json]:
        """Take all events that have come, or those of one name."""
        taken = [one for one in self.inbox if not is_answer(one) and name in (None, one.get("action"))]
        self.inbox = [one for one in self.inbox if one not in taken]
        return taken

"""Members of a room who go from one server to another, and lose count of nothing."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count, cycle
from threading import Event, Thread

from tests.integration.accounts import number_of
from tests.integration.plain import TIMEOUT_S, Address, Client, ClosedError, Message
from tests.integration.server import Server

_AGAIN_S = 0.05
_DIAL_S = 3.0

Choice = Callable[["Member"], Address]
"""Where a member goes when it has lost its connection."""


def next_of(servers: Sequence[Server]) -> Choice:
    """Go to the servers one after the other, beginning with the one after that where one was."""
    return among([server.address for server in servers])


def among(addresses: Sequence[Address]) -> Choice:
    """Go to the addresses one after the other, beginning with the one after that where one was."""
    rings: dict[str, cycle[Address]] = {}

    def choose(member: Member) -> Address:
        if member.name not in rings:
            ring = rings[member.name] = cycle(addresses)
            if member.client.address in addresses:
                while next(ring) != member.client.address:
                    pass
        return next(rings[member.name])

    return choose


def stay(member: Member) -> Address:
    """Go where one was."""
    return member.client.address


class Member(Thread):
    """A member of a room: sends messages, hears the others', and comes back whenever it is cut off.

    What is refused because the server cannot do it now is asked again, and so is what was not
    answered when the connection was lost.

    Args:
        client: Connected, and in the room.
        room_id: The room.
        choose: Where it comes back.
        pace_s: Seconds between two messages; None: it says nothing.
        window: Requests in flight at most.
        patience_s: Seconds without the answer to a request after which it goes elsewhere.
    """

    def __init__(
        self,
        client: Client,
        room_id: int,
        *,
        choose: Choice,
        pace_s: float | None = 0.01,
        window: int = 8,
        patience_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(daemon=True, name=f"member-{client.user_id}")
        self.client = client
        self.sent = 0
        self.acknowledged: dict[str, int] = {}
        self.acknowledged_at: list[float] = []
        self.heard: list[tuple[int, str]] = []
        self.resumed: list[bool] = []
        self.refused: Counter[str] = Counter()
        self.errors: list[Message] = []
        self.other: list[Message] = []
        self.resent = self.duplicates = self.moves = self.given_up = 0
        self.longest_s = 0.0
        self.refused_after_s = 0.0
        self.failure: BaseException | None = None
        self.quiet, self.over = Event(), Event()
        self._room_id, self._choose = room_id, choose
        self._pace_s, self._window, self.patience_s = pace_s, window, patience_s
        self._next_s = 0.0
        self._contents = (f"{client.user_id}-{number}" for number in count())
        self._asked: dict[str, float] = {}
        self._again: deque[tuple[float, str]] = deque()

    @property
    def unanswered(self) -> int:
        """How many of its messages are not acknowledged yet."""
        return len(self._asked) + len(self._again)

    def run(self) -> None:
        """Chat until it is over."""
        try:
            while not self.over.is_set():
                try:
                    if self.client.closed:
                        self._come_back()
                    self._chat()
                except (OSError, ClosedError):
                    self.client.hang_up()
                    time.sleep(_AGAIN_S)
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            self.failure = failure

    # --- the connection ---

    def _come_back(self) -> None:
        address = self._choose(self)
        self.moves += address != self.client.address
        self.client.dial(address)
        seq_id, line = self.client.connect_line()
        self.client.socket.sendall(line)
        answer = self._answered(seq_id)
        if not answer["success"]:
            self.refused[f"CONNECT {answer['error_code']}"] += 1
            time.sleep(answer.get("data", {}).get("retry_after_ms", 0) / 1_000)
            raise ClosedError(f"not taken in: {answer}")
        self.client.inbox.appendleft(answer)
        self.resumed.append(self.client.connected(seq_id)["resumed"])
        waiting = [*self._asked, *(content for _, content in self._again)]
        self._again.clear()
        self._asked = dict.fromkeys(sorted(waiting, key=number_of), time.monotonic())
        for content in tuple(self._asked):
            self._say(content, again=True)
        self.take_all()

    def _answered(self, seq_id: str) -> Message:
        """Return the answer to CONNECT; who does not answer soon is no place to stay."""
        give_up = time.monotonic() + min(self.patience_s, _DIAL_S)
        while not any(message["seq_id"] == seq_id for message in self.client.inbox):
            left_s = give_up - time.monotonic()
            if left_s <= 0 or not self.client.receive(left_s):
                raise ClosedError("no answer to CONNECT")
        return self.client.heard(seq_id=seq_id)

    # --- talking ---

    def _chat(self) -> None:
        while not self.over.is_set() and not self.client.closed:
            now = time.monotonic()
            if self._asked and now - min(self._asked.values()) > self.patience_s:
                self.given_up += 1
                raise ClosedError("it does not answer")
            self._say_what_is_due(now)
            with suppress(TimeoutError):
                self.client.receive(self._idle_s())
            self.take_all()

    def _say_what_is_due(self, now: float) -> None:
        while self._again and self._again[0][0] <= now:
            self._say(self._again.popleft()[1], again=True)
        if self._pace_s is None or self.quiet.is_set() or now < self._next_s:
            return
        if self.unanswered < self._window:
            self.sent += 1
            self._next_s = max(self._next_s + self._pace_s, now - self._pace_s)
            self._say(next(self._contents))

    def _idle_s(self) -> float:
        """Return the seconds until there may be something to say."""
        if self._pace_s is None or self.quiet.is_set() or self.unanswered >= self._window:
            return _AGAIN_S
        return min(max(0.001, self._next_s - time.monotonic()), _AGAIN_S)

    def _say(self, content: str, *, again: bool = False) -> None:
        # From here on it counts as sent: the server may have it even if sending fails.
        self._asked[content] = time.monotonic()
        self.resent += again
        self.client.say(self._room_id, content, content)

    # --- listening ---

    def take_all(self) -> None:
        """Look at what has come."""
        while self.client.inbox:
            self._took(self.client.inbox.popleft())

    def _took(self, message: Message) -> None:
        data = message.get("data", {})
        if message["action"] == "NEW_MESSAGE":
            self.heard.append((data["message_id"], data["content"]))
        elif message["action"] == "SEND_MESSAGE_RESPONSE":
            content = data["client_message_id"]
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - self._asked.pop(content))
            self.duplicates += data.get("duplicate", False)
            assert data["content"] == content
            self.acknowledged[content] = data["message_id"]
            self.acknowledged_at.append(now)
        elif message["action"] == "ERROR":
            self._took_error(message)
        else:
            self.other.append(message)

    def _took_error(self, message: Message) -> None:
        code, data = message["error_code"], message["data"]
        if data["original_action"] is None:
            self.errors.append(message)  # the connection is closed after it
            return
        assert code in ("SERVICE_UNAVAILABLE", "REQUEST_TIMEOUT"), message
        assert "retry_after_ms" in data or code == "REQUEST_TIMEOUT", message
        self.refused[code] += 1
        # Answers come in the order of the requests.
        content = next(iter(self._asked))
        now = time.monotonic()
        self.refused_after_s = max(self.refused_after_s, now - self._asked.pop(content))
        self._again.append((now + data.get("retry_after_ms", 0) / 1_000, content))

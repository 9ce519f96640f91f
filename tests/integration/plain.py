"""Clients over blocking sockets that know the protocol and no code of assa: json and socket."""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from itertools import count
from typing import Any

import jwt

SECRET = "a secret that the server under test is configured with and that nobody else knows"
TIMEOUT_S = 20.0
_CHUNK = 65_536

Address = tuple[str, int] | str
"""A host and a port, or the path of a Unix socket."""
Message = dict[str, Any]


class ClosedError(Exception):
    """The server has closed the connection; the text says what was waited for and what came last."""


def token(user_id: int, secret: str = SECRET) -> str:
    """Return a JWT that is good for an hour."""
    claims = {"user_id": user_id, "nickname": f"사람{user_id}", "exp": int(time.time()) + 3600}
    return jwt.encode(claims, secret, "HS256")


class Client:
    """One user's device. It survives its connections: `dial` again, and `connect` resumes.

    Args:
        address: Where the server listens.
        user_id: Who it is.
        tls: What a TLS connection is verified with; the name expected is `localhost`.
        receive_buffer: Bytes of the kernel's receive buffer, for a client that does not read.
        secret: What its tokens are signed with.
    """

    def __init__(
        self,
        address: Address,
        user_id: int,
        *,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
        secret: str = SECRET,
    ) -> None:
        self.address = address
        self.user_id = user_id
        self.session_id: str | None = None
        self.last_seq_id: str | None = None
        self.inbox: deque[Message] = deque()
        self.closed = True
        self._tls = tls
        self._receive_buffer = receive_buffer
        self._secret = secret
        self._numbers = count(1)
        self.dial()

    # --- the connection ---

    def dial(self, address: Address | None = None) -> None:
        """Open a connection, from now on to another address if one is given.

        What an earlier one brought and nobody looked at is forgotten.
        """
        self.address = self.address if address is None else address
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(TIMEOUT_S)
        if self._receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        try:
            self.socket.connect(self.address)
            if family == socket.AF_INET:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                self.socket = self._tls.wrap_socket(self.socket, server_hostname="localhost")
        except OSError:
            self.socket.close()
            raise
        self.inbox.clear()
        self._unfinished = b""
        self.closed = False

    def close(self) -> None:
        """Drop the connection."""
        self.hang_up()

    def hang_up(self, *, reset: bool = False) -> None:
        """Drop the connection without DISCONNECT; with `reset`, without even a FIN."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()
        self.closed = True

    def receive(self, timeout_s: float = TIMEOUT_S) -> bool:
        """Wait for bytes once and put the messages among them into the inbox.

        Returns:
            Whether the connection is still open.

        Raises:
            TimeoutError: Nothing came.
        """
        self.socket.settimeout(timeout_s)
        try:
            data = self.socket.recv(_CHUNK)
        except ConnectionError:
            data = b""
        finally:
            self.socket.settimeout(TIMEOUT_S)
        if not data:
            self.hang_up()
            return False
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))
        return True

    def _take(self, message: Message) -> None:
        if "success" not in message and message["seq_id"].startswith("e"):
            self.last_seq_id = message["seq_id"]
        if message["action"] != "PING":
            self.inbox.append(message)

    def read_to_end(self, timeout_s: float = TIMEOUT_S) -> list[Message]:
        """Receive until the server has closed; return all that nobody has looked at."""
        give_up = time.monotonic() + timeout_s
        while self.receive(max(0.01, give_up - time.monotonic())):
            pass
        rest = list(self.inbox)
        self.inbox.clear()
        return rest

    # --- the protocol ---

    def line(self, action: str, data: Message | None = None, **envelope: object) -> tuple[str, bytes]:
        """Return the `seq_id` and the bytes of a request."""
        seq_id = f"u{self.user_id}-{next(self._numbers)}"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message: Message = {"action": action, "timestamp": now, "seq_id": seq_id, **envelope}
        if data is not None:
            message["data"] = data
        return seq_id, json.dumps(message, ensure_ascii=False).encode() + b"\n"

    def send(self, action: str, data: Message | None = None, **envelope: object) -> str:
        """Send a request without waiting; return its `seq_id`."""
        seq_id, line = self.line(action, data, **envelope)
        self.socket.sendall(line)
        return seq_id

    def say(self, room_id: int, content: str, client_message_id: str | None = None) -> str:
        """Send a text message without waiting; return the request's `seq_id`."""
        data: Message = {"room_id": room_id, "content": content, "message_type": "text"}
        return self.send("SEND_MESSAGE", data | {"client_message_id": client_message_id})

    def heard(self, action: str | None = None, **fields: object) -> Message:
        """Return the first message of that action with these fields; the others stay in the inbox.

        Raises:
            ClosedError: The server closed the connection first.
            TimeoutError: It did not come in time.
        """
        give_up = time.monotonic() + TIMEOUT_S
        looked_at = 0
        while True:
            for index in range(looked_at, len(self.inbox)):
                message = self.inbox[index]
                if action in (None, message["action"]) and fields.items() <= message.items():
                    del self.inbox[index]
                    return message
            looked_at = len(self.inbox)
            if self.closed or not self.receive(max(0.01, give_up - time.monotonic())):
                if len(self.inbox) > looked_at:
                    continue
                last = self.inbox[-1] if self.inbox else None
                raise ClosedError(
                    f"user {self.user_id} waited for {action} {fields}; the last message: {last}"
                )

    def call(self, action: str, data: Message | None = None, **envelope: object) -> Message:
        """Send a request and return the message that answers it, whatever it says."""
        return self.heard(seq_id=self.send(action, data, **envelope))

    def ask(self, action: str, data: Message | None = None, **envelope: object) -> Any:
        """Send a request that succeeds and return the data of its answer."""
        answer = self.call(action, data, **envelope)
        assert answer["action"] == f"{action}_RESPONSE", answer
        assert answer["success"] is True, answer
        return answer.get("data")

    def connect_line(self) -> tuple[str, bytes]:
        """Return a CONNECT, which resumes when there was a connection before."""
        device = {"platform": "web", "app_version": "1.0.0", "device_id": f"device-{self.user_id}"}
        data: Message = {"jwt_token": token(self.user_id, self._secret), "device_info": device}
        if self.last_seq_id is not None:
            data["last_seq_id"] = self.last_seq_id
        envelope = {} if self.session_id is None else {"session_id": self.session_id}
        return self.line("CONNECT", data, **envelope)

    def connected(self, seq_id: str) -> Message:
        """Take the answer to CONNECT; return its `reconnection_info`."""
        answer = self.heard(seq_id=seq_id)
        assert answer["success"] is True, answer
        data = answer["data"]
        self.session_id = data["session_id"]
        info: Message = data["reconnection_info"]
        if self.last_seq_id is None or not info["resumed"]:
            self.last_seq_id = info["last_seq_id"]
        return info

    def connect(self) -> Message:
        """Authenticate or resume; return the `reconnection_info`."""
        seq_id, line = self.connect_line()
        self.socket.sendall(line)
        return self.connected(seq_id)

    def settle(self) -> None:
        """Wait until everything asked and caused so far has been answered and delivered here."""
        seq_id = self.send("PING")
        self.heard("PONG", seq_id=seq_id)

    def take(self, action: str) -> list[Message]:
        """Take the messages of that action out of the inbox, in order."""
        taken = [message for message in self.inbox if message["action"] == action]
        self.inbox = deque(message for message in self.inbox if message["action"] != action)
        return taken


def counted(client: Client, action: str) -> int:
    """Return how many messages of that action wait in the inbox."""
    return sum(message["action"] == action for message in client.inbox)


def room_of(clients: Collection[Client]) -> int:
    """Let the first of the connected clients open a room, the others join it, and nobody remember that."""
    first, *others = clients
    request = {"name": "방", "is_open": True, "max_participants": 1_000}
    room_id: int = first.ask("CREATE_ROOM", request)["room_id"]
    for other in others:
        other.ask("JOIN_ROOM", {"room_id": room_id})
    for client in clients:
        client.settle()
        client.take("USER_JOINED")
    return room_id


def history(client: Client, room_id: int) -> list[tuple[int, str]]:
    """Return the ids and contents of all messages that are stored, as GET_MESSAGES tells them."""
    stored: list[tuple[int, str]] = []
    more = True
    while more:
        before = {"before_message_id": stored[0][0]} if stored else {}
        page = client.ask("GET_MESSAGES", {"room_id": room_id, "limit": 100} | before)
        stored[:0] = [(message["message_id"], message["content"]) for message in page["messages"]]
        more = page["has_more"]
    return stored


def gather(clients: Collection[Client], done: Callable[[Client], bool], timeout_s: float = TIMEOUT_S) -> None:
    """Receive for all clients at once until `done` holds for each of them.

    Raises:
        ClosedError: A connection was closed before.
        TimeoutError: It took too long.
    """
    give_up = time.monotonic() + timeout_s
    waiting = {client for client in clients if not done(client)}
    with selectors.DefaultSelector() as selector:
        for client in waiting:
            selector.register(client.socket, selectors.EVENT_READ, client)
        while waiting:
            ready = selector.select(max(0.0, give_up - time.monotonic()))
            if not ready and time.monotonic() >= give_up:
                raise TimeoutError(f"{len(waiting)} of {len(clients)} clients still wait for something")
            for key, _ in ready:
                client = key.data
                is_open = client.receive()
                if done(client) or not is_open:
                    selector.unregister(key.fileobj)
                    waiting.discard(client)
                if not is_open and not done(client):
                    last = client.inbox[-1] if client.inbox else None
                    raise ClosedError(
                        f"user {client.user_id}'s connection was closed; the last message: {last}"
                    )

"""A server in memory with a fake clock, and clients that talk to it through the front door.

Bytes go into a real protocol through a StringTransport and lines come out; the store is a real one,
see :mod:`tests.storage.databases`. Clients come over TCP, or all over WebSocket where the environment has
`ASSA_TEST_FRONT=websocket`; tests of lines as such say `World(front="tcp")`. Tests read like the protocol::

    world = World()
    mina, jun = world.connected(1, "mina"), world.connected(2, "jun")
    room_id = mina.ask("CREATE_ROOM", {"name": "방", "is_open": True})["data"]["room_id"]
    jun.ask("JOIN_ROOM", {"room_id": room_id})
    assert mina.heard("USER_JOINED")["data"]["user"]["user_id"] == 2
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import jwt
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from assa.actions import ALL
from assa.auth import Key, Tokens
from assa.files.service import Files
from assa.hub import Hub
from assa.ice import IceServers
from assa.limits import Limits
from assa.node import Node
from assa.rates import RateLimits
from assa.registry import Services
from assa.tcp import ChatFactory
from tests.fronts import Front, TcpFront, WebSocketFront, make_site
from tests.storage.databases import Database, make_database

KEY = Key.load("HS256", b"a secret for tests that is long enough")
_NODES = count(1)
START_S = 1_704_110_400  # 2024-01-01T12:00:00Z
FRONT = os.environ.get("ASSA_TEST_FRONT", "tcp")
UNLIMITED = RateLimits(messages=0, relays=0, others=0, failed_connects=0)


class World:
    """One node with everything real but the sockets, the clock and waiting for the database.

    Args:
        limits: Fields of Limits that differ from the defaults.
        rate_limits: None for no limits.
        path: Names the data; a second World with the same path is a restart.
        database: Where the data are, instead of `path`.
        nodes: The nodes of a deployment, this one among them: turns and time pass for all.
        front: How clients come in where they do not say: `tcp` or `websocket`.
        start_s: When it begins.
        ice_servers: For calls.
        options: Further arguments of Node.
    """

    def __init__(
        self,
        *,
        limits: dict[str, Any] | None = None,
        rate_limits: RateLimits = UNLIMITED,
        path: str = ":memory:",
        database: Database | None = None,
        nodes: list[World] | None = None,
        front: str = FRONT,
        start_s: float = START_S,
        ice_servers: IceServers | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(start_s)
        self._nodes = [] if nodes is None else nodes
        self._nodes.append(self)
        self.hub = Hub()
        self.path = path
        database = database or make_database(path)
        self.database = database.access(self.clock, self.hub.deliver, self.now_ms)
        self.store = self.database.store
        services = Services(
            store=self.store,
            tokens=Tokens(keys=[KEY], now=self.clock.seconds),
            limits=Limits(**(limits or {})),
            node=f"test{next(_NODES)}",
            now_ms=self.now_ms,
            ice_servers=ice_servers or IceServers(),
            files=self.make_files(),
        )
        self.node = Node(
            services=services,
            actions=ALL,
            hub=self.hub,
            clock=self.clock,
            monotonic=self.clock.seconds,
            rate_limits=rate_limits,
            **options,
        )
        self._front = front
        self.serve(self.node)
        Deferred.fromCoroutine(self.node.start())
        self.turn()

    def serve(self, node: Node) -> None:
        """Have clients come to a node from here on."""
        self.factory = ChatFactory(node)
        self.site = make_site(self.factory.connections, self.clock)

    def make_files(self) -> Files | None:
        """Return what takes uploads: nothing does, see :mod:`tests.filing`."""
        return None

    def now_ms(self) -> int:
        """Return the fake time, milliseconds since the epoch."""
        return int(self.clock.seconds() * 1000)

    def turn(self, turns: int = 12) -> None:
        """Let everything that is due now happen."""
        for _ in range(turns):
            for one in self._nodes:
                one.clock.advance(0)

    def pass_time(self, seconds: float, step: float = 0.25, *, alive: Iterable[Client] = ()) -> None:
        """Let time pass as the reactor would see it; those who are alive answer their PINGs."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            passed = min(step, end - self.clock.seconds())
            for one in self._nodes:
                one.clock.advance(passed)
            self.turn()
            for one in alive:
                one.pong()

    def hold_database(self) -> None:
        """Let no query finish until :meth:`release_database`."""
        self.database.hold()

    def release_database(self) -> None:
        """Let the held queries finish."""
        self.database.release()
        self.turn()

    def crash(self) -> None:
        """End like after kill -9: nobody is told, and only what was committed is stored."""
        self.database.cut()

    def token(
        self, user_id: int | None, *, nickname: str | None = None, lifetime_s: float = 3600, **claims: Any
    ) -> str:
        """Sign a token; further claims go in as they are (`scope="admin"`, `profile_image`)."""
        now = int(self.clock.seconds())
        known = {"user_id": user_id, "nickname": nickname, "iat": now, "exp": int(now + lifetime_s)}
        present = {claim: value for claim, value in (known | claims).items() if value is not None}
        assert isinstance(KEY.material, bytes)
        return jwt.encode(present, KEY.material, KEY.algorithm)

    def client(self, address: str = "192.0.2.1", *, front: str | None = None) -> Client:
        """Open a connection that has not connected yet, over `tcp` or `websocket`."""
        return Client(self, address, front or self._front)

    def open(self, transport: StringTransport, front: str) -> Front:
        """Have the server take a connection."""
        if front == "websocket":
            return WebSocketFront(self.site, transport)
        return TcpFront(self.factory, transport)

    def connected(
        self,
        user_id: int,
        nickname: str | None = None,
        *,
        device_id: str | None = None,
        front: str | None = None,
        **claims: Any,
    ) -> Client:
        """Open a connection and log in."""
        client = self.client(front=front)
        answer = client.connect(self.token(user_id, nickname=nickname, **claims), device_id=device_id)
        assert answer["success"], answer
        return client

    def resumed(
        self,
        before: Client,
        *,
        last_seq_id: str | None = None,
        address: str = "192.0.2.1",
        front: str | None = None,
    ) -> Client:
        """Open a connection that resumes the session of another, after the last event that it heard."""
        client = self.client(address, front=front)
        since = before.last_seq_id if last_seq_id is None else last_seq_id
        client.connect(before.token, session_id=before.session_id, last_seq_id=since)
        return client

    def room(self, host: Client, *members: Client, **data: Any) -> int:
        """Create a room, an open one unless told otherwise, have others join, and return its id."""
        made = host.ask("CREATE_ROOM", {"name": "방", "is_open": True} | data)
        room_id: int = made["data"]["room_id"]
        for member in members:
            answer = member.ask("JOIN_ROOM", {"room_id": room_id})
            assert answer["success"], answer
        for one in (host, *members):
            one.all()
        return room_id

    def call(self, room_id: int, host: Client, *others: Client, **data: Any) -> int:
        """Create a video room, have host and others join, and return its id."""
        asked = {"chat_room_id": room_id, "video_room_name": "회의"} | data
        video_room_id: int = host.ask("CREATE_VIDEO_ROOM", asked)["data"]["video_room_id"]
        for one in (host, *others):
            answer = one.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
            assert answer["success"], answer
        for one in (host, *others):
            one.all()
        return video_room_id

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database, for what no client can see."""
        return self.database.query(sql)


class Client:
    """One connection as its user sees it: JSON in, JSON out."""

    _numbers = count(1)

    def __init__(self, world: World, address: str, front: str) -> None:
        self.world = world
        self.lost = False
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", address, 50000))
        self.transport.abortConnection = self.drop  # type: ignore[method-assign]
        self.front: Any = world.open(self.transport, front)
        self.protocol = self.front.protocol
        self.inbox: list[dict[str, Any]] = []
        self.token = ""
        self.session_id = ""
        self.last_seq_id = ""
        self.welcome: dict[str, Any] = {}
        """The answer to the last CONNECT that succeeded."""

    # --- out ---

    def feed(self, lines: bytes) -> None:
        """Send lines, or over WebSocket a message for each of them, and let no turn pass yet."""
        self.protocol.dataReceived(self.front.pack(lines))

    def send_bytes(self, lines: bytes) -> None:
        """Send lines, likewise, and let turns pass."""
        self.feed(lines)
        self.world.turn()

    def send(self, message: Any) -> None:
        """Send one message."""
        self.send_bytes(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def request(self, action: str, data: Any = None, **envelope: Any) -> dict[str, Any]:
        """Return a request with a seq_id of its own."""
        seq_id = envelope.pop("seq_id", None) or f"q{next(self._numbers)}"
        message = {"action": action, "timestamp": "2024-01-01T12:00:00.000Z", "seq_id": seq_id, **envelope}
        return message if data is None else message | {"data": data}

    def tell(self, action: str, data: Any = None, **envelope: Any) -> str:
        """Send a request and return its seq_id."""
        message = self.request(action, data, **envelope)
        self.send(message)
        return message["seq_id"]

    def begin(self, *requests: dict[str, Any]) -> list[str]:
        """Send requests in one segment, let no turn pass yet, and return their seq_ids."""
        lines = [json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in requests]
        self.feed(b"".join(lines))
        return [one["seq_id"] for one in requests]

    def ask(self, action: str, data: Any = None, **envelope: Any) -> dict[str, Any]:
        """Send a request and return its answer, success or error."""
        seq_id = self.tell(action, data, **envelope)
        return self.answer(seq_id)

    def say(self, room_id: int, content: str, **more: Any) -> dict[str, Any]:
        """Send a text message and return the data of its answer."""
        data = {"room_id": room_id, "content": content, "message_type": "text"} | more
        answer = self.ask("SEND_MESSAGE", data)
        assert answer["success"], answer
        sent: dict[str, Any] = answer["data"]
        return sent

    def pong(self) -> None:
        """Answer the PINGs that have come."""
        self._read()
        pings = [one for one in self.inbox if one["action"] == "PING"]
        self.inbox = [one for one in self.inbox if one["action"] != "PING"]
        for ping in pings:
            self.send({"action": "PONG", "timestamp": ping["timestamp"], "seq_id": ping["seq_id"]})

    def refused(self, action: str, data: Any = None, **envelope: Any) -> str:
        """Send a request that is refused and return the code."""
        return code_of(self.ask(action, data, **envelope))

    def connect(
        self,
        token: str,
        *,
        device_id: str | None = None,
        session_id: str | None = None,
        last_seq_id: str | None = None,
    ) -> dict[str, Any]:
        """Send CONNECT and return its answer; the session's id and position are kept."""
        data: dict[str, Any] = {"jwt_token": token}
        if device_id is not None:
            data["device_info"] = {"platform": "android", "app_version": "1.0.0", "device_id": device_id}
        if last_seq_id is not None:
            data["last_seq_id"] = last_seq_id
        envelope = {} if session_id is None else {"session_id": session_id}
        answer = self.ask("CONNECT", data, **envelope)
        if answer["success"]:
            self.token, self.welcome = token, answer
            self.session_id = answer["data"]["session_id"]
            self.last_seq_id = self.last_seq_id or answer["data"]["reconnection_info"]["last_seq_id"]
        return answer

    def drop(self, *_: Any) -> None:
        """Lose the connection without a word."""
        if not self.lost:
            self.lost = True
            self.transport.connected = False
            self.protocol.connectionLost(Failure(ConnectionLost()))
            self.world.turn()

    # --- in ---

    def _read(self) -> None:
        received = self.transport.value()
        self.transport.clear()
        for line in self.front.unpack(received):
            message = json.loads(line)
            if message["seq_id"] and message["seq_id"][0] == "e" and message["seq_id"][1:].isdigit():
                self.last_seq_id = message["seq_id"]
            self.inbox.append(message)

    def answer(self, seq_id: str | None) -> dict[str, Any]:
        """Take the answer with a seq_id out of the inbox."""
        return self._take(
            lambda one: one["seq_id"] == seq_id and ("success" in one or one["action"] == "PONG")
        )

    def heard(self, action: str) -> dict[str, Any]:
        """Take the oldest event of an action out of the inbox."""
        return self._take(lambda one: one["action"] == action)

    def _take(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        self._read()
        for place, message in enumerate(self.inbox):
            if fits(message):
                return self.inbox.pop(place)
        msg = f"not heard; the inbox has {self.inbox}"
        raise AssertionError(msg)

    def all(self) -> list[dict[str, Any]]:
        """Take everything out of the inbox."""
        self._read()
        taken, self.inbox = self.inbox, []
        return taken

    def actions(self) -> list[str]:
        """Take everything out of the inbox and return the names."""
        return [one["action"] for one in self.all()]

    @property
    def closed(self) -> bool:
        """Return whether the server has closed, or is closing, the connection."""
        self._read()
        return bool(self.lost or self.transport.disconnecting or self.front.closing)


TEXTS = {
    "AUTH_FAILED": "인증에 실패했습니다",
    "INVALID_TOKEN": "인증에 실패했습니다",
    "ROOM_NOT_FOUND": "채팅방을 찾을 수 없습니다",
    "PERMISSION_DENIED": "권한이 없습니다",
    "ROOM_FULL": "채팅방 인원이 초과되었습니다",
    "USER_NOT_IN_ROOM": "채팅방에 참가하고 있지 않습니다",
    "MESSAGE_TOO_LONG": "메시지가 너무 깁니다",
    "INVALID_MESSAGE_TYPE": "지원하지 않는 메시지 타입입니다",
    "FILE_UPLOAD_FAILED": "파일 업로드에 실패했습니다",
    "VIDEO_ROOM_NOT_FOUND": "영상회의 방을 찾을 수 없습니다",
    "MAX_PARTICIPANTS_REACHED": "최대 참가자 수를 초과했습니다",
    "INVALID_MESSAGE": "메시지 형식이 올바르지 않습니다",
    "UNKNOWN_ACTION": "알 수 없는 액션입니다",
    "MESSAGE_NOT_FOUND": "메시지를 찾을 수 없습니다",
    "CONFLICT": "같은 식별자로 다른 내용이 전송되었습니다",
    "CONNECT_TIMEOUT": "연결 시간이 초과되었습니다",
    "REQUEST_TIMEOUT": "요청 처리 시간이 초과되었습니다",
    "HEARTBEAT_TIMEOUT": "응답이 없어 연결을 종료합니다",
    "SERVICE_UNAVAILABLE": "서비스를 일시적으로 사용할 수 없습니다",
    "SERVER_FULL": "서버 접속 인원이 초과되었습니다",
    "SESSION_REPLACED": "다른 연결로 대체되었습니다",
    "RATE_LIMITED": "요청이 너무 많습니다",
    "SLOW_CONSUMER": "수신이 너무 느려 연결을 종료합니다",
    "INTERNAL_ERROR": "서버 내부 오류가 발생했습니다",
}
"""Section 10: the Korean text of each code."""
_FAILED_CONNECT = {"action", "success", "message", "error_code", "timestamp", "seq_id"}


def code_of(answer: dict[str, Any]) -> str:
    """Return the error code of a refusal, which has the form of §9.1, or of §3.1 for CONNECT."""
    assert answer["success"] is False, answer
    code: str = answer["error_code"]
    assert answer["message"] == TEXTS[code], answer
    if answer["action"] == "CONNECT_RESPONSE":
        assert set(answer) - {"data"} == _FAILED_CONNECT, answer
    else:
        assert answer["action"] == "ERROR", answer
        assert set(answer) == _FAILED_CONNECT | {"data"}, answer
        data = answer["data"]
        assert set(data) - {"retry_after_ms"} == {"original_action", "error_details"}, answer
        assert type(data["error_details"]) is str, answer
        assert data["error_details"], answer
    return code


def codes(answers: Iterable[dict[str, Any]]) -> list[str | None]:
    """Return the error codes of answers."""
    return [one.get("error_code") for one in answers]

"""Where one rule is tried: its users, their connections, and how it is left."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from assa.conformance.answers import succeeded, wait_s
from assa.conformance.identities import Identities, Identity
from assa.conformance.line import Line
from assa.conformance.messages import Broken, Json, Message, NotTried
from assa.conformance.user import User

Connect = Callable[[Line], Awaitable[None]]
"""Opens a connection to the server for a Line; raises Unreachable."""
_FAREWELL_S: Final = 1.0
_REMEMBERED: Final = 3
_RETRIES: Final = 40
_DEVICES = count(1)


class Unreachable(Exception):  # noqa: N818 - said of the server
    """No connection can be opened; the text says why."""


class Watch(Protocol):
    """Looks at every message, see :mod:`assa.conformance.watching`."""

    def arrived(self, user: User, message: Json) -> None:
        """Look at a message."""

    def answered(self, sent: Json, answer: Json) -> None:
        """Look at an answer beside its request."""

    def malformed(self, text: str) -> None:
        """Take note of what is no message."""


class Stage:
    """The users of one rule.

    Args:
        connect: Opens connections.
        clock: The time.
        identities: Where users come from.
        watch: Looks at every message.
        timeout_s: How long a message may take.
        quiet_s: How long to wait for what should not come.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        clock: IReactorTime,
        identities: Identities,
        watch: Watch,
        timeout_s: float,
        quiet_s: float,
    ) -> None:
        self.clock = clock
        self.identities = identities
        self.timeout_s = timeout_s
        self.quiet_s = quiet_s
        self._connect = connect
        self._watch = watch
        self._cast = identities.cast()
        self._seq_ids = count(1)
        self._users: list[User] = []
        self._rooms: set[int] = set()
        self._ended = False
        self.sent: deque[tuple[int, Json]] = deque(maxlen=_REMEMBERED)
        """Who sent what, lately."""
        self.hurried = 0
        """How many requests were refused with RATE_LIMITED and not repeated."""

    # --- what users tell of (user.Scene) ---

    def next_seq_id(self) -> str:
        """Return one that nobody has used."""
        return f"q{next(self._seq_ids)}"

    def arrived(self, user: User, message: Json) -> None:
        """Have a message looked at."""
        if not self._ended:
            self.hurried += message.get("error_code") == "RATE_LIMITED"
            self._watch.arrived(user, message)

    def repeated(self) -> None:
        """Take note that a request is sent again that was too fast."""
        self.hurried -= 1

    def answered(self, sent: Json, answer: Json) -> None:
        """Have an answer looked at, and remember the rooms that were made."""
        self._watch.answered(sent, answer)
        data = answer.get("data")
        if answer.get("action") == "CREATE_ROOM_RESPONSE" and isinstance(data, dict):
            room_id = data.get("room_id")
            if isinstance(room_id, int):
                self._rooms.add(room_id)

    def malformed(self, text: str) -> None:
        """Have it noted."""
        if not self._ended:
            self._watch.malformed(text)

    # --- users ---

    async def stranger(self, identity: Identity | None = None) -> User:
        """Open a connection without CONNECT."""
        user = User(self, identity or self.somebody())
        self._users.append(user)
        await self._connect(user.line)
        return user

    def somebody(self) -> Identity:
        """Return a user who has not taken part yet."""
        return next(self._cast)

    async def user(self, identity: Identity | None = None, **how: Any) -> User:
        """Open a connection and CONNECT (§3.1); arguments as of :meth:`login`.

        Raises:
            Broken: It does not succeed.
        """
        user = await self.stranger(identity)
        await self.login(user, **how)
        return user

    async def users(self, number: int) -> list[User]:
        """Open connections of several users, one each."""
        return [await self.user() for _ in range(number)]

    async def claiming(self, **claims: Any) -> User:
        """Connect a user with other claims in his token.

        Raises:
            NotTried: Tokens cannot be made.
        """
        somebody = self.somebody()
        token = self.identities.token(somebody.user_id, **claims)
        nickname = claims.get("nickname")
        return await self.user(Identity(user_id=somebody.user_id, token=token, nickname=nickname))

    async def login(
        self,
        user: User,
        *,
        device_id: str | None = None,
        session_id: str | None = None,
        last_seq_id: str | None = None,
    ) -> Message:
        """CONNECT and return the answer.

        Raises:
            Broken: It does not succeed.
        """
        data = connect_data(user.identity.token, device_id)
        if last_seq_id is not None:
            data["last_seq_id"] = last_seq_id
        user.welcome = succeeded(await self.connect(user, data, session_id=session_id))
        if user.welcome.has("data.reconnection_info.last_seq_id"):
            user.position = user.position or user.welcome.at("data.reconnection_info.last_seq_id")
        return user.welcome

    async def connect(self, user: User, data: Json, **envelope: Any) -> Message:
        """Send CONNECT and return its answer, whatever it says.

        One that came too fast is repeated on another connection: a few that fail close theirs (v1.1).

        Raises:
            Broken: Nothing answered it.
            NotTried: It is always too fast.
        """
        for _ in range(_RETRIES):
            answer = await user.answer(user.tell("CONNECT", data, **envelope))
            if answer.raw.get("error_code") != "RATE_LIMITED":
                return answer
            self.repeated()
            await self.sleep(wait_s(answer) + random.random())  # noqa: S311 - so that not all come back at once
            if not user.welcome.raw:
                user.line.abort()
                user.line = user.new_line()
                await self._connect(user.line)
        raise NotTried(f"CONNECT was RATE_LIMITED {_RETRIES} times")

    async def dropped(self, user: User) -> None:
        """Lose a connection without DISCONNECT."""
        user.line.abort()
        await user.closed()

    async def left(self, user: User) -> None:
        """DISCONNECT (§3.2), and close where the server leaves that to the client, as v1.0 allows."""
        user.tell("DISCONNECT", {"reason": "user_logout"}, user_id=user.user_id)
        try:
            await user.closed(2 * self.quiet_s)
        except Broken:
            await self.dropped(user)

    async def resumed(self, user: User, last_seq_id: str | None = None) -> User:
        """Come back as the same session, after the last event that came or another one (v1.1)."""
        position = user.position if last_seq_id is None else last_seq_id
        return await self.user(user.identity, session_id=user.session_id, last_seq_id=position)

    # --- rooms ---

    async def room(self, host: User, *members: User, **data: Any) -> int:
        """Create a room, an open one unless told otherwise, have others join, and return its id."""
        made = await host.ask("CREATE_ROOM", {"name": "적합성 시험", "is_open": True} | data)
        room_id: int = made.at("data.room_id")
        for member in members:
            await member.ask("JOIN_ROOM", {"room_id": room_id})
        return room_id

    async def meeting(self, room_id: int, host: User, *others: User, **data: Any) -> int:
        """Create a video room, have host and others join, and return its id."""
        asked = {"chat_room_id": room_id, "video_room_name": "회의", "max_participants": 10} | data
        made = await host.ask("CREATE_VIDEO_ROOM", asked)
        video_room_id: int = made.at("data.video_room_id")
        for one in (host, *others):
            await one.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
        return video_room_id

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await deferLater(self.clock, seconds)

    # --- the end ---

    async def leave(self) -> None:
        """Leave the rooms that were made, and the server."""
        self._ended = True
        for user in self._users:
            if user.welcome.raw:
                for room_id in self._rooms:
                    user.tell("EXIT_ROOM", {"room_id": room_id})
                user.tell("DISCONNECT", {"reason": "the rule has been tried"})
        for user in self._users:
            try:
                await user.closed(_FAREWELL_S if user.welcome.raw else 0)
            except Broken:
                user.line.abort()


def connect_data(token: str | None, device_id: str | None = None) -> Json:
    """Return the data of CONNECT as §3.1 shows it."""
    device = {
        "platform": "android",
        "app_version": "1.0.0",
        "device_id": device_id or f"conformance-{next(_DEVICES)}",
    }
    present = {} if token is None else {"jwt_token": token}
    return {**present, "device_info": device}

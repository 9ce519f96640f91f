"""What an action is, and the registry that finds it by name.

An action is a coroutine function ``async def action(ctx, request)`` that returns the data of its
answer, or raises :class:`assa.errors.Refused`. It encodes nothing, writes to no connection and
sees no `seq_id`. It makes its checks and its changes in one ``ctx.store`` call: requests of one
client are in flight together, and the store's order is what keeps their answers in order.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from attrs import field, frozen

from assa.protocol import Request, answer_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assa.auth import Identity, Tokens
    from assa.files.service import Files
    from assa.limits import Limits
    from assa.storage import Entry, Store

A = TypeVar("A")


class Rate(Enum):
    """Which token bucket of its user a request is taken from."""

    MESSAGES = "messages"
    RELAYS = "relays"
    OTHERS = "others"


class IceServers(Protocol):
    """Gives the W3C RTCIceServer list of a user (§7, v1.1)."""

    def __call__(self, user_id: int, now_ms: int) -> list[dict[str, Any]]:
        """Return the list, with TURN credentials that run out."""


@frozen(kw_only=True)
class Attached:
    """A session that a CONNECT has opened or resumed.

    Args:
        identity: Whom the token named.
        session_id: Its id.
        attachment: The number of this connection among the session's.
        channels: What the connection listens to.
        replay: Entries that follow its CONNECT_RESPONSE.
        replayed: How many of them it had missed.
        outcome: resumed; incomplete, when it asked for more than it could get; or fresh.
        device_id: The device that it named, if it did.
    """

    identity: Identity
    session_id: str
    attachment: int
    channels: Sequence[str]
    replay: Sequence[Entry]
    replayed: int = 0
    outcome: Literal["fresh", "resumed", "incomplete"] = "fresh"
    device_id: str | None = None


class Client(Protocol):
    """The connection that a request came from, as far as actions on the connection itself need it."""

    @property
    def identity(self) -> Identity | None:
        """Return who is connected, or None before CONNECT."""

    @property
    def gone(self) -> bool:
        """Return whether it is closed, and nobody waits for an answer."""

    def admit(self, user_id: int, resumes: str | None) -> None:
        """Raise Refused: SERVER_FULL, or RATE_LIMITED when the user connects too often."""

    def attach(self, attached: Attached) -> None:
        """Become connected: hear events from here on."""

    def renew(self, identity: Identity) -> None:
        """Go on with a newer token of the same user."""

    def end(self) -> None:
        """Close after the answer, for good."""


@frozen(kw_only=True)
class Services:
    """What actions work with; the same for all clients of a node.

    Args:
        store: Where everything durable is.
        tokens: Tells who a JWT is.
        limits: Section 10.
        node: Name of this node, unique in the deployment.
        now_ms: The time, milliseconds since the epoch.
        ice_servers: STUN and TURN servers for calls.
        files_prefix: What every `file_path` starts with.
        files: Takes uploads; None: it is off, and images are checked by what is said of them alone.
    """

    store: Store
    tokens: Tokens
    limits: Limits
    node: str
    now_ms: Callable[[], int]
    ice_servers: IceServers
    files_prefix: str = "/storage/"
    files: Files | None = None


@frozen(kw_only=True)
class Context:
    """What an action knows of the client that asks.

    `user_id` is 0 and `session_id` empty before CONNECT, which alone runs then.
    """

    services: Services
    client: Client
    user_id: int = 0
    session_id: str = ""
    attachment: int = 0
    scopes: frozenset[str] = frozenset()
    asked_session_id: str | None = None
    """The envelope's `session_id`, which counts in CONNECT alone."""

    @property
    def store(self) -> Store:
        """Return the store."""
        return self.services.store

    @property
    def now_ms(self) -> int:
        """Return the time, milliseconds since the epoch."""
        return self.services.now_ms()


Run = Callable[[Context, Any], Coroutine[Any, Any, A]]


@frozen(kw_only=True)
class Action:
    """One thing that a client can ask for.

    Args:
        request: The class of what is asked, which knows its name and its answer.
        run: What it does.
        rate: The bucket that pays for it.
        exclusive: Waits for the client's earlier requests, and the later ones wait for it.
        early: Allowed before CONNECT has succeeded.
    """

    request: type[Request[Any]]
    run: Run[Any]
    rate: Rate = Rate.OTHERS
    exclusive: bool = False
    early: bool = False
    name: str = field(init=False)
    """Its name on the wire."""
    success_text: str | None = field(init=False)
    """The Korean text of its success, where the protocol has one."""
    answered: bool = field(init=False)
    """Whether its success is answered."""

    @name.default
    def _name(self) -> str:
        return self.request.action

    @success_text.default
    def _success_text(self) -> str | None:
        return self.request.success_text

    @answered.default
    def _answered(self) -> bool:
        return answer_of(self.request) is not None


@frozen
class Actions:
    """Actions by name."""

    by_name: dict[str, Action] = field(factory=dict)

    def on(self, request: type[Request[A]], **options: Any) -> Callable[[Run[A]], Run[A]]:
        """Register the decorated coroutine function as what a request does; options as in :class:`Action`."""

        def register(run: Run[A]) -> Run[A]:
            self.by_name[request.action] = Action(request=request, run=run, **options)
            return run

        return register

    @classmethod
    def joined(cls, *areas: Actions) -> Actions:
        """Return the actions of several areas together."""
        together: dict[str, Action] = {}
        for area in areas:
            together |= area.by_name
        return cls(together)

    def __getitem__(self, name: str) -> Action | None:
        """Return the action of that name, or None."""
        return self.by_name.get(name)

    def names(self) -> Mapping[str, Action]:
        """Return all actions by name."""
        return self.by_name

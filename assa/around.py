"""What a session and its requests stand between: the connection in front and the node around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from assa.limits import Limits
from assa.rates import Buckets, FailedConnects
from assa.registry import Actions, Rate, Services
from assa.storage import Unavailable
from assa.tally import Tally
from assa.visits import Visits, Way

S_contra = TypeVar("S_contra", contravariant=True)
"""What a node calls the sessions on it."""


class Front(Way, Protocol):
    """Brings a session its lines and carries its own away."""

    @property
    def clogged(self) -> bool:
        """Return whether the client does not read what it is sent."""

    def write(self, data: bytes) -> None:
        """Send events."""

    def answer(self, data: bytes) -> None:
        """Send what the client asked for."""

    def allow_long_lines(self) -> None:
        """Take lines of full length from here on."""

    def resume(self) -> None:
        """Bring lines again: the session accepts them."""

    def close(self, reason: str, last: bytes, *, drop: bool) -> None:
        """Send what waits, unless it is to be dropped, and the last line; then close."""

    def hang_up(self, reason: str, last: bytes) -> None:
        """Send the last line and close at once."""


class Backend(Protocol):
    """What requests ask of the node that answers them."""

    services: Services
    actions: Actions
    limits: Limits
    rates: dict[Rate, Buckets]
    failed_connects: FailedConnects
    monotonic: Callable[[], float]
    draining: bool
    tally: Tally

    def now_ms(self) -> int:
        """Return the time, milliseconds since the epoch."""

    def unavailable(self, reason: Unavailable) -> None:
        """Log that the database is away."""


class Host(Backend, Protocol[S_contra]):
    """What a session asks of the node that it lives on."""

    keep_expired: bool
    visits: Visits

    def signal_id(self) -> str:
        """Return a `seq_id` for what is in no log."""

    def admit(self, session: S_contra, user_id: int, resumes: str | None) -> None:
        """Keep a place for a session that is connecting, or raise Refused."""

    def dismiss(self, session: S_contra) -> None:
        """Give up the place of a session whose CONNECT has failed."""

    def connected(self, session: S_contra, channels: Sequence[str]) -> None:
        """Take a session among the connected."""

    def left(self, session: S_contra) -> None:
        """Forget a session whose connection is closing."""

    def detach(self, session_id: str, attachment: int) -> None:
        """Have the store know that a connection is gone."""

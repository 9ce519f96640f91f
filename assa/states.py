"""The states of a connection (§1.2, protocol v1.1 section 3): each holds what exists then.

Every transition is in :mod:`assa.session`.
"""

from __future__ import annotations

from attrs import frozen

from assa.auth import Identity
from assa.registry import Context


@frozen(kw_only=True)
class Unauthenticated:
    """Before CONNECT: only the attempts count."""

    failures: int = 0


@frozen(kw_only=True)
class Connected:
    """After CONNECT."""

    identity: Identity
    attachment: int
    context: Context
    device_id: str | None = None
    warned: bool = False
    """Whether TOKEN_EXPIRING has been sent for this token."""

    def token_left_s(self, now_ms: int) -> float:
        """Return the seconds until the token expires, negative afterwards."""
        return (self.identity.expires_at_ms - now_ms) / 1000


@frozen(kw_only=True)
class Closing:
    """Nothing is accepted any more."""

    reason: str

"""STUN and TURN servers for calls, with TURN credentials that run out (protocol v1.1, section 8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen(kw_only=True)
class IceServers:
    """Gives the W3C RTCIceServer list.

    Args:
        stun_urls: ``stun:`` URLs.
        turn_urls: ``turn:`` URLs.
        turn_secret: What the TURN server shares with us: its REST API's static secret.
        turn_ttl_s: Seconds that credentials hold.
    """

    stun_urls: Sequence[str] = ()
    turn_urls: Sequence[str] = ()
    turn_secret: str = field(default="", repr=False)
    turn_ttl_s: float = 3_600

    def __call__(self, user_id: int, now_ms: int) -> list[dict[str, Any]]:
        """Return the list for a user: HMAC-SHA1 over ``expiry:user`` signs his credentials."""
        servers: list[dict[str, Any]] = []
        if self.stun_urls:
            servers.append({"urls": list(self.stun_urls)})
        if self.turn_urls:
            username = f"{int(now_ms / 1000 + self.turn_ttl_s)}:{user_id}"
            signature = hmac.digest(self.turn_secret.encode(), username.encode(), hashlib.sha1)
            credential = base64.b64encode(signature).decode()
            servers.append({"urls": list(self.turn_urls), "username": username, "credential": credential})
        return servers

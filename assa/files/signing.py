"""Addresses that are good for one thing, for a while, for whoever has them.

A token is a path and a time, and an HMAC-SHA256 of both and of the use that it is for.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import StrEnum
from http import HTTPStatus

from assa.files import Rejected


class Use(StrEnum):
    """What a token is for."""

    UPLOAD = "upload"
    READ = "read"


def sign(key: bytes, use: Use, path: str, expires_at_ms: int) -> str:
    """Return a token.

    Args:
        key: Known to all nodes and nobody else.
        use: What it is for.
        path: Of a file.
        expires_at_ms: Until when it counts, milliseconds since the epoch.
    """
    said = f"{expires_at_ms} {path}".encode()
    return f"{_text(said)}.{_text(_seal(key, use, said))}"


def verify(key: bytes, use: Use, token: str, now_ms: int) -> str:
    """Return the path in a token.

    Raises:
        Rejected: FORBIDDEN: it is not one of ours. GONE: it does not count any more.
    """
    said_text, _, seal_text = token.partition(".")
    try:
        said, seal = _bytes(said_text), _bytes(seal_text)
    except ValueError:
        raise Rejected(HTTPStatus.FORBIDDEN, "the address is not one of this server's") from None
    # Several texts are read as the same bytes; only the one that was given out counts.
    if not hmac.compare_digest(seal, _seal(key, use, said)) or token != f"{_text(said)}.{_text(seal)}":
        raise Rejected(HTTPStatus.FORBIDDEN, "the address is not one of this server's")
    expires_at_ms, _, path = said.decode().partition(" ")
    if int(expires_at_ms) <= now_ms:
        raise Rejected(HTTPStatus.GONE, "the address has expired")
    return path


def _seal(key: bytes, use: Use, said: bytes) -> bytes:
    return hmac.digest(key, f"{use}\n".encode() + said, "sha256")


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

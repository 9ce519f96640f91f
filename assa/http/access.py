"""Who may ask what operators ask: whoever brings a token with the scope `admin`, or this machine itself."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from assa.errors import Code, Refused
from assa.http.addresses import is_forwarded

if TYPE_CHECKING:
    from twisted.web.http import Request

    from assa.auth import Identity, Tokens


_OWN_NAMES: Final = (b"localhost", b"127.0.0.1", b"::1")


def bearer(request: Request, tokens: Tokens) -> Identity:
    """Return whose token a request brings in its Authorization header.

    Raises:
        Refused: AUTH_FAILED, INVALID_TOKEN.
    """
    header = (request.getHeader(b"authorization") or b"").decode("latin-1")
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(Code.AUTH_FAILED, "Authorization: expected Bearer and a token")
    try:
        return tokens.identify(token.strip())
    except Refused as refused:
        details = refused.details.replace("data.jwt_token", "Authorization")
        raise Refused(refused.code, details) from None


def admin(request: Request, tokens: Tokens) -> Identity:
    """Return the operator that a request comes from.

    Raises:
        Refused: AUTH_FAILED, INVALID_TOKEN, PERMISSION_DENIED.
    """
    identity = bearer(request, tokens)
    if "admin" not in identity.scopes:
        raise Refused(Code.PERMISSION_DENIED, "the token lacks the scope admin")
    return identity


def from_this_machine(request: Request) -> bool:
    """Return whether a request comes from the machine itself, and not through a proxy, as far as it says.

    A name that leads here could be anybody's (DNS rebinding), so the machine has to be asked by one that is
    its own. A proxy that adds no header, but passes on the name, is told by that as well.
    """
    try:
        address = ip_address(str(getattr(request.getClientAddress(), "host", "")))
    except ValueError:
        return False
    named = (request.getRequestHostname() or b"").strip(b"[]").lower()
    return address.is_loopback and named in _OWN_NAMES and not is_forwarded(request)

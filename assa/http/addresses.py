"""Who a request comes from: the address behind trusted proxies, and the origin of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from twisted.web.http import Request


_FORWARDING: Final = (
    "forwarded",
    "via",
    "cf-connecting-ip",
    "true-client-ip",
    "x-client-ip",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
)


class Proxies:
    """Proxies whose word about the client's address counts (RFC 7239 `Forwarded`, else `X-Forwarded-For`).

    Args:
        networks: Their addresses and networks; anybody else's headers are ignored.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ip_network(one, strict=False) for one in networks]

    def trusts(self, address: str) -> bool:
        """Return whether an address is that of a trusted proxy."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in one for one in self._networks)

    def client_of(self, request: Request) -> str:
        """Return the address of the client that a request comes from.

        The list of hops is read from the end, and the first hop that is no trusted proxy is the client: what
        stands before it was written by nobody who is trusted.
        """
        address = str(getattr(request.getClientAddress(), "host", ""))
        for hop in reversed(_hops(request)):
            if not self.trusts(address):
                break
            parsed = _parsed(hop)
            if parsed is None:
                break
            address = str(parsed)
        return address


def is_forwarded(request: Request) -> bool:
    """Return whether a request says that it came through a proxy."""
    return any(request.requestHeaders.hasHeader(name) for name in _FORWARDING)


def _hops(request: Request) -> list[str]:
    forwarded = _listed(request, "forwarded")
    if forwarded:
        return [_for(element) for element in forwarded]
    return _listed(request, "x-forwarded-for")


def _listed(request: Request, header: str) -> list[str]:
    values = request.requestHeaders.getRawHeaders(header.encode(), [])
    return [one.strip() for value in values for one in value.decode("latin-1").split(",")]


def _for(element: str) -> str:
    for pair in element.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() == "for":
            return value.strip('"')
    return ""


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as it stands in such a header: perhaps with a port, an IPv6 one in brackets."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


class Origins:
    """Pages that may use the server from within a browser.

    Args:
        allowed: Their origins; `*` for all. None given: only pages from the host that the request names.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed = {one.rstrip("/").lower() for one in allowed}

    @property
    def named(self) -> bool:
        """Whether pages of other hosts are allowed."""
        return bool(self._allowed)

    def allows(self, request: Request) -> bool:
        """Return whether a request comes from no page, or from one that is allowed."""
        origin = request.getHeader("origin")
        if origin is None or "*" in self._allowed or origin.lower() in self._allowed:
            return True
        host = (request.getHeader("host") or "").lower()
        return bool(host) and not self._allowed and origin.lower() in (f"http://{host}", f"https://{host}")

"""Where a server can be: endpoints for plain TCP and for TLS."""

from __future__ import annotations

import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

CONNECT_TIMEOUT_S: Final = 30.0
"""§10.2."""
PORT: Final = 12_345
"""§1.1."""
_SCHEME: Final = "assa"


def endpoint(reactor: Any, address: str, *, tls: bool | None = None) -> IStreamClientEndpoint:
    """Return the endpoint of a server, with TLS unless it is this very machine.

    Args:
        reactor: Connects.
        address: ``chat.example.org``, ``chat.example.org:12345``, ``[2001:db8::1]:12345`` or the same after
            ``assa://``; without a port 12345.
        tls: True: with TLS there too; False: without; whoever is on the way reads tokens and messages.

    Raises:
        ValueError: The address is not understood, or its host can be in no certificate.
    """
    host, port = split(address)
    if tls is None:
        tls = not is_loopback(host)
    return tls_endpoint(reactor, host, port) if tls else tcp_endpoint(reactor, host, port)


def split(address: str) -> tuple[str, int]:
    """Return the host and the port of an address.

    Raises:
        ValueError: It is not understood.
    """
    url = urlsplit(address if "://" in address else f"{_SCHEME}://{address}")
    is_more = url.path.strip("/") or any(sign in address for sign in "@?#")
    if url.scheme != _SCHEME or not url.hostname or is_more:
        shown = address.rpartition("@")[2]  # what is before it may be a password
        raise ValueError(f"{shown}: expected HOST, HOST:PORT or assa://HOST:PORT")
    return url.hostname, PORT if url.port is None else url.port


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, whatever the network says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def tcp_endpoint(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    """Return the endpoint of a server by host name or address, without TLS."""
    return HostnameEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT_S)


def tls_endpoint(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    """Return the endpoint of a server behind TLS, whose certificate has to be for `host`.

    The authorities are those of the system; ``SSL_CERT_FILE`` names a file with others.

    Raises:
        ValueError: `host` can be in no certificate.
    """
    return wrapClientTLS(optionsForClientTLS(host), tcp_endpoint(reactor, host, port))

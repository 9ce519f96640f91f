"""Where a server can be: endpoints for plain TCP and for TLS."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

CONNECT_TIMEOUT_S = 30.0
"""§10.2."""


def tcp_endpoint(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    """Return the endpoint of a server by host name or address."""
    return HostnameEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT_S)


def tls_endpoint(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    """Return the endpoint of a server behind TLS, whose certificate has to be for `host`.

    The authorities are those of the system; ``SSL_CERT_FILE`` names a file with others.

    Raises:
        ValueError: `host` can be in no certificate.
    """
    return wrapClientTLS(optionsForClientTLS(host), tcp_endpoint(reactor, host, port))

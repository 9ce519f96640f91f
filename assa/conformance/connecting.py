"""How the server that is tried is reached."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from assa.conformance.line import Line
from assa.conformance.stage import Connect, Unreachable

_CONNECT_TIMEOUT_S: Final = 30.0


def endpoint_of(reactor: Any, host: str, port: int, *, tls: bool) -> IStreamClientEndpoint:
    """Return where the server is; with TLS its certificate has to be for `host`.

    Raises:
        ValueError: `host` can be in no certificate.
    """
    plain = HostnameEndpoint(reactor, host, port, timeout=_CONNECT_TIMEOUT_S)
    return wrapClientTLS(optionsForClientTLS(host), plain) if tls else plain


def connector(endpoint: IStreamClientEndpoint) -> Connect:
    """Return what opens connections to an endpoint."""

    async def connect(line: Line) -> None:
        try:
            await connectProtocol(endpoint, line)
        except (ConnectError, DNSLookupError, OSError) as failed:
            words = str(failed).splitlines() or [type(failed).__name__]
            raise Unreachable(f"no connection can be opened: {words[0]}") from None

    return connect

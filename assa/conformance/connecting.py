"""How the server that is tried is reached."""

from __future__ import annotations

from typing import Any, Final

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

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


def connector(endpoint: IStreamClientEndpoint, *, tls: bool) -> Connect:
    """Return what opens connections to an endpoint."""

    async def connect(line: Line) -> None:
        try:
            await connectProtocol(endpoint, line)
        except (ConnectError, DNSLookupError, OSError) as failed:
            raise _unreachable(Failure(failed)) from None
        if tls:
            await line.secured
            if not line.open:
                raise _unreachable(line.reason)

    return connect


def _unreachable(failure: Failure) -> Unreachable:
    if isinstance(failure.value, SSL.Error) and failure.value.args and failure.value.args[0]:
        # Each of OpenSSL's errors is the library, the function and the reason.
        words = ", ".join(str(problem[-1]) for problem in failure.value.args[0])
    elif isinstance(failure.value, VerificationError):
        words = "the server's certificate is for another name"
    else:
        words = (failure.getErrorMessage() or type(failure.value).__name__).splitlines()[0]
    return Unreachable(f"no connection can be opened: {words}")

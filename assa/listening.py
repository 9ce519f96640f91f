"""The endpoints of `server.listen`: what they are made of, what is wrong with one, and shared ports."""

from __future__ import annotations

import socket
from typing import Any, Final

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.tcp import Port
from twisted.protocols.tls import TLSMemoryBIOFactory

_WITH_BACKLOG: Final = ("tcp", "tcp6", "ssl", "unix")
_BACKLOG: Final = 1_024
"""Twisted's 50 is too little when everybody comes back at once: the kernel has the others wait a second."""
_SHARED: Final = ("tcp", "tcp6", "ssl", "tls")
_SO_REUSEPORT: Final[int | None] = getattr(socket, "SO_REUSEPORT", None)


class ListenError(Exception):
    """An endpoint cannot be used; the text is one line that names the setting and the reason."""


def make_endpoint(
    text: str,
    reactor: Any,
    *,
    setting: str = "server.listen",
    reuse_port: bool = False,
    option: int | None = _SO_REUSEPORT,
) -> IStreamServerEndpoint:
    """Return the endpoint that the text describes, which does not listen yet.

    Args:
        text: One of `server.listen`, or of another setting.
        reactor: Where it is going to listen.
        setting: Which one, for errors.
        reuse_port: Whether other processes may listen on its port as well, if it is a TCP port.
        option: The number of SO_REUSEPORT; None: there is none on this platform.

    Raises:
        ListenError: It is not understood, or its port cannot be shared.
    """
    kind = text.removeprefix("haproxy:").partition(":")[0]
    if reuse_port and kind in _SHARED:
        if option is None:
            raise ListenError("server.reuse_port: this platform has no SO_REUSEPORT")
        reactor = _SharingReactor(reactor, option)
    given = kind not in _WITH_BACKLOG or ":backlog=" in text
    try:
        endpoint: IStreamServerEndpoint = serverFromString(
            reactor, text if given else f"{text}:backlog={_BACKLOG}"
        )
    except Exception as wrong:  # noqa: BLE001 - endpoint parsers raise what they like
        raise ListenError(f"{setting}: {text}: {_problem(text, wrong)}") from None
    return endpoint


def _problem(text: str, wrong: Exception) -> str:
    """Say in one line why an endpoint is not understood, and what is expected."""
    kind, reason = text.partition(":")[0], f"{wrong}".partition("\n")[0]
    if isinstance(wrong, TypeError) and "'port'" in reason:
        reason = f"a port is missing, as in {kind}:12345"
    elif isinstance(wrong, OSError) and kind == "ssl" and not {"privateKey=", "certKey="} <= _named(text):
        reason = "expected ssl:PORT:privateKey=FILE:certKey=FILE"
    elif isinstance(wrong, OSError) and wrong.filename:
        reason = f"{wrong.filename}: {wrong.strerror}"
    elif kind == "ssl" and type(wrong).__module__.startswith("OpenSSL"):
        reason = "privateKey and certKey: expected a key and its certificate as PEM"
    return reason


def _named(text: str) -> set[str]:
    return {f"{part.partition('=')[0]}=" for part in text.split(":") if "=" in part}


# --- Shared ports: Twisted's endpoints cannot set SO_REUSEPORT -------------------------------


class _SharedPort(Port):
    """A TCP port that other processes of the same user may listen on as well."""

    def __init__(self, *args: Any, option: int) -> None:
        super().__init__(*args)
        self._option = option

    def createInternetSocket(self) -> socket.socket:  # noqa: N802 - Twisted's name
        made: socket.socket = super().createInternetSocket()  # type: ignore[no-untyped-call]  # Twisted's
        made.setsockopt(socket.SOL_SOCKET, self._option, 1)
        return made


class _SharingReactor:
    """What the TCP endpoints ask of a reactor; the ports that it opens are shared."""

    def __init__(self, reactor: Any, option: int) -> None:
        self._reactor = reactor
        self._option = option

    def listenTCP(  # noqa: N802 - Twisted's name
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        shared = _SharedPort(port, factory, backlog, interface, self._reactor, option=self._option)
        shared.startListening()
        return shared

    def listenSSL(  # noqa: N802 - Twisted's name
        self,
        port: int,
        factory: Any,
        contextFactory: Any,  # noqa: N803 - Twisted's endpoint gives it by name
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        # As Twisted's own reactors do it.
        tls = TLSMemoryBIOFactory(contextFactory, False, factory)  # noqa: FBT003 - isClient, by position
        return self.listenTCP(port, tls, backlog, interface)

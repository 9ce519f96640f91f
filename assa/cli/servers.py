"""Finding the server that a command is to talk to, and telling why it cannot."""

from __future__ import annotations

import argparse
from typing import Any, Final

from attrs import frozen
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint

from assa.cli.options import CommandError, config_of
from assa.client import Client, Disconnected, NoAnswer, Rejected, Welcome, tcp_endpoint, tls_endpoint
from assa.client.greeting import Token
from assa.settings import Config

_PORT: Final = 12_345
"""§1.1."""
_LAST_PORT: Final = 65_535


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the server is."""
    server = parser.add_argument_group(
        "server", "Without these, where the configuration says that the server listens on this machine."
    )
    server.add_argument("--host", help="name or address; default: this machine")
    server.add_argument("--port", type=_port, help="default: as configured, else 12345")
    server.add_argument(
        "--tls",
        action="store_true",
        help="use TLS; the certificate must be for HOST, from an authority that this system trusts"
        " (or that the file named by SSL_CERT_FILE has)",
    )
    server.add_argument(
        "--endpoint", metavar="STRING", help="instead: a Twisted client endpoint, as in unix:/run/assa.sock"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"expected 1 to {_LAST_PORT}, got {text}")
    return int(text)


@frozen(kw_only=True)
class Place:
    """Where a server is, and how a person would say it."""

    endpoint: IStreamClientEndpoint
    name: str


def place_of(arguments: argparse.Namespace, reactor: Any) -> Place:
    """Return where the server is.

    Raises:
        CommandError: The place is not understood.
        ConfigError: The configuration has to tell it, and is wrong.
    """
    try:
        if arguments.endpoint:
            return Place(endpoint=clientFromString(reactor, arguments.endpoint), name=arguments.endpoint)
        host, port = _address(arguments)
        make = tls_endpoint if arguments.tls else tcp_endpoint
        return Place(endpoint=make(reactor, host, port), name=f"{host}:{port}")
    except (ValueError, TypeError, KeyError, UnicodeError) as wrong:
        asked = arguments.endpoint or arguments.host
        raise CommandError(f"{asked}: not understood as the place of a server: {wrong}") from None


def _address(arguments: argparse.Namespace) -> tuple[str, int]:
    host, port = arguments.host, arguments.port
    if host is not None:
        return host, port or _PORT
    if port is not None:
        return "127.0.0.1", port
    return listens(config_of(arguments))


def listens(config: Config) -> tuple[str, int]:
    """Return where a server with this configuration can be reached from the same machine."""
    for text in config.server.listen:
        kind, *rest = text.split(":")
        plain = [part for part in rest if "=" not in part]
        options = dict(part.split("=", 1) for part in rest if "=" in part)
        port = options.get("port", plain[0] if plain else "")
        if kind in ("tcp", "tcp6") and port.isdecimal():
            anywhere = "::1" if kind == "tcp6" else "127.0.0.1"
            interface = options.get("interface", "").replace("\\", "")
            return (anywhere if interface in ("", "0.0.0.0", "::") else interface), int(port)  # noqa: S104 - compared
    return "127.0.0.1", _PORT


async def reach(client: Client, place: Place, token: Token) -> Welcome:
    """Connect.

    Raises:
        CommandError: It does not work; the text says what to do about it.
    """
    try:
        return await client.connect(token)
    except Rejected as wrong:
        raise CommandError(f"{place.name} refuses the token: {wrong}{_advice(wrong)}") from None
    except (Disconnected, NoAnswer) as wrong:
        raise CommandError(f"cannot connect to {place.name}: {wrong}") from None


def _advice(wrong: Rejected) -> str:
    if wrong.code != "INVALID_TOKEN":
        return ""
    return "; it has expired, or the server has other keys than --config and ASSA_... say here"

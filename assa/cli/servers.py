"""Finding the server that a command is to talk to, and telling why it cannot."""

from __future__ import annotations

import argparse
import re
from typing import Any, Final

from attrs import frozen
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint

from assa.cli.options import LAST_PORT, CommandError, config_of, whole_number
from assa.client import Client, Disconnected, NoAnswer, Rejected, Token, Welcome, tcp_endpoint, tls_endpoint
from assa.client.endpoints import PORT, is_loopback
from assa.settings import Config

_TLS_HINT: Final = "; if the certificate is for another name, give --tls, --host NAME and --port"


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the server is."""
    server = parser.add_argument_group(
        "server", "Without these, where the configuration says that the server listens on this machine."
    )
    server.add_argument("--host", help="name or address; default: this machine")
    server.add_argument(
        "--port", type=whole_number(1, LAST_PORT), help="default: as configured; with --host 12345"
    )
    server.add_argument(
        "--tls",
        action=argparse.BooleanOptionalAction,
        help="use TLS, or not; default: with a HOST that is not this machine, and where an ssl: endpoint"
        " is configured. The certificate must be for HOST, from an authority that this system trusts"
        " (or that the file named by SSL_CERT_FILE has)",
    )
    server.add_argument(
        "--endpoint", metavar="STRING", help="instead: a Twisted client endpoint, as in unix:/run/assa.sock"
    )


@frozen(kw_only=True)
class Place:
    """Where a server is, how a person would say it, and what may help if it is not reached."""

    endpoint: IStreamClientEndpoint
    name: str
    hint: str = ""


def place_of(arguments: argparse.Namespace, reactor: Any) -> Place:
    """Return where the server is.

    Raises:
        CommandError: The place is not understood.
        ConfigError: The configuration has to tell it, and is wrong.
    """
    try:
        if arguments.endpoint:
            return Place(endpoint=clientFromString(reactor, arguments.endpoint), name=arguments.endpoint)
        address = _address(arguments)
        make = tls_endpoint if address.tls else tcp_endpoint
        return Place(
            endpoint=make(reactor, address.host, address.port),
            name=f"{address.host}:{address.port}",
            hint=_TLS_HINT if address.tls and arguments.host is None else "",
        )
    except (ValueError, TypeError, KeyError, UnicodeError) as wrong:
        asked = arguments.endpoint or arguments.host
        raise CommandError(f"{asked}: not understood as the place of a server: {wrong}") from None


@frozen(kw_only=True)
class Address:
    """A host, a port, and whether TLS is spoken there."""

    host: str
    port: int
    tls: bool = False


def _address(arguments: argparse.Namespace) -> Address:
    host, port, tls = arguments.host, arguments.port, arguments.tls
    if host is not None:
        return Address(host=host, port=port or PORT, tls=not is_loopback(host) if tls is None else tls)
    if port is not None:
        return Address(host="127.0.0.1", port=port, tls=bool(tls))
    return listens(config_of(arguments), tls=tls)


def listens(config: Config, *, tls: bool | None = None) -> Address:
    """Return where a server with this configuration can be reached from the same machine.

    Args:
        config: Says where it listens.
        tls: Whether only TLS will do, or only plain; None: either.

    Raises:
        CommandError: Nowhere that its endpoints tell: a token must not go to whoever else listens.
    """
    found = [address for text in config.server.listen if (address := _reachable(text))]
    for address in found:
        if tls is None or address.tls == tls:
            return address
    if found and tls is not None:  # a proxy's business, which speaks otherwise there than the server itself
        return Address(host=found[0].host, port=found[0].port, tls=tls)
    listen = ", ".join(config.server.listen)
    raise CommandError(
        f"server.listen: {listen}: does not tell where to connect; give --host and --port,"
        " with --tls if it speaks TLS, or --endpoint"
    )


def _reachable(text: str) -> Address | None:
    """Return where an endpoint of the server is for a client, unless it does not tell."""
    kind, *rest = re.split(r"(?<!\\):", text)
    plain = [part for part in rest if "=" not in part]
    options = dict(part.split("=", 1) for part in rest if "=" in part)
    port = options.get("port", plain[0] if plain else "")
    if kind not in ("tcp", "tcp6", "ssl") or not port.isdecimal():
        return None
    anywhere = "::1" if kind == "tcp6" else "127.0.0.1"
    interface = options.get("interface", "").replace("\\", "")
    if interface in ("", "0.0.0.0", "::"):  # noqa: S104 - compared
        # A certificate is for a name; that of this machine is as likely as any.
        interface = "localhost" if kind == "ssl" else anywhere
    return Address(host=interface, port=int(port), tls=kind == "ssl")


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
        raise CommandError(f"cannot connect to {place.name}: {wrong}{place.hint}") from None


def _advice(wrong: Rejected) -> str:
    if wrong.code != "INVALID_TOKEN":
        return ""
    return "; it has expired, or the server has other keys than --config and ASSA_... say here"

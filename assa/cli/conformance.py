"""``assa conformance``: try whether a server speaks the protocol."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from assa.cli.options import LAST_PORT, CommandError, Commands, add_command, run_in_reactor, seconds, user_id
from assa.client.endpoints import PORT

if TYPE_CHECKING:
    from assa.conformance.identities import Identities

_SECRET_VARIABLE: Final = "ASSA_CONFORMANCE_SECRET"  # noqa: S105 - the name of a variable
_WRONG: Final = 2
_DESCRIPTION = """\
Try the protocol, rule by rule, on any server that claims to speak it, and tell by section what holds
and what does not, version 1.0 and version 1.1 apart. A server of version 1.0 is tried with --version 1.0.

It makes users, rooms and messages: do not try a server that people use. Users have ids between one and two
thousand millions, unless --first-user says otherwise."""
_EPILOG = f"""\
example:
  assa conformance chat.example.org --tls --secret-file jwt-secret
  assa conformance localhost:12345 --tokens tokens.txt --version 1.0 --format junit --output report.xml
  assa conformance --list --section 5

The secret that tokens are signed with comes from --secret-file, or from {_SECRET_VARIABLE} in the
environment; --secret shows it to everybody who can list the processes of this machine. With --tokens, a
file with one JWT a line, of three users at least, rules take turns with the same users, and what needs
other tokens is not tried.

exit status: 0 all that was tried holds, 1 something does not, 2 wrong command line, no connection, or
no token is taken"""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands,
        "conformance",
        _run,
        summary="try whether a server speaks the protocol",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("server", nargs="?", type=_server, metavar="HOST[:PORT]", help="default port: 12345")
    _add_users(parser)
    parser.add_argument("--tls", action="store_true", help="connect with TLS and verify the host name")
    _add_selection(parser)
    parser.add_argument("--format", default="text", choices=("text", "json", "junit"), help="default: text")
    parser.add_argument("--output", metavar="FILE", help="where to, instead of standard output")
    parser.add_argument(
        "--timeout",
        type=seconds(0.1, 600),
        default=10.0,
        metavar="S",
        help="how long an answer may take; default: 10, as in §10.2",
    )


def _add_users(parser: argparse.ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--secret-file", metavar="FILE", help="has the secret that tokens are signed with")
    who.add_argument(
        "--secret", metavar="TEXT", help="the secret itself, for a server that is for tests alone"
    )
    who.add_argument("--tokens", metavar="FILE", help="has tokens of three users at least, one a line")
    parser.add_argument(
        "--algorithm", default="HS256", choices=("HS256", "HS384", "HS512"), help="default: HS256"
    )
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        type=_claim,
        metavar="NAME=VALUE",
        help="a further claim of every token, such as aud=chat; may be repeated",
    )
    parser.add_argument(
        "--first-user", type=user_id, metavar="ID", help="the lowest id of the users that are made"
    )


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--version", choices=("1.0", "1.1"), dest="only", help="the rules of this version alone"
    )
    parser.add_argument(
        "--section",
        action="append",
        default=[],
        metavar="N",
        help="the rules of this section of v1.0, 5 or 5.1; may be repeated",
    )
    parser.add_argument(
        "--slow", action="store_true", help="also what takes half a minute or more: timers, PING"
    )
    parser.add_argument("--list", action="store_true", help="list the rules and try nothing")


def _server(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or host.endswith(":") or text.endswith("]"):  # no port, perhaps an IPv6 address
        host, port = text, str(PORT)
    if not host or not port.isdecimal() or not 1 <= int(port) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"expected HOST or HOST:PORT, got {text}")
    return host.strip("[]"), int(port)


def _claim(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text}")
    return name, value


def _run(arguments: argparse.Namespace) -> None:
    try:
        from assa.conformance import report, running  # noqa: PLC0415 - need what is not always installed
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "assa":
            raise
        _end(f"{missing.name} is not installed: pip install 'assa[conformance]'")
    versions = (arguments.only,) if arguments.only else ("1.0", "1.1")
    rules = running.selected(running.all_rules(), versions=versions, sections=arguments.section)
    if not rules:
        _end(f"no rule is of section {', '.join(arguments.section)}")
    if arguments.list:
        _write(arguments, report.as_list(rules))
        return
    if arguments.server is None:
        _end("which server? Give its HOST or HOST:PORT")
    arguments.rules, arguments.users = rules, _identities(arguments)
    run_in_reactor(_try, arguments)


def _end(text: str) -> NoReturn:
    sys.stderr.write(f"assa: {text}\n")
    sys.exit(_WRONG)


def _identities(arguments: argparse.Namespace) -> Identities:
    from twisted.internet import reactor  # noqa: PLC0415

    from assa.conformance.identities import Listed, Minted  # noqa: PLC0415 - needs what is not always installed

    try:
        if arguments.tokens:
            return Listed(_read(arguments.tokens).split())
        secret = arguments.secret or os.environ.get(_SECRET_VARIABLE, "")
        if arguments.secret_file:
            secret = _read(arguments.secret_file).strip()
    except (OSError, ValueError) as wrong:
        _end(str(wrong))
    if not secret:
        _end(f"no tokens: give --secret-file, --tokens or {_SECRET_VARIABLE}")
    return Minted(
        secret,
        algorithm=arguments.algorithm,
        now=reactor.seconds,
        claims=dict(arguments.claim),
        first_user=arguments.first_user,
    )


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


async def _try(reactor: Any, arguments: argparse.Namespace) -> int:
    from assa.conformance import report  # noqa: PLC0415 - likewise
    from assa.conformance.connecting import connector, endpoint_of  # noqa: PLC0415
    from assa.conformance.running import Outcome, Runner  # noqa: PLC0415
    from assa.conformance.stage import Unreachable  # noqa: PLC0415

    host, port = arguments.server
    target = f"{host}:{port}"
    try:
        runner = Runner(
            connect=connector(endpoint_of(reactor, host, port, tls=arguments.tls), tls=arguments.tls),
            clock=reactor,
            identities=arguments.users,
            timeout_s=arguments.timeout,
            slow=arguments.slow,
        )
        results = await runner.run(arguments.rules)
    except (Unreachable, ValueError) as wrong:
        sys.stderr.write(f"assa: {target}: {wrong}\n")
        return _WRONG
    _write(arguments, report.FORMATS[arguments.format](target, results))
    return int(any(result.outcome is Outcome.FAILS for result in results))


def _write(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.output:
        sys.stdout.write(text)
        return
    try:
        Path(arguments.output).write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise CommandError(str(wrong)) from None

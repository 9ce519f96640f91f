"""``assa mock``: the protocol from memory, with faults, for who develops a client."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from random import Random, randrange
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from assa.cli.options import (
    LAST_PORT,
    CommandError,
    Commands,
    add_command,
    run_in_reactor,
    say,
    seconds,
    whole_number,
)
from assa.client.endpoints import PORT
from assa.limits import Limits
from assa.mock import Conditions, Mock, RefuseResumes, Watch, cut, delay, drop_answers, make_mock, stall
from assa.mock.faults import MakeFault
from assa.mock.narration import LEGEND, Narration

_HTTP_PORT = 8_080
_LOOPBACK = "127.0.0.1"
_NICKNAMES = ("mina", "jun", "sora")
_MOST_USERS = 1_000
_SEEDS = 10_000
_DESCRIPTION = """\
Serve the whole protocol, v1.0 and v1.1, from memory, for who develops a client: over TCP and over
WebSocket, with tokens that work, and what is sent and received as it happens. Nothing is written to
disk, and everything is forgotten at the end (Ctrl-C). It is the server itself; only images cannot be
uploaded. The web client is there too, so that you can be the other side of a conversation.

The faults are what a client meets in real life. "One of every N" is counted over all connections."""
_EPILOG = """\
examples:
  assa mock
  assa mock --cut-every 10 --drop-every 15 --delay 50-400
  assa mock --token-lifetime 20 --secret-file ./secret-of-our-own-tokens
  assa mock --port 0 --http-port 0 --quiet --seed 7

exit status: 0 ended by you, 1 a port is taken or a secret is too short, 2 wrong command line"""


def _delay(text: str) -> tuple[float, float]:
    """Return the least and the most of a delay, seconds."""
    least, dash, most = text.partition("-")
    number = whole_number(0, 60_000)
    first = number(least)
    last = number(most) if dash else first
    if last < first:
        raise argparse.ArgumentTypeError(f"expected the smaller number first, got {text}")
    return first / 1000, last / 1000


_EVERY: dict[str, Any] = {"type": whole_number(1, 1_000_000), "metavar": "N"}
_SECONDS: dict[str, Any] = {"type": seconds(1, 86_400), "metavar": "SECONDS"}
_SWITCH: dict[str, Any] = {"action": "store_true"}
_FAULTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("--drop-every", _EVERY, "lose one of every N answers"),
    ("--delay", {"type": _delay, "metavar": "MS[-MS]"}, "let every message take so many milliseconds"),
    ("--cut-every", _EVERY, "lose the connection in the middle of one of every N messages"),
    ("--stall-every", _EVERY, "fall silent, without a close, at one of every N messages"),
    ("--slow-bytes", _SWITCH, "send everything in pieces of a few bytes"),
    ("--unavailable-every", _EVERY, "refuse one of every N requests with SERVICE_UNAVAILABLE"),
    ("--refuse-resumes", _SWITCH, "answer every CONNECT with resumed: false"),
    ("--token-lifetime", _SECONDS, "let a token run out so long after its CONNECT: warning, close"),
    ("--restart-every", _SECONDS, "announce a shutdown, close, and be back a second later"),
    (
        "--max-clients",
        {"type": whole_number(0, 1_000), "metavar": "N"},
        "refuse more with SERVER_FULL; 0: everybody",
    ),
    (
        "--seed",
        {"type": whole_number(0, 2**63), "metavar": "N"},
        "repeat what an earlier run chose at random",
    ),
)
"""Each with what argparse gets to know of it, and its help."""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands,
        "mock",
        lambda arguments: run_in_reactor(_mock, arguments),
        summary="serve the protocol from memory, with faults, for client developers",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    _add_server(parser)
    faults = parser.add_argument_group("faults")
    for name, options, told in _FAULTS:
        faults.add_argument(name, help=told, **options)


def _add_server(parser: argparse.ArgumentParser) -> None:
    port = whole_number(0, LAST_PORT)
    parser.add_argument("--port", type=port, default=PORT, help="of TCP; default: 12345; 0: any that is free")
    parser.add_argument(
        "--http-port", type=port, default=_HTTP_PORT, help="of WebSocket, at /ws; default: 8080; 0 likewise"
    )
    parser.add_argument(
        "--interface", default=_LOOPBACK, metavar="ADDRESS", help="default: 127.0.0.1; 0.0.0.0 for a phone"
    )
    parser.add_argument(
        "--users",
        type=whole_number(0, _MOST_USERS),
        default=3,
        metavar="N",
        help="print tokens of N; default: 3",
    )
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--secret", help="accept tokens signed with it (HS256); default: a random one")
    secret.add_argument("--secret-file", metavar="FILE", help="the same, hidden from others on this machine")
    parser.add_argument("--quiet", action="store_true", help="do not show the messages")


# --- Running it ---


async def _mock(reactor: Any, arguments: argparse.Namespace) -> int:
    seed = randrange(_SEEDS) if arguments.seed is None else arguments.seed  # noqa: S311 - no secret
    random = Random(seed)  # noqa: S311 - likewise
    faults = _faults(arguments, random)
    watch = Watch() if arguments.quiet else Narration(partial(_tell, reactor), reactor.seconds)
    try:
        mock = make_mock(
            reactor,
            faults,
            secret=_secret(arguments),
            conditions=_conditions(arguments),
            watch=watch,
            random=random,
        )
    except ValueError as wrong:
        raise CommandError(f"--secret{'-file' if arguments.secret_file else ''}: {wrong}") from None
    await mock.start()
    try:
        tcp, http = await mock.listen(arguments.port, arguments.http_port, arguments.interface)
    except CannotListenError as wrong:
        raise CommandError(f"{wrong.interface}:{wrong.port}: {wrong.socketError}") from None
    _introduce(mock, arguments, tcp, http, seed)
    reactor.addSystemEventTrigger("before", "shutdown", mock.stop)
    return await Deferred()  # until Ctrl-C


def _tell(reactor: Any, line: str) -> None:
    """Write a line of what happens; end when nobody reads them any more, as commands do."""
    try:
        say(line)
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process lives
        reactor.stop()


def _secret(arguments: argparse.Namespace) -> str | None:
    if not arguments.secret_file:
        return arguments.secret  # type: ignore[no-any-return]  # it is a string or None
    try:
        return Path(arguments.secret_file).read_text().strip()
    except (OSError, ValueError) as wrong:
        raise CommandError(f"--secret-file: {wrong}") from None


def _faults(arguments: argparse.Namespace, random: Random) -> list[MakeFault]:
    faults: list[MakeFault] = []
    if arguments.refuse_resumes:
        faults.append(RefuseResumes)
    for make, every in (
        (drop_answers, arguments.drop_every),
        (stall, arguments.stall_every),
        (cut, arguments.cut_every),
    ):
        if every:
            faults.append(make(every, random))
    if arguments.delay:
        least_s, most_s = arguments.delay
        faults.append(delay(least_s, most_s, random))
    return faults


def _conditions(arguments: argparse.Namespace) -> Conditions:
    most = arguments.max_clients
    return Conditions(
        limits=Limits() if most is None else Limits(connections=most),
        token_lifetime_s=arguments.token_lifetime or 0,
        unavailable_every=arguments.unavailable_every or 0,
        in_pieces=arguments.slow_bytes,
        restart_every_s=arguments.restart_every or 0,
    )


def _introduce(mock: Mock, arguments: argparse.Namespace, tcp: int, http: int, seed: int) -> None:
    """Say where it is, and who one can be there."""
    host = f"[{arguments.interface}]" if ":" in arguments.interface else arguments.interface
    say(f"TCP        {host}:{tcp}")
    say(f"WebSocket  ws://{host}:{http}/ws")
    say(f"browser    http://{host}:{http}/")
    say(f"seed       {seed}")
    for user_id in range(1, arguments.users + 1):
        nickname = _NICKNAMES[user_id - 1] if user_id <= len(_NICKNAMES) else f"user{user_id}"
        say(f"user {user_id:<5} {nickname} {mock.token(user_id, nickname)}")
    say("ready" if arguments.quiet else f"ready; {LEGEND}")

"""``assa announce``: tell everybody who is connected."""

from __future__ import annotations

import argparse
from typing import Any

from assa.cli.options import CommandError, Commands, add_command, add_config, run_in_reactor, say
from assa.cli.servers import add_server, place_of, reach
from assa.cli.tokens import OPERATOR_USER_ID, token_of
from assa.client import Client, Disconnected, NoAnswer, Rejected
from assa.protocol import Announce

_DESCRIPTION = """\
Send an announcement (SERVER_ANNOUNCEMENT) to every client that is connected, on every node.

It connects to the running server with a token of the scope admin: the one given with --token,
else one made from the configuration."""
_EPILOG = """\
example:
  assa announce --title "Maintenance" --message "Tonight from 0:00 to 1:00" \\
      --priority high --type maintenance

It prints how many connections it went to. A client that is away gets it when it resumes.

exit status: 0 announced, 1 no server there, a token that is not accepted or another refusal,
2 wrong command line"""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands,
        "announce",
        lambda arguments: run_in_reactor(_announce, arguments),
        summary="tell everybody who is connected",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("--title", required=True, help="at most 200 characters")
    parser.add_argument("--message", required=True, help="at most 5,000 characters")
    parser.add_argument("--priority", choices=("low", "normal", "high"), default="normal")
    parser.add_argument("--type", default="notice", help="for clients; default: notice")
    parser.add_argument("--token", help="an admin's token, instead of one made from the configuration")
    add_server(parser)
    add_config(parser)


async def _announce(reactor: Any, arguments: argparse.Namespace) -> int:
    place = place_of(arguments, reactor)
    client = Client(place.endpoint, reactor)
    token = token_of(arguments, OPERATOR_USER_ID, nickname="operator", scopes=["admin"])
    await reach(client, place, token)
    try:
        answer = await client.ask(_announcement(arguments))
    except (Rejected, Disconnected, NoAnswer) as wrong:
        raise CommandError(f"not announced: {wrong}") from None
    finally:
        await client.disconnect()
    others = answer.recipients - 1  # our own connection is one of them
    say(f"announced to {others} connection{'' if others == 1 else 's'}")
    return 0


def _announcement(arguments: argparse.Namespace) -> Announce:
    return Announce(
        title=arguments.title,
        message=arguments.message,
        priority=arguments.priority,
        announcement_type=arguments.type,
    )

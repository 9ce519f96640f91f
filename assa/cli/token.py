"""``assa token``: make a token."""

from __future__ import annotations

import argparse

from assa.cli.options import CommandError, Commands, add_command, add_config, config_of, say, seconds, user_id
from assa.cli.tokens import mint_token

_DAY_S = 86_400
_TEN_YEARS_S = 10 * 365 * _DAY_S
_NICKNAME_CHARACTERS = 100
_DESCRIPTION = """\
Make a token (JWT) that the server accepts, and print it, and nothing else.

It is signed with the first secret (HS256, HS384, HS512) of the server's configuration. A server
without one is a development server: its secret is made here if it has not been started yet. Run
this as the user that runs the server, who can read the secret."""
_EPILOG = """\
example:
  assa token 123 --nickname mina
  assa chat --host chat.example.org --token "$(assa token 123)"

exit status: 0 printed, 1 no secret or a wrong configuration, 2 wrong command line"""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands, "token", _run, summary="make a token", description=_DESCRIPTION, epilog=_EPILOG
    )
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("user_id", nargs="?", type=user_id, metavar="USER_ID", help="whose token it is")
    whose.add_argument("--user", type=user_id, metavar="USER_ID", help="the same, as an option")
    parser.add_argument("--nickname", type=_nickname, help="the name that others see, at most 100 characters")
    parser.add_argument("--admin", action="store_true", help="allow the admin actions: scope admin")
    parser.add_argument("--scope", action="append", default=[], help="a further scope; may be repeated")
    parser.add_argument(
        "--lifetime",
        type=seconds(1, _TEN_YEARS_S),
        default=_DAY_S,
        metavar="SECONDS",
        help="default: 86400, a day",
    )
    add_config(parser)


def _nickname(text: str) -> str:
    if not 1 <= len(text.strip()) <= _NICKNAME_CHARACTERS or not text.isprintable():
        raise argparse.ArgumentTypeError("expected 1 to 100 printable characters")
    return text.strip()


def _run(arguments: argparse.Namespace) -> None:
    scopes = [word for scope in arguments.scope for word in scope.split()]
    if arguments.admin:
        scopes.insert(0, "admin")
    whose = arguments.user_id or arguments.user
    if whose is None:
        raise CommandError("whose token? Give a user id")
    token = mint_token(
        config_of(arguments),
        whose,
        nickname=arguments.nickname,
        scopes=scopes,
        lifetime_s=arguments.lifetime,
    )
    say(token)

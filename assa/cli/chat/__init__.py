"""``assa chat``: a client for terminals, to try everything by hand."""

from __future__ import annotations

import argparse
import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from assa.cli.chat.conversation import Conversation
from assa.cli.chat.screens import StandardStreams
from assa.cli.chat.words import LANGUAGES, Words, language_of
from assa.cli.options import Commands, add_command, add_config, run_in_reactor, user_id
from assa.cli.servers import add_server, place_of, reach
from assa.cli.tokens import token_of

_DESCRIPTION = """\
Chat in the terminal. What you type goes to the room that the prompt shows; /help, once there,
lists the commands. What is shown is confirmed to its author. When the connection is lost, it comes
back by itself, three times at most, and nothing is lost.

Input may be a pipe: lines are carried out one after the other, and its end is /quit; if one of them
failed, the status is 1."""
_EPILOG = """\
example (two terminals, on the machine of the server):
  assa chat --user 1 --nickname mina         assa chat --user 2 --nickname jun
  /open lobby                                /join 1
  hello                                      hello, mina

  printf '/join 1\\nthe build is done\\n' | assa chat --user 3 --nickname build

exit status: 0 ended by you, 1 no server there, a token that is not accepted or a connection that was
lost for good, 2 wrong command line"""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands,
        "chat",
        lambda arguments: run_in_reactor(_chat, arguments),
        summary="chat in the terminal",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--user",
        type=user_id,
        default=1,
        metavar="USER_ID",
        help="who you are; default: 1. The token is made from the server's configuration, and renewed",
    )
    who.add_argument("--token", help="who you are, on a server whose secret you do not have")
    parser.add_argument("--nickname", help="what others see; kept from the last time without it")
    parser.add_argument(
        "--lang", choices=sorted(LANGUAGES), help="language; default: as the system's, else en"
    )
    add_server(parser)
    add_config(parser)


async def _chat(reactor: Any, arguments: argparse.Namespace) -> int:
    place = place_of(arguments, reactor)
    token = token_of(arguments, arguments.user, nickname=arguments.nickname)
    streams = StandardStreams(os.environ)
    screen = streams.make_screen()
    words = Words(arguments.lang or language_of(os.environ))
    conversation = Conversation(place.endpoint, reactor, screen, words, strict=not streams.interactive)
    screen.listener = conversation
    if not arguments.token:
        conversation.introduce(arguments.user, arguments.nickname)
    reaching = Deferred.fromCoroutine(reach(conversation.client, place, token))
    ended: Deferred[None] = Deferred()
    reactor.addSystemEventTrigger("before", "shutdown", _interrupted, conversation, reaching, ended)
    streams.open(screen, reactor)
    try:
        await reaching
        return await conversation.run()
    except CancelledError:
        return 0
    finally:
        await screen.close(reactor)
        streams.restore()
        ended.callback(None)


def _interrupted(
    conversation: Conversation, reaching: Deferred[Any], ended: Deferred[None]
) -> Deferred[None]:
    """End politely after Ctrl-C or SIGTERM."""
    reaching.cancel()
    conversation.finish(0)
    return ended

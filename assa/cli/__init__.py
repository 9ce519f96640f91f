"""The command ``assa``: what an operator or a developer does from a terminal.

Each sub-command is a module with `add`, which describes it to argparse, and what it runs. A user's
mistake ends in one line on standard error and status 1; a wrong command line in status 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from assa import __version__
from assa.cli import announce, chat, check, conformance, copy, database, mock, schema, token
from assa.cli.options import CommandError
from assa.rules import ConfigError


def make_parser() -> argparse.ArgumentParser:
    """Return the description of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="assa",
        description="Look after an ASSA server, and try it. The server itself is started with"
        " 'twistd -n assa'.",
        epilog="'assa COMMAND --help' explains a command, with an example. Settings come from --config and"
        " from ASSA_SECTION__KEY in the environment, as for the server: give both the same. Exit status:"
        " 0 done, 1 it did not work (one line on standard error says why), 2 wrong command line.",
    )
    parser.add_argument("--version", action="version", version=f"assa {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (chat, token, announce, database, copy, check, conformance, mock, schema):
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: The arguments; None: those of the process.

    Raises:
        SystemExit: With the status.
    """
    arguments = make_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (CommandError, ConfigError) as wrong:
        sys.exit(f"assa: {wrong}")
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)  # whoever read the output, or waited for it, has gone
    except OSError as wrong:  # a full disk behind the standard output, and the like
        sys.exit(f"assa: {wrong}")

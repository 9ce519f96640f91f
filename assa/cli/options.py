"""What several commands have in common: options, settings, and how they end."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from twisted.internet.task import react

from assa.config import load
from assa.rules import ConfigError
from assa.settings import Config

LAST_USER_ID = 2**53 - 1
LAST_PORT = 65_535
Commands = Any
"""What argparse's `add_subparsers` returns; its class is private."""


class CommandError(Exception):
    """A command cannot do what it was asked; the text is one line for who typed it."""


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], None],
    *,
    summary: str,
    description: str,
    epilog: str = "",
) -> argparse.ArgumentParser:
    """Add a command whose help keeps the line breaks that it was written with."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    parser.add_argument(
        "--config", "-c", metavar="FILE", help="the server's TOML file; without it the defaults hold"
    )


def config_of(arguments: argparse.Namespace) -> Config:
    """Return the settings that the arguments and the environment name.

    Raises:
        ConfigError: They are wrong.
    """
    return load(arguments.config, os.environ)


def user_id(text: str) -> int:
    """Return the user id that was typed."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= LAST_USER_ID):
        raise argparse.ArgumentTypeError(f"expected a user id, 1 to 2^53-1, got {text}")
    return int(text)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return what takes a number of a range from the command line."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"expected {least} to {most}, got {text}")
        return int(text)

    return number


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Return what takes a time of a range, in seconds, from the command line."""

    def time(text: str) -> float:
        try:
            given = float(text)
        except ValueError:
            given = math.nan
        if not least <= given <= most:
            raise argparse.ArgumentTypeError(f"expected {least} to {most} seconds, got {text}")
        return given

    return time


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_in_reactor(
    work: Callable[[Any, argparse.Namespace], Coroutine[Any, Any, int]], arguments: argparse.Namespace
) -> NoReturn:
    """Run the asynchronous part of a command and end with the status that it returns."""
    react(_ended, (work, arguments))


async def _ended(
    reactor: Any,
    work: Callable[[Any, argparse.Namespace], Coroutine[Any, Any, int]],
    arguments: argparse.Namespace,
) -> None:
    try:
        status: int | str = await work(reactor, arguments)
    except (CommandError, ConfigError) as wrong:
        status = f"assa: {wrong}"
    if status:
        raise SystemExit(status)

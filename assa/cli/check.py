"""``assa check-config``: say what is wrong with the settings before the server does."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.internet import reactor

from assa.cli.options import Commands, add_command, add_config, config_of, say
from assa.config import signing_keys
from assa.hub import Hub
from assa.listening import ListenError, make_endpoint
from assa.parts import make_store
from assa.rules import ConfigError
from assa.settings import Config

_LAST_PORT = 65_535

_DESCRIPTION = """\
Check the settings in the file and in the environment: "ok" and what the server would do, else what
is wrong. An unknown key or a wrong value is told alone; once there is none, keys, endpoints and the
database get a line for each problem. Nothing is made or changed, and no secret is shown."""
_EPILOG = """\
example:
  assa check-config --config /etc/assa.toml && systemctl restart assa

exit status: 0 ok, 1 something is wrong, 2 wrong command line"""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands, "check-config", _run, summary="check the settings", description=_DESCRIPTION, epilog=_EPILOG
    )
    add_config(parser)


def _run(arguments: argparse.Namespace) -> None:
    config = config_of(arguments)
    problems = [*_wrong_keys(config), *_wrong_endpoints(config), *_wrong_storage(config)]
    if problems:
        sys.exit("\n".join(f"assa: {problem}" for problem in problems))
    say("ok")
    say(f"listen: {', '.join(config.server.listen)}")
    say(f"http: {', '.join(config.http.listen) or 'off'}")
    say(f"storage: {config.database}")
    say(f"auth: {_auth(config)}")


def _auth(config: Config) -> str:
    if config.development:
        shared = "; on PostgreSQL every node needs the same key" if config.postgres else ""
        return f"development mode, with a secret of its own in {_secret(config)}{shared}"
    return ", ".join(key.algorithm for key in signing_keys(config))


def _secret(config: Config) -> Path:
    return Path(config.server.state_dir, "secret")


def _wrong_keys(config: Config) -> Iterator[str]:
    if config.development and not _secret(config).exists():
        return  # the first start makes it
    try:
        keys = signing_keys(config)
    except ConfigError as wrong:
        yield str(wrong)
    else:
        if not keys:
            yield "auth.algorithms: no key is of any of them"


def _wrong_endpoints(config: Config) -> Iterator[str]:
    for setting, text in config.endpoints:
        try:
            make_endpoint(text, reactor, setting=setting, reuse_port=config.server.reuse_port)
        except ListenError as wrong:
            yield str(wrong)
        else:
            port = re.match(r"(?:haproxy:)?(?:tcp6?|ssl):(?:port=)?(-?\d+)", text)
            if port and not 0 <= int(port[1]) <= _LAST_PORT:
                yield f"{setting}: {text}: expected a port of at most {_LAST_PORT}"


def _wrong_storage(config: Config) -> Iterator[str]:
    if config.postgres:
        try:
            make_store(config, reactor, Hub(), listens=False)  # which connects only when it is opened
        except ConfigError as wrong:
            yield str(wrong)
        return
    path = Path(config.sqlite_path)
    if path.exists():
        if not path.is_file():
            yield f"storage.url: {path}: not a file"
        elif not os.access(path, os.R_OK | os.W_OK):
            yield f"storage.url: {path}: cannot be written by this user"
        return
    made = next((parent for parent in path.parents if parent.exists()), path)
    if config.storage.url and not path.parent.is_dir():
        yield f"storage.url: {path.parent}: no such directory"
    elif not made.is_dir() or not os.access(made, os.W_OK):
        yield f"storage.url: {path}: {made} cannot be written by this user"

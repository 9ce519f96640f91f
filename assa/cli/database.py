"""``assa migrate`` and ``assa user``: work on the database itself."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred

from assa.cli.options import (
    CommandError,
    Commands,
    add_command,
    add_config,
    config_of,
    run_in_reactor,
    say,
    user_id,
)
from assa.hub import Hub
from assa.parts import make_store
from assa.settings import Config
from assa.storage import Transaction, Unavailable, users
from assa.storage.migrate import MigrationError

_MIGRATE = """\
Bring the database's schema up to date, and say what was applied, and where. The server does the
same when it starts; this is for those who want it done before, and to see that it can be done. A
database that is not there yet is made."""
_USER = """\
Deactivate an account: its CONNECTs are refused with AUTH_FAILED. Or activate it again.

It works on the configured database, which has to exist, also while the server runs; the answer
names it. A connection that is open stays open until it renews its token or comes back. Run this as
the user that runs the server, who can write the database."""
_EXIT = (
    "exit status: 0 done, 1 the database cannot be used or the configuration is wrong, 2 wrong command line"
)


def add(commands: Commands) -> None:
    """Describe the commands."""
    migrate = add_command(
        commands,
        "migrate",
        lambda arguments: run_in_reactor(_migrate, arguments),
        summary="bring the database's schema up to date",
        description=_MIGRATE,
        epilog=f"example:\n  assa migrate --config /etc/assa.toml\n\n{_EXIT}",
    )
    add_config(migrate)
    user = add_command(
        commands,
        "user",
        lambda arguments: run_in_reactor(_set_active, arguments),
        summary="deactivate or activate an account",
        description=_USER,
        epilog=f"example:\n  assa user deactivate 123 --config /etc/assa.toml\n\n{_EXIT}",
    )
    user.add_argument("change", choices=("deactivate", "activate"))
    user.add_argument("user_id", type=user_id, metavar="USER_ID")
    add_config(user)


async def _open(config: Config, reactor: Any) -> tuple[Any, list[str]]:
    """Return the store, open, and what migrations that took."""
    store = make_store(config, reactor, Hub(), listens=False)
    try:
        return store, await maybeDeferred(store.open)
    except (Unavailable, MigrationError) as wrong:
        raise CommandError(f"storage.url: {wrong}") from None


async def _migrate(reactor: Any, arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    store, applied = await _open(config, reactor)
    await store.close()
    for name in applied:
        say(f"applied {name} to {config.database}")
    if not applied:
        say(f"nothing to do: the schema of {config.database} is up to date")
    return 0


async def _set_active(reactor: Any, arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    _require_database(config)
    store, _ = await _open(config, reactor)
    active = arguments.change == "activate"
    try:
        known = await store.run(_change, arguments.user_id, active=active)
    except Unavailable as wrong:
        raise CommandError(f"storage.url: {wrong}") from None
    finally:
        await store.close()
    what = "active" if active else "deactivated"
    unknown = "" if known else " (has never connected)"
    say(f"user {arguments.user_id} is {what} in {config.database}{unknown}")
    return 0


def _require_database(config: Config) -> None:
    """Have the database exist: a new one would know nobody, and the server would not look into it."""
    if config.postgres:
        return
    path = config.sqlite_path
    try:
        reason = "" if Path(path).stat().st_size else "it is empty"
    except (OSError, ValueError) as wrong:
        reason = getattr(wrong, "strerror", None) or str(wrong)
    if reason:
        raise CommandError(
            f"storage.url: {path}: no database there ({reason});"
            " give --config and the environment of the server"
        )


async def _change(tx: Transaction, user_id: int, *, active: bool) -> bool:
    """Change an account and return whether it was there."""
    known = await tx.first("SELECT 1 FROM users WHERE user_id = :user_id", user_id=user_id)
    await users.set_active(tx, user_id, active=active, now_ms=int(time.time() * 1000))
    return known is not None

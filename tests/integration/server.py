"""A real `twistd assa`: started, measured, killed, started again, stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.integration.plain import SECRET, TIMEOUT_S, Address

ROOT = Path(__file__).parents[2]
TWISTD = Path(sys.executable).with_name("twistd")
LOOPBACK = "127.0.0.1"
_STEP_S = 0.02
_UNEXPECTED = ("Traceback", "Unhandled", "#critical")


def free_port() -> int:
    """Return a port that nobody listens on, and that no outgoing connection is given meanwhile."""
    while True:
        port = random.randrange(12_400, 32_000)
        with suppress(OSError), closing(socket.create_server((LOOPBACK, port))):
            return port


def environment(settings: dict[str, object], *, path: Path | None = ROOT) -> dict[str, str]:
    """Return the environment of a server: this one's, without its settings, with the given ones.

    Args:
        settings: By name, with two underscores for the dot: `limits__connections`.
        path: Where `assa` is imported from; None: from where it is installed.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH"
        and not (name.startswith("ASSA_") and "__" in name)
        and not (name.startswith("COVERAGE") and path != ROOT)  # a copy of the code is not measured
    }
    if path is not None:
        inherited["PYTHONPATH"] = str(path)
    given = {
        f"ASSA_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
    return inherited | given


class Server:
    """A server process with a directory of its own, which outlives the process.

    Args:
        directory: For its state and its log.
        listen: Further endpoints.
        twistd: The program.
        path: As for :func:`environment`.
        settings: As for :func:`environment`; the secret is the clients' unless it is set.
    """

    def __init__(
        self,
        directory: Path,
        *,
        listen: Sequence[str] = (),
        twistd: Path = TWISTD,
        path: Path | None = ROOT,
        **settings: object,
    ) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.address: Address = (LOOPBACK, free_port())
        self._command = [str(twistd), "--nodaemon", "--pidfile=", "assa"]
        # Room for everybody who comes at once: where the kernel has none it lets them wait for a second.
        endpoints = [f"tcp:{self.address[1]}:interface={LOOPBACK}:backlog=1024", *listen]
        defaults: dict[str, object] = {
            "server__listen": endpoints,
            "server__state_dir": str(self.state),
            "http__listen": [],  # tests run side by side
        }
        if not any(name.startswith("auth__") for name in settings):
            defaults["auth__secret"] = SECRET
        self.environment = environment(
            {name: value for name, value in (defaults | settings).items() if value is not None}, path=path
        )
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    # --- its life ---

    def start(self) -> None:
        """Start the process and wait until it serves clients."""
        process = self.spawn()
        give_up = time.monotonic() + TIMEOUT_S
        while not self.answers():
            status = process.poll()
            assert status is None, f"the server ended with status {status} instead of listening"
            assert time.monotonic() < give_up, f"the server did not listen within {TIMEOUT_S} s"
            time.sleep(_STEP_S)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for anything."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self.environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._process

    def accepts(self) -> bool:
        """Return whether it takes new connections."""
        with suppress(OSError), socket.create_connection(self.address, 1):
            return True
        return False

    def answers(self) -> bool:
        """Return whether it answers, which is when it listens on all endpoints and not only on the first."""
        ping = b'{"action": "PING", "timestamp": "2024-01-01T12:00:00.000Z", "seq_id": "up?"}\n'
        with suppress(OSError), socket.create_connection(self.address, TIMEOUT_S) as probe:
            probe.sendall(ping)
            return b"PONG" in probe.recv(1024)
        return False

    def kill(self) -> None:
        """End the process at once, as a power cut or the kernel would."""
        self.process.kill()
        self.process.wait(TIMEOUT_S)

    def terminate(self) -> None:
        """Ask the process to end, as systemd does."""
        self.process.terminate()

    def wait(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for the orderly end of the process.

        twistd ends itself with the signal that it was sent, once it has shut down.
        """
        status = self.process.wait(timeout_s)
        assert status in (0, -signal.SIGTERM), f"the server ended with status {status}"

    # --- what can be seen from outside ---

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def rss_mib(self) -> float:
        """Resident memory, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    @property
    def open_files(self) -> int:
        """The number of its file descriptors."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def log(self) -> str:
        """What all its processes wrote to standard output and standard error."""
        return self._log.read_text(errors="replace")

    def settled(self, open_files: int, timeout_s: float = TIMEOUT_S) -> bool:
        """Wait until it has no more than that many file descriptors; return whether it came to that."""
        give_up = time.monotonic() + timeout_s
        while self.open_files > open_files and time.monotonic() < give_up:
            time.sleep(_STEP_S)
        return self.open_files <= open_files


@contextmanager
def running(
    *, listen: Sequence[str] = (), twistd: Path = TWISTD, path: Path | None = ROOT, **settings: object
) -> Generator[Server, None, None]:
    """Run a server as long as the block lasts.

    A failure in the block tells the end of the server's log; so does a defect that the log shows.
    Arguments as for :class:`Server`.
    """
    # Not pytest's directory: the path of a Unix socket may be no longer than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="assa-") as directory:
        server = Server(Path(directory), listen=listen, twistd=twistd, path=path, **settings)
        try:
            server.start()
            yield server
            unexpected = [
                line for line in server.log.splitlines() if any(word in line for word in _UNEXPECTED)
            ]
            assert not unexpected, "the server's log shows a defect"
        except BaseException as failure:
            failure.add_note("--- the server's log ends ---\n" + "\n".join(server.log.splitlines()[-40:]))
            raise
        finally:
            if server._process is not None:
                server.kill()


def refused(directory: Path, *options: str, **settings: object) -> tuple[int, list[str]]:
    """Start a server that cannot start.

    Returns:
        Its status, and the lines that it wrote but for twistd's own of an ordinary start.
    """
    given: dict[str, object] = {
        "server__listen": f"tcp:{free_port()}:interface={LOOPBACK}",
        "server__state_dir": str(directory / "state"),
        "auth__secret": SECRET,
    }
    ended = subprocess.run(
        [str(TWISTD), "--nodaemon", "--pidfile=", "assa", *options],
        env=environment({name: value for name, value in (given | settings).items() if value is not None}),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
        check=False,
    )
    lines = ended.stdout.decode(errors="replace").splitlines()
    ordinary = ("starting up.", "reactor class:", "applied migration", "starting on", "server shut down")
    return ended.returncode, [line for line in lines if not any(words in line for words in ordinary)]

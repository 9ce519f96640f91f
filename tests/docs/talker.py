"""A client that is a plain socket, and the programs of the examples."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.server import environment

TIMEOUT_S = 20


class Talker:
    """A client that is a plain socket."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._lines = self._socket.makefile("rb")
        self._asked = 0
        self.ask("CONNECT", jwt_token=token)

    def tell(self, action: str, **data: object) -> str:
        """Send a request and return its `seq_id`."""
        self._asked += 1
        seq_id = f"q{self._asked}"
        request = {"action": action, "data": data, "timestamp": "2024-01-01T12:00:00Z", "seq_id": seq_id}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return seq_id

    def ask(self, action: str, **data: object) -> dict[str, Any]:
        """Send a request and return the data of its answer."""
        answer: dict[str, Any] = self.heard(f"{action}_RESPONSE", self.tell(action, **data))
        return answer

    def heard(self, action: str, seq_id: str | None = None) -> Any:
        """Return the data of the next message of that action."""
        for line in self._lines:
            said = json.loads(line)
            assert said.get("success") is not False, said
            if said["action"] == action and seq_id in (None, said["seq_id"]):
                return said["data"]
        raise AssertionError(f"closed before {action}")

    def rest(self) -> bytes:
        """Read to the end."""
        return self._lines.read()

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()


@contextmanager
def started(command: list[str], directory: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """Run a program of the examples."""
    program = subprocess.Popen(
        command,
        env=environment(settings),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def announced(program: subprocess.Popen[str], wanted: Iterable[str]) -> list[str]:
    """Return what the program says of each of these on its standard output."""
    missing, found = set(wanted), {}
    assert program.stdout is not None
    while missing:
        line = program.stdout.readline()
        assert line, program.stderr.read() if program.stderr else "it ended"
        for one in [one for one in missing if line.startswith(one)]:
            found[one] = line.removeprefix(one).strip()
            missing.discard(one)
    return [found[one] for one in wanted]

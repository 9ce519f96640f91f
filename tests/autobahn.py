"""The WebSocket front under the Autobahn test suite, whose fuzzing client wants its messages back.

`python -m tests.autobahn PYTHON` runs it: PYTHON is a Python 2.7 into which `pip install autobahntestsuite`
has been done, for the suite is not for a newer one. A session that sends back what it gets takes the place
of ours; all the rest is the real thing on a real port. Prints the cases that do not behave as expected. The
names of cases may follow, `1.* 2.*` for one: those of compression, 12 and 13, take five minutes, and the
others a quarter of one.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.utils import getProcessOutputAndValue

from assa.http.site import ChatSite
from assa.limits import Limits
from tests.fronts import make_site
from tests.world import World

LARGEST = 2**24
"""What the suite sends at most."""
LEFT_OUT = [
    "1.2.*", "9.2.*", "9.4.*", "9.6.*", "9.8.*", "12.2.*", "12.3.*", "12.5.*",  # binary messages
    "1.1.1", "6.1.1", "6.1.2", "9.7.1",  # empty messages, which the protocol ignores
    "7.1.5",  # Close within a message: 1002 here, as the library `websockets` has it
]  # fmt: skip
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")


class Echo:
    """A session that sends back what it gets."""

    identity = ""
    """Not None: long messages are allowed, and reading is not ahead."""

    def __init__(self, front: Any) -> None:
        self._front = front
        self._open = True
        front._messages.limit = LARGEST

    @property
    def accepting(self) -> bool:
        """Return whether it still echoes."""
        return self._open and not self._front.clogged

    def received(self, message: bytes) -> None:
        """Send it back."""
        self._front._core.send_text(message)
        self._front._messages.flush()

    def close(self, reason: str) -> None:
        """Close as a session does."""
        self._open = False
        self._front.close(reason, b"", drop=False)

    def slow(self) -> None:
        """Go on: what is sent back does not count."""

    def lost(self) -> None:
        """Do nothing: there is nothing to resume."""


def site() -> ChatSite:
    """Return a port whose sessions echo."""
    world = World()
    node: Any = world.node
    node.clock = reactor
    node.open = Echo
    node.limits = evolve(Limits(), early_line_bytes=LARGEST)
    world.factory.connections.flusher._clock = node.clock
    return make_site(world.factory.connections, reactor, compression=True)


def prepare(directory: Path, port: int, cases: list[str]) -> list[str]:
    """Write down what the suite is to do; return the arguments of its Python."""
    spec = {
        "outdir": str(directory),
        "servers": [{"agent": "assa", "url": f"ws://127.0.0.1:{port}/ws"}],
        "cases": cases,
        "exclude-cases": LEFT_OUT,
        "exclude-agent-cases": {},
    }
    path = directory / "spec.json"
    path.write_text(json.dumps(spec))
    code = "from autobahntestsuite.wstest import run; run()"
    return ["-c", code, "--mode", "fuzzingclient", "--spec", str(path)]


def report(directory: Path) -> int:
    """Print what did not go well; return how many cases."""
    results = json.loads((directory / "index.json").read_text())["assa"]
    bad = {name: one for name, one in results.items() if not _good(one)}
    for name, one in sorted(bad.items()):
        sys.stdout.write(f"{name} {one['behavior']}, closing {one['behaviorClose']}\n")
    sys.stdout.write(f"{len(results)} cases, {len(bad)} not as expected\n")
    return len(bad)


async def run(python: str, cases: list[str]) -> int:
    """Run the suite; return how many cases did not go well."""
    port: Any = reactor.listenTCP(0, site(), interface="127.0.0.1")  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(prefix="assa-autobahn-") as name:
        directory = Path(name)
        arguments = prepare(directory, port.getHost().port, cases)
        out, err, status = await getProcessOutputAndValue(python, arguments, env=None, path=name)
        if status:
            sys.stderr.write((out + err).decode(errors="replace"))
            return 1
        return report(directory)


def _good(one: dict[str, Any]) -> bool:
    return one["behavior"] in GOOD and one["behaviorClose"] in GOOD


def main() -> None:
    """Run it from the command line: the Python, then cases if not all."""
    python, *cases = sys.argv[1:]

    async def begin() -> None:
        sys.exit(bool(await run(python, cases or ["*"])))

    react(lambda _: Deferred.fromCoroutine(begin()))


if __name__ == "__main__":
    main()

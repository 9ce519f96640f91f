"""The TypeScript client: built as users build it, and used against a real server over a bad network."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from twisted.trial.unittest import TestCase

from tests.integration import tls
from tests.integration.cutting import CuttingProxy
from tests.integration.plain import token
from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.javascript import counted, node, run_scripts
from tests.typescript import CLIENT, built

TIMEOUT_S = 90
_STEP_S = 0.02
EACH, _MEAN = (1_000, 8_000) if os.environ.get("ASSA_EXAMPLES") == "thorough" else (250, 20_000)
"""Messages of each of the two; bytes after which a direction of a connection is cut, on average."""
NO_LIMITS: dict[str, object] = {"rate__messages": 0, "rate__others": 0}
_POSITION, _NO_POSITION = b'"last_seq_id":"e', b'"last_seq_id":"x'

Outcome = dict[str, Any]


def shears(port: int, kind: type[CuttingProxy] = CuttingProxy) -> CuttingProxy:
    """Return a proxy that cuts again and again; `ASSA_SEED` chooses its seed."""
    seed = int(os.environ.get("ASSA_SEED") or random.randrange(1_000_000))
    print(f"ASSA_SEED={seed}")  # noqa: T201 - a failure has to be tried again
    return kind(port, seed=seed, least=400, mean=_MEAN)


class _Spoilt(asyncio.StreamReader):
    """Half of the CONNECTs in it lose their position, so that their resume is refused."""

    def __init__(self, source: asyncio.StreamReader, chance: random.Random) -> None:
        super().__init__()
        self._source = source
        self._chance = chance

    async def read(self, n: int = -1) -> bytes:
        data = await self._source.read(n)
        return data.replace(_POSITION, _NO_POSITION) if self._chance.random() < 1 / 2 else data


class SpoilingProxy(CuttingProxy):
    """Has resumes refused besides; only over TCP without TLS, as frames of WebSocket are masked."""

    async def _forward(self, source: asyncio.StreamReader, *more: Any) -> None:
        await super()._forward(_Spoilt(source, self._random), *more)


@contextmanager
def script(path: str, *arguments: str, **environ: str) -> Generator[subprocess.Popen[str], None, None]:
    """Run a script of the client's directory as long as the block lasts."""
    process = subprocess.Popen(
        [node(), "--experimental-websocket", path, *arguments],
        cwd=built(),
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = Timer(TIMEOUT_S, process.kill)
    deadline.start()
    with process:
        try:
            yield process
        finally:
            deadline.cancel()
            process.kill()


def die_once(server: Server, proxy: CuttingProxy, is_over: Callable[[], bool]) -> None:
    """Kill the server in the middle, and start it again."""
    give_up = time.monotonic() + TIMEOUT_S
    while proxy.hurt.total() < 5 and not is_over() and time.monotonic() < give_up:
        time.sleep(_STEP_S)
    assert not is_over(), "they were ready too early"
    server.kill()
    server.start()


class StoryTests(TestCase):
    """What test/live/story.ts claims: every message once, in order, stored once."""

    def tell(self, server: Server, proxy: CuttingProxy, **environ: str) -> Outcome:
        """Run the story while the network is cut and the server dies."""
        environ |= {"ASSA_TOKENS": f"{token(1)} {token(2)}", "ASSA_COUNT": str(EACH)}
        with closing(proxy), script("build/live/main.js", **environ) as process:
            die_once(server, proxy, lambda: process.poll() is not None)
            told, _ = process.communicate(timeout=TIMEOUT_S)
        outcome: Outcome = json.loads(told.splitlines()[-1])
        print(outcome, dict(proxy.hurt))  # noqa: T201
        self.assertEqual(outcome["faults"], [])
        self.assertGreater(outcome["reconnects"], 8)
        return outcome

    def test_tcp(self):
        """Over TCP, with cuts inside lines and a server that dies, nothing is lost or doubled (§10.3)."""
        built()
        with running(**NO_LIMITS) as server:
            proxy = shears(server.address[1])
            outcome = self.tell(server, proxy, ASSA_TCP=f"{LOOPBACK}:{proxy.port}")
        self.assertGreater(outcome["resumed"], 5)

    def test_websocket(self):
        """Over WebSocket likewise (v1.1)."""
        built()
        port = free_port()
        with running(http__listen=[f"tcp:{port}:interface={LOOPBACK}"], **NO_LIMITS) as server:
            proxy = shears(port)
            outcome = self.tell(server, proxy, ASSA_URL=f"ws://{LOOPBACK}:{proxy.port}/ws")
        self.assertGreater(outcome["resumed"], 5)

    def test_refused_resumes(self):
        """Where resumes are refused, and sessions end early, it catches up (v1.1)."""
        built()
        with running(limits__session_retention=1, **NO_LIMITS) as server:
            proxy = shears(server.address[1], SpoilingProxy)
            outcome = self.tell(server, proxy, ASSA_TCP=f"{LOOPBACK}:{proxy.port}")
        self.assertGreater(outcome["gaps"], 2)


class ScriptTests(TestCase):
    def test_units(self):
        """What the client's own tests claim holds."""
        done = run_scripts(sorted((built() / "build").glob("*.test.js")))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreater(counted(done.stdout, "pass"), 55)
        self.assertEqual(counted(done.stdout, "skipped"), 0)

    def test_tls(self):
        """TLS verifies certificates and names."""
        scripts = [built() / "build" / "live" / "tls.test.js"]
        with tempfile.TemporaryDirectory() as directory:
            pem, port = tls.certificate(Path(directory)), free_port()
            with running(listen=[tls.endpoint(port, pem)]):
                environ = {"ASSA_TLS": str(port), "ASSA_CA": str(pem), "ASSA_TOKEN": token(1)}
                done = run_scripts(scripts, environ=environ)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(counted(done.stdout, "pass"), 4, done.stdout)

    def test_node_example(self):
        """Two who run the example of the README talk with each other."""
        program = "examples/node.mjs"
        with running() as server, ExitStack() as scripts:
            where = [server.address[0], str(server.address[1])]
            mina = scripts.enter_context(script(program, *where, ASSA_TOKEN=token(1)))
            room_id = self.await_line(mina, r"\* room (\d+)")
            jun = scripts.enter_context(script(program, *where, room_id, ASSA_TOKEN=token(2)))
            self.await_line(jun, rf"\* room ({room_id})")
            self.type(mina, "안녕하세요")
            self.await_line(mina, r"\* sent as (\d+)")
            self.await_line(jun, "(사람1: 안녕하세요)")
            self.type(jun, "네")
            self.await_line(mina, "(사람2: 네)")
            for process in (mina, jun):
                assert process.stdin is not None
                process.stdin.close()
                self.await_line(process, r"(\* closed closed)")
                self.assertEqual(process.wait(TIMEOUT_S), 0)

    def type(self, process: subprocess.Popen[str], line: str) -> None:
        """Type a line."""
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()

    def await_line(self, process: subprocess.Popen[str], pattern: str) -> str:
        """Read what a script prints until such a line comes; return the group of the pattern."""
        assert process.stdout is not None
        told = []
        for one in process.stdout:
            told.append(one)
            if match := re.fullmatch(pattern, one.rstrip()):
                return match[1]
        raise self.failureException(f"{pattern!r} did not come: {told}")

    def test_documents(self):
        """The READMEs show the examples as they are."""
        for readme in ("README.md", "README.ko.md"):
            text = (CLIENT / readme).read_text()
            for example, language in (("node.mjs", "js"), ("page.html", "html")):
                shown = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
                self.assertIn((CLIENT / "examples" / example).read_text(), shown, readme)

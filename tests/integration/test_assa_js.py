"""assa.js against a real server, through Node's WebSocket: chat, resume, uploads, the signalling of calls."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import jwt
from twisted.trial.unittest import TestCase

from tests.integration.plain import SECRET, token
from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.javascript import SCRIPTS, counted, node

_TIMEOUT_S = 90
_STEP_S = 0.02


class AssaJsTests(TestCase):
    def test_with_real_server(self):
        """What tests/js/live claims holds over real sockets, and over the death of the server."""
        program = node()
        port = free_port()
        with (
            tempfile.TemporaryDirectory() as cues,
            running(http__listen=[f"tcp:{port}:interface={LOOPBACK}"]) as server,
        ):
            environ = {**os.environ, **_tokens(), "ASSA_URL": f"ws://{LOOPBACK}:{port}/ws", "ASSA_CUES": cues}
            command = [program, "--experimental-websocket", "--test-reporter=tap"]
            with tempfile.TemporaryFile("w+") as output:
                script = subprocess.Popen(
                    [*command, str(SCRIPTS / "live" / "server.test.mjs")],
                    env=environ,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
                try:
                    _attend(script, server, Path(cues) / "restart")
                finally:
                    script.kill()
                    script.wait()
                output.seek(0)
                told = output.read()
            self.assertEqual(script.returncode, 0, told)
            self.assertGreater(counted(told, "pass"), 10)


def _tokens() -> dict[str, str]:
    claims = {"user_id": 1, "nickname": "mina", "exp": int(time.time()) + 62}
    short = jwt.encode(claims, SECRET, "HS256")
    return {f"ASSA_TOKEN_{user_id}": token(user_id) for user_id in (1, 2, 3)} | {"ASSA_TOKEN_SHORT": short}


def _attend(script: subprocess.Popen[bytes], server: Server, cue: Path) -> None:
    """Restart the server whenever the script asks for it, as long as the script runs."""
    give_up = time.monotonic() + _TIMEOUT_S
    while script.poll() is None and time.monotonic() < give_up:
        if cue.exists():
            server.kill()
            server.start()
            cue.unlink()
        time.sleep(_STEP_S)

"""The TypeScript client: built as its users build it, and used against a real server through a bad network."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from tests.integration.plain import token
from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.integration.shears import Shears
from tests.javascript import node

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"
_TIMEOUT_S = 90
_STEP_S = 0.02
_EACH = 250
"""Messages of each of the two."""
LIMITS: dict[str, object] = {"rate__messages": 0, "rate__others": 0}


def run_story(server: Server, shears: Shears, environ: Mapping[str, str]) -> dict[str, Any]:
    """Run test/live/main.ts while the network is cut; the server dies once in the middle."""
    tokens = f"{token(1)} {token(2)}"
    script = subprocess.Popen(
        [node(), "--experimental-websocket", "build/live/main.js"],
        cwd=CLIENT,
        env={**os.environ, "ASSA_TOKENS": tokens, "ASSA_COUNT": str(_EACH), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        give_up = time.monotonic() + _TIMEOUT_S
        while shears.cuts < 10 and script.poll() is None and time.monotonic() < give_up:
            time.sleep(_STEP_S)
        server.kill()
        server.start()
        told, _ = script.communicate(timeout=_TIMEOUT_S)
    finally:
        script.kill()
        script.wait()
    outcome: dict[str, Any] = json.loads(told.splitlines()[-1])
    return outcome

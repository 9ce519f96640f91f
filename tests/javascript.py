"""Node.js, which runs the tests of the JavaScript."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest import SkipTest

SCRIPTS = Path(__file__).parent / "js"
OLDEST = 20
"""The first version that has what browsers have: CustomEvent, File, crypto, and, with a flag, WebSocket."""
_TIMEOUT_S = 120


def node() -> str:
    """Return the program. For tests: they are skipped without it.

    Raises:
        SkipTest: There is none, or it is too old.
    """
    program = shutil.which("node")
    if program is None:
        raise SkipTest(f"no Node.js here: `apt install nodejs`, version {OLDEST} or later")
    version = subprocess.check_output([program, "--version"], text=True).strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST:
        raise SkipTest(f"Node.js {version} is too old: {OLDEST} or later")
    return program


def run_scripts(
    scripts: Sequence[Path], *flags: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run scripts of node:test; the output says what became of each test."""
    return subprocess.run(
        [node(), *flags, "--test", "--test-reporter=tap", *map(str, scripts)],
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def counted(output: str, what: str) -> int:
    """Return how many tests passed, failed or were skipped, according to the last lines of node's output."""
    return sum(int(line.split()[2]) for line in output.splitlines() if line.startswith(f"# {what} "))

"""npm, which builds the TypeScript client and its tests."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from unittest import SkipTest

from tests.javascript import node

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "clients" / "typescript"
_TYPES = ROOT / "assa" / "spec" / "published" / "assa.d.ts"
_INPUTS = ("*.json", ".npmrc", "scripts/*", "src/*.ts", "test/**/*")
_TIMEOUT_S = 120


def built() -> Path:
    """Build the client and its tests as their README says, unless that has been done; return their directory.

    For tests: they are skipped where there is no Node.js or no npm.

    Raises:
        SkipTest: There is none.
        RuntimeError: It cannot be built.
    """
    node()
    npm = shutil.which("npm")
    if npm is None:
        raise SkipTest("no npm here: `apt install npm`")
    output = CLIENT / "build"
    output.mkdir(exist_ok=True)
    stamp = output / "stamp"
    # The tests of several processes begin at the same time.
    with (output / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        inputs = _digest()
        if not stamp.exists() or stamp.read_text() != inputs:
            _run(npm, "ci")
            _run(npm, "run", "build:test")
            stamp.write_text(inputs)
    return CLIENT


def _digest() -> str:
    files = sorted({path for pattern in _INPUTS for path in CLIENT.glob(pattern) if path.is_file()})
    content = b"".join(path.name.encode() + path.read_bytes() for path in (*files, _TYPES))
    return sha256(content).hexdigest()


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        cwd=CLIENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}")

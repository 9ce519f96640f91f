"""Builds the C programs and installs what Socket.IO needs, inside this directory and once."""

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
SOCKETIO = HERE / "socketio"
PROGRAMS = {
    "floor": ("floor.c",),
    "load": (
        "load.c",
        "load_assa.c",
        "load_floor.c",
        "load_pace.c",
        "load_protocols.c",
        "load_socketio.c",
        "load_verify.c",
        "load_websocket.c",
        "load.h",
        "load_protocols.h",
    ),
    "slow_fsync.so": ("slow_fsync.c",),
}


def compile_program(name: str) -> Path:
    """Compile one of the C programs if a source is newer than the program, and return its path."""
    program = BUILD / name
    sources = [HERE / source for source in PROGRAMS[name]]
    BUILD.mkdir(exist_ok=True)
    if not program.exists() or program.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        code = [str(source) for source in sources if source.suffix == ".c"]
        kind = ["-shared", "-fPIC"] if program.suffix == ".so" else []
        libraries = ["-ldl"] if program.suffix == ".so" else []
        options = ["-O2", "-Wall", "-Wextra", *kind]
        subprocess.run(["cc", *options, "-o", str(program), *code, *libraries], check=True)
    return program


def install_socketio() -> str | None:
    """Install Socket.IO as the lock file says; return why it is not there, or None."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not installed"
    lock = SOCKETIO / "package-lock.json"
    installed = SOCKETIO / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return None
    print("installing Socket.IO, better-sqlite3 and node-postgres (once) ...", flush=True)
    done = subprocess.run(["npm", "ci"], cwd=SOCKETIO, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"npm ci failed: {done.stderr.strip()[-500:]}"

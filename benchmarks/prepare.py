"""What is there before anything is measured: programs, limits, versions."""

import os
import platform
import resource
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from build import compile_program
from postgres import programs

OPEN_FILES = 4096


def missing_driver() -> str | None:
    """Return why ASSA cannot use PostgreSQL here, or None."""
    absent = [name for name in ("psycopg2", "txpostgres") if not find_spec(name)]
    return f"{' and '.join(absent)} not installed: pip install -e '.[postgres]'" if absent else None


def prepare() -> None:
    """Compile the programs and allow the servers, which inherit it, enough open files."""
    for name in ("floor", "load"):
        compile_program(name)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))


def installed(name: str) -> str:
    """Return a package's version."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} from the checkout"


def version_of(program: str | Path) -> str:
    """Return what a program says of its version, or that it is not there."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except OSError:
        return "not installed"
    return done.stdout.strip()


def described() -> str:
    """Return what is measured on, in one line."""
    rows = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((row.split(":")[1].strip() for row in rows if "model name" in row), platform.machine())
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {cpu}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {installed('Twisted')}, Node {version_of('node')}, "
        f"PostgreSQL {version_of(Path(programs() or '', 'postgres')).removeprefix('postgres (PostgreSQL) ')}"
    )

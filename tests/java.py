"""Java, which compiles and runs the Java client and its tests."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from unittest import SkipTest

CLIENT = Path(__file__).parents[1] / "clients" / "java"
OLDEST = 17
"""The first version that can compile the client."""
JARS = Path("/usr/share/java")
"""Where Debian's packages put theirs."""
JUNIT = ("junit-platform-console.jar", "junit-jupiter-engine.jar", "junit-jupiter-api.jar", "opentest4j.jar")
_NEEDED = {"gson.jar": "libgoogle-gson-java", "junit-platform-console.jar": "junit5"}
_TIMEOUT_S = 120


def java() -> str:
    """Return the program. For tests: they are skipped unless all is there that the Java client needs.

    Raises:
        SkipTest: Something is not there; it says what to install.
    """
    program, compiler = shutil.which("java"), shutil.which("javac")
    if program is None or compiler is None:
        raise SkipTest(f"no JDK here: `apt install openjdk-{OLDEST}-jdk-headless`")
    version = subprocess.check_output([compiler, "--version"], text=True).split()[1]
    if int(version.split(".")[0]) < OLDEST:
        raise SkipTest(f"JDK {version} is too old: {OLDEST} or later")
    for jar, package in _NEEDED.items():
        if not (JARS / jar).exists():
            raise SkipTest(f"no {JARS / jar} here: `apt install {package}`")
    return program


@cache
def classes() -> Path:
    """Compile everything with all of javac's warnings as errors, once; return where it is."""
    java()
    directory = Path(mkdtemp(prefix="assa-java-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    compiled = subprocess.run(
        [CLIENT / "build.sh", directory],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stdout
    return directory


def command(main: str, *arguments: str, jars: tuple[str, ...] = ("gson.jar",)) -> list[str]:
    """Return the command that runs a class of the client, its tests or its examples."""
    places = [classes() / part for part in ("main", "test", "examples")]
    path = ":".join(str(place) for place in [*places, *(JARS / jar for jar in jars)])
    # What is quick to start, on few cores: these run for seconds.
    flags = [
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Xshare:auto",
        "-Xmx256m",
        "-Dfile.encoding=UTF-8",
    ]
    return [java(), *flags, "-cp", path, main, *arguments]

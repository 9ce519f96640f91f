"""Measures the candidates for the WebSocket front side by side, in memory: see README.rst.

Nothing is installed: a candidate whose package is missing is left out.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from report import shown

HERE = Path(__file__).resolve().parent
CORES = "cores"
COLUMN = 24


@dataclass(frozen=True)
class Contender:
    """A candidate that may not be installed.

    Attributes:
        module: of the package candidates.
        title: the head of its column.
        packages: that it needs.
    """

    module: str
    title: str
    packages: tuple[str, ...]

    def missing(self) -> list[str]:
        """Return the packages that are not installed."""
        return [package for package in self.packages if not find_spec(package)]


CONTENDERS = (
    Contender("twisted_web", "twisted.web", ("twisted", "wsproto")),
    Contender("autobahn_ws", "Autobahn", ("twisted", "autobahn")),
    Contender("assa_frames", "websockets as in ASSA", ("websockets",)),
    Contender(CORES, "the cores", ("websockets", "wsproto")),
)


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each: no result, a smoke test")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--child", choices=[one.module for one in CONTENDERS], help=argparse.SUPPRESS)
    parser.add_argument("--effort", type=float, default=1.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def found_out(module: str, effort: float) -> dict[str, Any]:
    """Return what one contender costs and can do: in the child."""
    sys.path.insert(0, str(HERE.parent))  # this checkout's assa
    contender = import_module(f"candidates.{module}")
    if module == CORES:
        return {"costs": contender.measure(effort), "abilities": {}}
    costs, abilities = import_module("candidates.costs"), import_module("candidates.abilities")
    candidate = contender.Candidate()
    return {"costs": costs.measure(candidate, effort), "abilities": abilities.abilities(candidate)}


def asked(contender: Contender, effort: float) -> dict[str, Any]:
    """Return the same from a process of its own, with nothing of the others in its memory."""
    command = [sys.executable, __file__, "--child", contender.module, "--effort", str(effort)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"FAILED: {contender.title}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def line(title: str, cells: list[str]) -> str:
    """Return a line of the table."""
    return f"{title:<40}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)


def spread(samples: list[dict[str, Any]], what: str) -> str:
    """Return the median and the range of a cost."""
    values = [sample["costs"][what] for sample in samples]
    return f"{shown(median(values))} [{shown(min(values))}-{shown(max(values))}]"


def table(results: dict[Contender, list[dict[str, Any]]]) -> None:
    """Print what things cost, and what the candidates can do."""
    print(line("CPU time of a message of 330 bytes", [contender.title for contender in results]))
    first = next(iter(results.values()))[0]
    for what in first["costs"]:
        print(line(what, [spread(samples, what) for samples in results.values()]))
    for what in first["abilities"]:
        print(line(what, [samples[0]["abilities"][what] for samples in results.values()]))
    print()


def main() -> None:
    """Measure the candidates in turns and print the tables."""
    options = arguments()
    if options.child:
        print(json.dumps(found_out(options.child, options.effort)))
        return
    for one in CONTENDERS:
        if one.missing():
            print(f"without {one.title}: not installed: {', '.join(one.missing())}")
    results: dict[Contender, list[dict[str, Any]]] = {one: [] for one in CONTENDERS if not one.missing()}
    runs, effort = (1, 0.1) if options.quick else (options.runs, 1.0)
    for _ in range(runs):
        for contender, samples in results.items():
            samples.append(asked(contender, effort))
    packages = dict.fromkeys(package for one in results for package in one.packages)
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"Python {sys.version.split()[0]}, {versions}; {runs} interleaved runs each\n")
    whole = {one: samples for one, samples in results.items() if one.module != CORES}
    for part in (whole, {one: samples for one, samples in results.items() if one not in whole}):
        if part:
            table(part)


if __name__ == "__main__":
    main()

"""Measures several nodes of ASSA on one PostgreSQL, on this machine: see README.rst."""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from deployment import BUSY, PACED, RATE, Measure, Outcome, busy, deployed, paced
from machine import BenchmarkError
from postgres import fdatasync_us
from postgres import missing as missing_postgres
from prepare import described, missing_driver, prepare
from report import LOAD_LIMIT, shown
from workloads import FOREIGN_LIMIT

BUSY_SECONDS = 5.0
PACED_SECONDS = 10.0
QUICK = 0.2  # of the seconds
CROWDED = 0.9  # of all cores: above it processes wait for each other
COLUMN = 24
NARROW = 16


@dataclass(frozen=True)
class Case:
    """What is measured: how many nodes, and how many milliseconds fsync takes longer."""

    nodes: int
    fsync_ms: float


Results = dict[Case, list[Outcome]]
Column = tuple[str, Callable[[Outcome], float]]


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--nodes", default="1,2,4", help="how many nodes, one after the other (default 1,2,4)"
    )
    parser.add_argument(
        "--fsync-ms", default="0,2", help="what fsync takes longer, milliseconds (default 0,2)"
    )
    parser.add_argument("--runs", type=int, default=3, help="measurements of each (default 3)")
    parser.add_argument("--quick", action="store_true", help="one short run of each: no result, a smoke test")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    return parser.parse_args()


def cases(options: argparse.Namespace) -> list[Case]:
    """Return what the command line asks for."""
    try:
        nodes = [int(number) for number in options.nodes.split(",")]
        delays = [float(number) for number in options.fsync_ms.split(",")]
    except ValueError:
        sys.exit("--nodes and --fsync-ms take numbers with commas between")
    return [Case(number, delay) for delay in delays for number in nodes]


def measure_all(wanted: list[Case], measure: Measure, seconds: float, runs: int) -> Results:
    """Measure each case on fresh nodes and a fresh database; the cases take turns in being first."""
    results: Results = {case: [] for case in wanted}
    for run in range(runs):
        shift = run % len(wanted)
        for case in wanted[shift:] + wanted[:shift]:
            what = f"{measure.__name__}, {case.nodes} nodes, fsync +{case.fsync_ms:g} ms"
            sys.stderr.write(f"\r{run + 1}/{runs} {what:<40}")
            try:
                with deployed(case.nodes, case.fsync_ms) as deployment:
                    results[case].append(measure(deployment, seconds))
            except BenchmarkError as error:
                sys.exit(f"\nFAILED: {what}: {error}")
    sys.stderr.write("\r" + " " * 50 + "\r")
    return results


def total_us(outcome: Outcome) -> float:
    """Return the CPU time of all nodes and of PostgreSQL per message, in microseconds."""
    return (outcome.used.nodes + outcome.used.postgres) / outcome.ran.messages / 1e3


def added_ms(outcome: Outcome) -> float:
    """Return what the way to another node adds to the median, in milliseconds; NaN with one node."""
    if not outcome.same or not outcome.cross or not outcome.cross.deliveries:
        return float("nan")
    return (outcome.cross.median - outcome.same.median) / 1e6


def milliseconds(who: str, what: str) -> Callable[[Outcome], float]:
    """Return what reads one of the delays; NaN without such deliveries."""

    def read(outcome: Outcome) -> float:
        delay = getattr(outcome, who)
        return getattr(delay, what) / 1e6 if delay and delay.deliveries else float("nan")

    return read


COSTS: tuple[Column, ...] = (
    ("ASSA us/msg", lambda outcome: outcome.used.nodes / outcome.ran.messages / 1e3),
    ("PG us/msg", lambda outcome: outcome.used.postgres / outcome.ran.messages / 1e3),
)
SHARES: tuple[Column, ...] = (
    ("load of a core", lambda outcome: outcome.used.load / outcome.used.wall),
    ("busy of all", lambda outcome: outcome.used.machine / outcome.used.wall / (os.cpu_count() or 1)),
)
BUSY_COLUMNS: tuple[Column, ...] = (
    ("deliveries/s", lambda outcome: outcome.ran.deliveries / outcome.ran.wall_ns * 1e9),
    ("ASSA us/delivery", lambda outcome: outcome.used.nodes / outcome.ran.deliveries / 1e3),
    ("PG us/delivery", lambda outcome: outcome.used.postgres / outcome.ran.deliveries / 1e3),
    *COSTS,
)
PACED_COLUMNS: tuple[Column, ...] = (
    ("same node, ms", milliseconds("same", "median")),
    ("its 99th perc.", milliseconds("same", "percentile_99")),
    ("cross node, ms", milliseconds("cross", "median")),
    ("its 99th perc.", milliseconds("cross", "percentile_99")),
    ("added, ms", added_ms),
    *COSTS,
)


def cell(values: list[float]) -> str:
    """Return the median and the range, or a dash where there is nothing to measure."""
    if any(math.isnan(value) for value in values):
        return "-"
    return f"{shown(median(values))} [{shown(min(values))}-{shown(max(values))}]"


def table(title: str, results: Results, columns: tuple[Column, ...]) -> Iterator[str]:
    """Yield a table with a line for each case; its CPU time is compared with that of one node."""
    yield title
    heads = "".join(f"{head:>{COLUMN}}" for head, _ in columns)
    narrow = "".join(f"{head:>{NARROW}}" for head in ("CPU by 1 node", *(head for head, _ in SHARES)))
    yield f"{'fsync':<9}{'nodes':<6}{heads}{narrow}"
    for case, outcomes in results.items():
        cells = "".join(f"{cell([read(one) for one in outcomes]):>{COLUMN}}" for _, read in columns)
        alone = results.get(Case(1, case.fsync_ms))
        cost = median(map(total_us, outcomes))
        growth = f"{cost / median(map(total_us, alone)):.2f} x" if alone else "-"
        shares = "".join(f"{median(map(read, outcomes)):>{NARROW}.0%}" for _, read in SHARES)
        yield f"+{case.fsync_ms:<5g}ms {case.nodes:<6}{cells}{growth:>{NARROW}}{shares}"


def doubts(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield what may have disturbed the measurements."""
    shares = dict(SHARES)
    if any(shares["load of a core"](one) > LOAD_LIMIT for one in outcomes):
        yield f"note: the load used over {LOAD_LIMIT:.0%} of a core: throughput is a lower bound there"
    crowded = sum(shares["busy of all"](one) > CROWDED for one in outcomes)
    if crowded:
        yield (
            f"note: over {CROWDED:.0%} of all {os.cpu_count()} cores were busy in {crowded} of "
            f"{len(outcomes)} measurements: nodes, PostgreSQL and the load waited for each other there, "
            "and more nodes could not be faster"
        )
    known = [(one.used.nodes + one.used.postgres + one.used.load, one.used) for one in outcomes]
    foreign = sum((used.machine - own) / used.wall > FOREIGN_LIMIT for own, used in known)
    if foreign:
        share = f"over {FOREIGN_LIMIT:.0%} of a core"
        yield f"note: other processes used {share} in {foreign} of {len(outcomes)} measurements"
    if any(one.joins_heard != 1 for one in outcomes):
        least, most = min(one.joins_heard for one in outcomes), max(one.joins_heard for one in outcomes)
        yield f"note: {least:.1%} to {most:.1%} of the announcements of joins came that one node makes"


def write_json(path: Path, head: str, results: dict[str, Results]) -> None:
    """Write all samples."""
    samples = [
        {"measurement": name, **asdict(case), **asdict(outcome)}
        for name, found in results.items()
        for case, outcomes in found.items()
        for outcome in outcomes
    ]
    path.write_text(json.dumps({"machine": head, "results": samples}, indent=1) + "\n")


def report(results: dict[str, Results]) -> Iterator[str]:
    """Yield everything that is printed at the end, by lines."""
    rooms = f"{BUSY.rooms} rooms of {BUSY.members}, 1 sender each, 1 in flight"
    yield from table(f"Throughput and cost: {rooms}", results["busy"], BUSY_COLUMNS)
    yield ""
    rooms = f"{RATE} messages/s in {PACED.rooms} rooms of {PACED.members}, 1 sender each"
    yield from table(f"Latency and cost: {rooms}", results["paced"], PACED_COLUMNS)
    yield ""
    yield from doubts([one for found in results.values() for outcomes in found.values() for one in outcomes])


def main() -> None:
    """Measure, print, and write the samples where that is wanted."""
    options = arguments()
    missing = missing_postgres() or missing_driver()
    if missing:
        sys.exit(missing)
    prepare()
    began = time.monotonic()
    wanted, share = cases(options), QUICK if options.quick else 1.0
    runs = 1 if options.quick else options.runs
    head = f"{described()}\nfdatasync of 8 kB takes {fdatasync_us():.0f} us"
    results = {
        "busy": measure_all(wanted, busy, BUSY_SECONDS * share, runs),
        "paced": measure_all(wanted, paced, PACED_SECONDS * share, runs),
    }
    kind = "QUICK: one short run each, not a result" if options.quick else f"{runs} interleaved runs each"
    print(f"{head}\n{kind}; {time.monotonic() - began:.0f} s in all; median [range]\n")
    print("\n".join(report(results)))
    if options.json:
        write_json(options.json, head, results)


if __name__ == "__main__":
    main()

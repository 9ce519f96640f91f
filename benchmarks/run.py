"""Measures ASSA beside a C floor and Socket.IO, in one run on this machine: see README.rst."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from build import install_socketio
from machine import BenchmarkError
from postgres import missing as missing_postgres
from prepare import described, missing_driver, prepare
from report import empty, report
from servers import COMPETITORS, Competitor
from workloads import WORKLOADS, Effort, Sample, Workload, measured

Measured = dict[str, dict[str, list[Sample]]]  # by row and competitor

QUICK = Effort(runs=1, measured_ns=250_000_000, warm_up_share=0.2)


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each: no result, a smoke test")
    parser.add_argument("--only", metavar="W1,W3", default="", help="only these workloads")
    parser.add_argument("--servers", metavar="assa,floor", default="", help="only these competitors")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument(
        "--patience", type=float, default=0, help="seconds to wait for an idle machine, each time (default 0)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    return parser.parse_args()


def chosen_workloads(only: str) -> list[Workload]:
    """Return the workloads that --only names, all without it."""
    wanted = {name for name in only.upper().split(",") if name}
    known = {row.key[:2]: workload for workload in WORKLOADS for row in workload.rows}
    if wanted - known.keys():
        sys.exit(f"--only knows {', '.join(sorted(known))}")
    chosen = [known[name] for name in wanted or known]
    return [workload for workload in WORKLOADS if workload in chosen]


def chosen_competitors(only: str) -> list[Competitor]:
    """Return the competitors that are wanted and can run here."""
    known = {competitor.key for competitor in COMPETITORS}
    wanted = set(only.lower().split(",")) if only else known
    if wanted - known:
        sys.exit(f"--servers knows {', '.join(sorted(known))}")
    for what, keys, missing in (
        ("Socket.IO", {"socketio", "sqlite", "pg"}, install_socketio),
        ("ASSA PG and S.IO+PG", {"assa-pg", "pg"}, missing_postgres),
        ("ASSA PG", {"assa-pg"}, missing_driver),
    ):
        why = missing() if wanted & keys else None
        if why:
            print(f"without {what}: {why}")
            wanted -= keys
    if not wanted:
        sys.exit("nothing is left to be measured")
    return [competitor for competitor in COMPETITORS if competitor.key in wanted]


def turns(
    workloads: list[Workload], competitors: list[Competitor], runs: int
) -> Iterator[tuple[Workload, Competitor]]:
    """Yield what to measure: competitors take turns, also in being first, so that drift hits all alike."""
    for run in range(runs):
        for workload in workloads:
            shift = run % len(competitors)
            for competitor in competitors[shift:] + competitors[:shift]:
                yield workload, competitor


def measure_all(workloads: list[Workload], competitors: list[Competitor], effort: Effort) -> Measured:
    """Measure everything and return the samples by row and competitor."""
    results = empty()
    total = effort.runs * len(workloads) * len(competitors)
    for number, (workload, competitor) in enumerate(turns(workloads, competitors, effort.runs), 1):
        sys.stderr.write(f"\r{number}/{total} {workload.key} {competitor.title:<20}")
        sys.stderr.flush()
        try:
            samples = measured(workload, competitor, effort)
        except BenchmarkError as error:
            sys.exit(f"\nFAILED: {workload.key} of {competitor.title}: {error}")
        for sample in samples:
            results[sample.row][competitor.key].append(sample)
    sys.stderr.write("\r" + " " * 40 + "\r")
    return {row: dict(columns) for row, columns in results.items()}


def write_json(path: Path, head: str, results: Measured) -> None:
    """Write all samples."""
    samples = {
        row: {competitor: [asdict(sample) for sample in found] for competitor, found in columns.items()}
        for row, columns in results.items()
    }
    path.write_text(json.dumps({"machine": head, "results": samples}, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Measure, print, and write the samples where that is wanted."""
    options = arguments()
    began = time.monotonic()
    effort = QUICK if options.quick else Effort(runs=options.runs, patience_s=options.patience)
    prepare()
    competitors = chosen_competitors(options.servers)
    head = described()
    results = measure_all(chosen_workloads(options.only), competitors, effort)
    runs = f"{effort.runs} interleaved runs each"
    kind = "QUICK: one short run each, not a result" if options.quick else runs
    print(f"{head}\n{kind}; {time.monotonic() - began:.0f} s in all\n\n{report(results)}")
    if options.json:
        write_json(options.json, head, results)


if __name__ == "__main__":
    main()

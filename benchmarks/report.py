"""The table, the ratios and the goals."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from servers import COMPETITORS, Competitor
from workloads import FOREIGN_LIMIT, WORKLOADS, Row, Sample

LOAD_LIMIT = 0.9  # of a core: above it the load may have been what was slow
SIZE_LIMIT = 0.03  # by which the bytes of a delivery may differ between competitors
COLUMN = 20
RATIOS = (  # whose cost is divided by whose, and the head of the column
    ("assa", "floor", "A/floor"),
    ("assa", "socketio", "A/S.IO"),
    ("assa", "sqlite", "A/SQL"),
    ("assa-ws", "socketio", "AW/S.IO"),
    ("assa-ws", "assa", "AW/A"),
    ("assa-pg", "pg", "AP/PG"),
)

Results = Mapping[str, Mapping[str, list[Sample]]]


@dataclass(frozen=True)
class Goal:
    """What ASSA wants to reach.

    Attributes:
        row: of the table.
        rival: the competitor that the limit is relative to; empty where it is a number of bytes.
        limit: the largest ratio, or the largest number.
        strict: the limit itself is too much.
        own: which ASSA, by the database and the way of its clients.
    """

    row: str
    rival: str
    limit: float
    strict: bool = False
    own: str = "assa"


GOALS = (
    Goal("W1/1", "floor", 1.5),
    Goal("W1/16", "floor", 3.0),
    *(Goal(row, "socketio", 1.0, strict=True) for row in ("W1/1", "W1/16", "W2", "W3", "W5", "W6", "W7")),
    *(Goal(row, "sqlite", 0.5) for row in ("W1/1", "W1/16", "W3", "W4")),
    Goal("W6", "", 12_000),
    *(Goal(row, "socketio", 0.7, own="assa-ws") for row in ("W1/1", "W1/16", "W3")),
    Goal("W5", "socketio", 1.0, strict=True, own="assa-ws"),
    Goal("W6", "", 16_000, own="assa-ws"),
    Goal("W1/1", "pg", 0.6, own="assa-pg"),
    Goal("W1/16", "pg", 0.12, own="assa-pg"),
    Goal("W3", "pg", 0.4, own="assa-pg"),
    Goal("W4", "pg", 0.3, own="assa-pg"),
)


def empty() -> defaultdict[str, defaultdict[str, list[Sample]]]:
    """Return results without samples: row, then competitor, then samples."""
    return defaultdict(lambda: defaultdict(list))


def rows() -> Iterator[Row]:
    """Yield all rows of the table in the order of their numbers."""
    yield from sorted((row for workload in WORKLOADS for row in workload.rows), key=lambda row: row.key[:2])


def middle(results: Results, row: str, competitor: str) -> float | None:
    """Return the median of the samples' values, or None without samples."""
    samples = results.get(row, {}).get(competitor)
    return median(sample.value for sample in samples) if samples else None


def shown(value: float) -> str:
    """Return a number with three digits that say something."""
    digits = next((digits for digits, limit in ((3, 1), (2, 10), (1, 100)) if value < limit), 0)
    return f"{value:,.{digits}f}"


def cell(results: Results, row: Row, competitor: str) -> str:
    """Return the median and the range of the samples' values; memory is in KB."""
    samples = results.get(row.key, {}).get(competitor)
    if not samples:
        return "-"
    scale = 1000 if row.key == "W6" else 1
    values = [sample.value / scale for sample in samples]
    return f"{shown(median(values))} [{shown(min(values))}-{shown(max(values))}]"


def ratio(results: Results, row: str, own: str, rival: str) -> float | None:
    """Return one competitor's median by the other's."""
    cost, other = middle(results, row, own), middle(results, row, rival)
    return cost / other if cost is not None and other else None


def measured(results: Results) -> list[Competitor]:
    """Return the competitors that there are samples of."""
    return [one for one in COMPETITORS if any(one.key in columns for columns in results.values())]


def line(first: str, cells: list[str], ratios: list[str]) -> str:
    """Return one line of the table."""
    columns = [f"{text:>{COLUMN}}" for text in cells] + [f"{text:>8}" for text in ratios]
    return f"{first:<60}" + "".join(columns)


def cost_table(results: Results) -> Iterator[str]:
    """Yield the table of CPU time and memory."""
    competitors = measured(results)
    yield line(
        "CPU of the server, microseconds per unit: median [range]",
        [competitor.title for competitor in competitors],
        [head for _, _, head in RATIOS],
    )
    for row in rows():
        if row.key not in results:
            continue
        unit = "KB of memory per client" if row.key == "W6" else f"us per {row.unit}"
        ratios = [ratio(results, row.key, own, rival) for own, rival, _ in RATIOS]
        yield line(
            f"{row.key:<6}{row.title}, {unit}",
            [cell(results, row, competitor.key) for competitor in competitors],
            ["-" if value is None else f"{value:.2f}" for value in ratios],
        )


def speed_table(results: Results) -> Iterator[str]:
    """Yield the table of wall throughput."""
    competitors = measured(results)
    titles = [competitor.title for competitor in competitors]
    yield line("Wall throughput, units per second: median", titles, [])
    for row in rows():
        if row.key not in results or row.key == "W6":
            continue
        cells = []
        for competitor in competitors:
            samples = results[row.key].get(competitor.key)
            cells.append(f"{median(sample.per_second for sample in samples):,.0f}" if samples else "-")
        yield line(f"{row.key:<6}{row.title}, per {row.unit}", cells, [])


def verdict(results: Results, goal: Goal) -> str:
    """Return one line that says whether a goal is reached."""
    titles = {competitor.key: competitor.title for competitor in COMPETITORS}
    own, rival = titles[goal.own], titles.get(goal.rival)
    value = ratio(results, goal.row, goal.own, goal.rival) if rival else middle(results, goal.row, goal.own)
    if not rival:
        wanted, found = f"<= {goal.limit / 1000:.0f} KB", "" if value is None else f"{value / 1000:.1f} KB"
    else:
        wanted = f"below {rival}" if goal.strict else f"<= {goal.limit:g} x {rival}"
        found = "" if value is None else f"{value:.2f} x"
    if value is None:
        return f"  {'-':<6} {own:<14} {goal.row:<6} {wanted}: not measured"
    reached = value < goal.limit if goal.strict else value <= goal.limit
    return f"  {'OK' if reached else 'MISSED':<6} {own:<14} {goal.row:<6} {wanted}: {found}"


def doubts(results: Results) -> Iterator[str]:
    """Yield what may have disturbed the measurement."""
    samples = [
        (row, competitor, sample)
        for row, columns in results.items()
        for competitor, found in columns.items()
        for sample in found
    ]
    busy = sorted({f"{row} {who}" for row, who, sample in samples if sample.load_share > LOAD_LIMIT})
    if busy:
        where = ", ".join(busy)
        yield f"note: throughput is a lower bound, the load used over {LOAD_LIMIT:.0%} of a core, in {where}"
    foreign = sum(sample.foreign_share > FOREIGN_LIMIT for _, _, sample in samples)
    if foreign:
        share = f"over {FOREIGN_LIMIT:.0%} of a core"
        yield f"note: other processes used {share} in {foreign} of {len(samples)} measurements"
    sizes = [sample.bytes_per_delivery for _, _, sample in samples if sample.bytes_per_delivery]
    if sizes:
        yield f"a delivery had {min(sizes):.0f} to {max(sizes):.0f} bytes"
        if max(sizes) > min(sizes) * (1 + SIZE_LIMIT):
            yield "note: that is not the same for all: compare with care"


def report(results: Results) -> str:
    """Return everything that is printed at the end."""
    goals = [verdict(results, goal) for goal in GOALS if goal.row in results]
    parts = [list(cost_table(results)), list(speed_table(results)), ["Goals", *goals], list(doubts(results))]
    return "\n\n".join("\n".join(part) for part in parts)

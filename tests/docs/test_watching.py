"""What docs/operations.rst tells Prometheus and nginx, and what it has of metrics and the log."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from assa.errors import Code
from assa.framing import Broken
from assa.limits import Limits
from assa.logs import json_line
from assa.visits import Visits
from tests.docs.commands import run
from tests.docs.rst import DOCS, section
from tests.docs.samples import take
from tests.operators import Operator
from tests.world import World

TOLD = "docs/operations.rst"
BOTH = (DOCS / "operations.rst", DOCS / "operations.ko.rst")
SCRAPED = yaml.safe_load(take(TOLD, "# prometheus.yml"))
RULES = take(TOLD, "# assa-alerts.yml")
LINE = take(TOLD, "a connection of user")
JSON_LINE = json.loads(take(TOLD, '{"time"'))
PROCESS = {"process_open_fds", "process_max_fds", "process_cpu_seconds_total"}
"""What Prometheus' own collector adds, where there is a /proc."""


class Browser:
    """How the client in the log of docs/operations.rst is connected."""

    kind = "websocket"
    address = "203.0.113.7"


class WatchingTests(SynchronousTestCase):
    def test_metrics(self) -> None:
        """The metrics of the table are those that there are, with their labels."""
        scraped = Operator(World()).scraped().families.values()
        there = {
            family.name if family.type == "histogram" else sample.name: set(sample.labels) - {"le"}
            for family in scraped
            for sample in family.samples
        }
        there = {name: labels for name, labels in there.items() if name.startswith("assa_")}
        there |= {
            "assa_build_info": set(),
            "assa_events_total": {"action"},
            "assa_deliveries_total": {"action"},
        }
        for path, title in zip(BOTH, ("Watching it", "지켜보기"), strict=True):
            named = re.findall(r"``(assa_\w+)(?:\{([\w,]+)\})?``", section(path, title))
            told = {name: set(filter(None, labels.split(","))) for name, labels in dict(named).items()}
            self.assertEqual(told, there, path.name)

    def test_reasons(self) -> None:
        """Each reason of a close that is no code of the protocol is explained."""
        closes = Operator(World()).scraped().families["assa_connection_closes"].samples
        reasons = {one.labels["reason"] for one in closes} - set(Code)
        reasons |= {one.value for one in Broken if one is not Broken.TOO_LONG}
        for path, title in zip(BOTH, ("The log", "로그"), strict=True):
            told = set(re.findall(r"``([^`]+)``", section(path, title)))
            self.assertEqual(reasons - told, set(), path.name)

    def test_json_line(self) -> None:
        """The line of a close that is JSON_LINE is one that the server would write."""
        times = iter([0.0, 3605.112])
        visits = Visits(lambda: 0, lambda: next(times))
        visit = visits.begin(Browser())
        visit.requests = 418
        with capturedLogs() as seen:
            visits.end(visit, "HEARTBEAT_TIMEOUT", 2)
        line = json.loads(json_line(seen[0]))
        self.assertEqual(list(JSON_LINE), list(line))
        self.assertEqual(JSON_LINE | {"time": line["time"]}, line)
        self.assertIn(JSON_LINE["event"], LINE)


class AlertTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Look at the rules, and at what there is to be scraped."""
        self.rules: list[dict[str, Any]] = yaml.safe_load(RULES)["groups"][0]["rules"]
        families = Operator(World()).scraped().families.values()
        self.samples = [sample for family in families for sample in family.samples]

    def test_metrics(self) -> None:
        """Each expression is of metrics that there are, with labels and values that they have."""
        there = {sample.name for sample in self.samples} | PROCESS | {"up"}
        labels = {(one.name, name, value) for one in self.samples for name, value in one.labels.items()}
        labels |= {("assa_connects_total", "outcome", str(code)) for code in Code}
        for rule in self.rules:
            named = re.findall(r"\b(up|(?:assa|process)_\w+)(?:\{(\w+)=~?\"([^\"]+)\"\})?", rule["expr"])
            self.assertTrue(named, rule)
            for metric, label, values in named:
                self.assertIn(metric, there)
                for value in filter(None, values.split("|")):
                    known = (metric, label, value) in labels or (label, value) == ("job", self.job())
                    self.assertTrue(known, rule["expr"])

    def job(self) -> str:
        """Return what the servers are called."""
        [job] = SCRAPED["scrape_configs"]
        self.assertTrue(job["static_configs"][0]["targets"])
        return str(job["job_name"])

    def test_told(self) -> None:
        """Each alert is explained, in both languages; the number of clients is that of the settings."""
        for path, title in zip(BOTH, ("Alerts", "알림 규칙"), strict=True):
            told = re.findall(r"^   \* - ``(Assa\w+)``", section(path, title), re.MULTILINE)
            self.assertEqual(told, [one["alert"] for one in self.rules], path.name)
        [full] = [one["expr"] for one in self.rules if one["alert"] == "AssaFull"]
        self.assertTrue(full.endswith(f" {Limits().connections}"))

    def test_prometheus(self) -> None:
        """Prometheus' own program has nothing against the rules, where there is one."""
        file = Path(self.mktemp())
        file.write_text(RULES)
        if promtool := shutil.which("promtool"):
            self.assertIn("SUCCESS", run([promtool, "check", "rules", str(file)], {}))

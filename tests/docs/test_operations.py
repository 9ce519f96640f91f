"""The commands, the requests and the settings of docs/operations.rst, on a server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from assa.errors import Code
from assa.framing import Broken
from assa.logs import json_line
from assa.visits import Visits
from tests.docs.commands import Machine, as_told, run
from tests.docs.rst import DOCS, section
from tests.docs.samples import take
from tests.docs.talker import Talker
from tests.integration.server import ROOT
from tests.operators import Operator
from tests.world import World

TOLD = "docs/operations.rst"
BOTH = (DOCS / "operations.rst", DOCS / "operations.ko.rst")
UNIT = take(TOLD, "install -D -m 644 etc/assa.toml")
TEMPLATE = take(TOLD, "systemctl disable --now assa")
START = take(TOLD, "ASSA_LIMITS__CONNECTIONS")
SECRET = take(TOLD, "python3 -c 'import secrets")
USERS = take(TOLD, "assa user")
ANNOUNCE = take(TOLD, "assa announce")
AS_ROOT = take(TOLD, "sudo STATE_DIRECTORY")
API = take(TOLD, "TOKEN=")
LINE = take(TOLD, "a connection of user")
JSON_LINE = json.loads(take(TOLD, '{"time"'))


class CommandTests(SynchronousTestCase):
    def test_install(self) -> None:
        """The units and the settings are where systemd finds them; systemd itself is not tried."""
        with as_told("twistd -n assa") as (server, environ):
            machine = Machine(server.directory, server.state)
            for block in (UNIT, TEMPLATE):
                run(f"cd {ROOT}\n{machine.typed(block)}", environ)
            there = {one.name for one in (*machine.settings.iterdir(), *machine.units.iterdir())}
            self.assertEqual(there, {"assa.toml", "assa.service", "assa@.service", "assa.target"})

    def test_start(self) -> None:
        """A server with a file and a variable, its secret made as told; the commands find both."""
        with as_told(None) as (server, environ):
            machine = Machine(server.directory, server.state)
            run(machine.typed(SECRET), environ)
            Path(machine.settings, "assa.toml").write_text(
                f'[auth]\nsecret_file = "{machine.settings}/secret"\n'
            )
            command = machine.typed(START).replace("set -e\n", "")
            server._command = ["bash", "-c", f"exec env {command}"]
            server.start()
            self.assertIn("up to date", run(machine.typed(AS_ROOT), environ))
            self.assertNotIn("development mode", server.log)

    def test_users(self) -> None:
        """Users are locked out and let in again; an announcement; the check of the settings."""
        with as_told("twistd -n assa") as (server, environ):
            out, back = USERS.splitlines()
            run(out, environ)
            with self.assertRaisesRegex(AssertionError, "AUTH_FAILED|closed"):
                Talker(server.address[1], run("assa token 123", environ).strip())
            run(back, environ)
            user = Talker(server.address[1], run("assa token 123", environ).strip())
            self.addCleanup(user.close)
            run(ANNOUNCE, environ)
            self.assertEqual(user.heard("SERVER_ANNOUNCEMENT")["title"], "Maintenance")
            self.assertTrue(run("assa check-config", environ).startswith("ok\n"))


class ApiTests(SynchronousTestCase):
    def test_admin_api(self) -> None:
        """Each request to the admin API, as it is told; the table has each of them."""
        token_of, address, *asked = API.splitlines()
        shown: list[Any] = []
        with as_told("twistd -n assa") as (server, environ):
            jun = Talker(server.address[1], run("assa token 2", environ).strip())
            self.addCleanup(jun.close)
            jun.ask("CREATE_ROOM", name="방", is_open=True)
            for command in asked:
                named = shown[0]["connections"][0]["connection_id"] if shown else ""
                line = command.replace("CONNECTION_ID", named)
                shown.append(json.loads(run(f"{token_of}\n{address}\n{line}", environ)))
        connections, user, rooms, room, closed, announced = shown
        self.assertEqual(user["sessions"][0]["session"], connections["connections"][0]["session"])
        self.assertEqual((rooms["rooms"][0]["name"], room["members_count"]), ("방", 1))
        self.assertEqual(closed, {"closed": connections["connections"][0]["connection_id"]})
        self.assertEqual(announced, {"recipients": 0})
        told = section(DOCS / "operations.rst", "The admin API")
        table = re.findall(r"^   \* - ``[A-Z]+ /admin/(\w+)", told, re.MULTILINE)
        done = [re.search(r"\$ADMIN/(\w+)", command) for command in asked]
        self.assertEqual(sorted(table), sorted(one[1] for one in done if one))


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

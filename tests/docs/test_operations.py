"""The commands, the requests and the settings of docs/operations.rst, on a server."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.commands import Machine, as_told, need, run
from tests.docs.rst import DOCS, section
from tests.docs.samples import take
from tests.docs.talker import Talker
from tests.integration.server import LOOPBACK, ROOT, free_port
from tests.integration.tls import certificate

TOLD = "docs/operations.rst"
UNIT = take(TOLD, "install -D -m 644 etc/assa.toml")
TEMPLATE = take(TOLD, "systemctl disable --now assa")
START = take(TOLD, "ASSA_LIMITS__CONNECTIONS")
SECRET = take(TOLD, "python3 -c 'import secrets")
USERS = take(TOLD, "assa user")
ANNOUNCE = take(TOLD, "assa announce")
AS_ROOT = take(TOLD, "sudo STATE_DIRECTORY")
CREDENTIALS = take(TOLD, "LoadCredential=key.pem")
SEEN = take(TOLD, "openssl s_client")
API = take(TOLD, "TOKEN=")


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


class CertificateTests(SynchronousTestCase):
    def test_endpoint(self) -> None:
        """The server finds key, certificate and chain where the unit puts them; clients verify them."""
        need("openssl", "openssl")
        [line] = [one for one in CREDENTIALS.splitlines() if one.startswith("Environment=")]
        with tempfile.TemporaryDirectory(prefix="assa-tls-") as name, as_told(None) as (server, environ):
            pem, port = certificate(Path(name)), str(free_port())
            for credential in re.findall(r"LoadCredential=([\w.]+):", CREDENTIALS):
                Path(name, credential).write_bytes(pem.read_bytes())
            endpoint = line.partition("LISTEN=")[2].replace("%d", name).replace("12345", port)
            plain = f"tcp:{server.address[1]}:interface={LOOPBACK}"
            environ["ASSA_SERVER__LISTEN"] = json.dumps([plain, f"{endpoint}:interface={LOOPBACK}"])
            server._command = ["twistd", "-n", "--pidfile=", "assa"]
            server.start()
            seen = SEEN.replace("chat.example.org:12345", f"{LOOPBACK}:{port}").replace(
                "chat.example.org", "localhost"
            )
            run(f"{seen} -CAfile {pem}", environ)
            with self.assertRaises(AssertionError):
                run(seen.replace("localhost", "example.org") + f" -CAfile {pem}", environ)


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

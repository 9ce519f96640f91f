"""The Java client against a real server: through lost connections, and through the death of the server."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.trial.unittest import TestCase

from tests.integration import tls
from tests.integration.cutting import CuttingProxy
from tests.integration.plain import Client, history, token
from tests.integration.server import Server, free_port, running
from tests.java import command

MANY, SOME = (250, 120) if os.environ.get("ASSA_EXAMPLES") != "thorough" else (2_000, 1_000)
"""Messages of each of the two."""
SPEED = 10
"""The clients' clocks go so much faster: they come back after 0.1, 0.2 and 0.4 seconds."""
_GIVE_UP_S = 90
_STEP_S = 0.02

Told = dict[str, Any]
Stored = list[tuple[int, str]]


class Talk:
    """Two Java clients who talk over a proxy that hurts, and what they have told at the end.

    Args:
        server: Where they talk.
        port: Its port.
        messages: How many each says.
        options: Further arguments of the program.
    """

    def __init__(self, server: Server, port: int, messages: int, *options: str) -> None:
        self.server = server
        self.seed = random.randrange(1_000_000)
        self.messages = messages
        self.told: Told = {}
        self._proxy = CuttingProxy(port, seed=self.seed, least=1_500, mean=12_000)
        arguments = [str(self._proxy.port), token(1), token(2), str(messages), str(SPEED), str(_GIVE_UP_S)]
        self._command = command("assa.client.TwoTalkers", *arguments, *options)

    @property
    def hurt(self) -> Counter[str]:
        """How often the proxy has done what."""
        return self._proxy.hurt

    def run(self, meanwhile: Callable[[Server], None] | None = None) -> Stored:
        """Let them talk; return the messages that are stored then.

        Args:
            meanwhile: What is done once they have begun, and are not to be ready after.
        """
        script = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        try:
            assert script.stdout is not None
            room_id = int(script.stdout.readline())
            if meanwhile is not None:
                meanwhile(self.server)
                assert script.poll() is None, "they were ready too early"
            self.told = json.loads(script.communicate(timeout=_GIVE_UP_S + 10)[0])
        except BaseException as failure:
            failure.add_note(f"seed {self.seed}")
            raise
        finally:
            script.kill()
            script.wait()
            self._proxy.close()
        with closing(Client(self.server.address, 1)) as client:
            client.connect()
            return history(client, room_id)

    def total(self, what: str) -> int:
        """Return how often something has happened to both."""
        return int(self.told["mina"][what] + self.told["jun"][what])

    def __str__(self) -> str:
        """Return what tells of a failure."""
        figures = {what: self.total(what) for what in ("online", "offline", "gaps")}
        return f"seed {self.seed}, {dict(self.hurt)}, {figures}"


class JavaClientTests(TestCase):
    def test_lost_connections(self):
        """Each message is stored once and heard once, in order, however connections are lost (§10.3)."""
        with running(rate__messages=0, rate__others=0) as server:
            talk = Talk(server, server.address[1], MANY)
            self._check(talk, talk.run())
        self.assertGreater(talk.total("online"), 10, talk)

    def test_killed_server(self):
        """Likewise when the server is killed, twice, and started again (§10.3)."""
        with running(rate__messages=0, rate__others=0) as server:
            talk = Talk(server, server.address[1], MANY)
            self._check(talk, talk.run(_kill_twice))

    def test_refused_resumes(self):
        """Likewise when the server cannot replay what was missed: it is fetched (v1.1, recovery)."""
        with running(rate__messages=0, rate__others=0, limits__replay_events=2) as server:
            talk = Talk(server, server.address[1], SOME)
            self._check(talk, talk.run())
        self.assertGreater(talk.total("gaps"), 3, talk)

    def test_sessions_gone(self):
        """Likewise when the session has gone, and one's own messages are replayed (v1.1, likewise)."""
        with running(rate__messages=0, rate__others=0, limits__session_retention=0.05) as server:
            talk = Talk(server, server.address[1], SOME)
            self._check(talk, talk.run())
        self.assertEqual(talk.total("gaps"), 0, talk)

    def test_tls(self):
        """Likewise over TLS, the certificate and the name being verified."""
        port = free_port()
        with TemporaryDirectory() as directory:
            pem = tls.certificate(Path(directory))
            authority = Path(directory) / "authority.pem"
            text = pem.read_text()
            authority.write_text(text[text.index("-----BEGIN CERTIFICATE") :])
            with running(listen=[tls.endpoint(port, pem)], rate__messages=0, rate__others=0) as server:
                talk = Talk(server, port, SOME, str(authority))
                self._check(talk, talk.run())

    def _check(self, talk: Talk, stored: Stored) -> None:
        self.assertTrue(talk.told["complete"], talk)
        self.assertGreater(sum(talk.hurt.values()), 5, talk)
        for name, other in (("mina", "jun"), ("jun", "mina")):
            own = [one for one in stored if one[1].startswith(name)]
            self.assertEqual(talk.told[name]["failed"], [], talk)
            said = [int(content.split()[0].split("-")[1]) for _, content in own]
            self.assertEqual(said, list(range(talk.messages)), talk)
            self.assertEqual([tuple(one) for one in talk.told[name]["sent"]], own, talk)
            self.assertEqual([tuple(one) for one in talk.told[other]["heard"]], own, talk)


def _kill_twice(server: Server) -> None:
    for _ in range(2):
        time.sleep(1)
        server.kill()
        server.start()

"""The Java client against a real server: through lost connections, and through the death of the server."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from twisted.trial.unittest import TestCase

from tests.integration.cutting import CuttingProxy
from tests.integration.plain import Client, history, token
from tests.integration.server import Server, running
from tests.java import command

MESSAGES = 1_000 if os.environ.get("ASSA_EXAMPLES") == "thorough" else 250
"""Of each of the two."""
SPEED = 10
"""The clients' clocks go so much faster, so that 1, 2 and 4 seconds are a tenth of it."""
_GIVE_UP_S = 60
_STEP_S = 0.05


class JavaClientTests(TestCase):
    def test_lost_connections(self):
        """Each message is stored once and heard once, in order, however connections are lost (§10.3)."""
        told, hurt = self._talk({}, _no_more)
        self.assertGreater(sum(hurt.values()), 10)
        self.assertGreater(told["mina"]["online"] + told["jun"]["online"], 10)

    def _talk(self, settings: dict[str, object], meanwhile: Callable[[Server], None]) -> tuple[Any, Any]:
        """Let two talk over a proxy that hurts; check what they heard; return that, and what was done to them."""
        seed = random.randrange(1_000_000)
        print(f"seed {seed}")
        with running(rate__messages=0, rate__others=0, **settings) as server:
            proxy = CuttingProxy(server.address[1], seed=seed, least=1_500, mean=12_000)
            with closing(proxy):
                script = subprocess.Popen(
                    command(
                        "assa.client.TwoTalkers",
                        str(proxy.port),
                        token(1),
                        token(2),
                        str(MESSAGES),
                        str(SPEED),
                        str(_GIVE_UP_S),
                    ),
                    stdout=subprocess.PIPE,
                    text=True,
                )
                try:
                    assert script.stdout is not None
                    room_id = int(script.stdout.readline())
                    meanwhile(server)
                    told = json.loads(script.communicate(timeout=_GIVE_UP_S + 10)[0])
                finally:
                    script.kill()
                    script.wait()
            with closing(Client(server.address, 1)) as client:
                client.connect()
                stored = history(client, room_id)
        print(
            {
                name: {k: v for k, v in one.items() if isinstance(v, int)}
                for name, one in told.items()
                if isinstance(one, dict)
            },
            proxy.hurt,
        )
        self._check(told, stored)
        return told, proxy.hurt

    def _check(self, told: Any, stored: list[tuple[int, str]]) -> None:
        self.assertTrue(told["complete"], told)
        for name, other in (("mina", "jun"), ("jun", "mina")):
            own = [one for one in stored if one[1].startswith(name)]
            self.assertEqual(told[name]["failed"], [])
            self.assertEqual(
                [int(content.split()[0].split("-")[1]) for _, content in own], list(range(MESSAGES))
            )
            self.assertEqual([tuple(one) for one in told[name]["sent"]], own)
            self.assertEqual([tuple(one) for one in told[other]["heard"]], own)


def _no_more(server: Server) -> None:
    """Leave the server in peace."""

"""Nodes that are killed or stand still: their clients go on at the others, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.integration.conftest import Figures
from tests.integration.nodes import cluster, load, note, postgres, restart
from tests.postgres import PostgresServer

KILLS = 6
BETWEEN = 300
"""Acknowledged messages between two kills."""


@pytest.fixture(scope="module")
def database() -> Generator[PostgresServer, None, None]:
    """Return a PostgreSQL that writes to the disk before it says so."""
    with postgres(fsync=True) as server:
        yield server


def test_kill_9_of_nodes_under_load(database: PostgresServer, figures: Figures) -> None:
    """Clients of a node that dies resume at another one: they miss nothing, and nothing comes twice (§10.3)."""
    with cluster(3, database=database.create_database()) as nodes, load(nodes, 9, senders=6) as talk:
        for place in range(KILLS):
            nodes[place % 3].kill()
            talk.progress(BETWEEN)
            restart(nodes[place % 3])
            talk.progress(BETWEEN)
        account = talk.finish()
    note(figures, talk, account, f"; {KILLS} kills")
    account.check()
    assert account.moves >= KILLS

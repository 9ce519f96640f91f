"""PostgreSQL, which several nodes share: the store, and what it is made of.

``store`` carries out groups of queries, ``statements`` is what a query sees of it, ``quoting`` puts
values into statements. ``connections`` and ``pool`` keep connections alive, ``tail`` reads what
other nodes have written, ``bell`` tells them and is told.
"""

from __future__ import annotations

from assa.storage.postgres.pool import with_password
from assa.storage.postgres.store import DIALECT, LOCK, PostgresStore

__all__ = ["DIALECT", "LOCK", "PostgresStore", "with_password"]

"""Whether the database can be used, as far as was seen lately: asking it at each request could take long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import define

from assa.storage import nodes

if TYPE_CHECKING:
    from assa.storage import Store

PROBE_S: Final = 5.0
"""How often a change is written to see whether it can be."""
_OLDEST_S: Final = 3 * PROBE_S


@define(eq=False)
class Readiness:
    """What was seen of the database.

    Args:
        store: Leads to it.
        monotonic: Seconds that never jump.
    """

    store: Store
    monotonic: Callable[[], float]
    _proved: float | None = None
    """When it was last seen to take a change, monotonic seconds."""
    _failures: int = 0
    """How many queries had failed by then."""

    async def probe(self, node: str) -> None:
        """Write a sign of life of a node.

        Raises:
            Unavailable: The database is away.
        """
        await self.store.run(nodes.stir, node)
        self.prove()

    def prove(self) -> None:
        """Take note that it has just taken a change."""
        self._proved, self._failures = self.monotonic(), self.store.groups.failures

    @property
    def problem(self) -> str:
        """Return why it cannot be used, or an empty text."""
        if self._proved is None or self.store.groups.failures != self._failures:
            return "the database is away"
        silent_s = self.monotonic() - self._proved
        return f"the database has not answered for {silent_s:.0f} s" if silent_s > _OLDEST_S else ""

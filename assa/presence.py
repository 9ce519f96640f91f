"""Who is alive: this node's lease, and those of the others (several nodes on one database).

A node that is alive changes its row every so often. The others watch it by their own monotonic
clocks, so clocks need not agree. Whoever has seen no change for the length of a lease removes the
row, in one transaction with the sessions that the node held: its users go offline once. A node
whose row is gone is refused by the store at its next query, however long it was away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from attrs import define, field

from assa.storage import nodes

if TYPE_CHECKING:
    from assa.storage import Store

BEATS_A_LEASE = 4
_STRAY_MS = 30_000


@define(eq=False)
class Presence:
    """One life of a node among the others.

    Args:
        store: Where the nodes are.
        node: The name of this life.
        lease_s: Seconds without a sign of life after which a node is given up; None: there is only this one.
        now_ms: The time, milliseconds since the epoch.
        monotonic: Seconds that never jump.
    """

    store: Store
    node: str
    lease_s: float | None
    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
    joined: bool = False
    leads: bool = False
    """Whether it does what one node does for all."""
    _seen: dict[str, tuple[int, float]] = field(factory=dict)
    """The newest beat of each other node, and when it was first seen, monotonic seconds."""
    _looked: float = 0.0

    async def join(self, lost: Callable[[str], None]) -> None:
        """Become one of the nodes.

        Args:
            lost: Called with the reason when it is no longer.

        Raises:
            Unavailable: The database is away.
        """
        query = nodes.join_alone if self.lease_s is None else nodes.join
        await self.store.run(query, self.node, self.now_ms())
        self.joined = True
        self.leads = self.lease_s is None
        self.store.fence(self.node, lost)

    async def renew(self) -> list[str]:
        """Show a sign of life, give up those who showed none, and return their names.

        Raises:
            Unavailable: The database is away: nobody can show a sign of life then.
        """
        beats = await self.store.run(nodes.renew, self.node)
        self.leads = self.node == min(beats, default=None)
        return [one for one in self._silent(beats) if await self._give_up(one)]

    def _silent(self, beats: dict[str, int]) -> list[str]:
        """Return the nodes that have shown no sign of life for the length of a lease.

        Only time in which this node was looking counts: it may have stood still itself, and while the
        database is away nobody can show one.
        """
        lease_s, now = self.lease_s or 0, self.monotonic()
        seen = self._seen if now - self._looked <= lease_s / 2 else {}
        self._looked = now
        self._seen = {
            node: seen[node] if node in seen and seen[node][0] == beat else (beat, now)
            for node, beat in beats.items()
            if node != self.node
        }
        return [node for node, (_, since) in self._seen.items() if now - since >= lease_s]

    async def _give_up(self, node: str) -> bool:
        beat, _ = self._seen.pop(node)
        return await self.store.run(nodes.give_up, node, beat, self.now_ms())

    async def tidy(self, held: Collection[str]) -> None:
        """Detach sessions that this node is said to hold and does not.

        Args:
            held: The sessions whose connections it holds.

        Raises:
            Unavailable: The database is away.
        """
        now_ms = self.now_ms()
        await self.store.run(nodes.detach_strays, self.node, held, now_ms - _STRAY_MS, now_ms)

    async def leave(self) -> None:
        """Be one of the nodes no more.

        Raises:
            Unavailable: The database is away; the others will find out.
        """
        self.joined = False
        self.store.fence(None)
        await self.store.run(nodes.leave, self.node, self.now_ms())

"""A TCP proxy that hurts connections at random: cut inside a line, reset, or silent for good."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from tests.integration.proxy import Proxy

_CHUNK = 65_536


class CuttingProxy(Proxy):
    """Lets so many bytes of each connection through, and no more.

    Args:
        port: Where to.
        seed: Of its decisions.
        least: Bytes that each direction of a connection has at least.
        mean: Bytes that it has besides, on average.
    """

    def __init__(self, port: int, *, seed: int, least: int, mean: int) -> None:
        self.hurt: Counter[str] = Counter()
        """How often it has done what."""
        self.calm = False
        """Whether it has ceased to do so."""
        self._random = random.Random(seed)
        self._least = least
        self._mean = mean
        super().__init__(port)

    async def _forward(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        flows: asyncio.Event,
        keep: Callable[[bytes], bytes],
    ) -> None:
        left = self._least + int(self._random.expovariate(1 / self._mean))
        try:
            while data := await source.read(_CHUNK):
                await flows.wait()
                if self.calm or len(data) < left:
                    left -= len(data)
                    sink.write(data)
                    await sink.drain()
                else:
                    sink.write(data[:left])
                    await self._hurt(sink, flows)
                    return
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def _hurt(self, sink: asyncio.StreamWriter, flows: asyncio.Event) -> None:
        how = self._random.choices(["closed", "reset", "silent"], [12, 6, 1])[0]
        self.hurt[how] += 1
        if how == "reset":
            sink.transport.abort()
        elif how == "silent":
            flows.clear()
            await flows.wait()  # for ever, or until the other direction ends

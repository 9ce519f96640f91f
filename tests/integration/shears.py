"""A TCP proxy that cuts each connection after some bytes, wherever that is: in the middle of a line too."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from threading import Thread
from typing import Any, Self

from tests.integration.server import LOOPBACK

_CHUNK = 4_096
_FEWEST = 300
_MOST = 40_000
_POSITION = b'"last_seq_id":"e'
_NO_POSITION = b'"last_seq_id":"x'


class Shears:
    """Forwards connections to a port of this machine, in a thread of its own, and cuts them at random.

    Args:
        port: Where to.
        seed: Of the chances.
        spoils: How often a CONNECT loses its position on the way, from 0 to 1: its resume is refused then.
            (Only over TCP without TLS; frames of WebSocket are masked.)
    """

    def __init__(self, port: int, *, seed: int, spoils: float = 0.0) -> None:
        self.cuts = 0
        """How many connections have been cut."""
        self.spoilt = 0
        """How many CONNECTs have lost their position."""
        self._target = port
        self._chance = random.Random(seed)
        self._spoils = spoils
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        opened = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, LOOPBACK, 0), self._loop)
        self._server = opened.result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        # Nobody listens there at the moment, or this is the end, of which asyncio would complain.
        with suppress(OSError, asyncio.CancelledError):
            await self._join(reader, writer)
        writer.transport.abort()
        self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self._target)
        ways = [
            asyncio.ensure_future(self._forward(reader, to_server, self._spoil)),
            asyncio.ensure_future(self._forward(from_server, writer, bytes)),
        ]
        try:
            # The first way that is cut, or ended, ends the other.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_server.transport.abort()

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, change: Any) -> None:
        left = int(_FEWEST * (_MOST / _FEWEST) ** self._chance.random())
        while data := await source.read(_CHUNK):
            sink.write(change(data)[:left])
            await sink.drain()
            left -= len(data)
            if left <= 0:
                self.cuts += 1
                break
        # What was written arrives before the end, or half of the time is lost with it.
        if self._chance.random() < 1 / 2:
            sink.close()
            await sink.wait_closed()

    def _spoil(self, data: bytes) -> bytes:
        if _POSITION not in data or self._chance.random() >= self._spoils:
            return data
        self.spoilt += 1
        return data.replace(_POSITION, _NO_POSITION)

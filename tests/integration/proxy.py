"""A TCP proxy that can fall silent without closing anything, as a firewall or a dead cable does, or cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any

from tests.integration.server import LOOPBACK

_CHUNK = 65_536
_HEADER = 5
"""Bytes before the body of a message of PostgreSQL: its type and its length."""
_NOTIFICATION = b"A"


class Notifications:
    """Cuts PostgreSQL's notifications out of what the server says, as a pooler does that never sends them.

    There must be no TLS, and none be asked for: from the first byte on the server sends messages.
    """

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, data: bytes) -> bytes:
        """Return the messages that are complete now, without the notifications."""
        self._rest += data
        kept = b""
        while len(self._rest) >= _HEADER:
            size = 1 + int.from_bytes(self._rest[1:_HEADER], "big")
            if len(self._rest) < size:
                break
            message, self._rest = self._rest[:size], self._rest[size:]
            if not message.startswith(_NOTIFICATION):
                kept += message
        return kept


class Proxy:
    """Forwards connections to a port of this machine, in a thread of its own.

    Args:
        port: Where to.
    """

    def __init__(self, port: int) -> None:
        self.opened = 0
        """How many connections there have been."""
        self.eats_notifications = False
        """Whether new connections do without notifications."""
        self.refuses = False
        """Whether new connections are closed at once."""
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._open: dict[asyncio.StreamWriter, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._wait(asyncio.start_server(self._serve, LOOPBACK, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def url(self, url: str) -> str:
        """Return the URL of a database as it is reached through this proxy."""
        return re.sub(r":\d+/", f":{self.port}/", url) + "?sslmode=disable"

    def swallow(self) -> None:
        """Let nothing more through on the connections of now, in either direction, and close nothing."""
        self._loop.call_soon_threadsafe(lambda: [flows.clear() for flows in self._open.values()])

    def cut(self) -> None:
        """Close the connections of now abruptly, as a change of networks does."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in self._open])

    def close(self) -> None:
        """End everything."""
        self._wait(self._end())
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
        self.opened += 1
        try:
            # Nobody listens there at the moment, or this is the end, of which asyncio would complain.
            with suppress(ConnectionError, asyncio.CancelledError):
                if not self.refuses:
                    await self._join(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self._target)
        flows = self._open[writer] = asyncio.Event()
        flows.set()
        keep: Callable[[bytes], bytes] = Notifications() if self.eats_notifications else bytes
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(reader, to_server, flows, bytes))
                both.create_task(self._forward(from_server, writer, flows, keep))
        finally:
            del self._open[writer]

    async def _forward(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        flows: asyncio.Event,
        keep: Callable[[bytes], bytes],
    ) -> None:
        try:
            while data := await source.read(_CHUNK):
                await flows.wait()
                sink.write(keep(data))
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

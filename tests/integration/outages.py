"""Ways in which a database goes away without ending: a disk that is full, an address that does not answer."""

from __future__ import annotations

import ctypes
import os
import socket
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from tests.integration.server import LOOPBACK

_CLONE_NEWNS = 0x20000
_MS_REC_PRIVATE = 0x44000
_CHUNK = 65_536
_MIB = 1_048_576


# --- a small disk ---


class Disk:
    """A disk of a few MiB that only one thread of this process sees, and what that one starts.

    It ends with the last of them, so nothing is left on the machine.

    Args:
        mib: Its size.

    Raises:
        PermissionError: Nobody but root may have one, and not everywhere.
    """

    def __init__(self, mib: int) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._place = tempfile.TemporaryDirectory(prefix="assa-disk-")
        self.directory = Path(self._place.name)
        try:
            self.run(self._mount, f"size={mib}m,mode=755")
        except PermissionError:
            self.close()
            raise

    def _mount(self, options: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        place = os.fsencode(self.directory)
        for status in (
            lambda: libc.unshare(_CLONE_NEWNS),
            lambda: libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None),
            lambda: libc.mount(b"tmpfs", place, b"tmpfs", ctypes.c_ulong(0), options.encode()),
        ):
            if status():
                raise PermissionError(ctypes.get_errno(), "no disk of our own here")

    def run(self, call: Callable[..., Any], *args: object, **options: object) -> Any:
        """Call something that sees the disk, and return its result."""
        return self._thread.submit(call, *args, **options).result()

    def fill(self) -> None:
        """Leave no room."""
        self.run(self._fill)

    def _fill(self) -> None:
        with (self.directory / "ballast").open("wb", buffering=0) as ballast:
            for size in (_MIB, 4_096):
                with suppress(OSError):
                    while ballast.write(bytes(size)) == size:
                        pass

    def clear(self) -> None:
        """Make room again."""
        self.run((self.directory / "ballast").unlink)

    def close(self) -> None:
        """End the thread; what it sees is removed with it."""
        self._thread.shutdown()
        self._place.cleanup()


# --- an address ---


class Gate:
    """An address that leads to a server, or takes connections and never answers.

    Args:
        port: The server's, on the loopback interface.
        is_open: Whether it leads there.
    """

    def __init__(self, port: int, *, is_open: bool) -> None:
        self._to = (LOOPBACK, port)
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        self.asked = 0
        self._is_open = is_open
        self._sockets: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        """Lead new connections to the server."""
        self._is_open = True

    def shut(self) -> None:
        """Break all connections; new ones get no answer."""
        self._is_open = False
        self._break()

    def close(self) -> None:
        """Be gone."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._break()

    def _break(self) -> None:
        broken, self._sockets = self._sockets, []
        for one in broken:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listening.accept()[0]
                self.asked += 1
                self._sockets.append(client)
                if self._is_open:
                    server = socket.create_connection(self._to)
                    self._sockets.append(server)
                    for ends in ((client, server), (server, client)):
                        Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(port: int, *, is_open: bool) -> Generator[Gate, None, None]:
    """Have a gate as long as the block lasts."""
    one = Gate(port, is_open=is_open)
    try:
        yield one
    finally:
        one.close()

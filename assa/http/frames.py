"""WebSocket frames (RFC 6455): messages out of what arrives, and lines into frames. No Twisted.

The protocol's core is that of the library `websockets`, which checks frames, masks and sizes while they
arrive. What is here adds turns (a client's frames are looked at a part at a time) and makes the frames of
a broadcast once for everybody who hears it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from websockets.frames import CloseCode, Frame, Opcode

from assa.framing import Broken

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

_PART: Final = 512
"""Bytes that are looked at in one go: not more than a hundred frames."""


class Messages:
    """Collects bytes and gives out text messages, see :class:`assa.connection.Incoming`.

    Args:
        protocol: The connection's core, its handshake done.
        reply: Sends frames that answer frames.
    """

    def __init__(self, protocol: ServerProtocol, reply: Callable[[bytes], None]) -> None:
        self._protocol = protocol
        self._reply = reply
        self._bytes = bytearray()
        self._ready: deque[bytes | Broken] = deque()
        self._fragments: list[bytes | bytearray | memoryview] = []

    @property
    def limit(self) -> int:
        """Bytes of the longest message."""
        return self._protocol.max_message_size or 0

    @limit.setter
    def limit(self, limit: int) -> None:
        self._protocol.max_message_size = limit

    def __len__(self) -> int:
        """Return how much waits: bytes that have not been looked at, and messages that were not taken."""
        return len(self._bytes) + len(self._ready)

    def feed(self, data: bytes) -> None:
        """Add a chunk as it came from the connection."""
        self._bytes += data

    def next(self) -> bytes | Broken | None:
        """Return the next message, what is wrong, or None: feed more.

        An empty one stands for a part in which no message was completed.
        """
        if not self._ready and self._bytes:
            part = bytes(self._bytes[:_PART])
            del self._bytes[:_PART]
            self._look_at(part)
            if not self._ready and self._bytes:
                return b""
        return self._ready.popleft() if self._ready else None

    def _look_at(self, part: bytes) -> None:
        self._protocol.receive_data(part)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if self._protocol.parser_exc is not None:
            self._ready.append(Broken.INVALID)
            self._bytes.clear()
        self.flush()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "expected text frames")
            self._ready.append(Broken.INVALID)
        elif frame.opcode is Opcode.CLOSE:
            self._ready.append(Broken.CLOSED)
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._join(frame)

    def _join(self, frame: Frame) -> None:
        if frame.data:
            self._fragments.append(frame.data)
        if not frame.fin:
            return
        message = b"".join(self._fragments)
        self._fragments.clear()
        if message.isascii() or _is_text(message):
            self._ready.append(message)
        else:
            self._protocol.fail(CloseCode.INVALID_DATA, "expected UTF-8")
            self._ready.append(Broken.INVALID)

    def skip(self, data: bytes) -> None:
        """Look at what waits and at a last chunk for nothing but a Close frame."""
        self._protocol.receive_data(bytes(self._bytes) + data)
        self._bytes.clear()
        self._protocol.events_received()
        self._protocol.data_to_send()

    def flush(self) -> None:
        """Send the frames that the core has ready."""
        for data in self._protocol.data_to_send():
            if data:  # an empty one would end the connection, which is decided elsewhere
                self._reply(data)


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


class SharedFrames:
    """Turns lines into text frames, once for all who hear the same lines: a server's frames are unmasked."""

    def __init__(self) -> None:
        self._lines = self._frames = b""

    def of(self, lines: bytes) -> bytes:
        """Return the frames of lines that end in LF."""
        if lines is not self._lines:
            self._frames = b"".join([frame(line) for line in lines.split(b"\n") if line])
            self._lines = lines
        return self._frames


def frame(line: bytes) -> bytes:
    """Return the text frame of a line without its LF."""
    return Frame(Opcode.TEXT, line).serialize(mask=False)

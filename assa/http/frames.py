"""WebSocket frames (RFC 6455): messages out of what arrives, and lines into frames. No Twisted.

The protocol's core is that of the library `websockets`, which checks frames, masks and sizes while they
arrive. What is here gives it one frame at a time, so that each frame has a turn of its own, and makes the
frames of a broadcast once for everybody who hears it.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from websockets.frames import CloseCode, Frame, Opcode

from assa.framing import Broken

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

_BLANK: Final = 1_024
"""Bytes of a blank message that is ignored, at most."""
_LAST_FRAMES: Final = 256
"""Frames that are looked at for a Close frame once the server has sent its own."""


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
        self._left = 0
        """Bytes of the frame that has begun which have not arrived."""
        self._begun = bytearray()
        """The message that has begun: a list of its fragments could take a hundred times their bytes."""
        self._last_frames = _LAST_FRAMES

    @property
    def limit(self) -> int:
        """Bytes of the longest message."""
        return self._protocol.max_message_size or 0

    @limit.setter
    def limit(self, limit: int) -> None:
        self._protocol.max_message_size = limit

    @property
    def over(self) -> bool:
        """Return whether nothing more is expected: a Close frame has come, or what came broke the rules."""
        return self._protocol.eof_sent

    def __len__(self) -> int:
        """Return how many bytes wait."""
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Add a chunk as it came from the connection."""
        self._bytes += data

    def next(self) -> bytes | Broken | None:
        """Return the next message, what is wrong, or None: feed more.

        An empty one stands for a frame that completed no message; one of a little blank space comes as an
        empty one too.
        """
        found = self._look_at_frame()
        self.flush()
        return found

    def _look_at_frame(self) -> bytes | Broken | None:
        size = self._left or _size(self._bytes)
        if not size or self.over:
            return None
        part = self._bytes[:size]
        del self._bytes[:size]
        self._left = size - len(part)
        self._protocol.receive_data(part)
        frames = [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        if frames:
            return self._take(frames[0])
        return None if self._protocol.parser_exc is None else self._fail()

    def _take(self, frame: Frame) -> bytes | Broken:
        if frame.opcode is Opcode.CLOSE:
            return Broken.CLOSED
        if frame.opcode is Opcode.BINARY:
            return self._fail(CloseCode.UNSUPPORTED_DATA, "expected text frames")
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT):
            return b""
        if not frame.fin:
            self._begun += frame.data
            return b""
        return self._complete(frame)

    def _complete(self, frame: Frame) -> bytes | Broken:
        if frame.opcode is Opcode.CONT:
            self._begun += frame.data
            message, self._begun = bytes(self._begun), bytearray()
        else:
            message = bytes(frame.data)
        if not (message.isascii() or _is_text(message)):
            return self._fail(CloseCode.INVALID_DATA, "expected UTF-8")
        message = message.removeprefix(BOM_UTF8)
        # Compressed, a long one is a few bytes: it is looked at, and paid for, as any other message.
        return b"" if len(message) <= _BLANK and message.isspace() else message

    def _fail(self, code: CloseCode | None = None, reason: str = "") -> Broken:
        """Give up on the client; without a code the core has done so, and said why."""
        if code is not None:
            self._protocol.fail(code, reason)
        self._bytes.clear()
        self._begun.clear()
        return Broken.INVALID

    def skip(self, data: bytes) -> None:
        """Look at what waits and at a last chunk for nothing but a Close frame, and not without end."""
        self._bytes += data
        while self._last_frames and self._look_at_frame() is not None:
            self._last_frames -= 1
        self._protocol.data_to_send()  # it answers PINGs, which is too late now
        if self.over or not self._last_frames:  # nothing is looked at any more: it is not kept either
            self._bytes.clear()

    def flush(self) -> None:
        """Send the frames that the core has ready."""
        for data in self._protocol.data_to_send():
            if data:  # an empty one would end the connection, which is decided elsewhere
                self._reply(data)


_HEADER: Final = 2
_MASK: Final = 4
_LENGTH_BYTES: Final = {126: 2, 127: 8}


def _size(data: bytearray) -> int:
    """Return how many bytes the frame has that begins here, 0 where its header is not complete."""
    if len(data) < _HEADER:
        return 0
    masked, length = data[1] & 0x80, data[1] & 0x7F
    more = _LENGTH_BYTES.get(length, 0)
    if more:
        if len(data) < _HEADER + more:
            return 0
        length = int.from_bytes(data[_HEADER : _HEADER + more])
    return _HEADER + more + (_MASK if masked else 0) + length


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
        """Return the frames of events, which others are about to hear as well."""
        if lines is not self._lines:
            self._frames = framed(lines)
            self._lines = lines
        return self._frames


def framed(lines: bytes) -> bytes:
    """Return the text frames of lines that end in LF."""
    return b"".join([Frame(Opcode.TEXT, line).serialize(mask=False) for line in lines.split(b"\n") if line])

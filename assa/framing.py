"""Lines out of chunks of bytes, in time linear in their size (protocol v1.1 framing). Pure.

Twisted's own LineReceiver searches and copies its whole buffer for every chunk, so one long line in
small pieces keeps the reactor busy for a long time. Here each byte is looked at once.
"""

from __future__ import annotations

from enum import Enum

_LF = b"\n"
_BOM = b"\xef\xbb\xbf"


class Broken(Enum):
    """What can be wrong with a message before it is complete; all but the first close the connection."""

    TOO_LONG = "too long"
    """Reported once; the rest of the line is thrown away as it comes."""
    ENDLESS = "endless line"
    """Still no line end long after it was too long."""
    CLOSED = "closed by the client"
    """WebSocket: it has sent a Close frame."""
    INVALID = "invalid frames"
    """WebSocket: what came broke its rules, and a Close frame that says so waits to be sent."""


class LineBuffer:
    """Collects bytes and gives out lines.

    Args:
        limit: Bytes of the longest line, without its terminator; may be changed at any time.
        endless: Bytes after which an over-long line is reported as :attr:`Broken.ENDLESS`.
    """

    def __init__(self, *, limit: int, endless: int) -> None:
        self.limit = limit
        self._endless = endless
        self._bytes = bytearray()
        self._searched = 0
        self._thrown_away = 0

    def __len__(self) -> int:
        """Return how many bytes wait."""
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Add a chunk as it came from the connection."""
        self._bytes += data

    def next(self) -> bytes | Broken | None:
        """Return the next line, what is wrong with it, or None: feed more.

        A line comes without CR, LF and BOM. A blank one comes too, as an empty one: it is to be
        ignored, but whoever sends a million of them must not get them looked at in one go.
        """
        while True:
            end = self._bytes.find(_LF, self._searched)
            if end < 0:
                return self._incomplete()
            if self._thrown_away:
                self._drop(end + 1)
                self._thrown_away = 0
                continue
            length = end - 1 if end and self._bytes[end - 1] == ord("\r") else end
            if length > self.limit:
                self._drop(end + 1)
                return Broken.TOO_LONG
            line = bytes(self._bytes[:length])
            self._drop(end + 1)
            line = line.removeprefix(_BOM)
            return line if line.strip() else b""

    def _incomplete(self) -> Broken | None:
        size = self._searched = len(self._bytes)
        if self._thrown_away == 0 and size <= self.limit + 1:  # one byte more may be a CR
            return None
        first = self._thrown_away == 0
        self._thrown_away += size
        self._drop(size)
        if first:
            return Broken.TOO_LONG
        return Broken.ENDLESS if self._thrown_away > self._endless else None

    def _drop(self, size: int) -> None:
        # Deleting from the front of a bytearray moves its start: the rest is not copied.
        del self._bytes[:size]
        self._searched = 0

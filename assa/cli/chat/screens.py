"""Standard input and output as the place of a conversation: a terminal, or pipes."""

from __future__ import annotations

import os
import shutil
import sys
import termios
from collections.abc import Mapping
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer

from assa.cli.chat.editor import EndOfInput, LineEditor
from assa.cli.options import CommandError
from assa.framing import Broken, LineBuffer

_LINE_BYTES: Final = 1_048_576
_INPUT, _OUTPUT = 0, 1
_DRAIN_S: Final = 2.0


class Listener(Protocol):
    """Who gets what was typed."""

    def entered(self, line: str) -> None:
        """Take a line."""

    def overlong(self) -> None:
        """Take note that a line was too long."""

    def ended(self) -> None:
        """Take note that there will be no more."""


@implementer(IHalfCloseableProtocol)
class PipeScreen(TwistedProtocol):
    """Lines in, lines out: for pipes and files, and for terminals that can do no more."""

    listener: Listener

    def __init__(self) -> None:
        self._lines = LineBuffer(limit=_LINE_BYTES, endless=2**62)
        self._gone: Deferred[None] = Deferred()

    def show(self, line: str) -> None:
        """Write a line."""
        self._write(f"{line}\n")

    def prompt(self, text: str) -> None:
        """Need no prompt."""

    def _write(self, text: str) -> None:
        if self.transport is not None and not self._gone.called:
            self.transport.write(text.encode(errors="replace"))

    def dataReceived(self, data: bytes) -> None:
        """Take lines in."""
        self._lines.feed(data)
        while (line := self._lines.next()) is not None:
            if line == b"":
                continue
            if isinstance(line, bytes):
                self.listener.entered(line.decode(errors="replace"))
            elif line is Broken.TOO_LONG:
                self.listener.overlong()

    def readConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """Take the end of the input for the end."""
        self.dataReceived(b"\n")  # the last line may have none
        self.listener.ended()

    def writeConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """End when nobody reads any more."""
        self.connectionLost()
        self.listener.ended()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Take note that all is written."""
        if not self._gone.called:
            self._gone.callback(None)

    async def close(self, reactor: Any) -> None:
        """Write what waits, for a while at most, and close."""
        if self.transport is not None and not self._gone.called:
            self._gone.addTimeout(_DRAIN_S, reactor, onTimeoutCancel=lambda _, __: None)
            self.transport.loseConnection()
            await self._gone


class TerminalScreen(PipeScreen):
    """A terminal: what arrives appears above the line that is being typed.

    Args:
        editor: That line.
    """

    def __init__(self, editor: LineEditor) -> None:
        super().__init__()
        self._editor = editor

    def show(self, line: str) -> None:
        """Write a line above the one that is being typed."""
        self._write(f"{self._editor.erase()}{line}\r\n{self._editor.draw()}")

    def prompt(self, text: str) -> None:
        """Change what stands before the line that is being typed."""
        erased = self._editor.erase()
        self._editor.prompt = text
        self._write(f"{erased}{self._editor.draw()}")

    def dataReceived(self, data: bytes) -> None:
        """Take keys."""
        self._write(self._editor.erase())
        try:
            for line in self._editor.type(data):
                if line.strip():
                    self.listener.entered(line)
        except EndOfInput:
            self.listener.ended()
        self._write(f"{self._editor.erase()}{self._editor.draw()}")  # somebody may have drawn it meanwhile

    async def close(self, reactor: Any) -> None:
        """Remove the line that was being typed, and close."""
        self._write(self._editor.erase())
        await super().close(reactor)


class StandardStreams:
    """This process's standard input and output, which other programs share: they get them back as they were.

    Args:
        environ: `TERM` says what the terminal can do.

    Raises:
        CommandError: They are closed.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        if sys.stdin is None or sys.stdout is None:  # closed by who started us
            raise CommandError("standard input and output are needed to chat")
        capable = environ.get("TERM", "dumb") != "dumb"
        self.interactive = capable and sys.stdin.isatty() and sys.stdout.isatty()
        self._blocking = {fd: os.get_blocking(fd) for fd in (_INPUT, _OUTPUT)}
        self._attributes = termios.tcgetattr(_INPUT) if self.interactive else None

    def make_screen(self) -> PipeScreen:
        """Return the screen for these streams."""
        if not self.interactive:
            return PipeScreen()
        return TerminalScreen(LineEditor(lambda: shutil.get_terminal_size().columns))

    def open(self, screen: PipeScreen, reactor: Any) -> None:
        """Connect the screen."""
        if self._attributes is not None:
            keys = termios.tcgetattr(_INPUT)
            keys[3] &= ~(termios.ICANON | termios.ECHO)  # Ctrl-C and Ctrl-Z stay signals
            keys[6][termios.VMIN], keys[6][termios.VTIME] = 1, 0
            termios.tcsetattr(_INPUT, termios.TCSADRAIN, keys)
        connect: Any = StandardIO  # mypy sees the one for Windows, which has fewer arguments
        # Twisted closes what it is given.
        connect(screen, stdin=os.dup(_INPUT), stdout=os.dup(_OUTPUT), reactor=reactor)

    def restore(self) -> None:
        """Leave them as they were found."""
        for fd, blocking in self._blocking.items():
            os.set_blocking(fd, blocking)
        if self._attributes is not None:
            termios.tcsetattr(_INPUT, termios.TCSADRAIN, self._attributes)

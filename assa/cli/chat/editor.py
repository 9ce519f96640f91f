"""A line of input that can be edited while other lines appear above it. Pure: keys in, pictures out.

The terminal's own line editing would mix what is being typed with what arrives meanwhile.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

_HISTORY: Final = 500
_SEQUENCE: Final = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|O[@-~]|[^\[O])")
_UNFINISHED: Final = re.compile(r"\x1b(\[[0-9;?]*[ -/]*|O)?\Z")
_LONGEST_SEQUENCE: Final = 32
_END_OF_INPUT: Final = "\x04"


class EndOfInput(Exception):  # noqa: N818 - it is no error
    """The user has pressed Ctrl-D on an empty line."""


def cells(character: str) -> int:
    """Return how many columns a character takes."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def place(text: str, columns: int) -> tuple[int, int]:
    """Return the row and column at which the cursor is after a text, both from 0."""
    row = column = 0
    for character in text:
        width = cells(character)
        if column + width > columns:  # a wide one does not fit into the last column
            row, column = row + 1, 0
        column += width
    return (row + 1, 0) if column >= columns else (row, column)


class LineEditor:
    """The line that is being typed.

    Args:
        columns: Returns the width of the terminal.
    """

    def __init__(self, columns: Callable[[], int]) -> None:
        self.prompt = ""
        self._columns = columns
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._text = ""
        self._cursor = 0
        self._drawn_row = 0
        self._history: list[str] = []
        self._recalled = 0
        self._keys: dict[str, Callable[[], None]] = {
            "\x01": self._home, "[H": self._home, "[1~": self._home, "OH": self._home,
            "\x05": self._end, "[F": self._end, "[4~": self._end, "OF": self._end,
            "\x02": self._left, "[D": self._left, "OD": self._left,
            "\x06": self._right, "[C": self._right, "OC": self._right,
            "\x10": self._older, "[A": self._older, "OA": self._older,
            "\x0e": self._newer, "[B": self._newer, "OB": self._newer,
            "\x7f": self._backspace, "\x08": self._backspace,
            "[3~": self._delete, _END_OF_INPUT: self._delete,
            "\x15": self._cut_before, "\x0b": self._cut_after, "\x17": self._cut_word,
        }  # fmt: skip

    # --- keys ---

    def type(self, data: bytes) -> Iterator[str]:
        """Take what was typed and yield the lines that are complete.

        Raises:
            EndOfInput: Ctrl-D on an empty line.
        """
        self._pending += self._decoder.decode(data)
        while self._pending:
            key = self._next_key()
            if key is None:
                return
            if key in "\r\n":
                yield self._entered()
            elif key == _END_OF_INPUT and not self._text:
                raise EndOfInput
            elif key in self._keys:
                self._keys[key]()
            elif len(key) == 1 and (key.isprintable() or cells(key) == 0):
                self._insert(key)

    def _next_key(self) -> str | None:
        """Return a character, or what follows ESC; None: it has not come as a whole yet."""
        if self._pending[0] != "\x1b":
            key, self._pending = self._pending[0], self._pending[1:]
            return key
        if sequence := _SEQUENCE.match(self._pending):
            self._pending = self._pending[sequence.end() :]
            return sequence[1] if len(sequence[1]) > 1 else "\x00"
        if _UNFINISHED.match(self._pending) and len(self._pending) < _LONGEST_SEQUENCE:
            return None
        self._pending = self._pending[1:]
        return "\x00"

    def _entered(self) -> str:
        line, self._text, self._cursor = self._text, "", 0
        if line.strip() and self._history[-1:] != [line]:
            self._history = [*self._history[-_HISTORY:], line]
        self._recalled = len(self._history)
        return line

    def _insert(self, character: str) -> None:
        self._text = self._text[: self._cursor] + character + self._text[self._cursor :]
        self._cursor += 1

    def _backspace(self) -> None:
        if self._cursor:
            self._cursor -= 1
            self._delete()

    def _delete(self) -> None:
        self._text = self._text[: self._cursor] + self._text[self._cursor + 1 :]

    def _left(self) -> None:
        self._cursor = max(0, self._cursor - 1)

    def _right(self) -> None:
        self._cursor = min(len(self._text), self._cursor + 1)

    def _home(self) -> None:
        self._cursor = 0

    def _end(self) -> None:
        self._cursor = len(self._text)

    def _cut_before(self) -> None:
        self._text, self._cursor = self._text[self._cursor :], 0

    def _cut_after(self) -> None:
        self._text = self._text[: self._cursor]

    def _cut_word(self) -> None:
        kept = self._text[: self._cursor].rstrip()
        kept = kept[: kept.rfind(" ") + 1]
        self._text, self._cursor = kept + self._text[self._cursor :], len(kept)

    def _older(self) -> None:
        self._recall(self._recalled - 1)

    def _newer(self) -> None:
        self._recall(self._recalled + 1)

    def _recall(self, number: int) -> None:
        if 0 <= number <= len(self._history):
            self._recalled = number
            self._text = [*self._history, ""][number]
            self._cursor = len(self._text)

    # --- pictures ---

    def erase(self) -> str:
        """Return what removes the line from the terminal, the cursor at its beginning."""
        up = f"\x1b[{self._drawn_row}A" if self._drawn_row else ""
        self._drawn_row = 0
        return f"\r{up}\x1b[J"

    def draw(self) -> str:
        """Return what shows the line, with the cursor where the next character goes."""
        columns = max(2, self._columns())
        whole = self.prompt + self._text
        last_row, last_column = place(whole, columns)
        row, column = place(self.prompt + self._text[: self._cursor], columns)
        self._drawn_row = row
        # After the last column a terminal waits for one more character before it begins a new row.
        wrap = "\r\n" if last_row and not last_column else ""
        up = f"\x1b[{last_row - row}A" if last_row > row else ""
        right = f"\x1b[{column}C" if column else ""
        return f"{whole}{wrap}{up}\r{right}"

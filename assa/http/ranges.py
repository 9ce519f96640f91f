"""The Range of a request (RFC 9110, section 14)."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


class Unsatisfiable(Exception):  # noqa: N818 - an answer, no defect
    """A range that lies outside.

    Args:
        size: Bytes that there are.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte of a range and the one behind its last; None: all of it.

    What is no single range of bytes is ignored, as the standard allows.

    Raises:
        Unsatisfiable: It lies outside.
    """
    found = _ONE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:  # the last so many
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None  # which is no range at all
    if start >= end:
        raise Unsatisfiable(size)
    return start, end

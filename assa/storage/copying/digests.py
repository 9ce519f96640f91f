"""What verifies a copy: for each table, the number of rows and a checksum over them in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import orjson
from attrs import frozen

from assa.storage import Row

_STEP: Final = 1_000


@frozen
class Digest:
    """All rows of a table in the order of their keys.

    Args:
        rows: How many.
        sha256: Of the rows, each as a line of JSON with all columns; hexadecimal.
    """

    rows: int
    sha256: str


def digest(rows: Iterable[Row], progress: Callable[[int], None]) -> Digest:
    """Return the digest of rows; `progress` is told now and then how many there were."""
    count, checksum = 0, hashlib.sha256()
    for row in rows:
        checksum.update(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        count += 1
        if count % _STEP == 0:
            progress(count)
    return Digest(count, checksum.hexdigest())

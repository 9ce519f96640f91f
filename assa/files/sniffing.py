"""What a file is by its first bytes, whatever its name or its sender say.

By `filetype`, which needs no C library and takes a microsecond. Of HEIC it knows one brand out of several, so
they are looked at here (ISO/IEC 23008-12, annexes B and E).
"""

from __future__ import annotations

from typing import Final

import filetype  # type: ignore[import-untyped]  # it has no types

HEAD_BYTES: Final = 8_192
"""What is looked at."""
_HEVC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
"""Brands of images and sequences of them that are coded with HEVC, which is what makes HEIF HEIC."""
_STRUCTURAL: Final = (b"mif1", b"mif2", b"msf1")
"""Brands that say nothing about the coding: one of the others does."""
_BRANDS: Final = 16
_ALSO: Final = {"image/apng": "image/png"}
"""An animated PNG is a PNG: browsers name it so."""


def type_of(head: bytes) -> str | None:
    """Return the MIME type of a content by its first `HEAD_BYTES` bytes, or None."""
    if head[4:8] == b"ftyp":
        return "image/heic" if _is_heic(head) else None
    kind: str | None = filetype.guess_mime(head[:HEAD_BYTES])
    return _ALSO.get(kind or "", kind)


def _is_heic(head: bytes) -> bool:
    """Return whether the first box of an ISO base media file names a brand of HEVC."""
    size = int.from_bytes(head[:4])
    if not _BRANDS <= size <= len(head) or size % 4:
        return False
    major = head[8:12]
    others = {head[place : place + 4] for place in range(_BRANDS, size, 4)}
    return major in _HEVC or (major in _STRUCTURAL and not _HEVC.isdisjoint(others))

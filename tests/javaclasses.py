"""What the class files of Java programs use of the platform, and whether an older platform has it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from attrs import frozen

_UTF8, _LONG, _DOUBLE, _CLASS, _NAME_AND_TYPE = 1, 5, 6, 7, 12
_MEMBER = (9, 10, 11)
"""A field, a method, a method of an interface."""
_SIZES = (
    dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4)
    | dict.fromkeys((7, 8, 16, 19, 20), 2)
    | {5: 8, 6: 8, 15: 3}
)
"""Bytes of each kind of constant but text, after the byte that names the kind (JVMS 4.4)."""

Constants = dict[int, tuple[int, Any, Any]]
"""By index: the kind; a text, or one index or two of other constants."""
Member = tuple[str, str, str]
"""The class, the name and the type of a field or a method."""


@frozen
class ClassFile:
    """A class file, as far as it is of interest here."""

    parents: tuple[str, ...]
    members: frozenset[tuple[str, str]]
    uses: frozenset[Member]


def read(data: bytes) -> ClassFile:
    """Read a class file (JVMS 4.1)."""
    constants, at = _constants(data)

    def text(index: int) -> str:
        return str(constants[index][1])

    def name(index: int) -> str:
        return text(constants[index][1])

    parents, at = _parents(data, at)
    members = set()
    for _ in range(2):  # the fields, then the methods
        (count,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(count):
            _, named, typed, attributes = struct.unpack_from(">4H", data, at)
            members.add((text(named), text(typed)))
            at = _skip(data, at + 8, attributes)
    uses = set()
    for kind, first, second in constants.values():
        if kind in _MEMBER:
            _, named, typed = constants[second]
            uses.add((name(first), text(named), text(typed)))
    return ClassFile(tuple(name(one) for one in parents if one), frozenset(members), frozenset(uses))


def _constants(data: bytes) -> tuple[Constants, int]:
    (count,) = struct.unpack_from(">H", data, 8)
    constants: Constants = {}
    index, at = 1, 10
    while index < count:
        kind = data[at]
        if kind == _UTF8:
            (size,) = struct.unpack_from(">H", data, at + 1)
            constants[index] = kind, data[at + 3 : at + 3 + size].decode("utf-8", "replace"), None
            at += 3 + size
        else:
            two = _SIZES[kind] == 4
            numbers = struct.unpack_from(">HH" if two else ">H", data, at + 1)
            constants[index] = kind, numbers[0], numbers[1] if two else None
            at += 1 + _SIZES[kind]
        index += 2 if kind in (_LONG, _DOUBLE) else 1
    return constants, at


def _parents(data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """Return the superclass and the interfaces."""
    _, _, above, count = struct.unpack_from(">4H", data, at)
    return (above, *struct.unpack_from(f">{count}H", data, at + 8)), at + 8 + 2 * count


def _skip(data: bytes, at: int, attributes: int) -> int:
    for _ in range(attributes):
        (size,) = struct.unpack_from(">I", data, at + 2)
        at += 6 + size
    return at


class Platform:
    """The classes of a version of Java, as a JDK remembers them for `javac --release`.

    Args:
        symbols: The JDK's `lib/ct.sym`.
        release: One character: 8, 9, A for 10 and so on.
    """

    def __init__(self, symbols: Path, release: str) -> None:
        self._zip = ZipFile(symbols)
        self._names = {
            name.split("/", 2)[2].removesuffix(".sig"): name
            for name in self._zip.namelist()
            if name.endswith(".sig") and release in name.split("/")[0] and "-" not in name.split("/")[0]
        }
        self._read = cache(lambda name: read(self._zip.read(self._names[name])))

    def has(self, member: Member) -> bool:
        """Return whether it has a field or a method, or its class inherits it."""
        name, named, typed = member
        if name not in self._names:
            return False
        found = self._read(name)
        return (named, typed) in found.members or any(self.has((one, named, typed)) for one in found.parents)


def used(classes: Path) -> Iterator[Member]:
    """Yield what the class files below a directory use of the platform."""
    for path in classes.rglob("*.class"):
        for member in read(path.read_bytes()).uses:
            if member[0].startswith(("java/", "javax/")):
                yield member

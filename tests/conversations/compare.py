"""Compares messages: with what a script expects, and with the examples of the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from difflib import ndiff
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_EVENT = re.compile(r"e[1-9]\d*")
KINDS = {
    "id": lambda value: type(value) is int and 0 < value < 2**53,
    "number": lambda value: type(value) is int,
    "text": lambda value: type(value) is str and value != "",
    "time": lambda value: type(value) is str and _TIME.fullmatch(value) is not None,
    "event": lambda value: type(value) is str and _EVENT.fullmatch(value) is not None,
    "signal": lambda value: type(value) is str and value != "" and _EVENT.fullmatch(value) is None,
}


def said(pattern: Any, names: dict[str, Any]) -> Any:
    """Return a message with its placeholders replaced.

    Raises:
        KeyError: A name stands for nothing yet.
    """
    if isinstance(pattern, dict):
        return {key: said(value, names) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return [said(one, names) for one in pattern]
    if isinstance(pattern, str) and pattern.startswith("$"):
        return names[pattern[1:].rpartition(":")[2]]
    return pattern


def expected(pattern: Any, heard: Any, names: dict[str, Any]) -> Any:
    """Return what should have been heard: placeholders that fit are replaced with what was.

    Names that stand for nothing yet are added to `names`.
    """
    if isinstance(pattern, dict):
        own = heard if isinstance(heard, dict) else {}
        return {key: expected(value, own.get(key), names) for key, value in pattern.items()}
    if isinstance(pattern, list):
        items = heard if isinstance(heard, list) else []
        known = [*items, *[None] * (len(pattern) - len(items))]
        return [expected(one, item, names) for one, item in zip(pattern, known, strict=False)]
    if isinstance(pattern, str) and pattern.startswith("$"):
        return _fitting(pattern, heard, names)
    return pattern


def _fitting(pattern: str, heard: Any, names: dict[str, Any]) -> Any:
    kind, colon, name = pattern[1:].partition(":")
    if kind in KINDS:
        if not KINDS[kind](heard):
            return pattern
    else:
        name, colon = kind, ":"
    if not colon:
        return heard
    return names.setdefault(name, heard)


def same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same; 1, 1.0 and true are not."""
    return _lines(one) == _lines(other)


def difference(wanted: Any, heard: Any) -> str:
    """Return what is different, line by line."""
    return "\n".join(ndiff(_lines(wanted), _lines(heard)))


def _lines(value: Any) -> list[str]:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True).splitlines()


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return {int: "integer", float: "fraction", str: "string", list: "list", dict: "object"}[type(value)]


def departures(example: Any, message: Any, added: Sequence[str] = (), path: str = "") -> Iterator[str]:
    """Yield how a message departs from an example: other fields, or other types.

    Args:
        example: The example; its empty objects and lists stand for any.
        message: What was sent or heard.
        added: Paths of fields that the message has and the example has not; with `?` may have.
        path: Where in the message both stand.
    """
    if _kind(example) != _kind(message):
        yield f"{path}: the example has type {_kind(example)}, this is {_kind(message)}"
    elif isinstance(example, dict) and example:
        prefix = f"{path}." if path else ""
        here = {one.removeprefix(prefix) for one in added if one.startswith(prefix)}
        needed = set(example) | {one for one in here if re.fullmatch(r"\w+", one)}
        allowed = needed | {one[:-1] for one in here if re.fullmatch(r"\w+\?", one)}
        yield from (f"{prefix}{key}: missing" for key in sorted(needed - set(message)))
        yield from (f"{prefix}{key}: not in the example" for key in sorted(set(message) - allowed))
        for key in sorted(set(example) & set(message)):
            yield from departures(example[key], message[key], added, f"{prefix}{key}")
    elif isinstance(example, list) and example:
        if not message:
            yield f"{path}: the example has items, this is empty"
        for one in message:
            yield from departures(example[0], one, added, f"{path}[]")


def strangers(example: dict[str, Any], message: dict[str, Any]) -> Iterator[str]:
    """Yield fields of a message that the example of all messages has not, or has with another type."""
    for key, value in message.items():
        if key not in example:
            yield f"{key}: not among the fields of all messages"
        elif _kind(example[key]) != _kind(value):
            yield f"{key}: expected type {_kind(example[key])}, this is {_kind(value)}"

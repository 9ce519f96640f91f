"""Examples of the messages: those of v1.0 as its document has them, and ours of what v1.1 adds."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


def shown(version: str, name: str) -> list[dict[str, Any]]:
    """Return the examples of a message in a version: v1.1 has those of v1.0 where it has none of its own."""
    brought = ("1.1", "1.0") if version == "1.1" else ("1.0",)
    return next((_all(one)[name] for one in brought if name in _all(one)), [])


@cache
def _all(version: str) -> dict[str, list[dict[str, Any]]]:
    text = files("assa.spec").joinpath("examples", f"v{version}.json").read_text("utf-8")
    read: dict[str, list[dict[str, Any]]] = json.loads(text)
    return read

"""The published JSON Schemas, read as anybody reads them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from tests.law import TWO_SIDED

PUBLISHED = files("assa.spec") / "published"


@cache
def names(version: str) -> tuple[str, ...]:
    """Return the names of all messages of a version."""
    directory = PUBLISHED / f"v{version}"
    return tuple(sorted(one.name.removesuffix(".json") for one in directory.iterdir()))


def schema(version: str, name: str) -> dict[str, Any]:
    """Return the schema of a message."""
    read: dict[str, Any] = json.loads((PUBLISHED / f"v{version}" / f"{name}.json").read_text("utf-8"))
    return read


@cache
def validator(version: str, name: str) -> Draft202012Validator:
    """Return what validates a message."""
    return Draft202012Validator(schema(version, name))


def problems(version: str, name: str, message: Any) -> list[str]:
    """Return what is wrong with a message."""
    return [f"{one.json_path}: {one.message}" for one in validator(version, name).iter_errors(message)]


def name_of(message: dict[str, Any], side: str) -> str:
    """Return the name of the schema of a message; `side` is request or event."""
    action: str = message["action"]
    return f"{action}.{side}" if action in TWO_SIDED else action

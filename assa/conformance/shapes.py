"""The published JSON Schemas, by version and message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from assa.conformance.messages import Json, Message

_PUBLISHED: Final = ("spec", "published")
_FORMATS: Final = FormatChecker([])


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    if isinstance(value, str):
        datetime.fromisoformat(value)
        return re.match(r"\d{4}-\d\d-\d\d[Tt]", value) is not None
    return True


class Shapes:
    """The shapes of one version's messages.

    Args:
        version: ``1.0`` or ``1.1``.
        names: The messages of a server of that version.

    Raises:
        FileNotFoundError: The schemas are not installed.
    """

    def __init__(self, version: str, names: Iterable[str]) -> None:
        directory = files("assa").joinpath(*_PUBLISHED, f"v{version}")
        self._validators = {name: _load(directory, name) for name in names}

    def __contains__(self, name: str) -> bool:
        """Return whether the version has a schema for that message from a server."""
        return name in self._validators

    def problem(self, name: str, message: Json) -> str | None:
        """Return what is wrong with the shape of a message, if something is."""
        error: Any = best_match(self._validators[name].iter_errors(message))
        if error is None:
            return None
        path = ".".join(str(part) for part in error.absolute_path) or "the message"
        return f"{path}: {_shortened(error.message)}{Message(message)}"


def _load(directory: Any, name: str) -> Draft202012Validator:
    """Return what validates a message; its file says ``event`` where clients send one of the same name."""
    file = directory.joinpath(f"{name}.event.json")
    if not file.is_file():
        file = directory.joinpath(f"{name}.json")
    return Draft202012Validator(json.loads(file.read_text(encoding="utf-8")), format_checker=_FORMATS)


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."  # noqa: PLR2004

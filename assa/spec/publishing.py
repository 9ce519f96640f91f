"""What is in ``published/``: made, written, and compared with what was made before."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assa.spec.asyncapi import document
from assa.spec.catalogue import VERSIONS, catalogue
from assa.spec.reference import reference
from assa.spec.schemas import schema_of
from assa.spec.typescript import types
from assa.spec.words import LANGUAGES


def as_json(value: Any) -> str:
    """Return JSON as it is published."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def everything() -> dict[str, str]:
    """Return the text of every published file by its path."""
    schemas = {
        f"v{version}/{name}.json": as_json(schema_of(message, version))
        for version in VERSIONS
        for name, message in catalogue(version).items()
    }
    return schemas | {"asyncapi.json": as_json(document()), "assa.d.ts": types()}


def documents() -> dict[str, str]:
    """Return the text of the reference in each language, by the name of its file in ``docs/``."""
    return {f"reference{'' if one == 'en' else f'.{one}'}.rst": reference(one) for one in LANGUAGES}


def write(directory: Path) -> list[Path]:
    """Write every file that differs, and remove those that are published no more; return them."""
    changed = []
    for path, text in _differing(directory):
        changed.append(path)
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return changed


def differences(directory: Path) -> Iterator[str]:
    """Return the lines of a diff between what is in a directory and what should be."""
    for path, text in _differing(directory):
        old = _text(path) if path.exists() else ""
        name = path.relative_to(directory).as_posix()
        yield from difflib.unified_diff(
            old.splitlines(keepends=True), (text or "").splitlines(keepends=True), f"{name} (there)", name
        )


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")  # whatever is there is compared


def _differing(directory: Path) -> Iterator[tuple[Path, str | None]]:
    wanted = {directory / path: text for path, text in everything().items()}
    for path, text in wanted.items():
        if not path.exists() or _text(path) != text:
            yield path, text
    for version in VERSIONS:
        for path in sorted((directory / f"v{version}").glob("*.json")):
            if path not in wanted:
                yield path, None

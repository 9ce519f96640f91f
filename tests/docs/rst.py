"""Reading reStructuredText and Markdown, as far as our documents need it."""

from __future__ import annotations

import json
import re
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.server import ROOT

DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"


class Block(NamedTuple):
    """A literal block: its language, empty for what follows `::`, and its text, dedented."""

    language: str
    text: str


def text_of(path: Path) -> str:
    """Return a document."""
    return path.read_text("utf-8")


def english() -> list[Path]:
    """Return the English documents that are reStructuredText, each with a Korean one if it is for users."""
    return [
        *(ROOT / name for name in ("README.rst", "CONTRIBUTING.rst", "benchmarks/README.rst")),
        *(one for one in sorted(DOCS.glob("*.rst")) if not one.name.endswith(".ko.rst")),
    ]


def pairs() -> list[tuple[Path, Path]]:
    """Return the documents that are there in both languages."""
    return [(DOCS / one.name.replace(".ko", ""), one) for one in sorted(DOCS.glob("*.ko.rst"))]


def everything() -> list[Path]:
    """Return all documents that are reStructuredText."""
    return [*english(), *(korean for _, korean in pairs())]


def titles(path: Path) -> list[tuple[str, str]]:
    """Return the sections: the character of the underline, and the title."""
    lines = text_of(path).splitlines()
    return [
        (line[0], title)
        for title, line in pairwise(lines)
        if re.fullmatch(r"([=~-])\1+", line) and title and not title.startswith(("=", "-", " "))
    ]


def section(path: Path, name: str) -> str:
    """Return the text of the section with that title, up to the next one of any level."""
    pattern = rf"^{name}\n([=~-])\1+\n(.*?)(?=^[^\n]+\n([=~-])\3{{2,}}$|\Z)"
    found = re.search(pattern, text_of(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no section {name}"
    return found[2]


def blocks(path: Path, language: str | None = None) -> list[str]:
    """Return the texts of the literal blocks: of one language (empty: those after ``::``), or all (None)."""
    return [one.text for one in literal(path) if language in (None, one.language)]


def literal(path: Path) -> list[Block]:
    """Return the literal blocks of a document, in Markdown those between fences."""
    return _fenced(path) if path.suffix == ".md" else _indented(path)


def _fenced(path: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL)
    return [Block(language, text.strip("\n")) for language, text in found]


def _indented(path: Path) -> list[Block]:
    found = []
    opening: tuple[str, int] | None = None
    taken: list[str] = []
    for line in [*text_of(path).splitlines(), "end"]:
        indent = len(line) - len(line.lstrip())
        if opening is not None and (not line.strip() or indent > opening[1]):
            taken.append(line)
            continue
        if opening is not None:
            found.append(Block(opening[0], textwrap.dedent("\n".join(taken)).strip("\n")))
        opening, taken = _opening(line, indent), []
    return found


def _opening(line: str, indent: int) -> tuple[str, int] | None:
    directive = re.fullmatch(r" *\.\. code-block:: (\w+)", line)
    plain = line.endswith("::") and not line.lstrip().startswith("..")
    if directive or plain:
        return (directive[1] if directive else ""), indent
    return None


def examples(path: Path) -> list[dict[str, Any]]:
    """Return the JSON of a document."""
    return [json.loads(block) for block in blocks(path, "json")]

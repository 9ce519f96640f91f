"""Which blocks of the documents are run by which test: `tests/docs/test_every_block.py` wants all of them.

A test module takes the blocks that it runs when it is imported::

    START = take("README.rst", "pip install -e .")
"""

from __future__ import annotations

from tests.docs.rst import Block, literal
from tests.integration.server import ROOT

TAKEN: set[tuple[str, Block]] = set()


def take(document: str, beginning: str) -> str:
    """Return the block of a document that begins with these words; from here on it counts as run."""
    [found] = [one for one in literal(ROOT / document) if one.text.startswith(beginning)]
    TAKEN.add((document, found))
    return found.text


def take_all(document: str, language: str) -> list[str]:
    """Return all blocks of a language in a document; from here on they count as run."""
    found = [one for one in literal(ROOT / document) if one.language == language]
    assert found, f"{document} has nothing in {language}"
    TAKEN.update((document, one) for one in found)
    return [one.text for one in found]

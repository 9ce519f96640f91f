# ruff: noqa: INP001 - Sphinx finds it by its path
"""Each page knows its language, and the page that says the same in the other one."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

NAMES = {"en": "English", "ko": "한국어"}


def language_of(page: str) -> str:
    """Return the language of a page: that of `protocol.ko` is Korean."""
    return "ko" if page.endswith(".ko") else "en"


def translated(page: str, language: str) -> str:
    """Return the name of the page in that language."""
    name = page.removesuffix(".ko")
    return f"{name}.ko" if language == "ko" else name


def add_languages(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Give the templates the page's language, and the links to the others; no link to itself."""
    here = language_of(page)
    context["language"] = here
    context["languages"] = [
        (code, name, None if code == here else context["pathto"](_nearest(app, page, code)))
        for code, name in NAMES.items()
    ]


def _nearest(app: Sphinx, page: str, language: str) -> str:
    there = translated(page, language)
    return there if there in app.env.found_docs else translated("index", language)


def setup(app: Sphinx) -> dict[str, Any]:
    """Take part in the building of each page."""
    app.connect("html-page-context", add_languages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

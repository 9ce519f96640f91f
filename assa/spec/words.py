"""What is said of messages, fields and codes, in English and in Korean: ``words/*.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from attrs import frozen

from assa.spec.fields import Field

LANGUAGES = ("en", "ko")


@frozen(kw_only=True)
class Words:
    """The words of a language; a KeyError where some are missing.

    Attributes:
        messages: Of messages by name.
        areas: The headings of the areas of the protocol.
        codes: When an error code is given.
        shapes: Of the classes that fields have.
        fields: Of fields by name, wherever nothing is said of one of a class.
        of: Of the fields of a class, by the name of the class.
        reference: What the reference says around all of that.
    """

    messages: dict[str, str]
    areas: dict[str, str]
    codes: dict[str, str]
    shapes: dict[str, str]
    fields: dict[str, str]
    of: dict[str, dict[str, str]]
    reference: dict[str, str]

    def field(self, field: Field) -> str:
        """Return what is said of a field, with a mark where v1.1 added it."""
        own = self.of.get(field.owner, {}).get(field.name)
        said = self.fields[field.name] if own is None else own
        return said if field.since == "1.0" else f"{said} (v{field.since})"

    def envelope(self, name: str) -> str:
        """Return what is said of a field around `data`."""
        return self.of["Envelope"][name]


@cache
def words(language: str) -> Words:
    """Return the words of a language, ``en`` or ``ko``."""
    text = files("assa.spec").joinpath("words", f"{language}.toml").read_text("utf-8")
    read: dict[str, Any] = tomllib.loads(text)
    return Words(**read)

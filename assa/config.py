"""Settings: attrs classes <- TOML and environment, strictly; etc/assa.toml explains each of them.

An unknown key, a wrong type and a value out of range are errors that name the key and the rule.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

import attrs
from attrs import evolve, field, frozen
from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn

from assa.auth import ALGORITHMS, HMAC_BYTES, Key
from assa.limits import Limits


class ConfigError(Exception):
    """A setting is wrong; the text is one line that names it and the rule, and never shows a secret."""

    def __init__(self, problem: str) -> None:
        shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in problem)
        super().__init__("".join(shown))


@frozen
class _Rule:
    """What a setting accepts, in words and as a test; a hidden value is never shown."""

    words: str
    accepts: Callable[[Any], object]
    hidden: bool = False


def _text(words: str, pattern: str, *, hidden: bool = False) -> _Rule:
    """Texts that match, out of those that can be stored and passed on: no NUL, no lone surrogate."""
    whole = re.compile(rf"(?s)(?!.*[\0\ud800-\udfff])(?:{pattern})")
    return _Rule(words, lambda value: isinstance(value, str) and whole.fullmatch(value), hidden)


def _number(words: str, test: Callable[[float], bool], types: tuple[type, ...] = (int, float)) -> _Rule:
    return _Rule(words, lambda value: type(value) in types and test(value))


_SHORTEST_SECRET: Final = HMAC_BYTES["HS256"]
_TEN_YEARS_S: Final = 10 * 365 * 86_400
Text = Annotated[str, _text("a string", ".*")]
Name = Annotated[str, _text("a string that is not empty", ".+")]
Hidden = Annotated[str, _text("a string", ".*", hidden=True)]
Path_ = Annotated[str, _text("a path", ".*")]

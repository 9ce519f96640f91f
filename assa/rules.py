"""Rules that settings obey: what a value must be, in words and as a test, and the errors that say so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal, TypeVar, get_origin

import attrs
import cattrs
from attrs import frozen
from cattrs.gen import make_dict_structure_fn

from assa.auth import ALGORITHMS

T = TypeVar("T")


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
    whole = re.compile(rf"(?s)(?!.*[\0\ud800-\udfff])(?:{pattern})")
    return _Rule(words, lambda value: isinstance(value, str) and whole.fullmatch(value), hidden)


def _number(words: str, types: tuple[type, ...], test: Callable[[float], bool]) -> _Rule:
    return _Rule(words, lambda value: type(value) in types and test(value))


def _is_network(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ip_network(value))
    except ValueError:
        return False


POSTGRES: Final = ("postgresql://", "postgres://")
ESCAPED: Final = "with / ? # @ [ ] in the user or the password as %2F %3F %23 %40 %5B %5D"
_HOST: Final = r"(?:[\w.%-]*|\[[\w.:%]+\])(?::\d+)?"
POSTGRES_URL: Final = re.compile(
    r"postgres(?:ql)?://(?:[\w.~!$&'()*+,;=%-]*(?::[\w.~!$&'()*+,;=:%-]*)?@)?"
    rf"(?P<where>{_HOST}(?:,{_HOST})*(?:/[\w.%~+-]*)?)(?:\?[^#@]*)?"
)
"""One that all programs read alike: nothing of a password can be taken for a host, a port or a database."""
_HOUR_S: Final = 3_600
_TEN_YEARS_S: Final = 10 * 365 * 86_400
_NUMBER: Final = (int, float)
Flag = Annotated[bool, _Rule("true or false", lambda value: isinstance(value, bool))]
Text = Annotated[str, _text("a string", ".*")]
Name = Annotated[str, _text("a string that is not empty", ".+")]
Hidden = Annotated[str, _text("a string", ".*", hidden=True)]
Algorithm = Annotated[str, _text(f"one of {', '.join(ALGORITHMS)}", "|".join(ALGORITHMS))]
Expiry = Annotated[Literal["close", "keep"], _text("close or keep", "close|keep")]
Stun = Annotated[str, _text("a URL that begins with stun: or stuns:", "stuns?:.+")]
Turn = Annotated[str, _text("a URL that begins with turn: or turns:", "turns?:.+")]
LogFormat = Annotated[Literal["text", "json"], _text("text or json", "text|json")]
Site = Annotated[str, _text("a URL like https://chat.example.org", r"(https?://[\w.:\[\]-]+)?")]
Origin = Annotated[str, _text("an origin like https://app.example.org, or *", r"\*|https?://[\w.:\[\]-]+")]
Network = Annotated[str, _Rule("an IP address or a network like 10.0.0.0/8", _is_network)]
Prefix = Annotated[str, _text("a path like /storage/, without . and ..", r"/((?!\.\.?/)[^/\\]+/)*")]
Count = Annotated[int, _number("a positive integer", (int,), lambda value: 0 < value < 2**53)]
Rate = Annotated[float, _number("a number per second, or 0", _NUMBER, lambda value: 0 <= value < 2**53)]
Seconds = Annotated[
    float, _number("a positive number of seconds", _NUMBER, lambda value: 0 < value <= _TEN_YEARS_S)
]
Leeway = Annotated[float, _number("0 to 3600 seconds", _NUMBER, lambda value: 0 <= value <= _HOUR_S)]


def structure(tree: dict[str, Any], whole: type[T]) -> T:
    """Turn a tree of tables into settings.

    Raises:
        ConfigError: A key is unknown, or a value breaks its rule.
    """
    try:
        return _converter.structure(tree, whole)
    except cattrs.BaseValidationError as error:
        raise ConfigError(_problem(error)) from None


def _problem(error: Exception, path: str = "") -> str:
    """Say what the first error is, and where."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, cattrs.AttributeValidationNote):
            path = f"{path}.{note.name}".lstrip(".")
        elif isinstance(note, cattrs.IterableValidationNote):
            path = f"{path}[{note.index}]"
    match error:
        case cattrs.BaseValidationError():
            return _problem(error.exceptions[0], path)
        case cattrs.ForbiddenExtraKeysError():
            key = min(error.extra_fields)
            near = get_close_matches(key, attrs.fields_dict(error.cl), n=1, cutoff=0.4)
            hint = "".join(f"; did you mean {name}?" for name in near)
            return f"{path}.{key}: unknown key{hint}".lstrip(".")
        case KeyError():
            return f"{path}: required"
    return f"{path}: {error}"


_converter: Final = cattrs.Converter(forbid_extra_keys=True)


@_converter.register_structure_hook_factory(attrs.has)
def _table_hook(cls: type) -> Callable[[object, type], object]:
    fill: Callable[[Any, Any], object] = make_dict_structure_fn(
        cls, _converter, _cattrs_forbid_extra_keys=True
    )

    def structure(value: object, _: type) -> object:
        if isinstance(value, dict):
            return fill(value, cls)
        raise ValueError("expected a table")

    return structure


def _structure_list(value: object, type_: Any) -> object:
    if isinstance(value, list):
        return tuple(_converter.structure(value, list[type_.__args__[0]]))
    raise ValueError("expected a list, in brackets")


def _structure_ruled(value: object, type_: Any) -> object:
    rule = type_.__metadata__[0]
    if rule.accepts(value):
        return value
    got = "" if rule.hidden else f", got {json.dumps(value, default=str, ensure_ascii=False)[:60]}"
    raise ValueError(f"expected {rule.words}{got}")


def _is(origin: object) -> Callable[[Any], bool]:
    return lambda type_: get_origin(type_) is origin


_converter.register_structure_hook_func(_is(tuple), _structure_list)
_converter.register_structure_hook_func(_is(Annotated), _structure_ruled)

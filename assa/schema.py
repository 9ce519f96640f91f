"""The attrs classes of the protocol and plain JSON values, both ways (§2.2). Pure.

The classes of the actions are the one description of the protocol: their annotations carry types
and bounds. Types are exact here: cattrs by itself would make ``"5"`` an integer and ``"false"`` true.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Final, Literal, NewType, TypeVar, Union, get_args, get_origin

import attrs
from attrs import field, frozen
from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from assa.errors import Code, Refused

T = TypeVar("T")
_OMITTED: Final = "assa.omitted"


@frozen
class Range:
    """Bounds of an integer, both included."""

    low: int
    high: int

    def check(self, value: int) -> None:
        """Raise ValueError when `value` lies outside."""
        if not self.low <= value <= self.high:
            msg = f"expected {self.low} to {self.high}"
            raise ValueError(msg)


@frozen
class Length:
    """Bounds of a text in Unicode code points, or of a list in items, both included."""

    low: int
    high: int

    def check(self, value: str | list[Any]) -> None:
        """Raise ValueError when `value` is shorter or longer."""
        if not self.low <= len(value) <= self.high:
            unit = "characters" if isinstance(value, str) else "items"
            msg = f"expected {self.low} to {self.high} {unit}"
            raise ValueError(msg)


@frozen
class IsoTime:
    """An ISO 8601 date and time, with or without a zone."""

    def check(self, value: str) -> None:
        """Raise ValueError when `value` is no date with a time."""
        try:
            datetime.fromisoformat(value)
        except ValueError:
            value = ""
        if "T" not in value and " " not in value:
            msg = "expected an ISO 8601 date and time"
            raise ValueError(msg)


LAST_ID: Final = 2**53 - 1
"""Up to it JavaScript counts exactly."""
Id = Annotated[int, Range(1, LAST_ID)]
"""An identifier that is exact in JavaScript."""

RawText = NewType("RawText", str)
"""A text that may contain U+0000 when it arrives: a later check answers with a code of its own."""


def omitted() -> Any:
    """Return a field that is left out of the JSON while it is None."""
    return field(default=None, metadata={_OMITTED: True})


def _exact(kind: type[T], words: str) -> Callable[[Any, Any], T]:
    def structure(value: Any, _: Any) -> T:
        if type(value) is not kind:
            raise TypeError(words)
        return value

    return structure


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        msg = "expected a string"
        raise TypeError(msg)
    if "\0" in value:
        msg = "U+0000 is not allowed"
        raise ValueError(msg)
    return value


def _object(value: Any, _: Any) -> dict[str, Any]:
    if type(value) is not dict:
        msg = "expected an object"
        raise TypeError(msg)
    return value


def _bounded(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(annotated: Any) -> Callable[[Any, Any], Any]:
        kind, *notes = get_args(annotated)
        inner = converter.get_structure_hook(kind)
        bounds = [one for one in notes if hasattr(one, "check")]
        if not bounds:  # a note that is nothing but that
            return lambda value, _: inner(value, kind)
        is_list = get_origin(kind) is list

        def structure(value: Any, _: Any) -> Any:
            if is_list and type(value) is list:  # before its items are looked at: it may have half a million
                for bound in bounds:
                    bound.check(value)
                return inner(value, kind)
            result = inner(value, kind)
            for bound in bounds:
                bound.check(result)
            return result

        return structure

    return factory


def _optional(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(union: Any) -> Callable[[Any, Any], Any]:
        (kind,) = (arm for arm in get_args(union) if arm is not type(None))
        inner = converter.get_structure_hook(kind)
        return lambda value, _: None if value is None else inner(value, kind)

    return factory


def _choice(literal: Any) -> Callable[[Any, Any], Any]:
    choices = get_args(literal)

    def structure(value: Any, _: Any) -> Any:
        if type(value) is not str or value not in choices:
            msg = f"expected one of {', '.join(choices)}"
            raise ValueError(msg)
        return value

    return structure


def _list(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(kind: Any) -> Callable[[Any, Any], Any]:
        (item,) = get_args(kind)
        inner = converter.get_structure_hook(item)

        def structure(value: Any, _: Any) -> Any:
            if type(value) is not list:
                msg = "expected a list"
                raise TypeError(msg)
            try:
                return [inner(one, item) for one in value]
            except (TypeError, ValueError) as wrong:
                msg = f"every item: {wrong}"
                raise ValueError(msg) from None

        return structure

    return factory


def _class(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(cls: Any) -> Callable[[Any, Any], Any]:
        fill = make_dict_structure_fn(cls, converter)

        def structure(value: Any, _: Any) -> Any:
            return fill(_object(value, None), cls)

        return structure

    return factory


def _unstructure(converter: Converter) -> Callable[[Any], Callable[[Any], Any]]:
    def factory(cls: Any) -> Callable[[Any], Any]:
        left_out = {
            one.name: override(omit_if_default=True) for one in attrs.fields(cls) if _OMITTED in one.metadata
        }
        return make_dict_unstructure_fn(cls, converter, **left_out)  # type: ignore[arg-type]  # cattrs types each key

    return factory


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and type(None) in get_args(kind)


def _origin_is(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def make_converter(*, detailed: bool) -> Converter:
    """Return a strict converter; a detailed one is slower and can say which field was wrong."""
    converter = Converter(detailed_validation=detailed)
    converter.register_structure_hook(int, _exact(int, "expected an integer"))
    converter.register_structure_hook(bool, _exact(bool, "expected true or false"))
    converter.register_structure_hook(str, _text)
    for applies, factory in (
        (attrs.has, _class(converter)),
        (_origin_is(list), _list(converter)),
        (_origin_is(dict), lambda _: _object),
        (_origin_is(Literal), _choice),
        (lambda kind: kind is RawText, lambda _: _exact(str, "expected a string")),
        (_is_optional, _optional(converter)),
        (_origin_is(Annotated), _bounded(converter)),
    ):
        converter.register_structure_hook_factory(applies, factory)
    converter.register_unstructure_hook_factory(attrs.has, _unstructure(converter))
    return converter


_FAST: Final = make_converter(detailed=False)
_DETAILED: Final = make_converter(detailed=True)


def _words(wrong: BaseException, _: Any) -> str:
    return "required" if isinstance(wrong, KeyError) else str(wrong)


def structure(cls: type[T], value: Any, path: str) -> T:
    """Turn parsed JSON into an instance of `cls`; unknown keys are ignored.

    Args:
        cls: An attrs class whose annotations hold the types and bounds.
        value: What the parser gave; expected to be a dict.
        path: Where the value stands in the message, for the error's words (``data``, or empty).

    Raises:
        Refused: INVALID_MESSAGE, with one field and its rule in the details.
    """
    try:
        return _FAST.structure(value, cls)
    except Exception:  # noqa: BLE001 - cattrs raises whatever the value provoked
        details = _explain(cls, value, path)
    raise Refused(Code.INVALID_MESSAGE, details)


def _explain(cls: type[Any], value: Any, path: str) -> str:
    try:
        _DETAILED.structure(value, cls)
    except Exception as wrong:  # noqa: BLE001
        words, _, where = transform_error(wrong, path="$", format_exception=_words)[0].rpartition(" @ $")
        return f"{(path + where).strip('.') or 'message'}: {words}"
    msg = f"the two converters disagree about {cls.__name__}"
    raise AssertionError(msg)


def unstructure(value: Any) -> Any:
    """Turn an attrs instance into what the JSON encoder takes."""
    return _FAST.unstructure(value)

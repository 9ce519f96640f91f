"""The wire: bytes to checked attrs classes and back (§2, §9.1). Pure: no Twisted, no I/O.

The attrs classes of the actions are the one description of the protocol. This module turns a line
into an :class:`Envelope`, a payload into its class, and answers and events into bytes. Types are
exact: cattrs by itself would make ``"5"`` an integer and ``"false"`` true.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Final, Literal, NewType, Protocol, TypeVar, Union, get_args, get_origin

import attrs
import orjson
from attrs import field, frozen
from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from assa.errors import MESSAGES, Code, Refused

T = TypeVar("T")
MAX_DEPTH: Final = 32
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


Id = Annotated[int, Range(1, 2**53 - 1)]
"""An identifier that is exact in JavaScript."""
SeqId = Annotated[str, Length(1, 128)]
RawText = NewType("RawText", str)
"""A text that may contain U+0000 when it arrives: a later check answers with a code of its own."""


def omitted() -> Any:  # noqa: ANN401 - stands for a default of any optional field
    """Return a field that is left out of the JSON while it is None."""
    return field(default=None, metadata={_OMITTED: True})


class Event(Protocol):
    """An attrs class whose instances go to other clients; `action` is its name on the wire."""

    action: ClassVar[str]
    __attrs_attrs__: ClassVar[Any]


@frozen(kw_only=True)
class Envelope:
    """The fields around every request (§2.1)."""

    action: Annotated[str, Length(1, 64)]
    timestamp: Annotated[str, IsoTime()]
    seq_id: SeqId
    data: dict[str, Any] | None = None
    user_id: Id | None = None
    session_id: Annotated[str, Length(0, 128)] | None = None


def _exact(kind: type[T], words: str) -> Callable[[Any, Any], T]:
    def structure(value: Any, _: Any) -> T:  # noqa: ANN401
        if type(value) is not kind:
            raise TypeError(words)
        return value

    return structure


def _text(value: Any, _: Any) -> str:  # noqa: ANN401
    if type(value) is not str:
        msg = "expected a string"
        raise TypeError(msg)
    if "\0" in value:
        msg = "U+0000 is not allowed"
        raise ValueError(msg)
    return value


def _object(value: Any, _: Any) -> dict[str, Any]:  # noqa: ANN401
    if type(value) is not dict:
        msg = "expected an object"
        raise TypeError(msg)
    return value


def _bounded(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(annotated: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401
        kind, *bounds = get_args(annotated)
        inner = converter.get_structure_hook(kind)

        def structure(value: Any, _: Any) -> Any:  # noqa: ANN401
            if type(value) is list:  # before its items are looked at: it may have half a million
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
    def factory(union: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401
        (kind,) = (arm for arm in get_args(union) if arm is not type(None))
        inner = converter.get_structure_hook(kind)
        return lambda value, _: None if value is None else inner(value, kind)

    return factory


def _choice(literal: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401
    choices = get_args(literal)

    def structure(value: Any, _: Any) -> Any:  # noqa: ANN401
        if type(value) is not str or value not in choices:
            msg = f"expected one of {', '.join(choices)}"
            raise ValueError(msg)
        return value

    return structure


def _list(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(kind: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401
        (item,) = get_args(kind)
        inner = converter.get_structure_hook(item)

        def structure(value: Any, _: Any) -> Any:  # noqa: ANN401
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
    def factory(cls: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401
        fill = make_dict_structure_fn(cls, converter)

        def structure(value: Any, _: Any) -> Any:  # noqa: ANN401
            return fill(_object(value, None), cls)

        return structure

    return factory


def _unstructure(converter: Converter) -> Callable[[Any], Callable[[Any], Any]]:
    def factory(cls: Any) -> Callable[[Any], Any]:  # noqa: ANN401
        left_out = {
            one.name: override(omit_if_default=True) for one in attrs.fields(cls) if _OMITTED in one.metadata
        }
        return make_dict_unstructure_fn(cls, converter, **left_out)  # type: ignore[arg-type]  # cattrs types each key

    return factory


def _is_optional(kind: Any) -> bool:  # noqa: ANN401
    return get_origin(kind) in (Union, UnionType) and type(None) in get_args(kind)


def make_converter(*, detailed: bool) -> Converter:
    """Return a strict converter; a detailed one is slower and can say which field was wrong."""
    converter = Converter(detailed_validation=detailed)
    converter.register_structure_hook(int, _exact(int, "expected an integer"))
    converter.register_structure_hook(bool, _exact(bool, "expected true or false"))
    converter.register_structure_hook(str, _text)
    for applies, factory in (
        (attrs.has, _class(converter)),
        (lambda kind: get_origin(kind) is list, _list(converter)),
        (lambda kind: get_origin(kind) is dict, lambda _: _object),
        (lambda kind: get_origin(kind) is Literal, _choice),
        (lambda kind: kind is RawText, lambda _: _exact(str, "expected a string")),
        (_is_optional, _optional(converter)),
        (lambda kind: get_origin(kind) is Annotated, _bounded(converter)),
    ):
        converter.register_structure_hook_factory(applies, factory)
    converter.register_unstructure_hook_factory(attrs.has, _unstructure(converter))
    return converter


_FAST: Final = make_converter(detailed=False)
_DETAILED: Final = make_converter(detailed=True)


def _words(wrong: BaseException, _: Any) -> str:  # noqa: ANN401
    return "required" if isinstance(wrong, KeyError) else str(wrong)


def structure(cls: type[T], value: Any, path: str) -> T:  # noqa: ANN401
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


def _explain(cls: type[Any], value: Any, path: str) -> str:  # noqa: ANN401
    try:
        _DETAILED.structure(value, cls)
    except Exception as wrong:  # noqa: BLE001
        words, _, where = transform_error(wrong, path="$", format_exception=_words)[0].rpartition(" @ $")
        return f"{(path + where).strip('.') or 'message'}: {words}"
    msg = f"the two converters disagree about {cls.__name__}"
    raise AssertionError(msg)


def unstructure(value: Any) -> Any:  # noqa: ANN401
    """Turn an attrs instance into what the JSON encoder takes."""
    return _FAST.unstructure(value)


def parse(line: bytes) -> dict[str, Any]:
    """Parse one line (§2, protocol v1.1 framing).

    Args:
        line: One message without its line end.

    Raises:
        Refused: INVALID_MESSAGE when it is not one JSON object, or nested deeper than 32.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as wrong:
        raise Refused(Code.INVALID_MESSAGE, f"expected one JSON object per line: {wrong.msg}") from None
    if type(value) is not dict:
        raise Refused(Code.INVALID_MESSAGE, "expected one JSON object per line")
    # Counting brackets is cheap; only a line that has many is walked.
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Refused(Code.INVALID_MESSAGE, f"nested deeper than {MAX_DEPTH}")
    return value


def _depth(value: Any) -> int:  # noqa: ANN401
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            item
            for one in level
            for item in (one.values() if type(one) is dict else one)
            if type(item) is dict or type(item) is list
        ]
    return depth


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso(at_ms: int) -> str:
    """Return a time in milliseconds since the epoch as ISO 8601 in UTC with milliseconds (§2.2)."""
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


def encode_answer(action: str, message: str | None, data: Any, seq_id: str, now_ms: int) -> bytes:  # noqa: ANN401
    """Encode a success (§2.3): `message` only where the protocol's example has one."""
    answer: dict[str, Any] = {"action": f"{action}_RESPONSE", "success": True}
    if message is not None:
        answer["message"] = message
    answer["data"] = _FAST.unstructure(data)
    answer["timestamp"] = iso(now_ms)
    answer["seq_id"] = seq_id
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)


def encode_error(refused: Refused, action: str | None, seq_id: str | None, now_ms: int) -> bytes:
    """Encode a refusal (§9.1), or of a CONNECT the failed answer (§3.1)."""
    extra = {} if refused.retry_after_ms is None else {"retry_after_ms": refused.retry_after_ms}
    error: dict[str, Any] = {"success": False, "message": MESSAGES[refused.code], "error_code": refused.code.value}
    if action == "CONNECT":
        # §3.1 shows no data; a malformed request still deserves to be told what is wrong with it.
        if refused.code is Code.INVALID_MESSAGE:
            extra["error_details"] = refused.details
        error |= {"action": "CONNECT_RESPONSE"} | ({"data": extra} if extra else {})
    else:
        details = {"original_action": action, "error_details": refused.details}
        error |= {"action": "ERROR", "data": details | extra}
    error |= {"timestamp": iso(now_ms), "seq_id": seq_id}
    return orjson.dumps(error, option=orjson.OPT_APPEND_NEWLINE)


def encode_event(event: Event, now_ms: int) -> bytes:
    """Encode an event without its `seq_id`, which :func:`with_seq_id` adds when it is known."""
    return orjson.dumps(
        {"action": event.action, "data": _FAST.unstructure(event), "timestamp": iso(now_ms)},
    )


def with_seq_id(body: bytes, seq_id: str) -> bytes:
    """Return a line: an encoded event completed with its `seq_id`."""
    return b'%b,"seq_id":"%b"}\n' % (body[:-1], seq_id.encode())


def encode_signal(action: str, seq_id: str, now_ms: int) -> bytes:
    """Encode a message without data: PING and PONG (§8.2)."""
    return orjson.dumps(
        {"action": action, "timestamp": iso(now_ms), "seq_id": seq_id}, option=orjson.OPT_APPEND_NEWLINE
    )

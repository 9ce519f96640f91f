"""JSON of a server to the classes of the protocol, forgiving where versions differ. Pure.

A newer server's fields are ignored; fields of v1.1 that a server of v1.0 does not send are None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs
import orjson
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from assa import wire
from assa.client.events import Unknown
from assa.client.refusals import BadAnswer
from assa.errors import Refused
from assa.protocol import EVENTS, Event, Request, Since, answer_of
from assa.schema import make_converter, structure, unstructure

A = TypeVar("A")
_EVENTS: Final = {event.action: event for event in EVENTS}


def _is_added(kind: Any) -> bool:
    return get_origin(kind) is Annotated and any(isinstance(note, Since) for note in get_args(kind)[1:])


def _added(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(annotated: Any) -> Callable[[Any, Any], Any]:
        kind = get_args(annotated)[0]
        inner = converter.get_structure_hook(kind)
        return lambda value, _: None if value is None else inner(value, kind)

    return factory


def _class(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    def factory(cls: Any) -> Callable[[Any, Any], Any]:
        fill = make_dict_structure_fn(cls, converter)
        kinds = get_type_hints(cls, include_extras=True)
        absent = {
            one.name: None
            for one in attrs.fields(cls)
            if one.default is attrs.NOTHING and _is_added(kinds[one.name])
        }

        def structure(value: Any, _: Any) -> Any:
            if type(value) is not dict:
                raise TypeError("expected an object")
            return fill({**absent, **value}, cls)

        return structure

    return factory


def _make_converter() -> Converter:
    converter = make_converter(detailed=False)
    converter.register_structure_hook_factory(attrs.has, _class(converter))
    converter.register_structure_hook_factory(_is_added, _added(converter))
    return converter


_FORGIVING: Final = _make_converter()


def fields_of(request: Any) -> dict[str, Any]:
    """Return the data of a request; optional fields that are None are left out, as old servers expect."""
    data: dict[str, Any] = {}
    for one in attrs.fields(type(request)):
        value = getattr(request, one.name)
        if value is not None or one.default is not None:
            data[one.name] = fields_of(value) if attrs.has(type(value)) else unstructure(value)
    return data


def checked(request: Any) -> dict[str, Any]:
    """Return the data of a request that the protocol allows.

    Raises:
        ValueError: A field is of another type or out of bounds; the text names it.
    """
    data = fields_of(request)
    try:
        structure(type(request), data, "")
        orjson.dumps(data)  # texts that are no UTF-8
    except Refused as wrong:
        raise ValueError(f"{request.action}: {wrong.details}") from None
    except TypeError as wrong:
        raise ValueError(f"{request.action}: {wrong}") from None
    return data


def answer(request: type[Request[A]], data: dict[str, Any]) -> A:
    """Return the data of an answer in its class.

    Raises:
        BadAnswer: They have not its form.
    """
    cls = answer_of(request)
    try:
        return cast("A", None if cls is None else _FORGIVING.structure(data, cls))
    except Exception as wrong:  # cattrs raises whatever the value provoked
        raise BadAnswer(f"the answer to {request.action} is not as the protocol says: {wrong}") from wrong


def event(action: str, data: dict[str, Any]) -> Event | Unknown:
    """Return an event in its class, or as what it is where none fits."""
    try:
        return _FORGIVING.structure(data, _EVENTS[action])
    except Exception:  # noqa: BLE001 - cattrs raises whatever the value provoked
        return Unknown(action=action, data=data)


def position_of(message: dict[str, Any]) -> str | None:
    """Return the `seq_id` of an event of the log; None of anything else."""
    seq_id = message.get("seq_id")
    return seq_id if isinstance(seq_id, str) and wire.position_of(seq_id) is not None else None

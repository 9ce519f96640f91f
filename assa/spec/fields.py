"""The fields of an attrs class of the protocol, as what is published needs to know them."""

from __future__ import annotations

from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from assa.protocol import Since
from assa.schema import Id, omitted

NOTHING: Final = attrs.NOTHING
_OMITTED: Final = omitted().metadata


class Side(Enum):
    """Who sends a message: what may be left out depends on it."""

    CLIENT = "request"
    SERVER = "event"


@frozen(kw_only=True)
class IceServer:
    """An RTCIceServer of W3C's WebRTC, as the server gives it (v1.1); the code has JSON for it."""

    urls: list[str]
    username: str | None = omitted()
    credential: str | None = omitted()


@frozen(kw_only=True)
class Field:
    """A field: `kind` is its annotation without what is said of it as a whole."""

    owner: str
    name: str
    kind: Any
    since: str
    default: Any
    omitted: bool

    def required(self, side: Side) -> bool:
        """Return whether it is always there: a client alone may leave out what has a default."""
        return self.default is NOTHING if side is Side.CLIENT else not self.omitted


def unwrap(kind: Any) -> tuple[Any, list[Any]]:
    """Return an annotation without ``Annotated``, and what it was annotated with."""
    notes: list[Any] = []
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        notes += more
    return kind, notes


def without_none(kind: Any) -> tuple[Any, bool]:
    """Return an annotation without ``None``, and whether it had it."""
    if get_origin(kind) not in (Union, UnionType):
        return kind, False
    arms = [arm for arm in get_args(kind) if arm is not type(None)]
    if len(arms) != 1:
        raise TypeError(f"{kind} is no optional type")
    return arms[0], len(arms) < len(get_args(kind))


def core(kind: Any) -> Any:
    """Return what an annotation is of, without ``None`` and all that is noted of it."""
    return unwrap(without_none(unwrap(kind)[0])[0])[0]


def all_fields(cls: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a class in their order, of every version."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_field(cls, one, hints[one.name]) for one in attrs.fields(cls))


def fields_of(cls: type[Any], version: str) -> tuple[Field, ...]:
    """Return the fields that a class has in a version of the protocol, ``1.0`` or ``1.1``."""
    fields = tuple(one for one in all_fields(cls) if one.since <= version)
    return fields if version == "1.0" else tuple(attrs.evolve(one, kind=_exact(one)) for one in fields)


def classes_in(cls: type[Any]) -> list[type[Any]]:
    """Return the classes that the fields of a class have, of every version."""
    kinds = [core(one.kind) for one in all_fields(cls)]
    items = [core(item) for kind in kinds if get_origin(kind) is list for item in get_args(kind)]
    return [kind for kind in (*kinds, *items) if attrs.has(kind)]


def _exact(one: Field) -> Any:
    """Return the kind of a field with the bounds of ids: that they are exact in JavaScript v1.1 promises."""
    kind, nullable = without_none(one.kind)
    if kind == list[int]:  # no list has other numbers
        return list[Id]
    if kind is int and one.name.endswith("_id"):
        return Id | None if nullable else Id
    return one.kind


def _field(cls: type[Any], attribute: attrs.Attribute[Any], hint: Any) -> Field:
    kind, notes = unwrap(hint)
    since = next((one.version for one in notes if isinstance(one, Since)), "1.0")
    bounds = [one for one in notes if not isinstance(one, Since)]
    for one in bounds:
        kind = Annotated[kind, one]
    if get_origin(kind) is list and get_origin(*get_args(kind)) is dict:
        kind = list[IceServer]
    default = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a function for mypy, in truth a class
        default = default.factory()  # type: ignore[union-attr]
    return Field(
        owner=cls.__name__,
        name=attribute.name,
        kind=kind,
        since=since,
        default=default,
        omitted=_OMITTED.items() <= attribute.metadata.items(),
    )

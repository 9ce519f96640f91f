"""What every request and every event of the protocol says of itself (§2.1, §2.3)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from attrs import frozen

A = TypeVar("A")
T = TypeVar("T")


@frozen
class Since:
    """The version of the protocol that added a field; said of an annotation, it checks nothing."""

    version: str


Added = Annotated[T, Since("1.1")]
"""A field that v1.1 added: ``resumed: Added[bool]``."""


class Request(Generic[A]):
    """What a client asks; `A` is the class of its answer's data, None where success has no answer.

    A subclass is an attrs class of the fields in `data`, and says in class attributes:

    Attributes:
        action: Its name on the wire.
        section: Of v1.0, such as ``5.1``; empty for an addition.
        since: The version of the protocol that it came with.
        success_text: The Korean `message` of its success, where the protocol has one.
    """

    __slots__ = ()
    action: ClassVar[str]
    section: ClassVar[str] = ""
    since: ClassVar[str] = "1.0"
    success_text: ClassVar[str | None] = None


class Event:
    """What the server says unasked: an attrs class of the fields in `data`; attributes as of Request."""

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any]
    action: ClassVar[str]
    section: ClassVar[str] = ""
    since: ClassVar[str] = "1.0"


def answer_of(request: type[Request[A]]) -> type[A] | None:
    """Return the class of the answer's data, None where success has no answer.

    Raises:
        TypeError: `request` does not say what its answer is.
    """
    for base in (base for cls in request.__mro__ for base in cls.__dict__.get("__orig_bases__", ())):
        if get_origin(base) is Request:
            (answer,) = get_args(base)
            return None if answer is type(None) else answer
    raise TypeError(f"{request.__name__} is no Request[...]")

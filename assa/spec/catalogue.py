"""Every message of the protocol by the name of its file, of a version (§2 to §9).

A name is that of the message on the wire. Where client and server say different things under one name, as in
SDP, it is followed by ``.request`` or ``.event``.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import Any, Final

from attrs import frozen

from assa.protocol import EVENTS, REQUESTS, ConnectErrorData, ErrorData, Event, Request, answer_of
from assa.spec.examples import shown
from assa.spec.fields import Side, all_fields, classes_in

VERSIONS: Final = ("1.0", "1.1")
_SIGNALS: Final = (
    ("PING", Side.SERVER, "1.0"),
    ("PING", Side.CLIENT, "1.1"),
    ("PONG", Side.CLIENT, "1.0"),
    ("PONG", Side.SERVER, "1.1"),
)


class Kind(Enum):
    """What a message is."""

    REQUEST = "request"
    ANSWER = "answer"
    EVENT = "event"
    ERROR = "error"


@frozen(kw_only=True)
class Message:
    """A message.

    Attributes:
        name: Of its file and in what is written of it.
        action: Its `action` on the wire.
        kind: What it is.
        area: Of the protocol: the module of its class.
        data: The class of its `data`; None where it has none.
        failure: The class of the `data` where it tells of a failure; None where it cannot.
        section: Of v1.0, empty for an addition.
        since: The version that it came with.
        text: The Korean `message` of a success, where it has one.
        asked: The action that it answers; empty for what is no answer.
    """

    name: str
    action: str
    kind: Kind
    area: str
    section: str = ""
    since: str = "1.0"
    data: type[Any] | None = None
    failure: type[Any] | None = None
    text: str | None = None
    asked: str = ""

    @property
    def side(self) -> Side:
        """Return who says it."""
        return Side.CLIENT if self.kind is Kind.REQUEST else Side.SERVER


@cache
def catalogue(version: str) -> dict[str, Message]:
    """Return the messages of a version by name, in the order of the areas."""
    return {one.name: one for one in _everything() if one.since <= version}


def answers_to(message: Message, version: str) -> list[Message]:
    """Return what may come in answer to a request: its success where it has one, else and also ERROR."""
    messages = catalogue(version)
    success = [one for one in messages.values() if message.action and one.asked == message.action]
    return success if success and success[0].failure else [*success, messages["ERROR"]]


def name_of(cls: type[Any], side: Side) -> str:
    """Return what a class is called: it is another where a client may leave out what the server may not."""
    differs = any(one.required(Side.CLIENT) != one.required(Side.SERVER) for one in all_fields(cls))
    is_another = side is Side.CLIENT and differs and cls in _shapes_said()
    return f"{cls.__name__}Input" if is_another else cls.__name__


def shapes_of(version: str) -> list[tuple[Side, type[Any]]]:
    """Return the classes inside what is said, with who says them, those inside others first."""
    found: dict[str, tuple[Side, type[Any]]] = {}

    def add(cls: type[Any], side: Side) -> None:
        for inner in classes_in(cls):
            add(inner, side)
            found.setdefault(name_of(inner, side), (side, inner))

    for one in catalogue(version).values():
        if one.data is not None:
            add(one.data, one.side)
    return list(found.values())


@cache
def _shapes_said() -> frozenset[type[Any]]:
    found: set[type[Any]] = set()
    for one in catalogue("1.1").values():
        if one.side is Side.SERVER and one.data is not None:
            _collect(one.data, found)
    return frozenset(found)


def _collect(cls: type[Any], found: set[type[Any]]) -> None:
    for inner in classes_in(cls):
        if inner not in found:
            found.add(inner)
            _collect(inner, found)


@cache
def _everything() -> tuple[Message, ...]:
    said = [one for request in REQUESTS for one in _asked(request)] + [_event(event) for event in EVENTS]
    ends = [_signal(*one) for one in _SIGNALS]
    error = Message(
        name="ERROR", action="ERROR", kind=Kind.ERROR, area="errors", section="9.1", failure=ErrorData
    )
    order = {area: number for number, area in enumerate(dict.fromkeys(one.area for one in said))}
    return (*sorted(said, key=lambda one: order[one.area]), *ends, error)


def _asked(request: type[Request[Any]]) -> list[Message]:
    asked = Message(
        name=_name(request.action, Side.CLIENT),
        action=request.action,
        kind=Kind.REQUEST,
        area=_area(request),
        section=request.section,
        since=request.since,
        data=request,
    )
    answer = answer_of(request)
    return [asked] if answer is None else [asked, _answer(request, answer)]


def _answer(request: type[Request[Any]], answer: type[Any]) -> Message:
    name = f"{request.action}_RESPONSE"
    is_old = bool(shown("1.0", name))  # what it does not show is an addition
    return Message(
        name=name,
        action=name,
        kind=Kind.ANSWER,
        area=_area(request),
        section=request.section if is_old else "",
        since="1.0" if is_old else "1.1",
        data=answer,
        failure=ConnectErrorData if request.action == "CONNECT" else None,
        text=request.success_text,
        asked=request.action,
    )


def _event(event: type[Event]) -> Message:
    return Message(
        name=_name(event.action, Side.SERVER),
        action=event.action,
        kind=Kind.EVENT,
        area=_area(event),
        section=event.section,
        since=event.since,
        data=event,
    )


def _signal(action: str, side: Side, since: str) -> Message:
    return Message(
        name=f"{action}.{side.value}",
        action=action,
        kind=Kind.REQUEST if side is Side.CLIENT else Kind.EVENT,
        area="heartbeat",
        section="8.2" if since == "1.0" else "",
        since=since,
        asked="PING" if action == "PONG" and side is Side.SERVER else "",
    )


def _name(action: str, side: Side) -> str:
    both = {one.action for one in REQUESTS} & {one.action for one in EVENTS}
    return f"{action}.{side.value}" if action in both else action


def _area(cls: type[Any]) -> str:
    return cls.__module__.rpartition(".")[2]

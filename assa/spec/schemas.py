"""JSON Schemas (2020-12) of whole messages, made from their classes (§2).

A client's message is described as the server checks it before it does anything, and a server's message by
what is always in it. Fields that are not named are allowed everywhere: newer peers have more of them.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args, get_origin

import attrs
from attrs import define, field

from assa.errors import MESSAGES
from assa.protocol import Envelope
from assa.protocol.envelope import SEQ_ID_CHARACTERS
from assa.schema import IsoTime, Length, Range, RawText
from assa.spec.catalogue import Kind, Message, name_of
from assa.spec.examples import shown
from assa.spec.fields import (
    NOTHING,
    Field,
    Side,
    fields_of,
    unwrap,
    without_none,
)
from assa.spec.words import Words, words

Schema = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DATE: Final = "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_ZONE: Final = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
ANY_TIME: Final = f"^{_DATE}[T ]{_CLOCK}(:[0-5][0-9]([.,][0-9]+)?)?{_ZONE}?$"
"""What a client may say for a time, and a server of v1.0 too: the usual forms of ISO 8601."""
UTC_TIME: Final = f"^{_DATE}T{_CLOCK}:[0-5][0-9]\\.[0-9]{{3}}Z$"
"""What a server of v1.1 says."""
NO_NUL: Final = "^[^\\u0000]*$"
TIMES: Final = frozenset({"created_at", "expires_at", "joined_at", "server_time"})
"""The fields of the server that are times, which are texts in the classes."""
CODE: Final = "^[A-Z][A-Z0-9_]*$"


@define
class Shapes:
    """Makes the schemas of the data of messages, and keeps those of the classes inside it.

    Args:
        version: Of the protocol.
        side: Who says what is described.
        words: What is said of the fields.
        place: Where references go: where :attr:`defs` will stand.
    """

    version: str
    side: Side
    words: Words
    place: str = "#/$defs/"
    defs: dict[str, Schema] = field(factory=dict)

    def object(self, cls: type[Any]) -> Schema:
        """Return the schema of a class."""
        fields = fields_of(cls, self.version)
        made: Schema = {"title": cls.__name__, "type": "object"}
        if fields:
            made["properties"] = {one.name: self.field(one) for one in fields}
        required = [one.name for one in fields if one.required(self.side)]
        return made | ({"required": required} if required else {})

    def field(self, one: Field) -> Schema:
        """Return the schema of a field, with its words and its default."""
        made = self.kind(_without_null(one.kind) if one.omitted else one.kind)
        if self.side is Side.SERVER and one.name in TIMES:
            made |= self.time()
        if self.side is Side.CLIENT and one.default not in (NOTHING, None):
            made["default"] = one.default
        return {"description": self.words.field(one)} | made

    def time(self) -> Schema:
        """Return the schema of a time that the server says."""
        if self.version == "1.0":
            return {"type": "string", "pattern": ANY_TIME}
        return {"type": "string", "format": "date-time", "pattern": UTC_TIME}

    def kind(self, kind: Any) -> Schema:
        """Return the schema of an annotation."""
        kind, notes = unwrap(kind)
        inner, nullable = without_none(kind)
        if nullable:
            return _or_null(self.kind(inner))
        made = self._plain(inner)
        for note in notes:
            made |= _bound(note, made["type"])
        return made

    def _plain(self, kind: Any) -> Schema:
        if attrs.has(kind):
            return self._reference(kind)
        if get_origin(kind) is list:
            (item,) = get_args(kind)
            return {"type": "array", "items": self.kind(item)}
        if get_origin(kind) is Literal:
            return {"type": "string", "enum": list(get_args(kind))}
        if kind is str:
            return {"type": "string"} | ({"pattern": NO_NUL} if self.side is Side.CLIENT else {})
        if get_origin(kind) is dict:
            return {"type": "object"}
        return {"type": {int: "integer", bool: "boolean", RawText: "string"}[kind]}

    def _reference(self, cls: type[Any]) -> Schema:
        name = name_of(cls, self.side)
        if name not in self.defs:
            self.defs[name] = {}  # one that is inside itself would be made for ever
            self.defs[name] = {"description": self.words.shapes[cls.__name__]} | self.object(cls)
        return {"$ref": f"{self.place}{name}"}


def schema_of(message: Message, version: str, language: str = "en") -> Schema:
    """Return the schema of a message, complete in itself."""
    shapes = Shapes(version, message.side, words(language))
    made = {
        "$schema": DIALECT,
        "$id": f"urn:assa:v{version}:{message.name}",
        **whole(message, shapes),
    }
    more = {"examples": shown(version, message.name), "$defs": shapes.defs}
    return made | {key: value for key, value in more.items() if value}


def whole(message: Message, shapes: Shapes) -> Schema:
    """Return the schema of a message, which refers to `shapes`."""
    head = {"title": message.name, "description": shapes.words.messages[message.name]}
    if message.failure is None:
        return head | _success(message, shapes)
    failure = _failure(message, message.failure, shapes)
    if message.kind is Kind.ERROR:
        return head | failure
    success = {"title": f"{message.action} (success)"} | _success(message, shapes)
    return head | {"type": "object", "oneOf": [success, {"title": f"{message.action} (failure)"} | failure]}


def _success(message: Message, shapes: Shapes) -> Schema:
    if message.kind is Kind.REQUEST:
        return _request(message, shapes)
    fields: Schema = {"action": {"const": message.action}}
    if message.kind is Kind.ANSWER:
        fields["success"] = {"const": True}
        if message.text is not None:
            fields["message"] = {"description": shapes.words.envelope("message"), "const": message.text}
    if message.data is not None:
        fields["data"] = shapes.object(message.data)
    return _envelope(fields, shapes)


def _failure(message: Message, failure: type[Any], shapes: Shapes) -> Schema:
    fields = {
        "action": {"const": message.action},
        "success": {"const": False},
        "message": {"description": shapes.words.envelope("message"), "type": "string"},
        "error_code": codes(shapes),
        "data": shapes.object(failure),
    }
    made = _envelope(fields, shapes)
    seq_id = made["properties"]["seq_id"] = _or_null(made["properties"]["seq_id"])
    del seq_id["minLength"]  # it may be what was wrong
    if message.kind is not Kind.ERROR:
        made["required"].remove("data")  # it comes where there is something to say in it
    return made


def codes(shapes: Shapes) -> Schema:
    """Return the schema of an error code: v1.0 names the main ones only."""
    said = {"description": shapes.words.envelope("error_code")}
    if shapes.version == "1.0":
        return said | {"type": "string", "pattern": CODE}
    choices = [
        {"const": code.value, "title": text, "description": shapes.words.codes[code.value]}
        for code, text in MESSAGES.items()
    ]
    shapes.defs["ErrorCode"] = {"title": "ErrorCode", "type": "string", "oneOf": choices}
    return said | {"$ref": f"{shapes.place}ErrorCode"}


def _envelope(fields: Schema, shapes: Shapes) -> Schema:
    fields["timestamp"] = {"description": shapes.words.envelope("timestamp")} | shapes.time()
    fields["seq_id"] = {
        "description": shapes.words.envelope("seq_id"),
        "type": "string",
        "minLength": 1,
        "maxLength": SEQ_ID_CHARACTERS,
    }
    return {"type": "object", "properties": fields, "required": list(fields)}


def _request(message: Message, shapes: Shapes) -> Schema:
    made = shapes.object(Envelope)
    fields = made["properties"] | {"action": {"const": message.action}}
    if message.data is not None:
        data = shapes.object(message.data)
        if data.get("required"):
            made["required"].append("data")
        else:
            data["type"] = ["object", "null"]
        fields["data"] = data
    del made["title"]
    return made | {"properties": fields}


def _without_null(kind: Any) -> Any:
    return without_none(kind)[0]


def _or_null(made: Schema) -> Schema:
    if "type" not in made:
        return {"anyOf": [made, {"type": "null"}]}
    choices = {"enum": [*made["enum"], None]} if "enum" in made else {}
    return made | {"type": [made["type"], "null"]} | choices


def _bound(note: Any, kind: str) -> Schema:
    if isinstance(note, Range):
        return {"minimum": note.low, "maximum": note.high}
    if isinstance(note, Length):
        unit = "Items" if kind == "array" else "Length"
        low = {f"min{unit}": note.low} if note.low else {}
        return low | {f"max{unit}": note.high}
    if isinstance(note, IsoTime):
        return {"pattern": ANY_TIME}
    raise TypeError(f"nothing is known of {note}")

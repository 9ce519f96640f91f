"""The AsyncAPI 3 document: servers, the one channel, who asks what, and what is answered.

It describes the server: what a client asks, the server *receives*. Its schemas are those of
:mod:`assa.spec.schemas` in AsyncAPI's dialect, which is that of draft 7 of JSON Schema.
"""

from __future__ import annotations

from typing import Any, Final

from assa.spec.catalogue import Kind, Message, answers_to, catalogue
from assa.spec.examples import shown
from assa.spec.fields import Side
from assa.spec.schemas import Shapes, whole
from assa.spec.words import Words, words

Document = dict[str, Any]
VERSION: Final = "1.1"
_CHANNEL: Final = "#/channels/connection"
_SCHEMAS: Final = "#/components/schemas/"


def document(language: str = "en") -> Document:
    """Return the document, of v1.1."""
    said = words(language)
    messages = catalogue(VERSION)
    shapes = {side: Shapes(VERSION, side, said, place=_SCHEMAS) for side in Side}
    described = {name: _message(one, shapes[one.side], said) for name, one in messages.items()}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:assa",
        "info": _info(said),
        "defaultContentType": "application/json",
        "servers": _servers(said),
        "channels": {"connection": _channel(messages, said)},
        "operations": {name: one for message in messages.values() for name, one in _operation(message, said)},
        "components": {
            "messages": described,
            "schemas": {name: _dialect(one) for both in shapes.values() for name, one in both.defs.items()},
            "securitySchemes": {"jwt": _security(said)},
        },
    }


def _info(said: Words) -> Document:
    return {
        "title": "ASSA",
        "version": VERSION,
        "description": said.reference["about"],
        "license": {"name": "MIT"},
        "tags": [{"name": name, "description": heading} for name, heading in said.areas.items()],
    }


def _servers(said: Words) -> Document:
    security = [{"$ref": "#/components/securitySchemes/jwt"}]
    return {
        "tcp": {
            "host": "chat.example.org:12345",
            "protocol": "tcp",
            "title": "TCP",
            "description": said.reference["tcp"],
            "security": security,
        },
        "websocket": {
            "host": "chat.example.org:8080",
            "pathname": "/ws",
            "protocol": "ws",
            "title": "WebSocket",
            "description": said.reference["websocket"],
            "security": security,
        },
    }


def _channel(messages: dict[str, Message], said: Words) -> Document:
    protocol = {"type": "object", "properties": {"Sec-WebSocket-Protocol": {"const": "assa.v1"}}}
    return {
        "address": None,
        "title": said.areas["connection"],
        "description": said.reference["channel"],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", "headers": protocol, "bindingVersion": "0.1.0"}},
    }


def _security(said: Words) -> Document:
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": said.reference["security"],
    }


def _message(message: Message, shapes: Shapes, said: Words) -> Document:
    made: Document = _dialect(whole(message, shapes))
    del made["title"], made["description"]
    return {
        "name": message.action,
        "title": message.name,
        "summary": said.messages[message.name],
        "tags": [{"name": message.area}],
        "correlationId": {
            "description": said.envelope("seq_id"),
            "location": "$message.payload#/seq_id",
        },
        "payload": made,
        "examples": [{"payload": one} for one in shown(VERSION, message.name)],
        "x-section": message.section,
        "x-since": message.since,
    }


def _operation(message: Message, said: Words) -> list[tuple[str, Document]]:
    """Return the operation of a message with its name; an answer has none of its own."""
    if message.kind is Kind.ANSWER or (message.asked and message.kind is Kind.EVENT):
        return []
    operation: Document = {
        "action": "receive" if message.side is Side.CLIENT else "send",
        "channel": {"$ref": _CHANNEL},
        "title": message.name,
        "summary": said.messages[message.name],
        "tags": [{"name": message.area}],
        "messages": [_in_channel(message)],
    }
    if message.kind is Kind.REQUEST:
        answers = [_in_channel(one) for one in answers_to(message, VERSION)]
        operation["reply"] = {"channel": {"$ref": _CHANNEL}, "messages": answers}
    return [(message.name, operation)]


def _in_channel(message: Message) -> Document:
    return {"$ref": f"{_CHANNEL}/messages/{message.name}"}


def _dialect(schema: Any) -> Any:
    """Return a schema as AsyncAPI takes it: beside a reference there may be nothing in draft 7."""
    if isinstance(schema, list):
        return [_dialect(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _dialect(value) for key, value in schema.items()}
    if "$ref" in made and len(made) > 1:
        return made | {"allOf": [{"$ref": made.pop("$ref")}]}
    return made

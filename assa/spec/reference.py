"""The reference for readers: a table for each message and each shape, and the examples (of v1.1).

It is reStructuredText that Sphinx builds and that sites which host code show as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, get_args, get_origin

import attrs

from assa.errors import MESSAGES
from assa.protocol import Envelope
from assa.schema import LAST_ID, IsoTime, Length, Range
from assa.spec.catalogue import Kind, Message, answers_to, catalogue, name_of, shapes_of
from assa.spec.examples import shown
from assa.spec.fields import Field, Side, fields_of, unwrap, without_none
from assa.spec.schemas import TIMES
from assa.spec.words import Words, words

_VERSION: Final = "1.1"
_AROUND: Final = (
    ("action", ("request", "answer", "event")),
    ("data", ("request_may", "answer", "event")),
    ("timestamp", ("request", "answer", "event")),
    ("seq_id", ("request", "answer", "event")),
    ("user_id", ("request_may",)),
    ("session_id", ("request_may",)),
    ("success", ("answer",)),
    ("message", ("answer_may",)),
    ("error_code", ("failure_only",)),
)
"""The fields around `data`, and in what they are."""


def reference(language: str) -> str:
    """Return the document in a language, ``en`` or ``ko``."""
    return "\n".join(_Writer(words(language)).document()) + "\n"


class _Writer:
    """Writes in one language."""

    def __init__(self, said: Words) -> None:
        self._said = said
        self._ref = said.reference
        self._messages = catalogue(_VERSION)

    def document(self) -> Iterator[str]:
        """Yield the lines."""
        yield from _title(self._ref["title"], "=")
        yield from (self._ref["generated"], "")
        yield from (self._ref["intro"], "")
        yield from self._around()
        for area, heading in self._said.areas.items():
            yield from _title(heading, "-")
            for message in self._messages.values():
                if message.area == area:
                    yield from self._message(message)
        yield from self._codes()
        yield from _title(self._ref["shapes"], "-")
        for side, cls in shapes_of(_VERSION):
            yield from _title(name_of(cls, side), "~")
            yield from (_prose(self._said.shapes[cls.__name__]), "")
            yield from self._table(fields_of(cls, _VERSION), side)

    def _around(self) -> Iterator[str]:
        """Yield what is around `data`, which is not said again with each message."""
        yield from _title(self._ref["envelope"], "-")
        rows = []
        for name, kinds in _AROUND:
            required = ", ".join(self._ref[kind] for kind in kinds)
            words_of = _prose(self._said.envelope(name))
            rows.append([f"``{name}``", self._envelope_type(name), required, words_of])
        yield from _table(
            [22, 24, 20, 34], [self._ref[one] for one in ("field", "type", "in", "words")], rows
        )
        yield from (self._ref["types"], "")

    def _envelope_type(self, name: str) -> str:
        known = {one.name: one for one in fields_of(Envelope, _VERSION)}
        if name in known:
            return self._type(known[name], Side.CLIENT)
        return self._ref["boolean"] if name == "success" else self._ref["string"]

    def _message(self, message: Message) -> Iterator[str]:
        yield from _title(message.name, "~")
        yield from (_apart(self._about(message)), "")
        if message.data is not None:
            fields = fields_of(message.data, _VERSION)
            if fields:
                yield from self._table(fields, message.side)
            else:
                yield from (self._ref["no_fields"], "")
        if message.failure is not None:
            yield from (self._ref["failure"], "")
            yield from self._table(fields_of(message.failure, _VERSION), message.side)
        for one in shown(_VERSION, message.name):
            yield from _code(one)

    def _about(self, message: Message) -> str:
        """Return the paragraph about a message: who says it, since when, its words, its answers."""
        who = self._ref["from_client" if message.side is Side.CLIENT else "from_server"]
        since = f"§{message.section}" if message.section else "v1.1"
        said = f"{who} ({since}) {_prose(self._said.messages[message.name])}"
        if message.kind is not Kind.REQUEST or message.action == "PONG":
            return said
        links = ", ".join(f"`{one.name}`_" for one in answers_to(message, _VERSION))
        return f"{said} {self._ref['answers'].format(links)}"

    def _table(self, fields: Iterable[Field], side: Side) -> Iterator[str]:
        needed = "required" if side is Side.CLIENT else "always"
        heads = [self._ref[one] for one in ("field", "type", needed, "words")]
        rows = [
            [
                f"``{one.name}``",
                self._type(one, side),
                self._required(one, side),
                _prose(self._said.field(one)),
            ]
            for one in fields
        ]
        yield from _table([22, 24, 14, 40], heads, rows)

    def _required(self, one: Field, side: Side) -> str:
        if one.required(side):
            return self._ref["yes"]
        if side is Side.SERVER or one.default is None:
            return self._ref["no"]
        return self._ref["default"].format(f"``{json.dumps(one.default)}``")

    def _type(self, one: Field, side: Side) -> str:
        kind, nullable = without_none(one.kind)
        if one.name in TIMES:
            return self._ref["time"]
        first, *bounds = self._kind(kind, side)
        if nullable and not one.omitted:
            first = self._ref["or_null"].format(first)
        return _apart(", ".join([first, *bounds]))

    def _kind(self, kind: Any, side: Side) -> list[str]:
        """Return the name of a type, and its bounds."""
        kind, notes = unwrap(kind)
        if Range(1, LAST_ID) in notes:
            return [self._ref["id"]]
        if any(isinstance(note, IsoTime) for note in notes):
            return [self._ref["time"]]
        said = self._plain(kind, side)
        return [said, *(self._bounds(note, said) for note in notes)]

    def _plain(self, kind: Any, side: Side) -> str:
        if attrs.has(kind):
            return f"`{name_of(kind, side)}`_"
        if get_origin(kind) is list:
            (item,) = get_args(kind)
            return self._ref["list"].format(", ".join(self._kind(item, side)))
        if get_origin(kind) is Literal:
            return ", ".join(f"``{one}``" for one in get_args(kind))
        if get_origin(kind) is dict:
            return self._ref["object"]
        return self._ref[{int: "integer", bool: "boolean"}.get(kind, "string")]

    def _bounds(self, note: Any, said: str) -> str:
        if isinstance(note, Length):
            unit = "characters" if said == self._ref["string"] else "items"
            name = f"{unit}_from" if note.low else unit
            return self._ref[name].format(low=note.low, high=note.high)
        return self._ref["range"].format(low=note.low, high=note.high)

    def _codes(self) -> Iterator[str]:
        yield from _title(self._ref["codes"], "~")
        rows = [
            [f"``{code}``", text, _prose(self._said.codes[code.value])] for code, text in MESSAGES.items()
        ]
        yield from _table([28, 32, 40], ["``error_code``", "``message``", self._ref["when"]], rows)


def _prose(text: str) -> str:
    """Return words with their `names` as literals."""
    return _apart(re.sub(r"`([^`]+)`", r"``\1``", text))


def _apart(text: str) -> str:
    """Part literals and links from the letters around them, as reStructuredText wants it."""

    def parted(found: re.Match[str]) -> str:
        before, marked, after = found.groups()
        return f"{before}{before and chr(92) + ' '}{marked}{after and chr(92) + ' '}"

    return re.sub(r"([\w)]?)(``[^`]+``|`[^`]+`_)(?=([\w(]?))", parted, text)


def _title(text: str, underline: str) -> list[str]:
    width = sum(2 if letter >= "\u1100" else 1 for letter in text)
    return [text, underline * width, ""]


def _table(widths: list[int], heads: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", "")
    for row in (heads, *rows):
        first, *others = row
        yield f"   * - {first}"
        yield from (f"     - {cell}" for cell in others)
    yield ""


def _code(value: Any) -> list[str]:
    lines = json.dumps(value, ensure_ascii=False, indent=2).splitlines()
    return [".. code-block:: json", "", *(f"   {line}" for line in lines), ""]

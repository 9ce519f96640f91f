"""What is published of the protocol against its classes, its document and its words."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils.core import publish_doctree
from jsonschema import Draft202012Validator
from twisted.trial.unittest import SynchronousTestCase

from assa.errors import Code
from assa.protocol import EVENTS, REQUESTS, Envelope, answer_of
from assa.spec.catalogue import VERSIONS, catalogue
from assa.spec.examples import shown
from assa.spec.fields import all_fields, classes_in
from assa.spec.publishing import differences, documents, everything, write
from assa.spec.schemas import Shapes
from assa.spec.words import LANGUAGES, Words, words
from tests import law
from tests.integration.server import ROOT
from tests.published import PUBLISHED, names, problems, schema

FROM_SERVER_1_1 = {"CONNECT_RESPONSE", "CHECK_RECEIVE_RESPONSE", "JOIN_VIDEO_ROOM_RESPONSE", "ERROR"}
"""Messages of which v1.1 requires what the examples of v1.0 cannot have."""


class PublishedTests(SynchronousTestCase):
    """assa/spec/published/, and the reference in docs/."""

    def test_up_to_date(self) -> None:
        """What is published is what the classes say: `assa schema --write assa/spec/published` mends it."""
        self.assertEqual("".join(differences(ROOT / "assa" / "spec" / "published")), "")

    def test_reference_up_to_date(self) -> None:
        """So are the documents: `assa schema --format reference > docs/reference.rst` mends it."""
        for name, text in documents().items():
            self.assertEqual((ROOT / "docs" / name).read_text("utf-8"), text, name)

    def test_reference_is_well_formed(self) -> None:
        """Docutils has not a single complaint about the reference, and finds every link."""
        for name, text in documents().items():
            complaints = io.StringIO()
            settings = {"report_level": 1, "halt_level": 5, "warning_stream": complaints}
            settings["syntax_highlight"] = "none"
            publish_doctree(text, source_path=name, settings_overrides=settings)
            self.assertEqual(complaints.getvalue(), "")

    def test_difference_is_found(self) -> None:
        """A file that differs, is missing or is too many is told, and written or removed."""
        with tempfile.TemporaryDirectory() as made:
            directory = Path(made)
            self.assertEqual(len(write(directory)), len(everything()))
            self.assertEqual(list(differences(directory)), [])
            changed, gone = directory / "v1.0" / "PING.event.json", directory / "v1.1" / "SDP.event.json"
            changed.write_text(changed.read_text("utf-8").replace('"PING"', '"PINK"'), encoding="utf-8")
            gone.unlink()
            (directory / "v1.0" / "TYPING.json").write_text("{}\n")
            told = "".join(differences(directory))
            for line in ('-      "const": "PINK"', "+++ v1.1/SDP.event.json", "--- v1.0/TYPING.json (there)"):
                self.assertIn(line, told)
            self.assertEqual(len(write(directory)), 3)
            self.assertEqual(list(differences(directory)), [])

    def test_schemas(self) -> None:
        """Each is a valid schema of JSON Schema 2020-12, complete in itself, with an id of its own."""
        ids = set()
        for version in VERSIONS:
            self.assertEqual(set(names(version)), set(catalogue(version)))
            for name in names(version):
                described = schema(version, name)
                Draft202012Validator.check_schema(described)
                references = set(_references(described))
                self.assertEqual(references, {f"#/$defs/{one}" for one in described.get("$defs", {})}, name)
                ids.add(described["$id"])
        self.assertEqual(len(ids), len(names("1.0")) + len(names("1.1")))

    def test_every_class_is_there(self) -> None:
        """Every request, every answer and every event has a schema, and v1.0 nothing of what v1.1 added."""
        answered = {one.action for one in REQUESTS if answer_of(one) is not None}
        actions = {one.action for one in (*REQUESTS, *EVENTS)} | {f"{one}_RESPONSE" for one in answered}
        published = {one.removesuffix(".request").removesuffix(".event") for one in names("1.1")}
        self.assertEqual(published, actions | {"PING", "PONG", "ERROR"})
        for name in names("1.0"):
            self.assertNotIn("(v1.1)", json.dumps(schema("1.0", name)))
            self.assertIn(name, names("1.1"))
        text = (PUBLISHED / "v1.0" / "CONNECT_RESPONSE.json").read_text("utf-8")
        self.assertNotIn("resumed", text)
        self.assertNotIn("retry_after_ms", text)


class ExampleTests(SynchronousTestCase):
    def test_examples_are_those_of_the_document(self) -> None:
        """The package has the examples of v1.0 as they are: `python -m tests.law` prints them."""
        written = json.loads((ROOT / "assa" / "spec" / "examples" / "v1.0.json").read_text("utf-8"))
        self.assertEqual(written, law.examples())
        self.assertEqual(len(law.blocks()), 39)

    def test_every_example_of_v1_0(self) -> None:
        """Every JSON block of the document is valid against v1.0; what clients say, against v1.1 as well."""
        seen = 0
        for block in law.blocks():
            if block["action"] in law.SKELETONS:
                continue
            name = law.name_of(block)
            self.assertEqual(problems("1.0", name, block), [], name)
            if name not in FROM_SERVER_1_1 or (block.get("success") is False and name != "ERROR"):
                self.assertEqual(problems("1.1", name, block), [], name)
            seen += 1
        self.assertEqual(seen, 37)

    def test_skeletons(self) -> None:
        """§2.1 and §2.3 show what is around every request and every answer."""
        request, answer = (one for one in law.blocks() if one["action"] in law.SKELETONS)
        room = {"room_id": 100}
        self.assertEqual(problems("1.0", "EXIT_ROOM", request | {"action": "EXIT_ROOM", "data": room}), [])
        told = {"action": "EXIT_ROOM_RESPONSE", "message": "채팅방에서 나갔습니다", "data": room}
        self.assertEqual(problems("1.0", "EXIT_ROOM_RESPONSE", answer | told), [])
        self.assertEqual(set(schema("1.1", "EXIT_ROOM")["properties"]), set(request))
        self.assertLessEqual(set(schema("1.1", "EXIT_ROOM_RESPONSE")["properties"]), set(answer))

    def test_every_message_has_an_example(self) -> None:
        """In v1.1 each has one, which is valid; so is each of v1.0 where there is one."""
        for version in VERSIONS:
            for name in catalogue(version):
                if version == "1.1":
                    self.assertTrue(shown(version, name), name)
                for one in shown(version, name):
                    self.assertEqual(problems(version, name, one), [], name)
        unknown = set(json.loads((ROOT / "assa/spec/examples/v1.1.json").read_text("utf-8"))) - set(
            names("1.1")
        )
        self.assertEqual(unknown, set())

    def test_examples_show_every_field(self) -> None:
        """Each field of `data` is in one of the examples, those that are mostly left out too."""
        missing = [
            f"{name}: {'.'.join(path)}"
            for name in catalogue("1.1")
            for path in _fields(schema("1.1", name), schema("1.1", name))
            if path[0] == "data" and len(path) == 2
            if not any(_has(one, path) for one in shown("1.1", name))
        ]
        self.assertEqual(missing, [])

    def test_what_is_wrong_is_found(self) -> None:
        """A field that is missing, null, of another type or out of bounds is told with its place."""
        (text, _) = shown("1.1", "SEND_MESSAGE")
        spoilt: dict[str, Any] = {
            "'room_id' is a required property": {"room_id": ...},
            "$.data.room_id: '5' is not of type 'integer'": {"room_id": "5"},
            "$.data.room_id: 0 is less than the minimum of 1": {"room_id": 0},
            "$.data.content: None is not of type 'string'": {"content": None},
            "is too long": {"client_message_id": "x" * 129},
            "is not valid under any of the given schemas": {"file_info": {"file_name": "a.png"}},
        }
        for told, change in spoilt.items():
            data = {key: value for key, value in (text["data"] | change).items() if value is not ...}
            found = problems("1.1", "SEND_MESSAGE", text | {"data": data})
            self.assertEqual(len(found), 1, found)
            self.assertIn(told, found[0])


class WordTests(SynchronousTestCase):
    """assa/spec/words/*.toml."""

    def test_complete(self) -> None:
        """Every message, area, code, class and field has words, in both languages, and nothing else has."""
        for language in LANGUAGES:
            said = words(language)
            messages = catalogue("1.1").values()
            self.assertEqual(set(said.messages), {one.name for one in messages})
            self.assertEqual(set(said.areas), {one.area for one in messages})
            self.assertEqual(set(said.codes), {one.value for one in Code})
            shapes = set(_shapes())
            self.assertEqual(set(said.shapes), {one.__name__ for one in shapes})
            self.assertEqual(_unused(said), set())
            for one in self.all_words(said).values():
                self.assertTrue(one.strip())

    def test_same_words_of_the_protocol(self) -> None:
        """What stands in back-ticks is the same in both languages, and Korean words are Korean."""
        english, korean = (self.all_words(words(one)) for one in ("en", "ko"))
        self.assertEqual(english.keys(), korean.keys())
        for key, text in english.items():
            literals = [sorted(one.split("`")[1::2]) for one in (text, korean[key])]
            if not key.startswith("reference/"):  # links have their words in back-ticks
                self.assertEqual(literals[0], literals[1], key)
            is_korean = any("가" <= letter <= "힣" for letter in korean[key])
            self.assertTrue(is_korean or key in NOT_KOREAN, key)

    def all_words(self, said: Words) -> dict[str, str]:
        """Return everything that is said, by where."""
        flat = {"messages": said.messages, "codes": said.codes, "shapes": said.shapes, "areas": said.areas}
        flat |= {"fields": said.fields, "reference": said.reference}
        flat |= {f"of/{name}": own for name, own in said.of.items()}
        return {f"{part}/{key}": text for part, texts in flat.items() for key, text in texts.items()}


NOT_KOREAN = {"reference/generated", "reference/range", "reference/id"}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for key, one in value.items():
            if key != "examples":
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _fields(described: Any, root: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all fields that a schema describes."""
    if "$ref" in described:
        described = root["$defs"][described["$ref"].rpartition("/")[2]]
    for arm in (*described.get("oneOf", ()), *described.get("anyOf", ())):
        yield from _fields(arm, root)
    for name, one in described.get("properties", {}).items():
        yield (name,)
        yield from ((name, *path) for path in _fields(one, root))
    if "items" in described:
        yield from _fields(described["items"], root)


def _has(value: Any, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    if isinstance(value, list):
        return any(_has(one, path) for one in value)
    return isinstance(value, dict) and path[0] in value and _has(value[path[0]], path[1:])


def _whole() -> Iterator[type[Any]]:
    for one in catalogue("1.1").values():
        yield from (cls for cls in (one.data, one.failure) if cls is not None)


def _shapes() -> Iterator[type[Any]]:
    waiting = [inner for cls in _whole() for inner in classes_in(cls)]
    while waiting:
        yield (cls := waiting.pop())
        waiting += classes_in(cls)


def _unused(said: Words) -> set[str]:
    """Return the words of fields that nothing uses."""
    used = {f"Envelope.{one}" for one in ("success", "message", "error_code")}
    for cls in (Envelope, *_whole(), *_shapes()):
        for one in all_fields(cls):
            own = one.name in said.of.get(cls.__name__, {})
            used.add(f"{cls.__name__}.{one.name}" if own else one.name)
    return ({*said.fields} | {f"{name}.{one}" for name, own in said.of.items() for one in own}) - used


class ShapeTests(SynchronousTestCase):
    def test_what_is_not_known(self) -> None:
        """A class that says something new is refused, not published as anything."""
        shapes = Shapes("1.1", catalogue("1.1")["ERROR"].side, words("en"))
        self.assertRaises(TypeError, shapes.kind, int | str)
        self.assertRaises(KeyError, shapes.kind, float)

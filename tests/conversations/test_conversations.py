"""Plays every conversation, and sees to it that every example of the document is in one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.conversations import compare, script
from tests.conversations.play import EVERY_ANSWER, EVERY_REQUEST, DepartureError, Play


class ConversationTests(SynchronousTestCase):
    """Each script is a test, named after its file (§2 to §9)."""


def _test(path: Path) -> Callable[[ConversationTests], None]:
    def test(case: ConversationTests) -> None:
        del case
        Play(script.read(path)).run()

    test.__doc__ = f"The server keeps to {path.name}."
    return test


for _path in script.scripts():
    setattr(ConversationTests, f"test_{_path.stem}", _test(_path))


class CoverageTests(SynchronousTestCase):
    def test_every_example_is_played(self) -> None:
        """Every example of the document is a step of a conversation, or holds for every message (§2)."""
        played = set().union(*(script.read(path).examples for path in script.scripts()))
        self.assertEqual(played | {EVERY_REQUEST, EVERY_ANSWER}, set(script.examples()))

    def test_no_example_is_lost(self) -> None:
        """The document has 39 examples."""
        self.assertEqual(len(script.examples()), 39)


class ScriptTests(SynchronousTestCase):
    """A script that is wrong, or that the server departs from, says where."""

    def play(self, text: str) -> None:
        """Play a script that is written here."""
        path = Path(self.mktemp())
        path.write_text(text, encoding="utf-8")
        Play(script.read(path)).run()

    def test_departure_names_line_and_difference(self) -> None:
        """What was heard instead is shown line by line."""
        text = """
person mina 123 미나
mina opens
mina ->
  {"action": "PING", "timestamp": "2024-01-01T12:00:00.000Z", "seq_id": "p1"}
mina <-
  {"action": "PONG", "timestamp": "$time", "seq_id": "p2"}
"""
        with self.assertRaises(DepartureError) as caught:
            self.play(text)
        self.assertRegex(str(caught.exception), r":6: mina <-\n")
        self.assertRegex(str(caught.exception), r'(?m)^- +"seq_id": "p2"')
        self.assertRegex(str(caught.exception), r'(?m)^\+ +"seq_id": "p1"')

    def test_unheard_message_is_a_departure(self) -> None:
        """Nothing may be left at the end."""
        text = """
person mina 123 미나
mina opens
mina ->
  {"action": "PING", "timestamp": "2024-01-01T12:00:00.000Z", "seq_id": "p1"}
"""
        self.assertIn("has heard this too", str(self.assertRaises(DepartureError, self.play, text)))

    def test_line_that_is_not_understood(self) -> None:
        """The script's name and line are told."""
        wrong = self.assertRaises(script.ScriptError, self.play, "person mina 1 미나\nmina flies\n")
        self.assertIn(":2: not understood: mina flies", str(wrong))

    def test_departure_from_an_example(self) -> None:
        """Fields and types of an example are compared, to any depth."""
        example = {"action": "A", "data": {"users": [{"user_id": 1, "open": True}], "none": None}}
        message = {"action": "A", "data": {"users": [{"user_id": "1", "more": 2}], "none": None}}
        self.assertEqual(
            list(compare.departures(example, message)),
            [
                "data.users[].open: missing",
                "data.users[].more: not in the example",
                "data.users[].user_id: the example has type integer, this is string",
            ],
        )

    def test_additions_of_v1_1(self) -> None:
        """A field that v1.1 adds has to be there; one marked with `?` may be."""
        added = ["data.items[].kind", "data.items[].file?"]
        example = {"data": {"items": [{"id": 1}]}}
        self.assertEqual(
            list(compare.departures(example, {"data": {"items": [{"id": 1, "kind": 2}]}}, added)), []
        )
        self.assertEqual(
            list(compare.departures(example, {"data": {"items": [{"id": 1, "file": 2}]}}, added)),
            ["data.items[].kind: missing"],
        )

    def test_name_stands_for_one_value(self) -> None:
        """A placeholder that has a value keeps it."""
        names = {"room": 1}
        self.assertEqual(compare.expected({"room_id": "$room"}, {"room_id": 2}, names), {"room_id": 1})
        self.assertEqual(compare.expected("$id:other", 5, names), 5)
        self.assertEqual(names, {"room": 1, "other": 5})
        self.assertEqual(compare.expected("$time", "yesterday", names), "$time")

    def test_numbers_and_booleans_differ(self) -> None:
        """1, 1.0 and true are different JSON."""
        self.assertFalse(compare.same(1, other=True))
        self.assertFalse(compare.same(1, 1.0))
        self.assertTrue(compare.same({"a": 1, "b": 2}, {"b": 2, "a": 1}))

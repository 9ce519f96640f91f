"""The protocol document against the classes and the limits of the code."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from assa.actions import ALL
from assa.errors import MESSAGES, Code
from assa.http.uploads import _EACH as UPLOADS_EACH
from assa.http.uploads import _TOTAL as UPLOADS_TOTAL
from assa.http.websocket import _CLOSE_CODES as CLOSE_CODES
from assa.limits import Limits
from assa.protocol import EVENTS, answer_of
from assa.schema import structure, unstructure
from assa.wire import envelope
from tests.docs.rst import DOCS, examples, section, text_of
from tests.docs.samples import take_all

PROTOCOL = (DOCS / "protocol.rst", DOCS / "protocol.ko.rst")
OPERATIONS = (DOCS / "operations.rst", DOCS / "operations.ko.rst")
SHOWN = [json.loads(one) for one in take_all("docs/protocol.rst", "json")]


def events() -> dict[str, type[Any]]:
    """Return every event of the code by its name on the wire."""
    return {one.action: one for one in EVENTS}


class ProtocolTests(SynchronousTestCase):
    """docs/protocol.rst and its Korean version against the classes of the code."""

    def test_actions(self) -> None:
        """Each action has a section, which names every field of its request."""
        for path in PROTOCOL:
            for name, action in ALL.names().items():
                told = section(path, name)
                fields = {field.name for field in attrs.fields(attrs.resolve_types(action.request))}
                missing = {one for one in fields if f"``{one}``" not in told} - {"reconnect_after_ms"}
                self.assertEqual(missing, set(), f"{path.name}: {name}")

    def test_events(self) -> None:
        """Each event has an example, and so has each answer."""
        for path in PROTOCOL:
            shown = {one["action"] for one in examples(path)}
            answers = {f"{name}_RESPONSE" for name, action in ALL.names().items() if action.answered}
            self.assertEqual((events().keys() | answers) - shown, set(), path.name)

    def test_codes(self) -> None:
        """Each error code is in the table, with its text."""
        for path in PROTOCOL:
            table = text_of(path)
            for code in Code:
                self.assertIn(f"   * - ``{code}``\n     - {MESSAGES[code]}\n", table, path.name)

    def test_limits(self) -> None:
        """Each limit of the code is named with its number."""
        elsewhere = {"event_retention_s", "empty_video_room_s", "shutdown_s", "failed_connects"}
        for path in PROTOCOL:
            for name, value in attrs.asdict(Limits()).items():
                if name not in elsewhere:
                    self.assertRegex(
                        text_of(path), rf"(?<![\d,]){int(value):,}(?![\d,])", f"{path.name}: {name}"
                    )

    def test_uploads_at_once(self) -> None:
        """How many uploads go on at once is told as it is."""
        for path, words in zip(PROTOCOL, ("run {} at a", "한꺼번에 {}개"), strict=True):
            self.assertIn(words.format(UPLOADS_EACH), text_of(path))
        for path, words in zip(
            OPERATIONS,
            (
                "At most {} uploads are on their way at once, {} of",
                "한꺼번에 {}개, 한 사용자의 것은 {}개까지",
            ),
            strict=True,
        ):
            self.assertIn(words.format(UPLOADS_TOTAL, UPLOADS_EACH), text_of(path))

    def test_requests(self) -> None:
        """Each request shown is one that the server accepts."""
        shown = [one for one in SHOWN if one["action"] in ALL.names() and "success" not in one]
        requests = [one for one in shown if one["action"] not in events()]
        self.assertGreater(len(requests), 2)
        for one in requests:
            action = ALL[envelope(one).action]
            assert action is not None
            request = structure(action.request, one["data"], "data")
            given = {name: value for name, value in unstructure(request).items() if name in one["data"]}
            self.assertEqual(given, one["data"])

    def test_answers(self) -> None:
        """Each answer shown has exactly the fields of its class, and the message of its action."""
        answers = [one for one in SHOWN if one["action"].endswith("_RESPONSE") and one["success"]]
        self.assertGreater(len(answers), 15)
        for one in answers:
            action = ALL[one["action"].removesuffix("_RESPONSE")]
            assert action is not None
            self.assertEqual(one.get("message"), action.success_text)
            self.assertEqual(list(one)[-2:], ["timestamp", "seq_id"])
            self.check_class(answer_of(action.request), one)

    def test_events_shown(self) -> None:
        """Each event shown has exactly the fields of its class; in the log it has a position."""
        shown = [one for one in SHOWN if "success" not in one and one["action"] in events()]
        for one in shown:
            self.assertEqual(list(one), ["action", "data", "timestamp", "seq_id"], one["action"])
            self.check_class(events()[one["action"]], one)
            logged = one["action"] != "TOKEN_EXPIRING" and "reconnect_after_ms" not in one["data"]
            self.assertEqual(logged, re.fullmatch(r"e\d+", one["seq_id"]) is not None, one["action"])

    def check_class(self, cls: type[Any], shown: dict[str, Any]) -> None:
        """Compare the data of an example with a class: there and back again it is the same."""
        self.assertEqual(unstructure(structure(cls, shown["data"], "data")), shown["data"], shown["action"])

    def test_errors(self) -> None:
        """Each error shown has the text of its code."""
        errors = [one for one in SHOWN if one.get("success") is False]
        self.assertEqual(len(errors), 2)
        for one in errors:
            self.assertEqual(one["message"], MESSAGES[Code(one["error_code"])])

    def test_close_codes(self) -> None:
        """Each code that a WebSocket can be closed with is in the table, with the reasons that have it."""
        for path in PROTOCOL:
            rows = re.findall(
                r"^   \* - (1\d{3})\n     - (.*?)\n     - ",
                section(path, "WebSocket"),
                re.MULTILINE | re.DOTALL,
            )
            told = {int(code): set(re.findall(r"``([^`]+)``", text)) for code, text in rows}
            for reason, code in CLOSE_CODES.items():
                self.assertIn(reason, told[code], path.name)
            self.assertEqual(set(told) - set(CLOSE_CODES.values()), {1002, 1003, 1007, 1008, 1009})

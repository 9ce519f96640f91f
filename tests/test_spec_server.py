"""The published schemas against what the server takes and says.

Schema and server are to agree about every message of a client. These are all that they may differ in:

* JSON Schema counts 5.0 as an integer, the server does not.
* The schemas know the usual forms of a time, `2024-01-01T12:00:00.000Z` and its like; the server takes every
  form of ISO 8601 that Python reads, and no day that the calendar does not have.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa import wire
from assa.errors import Code, Refused
from assa.protocol import EVENTS, REQUESTS, answer_of
from assa.schema import structure
from assa.spec.schemas import ANY_TIME, UTC_TIME
from tests.published import name_of, names, schema, validator
from tests.test_wire import Scene

REQUEST_OF = {one.action: one for one in REQUESTS}
DATA_OF = {f"{one.action}_RESPONSE": answer_of(one) for one in REQUESTS} | {one.action: one for one in EVENTS}
KINDS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 51, 100, 101, 1000, 1001, 2**53 - 1, 2**53, 1.5, "", "x", "5", "text",
    "offer", "high", "a\0b", "\n", "가" * 64, "x" * 65, "가" * 100, "x" * 101, "x" * 128, "x" * 129,
    "😀" * 200, "x" * 201, "x" * 500, "x" * 501, "x" * 5000,
    "x" * 5001, [], [1], [0], ["1"], [None], [[1]], [1] * 100, [1] * 101,
    [1] * 500, [1] * 501, {}, {"a": 1}, {"platform": 5}, {"audio_enabled": None}, {"audio_enabled": False},
    "2024-01-01T12:00:00.000Z",
)  # fmt: skip
"""Values on both sides of every bound."""


def takes(message: Any) -> bool:
    """Return whether the server takes a message, before it looks at anything else."""
    try:
        envelope = wire.envelope(message)
        request = REQUEST_OF.get(envelope.action)
        if request is not None:
            structure(request, {} if envelope.data is None else envelope.data, "data")
    except Refused as refused:
        return refused.code is not Code.INVALID_MESSAGE
    return True


def allows(message: Any, action: str) -> bool:
    """Return whether the schema allows it."""
    return validator("1.1", name_of({"action": action}, "request")).is_valid(message)


def places(value: Any) -> list[tuple[Any, ...]]:
    """Return the paths to all that is inside a message but its action."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inside = [(key, *path) for key, one in steps for path in [(), *places(one)]]
    return [path for path in inside if path != ("action",)]


def changed(message: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a message with another value in a place, or without it where the value is ``...``."""
    message = inner = copy.deepcopy(message)
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return message


def choices_in(described: Any) -> set[str]:
    """Return the words that a schema gives to choose from, anywhere in it."""
    if isinstance(described, list):
        return set().union(*map(choices_in, described))
    if not isinstance(described, dict):
        return set()
    return {one for one in described.get("enum", ()) if one}.union(*map(choices_in, described.values()))


@cache
def good() -> dict[str, dict[str, Any]]:
    """Return a good request of every action, with every field."""
    scene = Scene()
    requests = {action: scene.envelope(action) for action in scene.requests}
    requests["GET_MESSAGES"]["data"]["after_message_id"] = 1
    requests["SERVER_ANNOUNCEMENT"]["data"]["announcement_type"] = "notice"
    return requests


def of_clients() -> Iterator[str]:
    """Yield the names of what clients say."""
    answered = {*names("1.1")}
    for action in (*REQUEST_OF, "PING", "PONG"):
        yield f"{action}.request" if f"{action}.request" in answered else action


class AgreementTests(SynchronousTestCase):
    """What a client may say."""

    def test_every_field_is_in_a_good_request(self) -> None:
        """The requests that are changed below have every field, so that every bound is tried."""
        self.assertEqual({name_of({"action": one}, "request") for one in good()}, set(of_clients()))
        for action, message in good().items():
            described = schema("1.1", name_of(message, "request"))["properties"]
            self.assertEqual(set(message), set(described), action)
            self.assertEqual(set(message["data"]), set(described["data"].get("properties", {})), action)
            self.assertTrue(takes(message) and allows(message, action), action)

    def test_every_field_with_everything(self) -> None:
        """Each field of each request with values on both sides of each bound, and without it (§2.2)."""
        taken = []
        for action, message in good().items():
            choices = choices_in(schema("1.1", name_of(message, "request")))
            for path in places(message):
                for value in (..., *KINDS, *choices):
                    spoilt = changed(message, path, value)
                    taken.append(takes(spoilt))
                    self.assertEqual(allows(spoilt, action), taken[-1], f"{action} {path} {value!r}")
        self.assertGreater(len(taken), 9_000)
        self.assertGreater(taken.count(True), 1_000)

    @given(st.data())
    def test_several_fields(self, data: st.DataObject) -> None:
        """Two or three fields at once, and fields that are not known."""
        action = data.draw(st.sampled_from(sorted(good())))
        message = good()[action]
        for _ in range(data.draw(st.integers(2, 3))):
            path = data.draw(st.sampled_from(places(message)))
            value = data.draw(st.sampled_from((..., *KINDS)))
            if data.draw(st.integers(0, 4)) == 0 and not isinstance(path[-1], int):
                path, value = (*path[:-1], "unknown"), value if value is not ... else 1
            message = changed(message, path, value)
        self.assertEqual(allows(message, action), takes(message))

    def test_differences(self) -> None:
        """The differences that the head of this module names are there, and no reason to name more."""
        message = good()["ROOM_INFO"]
        whole = changed(message, ("data", "room_id"), 5.0)
        self.assertEqual((allows(whole, "ROOM_INFO"), takes(whole)), (True, False))
        for time, allowed, taken in (
            ("20240101T120000Z", False, True),
            ("2024-W01-1T12:00", False, True),
            ("2024-02-30T12:00:00Z", True, False),
        ):
            other = changed(message, ("timestamp",), time)
            self.assertEqual((allows(other, "ROOM_INFO"), takes(other)), (allowed, taken), time)

    @given(st.from_regex(ANY_TIME, fullmatch=True))
    def test_times_that_the_schemas_allow(self, time: str) -> None:
        """Whatever the schemas allow for a time the server takes, if the calendar has the day."""
        try:
            datetime.fromisoformat(f"{time[:10]}T00:00")
        except ValueError:
            return
        self.assertTrue(takes(changed(good()["ROOM_INFO"], ("timestamp",), time)), time)

    @given(st.datetimes(), st.sampled_from(("", "Z", "+09:00", "-05:30")), st.sampled_from("T "))
    def test_times_that_clients_say(self, time: datetime, zone: str, between: str) -> None:
        """What clients commonly say for a time is allowed."""
        for unit in ("minutes", "seconds", "milliseconds", "microseconds"):
            said = time.isoformat(between, unit) + zone
            message = changed(good()["ROOM_INFO"], ("timestamp",), said)
            self.assertTrue(allows(message, "ROOM_INFO") and takes(message), said)

    @given(st.integers(0, 4_102_444_800_000))
    def test_times_that_the_server_says(self, at_ms: int) -> None:
        """Every time that the server says is of the form that v1.1 promises (§2.2)."""
        self.assertRegex(wire.iso(at_ms), UTC_TIME)


class ClientTests(SynchronousTestCase):
    """What the server may say."""

    def test_what_is_allowed_can_be_read(self) -> None:
        """Whatever the schemas allow the server to say, the classes of the client library take."""
        tried = 0
        for name in names("1.1"):
            data_class = DATA_OF.get(name.removesuffix(".event"))
            if data_class is None or name.endswith(".request") or name in of_clients():
                continue
            for example in schema("1.1", name)["examples"]:
                if example.get("success") is False:
                    continue
                for path in places(example["data"]):
                    for value in (..., *(one for one in KINDS if one != "a\0b")):
                        spoilt = changed(example, ("data", *path), value)
                        if validator("1.1", name).is_valid(spoilt):
                            structure(data_class, spoilt["data"], "data")
                            tried += 1
        self.assertGreater(tried, 1000)

"""Everything that the server says, in conversations and to what is wrong, against the published schemas."""

from __future__ import annotations

import copy
import json
from typing import Any

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from assa.ice import IceServers
from tests.conversations import script
from tests.conversations.play import Play
from tests.published import name_of, names, problems
from tests.test_spec_server import changed, good, of_clients, places
from tests.test_wire import Scene
from tests.world import Client, World


class HeardTests(SynchronousTestCase):
    """What the server does say."""

    def test_conversations(self) -> None:
        """Everything in all conversations is valid, in v1.1 and, what v1.0 has, in v1.0 (§2 to §9)."""
        record = Record()
        for path in script.scripts():
            play = Play(script.read(path))
            play._world = RecordingWorld(record)
            play.run()
        heard = self.check(record)
        self.assertEqual(set(names("1.1")) - set(of_clients()) - heard, {"REQUEST_UPLOAD_RESPONSE"})

    def test_every_request(self) -> None:
        """So is what comes of a good request of every action, uploads among them."""
        record = Record()
        for action in good():
            scene = Scene()
            scene.mina.send(scene.envelope(action))
            record.heard += [*scene.mina.all(), *scene.jun.all()]
        heard = self.check(record)
        self.assertIn("REQUEST_UPLOAD_RESPONSE", heard)

    def test_refusals(self) -> None:
        """So is what the server says to requests that are wrong in any place (§9.1)."""
        record = Record()
        scene = Scene()
        for message in good().values():
            for path in places(message):
                scene.world.pass_time(0.5)  # who makes many errors at once is read more slowly
                for value in (..., None, "", "x" * 129, 5, []):
                    if scene.mina.closed:
                        scene = Scene()
                    scene.mina.send(changed(message, path, value))
                    record.heard += [*scene.mina.all(), *scene.jun.all()]
        heard = self.check(record)
        self.assertLessEqual({"ERROR", "CONNECT_RESPONSE"}, heard)
        self.assertGreater(len(record.heard), 800)

    def check(self, record: Record) -> set[str]:
        """Check all that was heard and all that succeeded, and return the names of what was heard."""
        heard = set()
        for message in record.heard:
            name = name_of(message, "event")
            heard.add(name)
            self.assertEqual(problems("1.1", name, message), [], message)
            if name in names("1.0"):
                self.assertEqual(problems("1.0", name, message), [], message)
        failed = {one["seq_id"] for one in record.heard if one.get("success") is False}
        for message in record.said:
            if message["seq_id"] not in failed:
                self.assertEqual(problems("1.1", name_of(message, "request"), message), [], message)
        return heard


@define
class Record:
    """What clients heard and said."""

    heard: list[dict[str, Any]] = field(factory=list)
    said: list[dict[str, Any]] = field(factory=list)


class RecordingWorld(World):
    """A server of which all that its clients hear and say is kept."""

    def __init__(self, record: Record) -> None:
        self.record = record
        super().__init__(ice_servers=IceServers(stun_urls=("stun:stun.example.org",)))

    def client(self, address: str = "192.0.2.1", *, front: str | None = None) -> Client:
        """Open a connection that is recorded."""
        return RecordingClient(self, address, front or self._front)


class RecordingClient(Client):
    """A client that does."""

    world: RecordingWorld

    def send_bytes(self, lines: bytes) -> None:
        """Send lines, and keep those that are messages."""
        for line in lines.splitlines():
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict) and {"action", "seq_id", "timestamp"} <= message.keys():
                self.world.record.said.append(message)
        super().send_bytes(lines)

    def _read(self) -> None:
        known = len(self.inbox)
        super()._read()
        self.world.record.heard += copy.deepcopy(self.inbox[known:])

"""Section 6: whatever clients, the disk and the time do in whatever order, uploads leave what they should."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from unittest import TestCase

from assa.files import WRITE_BYTES
from tests.filing import JPEG, PNG, FileWorld
from tests.web import Connection

SIZES = (len(JPEG), WRITE_BYTES - 1, WRITE_BYTES, WRITE_BYTES + 1, WRITE_BYTES * 3 + 7)
RUNS = 100
STEPS = 60


class Put:
    """One PUT of a client.

    Args:
        world: Where.
        choice: What comes next.
        asked: The answer to REQUEST_UPLOAD.
        content: What it is for.
    """

    def __init__(
        self, world: FileWorld, choice: random.Random, asked: dict[str, str], content: bytes
    ) -> None:
        self.path = asked["file_path"]
        self.url = asked["upload_url"]
        self.content = content if choice.random() < 0.9 else PNG.ljust(len(content), b"\0")
        self.good = self.content is content
        self.sent = 0
        self.lost = False
        self.connection: Connection = world.begin_put(self.url, len(self.content))

    def send(self, count: int) -> None:
        """Send so many bytes more, unless the server has closed."""
        if not self.lost and not self.connection.transport.disconnecting:
            self.connection.send(self.content[self.sent : self.sent + count])
            self.sent = min(len(self.content), self.sent + count)

    def lose(self) -> None:
        """Lose the connection."""
        if not self.lost:
            self.lost = True
            self.connection.lose()

    @property
    def status(self) -> int | None:
        """The status of the answer, if there is one."""
        head = self.connection.transport.value().partition(b"\r\n")[0].split(b" ")
        return int(head[1]) if len(head) > 1 else None


class Run:
    """Some minutes of uploads, by chance.

    Args:
        world: Where.
        seed: Of the chance.
    """

    def __init__(self, world: FileWorld, seed: int) -> None:
        self.world = world
        self.choice = random.Random(seed)
        self.client = world.connected(1, "mina", lifetime_s=86_400)
        self.room_id = world.room(self.client)
        self.puts: list[Put] = []
        self.asked: list[tuple[dict[str, str], bytes]] = []

    def step(self) -> None:
        """Do one thing."""
        steps = (self.begin, self.begin, self.send, self.send, self.send, self.send, self.lose, self.disk)
        self.choice.choice(steps)()
        if self.choice.random() < 0.05:
            for _ in range(self.choice.choice((1, 10, 29))):
                self.world.clock.advance(1)
                self.client.pong()
                self.close()
        if self.choice.random() < 0.7:
            self.world.turn()
        self.close()

    def close(self) -> None:
        """Have connections end that the server has closed."""
        for put in self.puts:
            if put.connection.transport.disconnecting:
                put.lose()

    def begin(self) -> None:
        """Begin an upload, to a new address or to one that was used before."""
        if not self.asked or self.choice.random() < 0.7:
            size = self.choice.choice(SIZES)
            content = JPEG + self.choice.randbytes(4) * size
            content = content[:size]
            self.asked.append((self.world.asked(self.client, self.room_id, content), content))
        self.puts.append(Put(self.world, self.choice, *self.choice.choice(self.asked)))

    def send(self) -> None:
        """Send something."""
        if self.puts:
            put = self.choice.choice(self.puts)
            put.send(self.choice.choice((1, 100, WRITE_BYTES // 2, WRITE_BYTES, len(put.content))))

    def lose(self) -> None:
        """Lose a connection."""
        if self.puts and self.choice.random() < 0.5:
            self.choice.choice(self.puts).lose()

    def disk(self) -> None:
        """Have the disk hang, do a little, or go on."""
        if self.world.disk.held is None:
            self.world.disk.hold()
        elif self.world.disk.held and self.choice.random() < 0.7:
            self.world.disk.work()
        else:
            self.world.disk.release()

    def end(self) -> None:
        """Have everybody finish who is still there."""
        self.world.disk.release()
        for _ in range(len(self.puts) + 1):  # who waits for his turn gets it when another has finished
            for put in self.puts:
                put.send(len(put.content))
            self.world.turn()
            self.close()


class ModelTests(TestCase):
    """Runs by chance, each of which can be repeated by its number."""

    def test_runs(self):
        """Everybody who stays gets one answer; what was acknowledged is there, once, and nothing else is."""
        outcomes: dict[int | None, int] = {}
        for seed in range(RUNS):
            with self.subTest(seed=seed), tempfile.TemporaryDirectory(prefix="assa-model-") as directory:
                run = Run(FileWorld(Path(directory)), seed)
                for _ in range(STEPS):
                    run.step()
                run.end()
                self.check(run)
                for put in run.puts:
                    outcomes[put.status] = outcomes.get(put.status, 0) + 1
        for status in (201, 409, 415, None):
            self.assertGreater(outcomes.get(status, 0), RUNS // 10, outcomes)

    def check(self, run):
        """Compare what is there with what was told."""
        world = run.world
        self.assertEqual(world.incoming, [])
        slots = world.web.resource.children[b"uploads"]._slots
        self.assertEqual((slots._taken.total(), slots._waiting), (0, {}))
        rows = dict(world.query("SELECT file_path, blob FROM files"))
        come = {path for path, blob in rows.items() if blob}
        done = [put for put in run.puts if put.status == 201]
        self.assertEqual(len({put.path for put in done}), len(done))
        for put in run.puts:
            closed = put.lost or put.connection.transport.disconnecting
            self.assertTrue(closed or put.status is not None, (put.url, put.sent))
            self.assertIn(put.status, (None, 201, 409, 415))
            if put.status == 201:
                self.assertTrue(put.good)
                self.assertEqual(world.get(put.path, run.client).body, put.content)
            if put.status == 409:
                self.assertIn(put.path, come)
            if put.status == 415:
                self.assertFalse(put.good)
        contents = {content for asked, content in run.asked if asked["file_path"] in come}
        self.assertEqual(world.blobs, sorted(contents))
        unfinished = world.query("SELECT unfinished FROM uploaders")
        self.assertEqual(unfinished, [(len(rows) - len(come),)] if rows else [])

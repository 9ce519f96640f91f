"""The load: many clients in one C process that is told what to do line by line."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from build import BUILD
from login import token
from machine import BenchmarkError, cpu_ns
from servers import Competitor

# A message's text: 84 characters, 138 bytes. ASSA's NEW_MESSAGE with it has about DELIVERY_BYTES.
CONTENT = (
    "안녕하세요! 내일 회의 자료는 https://example.com/docs/2026/meeting-notes 에 올려 두었습니다. "
    "확인 부탁드려요 :)"
)
DELIVERY_BYTES = 429
FLOOR_HEAD_BYTES = 11  # of a floor message: "M", 8 digits, a space and LF


@dataclass(frozen=True)
class Crowd:
    """Who connects.

    Attributes:
        rooms: how many rooms.
        members: connections in each room.
        senders: how many of a room's members send.
        first_user: the id of the first user; the others follow it.
    """

    rooms: int
    members: int
    senders: int = 1
    first_user: int = 1

    @property
    def size(self) -> int:
        """Return the number of connections."""
        return self.rooms * self.members


@dataclass(frozen=True)
class Ran:
    """What one run of sending was.

    Attributes:
        messages: sent and acknowledged.
        deliveries: received by the others.
        delivered_bytes: of all deliveries.
        wall_ns: from the first request to the last answer.
    """

    messages: int
    deliveries: int
    delivered_bytes: int
    wall_ns: int


class Target(Protocol):
    """What the load needs to know of whom it talks to."""

    @property
    def competitor(self) -> Competitor:
        """Return which one it is."""

    @property
    def ports(self) -> list[int]:
        """Return where it listens."""

    def last_words(self) -> str:
        """Return the end of what it printed."""


def content_for(competitor: Competitor) -> str:
    """Return the text to send: for the floor padded, so that all deliver the same number of bytes."""
    if competitor.protocol != "floor":
        return CONTENT
    return CONTENT + "x" * (DELIVERY_BYTES - FLOOR_HEAD_BYTES - len(CONTENT.encode()))


class Load:
    """The load program at work.

    Args:
        process: the program.
        server: the one that it talks to, asked for its last words when something fails.
    """

    def __init__(self, process: subprocess.Popen[str], server: Target) -> None:
        self.process = process
        self.server = server

    def ask(self, command: str) -> list[int]:
        """Give a command and return the numbers of its answer.

        Raises:
            BenchmarkError: the program says that something is missing, surplus or wrong.
        """
        if not self.process.stdin or not self.process.stdout:
            raise BenchmarkError("the load has no pipes")
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        word, *numbers = answer.split() or [""]
        if word != "ok":
            raise BenchmarkError(f"{command}: {answer or 'the load died'}\n{self.server.last_words()}")
        return [int(number) for number in numbers]

    def run(self, messages: int, window: int) -> Ran:
        """Let each sender send so many messages, at most `window` of them unacknowledged at a time."""
        return Ran(*self.ask(f"run {messages} {window}"))

    def cpu_ns(self) -> int:
        """Return the CPU time that the load has used so far, in nanoseconds."""
        return cpu_ns(self.process.pid)

    def stop(self) -> None:
        """End the program."""
        self.process.kill()
        self.process.wait()


@contextmanager
def connecting(server: Target, crowd: Crowd) -> Iterator[Load]:
    """Run the load program for the time of the block; its clients are not connected yet."""
    users = range(crowd.first_user, crowd.first_user + crowd.size)
    with tempfile.NamedTemporaryFile("w", prefix="assa-benchmark-") as tokens:
        tokens.write("".join(token(user) + "\n" for user in users))
        tokens.flush()
        competitor = server.competitor
        ports = ",".join(str(port) for port in server.ports)
        shape = [ports, *(str(number) for number in (crowd.rooms, crowd.members, crowd.senders))]
        process = subprocess.Popen(
            [BUILD / "load", competitor.protocol, *shape, content_for(competitor), tokens.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        load = Load(process, server)
        try:
            yield load
        finally:
            load.stop()

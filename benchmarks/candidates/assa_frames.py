"""The core of websockets with what assa.http.frames puts around it; its transport is ours to use."""

from collections.abc import Callable, Sequence
from typing import Any

from candidates.wire import HANDSHAKE, LIMIT, SUBPROTOCOL, Wire
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from assa.framing import Broken
from assa.http.frames import Messages, SharedFrames


class Side:
    """A connection."""

    def __init__(self, wire: Wire, take: Callable[[Any], None], frames: SharedFrames) -> None:
        self.messages = Messages(ServerProtocol(state=OPEN, max_size=LIMIT), wire.write)
        self.wire, self.take, self.frames = wire, take, frames

    def feed(self, data: bytes) -> None:
        self.messages.feed(data)
        while (message := self.messages.next()) is not None:
            if isinstance(message, Broken):
                break
            if message:
                self.take(message)

    def send(self, text: bytes) -> None:
        self.send_line(text + b"\n")

    def send_line(self, line: bytes) -> None:
        self.wire.write(self.frames.of(line))

    def watch(self, producer: Any) -> None:
        self.wire.registerProducer(producer, True)  # noqa: FBT003 - Twisted's signature


class Candidate:
    """What accepts."""

    def __init__(self) -> None:
        self.frames = SharedFrames()

    def accept(self, wire: Wire, take: Callable[[Any], None]) -> Side:
        shake = ServerProtocol(subprotocols=[SUBPROTOCOL])
        shake.receive_data(HANDSHAKE)
        (request,) = shake.events_received()
        wire.write(shake.accept(request).serialize())
        return Side(wire, take, self.frames)

    def broadcast(self, sides: Sequence[Side], text: bytes) -> None:
        line = text + b"\n"
        for side in sides:
            side.send_line(line)

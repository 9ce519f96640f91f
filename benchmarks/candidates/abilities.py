"""What a candidate can do, found out by trying."""

from typing import Any

from candidates.frames import CONTINUATION, FIN, PING, PONG, TEXT, close_code, frame, head, masked
from candidates.wire import LIMIT, SUBPROTOCOL, Candidate, Wire

FLOOD = 4 * LIMIT
PIECE = 16_384


class Told:
    """A producer that knows whether it was told to pause."""

    paused = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        pass


def flood(candidate: Candidate, *, fragments: bool) -> str:
    """Send a message of 4 MiB, in one frame or in many, and say what came of it."""
    got: list[Any] = []
    wire = Wire()
    side = candidate.accept(wire, got.append)
    wire.written.clear()
    if not fragments:
        side.feed(head(FIN | TEXT, FLOOD))
    for start in range(0, FLOOD, PIECE):
        if code := close_code(b"".join(wire.written)):
            return f"{code} after {start >> 10} KiB"
        if fragments:
            last = FIN if start + PIECE == FLOOD else 0
            side.feed(head(last | (CONTINUATION if start else TEXT), PIECE))
        side.feed(masked(b"x" * PIECE))
    return f"none, took {len(got[0]) >> 10} KiB" if got else "neither taken nor closed"


def subprotocol(candidate: Candidate) -> str:
    """Say whether the subprotocol that the client offers is in the answer."""
    wire = Wire()
    candidate.accept(wire, len)
    return "yes" if SUBPROTOCOL.encode() in b"".join(wire.written) else "none"


def back_pressure(candidate: Candidate) -> str:
    """Say whether the application is told that the client does not read."""
    wire, told = Wire(), Told()
    side = candidate.accept(wire, len)
    try:
        side.watch(told)
        wire.producer.pauseProducing()
    except RuntimeError:
        return "none, producer refused"
    return "yes" if told.paused else "none, not told"


def answer_to(candidate: Candidate, first: int, payload: bytes) -> bytes:
    """Return what is written after a frame."""
    wire = Wire()
    side = candidate.accept(wire, len)
    wire.written.clear()
    side.feed(frame(first, payload))
    return b"".join(wire.written)


def shares_frames(candidate: Candidate) -> str:
    """Say whether all who hear a broadcast are written the same object."""
    wires = [Wire() for _ in range(3)]
    sides = [candidate.accept(wire, len) for wire in wires]
    for wire in wires:
        wire.written.clear()
    candidate.broadcast(sides, b'{"action":"NEW_MESSAGE"}')
    return "once for all" if len({id(part) for wire in wires for part in wire.written}) == 1 else "for each"


def abilities(candidate: Candidate) -> dict[str, str]:
    """Return what was found."""
    pong = answer_to(candidate, FIN | PING, b"abc")
    refused = close_code(answer_to(candidate, FIN | TEXT, b"\xff\xfe\xfd"))
    return {
        "4 MiB in one frame (limit 1 MiB)": flood(candidate, fragments=False),
        "4 MiB in fragments (limit 1 MiB)": flood(candidate, fragments=True),
        "subprotocol": subprotocol(candidate),
        "back-pressure": back_pressure(candidate),
        "a broadcast is framed": shares_frames(candidate),
        "a ping is answered": "yes" if pong == bytes((FIN | PONG, 3)) + b"abc" else "no",
        "bad UTF-8": str(refused or "taken"),
    }

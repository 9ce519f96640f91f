"""What the libraries' cores cost by themselves: the parts that the candidates' costs are made of."""

from candidates.costs import TEXT_BYTES, TIMES, Costs, allocated, cpu_us
from candidates.frames import FIN, TEXT, text_of
from candidates.frames import frame as client_frame
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from wsproto import Connection, ConnectionType
from wsproto.events import TextMessage


def measure(effort: float) -> Costs:
    """Return what things cost: microseconds, and bytes."""
    text, times = text_of(TEXT_BYTES), TIMES * effort
    one, string = client_frame(FIN | TEXT, text), text.decode()
    websockets, wsproto = ServerProtocol(state=OPEN), Connection(ConnectionType.SERVER)

    def receive() -> None:
        websockets.receive_data(one)
        websockets.events_received()

    def serialize() -> bytes:
        return Frame(Opcode.TEXT, text).serialize(mask=False)

    def receive_wsproto() -> None:
        wsproto.receive_data(one)
        list(wsproto.events())

    return {
        "websockets: receive, us": cpu_us(receive, times),
        "websockets: Frame.serialize, us": cpu_us(serialize, times),
        "websockets: bytes of a ServerProtocol": allocated(lambda _: ServerProtocol(state=OPEN)),
        "wsproto: receive, us": cpu_us(receive_wsproto, times),
        "wsproto: send, us": cpu_us(lambda: wsproto.send(TextMessage(string)), times),
        "wsproto: bytes of a Connection": allocated(lambda _: Connection(ConnectionType.SERVER)),
    }

"""A chat client: python chat.py HOST PORT TOKEN_FILE [ROOM]. Without a room it makes one."""

import sys
from pathlib import Path

from twisted.internet.defer import DeferredQueue
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols.basic import LineOnlyReceiver

from assa.client import Client, NewMessage, Rejected, endpoint


class Keyboard(LineOnlyReceiver):
    delimiter = b"\n"
    lines = DeferredQueue()

    def lineReceived(self, line):
        self.lines.put(line.decode())

    def connectionLost(self, reason):
        self.lines.put(None)  # the end of the input


def heard(event):
    if isinstance(event, NewMessage):
        print(f"{event.user.nickname}: {event.content}", flush=True)


def changed(state):
    print(f"* {type(state).__name__}", flush=True)


async def main(reactor, host, port, token_file, room=None):
    client = Client(endpoint(reactor, f"{host}:{port}"), reactor, heard=heard, changed=changed)
    await client.connect(lambda: Path(token_file).read_text().strip())  # yours: ask your own service
    room_id = int(room) if room else (await client.create_room("lobby", is_open=True)).room_id
    await client.join_room(room_id)
    print(f"* room {room_id}", flush=True)
    StandardIO(Keyboard())
    while (line := await Keyboard.lines.get()) is not None:
        try:
            await client.send_text(room_id, line)
        except Rejected as refusal:
            print(f"* {refusal}", flush=True)
    await client.disconnect()


react(main, sys.argv[1:])
# ruff: noqa: ANN001, ANN201, D101, D102, D103, INP001, T201 - it is to be read at one glance, and prints

"""The server as client developers want it for tests: in memory, and with faults when they are asked for.

The command is ``assa mock``; this is the same for programs. In a test, without any socket::

    clock = Clock()
    mock = make_mock(clock, faults=[drop_answers(3)])
    mock.start()
    protocol = mock.tcp.buildProtocol(None)
    protocol.makeConnection(StringTransport())

A fault of one's own is a class, of which each connection gets an instance::

    class Mute(Fault):
        def outgoing(self, message):
            return [] if message["action"] == "NEW_MESSAGE" else [message]

    mock = make_mock(reactor, faults=[Mute])
    port, http_port = await mock.listen(0, 0)
"""

from assa.mock.faults import OneOfEvery, RefuseResumes, cut, delay, drop_answers, is_answer, stall
from assa.mock.items import Cut, Item, Late, Message, Stall
from assa.mock.line import Fault, Line, Watch
from assa.mock.node import Conditions
from assa.mock.server import Mock, make_mock

__all__ = [
    "Conditions",
    "Cut",
    "Fault",
    "Item",
    "Late",
    "Line",
    "Message",
    "Mock",
    "OneOfEvery",
    "RefuseResumes",
    "Stall",
    "Watch",
    "cut",
    "delay",
    "drop_answers",
    "is_answer",
    "make_mock",
    "stall",
]

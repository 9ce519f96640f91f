"""The client library: a connection that comes back by itself, resumes and resends (§10.3).

::

    client = Client(tcp_endpoint(reactor, "127.0.0.1", 12345), reactor, heard=print)
    welcome = await client.connect(token)
    rooms = await client.ask("LIST_ROOMS")
    await client.disconnect()
"""

from __future__ import annotations

from assa.client.connection import Client
from assa.client.endpoints import tcp_endpoint, tls_endpoint
from assa.client.messages import Event, Offline, Online, State, Waiting, Welcome
from assa.client.refusals import Disconnected, NoAnswer, Rejected

__all__ = [
    "Client",
    "Disconnected",
    "Event",
    "NoAnswer",
    "Offline",
    "Online",
    "Rejected",
    "State",
    "Waiting",
    "Welcome",
    "tcp_endpoint",
    "tls_endpoint",
]

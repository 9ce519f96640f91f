"""The client library: a connection that comes back by itself, resumes, catches up and resends (§10.3).

::

    from assa.client import Client, NewMessage, endpoint

    def heard(event):
        if isinstance(event, NewMessage):
            print(event.user.nickname, event.content)

    async def main(reactor):
        client = Client(endpoint(reactor, "chat.example.org"), reactor, heard=heard)
        await client.connect(fetch_token)  # called again whenever a fresh token is needed
        room = await client.join_room(100)
        sent = await client.send_text(100, "hello")  # stored when this returns, once
        await client.disconnect()

From the first connection on every message of the user's rooms is heard exactly once, in the order of its
room, whatever happens to connections and servers. Programs on asyncio use :mod:`assa.client.aio`.
"""

from __future__ import annotations

from assa.client.bookmark import Bookmark
from assa.client.client import Client
from assa.client.endpoints import endpoint, tcp_endpoint, tls_endpoint
from assa.client.events import Event, Gap, Postponed, ServerError, Unknown
from assa.client.refusals import BadAnswer, Disconnected, NoAnswer, Rejected
from assa.client.states import Offline, Online, State, Waiting, Welcome
from assa.client.tokens import Token
from assa.protocol import NewMessage, SendMessage

__all__ = [
    "BadAnswer",
    "Bookmark",
    "Client",
    "Disconnected",
    "Event",
    "Gap",
    "NewMessage",
    "NoAnswer",
    "Offline",
    "Online",
    "Postponed",
    "Rejected",
    "SendMessage",
    "ServerError",
    "State",
    "Token",
    "Unknown",
    "Waiting",
    "Welcome",
    "endpoint",
    "tcp_endpoint",
    "tls_endpoint",
]

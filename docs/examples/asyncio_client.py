"""A chat client on asyncio that says hello and tells what it hears, until somebody says bye.

    python docs/examples/asyncio_client.py HOST:PORT ROOM_ID < token

Its token comes from standard input; a program with an account server asks that, in `fetch_token`.
"""

# ruff: noqa: INP001, T201 - a script, which says what it hears

import asyncio
import sys

from assa.client import NewMessage
from assa.client.aio import AsyncClient


async def fetch_token() -> str:
    """Return a fresh token: it is asked for whenever the client connects, and before the old one expires."""
    return TOKEN


async def main(address: str, room_id: int) -> None:
    """Chat."""
    async with AsyncClient(address) as client:
        await client.connect(fetch_token)
        await client.join_room(room_id)
        sent = await client.send_text(room_id, "hello from asyncio")
        print(f"sent as #{sent.message_id}", flush=True)
        async for event in client.events():
            if isinstance(event, NewMessage):
                print(f"{event.user.nickname}: {event.content}", flush=True)
                if event.content == "bye":
                    break


if __name__ == "__main__":
    TOKEN = sys.stdin.readline().strip()
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

"""Starts an installed ASSA, chats over plain sockets and a WebSocket, stops it, and finds the messages again.

Usage: smoke.py DIRECTORY_OF_TWISTD. It knows the protocol and nothing of the code of assa.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import urlopen

from websockets.sync.client import connect
from websockets.typing import Subprotocol

GREETING = "안녕하세요!"
START_TIMEOUT_S = 20
ANSWER_TIMEOUT_S = 10
STOP_TIMEOUT_S = 15
"""The protocol allows the server 10 s (§8)."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
        return port


class Client:
    """A user with a socket.

    Args:
        port: Where the server listens on this machine.
        name: Distinguishes the users' `seq_id` and devices.
    """

    def __init__(self, port: int, name: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S)
        self._lines = self._socket.makefile("rb")
        self._name = name
        self._numbers = count(1)

    def close(self) -> None:
        """Drop the connection."""
        self._lines.close()
        self._socket.close()

    def heard(self, action: str, **fields: object) -> dict[str, Any]:
        """Return the next line of that action with these fields, passing over others."""
        while line := self._lines.readline():
            said: dict[str, Any] = json.loads(line)
            if said["action"] == action and fields.items() <= said.items():
                return said
            if said["action"] == "ERROR":
                sys.exit(f"{self._name} waited for {action} and got {said}")
        sys.exit(f"{self._name} waited for {action}, but the server closed the connection")

    def ask(self, action: str, **data: object) -> Any:
        """Send a request and return the data of its answer."""
        seq_id = f"{self._name}-{next(self._numbers)}"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        request = {"action": action, "data": data, "timestamp": now, "seq_id": seq_id}
        self._socket.sendall(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        answer = self.heard(f"{action}_RESPONSE", seq_id=seq_id)
        if not answer["success"]:
            sys.exit(f"{self._name}: {answer}")
        return answer.get("data", {})

    def connect(self, token: str) -> dict[str, Any]:
        """Authenticate."""
        device = {"platform": "web", "app_version": "1.0.0", "device_id": self._name}
        welcome: dict[str, Any] = self.ask("CONNECT", jwt_token=token, device_info=device)
        return welcome


class Installation:
    """What was installed, with a state directory of its own.

    Args:
        programs: The directory of `twistd` and `assa`.
        state: Where the server keeps its files.
    """

    def __init__(self, programs: Path, state: Path) -> None:
        self.port, self.http_port = free_port(), free_port()
        self._programs = programs
        self._state = state
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSA_")}
        self._environment = inherited | {
            "ASSA_HTTP__LISTEN": json.dumps([f"tcp:{self.http_port}:interface=127.0.0.1"]),
            "ASSA_SERVER__LISTEN": json.dumps([f"tcp:{self.port}:interface=127.0.0.1"]),
            "ASSA_SERVER__STATE_DIR": str(state),
        }

    def token(self, user_id: int) -> str:
        """Mint a token with the server's own secret."""
        with self._started("assa", "token", str(user_id)) as minting:
            token = minting.communicate()[0].decode().strip()
        if minting.returncode != 0:
            sys.exit(f"assa token ended with status {minting.returncode}")
        return token

    @contextmanager
    def server(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the server; it is killed if it still runs at the end."""
        with self._started("twistd", "--nodaemon", "--pidfile=", "assa") as server:
            try:
                self._wait(server)
                yield server
            finally:
                server.kill()

    def _started(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._programs / program), *arguments],
            env=self._environment,
            cwd=self._state,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "assa" else None,
        )

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if server.poll() is not None:
                    sys.exit(f"the server ended with status {server.returncode} instead of listening")
                time.sleep(0.05)
            else:
                return
        sys.exit(f"the server did not listen within {START_TIMEOUT_S} s")


def chat(port: int, mina_token: str, jun_token: str) -> int:
    """Let two users chat.

    Returns:
        The room, in which both are members.
    """
    with closing(Client(port, "mina")) as mina, closing(Client(port, "jun")) as jun:
        mina.connect(mina_token)
        jun.connect(jun_token)
        room_id: int = mina.ask("CREATE_ROOM", name="새 채팅방", description="", is_open=True)["room_id"]
        jun.ask("JOIN_ROOM", room_id=room_id)
        mina.heard("USER_JOINED")
        sent = mina.ask(
            "SEND_MESSAGE",
            room_id=room_id,
            content=GREETING,
            message_type="text",
            reply_to_message_id=None,
            client_message_id="smoke-1",
        )
        got = jun.heard("NEW_MESSAGE")["data"]
        if (got["message_id"], got["content"]) != (sent["message_id"], GREETING):
            sys.exit(f"mina sent {sent}, jun got {got}")
        jun.ask("DISCONNECT", reason="user_logout")
    return room_id


def browse(port: int, token: str, room_id: int) -> None:
    """Look at the web client's files and say something over a WebSocket, as they would."""
    page = f"http://127.0.0.1:{port}/"
    html = urlopen(page).read().decode()
    linked = re.findall(r'(?:src|href)="([^"#:]+)"', html)
    for link in linked:
        urlopen(urljoin(page, link)).read()
    if not any(link.endswith(".js") for link in linked):
        sys.exit(f"the page has no script: {linked}")
    with connect(f"ws://127.0.0.1:{port}/ws", subprotocols=[Subprotocol("assa.v1")]) as socket_:
        for action, data in (
            ("CONNECT", {"jwt_token": token}),
            ("SEND_MESSAGE", {"room_id": room_id, "content": GREETING, "message_type": "text"}),
        ):
            request = {"action": action, "data": data, "timestamp": "2025-01-01T00:00:00Z", "seq_id": action}
            socket_.send(json.dumps(request))
            answer = json.loads(socket_.recv(ANSWER_TIMEOUT_S))
            if answer["action"] != f"{action}_RESPONSE" or not answer["success"]:
                sys.exit(f"over the WebSocket: {answer}")


def stop(server: subprocess.Popen[bytes], witness: Client) -> None:
    """Send SIGTERM, and check that the server shuts down in order.

    twistd shuts down and then dies of the signal that it was sent, so the status alone does not
    tell an orderly end from a sudden one; the client who is told does.
    """
    server.send_signal(signal.SIGTERM)
    announced = witness.heard("SERVER_ANNOUNCEMENT")["data"]
    if announced["announcement_type"] != "shutdown":
        sys.exit(f"a shutdown was expected, not {announced}")
    status = server.wait(STOP_TIMEOUT_S)
    if status not in (0, -signal.SIGTERM):
        sys.exit(f"the server ended with status {status}")


def main() -> None:
    """Run the server twice on the same files."""
    with tempfile.TemporaryDirectory(prefix="assa-smoke-") as state:
        installation = Installation(Path(sys.argv[1]).resolve(), Path(state))
        mina_token, jun_token = installation.token(1), installation.token(2)
        with installation.server() as server, closing(Client(installation.port, "witness")) as witness:
            room_id = chat(installation.port, mina_token, jun_token)
            witness.connect(jun_token)
            browse(installation.http_port, mina_token, room_id)
            stop(server, witness)
        with installation.server() as server, closing(Client(installation.port, "jun")) as jun:
            rooms = jun.connect(jun_token)["reconnection_info"]["existing_rooms"]
            recent = jun.ask("JOIN_ROOM", room_id=room_id)["recent_messages"]
            if rooms != [room_id] or [m["content"] for m in recent] != [GREETING, GREETING]:
                sys.exit(f"after the restart: rooms {rooms}, messages {recent}")
            stop(server, jun)
    print("started, chatted, stopped, started again, nothing lost")


if __name__ == "__main__":
    main()

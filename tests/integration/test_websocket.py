"""WebSocket clients of several makes against a real server: protocol section 1."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import connect

from tests.fronts import masked, upgrade
from tests.integration import tls
from tests.integration.conftest import Figures
from tests.integration.nodes import cluster
from tests.integration.plain import Client, ClosedError, room_of, token
from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.integration.websocket import WebSocketClient
from tests.javascript import node

SCRIPT = Path(__file__).with_name("ws_client.mjs")
TIMEOUT_S = 20


@contextmanager
def server(
    *, prefix: str = "tcp", port: int | None = None, **settings: object
) -> Generator[tuple[Server, tuple[str, int]], None, None]:
    """Run a server with an HTTP port; give the server and the port's address."""
    port = port or free_port()
    with running(http__listen=[f"{prefix}:{port}:interface={LOOPBACK}"], **settings) as one:
        yield one, (LOOPBACK, port)


def request(action: str, seq_id: str, data: dict[str, Any] | None = None) -> str:
    """Return a request as text."""
    message = {"action": action, "timestamp": "2024-01-01T12:00:00Z", "seq_id": seq_id}
    return json.dumps(message if data is None else message | {"data": data})


# --- who is there ---


def test_one_room() -> None:
    """A client over TCP and one over WebSocket chat in one room and hear the same (section 1)."""
    with (
        server() as (one, http),
        closing(Client(one.address, 1)) as mina,
        closing(Client(one.address, 2)) as jun,
        closing(WebSocketClient(http, 3)) as sora,
    ):
        for client in (mina, jun, sora):
            client.connect()
        room_id = room_of([mina, jun, sora])
        for number in range(20):
            mina.say(room_id, f"안녕 {number}")
        mina.settle()
        sora.say(room_id, "브라우저")
        for client in (mina, jun, sora):
            client.settle()
        heard = [jun.heard("NEW_MESSAGE") for _ in range(21)]
        assert heard[:20] == [sora.heard("NEW_MESSAGE") for _ in range(20)]
        assert heard[20]["data"]["content"] == mina.heard("NEW_MESSAGE")["data"]["content"] == "브라우저"


def test_websockets_client() -> None:
    """The `websockets` client: handshake, fragments, a large message, pings, and 1000 after DISCONNECT."""
    with server() as (_, (host, port)):
        uri = f"ws://{host}:{port}/ws"
        with connect(uri, subprotocols=["assa.v1"]) as one:  # type: ignore[list-item] # they are strings
            assert one.subprotocol == "assa.v1"
            one.send(request("CONNECT", "c", {"jwt_token": token(1)}))
            assert json.loads(one.recv(TIMEOUT_S))["success"]
            text = request("PING", "안녕")
            one.send(iter(text[at : at + 5] for at in range(0, len(text), 5)))
            assert json.loads(one.recv(TIMEOUT_S))["seq_id"] == "안녕"
            one.send(request("PING", "big") + " " * 1_000_000)
            assert json.loads(one.recv(TIMEOUT_S))["seq_id"] == "big"
            assert one.ping().wait(TIMEOUT_S)
            one.send(request("DISCONNECT", "d", {"reason": "user_logout"}))
            assert json.loads(one.recv(TIMEOUT_S))["action"] == "DISCONNECT_RESPONSE"
            with pytest.raises(ConnectionClosedOK):
                one.recv(TIMEOUT_S)
            assert (one.close_code, one.close_reason) == (1000, "DISCONNECT")
        with connect(uri, compression=None) as other:
            other.send(b"binary")
            with pytest.raises(ConnectionClosedError):
                other.recv(TIMEOUT_S)
            assert other.close_code == 1003


def test_compression() -> None:
    """permessage-deflate, where it is on."""
    with server(http__compression=True) as (_, (host, port)), connect(f"ws://{host}:{port}/ws") as one:
        assert len(one.protocol.extensions) == 1
        for seq_id in ("가" * 40, "나" * 40):
            one.send(request("PING", seq_id))
            assert json.loads(one.recv(TIMEOUT_S))["seq_id"] == seq_id


def test_ws_client(tmp_path: Path) -> None:
    """Npm's `ws`: subprotocol, messages, fragments, pings, its own close code, and refusals."""
    program, npm = node(), shutil.which("npm")
    if npm is None:
        raise SkipTest("no npm here: `apt install npm`")
    script = tmp_path / SCRIPT.name
    script.write_text(SCRIPT.read_text())
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(tmp_path), "ws@8"]
    done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise SkipTest(f"npm cannot install ws: {done.stderr.strip()[-300:]}")
    with server() as (_, (host, port)):
        command = [program, str(script), f"ws://{host}:{port}/ws", token(1)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "protocol": "assa.v1",
            "answers": ["CONNECT_RESPONSE", "LIST_ROOMS_RESPONSE", "PONG"],
            "pong": "are you there",
            "closed": 1001,
            "binary": [1003, "expected text frames"],
            "disconnect": [1000, "DISCONNECT"],
            "tooLong": 1009,
            "otherSubprotocol": "Unexpected server response: 400",
            "otherOrigin": "Unexpected server response: 403",
        }


# --- on the way ---


def test_tls(tmp_path: Path) -> None:
    """`wss` by the description of the endpoint."""
    pem, port = tls.certificate(tmp_path), free_port()
    context = ssl.create_default_context(cafile=pem)
    with (
        running(http__listen=[tls.endpoint(port, pem)]) as one,
        closing(Client(one.address, 1)) as mina,
        closing(WebSocketClient((LOOPBACK, port), 2, tls=context)) as jun,
    ):
        mina.connect()
        jun.connect()
        room_id = room_of([mina, jun])
        mina.say(room_id, "안녕" * 1_000)
        assert jun.heard("NEW_MESSAGE")["data"]["content"] == "안녕" * 1_000
        jun.ask("DISCONNECT", {"reason": "user_logout"})
        jun.read_to_end()
        assert jun.closed_with is not None
        assert jun.closed_with.code == 1000


def test_proxy_protocol() -> None:
    """Behind a PROXY header the client's address is the one that it names (rates of failed CONNECTs)."""
    settings = {"rate__failed_connects": 0.01, "rate__failed_connects_burst": 1}
    with server(prefix="haproxy:tcp", **settings) as (_, http):
        codes = []
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            header = f"PROXY TCP4 {address} 192.0.2.9 50000 80\r\n".encode()
            with closing(WebSocketClient(http, 1, header=header)) as client:
                codes.append(client.call("CONNECT", {"jwt_token": "x"})["error_code"])
        assert codes == ["INVALID_TOKEN", "INVALID_TOKEN", "RATE_LIMITED"]
        with closing(WebSocketClient(http, 2, header=b"PROXY TCP4 192.0.2.3 192.0.2.9 50000 80\r\n")) as good:
            good.connect()
            good.settle()


# --- coming back ---


def test_across_fronts_and_death() -> None:
    """A session goes from TCP to WebSocket and back, and over kill -9, and loses nothing (section 4)."""
    with (
        server() as (one, http),
        closing(Client(one.address, 1)) as mina,
        closing(WebSocketClient(http, 2)) as jun,
    ):
        mina.connect()
        jun.connect()
        room_id = room_of([mina, jun])
        said = [f"{number}" for number in range(6)]
        other = Client(one.address, 2)
        heard = []
        for number in range(0, 6, 2):
            here, there = (jun, other) if number % 4 == 0 else (other, jun)
            mina.say(room_id, said[number])
            heard.append(here.heard("NEW_MESSAGE")["data"]["content"])
            here.hang_up()
            if number == 4:
                one.kill()
                one.start()
                mina.dial()
                assert mina.connect()["resumed"]
            mina.ask(
                "SEND_MESSAGE", {"room_id": room_id, "content": said[number + 1], "message_type": "text"}
            )
            there.session_id, there.last_seq_id = here.session_id, here.last_seq_id
            there.dial()
            info = there.connect()
            assert (info["resumed"], info["replayed_events"]) == (True, 1)
            heard.append(there.heard("NEW_MESSAGE")["data"]["content"])
        other.close()
        assert heard == said


def test_rolling_restart() -> None:
    """A node that stops says 1001 after its announcement; its clients resume at the other (section 9)."""
    port = free_port()
    listen = [f"tcp:{port}:interface={LOOPBACK}"]
    with cluster(2, http__listen=listen, server__reuse_port=True) as nodes:
        mina = Client(nodes[1].address, 1)
        mina.connect()
        browsers = [WebSocketClient((LOOPBACK, port), 10 + number) for number in range(20)]
        for browser in browsers:
            browser.connect()
        room_id = room_of([mina, *browsers])
        nodes[0].terminate()
        for number in range(30):
            mina.say(room_id, f"{number}")
        nodes[0].wait()
        mina.settle()
        moved = sum(not all_heard(browser, 30) for browser in browsers)
        assert 0 < moved < len(browsers)
        for client in (mina, *browsers):
            client.close()


def all_heard(browser: WebSocketClient, count: int) -> bool:
    """Have a client hear so many messages, in order; return whether it did so on one connection."""
    moved, contents = False, list[str]()
    while len(contents) < count:
        try:
            contents.append(browser.heard("NEW_MESSAGE")["data"]["content"])
        except ClosedError:
            moved = True
            assert browser.closed_with is not None
            assert browser.closed_with.code == 1001
            assert browser.take("SERVER_ANNOUNCEMENT")
            browser.dial()
            assert browser.connect()["resumed"]
    assert contents == [f"{number}" for number in range(count)]
    return not moved


# --- hostile ones ---


def hostile(address: tuple[str, int], data: bytes) -> tuple[bytes, float]:
    """Shake hands, send bytes, and return what came back until the server closed, and the seconds."""
    with closing(socket.create_connection(address, TIMEOUT_S)) as stream:
        stream.sendall(upgrade() + data)
        began, received = time.monotonic(), b""
        while data := stream.recv(65_536):
            received += data
            if b"\x88" in received.partition(b"\r\n\r\n")[2]:  # a Close frame: shut our side too
                stream.shutdown(socket.SHUT_WR)
        return received.partition(b"\r\n\r\n")[2], time.monotonic() - began


def test_hostile() -> None:
    """Wrong frames get their codes at once; slow ones cost nothing but their socket."""
    with server() as (_, http), closing(WebSocketClient(http, 1)) as mina:
        mina.connect()
        cases = [
            (b"\x81\x02{}", 1002), (masked(3), 1002), (masked(1, rsv=1), 1002), (masked(9, b"x" * 126), 1002),
            (masked(2, b"x"), 1003), (masked(1, b"\xff"), 1007), (b"\x81\xff" + b"\x7f" * 8, 1009),
            (masked(1, b"x" * 16_000, fin=False) + masked(0, b"x" * 1_000), 1009),
            (b"\x81\xff" + (2**24).to_bytes(8) + bytes(4) + b"x" * 3_000_000, 1009),
        ]  # fmt: skip
        for data, code in cases:
            answer, seconds = hostile(http, data)
            assert answer[:1] == b"\x88", (data[:10], answer)
            assert int.from_bytes(answer[2:4]) == code, data[:10]
            assert seconds < 1, data[:10]  # not only cut off in the end
        slow = [socket.create_connection(http, TIMEOUT_S) for _ in range(50)]
        for one in slow:
            one.sendall(upgrade() + b"\x81\xfe\x10\x00")
        for _ in range(20):
            for one in slow:
                one.sendall(b"x")
            mina.settle()
        for one in slow:
            one.close()
        mina.settle()


FLOODS = {
    "pings": (upgrade(), masked(9) * 10_000),
    "empty messages": (upgrade(), masked(1) * 10_000),
    "empty fragments": (upgrade() + masked(1, fin=False), masked(0, fin=False) * 10_000),
    "long pings": (upgrade(), masked(9, b"x" * 125) * 500),
    "not JSON": (upgrade(), masked(1, b"{") * 10_000),
    "handshakes": (b"", upgrade(Upgrade=None) * 300),
}
"""What hostile clients begin with, and what they repeat without end."""


def test_floods(figures: Figures) -> None:
    """While somebody floods, others are answered quickly, and the server's memory stays (promise 4)."""
    with server(rate__others=0) as (one, http), closing(WebSocketClient(http, 1)) as mina:
        mina.connect()
        before = one.rss_mib
        for name, (first, data) in FLOODS.items():
            streams = [socket.create_connection(http, TIMEOUT_S) for _ in range(4)]
            for stream in streams:
                stream.sendall(first)
                stream.settimeout(0)
            delays, end = [], time.monotonic() + 0.7
            while time.monotonic() < end:
                for stream in streams:
                    with suppress(OSError):  # the server reads it no faster
                        stream.send(data)
                began = time.monotonic()
                mina.settle()
                delays.append(time.monotonic() - began)
            for stream in streams:
                stream.close()
            delays.sort()
            median = delays[len(delays) // 2]
            figures(f"{name}: PONG after {1000 * median:.1f} ms, at worst {1000 * delays[-1]:.1f} ms")
            assert median < 0.1
            assert delays[-1] < 1
        figures(f"{one.rss_mib - before:.1f} MiB more after all floods")
        assert one.rss_mib - before < 40

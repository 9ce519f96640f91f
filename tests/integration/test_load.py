"""Load and hostile clients: 1,000 at once, and nobody can make the server forget the others or its memory."""

from __future__ import annotations

import json
import os
import resource
import socket
import ssl
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.integration.conftest import Figures
from tests.integration.plain import Client, Message, counted, gather, room_of
from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.integration.tls import certificate, endpoint

CONNECTIONS = 1_000
ROOM = 10
ROUNDS = 3
FILES = 4_096
PART = 50
UNLIMITED: dict[str, object] = {"rate__messages": 0, "rate__others": 0}
MIB = 1_048_576


@pytest.fixture(autouse=True)
def many_files() -> Generator[None, None, None]:
    """Let this process, and the servers that it starts, have as many sockets as the tests need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"needs {FILES} open files, and `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def connected(server: Server, user_ids: range, **options: int) -> Generator[list[Client], None, None]:
    """Have users connected as long as the block lasts."""
    with ExitStack() as open_clients:
        clients = [
            open_clients.enter_context(closing(Client(server.address, one, **options))) for one in user_ids
        ]
        for client in clients:
            client.connect()
        yield clients


# --- 1,000 connections ---


def join_rooms(rooms: list[list[Client]]) -> dict[Client, int]:
    """Have the first of each group open a room and the others join it, all rooms at once."""
    hosts = [room[0] for room in rooms]
    create: Message = {"name": "방", "is_open": True, "max_participants": ROOM}
    for host in hosts:
        host.send("CREATE_ROOM", create)
    gather(hosts, lambda host: bool(host.inbox))
    room_ids = {}
    for room in rooms:
        room_id = room[0].heard("CREATE_ROOM_RESPONSE")["data"]["room_id"]
        for client in room[1:]:
            client.send("JOIN_ROOM", {"room_id": room_id})
        room_ids |= dict.fromkeys(room, room_id)
    everybody = list(room_ids)
    places = {client: place for room in rooms for place, client in enumerate(room)}
    # The one who joins first hears the joins of all after him, and his own answer.
    gather(everybody, lambda one: len(one.inbox) >= ROOM - places[one] - (places[one] == 0))
    for client in everybody:
        client.inbox.clear()
    return room_ids


def authenticate(clients: list[Client]) -> None:
    """Have all of them connect at once."""
    seq_ids = {}
    for client in clients:
        seq_ids[client], line = client.connect_line()
        client.socket.sendall(line)
    gather(clients, lambda client: bool(client.inbox), 30)
    for client in clients:
        client.connected(seq_ids[client])


def test_1000_connections_chat(figures: Figures) -> None:
    """1,000 clients connect and chat in rooms of 10 (§10.1); the 1,001st is told to come back later."""
    with running(**UNLIMITED) as server, ExitStack() as open_clients:
        empty_mib, began = server.rss_mib, time.monotonic()
        clients = [Client(server.address, user_id) for user_id in range(1, CONNECTIONS + 1)]
        for client in clients:
            open_clients.callback(client.hang_up)
        opened = time.monotonic()
        authenticate(clients)
        figures(
            f"{CONNECTIONS} sockets opened in {opened - began:.2f} s,"
            f" authenticated in {time.monotonic() - opened:.2f} s"
        )
        check_full(server, clients[0])
        rooms = [clients[first : first + ROOM] for first in range(0, CONNECTIONS, ROOM)]
        room_ids, began = join_rooms(rooms), time.monotonic()
        for number in range(ROUNDS):
            for client, room_id in room_ids.items():
                client.say(room_id, f"{client.user_id}-{number}")
        gather(clients, lambda client: len(client.inbox) >= ROUNDS * ROOM, 30)
        figures(
            f"{CONNECTIONS * ROUNDS} messages, {CONNECTIONS * ROUNDS * ROOM} lines delivered in"
            f" {time.monotonic() - began:.2f} s; RSS {empty_mib:.0f} MiB empty, {server.rss_mib:.0f} MiB now"
        )
        for room in rooms:
            check_room(room)


def check_full(server: Server, inside: Client) -> None:
    """One more is told SERVER_FULL and when to retry, and closed; he gets in when somebody has left."""
    outside = Client(server.address, CONNECTIONS + 1)
    outside.socket.sendall(outside.connect_line()[1])
    [full] = outside.read_to_end()
    assert (full["action"], full["success"]) == ("CONNECT_RESPONSE", False)
    assert full["error_code"] == "SERVER_FULL"
    assert full["data"]["retry_after_ms"] > 0
    inside.ask("DISCONNECT", {"reason": "user_logout"})
    outside.dial()
    outside.connect()
    outside.ask("DISCONNECT", {"reason": "user_logout"})
    outside.hang_up()
    inside.session_id = inside.last_seq_id = None
    inside.dial()
    inside.connect()


def check_room(room: list[Client]) -> None:
    """Everybody heard all that the others said, once, and all in the same order."""
    said = []
    for client in room:
        assert counted(client, "SEND_MESSAGE_RESPONSE") == ROUNDS
        assert len(client.inbox) == len(room) * ROUNDS
        said.append({one["data"]["message_id"]: one["data"]["content"] for one in client.inbox})
        heard = [one["data"]["message_id"] for one in client.take("NEW_MESSAGE")]
        assert heard == sorted(heard)
    expected = {f"{client.user_id}-{number}" for client in room for number in range(ROUNDS)}
    assert sorted(said[0].values()) == sorted(expected)
    assert all(other == said[0] for other in said[1:])


def test_a_storm_of_reconnections(figures: Figures) -> None:
    """All clients of a server come back at once after a crash, and all are resumed."""
    with running(**UNLIMITED) as server, connected(server, range(1, 301)) as clients:
        sessions = [client.session_id for client in clients]
        server.kill()
        server.start()
        began = time.monotonic()
        for client in clients:
            client.dial()
        authenticate(clients)
        figures(f"{len(clients)} sessions resumed in {time.monotonic() - began:.2f} s")
        assert [client.session_id for client in clients] == sessions


# --- Slow readers ---


def flood(sender: Client, others: list[Client], room_id: int, contents: list[str], server: Server) -> float:
    """Send many messages, which the others all hear, in order.

    Returns:
        The server's highest RSS meanwhile, MiB.
    """
    highest = 0.0
    for first in range(0, len(contents), PART):
        part = contents[first : first + PART]
        for content in part:
            sender.say(room_id, content)
        hear_all([sender], "SEND_MESSAGE_RESPONSE", part)
        hear_all(others, "NEW_MESSAGE", part)
        highest = max(highest, server.rss_mib)
    return highest


def hear_all(clients: list[Client], action: str, contents: list[str]) -> None:
    """Have each of them receive these contents, in order, and nothing else."""
    gather(clients, lambda client: counted(client, action) >= len(contents))
    for client in clients:
        assert [message["data"]["content"] for message in client.take(action)] == contents


def test_slow_readers_cost_the_others_nothing(figures: Figures) -> None:
    """Who does not read is closed as SLOW_CONSUMER, in bounded memory; the others hear everything.

    Afterwards he resumes without a loss, or is told `resumed: false` beyond 1,000 events (§4 of v1.1).
    """
    contents = [f"{number} " + "가" * 4_000 for number in range(2_500)]
    warm, many, few = contents[:20], contents[20:2_000], contents[2_000:]
    flooded_mib = sum(len(content.encode()) for content in many) / MIB
    with (
        running(**UNLIMITED) as server,
        connected(server, range(1, 5)) as active,
        connected(server, range(5, 13), receive_buffer=4_096) as slow,
    ):
        sender, *others = active
        room_id = room_of(active + slow)
        flood(sender, others, room_id, warm, server)  # what the server allocates once
        before_mib = server.rss_mib
        highest_mib = flood(sender, others, room_id, many, server)
        check_too_late(slow[0], room_id)
        flood(sender, others, room_id, few, server)
        check_resumed(slow[0], few)
    figures(
        f"{len(slow)} clients that do not read, {flooded_mib:.1f} MiB for each of them:"
        f" RSS grew from {before_mib:.1f} to at most {highest_mib:.1f} MiB"
    )
    # 1 MiB waits for each at most, besides what the transport holds; all of it would be more.
    assert highest_mib - before_mib < 2 * len(slow) < flooded_mib


def check_resumed(slow: Client, contents: list[str]) -> None:
    """Who was closed gets all that he missed when he comes back."""
    first = [one["data"]["content"] for one in read_what_is_left(slow)]
    assert len(first) < len(contents), "he was not closed: nothing is proved"
    slow.dial()
    info = slow.connect()
    slow.settle()
    later = [one["data"]["content"] for one in slow.take("NEW_MESSAGE")]
    assert (info["resumed"], info["replayed_events"]) == (True, len(later))
    assert first + later == contents


def check_too_late(slow: Client, room_id: int) -> None:
    """Who missed more than 1,000 events is told so, gets none of them, and can ask for them."""
    read_what_is_left(slow)
    slow.dial()
    info = slow.connect()
    slow.settle()
    assert (info["resumed"], info["replayed_events"]) == (False, 0)
    assert counted(slow, "NEW_MESSAGE") == 0
    assert slow.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": []})["pending_messages"]


def read_what_is_left(client: Client) -> list[Message]:
    """Read a connection that the server has given up to its end; return its NEW_MESSAGEs.

    The end is SLOW_CONSUMER where that could still be sent, or just the end.
    """
    messages = client.read_to_end()
    errors = [message["error_code"] for message in messages if message["action"] == "ERROR"]
    assert errors in ([], ["SLOW_CONSUMER"])
    return [message for message in messages if message["action"] == "NEW_MESSAGE"]


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
def test_slow_reader_is_told(*, over_tls: bool, tmp_path: Path) -> None:
    """Who starts reading again soon enough finds SLOW_CONSUMER at the end, after whole lines only."""
    pem, port = certificate(tmp_path), free_port()
    contents = [f"{number} " + "가" * 1_000 for number in range(300)]
    with (
        running(listen=[endpoint(port, pem)], limits__outgoing_bytes=200_000, **UNLIMITED) as server,
        connected(server, range(1, 3)) as active,
    ):
        address, tls = server.address, None
        if over_tls:
            address, tls = (LOOPBACK, port), ssl.create_default_context(cafile=pem)
        slow = Client(address, 3, tls=tls, receive_buffer=4_096)
        slow.connect()
        sender, other = active
        flood(sender, [other], room_of([*active, slow]), contents, server)
        messages = slow.read_to_end()
        assert messages.pop()["error_code"] == "SLOW_CONSUMER"
        slow.dial()
        assert slow.connect()["resumed"] is True
        slow.settle()
        heard = [one["data"]["content"] for one in messages + slow.take("NEW_MESSAGE")]
        assert heard == contents
        slow.hang_up()


# --- Long and endless lines ---


class Chatter(Thread):
    """Two users who answer each other as fast as they can while something else happens."""

    def __init__(self, clients: list[Client], room_id: int) -> None:
        super().__init__(daemon=True)
        self.round_trips_s: list[float] = []
        self._clients = clients
        self._room_id = room_id
        self._enough = Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Chat; every message has to arrive, and in order."""
        try:
            while not self._enough.is_set():
                number = len(self.round_trips_s)
                began = time.monotonic()
                for one, other in (self._clients, self._clients[::-1]):
                    one.say(self._room_id, f"{number}")
                    assert other.heard("NEW_MESSAGE")["data"]["content"] == f"{number}"
                    one.heard("SEND_MESSAGE_RESPONSE")
                self.round_trips_s.append(time.monotonic() - began)
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            self._failure = failure

    def finish(self) -> list[float]:
        """Stop and return the round trips, seconds."""
        self._enough.set()
        self.join(30)
        if self._failure is not None:
            raise self._failure
        assert not any(client.inbox for client in self._clients), "something came twice"
        return self.round_trips_s


def test_long_lines_cost_the_others_nothing(figures: Figures) -> None:
    """§1 of v1.1: 1 MiB in pieces of 1 KiB is taken, 5 MiB are thrown away; the others chat on."""
    with (
        running(**UNLIMITED) as server,
        connected(server, range(1, 3)) as talkers,
        connected(server, range(3, 5)) as [long_winded, endless],
    ):
        chatter = Chatter(talkers, room_of(talkers))
        chatter.start()
        time.sleep(1)
        figures(f"two others, alone: {described(chatter.round_trips_s)}")
        before_mib = server.rss_mib
        for _ in range(5):
            say_at_length(long_winded)
        in_pieces(long_winded, b"x" * (MIB + 1) + b"\n")
        error = long_winded.heard("ERROR")
        assert (error["error_code"], error["seq_id"]) == ("MESSAGE_TOO_LONG", None)
        long_winded.settle()
        in_pieces(endless, b"x" * 5 * MIB)
        after_mib = server.rss_mib
        assert [message["error_code"] for message in endless.read_to_end()] == ["MESSAGE_TOO_LONG"]
        times = chatter.finish()
        figures(f"in all: {described(times)}; RSS {before_mib:.1f}, afterwards {after_mib:.1f} MiB")
    assert max(times) < 5
    assert after_mib - before_mib < 16


def say_at_length(client: Client) -> None:
    """Send a request that is exactly as long as the protocol allows, and get its answer."""
    seq_id, line = client.line("PING", {"pad": ""})
    line = line.replace(b'""', b'"' + b"x" * (MIB - len(line) + 1) + b'"')
    assert len(line) == MIB + 1
    in_pieces(client, line)
    client.heard("PONG", seq_id=seq_id)


def described(times_s: list[float]) -> str:
    """Return the number, the median and the longest of some round trips."""
    ordered = [1_000 * one for one in sorted(times_s)]
    median, longest = ordered[len(ordered) // 2], ordered[-1]
    return f"{len(ordered)} round trips, median {median:.1f} ms, longest {longest:.0f} ms"


def in_pieces(client: Client, data: bytes, size: int = 1_024) -> None:
    """Send bytes in many small segments."""
    for first in range(0, len(data), size):
        client.socket.sendall(data[first : first + size])


def test_endless_line_before_connect() -> None:
    """Before CONNECT a line may be 16 KiB long; who sends more without an end is closed."""
    with running() as server:
        before_mib = server.rss_mib
        for _ in range(10):
            with closing(Client(server.address, 1)) as hostile:
                in_pieces(hostile, b"x" * 20_000)
                assert hostile.heard("ERROR")["error_code"] == "MESSAGE_TOO_LONG"
                in_pieces(hostile, b"x" * 5 * MIB, size=65_536)
                assert hostile.read_to_end() == []
        assert server.rss_mib - before_mib < 8


def test_endless_line_after_the_close() -> None:
    """Whoever goes on sending after the server has closed is cut off."""

    def pour() -> None:
        for _ in range(1_000_000):
            hostile.socket.sendall(b"x" * 65_536)

    with running() as server, closing(Client(server.address, 1)) as hostile, pytest.raises(ConnectionError):
        pour()


# --- Sockets that do nothing, or half of it ---


def test_sockets_that_never_connect(figures: Figures) -> None:
    """They have a cap of their own, beyond which the oldest is closed, and a time-out (§3 of v1.1)."""
    too_many, timeout_s = 50, 4
    with running(limits__connect_timeout=timeout_s, **UNLIMITED) as server, ExitStack() as open_sockets:
        before, began = server.open_files, time.monotonic()
        idle = [socket.create_connection(server.address, 20) for _ in range(CONNECTIONS + too_many)]
        for one in idle:
            open_sockets.enter_context(one)
        opened_s = time.monotonic() - began
        # Whoever has something to say gets in: he displaces the oldest of the others.
        mina = Client(server.address, 1)
        mina.connect()
        assert server.settled(before + CONNECTIONS + 1)
        overtaken = [last_words(one) for one in idle[: too_many + 1]]
        assert set(overtaken) == {"SERVER_FULL"}
        assert {last_words(one) for one in idle[too_many + 1 :]} == {"CONNECT_TIMEOUT"}
        figures(f"{len(idle)} opened in {opened_s:.2f} s, all closed after {time.monotonic() - began:.2f} s")
        for one in idle:
            one.close()
        assert server.settled(before + 1)
        mina.settle()
        mina.hang_up()


def test_no_file_descriptors_left() -> None:
    """Sockets that the kernel has no room for cost the connected clients nothing, and pass."""
    with running(**UNLIMITED) as server, connected(server, range(1, 3)) as clients:
        room_id, before = room_of(clients), server.open_files
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (before + 50, before + 50))
        crowd = [socket.create_connection(server.address, 20) for _ in range(200)]
        for number in range(20):
            clients[0].say(room_id, f"{number}")
        heard = [clients[1].heard("NEW_MESSAGE")["data"]["content"] for _ in range(20)]
        assert heard == [f"{number}" for number in range(20)]
        for one in crowd:
            one.close()
        assert server.settled(before)
        with closing(Client(server.address, 3)) as late:
            late.connect()


def last_words(one: socket.socket) -> str:
    """Read to the end; return the code of the one error that came."""
    said = b""
    while data := one.recv(65_536):
        said += data
    code: str = json.loads(said)["error_code"]
    return code


def test_half_closed_sockets() -> None:
    """Whoever closes his sending side has left: nothing is kept for him, what he asked is done once."""
    with running(**UNLIMITED) as server, connected(server, range(1, 2)) as [mina]:
        mina.settle()
        before = server.open_files
        room_id = room_of([mina])
        half = [Client(server.address, user_id) for user_id in range(2, 52)]
        for client in half:
            client.connect()
            client.ask("JOIN_ROOM", {"room_id": room_id})
        for client in half:
            client.say(room_id, f"{client.user_id}", "half")
            client.socket.shutdown(socket.SHUT_WR)
        for client in half:
            client.read_to_end()
        assert server.settled(before)
        mina.settle()
        heard = [message["data"]["content"] for message in mina.take("NEW_MESSAGE")]
        assert len(set(heard)) == len(heard)
        assert set(heard) <= {str(client.user_id) for client in half}
        never = [socket.create_connection(server.address, 20) for _ in range(50)]
        for one in never:
            one.shutdown(socket.SHUT_WR)
            assert one.recv(1) == b""
            one.close()
        assert server.settled(before)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_asks_and_leaves_at_once(*, reset: bool) -> None:
    """Whoever does not wait for his answer harms nobody; saying it again later stores it once."""
    with running(**UNLIMITED) as server, connected(server, range(1, 2)) as [mina]:
        mina.settle()
        before = server.open_files
        room_id = room_of([mina])
        hasty = [Client(server.address, user_id) for user_id in range(2, 52)]
        for client in hasty:
            client.connect()
            client.ask("JOIN_ROOM", {"room_id": room_id})
        for client in hasty:
            client.say(room_id, f"{client.user_id}", "once")
            client.hang_up(reset=reset)
        for client in hasty:
            client.dial()
            assert client.connect()["resumed"] is True
            client.say(room_id, f"{client.user_id}", "once")
        gather(hasty, lambda client: counted(client, "SEND_MESSAGE_RESPONSE") == 1)
        for client in hasty:
            client.hang_up(reset=reset)
        mina.settle()
        heard = [int(message["data"]["content"]) for message in mina.take("NEW_MESSAGE")]
        assert sorted(heard) == [client.user_id for client in hasty]
        for client in hasty:
            client.dial()
            client.socket.sendall(client.connect_line()[1])
            client.hang_up(reset=reset)  # before it is answered
        assert server.settled(before)
        mina.settle()


def test_noise() -> None:
    """Bytes that are no protocol at all end in an error or a close, and never in a defect of the server."""
    with running() as server, connected(server, range(1, 2)) as [mina]:
        noises = [
            os.urandom(50_000),
            b"\0" * 50_000,
            b"\n" * 50_000,
            b"{}\n" * 200,
            b"GET / HTTP/1.1\r\n\r\n",
        ]
        noises += [
            b'{"action":' * 3_000 + b"\n",
            b"[" * 15_000 + b"\n",
            b"\xff\xfe\n" * 200,
            b"\x16\x03\x01\x02\0",
        ]
        for noise in noises:
            with closing(Client(server.address, 2)) as hostile:
                try:
                    hostile.socket.sendall(noise)
                    hostile.socket.shutdown(socket.SHUT_WR)
                    messages = hostile.read_to_end()
                except ConnectionError:
                    continue
                assert {message["action"] for message in messages} <= {"ERROR"}
        mina.settle()

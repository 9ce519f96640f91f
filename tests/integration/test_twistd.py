"""`twistd assa` as an operator meets it: started, misconfigured, on several endpoints, installed, stopped."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.integration.conftest import Figures
from tests.integration.plain import Address, Client, Message, counted, gather, history, room_of
from tests.integration.server import LOOPBACK, ROOT, Server, environment, free_port, refused, running
from tests.integration.tls import certificate, endpoint

SHUTDOWN_S = 10
OFFLINE = (
    "ConnectionError",
    "Failed to establish",
    "name resolution",
    "Network is unreachable",
    "ProxyError",
)


def chat(clients: list[Client]) -> None:
    """Let connected clients share a room, and let everybody hear what each says."""
    room_id = room_of(clients)
    for client in clients:
        client.say(room_id, f"안녕하세요, {client.user_id}")
    for client in clients:
        client.heard("SEND_MESSAGE_RESPONSE")
        heard = {client.heard("NEW_MESSAGE")["data"]["user"]["user_id"] for _ in clients[1:]}
        assert heard == {other.user_id for other in clients} - {client.user_id}


# --- Starting ---


def test_starts_without_configuration() -> None:
    """Development mode: without any auth setting the server makes a secret that only its owner can read."""
    with running(auth__secret=None) as server:
        assert server.state.stat().st_mode & 0o777 == 0o700
        secret = server.state / "secret"
        assert secret.stat().st_mode & 0o777 == 0o600
        announced = [line for line in server.log.splitlines() if "development" in line]
        assert len(announced) == 1
        assert "token" in announced[0]
        with closing(Client(server.address, 1, secret=secret.read_text().strip())) as mina:
            mina.connect()


def test_development_secret_survives_a_restart() -> None:
    """A token minted yesterday is still good."""
    with running(auth__secret=None) as server:
        secret = (server.state / "secret").read_text()
        server.terminate()
        server.wait()
        server.start()
        assert (server.state / "secret").read_text() == secret


def test_the_log_says_how_to_get_a_token() -> None:
    """What the log line of development mode tells people to type works as it is."""
    with running(auth__secret=None) as server:
        command = re.search(r"'assa (token [^']*)'", server.log)
        assert command is not None
        minted = subprocess.run(
            [sys.executable, "-m", "assa", *command[1].split()],
            env=server.environment,
            cwd=server.directory,
            capture_output=True,
            timeout=20,
            check=True,
        )
        with closing(Client(server.address, 1)) as mina:
            data = {"jwt_token": minted.stdout.decode().strip(), "device_info": {}}
            assert mina.ask("CONNECT", data)["user_id"] == 1


# --- Wrong configurations ---

WRONG_VARIABLES = {
    "unknown section": ({"limit__connections": 5}, "limit: unknown key"),
    "unknown key": ({"server__listn": "tcp:0"}, "server.listn: unknown key; did you mean listen?"),
    "wrong type": ({"limits__connections": "many"}, "limits.connections: expected a positive integer"),
    "out of range": ({"limits__ping_interval": -1}, "limits.ping_interval: expected a positive number"),
    "unknown endpoint": ({"server__listen": "tpc:12345"}, "server.listen: tpc:12345: "),
    "port out of range": ({"server__listen": "tcp:99999"}, "server.listen: tcp:99999: "),
    "address of another machine": ({"server__listen": "tcp:0:interface=192.0.2.1"}, "server.listen: tcp:0"),
    "no certificate": (
        {"server__listen": "ssl:0:privateKey=no.pem:certKey=no.pem"},
        "server.listen: ssl:0:privateKey=no.pem:certKey=no.pem: ",
    ),
    "short secret": ({"auth__secret": "short"}, "auth.secret: "),
    "no secret file": (
        {"auth__secret": None, "auth__secret_file": "/nowhere"},
        "auth.secret_file: /nowhere: ",
    ),
    "no such directory": ({"storage__url": "sqlite:/nowhere/db"}, "storage.url: /nowhere/db: "),
    "unknown database": ({"storage__url": "mysql://x"}, "storage.url: expected "),
}


@pytest.mark.parametrize("case", WRONG_VARIABLES)
def test_wrong_setting_is_refused(case: str, tmp_path: Path) -> None:
    """A wrong setting ends the program with one line that names the key and the rule, and not with 0."""
    settings, expected = WRONG_VARIABLES[case]
    status, lines = refused(tmp_path, **settings)
    assert status != 0
    assert len(lines) == 1, lines
    assert f"assa: {expected}" in lines[0]


WRONG_FILES = {
    "not TOML": ("[server", "assa.toml: Expected ']'"),
    "unknown key": ("[limits]\nconections = 5", "limits.conections: unknown key; did you mean connections?"),
    "wrong type": ("[limits]\nconnections = '5'", "limits.connections: expected a positive integer"),
    "a number for a table": ("limits = 5", "limits: expected a table"),
    "no endpoint": ("[server]\nlisten = []", "server.listen: expected at least one endpoint"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_wrong_file_is_refused(case: str, tmp_path: Path) -> None:
    """Likewise for a configuration file."""
    text, expected = WRONG_FILES[case]
    path = tmp_path / "assa.toml"
    path.write_text(text)
    status, lines = refused(tmp_path, "--config", str(path), server__listen=None)
    assert status != 0
    assert len(lines) == 1, lines
    assert expected in lines[0]


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that was named and does not exist is not passed over."""
    status, lines = refused(tmp_path, "--config", "absent.toml")
    assert status != 0
    assert len(lines) == 1, lines
    assert "assa: --config: absent.toml: " in lines[0]


def test_port_in_use_is_refused(tmp_path: Path) -> None:
    """The line names the endpoint whose port is taken."""
    with closing(socket.create_server((LOOPBACK, 0))) as taken:
        endpoint = f"tcp:{taken.getsockname()[1]}:interface={LOOPBACK}"
        status, lines = refused(tmp_path, server__listen=endpoint)
    assert status != 0
    assert len(lines) == 1, lines
    assert f"assa: server.listen: {endpoint}: " in lines[0]
    assert "in use" in lines[0]


def test_unreadable_database_is_refused(tmp_path: Path) -> None:
    """A file that is no database is neither used nor overwritten."""
    path = tmp_path / "notes.txt"
    path.write_text("this is no database, and somebody needs it" * 100)
    before = path.read_bytes()
    status, lines = refused(tmp_path, storage__url=f"sqlite:{path}")
    assert status != 0
    assert len(lines) == 1, lines
    assert f"assa: storage.url: {path}: " in lines[0]
    assert path.read_bytes() == before


def test_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The line names the setting, not the call that failed."""
    path = tmp_path / "file"
    path.touch()
    status, lines = refused(tmp_path, server__state_dir=str(path))
    assert status != 0
    assert len(lines) == 1, lines
    assert f"assa: server.state_dir: {path}: " in lines[0]


def test_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A development secret that somebody else may know is worth nothing."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "secret").write_text("x" * 64)
    (tmp_path / "state" / "secret").chmod(0o644)
    status, lines = refused(tmp_path, auth__secret=None)
    assert status != 0
    assert len(lines) == 1, lines
    assert "assa: auth.secret: " in lines[0]


# --- Several endpoints ---


def test_tcp_unix_and_tls_at_once() -> None:
    """Clients of all endpoints chat with each other; the TLS client verifies the certificate."""
    with tempfile.TemporaryDirectory(prefix="assa-tls-") as name:
        pem, unix_path, tls_port = certificate(Path(name)), f"{name}/socket", free_port()
        tls_endpoint = endpoint(tls_port, pem)
        tls = ssl.create_default_context(cafile=pem)
        with (
            running(listen=[f"unix:{unix_path}", tls_endpoint]) as server,
            closing(Client(server.address, 1)) as mina,
            closing(Client(unix_path, 2)) as jun,
            closing(Client((LOOPBACK, tls_port), 3, tls=tls)) as sora,
        ):
            for client in (mina, jun, sora):
                client.connect()
            chat([mina, jun, sora])


def test_a_line_of_full_length_over_tls() -> None:
    """TLS has records and buffers of its own; what is long or much comes through whole and in order."""
    with tempfile.TemporaryDirectory(prefix="assa-tls-") as name:
        pem, tls_port = certificate(Path(name)), free_port()
        tls_endpoint = endpoint(tls_port, pem)
        tls = ssl.create_default_context(cafile=pem)
        with (
            running(listen=[tls_endpoint], rate__messages=0) as server,
            closing(Client(server.address, 1)) as mina,
            closing(Client((LOOPBACK, tls_port), 2, tls=tls)) as jun,
        ):
            mina.connect()
            jun.connect()
            room_id = room_of([mina, jun])
            answer = jun.call(
                "SEND_MESSAGE", {"room_id": room_id, "content": "가" * 300_000, "message_type": "text"}
            )
            assert answer["error_code"] == "MESSAGE_TOO_LONG"
            contents = [f"{number} " + "가" * 4_000 for number in range(100)]
            for content in contents:
                mina.say(room_id, content)
            mina.settle()  # who does not read his answers is not read either
            assert [jun.heard("NEW_MESSAGE")["data"]["content"] for _ in contents] == contents


# --- An installed wheel ---


def pip(*arguments: str | Path) -> None:
    """Run pip; without a network the test is skipped."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=10")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *map(str, arguments), *quiet],
        env=environment({}, path=None),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode != 0 and any(sign in done.stderr for sign in OFFLINE):
        pytest.skip(f"pip needs the network and cannot reach it: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr


def test_installed_wheel(tmp_path: Path) -> None:
    """The wheel brings everything that the server needs, the plug-in and the schema among it."""
    source, fresh = tmp_path / "source", tmp_path / "fresh"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "dist", "tests"),
    )
    pip("wheel", "--no-deps", "--wheel-dir", tmp_path, source)
    [wheel] = tmp_path.glob("assa-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], timeout=60, check=True)
    pip("--python", fresh, "install", wheel)
    with (
        running(twistd=fresh / "bin" / "twistd", path=None) as server,
        closing(Client(server.address, 1)) as mina,
        closing(Client(server.address, 2)) as jun,
    ):
        mina.connect()
        jun.connect()
        chat([mina, jun])
        server.terminate()
        server.wait()


# --- Stopping ---


def test_tells_the_service_manager(tmp_path: Path) -> None:
    """Under systemd with Type=notify: ready once it accepts clients, and stopping."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            with running() as server:
                assert manager.recv(100) == b"READY=1"
                with closing(Client(server.address, 1)) as mina:
                    mina.connect()
                server.terminate()
                assert manager.recv(100) == b"STOPPING=1"


def pour(client: Client, room_id: int, count: int) -> None:
    """Send messages until the server listens no more."""
    with suppress(OSError):
        for number in range(count):
            client.say(room_id, f"{number}", f"{number}")


def test_sigterm_drains(figures: Figures) -> None:
    """§9 of v1.1: no new clients, an announcement, answers to what is in flight, a resumable close."""
    with running(rate__messages=0) as server:
        clients = [Client(server.address, user_id) for user_id in range(1, 6)]
        for client in clients:
            client.connect()
        mina, jun, *_ = clients
        room_id = room_of(clients)
        video_room_id = seated(mina, jun, room_id)
        began, acknowledged = stop_under_load(server, clients, room_id)
        figures(
            f"SIGTERM to exit: {time.monotonic() - began:.2f} s; {len(acknowledged)} messages acknowledged"
        )
        server.start()
        for client in clients:
            check_resumed(client, [] if client is mina else acknowledged)
        # What was stored had been answered.
        assert [message_id for message_id, _ in history(jun, room_id)] == acknowledged
        seats = mina.ask("GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video_room_id})["participants"]
        assert [seat["user_id"] for seat in seats] == [jun.user_id]
        for client in clients:
            client.hang_up()


def stop_under_load(server: Server, clients: list[Client], room_id: int) -> tuple[float, list[int]]:
    """Stop the server while the first client sends as much as it can, and the others are told all.

    Returns:
        When SIGTERM was sent, and the ids of the messages that were acknowledged.
    """
    count = 20_000
    sending = Thread(target=pour, args=(clients[0], room_id, count), daemon=True)
    sending.start()
    gather([clients[0]], lambda client: counted(client, "SEND_MESSAGE_RESPONSE") >= 50)
    began = time.monotonic()
    server.terminate()
    check_farewells([client.heard("SERVER_ANNOUNCEMENT") for client in clients])
    assert not server.accepts()
    for client in clients:
        client.inbox.extend(client.read_to_end())
        assert counted(client, "ERROR") == 0
    server.wait(SHUTDOWN_S - (time.monotonic() - began))
    sending.join(SHUTDOWN_S)
    answers = clients[0].take("SEND_MESSAGE_RESPONSE")
    assert len(answers) < count, "nothing was in flight: nothing is proved"
    return began, [answer["data"]["message_id"] for answer in answers]


def seated(host: Client, guest: Client, chat_room_id: int) -> int:
    """Have one user open a video room and another take a seat in it; return the room."""
    request = {"chat_room_id": chat_room_id, "video_room_name": "회의"}
    video_room_id: int = host.ask("CREATE_VIDEO_ROOM", request)["video_room_id"]
    guest.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    return video_room_id


def check_farewells(announced: list[Message]) -> None:
    """Everybody is told that it is a shutdown, and each to come back at another time."""
    for message in announced:
        data = message["data"]
        assert data["announcement_type"] == "shutdown"
        assert {"title", "message", "priority", "reconnect_after_ms"} <= data.keys()
        assert type(data["reconnect_after_ms"]) is int
        assert not message["seq_id"].startswith("e")
    assert len({message["data"]["reconnect_after_ms"] for message in announced}) == len(announced)


def check_resumed(client: Client, message_ids: list[int]) -> None:
    """Resume, and have heard these messages before or now, each once and in order."""
    before, session_id = client.take("NEW_MESSAGE"), client.session_id
    client.dial()
    info = client.connect()
    client.settle()
    assert (info["resumed"], client.session_id) == (True, session_id)
    heard = [message["data"]["message_id"] for message in before + client.take("NEW_MESSAGE")]
    assert heard == message_ids


def test_restart_loses_nothing() -> None:
    """What was said while a client was away, before the restart and after it, is replayed in order, once."""
    with running() as server:
        mina, jun = Client(server.address, 1), Client(server.address, 2)
        mina.connect()
        jun.connect()
        room_id = room_of([mina, jun])
        mina.say(room_id, "1")
        jun.heard("NEW_MESSAGE")
        jun.hang_up()
        mina.say(room_id, "2")
        mina.say(room_id, "3")
        mina.settle()
        stopped(server)
        server.start()
        mina.dial()
        mina.connect()
        mina.say(room_id, "4")
        mina.settle()
        jun.dial()
        info = jun.connect()
        jun.settle()
        assert (info["resumed"], info["replayed_events"]) == (True, 3)
        assert [one["data"]["content"] for one in jun.take("NEW_MESSAGE")] == ["2", "3", "4"]
        mina.hang_up()
        jun.hang_up()


def test_sigterm_is_quick_whatever_the_clients_do(figures: Figures) -> None:
    """Nobody can hold up the shutdown: neither who never reads nor who never connects."""
    with running(rate__messages=0) as server, ExitStack() as open_clients:
        mina = Client(server.address, 1)
        stuck = [Client(server.address, user_id, receive_buffer=4096) for user_id in (2, 3)]
        for client in (mina, *stuck):
            open_clients.callback(client.hang_up)
            client.connect()
        for _ in range(20):
            open_clients.enter_context(socket.create_connection(server.address))
        room_id = room_of([mina, *stuck])
        for number in range(100):
            mina.say(room_id, f"{number} " + "가" * 3_000)
        mina.settle()
        figures(f"SIGTERM to exit: {stopped(server):.2f} s")


def stopped(server: Server) -> float:
    """Stop a server and return the seconds that it took."""
    began = time.monotonic()
    server.terminate()
    server.wait(SHUTDOWN_S)
    return time.monotonic() - began


def test_killed_socket_file_does_not_block_a_start() -> None:
    """After `kill -9` the file of a Unix socket is left over; the next start listens nevertheless."""
    with tempfile.TemporaryDirectory(prefix="assa-unix-") as name:
        address: Address = f"{name}/socket"
        with running(listen=[f"unix:{address}"]) as server:
            server.kill()
            assert Path(address).exists()
            server.start()
            with closing(Client(address, 1)) as mina:
                mina.connect()

"""What operators and their programs ask a real server over HTTP, and what it writes into its log."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import jwt

from tests.integration.conftest import Figures
from tests.integration.nodes import cluster, postgres
from tests.integration.plain import SECRET, Client, room_of
from tests.integration.server import LOOPBACK, TWISTD, Server, environment, free_port, running
from tests.operators import Metrics

SAID = "아무도 모르는 이야기"
FOUND_OUT_S = 25.0
"""A database that hangs is no longer believed in after 15 s without an answer."""


def http_port() -> tuple[int, list[str]]:
    """Return a free port and the endpoint on it, of the loopback interface."""
    port = free_port()
    return port, [f"tcp:{port}:interface={LOOPBACK}"]


def ask(
    port: int,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> tuple[int, str]:
    """Make a request; return the status and the body."""
    with closing(HTTPConnection(LOOPBACK, port, timeout=5)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode()


def administer(port: int, path: str, method: str = "GET", document: Any = None) -> Any:
    """Make a request to the admin API and return the document that answers it."""
    claims = {"user_id": 9_000, "scope": "admin", "exp": int(time.time()) + 600}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}
    body = None if document is None else json.dumps(document)
    status, text = ask(port, f"/admin{path}", method, headers, body)
    assert status == 200, (status, text)
    return json.loads(text)


def wait_for(condition: Callable[[], bool], timeout_s: float) -> float:
    """Wait until something is so; return the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + timeout_s, "it did not come to that"
        time.sleep(0.05)
    return time.monotonic() - began


def test_one_port_for_all() -> None:
    """Without an admin endpoint all of it is on the HTTP port; metrics for the machine itself, and admins."""
    port, listen = http_port()
    with running(http__listen=listen) as server, closing(Client(server.address, 1)) as mina:
        mina.connect()
        assert ask(port, "/healthz") == (200, "ok\n")
        assert ask(port, "/readyz") == (200, "ok\n")
        assert ask(port, "/readyz", "HEAD") == (200, "")
        status, text = ask(port, "/metrics")
        metrics = Metrics(text)
        assert status == 200
        assert metrics.value("assa_connections", front="tcp", state="connected") == 1
        assert metrics.value("assa_connects_total", outcome="fresh") == 1
        assert metrics.value("process_resident_memory_bytes") > 10_000_000
        status, text = ask(port, "/metrics", headers={"X-Forwarded-For": LOOPBACK})
        assert (status, json.loads(text)["error_code"]) == (401, "AUTH_FAILED")
        assert ask(port, "/admin/rooms")[0] == 401


def test_admin_endpoint() -> None:
    """With an admin endpoint they are there alone."""
    port, listen = http_port()
    inside, admin_listen = http_port()
    with running(http__listen=listen, http__admin_listen=admin_listen):
        for path in ("/metrics", "/healthz", "/readyz", "/admin/rooms"):
            assert ask(port, path)[0] == 404, path
        assert ask(inside, "/metrics", headers={"X-Forwarded-For": "192.0.2.1"})[0] == 200
        assert ask(inside, "/healthz")[0] == ask(inside, "/readyz")[0] == 200
        assert ask(inside, "/admin/rooms")[0] == 401
        assert administer(inside, "/rooms") == {"rooms": [], "next": None}
        assert ask(inside, "/ws")[0] == 404


def test_closing_and_explaining() -> None:
    """An operator announces, closes a client, which resumes without a loss, and sees why it was closed."""
    port, listen = http_port()
    with (
        running(http__listen=listen) as server,
        closing(Client(server.address, 1)) as mina,
        closing(Client(server.address, 2)) as jun,
    ):
        mina.connect()
        jun.connect()
        room_id = room_of([mina, jun])
        news = {"title": "공지", "message": "점검합니다"}
        assert administer(port, "/announcements", "POST", news) == {"recipients": 2}
        assert jun.heard("SERVER_ANNOUNCEMENT")["data"]["title"] == "공지"
        [one] = administer(port, "/connections?user_id=2")["connections"]
        administer(port, f"/connections/{one['connection_id']}", "DELETE")
        error = jun.read_to_end()[-1]
        assert (error["error_code"], error["action"]) == ("SERVICE_UNAVAILABLE", "ERROR")
        mina.say(room_id, SAID)
        mina.settle()
        jun.dial()
        assert jun.connect()["resumed"]
        jun.settle()
        assert [one["data"]["content"] for one in jun.take("NEW_MESSAGE")] == [SAID]
        check_explained(administer(port, "/users/2"), jun)
        room = administer(port, f"/rooms/{room_id}")
        assert (room["members_count"], room["messages"]) == (2, 1)


def check_explained(seen: Any, client: Client) -> None:
    """See that a user was closed once and is back, and not the id of his session."""
    assert [one["reason"] for one in seen["closes"]] == ["operator"]
    [connection], [session] = seen["connections"], seen["sessions"]
    assert connection["session"] == session["session"]
    assert client.session_id is not None
    assert client.session_id not in json.dumps(seen)


def test_frozen_database(figures: Figures) -> None:
    """While PostgreSQL hangs the process is healthy, at once, and not ready after a while."""
    port, listen = http_port()
    longest_s = 0.0

    def ready() -> bool:
        nonlocal longest_s
        began = time.monotonic()
        assert ask(port, "/healthz")[0] == 200
        status, _ = ask(port, "/readyz")
        assert ask(port, "/metrics")[0] == 200
        longest_s = max(longest_s, time.monotonic() - began)
        return status == 200

    with postgres() as database, cluster(1, database=database.create_database(), http__listen=listen):
        assert ready()
        database.freeze()
        gone_s = wait_for(lambda: not ready(), FOUND_OUT_S)
        database.thaw()
        back_s = wait_for(ready, FOUND_OUT_S)
    figures(
        f"not ready {gone_s:.1f} s after the freeze, ready {back_s:.1f} s after the thaw;"
        f" longest answer of three {longest_s:.2f} s"
    )
    assert longest_s < 1.0


def json_lines(text: str) -> list[dict[str, Any]]:
    """Return the events of a log of which every line is one."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "namespace", "event"} <= line.keys() for line in lines)
    return lines


def converse(server: Server) -> list[Client]:
    """Have two clients say something, do something wrong, and go."""
    clients = [Client(server.address, 1), Client(server.address, 2)]
    for client in clients:
        client.connect()
    room_id = room_of(clients)
    clients[0].say(room_id, SAID)
    clients[0].settle()
    clients[1].call("SEND_MESSAGE", {"room_id": 999, "content": SAID, "message_type": "text"})
    clients[0].ask("DISCONNECT", {"reason": SAID})
    for client in clients:
        client.hang_up()
    return clients


def test_json_log() -> None:
    """`log.format = "json"`: every line is an object; each close has one, and nothing says what was said."""
    with running(log__format="json") as server:
        clients = converse(server)
        wait_for(lambda: server.log.count("of user ") >= 2, 5)
        server.terminate()
        server.wait()
        events = json_lines(server.log)
        closes = {one["user_id"]: one for one in events if "reason" in one and one["user_id"]}
        assert {user_id: one["reason"] for user_id, one in closes.items()} == {
            1: "DISCONNECT",
            2: "connection lost",
        }
        assert closes[1]["level"] == "info"
        assert (closes[1]["front"], closes[1]["address"]) == ("tcp", LOOPBACK)
        for secret in (SAID, json.dumps(SAID)[1:-1], "eyJ", *(client.session_id for client in clients)):
            assert secret is not None
            assert secret not in server.log


def test_text_log() -> None:
    """Without it the log is Twisted's text, with a line for each close."""
    with running() as server:
        converse(server)
        wait_for(lambda: server.log.count("of user ") >= 2, 5)
        assert (
            "[assa.visits.Visits#info] a connection of user 1 was closed: DISCONNECT (tcp 127" in server.log
        )
        assert SAID not in server.log


def test_log_file_of_a_daemon(tmp_path: Path) -> None:
    """`--logfile` has the lines, of a daemon too; SIGUSR1 begins a new file."""
    log, pid_file = tmp_path / "assa.log", tmp_path / "pid"
    settings: dict[str, object] = {
        "server__listen": [f"tcp:{free_port()}:interface={LOOPBACK}"],
        "server__state_dir": str(tmp_path / "state"),
        "http__listen": [],
        "auth__secret": SECRET,
        "log__format": "json",
    }
    command = [str(TWISTD), f"--logfile={log}", f"--pidfile={pid_file}", f"--rundir={tmp_path}", "assa"]
    subprocess.run(command, env=environment(settings), timeout=20, check=True)
    wait_for(pid_file.exists, 5)
    pid = int(pid_file.read_text())
    old = log.with_name("assa.log.1")
    try:
        wait_for(lambda: "starting on" in log.read_text(), 5)
        signal_process(pid, signal.SIGUSR1)
        wait_for(old.exists, 5)
    finally:
        signal_process(pid, signal.SIGTERM)
        wait_for(lambda: not pid_file.exists(), 15)
    events = [one["event"] for one in json_lines(old.read_text() + log.read_text())]
    assert "starting up." in events[0]
    assert events[-1] == "Server Shut Down."


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that this test has started."""
    subprocess.run(["kill", f"-{number.value}", str(pid)], timeout=5, check=True)

"""`assa copy` between real servers: clients resume on PostgreSQL; killed, it is repeated."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.integration.plain import TIMEOUT_S, Client, Message, room_of
from tests.integration.server import ROOT, Server, environment, running
from tests.postgres import psycopg2, require_postgres, shared_server
from tests.processes import wait_until

MARK = "UNFINISHED COPY (to finish it, repeat the 'assa copy' that began it)"
MESSAGES = 60_000
TEXTS = ("안녕하세요 👨‍👩‍👧‍👦", 'a "quoted" \\ line\nand another', "\u0001 \u2028 %s :name \\u0000")
IMAGE = {
    "content": "사진",
    "message_type": "image",
    "file_info": {
        "file_path": "/storage/messages/a.png",
        "file_name": "a.png",
        "file_size": 3,
        "mime_type": "image/png",
    },
}


@pytest.fixture
def url() -> Generator[str, None, None]:
    """Return the URL of an empty PostgreSQL database."""
    require_postgres()
    url = shared_server().create_database()
    yield url
    shared_server().drop_database(url)


def command(*arguments: str, path: Path = ROOT, **settings: object) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "assa", *arguments],
        env=environment(settings, path=path),
        cwd=path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a command and return its status, its output and its errors."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def copying(database: Path, url: str, *, path: Path = ROOT) -> subprocess.Popen[str]:
    """Start a copy."""
    return command("copy", "--from", f"sqlite:{database}", "--to", url, path=path)


def pages(client: Client, room_id: int) -> list[Message]:
    """Return all messages of a room, as GET_MESSAGES tells them."""
    answer = client.ask("GET_MESSAGES", {"room_id": room_id, "limit": 100})
    assert answer["has_more"] is False
    messages: list[Message] = answer["messages"]
    return messages


def chat(mina: Client, jun: Client) -> int:
    """Say all kinds of things, confirm some, and return the room."""
    room_id = room_of([mina, jun])
    for text in TEXTS:
        said = mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": text, "message_type": "text"})
    reply = {"content": "re", "message_type": "text", "reply_to_message_id": said["message_id"]}
    jun.ask("SEND_MESSAGE", {"room_id": room_id, **reply})
    jun.ask("SEND_MESSAGE", {"room_id": room_id, **IMAGE})
    jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": [said["message_id"]]})
    mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [3]})
    return room_id


def call(mina: Client, jun: Client, room_id: int) -> int:
    """Meet in a video room and return it."""
    made = mina.ask("CREATE_VIDEO_ROOM", {"chat_room_id": room_id, "video_room_name": "회의"})
    video_room_id: int = made["video_room_id"]
    for one in (mina, jun):
        one.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    return video_room_id


@contextmanager
def clients(server: Server, *user_ids: int) -> Generator[list[Client], None, None]:
    """Have clients that are connected."""
    with ExitStack() as stack:
        found = [stack.enter_context(closing(Client(server.address, user_id))) for user_id in user_ids]
        for one in found:
            one.connect()
        yield found


def texts(client: Client, room_id: int, *contents: str) -> list[int]:
    """Send messages and return their ids."""
    request = {"room_id": room_id, "message_type": "text"}
    return [client.ask("SEND_MESSAGE", request | {"content": one})["message_id"] for one in contents]


def moved(database: Path, old: Server, url: str) -> None:
    """Copy, once the server has been stopped."""
    status, _, err = ended(copying(database, url))
    assert (status, err.count("\n")) == (1, 1)
    assert "a process is using it: stop the server" in err
    old.terminate()
    old.wait()
    status, out, err = ended(copying(database, url))
    assert (status, err) == (0, ""), err
    assert out.count(" same\n") > 10
    assert shared_server().password not in out


def resumed(client: Client, server: Server, video_room_id: int) -> None:
    """Have a client resume its session, with its seat in a call."""
    before = client.session_id
    client.dial(server.address)
    info = client.connect()
    assert (info["resumed"], info["video_rooms"]) == (True, [video_room_id])
    assert client.session_id == before


def test_moves_to_postgres(url: str) -> None:
    """A client that was connected to the old server resumes on the new one and misses nothing (§10.3)."""
    with running() as old, clients(old, 1, 2) as (mina, jun):
        room_id = chat(mina, jun)
        video_room_id = call(mina, jun, room_id)
        jun.settle()
        jun.hang_up()
        missed = texts(mina, room_id, "while away", "번호 둘")
        before, room = pages(mina, room_id), mina.ask("ROOM_INFO", {"room_id": room_id})
        moved(old.state / "assa.sqlite3", old, url)
        with running(storage__url=url) as new:
            resumed(mina, new, video_room_id)
            resumed(jun, new, video_room_id)
            jun.settle()
            assert [one["data"]["message_id"] for one in jun.take("NEW_MESSAGE")] == missed
            assert pages(mina, room_id) == before
            assert mina.ask("ROOM_INFO", {"room_id": room_id})["name"] == room["name"]
            assert texts(jun, room_id, "new")[0] > missed[-1]
            assert mina.heard("NEW_MESSAGE")["data"]["content"] == "new"
            assert mina.ask("CREATE_ROOM", {"name": "next", "is_open": True})["room_id"] == room_id + 1
            with clients(new, 3) as (sora,):
                assert sora.heard("INVITATION_RECEIVED")["data"]["room_id"] == room_id


def many_messages(database: Path) -> None:
    """Make a database with many messages."""
    status, _, err = ended(command("migrate", storage__url=f"sqlite:{database}"))
    assert status == 0, err
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO messages (message_id, room_id, user_id, message_type, content, created_at)"
            " SELECT i, 1, 1, 'text', '번호 ' || i, 5 FROM n",
            (MESSAGES,),
        )


def kill_at(database: Path, url: str, messages: int) -> int:
    """Kill a copy once so many messages have arrived, and return how many did."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def arrived() -> int:
            cursor.execute("SELECT to_regclass('messages')")
            if cursor.fetchone()[0] is None:
                return 0
            cursor.execute("SELECT max(message_id) FROM messages")
            return cursor.fetchone()[0] or 0

        process = copying(database, url)
        give_up = time.monotonic() + TIMEOUT_S
        while arrived() < messages:
            assert time.monotonic() < give_up, "the copy makes no progress"
            assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate()
        return arrived()


def serves_nobody(server: Server) -> None:
    """See that a server on an unfinished copy says why it serves nobody."""
    server.spawn()
    try:
        wait_until(lambda: MARK in server.log)
        wait_until(server.answers)
        with closing(Client(server.address, 1)) as mina:
            seq_id, line = mina.connect_line()
            mina.socket.sendall(line)
            assert mina.heard(seq_id=seq_id)["error_code"] == "SERVICE_UNAVAILABLE"
    finally:
        server.kill()


def test_killed(url: str) -> None:
    """A copy that was killed is finished by the next; until then, no server works on what is there."""
    with tempfile.TemporaryDirectory(prefix="assa-") as directory:
        database = Path(directory, "assa.sqlite3")
        many_messages(database)
        for part in (1, MESSAGES // 3, MESSAGES * 2 // 3):
            reached = kill_at(database, url, part)
            assert part <= reached < MESSAGES
            status, _, err = ended(command("migrate", storage__url=url))
            assert (status, MARK in err) == (1, True), err
        serves_nobody(Server(Path(directory), storage__url=url))
        status, out, err = ended(copying(database, url))
        assert (status, err) == (0, ""), err
        assert f"{MESSAGES:,}" in out
        status, out, err = ended(command("migrate", storage__url=url))
        assert (status, err) == (0, ""), err
        assert "nothing to do" in out


def test_table_that_is_added(url: str) -> None:
    """A table of a later migration is copied, and nobody has to think of it."""
    with tempfile.TemporaryDirectory(prefix="assa-") as directory:
        later, database = Path(directory, "later"), Path(directory, "assa.sqlite3")
        shutil.copytree(ROOT / "assa", later / "assa", ignore=shutil.ignore_patterns("__pycache__"))
        (later / "assa" / "storage" / "schema" / "0099_pins.sql").write_text(
            "CREATE TABLE pins (\n  room_id {id} NOT NULL,\n  name TEXT NOT NULL,\n  weight INTEGER,\n"
            "  PRIMARY KEY (name, room_id)\n);\nINSERT INTO pins VALUES (1, '', NULL);\n"
        )
        # A language sorts these in another order than their bytes.
        pins = [(1, "", None), (1, "B", 3), (2, "a", -5), (2, "é", None), (3, "가", 0), (3, "😀", 1)]
        assert ended(command("migrate", path=later, storage__url=f"sqlite:{database}"))[0] == 0
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.executemany("INSERT INTO pins VALUES (?, ?, ?)", pins[1:])
        status, out, err = ended(copying(database, url, path=later))
        assert (status, err) == (0, ""), err
        assert [line for line in out.splitlines() if line.startswith("pins ") and line.endswith(" same")]
        assert sorted(shared_server().execute(url, "SELECT * FROM pins"), key=lambda row: row[1]) == pins

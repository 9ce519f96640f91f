"""A PostgreSQL that dies, freezes, is full or elsewhere: clients are told in time, and nothing is lost."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from threading import Event, Thread

import pytest

from tests.integration.conftest import Figures
from tests.integration.nodes import Load, cluster, load, note, postgres, wait_until_joined
from tests.integration.outages import Disk, gate
from tests.integration.plain import Client, room_of
from tests.integration.server import LOOPBACK, Server, running
from tests.postgres import ROLE, PostgresServer, require_postgres

IN_TIME_S = 9.0
SLACK_S = 1.5
"""For a machine that does other things as well."""
AWAY_S = 3.0
FROZEN_S = 12.0
ROUNDS = 5
SMALL_MIB = 160
"""Of the disk that is filled; an empty PostgreSQL needs 60."""
UNAVAILABLE = "SERVICE_UNAVAILABLE"
REFUSE = (
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;"
    " CREATE TRIGGER full_disk BEFORE INSERT ON messages EXECUTE FUNCTION full_disk()"
)


@pytest.fixture(scope="module")
def database() -> Generator[PostgresServer, None, None]:
    """Return a PostgreSQL that writes to the disk before it says so."""
    with postgres(fsync=True) as server:
        yield server


class Pulse(Thread):
    """A client that only sends PING, all the time: it sees whether the server stands still.

    Args:
        server: Whose client it is.
        user_id: Who it is.
    """

    def __init__(self, server: Server, user_id: int) -> None:
        super().__init__(daemon=True)
        self.longest_s = 0.0
        self.answers = 0
        self.failure: BaseException | None = None
        self._over = Event()
        self._client = Client(server.address, user_id)
        self._client.connect()

    def run(self) -> None:
        """Measure until it is over."""
        try:
            while not self._over.wait(0.05):
                began = time.monotonic()
                self._client.settle()
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                self.answers += 1
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            self.failure = failure

    def finish(self) -> None:
        """End, and show what went wrong."""
        self._over.set()
        self.join()
        self._client.hang_up()
        if self.failure is not None:
            raise self.failure


@contextmanager
def pulses(nodes: Sequence[Server]) -> Generator[list[Pulse], None, None]:
    """Have a client send PINGs to each node as long as the block lasts."""
    feeling = [Pulse(node, 901 + place) for place, node in enumerate(nodes)]
    for one in feeling:
        one.start()
    try:
        yield feeling
    finally:
        for one in feeling:
            one.finish()


def first_success(talk: Load, since: float) -> float:
    """Return the seconds from a moment to the first acknowledgement after it."""
    talk.progress(50)
    return (
        min(moment for one in talk.members for moment in tuple(one.acknowledged_at) if moment > since) - since
    )


def check_answers(talk: Load) -> str:
    """Look whether every refusal came in time and connections stayed open; return the figures."""
    refused_s = max(member.refused_after_s for member in talk.members)
    refused = sum((member.refused for member in talk.members), Counter[str]())
    assert refused_s < IN_TIME_S + SLACK_S
    assert [member.errors for member in talk.members if member.errors] == []
    assert set(refused) == {UNAVAILABLE}
    assert not any(member.resumed for member in talk.members), "a connection was closed"
    return f"; longest refusal {refused_s:.1f} s"


# --- while it runs ---


def test_kill_9_of_the_database(database: PostgresServer, figures: Figures) -> None:
    """Without its database a node refuses in time and keeps its clients; with it, it goes on by itself."""
    with (
        cluster(2, database=database.create_database()) as nodes,
        load(nodes, 6) as talk,
        pulses(nodes) as feeling,
    ):
        again = []
        for _ in range(2):
            database.kill()
            time.sleep(AWAY_S)
            database.start()
            again.append(first_success(talk, time.monotonic()))
            talk.progress(300)
        account = talk.finish()
    refusals = check_answers(talk)
    note(figures, talk, account, refusals)
    figures(
        f"first acknowledgement {', '.join(f'{one:.1f}' for one in again)} s after the restart;"
        f" longest PONG {max(one.longest_s for one in feeling):.2f} s"
        f" of {sum(one.answers for one in feeling)}"
    )
    account.check()


def test_connections_are_cut(database: PostgresServer, figures: Figures) -> None:
    """Whatever the cut of all connections to the database interrupts is refused or done, never half done."""
    url = database.create_database()
    cut = 0
    with cluster(2, database=url) as nodes, load(nodes, 6) as talk:
        for _ in range(ROUNDS):
            cut += database.terminate_backends(url)
            talk.progress(200)
        account = talk.finish()
    note(figures, talk, account, f"{check_answers(talk)}; {cut} connections cut in {ROUNDS} rounds")
    account.check()


def test_frozen_database(database: PostgresServer, figures: Figures) -> None:
    """A database that does not answer at all: refusals in time, and PONGs as ever."""
    with (
        cluster(2, database=database.create_database()) as nodes,
        load(nodes, 6) as talk,
        pulses(nodes) as feeling,
    ):
        database.freeze()
        time.sleep(FROZEN_S)
        database.thaw()
        again_s = first_success(talk, time.monotonic())
        talk.progress(300)
        account = talk.finish()
    refusals = check_answers(talk)
    note(figures, talk, account, refusals)
    longest_s = max(one.longest_s for one in feeling)
    figures(
        f"first acknowledgement {again_s:.1f} s after the thaw; longest PONG {longest_s:.2f} s"
        f" of {sum(one.answers for one in feeling)}"
    )
    account.check()
    assert longest_s < SLACK_S


def test_reading_only(database: PostgresServer, figures: Figures) -> None:
    """A database for reading only, as after a switch-over, is like none, until it can write again."""
    url = database.create_database()
    change = f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only"
    with cluster(2, database=url) as nodes, load(nodes, 6) as talk:
        for _ in range(2):
            database.execute(database.superuser_url(), f"{change} = on")
            database.terminate_backends(url)  # it counts for those who come from now on
            time.sleep(AWAY_S / 2)
            database.execute(database.superuser_url(), f"{change} = off")
            talk.progress(200)
        account = talk.finish()
    note(figures, talk, account, check_answers(talk))
    account.check()


# --- from the start ---


def refused_at_first(client: Client) -> float:
    """Look whether CONNECT is refused and the connection stays; return the seconds that it took."""
    began = time.monotonic()
    seq_id, line = client.connect_line()
    client.socket.sendall(line)
    answer = client.heard(seq_id=seq_id)
    took_s = time.monotonic() - began
    assert (answer["success"], answer["error_code"]) == (False, UNAVAILABLE), answer
    assert answer["data"]["retry_after_ms"] > 0
    client.settle()
    assert took_s < IN_TIME_S + SLACK_S
    return took_s


def works(client: Client) -> None:
    """Look whether somebody who is connected can talk."""
    client.say(room_of([client]), "안녕하세요!")
    assert client.heard("SEND_MESSAGE_RESPONSE")["success"] is True


def test_started_before_its_database(database: PostgresServer, figures: Figures) -> None:
    """A node starts without its database, says so to everybody who comes, and works once it is there."""
    url = database.create_database()
    database.stop()
    with running(storage__url=url) as server, closing(Client(server.address, 1)) as client:
        took_s = refused_at_first(client)
        database.start()
        again_s = wait_until_joined(server)
        client.connect()
        works(client)
    figures(f"CONNECT refused after {took_s:.1f} s, taken in {again_s:.1f} s after the start of the database")


def test_wrong_password(database: PostgresServer, figures: Figures) -> None:
    """A wrong password is like an absent database, and no log and no answer shows it."""
    url, wrong = database.create_database(), secrets.token_hex(12)
    change = f"ALTER ROLE {ROLE} PASSWORD %s"
    with running(storage__url=url.replace(database.password, wrong)) as server:
        with closing(Client(server.address, 1)) as client:
            took_s = refused_at_first(client)
            database.execute(database.superuser_url(), change, wrong)
            try:
                again_s = wait_until_joined(server)
            finally:
                database.execute(database.superuser_url(), change, database.password)
            answers = json.dumps([client.connect(), *client.inbox])
        log = server.log
    figures(f"CONNECT refused after {took_s:.1f} s, taken in {again_s:.1f} s after the password was right")
    assert "password authentication failed" in log
    assert wrong not in log + answers
    assert database.password not in log + answers


# --- a full disk ---


@contextmanager
def full(server: PostgresServer, url: str) -> Generator[None, None, None]:
    """Have every new message refused as on a full disk as long as the block lasts."""
    server.execute(url, REFUSE)
    try:
        yield
    finally:
        server.execute(url, "DROP TRIGGER full_disk ON messages")


def test_disk_full_says_postgres(database: PostgresServer, figures: Figures) -> None:
    """What PostgreSQL cannot store for want of room is refused, and stored once there is some."""
    url = database.create_database()
    with cluster(2, database=url) as nodes, load(nodes, 6) as talk:
        with full(database, url):
            time.sleep(AWAY_S)
        again_s = first_success(talk, time.monotonic())
        talk.progress(200)
        account = talk.finish()
    note(figures, talk, account, f"{check_answers(talk)}; first success {again_s:.1f} s after there was room")
    account.check()


@contextmanager
def on_small_disk(mib: int) -> Generator[tuple[Disk, PostgresServer], None, None]:
    """Run a PostgreSQL on a disk of that size.

    Raises:
        PermissionError: There can be no such disk here.
    """
    disk = Disk(mib)
    with ExitStack() as stack:
        stack.callback(disk.close)
        server = disk.run(PostgresServer, disk.directory, fsync=True)
        stack.callback(disk.run, server.close)
        disk.run(server.start)
        yield disk, server


def test_disk_full(figures: Figures) -> None:
    """On a disk that is really full messages are refused, and stored once there is room."""
    require_postgres()
    with ExitStack() as stack:
        try:
            disk, server = stack.enter_context(on_small_disk(SMALL_MIB))
        except PermissionError:
            figures("no disk of our own here: there is only test_disk_full_says_postgres")
            return
        with cluster(2, database=server.create_database()) as nodes, load(nodes, 6) as talk:
            disk.fill()
            time.sleep(AWAY_S)
            before = talk.acknowledged
            time.sleep(AWAY_S)
            meanwhile = talk.acknowledged - before
            disk.clear()
            again_s = first_success(talk, time.monotonic())
            talk.progress(200)
            account = talk.finish()
        log = disk.run(server.log)
    note(figures, talk, account, check_answers(talk))
    figures(
        f"PostgreSQL says {log.count('No space left')} times that there is no space, {log.count('PANIC')}"
        f" PANICs; {meanwhile} stored in the last {AWAY_S:g} s of it; first success {again_s:.1f} s after it"
    )
    account.check()
    assert "No space left" in log


# --- another address ---


def test_other_address(database: PostgresServer, figures: Figures) -> None:
    """Of two addresses the one that answers is used, from the start and when they change roles."""
    url = database.create_database()
    with gate(database.port, is_open=False) as first, gate(database.port, is_open=True) as second:
        both = url.replace(
            f"@{LOOPBACK}:{database.port}/", f"@{LOOPBACK}:{first.port},{LOOPBACK}:{second.port}/"
        )
        began = time.monotonic()
        with cluster(2, database=both) as nodes, load(nodes, 6) as talk:
            started_s, switched = time.monotonic() - began, []
            for shut, opened in ((second, first), (first, second)):
                shut.shut()
                opened.open()
                switched.append(first_success(talk, time.monotonic()))
                talk.progress(200)
            account = talk.finish()
        asked = first.asked, second.asked
    note(figures, talk, account, check_answers(talk))
    figures(
        f"{len(nodes)} nodes started in {started_s:.1f} s with the first address dead; first success"
        f" {', '.join(f'{one:.1f}' for one in switched)} s after each switch; dialled {asked}"
    )
    account.check()

"""Nodes that are killed or stand still: their clients go on at the others, and nothing is lost or doubled."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import pytest

from tests.integration.conftest import Figures
from tests.integration.nodes import LEASE_S, Load, cluster, load, note, postgres, restart, wait_until_joined
from tests.integration.plain import TIMEOUT_S, Client, room_of
from tests.integration.server import Server
from tests.postgres import PostgresServer

KILLS = 6
BETWEEN = 300
"""Acknowledged messages between two kills."""
RETENTION_S = 3.0
BLOCKED_S = 8.0
"""How long a node that stands still with the lock may block the others: 3 s, and a slow machine."""
GIVEN_UP = "has shown no sign of life"
HOLDS_LOCK = (
    "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
    " AND l.granted AND a.state = 'idle in transaction' AND clock_timestamp() - a.state_change > '0.2 s'"
)


@pytest.fixture(scope="module")
def database() -> Generator[PostgresServer, None, None]:
    """Return a PostgreSQL that writes to the disk before it says so."""
    with postgres(fsync=True) as server:
        yield server


@contextmanager
def connected(nodes: Sequence[Server], first: int = 1) -> Generator[list[Client], None, None]:
    """Have users connected, the first one and up, each to the node at his place."""
    with ExitStack() as stack:
        clients = []
        for place, node in enumerate(nodes):
            clients.append(Client(node.address, first + place))
            stack.callback(clients[-1].hang_up)
            clients[-1].connect()
        yield clients


def seconds_until(done: Callable[[], object], timeout_s: float = TIMEOUT_S) -> float:
    """Wait until something is so, and return how long that took."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < timeout_s, f"waited {timeout_s} s in vain"
        time.sleep(0.05)
    return time.monotonic() - began


def times_given_up(nodes: Sequence[Server]) -> int:
    """Return how often a node was given up, as the logs of all tell it."""
    return sum(node.log.count(GIVEN_UP) for node in nodes)


# --- kill -9 ---


def test_kill_9_of_nodes_under_load(database: PostgresServer, figures: Figures) -> None:
    """Clients of a node that dies resume at another one, miss nothing, and get nothing twice (§10.3)."""
    with cluster(3, database=database.create_database()) as nodes, load(nodes, 9, senders=6) as talk:
        for place in range(KILLS):
            nodes[place % 3].kill()
            talk.progress(BETWEEN)
            restart(nodes[place % 3])
            talk.progress(BETWEEN)
        account = talk.finish()
    note(figures, talk, account, f"; {KILLS} kills")
    account.check()
    assert account.moves >= KILLS


def status_of(inviter: Client, room_id: int, user_id: int) -> str:
    """Invite somebody and return what became of it."""
    answer = inviter.ask("INVITE", {"room_id": room_id, "invited_user_ids": [user_id]})
    status: str = answer["invited_users"][0]["status"]
    return status


def test_users_of_dead_node_go_offline(database: PostgresServer, figures: Figures) -> None:
    """Until the lease is over INVITE says `invited`, from then on `offline`; one node gives it up, once."""
    url = database.create_database()
    with cluster(3, database=url) as nodes, connected((nodes[0], nodes[2])) as (mina, jun):
        room_id, seen = room_of([mina]), list[str]()
        nodes[2].kill()

        def look() -> Any:
            seen.append(status_of(mina, room_id, 2))
            return database.execute(url, "SELECT node, dropped_at FROM sessions WHERE user_id = 2")

        waited_s = seconds_until(lambda: look() and seen[-1] == "offline")
        invited, dropped = seen.count("invited"), look()
        time.sleep(1.5 * LEASE_S)
        assert look() == dropped
        assert come_back(jun, nodes[1])[0]
        assert jun.heard("INVITATION_RECEIVED")["data"]["room_id"] == room_id
        look()
        given_up = times_given_up(nodes)
    changes = sum(one != other for one, other in pairwise(seen))
    figures(
        f"lease {LEASE_S:g} s: {invited} times invited, offline after {waited_s:.1f} s,"
        f" given up by {given_up} node, back at another: {seen[-1]}"
    )
    assert LEASE_S / 2 < waited_s < 3 * LEASE_S
    assert (seen[0], seen[-2], seen[-1], changes, given_up) == ("invited", "offline", "invited", 2, 1)


def test_seats_outlive_their_node(database: PostgresServer, figures: Figures) -> None:
    """A seat waits for its session as long as sessions are kept, on whatever node it comes back (§10.3)."""
    url = database.create_database()
    with (
        cluster(3, database=url, nodes__lease=2, limits__session_retention=RETENTION_S) as nodes,
        connected((nodes[0], nodes[1], nodes[1], nodes[1])) as (mina, quick, slow, gone),
    ):
        lobby, video_room = room_of([mina]), video_room_of([mina, quick, slow, gone])
        nodes[1].kill()
        began = time.monotonic()
        back = [come_back(quick, nodes[2])]
        seconds_until(lambda: status_of(mina, lobby, slow.user_id) == "offline")
        back.append(come_back(slow, nodes[2]))
        left = mina.heard("PARTICIPANT_LEFT")["data"]
        left_s = time.monotonic() - began
        for client in (quick, slow):  # a seat is where SDP arrives
            offer = {"target_user_id": client.user_id, "sdp_type": "offer", "sdp_data": "v=0"}
            mina.send("SDP", video_room | offer)
            assert client.heard("SDP")["data"]["sender_user_id"] == mina.user_id
        time.sleep(RETENTION_S)
        times = [times_left(client) for client in (mina, quick, slow)]
        seats = [one["user_id"] for one in mina.ask("GET_VIDEO_ROOM_PARTICIPANT", video_room)["participants"]]
    figures(f"resumed {back}, seats {seats}; who stayed away left once, after {left_s:.1f} s")
    assert back == [(True, [video_room["video_room_id"]])] * 2
    assert (left["user_id"], left["reason"], left_s > RETENTION_S) == (gone.user_id, "disconnected", True)
    assert (times, seats) == ([0, 1, 1], [1, 2, 3])


def video_room_of(clients: Sequence[Client]) -> dict[str, int]:
    """Have the clients meet in a video room of a new room, and return what names it in requests."""
    request = {"chat_room_id": room_of(clients), "video_room_name": "회의", "max_participants": 10}
    video_room = {"video_room_id": clients[0].ask("CREATE_VIDEO_ROOM", request)["video_room_id"]}
    for client in clients:
        client.ask("JOIN_VIDEO_ROOM", video_room)
    return video_room


def come_back(client: Client, node: Server) -> tuple[bool, list[int]]:
    """Resume at a node; return whether that was possible, and the seats that the session has."""
    client.dial(node.address)
    info = client.connect()
    return info["resumed"], info["video_rooms"]


def times_left(client: Client) -> int:
    """Return how many more times a client has heard that somebody left."""
    client.settle()
    return len(client.take("PARTICIPANT_LEFT"))


# --- a node that stands still ---


def halt(server: Server, holds_lock: Callable[[], bool]) -> int:
    """Stop a node with SIGSTOP while it has the database's lock; return how often that was tried."""
    for attempt in range(1, 200):
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.25)
        if holds_lock():
            return attempt
        server.process.send_signal(signal.SIGCONT)
        time.sleep(0.013)
    raise AssertionError("it never had the lock when it was stopped")


def test_node_that_stood_still(database: PostgresServer, figures: Figures) -> None:
    """A node that was stopped for longer than its lease blocks nobody for long, and begins anew after it."""
    url = database.create_database()
    with cluster(3, database=url) as nodes, load(nodes, 9, senders=6, patience_s=5.0) as talk:
        faithful = [member for member in talk.members if member.client.address == nodes[0].address][1:]
        for member in faithful:
            member.patience_s = 60.0
        attempts = halt(nodes[0], lambda: database.execute(url, HOLDS_LOCK)[0][0] > 0)
        blocked_s = longest_pause(talk, 300)
        given_up_s = seconds_until(lambda: times_given_up(nodes[1:]))
        meanwhile = talk.acknowledged
        talk.progress(500)
        meanwhile = talk.acknowledged - meanwhile
        nodes[0].process.send_signal(signal.SIGCONT)
        again_s = wait_until_joined(nodes[0])
        seconds_until(lambda: all(member.errors for member in faithful))
        check_new_life(database, url, nodes)
        talk.progress(300)
        account, given_up = talk.finish(), times_given_up(nodes)
    told = {(one["error_code"], "retry_after_ms" in one["data"]) for who in faithful for one in who.errors}
    note(figures, talk, account)
    figures(
        f"stopped with the lock at attempt {attempts}: the others waited {blocked_s:.1f} s for it, gave it up"
        f" {given_up_s:.1f} s later, and acknowledged {meanwhile} messages until it went on; {len(faithful)}"
        f" clients of it were told {told}; it took clients again after {again_s:.1f} s"
    )
    account.check()
    assert blocked_s < BLOCKED_S
    assert told == {("SERVICE_UNAVAILABLE", True)}
    assert given_up == 1


def longest_pause(talk: Load, messages: int) -> float:
    """Return the longest time without an acknowledgement, from now until so many have come."""
    began = time.monotonic()
    talk.progress(messages)
    moments = sorted(moment for one in talk.members for moment in tuple(one.acknowledged_at))
    times = [began, *(moment for moment in moments if moment > began)]
    return max(later - earlier for earlier, later in pairwise(times))


def check_new_life(database: PostgresServer, url: str, nodes: Sequence[Server]) -> None:
    """Look whether the first node has another name than before, and serves its clients as the others do."""
    names = [row[0] for row in database.execute(url, "SELECT node FROM nodes ORDER BY joined_at")]
    assert [name.partition(".")[2] for name in names] == ["", "", "2"]
    with connected(nodes[:2], first=101) as clients:
        room_id = room_of(clients)
        for client, other in (clients, clients[::-1]):
            client.say(room_id, f"{client.user_id}")
            assert client.heard("SEND_MESSAGE_RESPONSE")["success"] is True
            assert other.heard("NEW_MESSAGE")["data"]["content"] == f"{client.user_id}"

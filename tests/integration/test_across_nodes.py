"""Everything of the protocol between clients on different nodes: three servers on one PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import jwt
import pytest

from tests.conversations import script
from tests.conversations.play import Play
from tests.conversations.script import Passes, Script
from tests.integration.conftest import Figures
from tests.integration.nodes import cluster
from tests.integration.plain import SECRET, Client, ClosedError, Message, gather, history
from tests.integration.server import Server
from tests.postgres import PostgresServer
from tests.processes import wait_until

NODES = 3
GRACE_S = 1
ANSWER_S = 2
_USER_IDS = count(100_000)
_OURS = ("schema_migrations", "nodes", "log_head", "events")
"""Tables that stay while the nodes run."""
_LOCK = 4711
"""What a group of queries holds while it is carried out."""
_HOLDERS = (
    "SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted) FROM pg_locks"
    " WHERE locktype = 'advisory' AND objid = %s AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""How many hold it, and how many wait for it."""


@pytest.fixture(scope="module")
def nodes() -> Generator[list[Server], None, None]:
    """Run the nodes that the tests of this module share."""
    with cluster(
        NODES, rate__relays=0, limits__token_grace=GRACE_S, calls__stun_urls=["stun:stun.example.org"]
    ) as servers:
        yield servers


def query(server: Server, sql: str, *args: object) -> list[tuple[Any, ...]]:
    """Look into the database of a node."""
    return PostgresServer.execute(server.environment["ASSA_STORAGE__URL"], sql, *args)


# --- People ---


class Person(Client):
    """A user's device at one of the nodes, which it may change.

    Args:
        servers: The nodes.
        node: The number of the one that it is connected to.
        user_id: Who it is.
        device_id: Which device.
        lifetime_s: How long its tokens are good.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        node: int,
        user_id: int,
        *,
        device_id: str | None = None,
        lifetime_s: int = 3_600,
    ) -> None:
        self._servers = servers
        self._device_id = device_id or f"device-{user_id}"
        self.lifetime_s = lifetime_s
        super().__init__(servers[node].address, user_id)

    def connect_data(self) -> Message:
        """Return the data of a CONNECT: a new token, the device, and the last event, if there was one."""
        claims = {"user_id": self.user_id, "exp": int(time.time()) + self.lifetime_s}
        data: Message = {
            "jwt_token": jwt.encode(claims, SECRET, "HS256"),
            "device_info": {"device_id": self._device_id},
        }
        return data if self.last_seq_id is None else data | {"last_seq_id": self.last_seq_id}

    def connect_line(self) -> tuple[str, bytes]:
        """Return a CONNECT, which resumes when there was a connection before."""
        envelope = {} if self.session_id is None else {"session_id": self.session_id}
        return self.line("CONNECT", self.connect_data(), **envelope)

    def move(self, node: int) -> Message:
        """Come back on another node; return the `reconnection_info`."""
        self.hang_up()
        self.dial(self._servers[node].address)
        return self.connect()

    def catch_up(self) -> list[Message]:
        """Wait until everything that has been committed on any node has arrived here; take all of it.

        Whoever asks the database hears what was committed before, and then the answer.
        """
        self.ask("LIST_ROOMS")
        taken = list(self.inbox)
        self.inbox.clear()
        return taken


Arrive = Callable[..., Person]


@pytest.fixture
def arrive(nodes: list[Server]) -> Generator[Arrive, None, None]:
    """Return a function that connects a user, a new one unless told who, at the node of that number."""
    with ExitStack() as open_clients:

        def connected(node: int, user_id: int | None = None, **options: Any) -> Person:
            person = Person(nodes, node, next(_USER_IDS) if user_id is None else user_id, **options)
            open_clients.callback(person.hang_up)
            person.connect()
            return person

        yield connected


@pytest.fixture
def three(arrive: Arrive) -> list[Person]:
    """Return three users, each connected to a node of his own."""
    return [arrive(node) for node in range(NODES)]


def room_of(people: Sequence[Person]) -> int:
    """Let the first open a room and the others join it, and nobody remember that."""
    host, *others = people
    request = {"name": "방", "is_open": True, "max_participants": 1_000}
    room_id: int = host.ask("CREATE_ROOM", request)["room_id"]
    for other in others:
        other.ask("JOIN_ROOM", {"room_id": room_id})
    for one in people:
        one.catch_up()
    return room_id


def call_of(people: Sequence[Person]) -> tuple[int, int]:
    """Let people share a chat room and sit in a video room of it; return the ids of both."""
    room_id = room_of(people)
    request = {"chat_room_id": room_id, "video_room_name": "회의"}
    video_room_id: int = people[0].ask("CREATE_VIDEO_ROOM", request)["video_room_id"]
    for one in people:
        one.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    for one in people:
        one.catch_up()
    return room_id, video_room_id


def shown(messages: Sequence[Message]) -> list[tuple[str, Message]]:
    """Return the actions of messages and their data."""
    return [(message["action"], message["data"]) for message in messages]


def said(person: Person, room_id: int, content: str, client_message_id: str | None = None) -> Message:
    """Send a message and return the whole answer."""
    return person.heard(seq_id=person.say(room_id, content, client_message_id))


# --- The conversations of the protocol, every connection on another node ---


class Far:
    """A connection of a conversation, over a real socket.

    Args:
        abroad: All of them.
        client: Its socket.
    """

    def __init__(self, abroad: Abroad, client: Client) -> None:
        self._abroad = abroad
        self._client = client
        self._known = False

    def send(self, message: Message) -> None:
        """Send a message and wait for all that comes of it, here and at the others."""
        self._client.socket.sendall(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        self._abroad.settle(self)

    def connect(self, token: str, *, device_id: str | None) -> Message:
        """Log in and return the answer."""
        data = {"jwt_token": token, "device_info": {"device_id": device_id}}
        answer = self._client.call("CONNECT", data)
        self._known = answer["success"]
        self._abroad.settle(self)
        return answer

    def settle(self) -> None:
        """Wait for everything that has been committed on any node."""
        self._known = self._known or any(
            one["action"] == "CONNECT_RESPONSE" and one["success"] for one in self._client.inbox
        )
        if not self.closed:
            try:
                self._client.call("LIST_ROOMS" if self._known else "PING")
            except (ClosedError, OSError):
                self._client.hang_up()

    def drop(self) -> None:
        """Lose the connection, and wait until its node has told the others."""
        self.hang_up()
        self._abroad.wait_for_drops()

    def hang_up(self) -> None:
        """Lose the connection."""
        self._client.hang_up()

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._client.closed

    def all(self) -> list[Message]:
        """Take everything that has come."""
        taken = list(self._client.inbox)
        self._client.inbox.clear()
        return taken


class Abroad:
    """What a conversation needs of its world, with three nodes in it: connections go to each in turn."""

    def __init__(self, servers: list[Server]) -> None:
        self._servers = servers
        self._turns = count()
        self._open: list[Far] = []

    def client(self) -> Far:
        """Open a connection."""
        address = self._servers[next(self._turns) % len(self._servers)].address
        self._open.append(Far(self, Client(address, 0)))
        return self._open[-1]

    def token(self, user_id: int, *, lifetime_s: float, **claims: str | None) -> str:
        """Sign a token."""
        given = {"user_id": user_id, "exp": int(time.time() + lifetime_s)} | claims
        return jwt.encode({key: value for key, value in given.items() if value is not None}, SECRET, "HS256")

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def settle(self, first: Far) -> None:
        """Wait until everybody has heard everything that came of what one did."""
        for one in [first, *self._open]:
            one.settle()

    def close(self) -> None:
        """Close all connections."""
        for one in self._open:
            one.hang_up()

    def wait_for_drops(self) -> None:
        """Wait until the nodes know whose connections are closed."""
        left = sum(one._known and not one.closed for one in self._open)
        wait_until(lambda: online(self._servers[0]) <= left)


class Names(dict[str, Any]):
    """What the names in a conversation stand for; `$joined` is a time that it takes from an envelope.

    In memory the clock stands still between what is done and its answer; here it does not.
    """

    def setdefault(self, name: str, value: Any, /) -> Any:
        """Return what a name stands for, from now on this value if it stood for nothing."""
        return value if name == "joined" else super().setdefault(name, value)


class FarPlay(Play):
    """A performance whose participants are on different nodes."""

    def __init__(self, played: Script, servers: list[Server]) -> None:
        super().__init__(played)
        self._world: Any = Abroad(servers)
        self._names = Names()

    def close(self) -> None:
        """Close all connections."""
        self._world.close()


def online(server: Server) -> int:
    """Return how many connections there are on all nodes."""
    [[connections]] = query(server, "SELECT count(*) FROM sessions WHERE node IS NOT NULL")
    return int(connections)


def begin_anew(server: Server) -> None:
    """Forget all people, rooms and messages, so that the ids in a conversation are free."""
    wait_until(lambda: online(server) == 0)
    named = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)"
    tables = ", ".join(name for (name,) in query(server, named, list(_OURS)) if name != "counters")
    query(server, f"TRUNCATE {tables}")


def without_long_waits(path: Path) -> Script:
    """Read a script up to where somebody has to wait for long."""
    read = script.read(path)
    long = (place for place, step in enumerate(read.steps) if isinstance(step, Passes) and step.seconds > 2)
    return Script(path=path, steps=read.steps[: next(long, None)])


@pytest.mark.parametrize("path", script.scripts(), ids=lambda path: path.stem)
def test_conversation(path: Path, nodes: list[Server]) -> None:
    """The server keeps to the document when every connection is on another node (§2 to §9)."""
    begin_anew(nodes[0])
    play = FarPlay(without_long_waits(path), nodes)
    try:
        play.run()
    finally:
        play.close()


# --- Chat rooms ---


def test_chat(three: list[Person]) -> None:
    """Everybody hears what the others say, on whatever node, once and as one event (§5, §2 of v1.1)."""
    room_id = room_of(three)
    answers = [said(one, room_id, f"안녕하세요, {one.user_id}")["data"] for one in three]
    heard = [one.catch_up() for one in three]
    for one, events in zip(three, heard, strict=True):
        others = [answer["message_id"] for answer, who in zip(answers, three, strict=True) if who is not one]
        assert [event["data"]["message_id"] for event in events] == others
    seq_ids = {event["data"]["message_id"]: event["seq_id"] for events in heard for event in events}
    assert all(event["seq_id"] == seq_ids[event["data"]["message_id"]] for one in heard for event in one)
    assert len(set(seq_ids.values())) == len(three)


def test_members_come_and_go(three: list[Person]) -> None:
    """Joins, exits and a change of the host are told on every node (§5 of v1.1)."""
    mina, jun, sora = three
    room_id = room_of([mina, jun])
    sora.ask("JOIN_ROOM", {"room_id": room_id})
    for one in (mina, jun):
        [(action, data)] = shown(one.catch_up())
        assert (action, data["user"]["user_id"], data["participants_count"]) == (
            "USER_JOINED",
            sora.user_id,
            3,
        )
    mina.ask("EXIT_ROOM", {"room_id": room_id})
    for one in (jun, sora):
        (left, user), (changed, host) = shown(one.catch_up())
        assert (left, user["user"]["user_id"], user["participants_count"]) == ("USER_LEFT", mina.user_id, 2)
        assert (changed, host["host_user_id"]) == ("HOST_CHANGED", jun.user_id)
    said(sora, room_id, "셋이었다")
    assert [action for action, _ in shown(jun.catch_up())] == ["NEW_MESSAGE"]
    assert mina.catch_up() == []
    jun.ask("EXIT_ROOM", {"room_id": room_id})
    sora.ask("EXIT_ROOM", {"room_id": room_id})
    assert mina.call("JOIN_ROOM", {"room_id": room_id})["error_code"] == "ROOM_NOT_FOUND"


def test_invitations(three: list[Person], arrive: Arrive) -> None:
    """Who is connected to any node is invited at once, the others when they come (§7 of v1.1)."""
    mina, jun, sora = three
    away, never = arrive(1), next(_USER_IDS)
    away.hang_up()
    wait_until(lambda: not is_online(mina._servers[0], away.user_id))
    room = {"name": "방", "invited_user_ids": [jun.user_id]}
    room_id = mina.ask("CREATE_ROOM", room)["room_id"]
    [(action, data)] = shown(jun.catch_up())
    assert (action, data["room_id"], data["inviter"]["user_id"]) == (
        "INVITATION_RECEIVED",
        room_id,
        mina.user_id,
    )
    jun.ask("JOIN_ROOM", {"room_id": room_id})
    asked = [jun.user_id, sora.user_id, away.user_id, never]
    invited = mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": asked})["invited_users"]
    assert [(one["user_id"], one["status"]) for one in invited] == list(
        zip(asked, ["member", "invited", "offline", "offline"], strict=True)
    )
    assert [action for action, _ in shown(sora.catch_up())] == ["INVITATION_RECEIVED"]
    for late in (arrive(2, away.user_id), arrive(0, never)):
        assert [action for action, _ in shown(late.catch_up())] == ["INVITATION_RECEIVED"]
        late.ask("JOIN_ROOM", {"room_id": room_id})
    joined = [data["user"]["user_id"] for _, data in shown(mina.catch_up())]
    assert joined == [jun.user_id, away.user_id, never]


def is_online(server: Server, user_id: int) -> bool:
    """Return whether a user is connected to any node."""
    return bool(query(server, "SELECT 1 FROM sessions WHERE user_id = %s AND node IS NOT NULL", user_id))


class Talker(Thread):
    """Says one thing after the other until it has said enough."""

    def __init__(self, person: Person, room_id: int, enough: Event) -> None:
        super().__init__(daemon=True)
        self.failure: BaseException | None = None
        self._person = person
        self._room_id = room_id
        self._enough = enough

    def run(self) -> None:
        """Talk."""
        try:
            while not self._enough.is_set():
                said(self._person, self._room_id, "그리고")
                self._person.inbox.clear()
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            self.failure = failure


def up_to(person: Person, seq_id: str) -> list[Message]:
    """Receive up to an answer; return what came before it, and then the answer."""
    while not any(message["seq_id"] == seq_id for message in person.inbox):
        assert person.receive()
    came: list[Message] = []
    while not came or came[-1]["seq_id"] != seq_id:
        came.append(person.inbox.popleft())
    return came


def test_join_is_a_snapshot(three: list[Person], figures: Figures) -> None:
    """No event comes before the answer to JOIN_ROOM, all later ones after it, none twice (§5 of v1.1)."""
    *talking, joining = three
    room_id, enough = room_of(talking), Event()
    for number in range(50):
        said(talking[0], room_id, f"{number}")
    talkers = [Talker(person, room_id, enough) for person in talking]
    for talker in talkers:
        talker.start()
    seen = [join_and_exit(joining, room_id) for _ in range(30)]
    enough.set()
    for talker in talkers:
        talker.join()
        assert talker.failure is None
    stored = [message_id for message_id, _ in history(talking[0], room_id)]
    for recent, heard in seen:
        first = stored.index(recent[0])
        assert recent + heard == stored[first : first + 50 + len(heard)]
    figures(
        f"{len(seen)} joins while two other nodes stored {len(stored)} messages; every snapshot fits"
        f" the {sum(len(heard) for _, heard in seen)} messages heard after it"
    )


def join_and_exit(person: Person, room_id: int) -> tuple[list[int], list[int]]:
    """Join a room in which others talk and exit it again.

    Returns:
        The ids of the recent messages, and of those that were heard while being a member.
    """
    *before, joined = up_to(person, person.send("JOIN_ROOM", {"room_id": room_id}))
    assert (before, joined["success"]) == ([], True)
    recent = [message["message_id"] for message in joined["data"]["recent_messages"]]
    first = [person.heard("NEW_MESSAGE") for _ in range(5)]
    *then, _ = up_to(person, person.send("EXIT_ROOM", {"room_id": room_id}))
    return recent, [message["data"]["message_id"] for message in first + then]


# --- Messages ---


def test_receipts(three: list[Person]) -> None:
    """A confirmation on one node is told to the author on another, and counts on all (§6 of v1.1)."""
    mina, jun, sora = three
    room_id = room_of(three)
    message_id = said(mina, room_id, "보이나요?")["data"]["message_id"]
    confirmed = jun.ask("CHECK_RECEIVE", {"room_id": room_id, "message_ids": [message_id]})
    assert confirmed["received_messages"] == [message_id]
    told = {"room_id": room_id, "user_id": jun.user_id, "message_ids": [message_id]}
    assert shown(mina.catch_up()) == [("MESSAGE_RECEIVED", told)]
    assert [action for action, _ in shown(sora.catch_up())] == ["NEW_MESSAGE"]
    assert jun.move(2)["unread_messages"] == 0
    assert sora.move(1)["unread_messages"] == 1


def test_send_again_elsewhere(three: list[Person]) -> None:
    """A send that is repeated on another node is stored and heard once (§6 of v1.1)."""
    mina, jun, _ = three
    room_id = room_of([mina, jun])
    first = said(jun, room_id, "한 번", "once")["data"]
    jun.move(2)
    again = said(jun, room_id, "한 번", "once")["data"]
    assert again == first | {"duplicate": True}
    assert said(jun, room_id, "두 번", "once")["error_code"] == "CONFLICT"
    assert [data["content"] for _, data in shown(mina.catch_up())] == ["한 번"]
    assert history(mina, room_id) == [(first["message_id"], "한 번")]


def test_send_twice_at_once(arrive: Arrive, figures: Figures) -> None:
    """Two nodes that get the same send in the same moment store it once (§6 of v1.1)."""
    mina, phone = arrive(2), arrive(0)
    tablet = arrive(1, phone.user_id, device_id="tablet")
    room_id = room_of([mina, phone])
    tablet.catch_up()
    first = 0
    for number in range(200):
        devices = (phone, tablet) if number % 2 else (tablet, phone)
        seq_ids = [device.say(room_id, f"{number}", f"{number}") for device in devices]
        one, other = (
            device.heard(seq_id=seq_id)["data"] for device, seq_id in zip(devices, seq_ids, strict=True)
        )
        assert one["message_id"] == other["message_id"]
        assert one.get("duplicate", False) is not other.get("duplicate", False)
        first += "duplicate" in other
    expected = [f"{number}" for number in range(200)]
    assert sorted(data["content"] for _, data in shown(mina.catch_up())) == sorted(expected)
    assert sorted(content for _, content in history(mina, room_id)) == sorted(expected)
    figures(f"200 sends on two nodes at once, each stored once; {200 - first} times the later one came first")


# --- Sessions ---


def test_device_connects_elsewhere(three: list[Person], arrive: Arrive) -> None:
    """The older connection of a device, or of a session, is closed on whatever node (§3 of v1.1)."""
    mina, jun, _ = three
    room_id = room_of([mina, jun])
    again = arrive(2, jun.user_id)
    check_replaced(jun)
    assert again.session_id != jun.session_id
    resumed = arrive(0, jun.user_id, device_id="another")
    resumed.session_id, resumed.last_seq_id = again.session_id, again.last_seq_id
    assert resumed.move(0)["resumed"] is True
    check_replaced(again)
    said(mina, room_id, "누구?")
    assert [action for action, _ in shown(resumed.catch_up())] == ["NEW_MESSAGE"]


def test_overdue_connect() -> None:
    """A CONNECT that was not answered in time takes nothing away from a later one elsewhere (§3 of v1.1)."""
    with (
        cluster(2, nodes__lease=120, limits__answer_timeout=ANSWER_S) as servers,
        ExitStack() as open_clients,
    ):
        mina, jun = (Person(servers, 0, next(_USER_IDS)) for _ in range(2))
        for one in (mina, jun):
            open_clients.callback(one.hang_up)
            one.connect()
        jun.hang_up()
        wait_until(lambda: not is_online(servers[0], jun.user_id))
        holding = f"SELECT pg_advisory_xact_lock({_LOCK}), pg_sleep({ANSWER_S + 1.2})"
        held = Thread(target=query, args=(servers[0], holding))
        held.start()
        wait_until(lambda: query(servers[0], _HOLDERS, _LOCK) == [(1, 0)])
        mina.send("LIST_ROOMS")
        wait_until(lambda: query(servers[0], _HOLDERS, _LOCK) == [(1, 1)])
        jun.dial()
        jun.socket.sendall(jun.connect_line()[1])  # waits until mina has her answer
        assert [message["error_code"] for message in jun.read_to_end()] == ["REQUEST_TIMEOUT"]
        assert jun.move(1)["resumed"] is True
        held.join()
        mina.catch_up()
        assert jun.catch_up() == []
        assert is_online(servers[0], jun.user_id)


def check_replaced(person: Person) -> None:
    """Read to the end: the server has said why, and closed."""
    assert [message["error_code"] for message in person.read_to_end()] == ["SESSION_REPLACED"]


def test_ten_connections_of_a_user(arrive: Arrive) -> None:
    """The 11th connection takes the place of the oldest, over all nodes (§3 of v1.1)."""
    first = arrive(0)
    others = [arrive(number % NODES, first.user_id, device_id=f"{number}") for number in range(1, 10)]
    assert first.catch_up() == []
    newest = arrive(1, first.user_id, device_id="newest")
    check_replaced(first)
    for one in (*others, newest):
        assert one.catch_up() == []


def test_resume_on_every_node(three: list[Person], figures: Figures) -> None:
    """Whoever comes back on another node gets what he missed, in order, once, and nothing of his own."""
    mina, jun, sora = three
    room_id = room_of(three)
    session_id, heard, expected = jun.session_id, [], []
    for number in range(12):
        # What he says himself counts as heard.
        for who in (mina, jun, sora):
            message_id = said(who, room_id, f"{number}")["data"]["message_id"]
            expected += [] if who is jun else [message_id]
        jun.hang_up()
        for who in (sora, mina):
            expected.append(said(who, room_id, f"{number} again")["data"]["message_id"])
        before = jun.take("NEW_MESSAGE")
        info = jun.move((number + 2) % NODES)
        assert (info["resumed"], jun.session_id) == (True, session_id)
        missed = jun.catch_up()
        assert len(missed) == info["replayed_events"] >= 2
        heard += [message["data"]["message_id"] for message in before + missed]
    assert heard == expected
    figures(f"12 moves, {len(heard)} messages heard, none twice, none missing, in order")


def test_token_is_renewed(three: list[Person], arrive: Arrive) -> None:
    """A second CONNECT renews the token; without one the connection ends, resumably, on any node (§3)."""
    mina, *_ = three
    renewing, forgetful = arrive(1, lifetime_s=2), arrive(2, lifetime_s=2)
    room_id = room_of([mina, renewing, forgetful])
    renewing.heard("TOKEN_EXPIRING")
    renewing.lifetime_s = forgetful.lifetime_s = 3_600
    answer = renewing.ask("CONNECT", renewing.connect_data())
    assert answer["session_id"] == renewing.session_id
    said(mina, room_id, "아직?")
    codes = [message.get("error_code") for message in forgetful.read_to_end()]
    assert codes[-1] == "INVALID_TOKEN"
    said(mina, room_id, "어디?")
    info = forgetful.move(1)
    assert (info["resumed"], info["replayed_events"]) == (True, 1)
    assert [data["content"] for _, data in shown(renewing.catch_up())] == ["아직?", "어디?"]


def test_server_full_is_of_one_node() -> None:
    """Each node has its own 1,000 connections, here 2 (§3 of v1.1)."""
    with cluster(2, limits__connections=2) as servers, ExitStack() as open_clients:
        people = [Person(servers, node, next(_USER_IDS)) for node in (0, 0, 0)]
        for one in people:
            open_clients.callback(one.hang_up)
        mina, jun, third = people
        mina.connect()
        jun.connect()
        third.socket.sendall(third.connect_line()[1])
        [full] = third.read_to_end()
        assert (full["error_code"], full["success"]) == ("SERVER_FULL", False)
        third.move(1)
        room_id = room_of([mina, jun, third])
        said(mina, room_id, "셋")
        assert [action for action, _ in shown(third.catch_up())] == ["NEW_MESSAGE"]


# --- Video calls ---


def test_relays_keep_their_order(three: list[Person], figures: Figures) -> None:
    """SDP and candidates between participants on different nodes come in order, and unchanged (§8)."""
    _, video_room_id = call_of(three)
    began, candidates = time.monotonic(), 300
    for sender in three:
        targets = [one.user_id for one in three if one is not sender]
        for number in range(candidates):
            for target in targets:
                relay(sender, video_room_id, target, number)
    gather(three, lambda one: len(one.inbox) >= 2 * candidates)
    for one in three:
        heard = shown(one.catch_up())
        for sender in three:
            from_him = [(action, data) for action, data in heard if data["sender_user_id"] == sender.user_id]
            expected = [] if sender is one else [relayed(number) for number in range(candidates)]
            assert [
                (action, data.get("candidate", data.get("sdp_data"))) for action, data in from_him
            ] == expected
    count = 6 * candidates
    figures(f"{count} SDPs and candidates between three nodes in {time.monotonic() - began:.2f} s, in order")


def relayed(number: int) -> tuple[str, str]:
    """Return the action and the content of one relay out of many."""
    return ("SDP" if number % 50 == 0 else "ICE_CANDIDATE"), f"candidate:{number} udp\r\n"


def relay(sender: Person, video_room_id: int, target_user_id: int, number: int) -> None:
    """Send one relay out of many."""
    action, content = relayed(number)
    data: Message = {"video_room_id": video_room_id, "target_user_id": target_user_id}
    if action == "SDP":
        data |= {"sdp_type": "offer", "sdp_data": content}
    else:
        data |= {"candidate": content, "sdp_mid": "0", "sdp_mline_index": 0}
    sender.send(action, data)


def test_seat_moves_with_its_session(three: list[Person]) -> None:
    """Who comes back on another node is in the call still, and missed nothing of it (§4, §8 of v1.1)."""
    mina, jun, sora = three
    _, video_room_id = call_of(three)
    jun.hang_up()
    wait_until(lambda: not is_online(mina._servers[0], jun.user_id))
    relay(mina, video_room_id, jun.user_id, 0)
    mina.settle()
    info = jun.move(0)
    assert (info["resumed"], info["video_rooms"]) == (True, [video_room_id])
    relay(sora, video_room_id, jun.user_id, 1)
    sora.settle()
    assert [(action, data["sender_user_id"]) for action, data in shown(jun.catch_up())] == [
        ("SDP", mina.user_id),
        ("ICE_CANDIDATE", sora.user_id),
    ]
    muted = {"video_room_id": video_room_id, "audio_enabled": False, "video_enabled": True}
    jun.send("MEDIA_STATUS", muted)
    jun.settle()
    for one in (mina, sora):
        [(action, data)] = shown(one.catch_up())
        assert (action, data["user_id"], data["audio_enabled"]) == (
            "PARTICIPANT_MEDIA_STATUS",
            jun.user_id,
            False,
        )
    seats = mina.ask("GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video_room_id})["participants"]
    assert [seat["user_id"] for seat in seats] == [one.user_id for one in three]


def test_seat_moves_to_another_device(three: list[Person], arrive: Arrive) -> None:
    """Who joins from a second device, on another node, takes his seat along (§8 of v1.1)."""
    mina, jun, sora = three
    _, video_room_id = call_of(three)
    tablet = arrive(0, jun.user_id, device_id="tablet")
    tablet.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})
    [(action, data)] = shown(jun.catch_up())
    assert (action, data["user_id"], data["reason"]) == ("PARTICIPANT_LEFT", jun.user_id, "moved")
    for one in (mina, sora):
        assert [action for action, _ in shown(one.catch_up())] == ["PARTICIPANT_LEFT", "PARTICIPANT_JOINED"]
    relay(sora, video_room_id, jun.user_id, 1)
    sora.settle()
    assert [action for action, _ in shown(tablet.catch_up())] == ["ICE_CANDIDATE"]
    assert jun.catch_up() == []


def test_call_ends(three: list[Person]) -> None:
    """The host's exit, and the end of the room, are told on every node (§8 of v1.1)."""
    mina, jun, sora = three
    _, video_room_id = call_of(three)
    room = {"video_room_id": video_room_id}
    mina.ask("EXIT_VIDEO_ROOM", room)
    for one in (jun, sora):
        assert [action for action, _ in shown(one.catch_up())] == ["PARTICIPANT_LEFT", "VIDEO_HOST_CHANGED"]
    jun.ask("DISCONNECT")
    (left, data), _ = shown(sora.catch_up())
    assert (left, data["reason"]) == ("PARTICIPANT_LEFT", "disconnected")
    sora.ask("EXIT_VIDEO_ROOM", room)
    [(action, data)] = shown(mina.catch_up())
    assert (action, data["video_room_id"]) == ("VIDEO_ROOM_CLOSED", video_room_id)


# --- The operator ---


def assa(server: Server, *arguments: str) -> str:
    """Run a command of the operator on the machine of a node; return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "assa", *arguments],
        env=server.environment,
        cwd=server.directory,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout


def test_announcement(nodes: list[Server], arrive: Arrive) -> None:
    """An announcement goes to everybody on every node, and their number is told (§9 of v1.1)."""
    wait_until(lambda: online(nodes[0]) == 0)
    people = [arrive(number % NODES) for number in range(7)]
    answer = assa(nodes[1], "announce", "--title", "공지", "--message", "오늘 밤", "--priority", "high")
    assert answer == "announced to 7 connections\n"
    for one in people:
        [(action, data)] = shown(one.catch_up())
        assert (action, data["title"], data["priority"]) == ("SERVER_ANNOUNCEMENT", "공지", "high")


def test_deactivated_account(nodes: list[Server], three: list[Person]) -> None:
    """A deactivated account is refused by every node, at once, until it is activated (§3 of v1.1)."""
    mina, jun, _ = three
    assa(nodes[2], "user", "deactivate", f"{jun.user_id}")
    refused = jun.call("CONNECT", jun.connect_data())  # what it renews the token with
    assert (refused["success"], refused["error_code"]) == (False, "AUTH_FAILED")
    jun.hang_up()
    for server in nodes:
        jun.dial(server.address)
        assert jun.call("CONNECT", jun.connect_data())["error_code"] == "AUTH_FAILED"
        jun.hang_up()
    assa(nodes[0], "user", "activate", f"{jun.user_id}")
    assert jun.move(1)["resumed"] is True
    assert mina.catch_up() == []

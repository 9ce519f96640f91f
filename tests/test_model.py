"""Promises 2 and 3: a model of rooms and devices, written from the protocol, beside the server.

Anything may happen in any order: devices come, are lost (noticed or not, also between a request
and its answer), come back, on whatever node; nodes crash. After every step each connected device
has heard exactly what the protocol says, in one order for all, and every answer is the model's.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.world import START_S, Client, World

PICK = st.integers(0, 99)
CLIENT_IDS = st.sampled_from(["c1", "c2", "c3"])
CONTENTS = st.sampled_from(["안녕", "안녕", "네"])
NOWHERE = 2**53 - 1
Event = tuple[Any, ...]


@define(eq=False)
class Room:
    """An open chat room (section 5); the longest-standing members come first."""

    room_id: int
    host: int
    members: list[int]
    messages: dict[int, int] = field(factory=dict)  # every message's author
    since_join: dict[int, list[int]] = field(factory=dict)  # by member, the messages of others
    unread: dict[int, set[int]] = field(factory=dict)  # of those, the ones not confirmed

    def enter(self, user_id):
        """Take a member in."""
        self.members.append(user_id)
        self.since_join[user_id], self.unread[user_id] = [], set()

    def add(self, message_id, author):
        """Take a message in."""
        self.messages[message_id] = author
        for member in self.members:
            if member != author:
                self.since_join[member].append(message_id)
                self.unread[member].add(message_id)


@define(eq=False)
class Device:
    """An app of a user: what it knows, what it has heard, and what it should have heard."""

    user_id: int
    client: Client
    session_id: str
    last_seq_id: str
    online: bool = True
    heard: list[Event] = field(factory=list)
    expected: list[Event] = field(factory=list)
    behind: list[tuple[str, Event]] = field(factory=list)
    """The log after the last event that it heard, with the session of what it caused itself."""
    unanswered: list[tuple[Room, dict[str, Any]]] = field(factory=list)  # what it will send again

    def read(self):
        """Take in what has arrived; positions grow."""
        for message in self.client.all():
            if message["seq_id"].startswith("e"):
                assert int(message["seq_id"][1:]) > int(self.last_seq_id[1:]), message
                self.last_seq_id = message["seq_id"]
                assert message["action"] in EVENTS, message
                self.heard.append(event_of(message["action"], message["data"]))


def event_of(action, data):
    """Return what an event says, in the words of the model."""
    return (action, data["room_id"], *EVENTS[action](data))


EVENTS = {
    "NEW_MESSAGE": lambda data: (data["message_id"], data["user"]["user_id"], data["content"]),
    "USER_JOINED": lambda data: (data["user"]["user_id"], data["participants_count"]),
    "USER_LEFT": lambda data: (data["user"]["user_id"], data["participants_count"]),
    "HOST_CHANGED": lambda data: (data["host_user_id"],),
    "MESSAGE_RECEIVED": lambda data: (data["user_id"], *data["message_ids"]),
}


class Rooms(RuleBasedStateMachine):
    """What users do with rooms, and what happens to them meanwhile, on one node."""

    some_online = precondition(lambda self: any(one.online for one in self.devices))
    some_offline = precondition(lambda self: not all(one.online for one in self.devices))
    some_room = precondition(lambda self: self.rooms and any(one.online for one in self.devices))

    def __init__(self):
        super().__init__()
        self.worlds: list[World] = []  # the nodes that can be connected to
        self.begin()
        self.rooms: list[Room] = []
        self.devices: list[Device] = []
        self.stored: dict[tuple[int, int, str], tuple[int, str]] = {}  # by client_message_id
        for place, user_id in enumerate((1, 3, 2, 1)):
            self.new_device(user_id, place)
        self.create(0)
        self.join(1, 0)
        self.join(2, 0)
        self.everything_was_heard()

    # --- what is different with several nodes ---

    def begin(self):
        """Have a database, and a node on it."""
        self.directory = TemporaryDirectory()
        self.start_node(START_S)

    def start_node(self, start_s):
        """Start a node."""
        path = str(Path(self.directory.name) / "assa.db")
        World(path=path, start_s=start_s, nodes=self.worlds)

    def crashed(self, start_s, pick):
        """Start the node again that has crashed."""
        self.start_node(start_s)

    def teardown(self):
        """Forget the database."""
        for one in self.worlds:
            one.crash()
        self.directory.cleanup()

    # --- the model ---

    @property
    def world(self):
        """Return a node: for looking into the database, and for what is the same on all."""
        return self.worlds[0]

    def _client(self, pick):
        return self.worlds[pick % len(self.worlds)].client()

    def _device(self, pick, *, online=True):
        found = [one for one in self.devices if one.online is online]
        return found[pick % len(found)]

    def _room(self, pick, user_id=None):
        """Return a room, mostly one of the user's."""
        found = 3 * [one for one in self.rooms if user_id in one.members] + self.rooms
        return found[pick % len(found)]

    def _tell(self, users, event, but=None):
        for device in (one for one in self.devices if one.user_id in users):
            if device.online and device is not but:
                device.expected.append(event)
                device.behind.clear()
            else:
                device.behind.append((device.session_id if device is but else "", event))

    def _refused(self, answer, room, user_id):
        """Check that an answer is an error exactly where the user is no member; return whether it is."""
        code = None if user_id in room.members else "USER_NOT_IN_ROOM" if room.members else "ROOM_NOT_FOUND"
        assert answer.get("error_code") == code, (answer, code)
        return code is not None

    # --- rooms and messages ---

    @precondition(lambda self: len(self.devices) < 7)
    @rule(user_id=st.integers(1, 3), node=PICK)
    def new_device(self, user_id, node):
        """Connect another device (section 3)."""
        client = self._client(node)
        self._check_info(client.connect(self._token(user_id)), user_id, resumed=False, replayed=0)
        self.devices.append(Device(user_id, client, client.session_id, client.last_seq_id))

    def _token(self, user_id):
        return self.world.token(user_id, lifetime_s=1e6)

    def _check_info(self, answer, user_id, *, resumed, replayed):
        """Check what CONNECT tells about the user's rooms (section 4)."""
        info = answer["data"]["reconnection_info"]
        mine = [room for room in self.rooms if user_id in room.members]
        assert info["existing_rooms"] == sorted(room.room_id for room in mine), info
        assert info["unread_messages"] == sum(len(room.unread[user_id]) for room in mine), info
        assert (info["resumed"], info["replayed_events"]) == (resumed, replayed), info

    @some_online
    @rule(pick=PICK)
    def create(self, pick):
        """Open a room and be its host."""
        device = self._device(pick)
        room_id = device.client.ask("CREATE_ROOM", {"name": "방", "is_open": True})["data"]["room_id"]
        self.rooms.append(Room(room_id, device.user_id, []))
        self.rooms[-1].enter(device.user_id)

    @some_room
    @rule(pick=PICK, which=PICK)
    def join(self, pick, which):
        """Join: the others hear it once, the newest messages are in the answer."""
        device, room = self._device(pick), self._room(which)
        answer = device.client.ask("JOIN_ROOM", {"room_id": room.room_id})
        if not room.members:
            assert answer["error_code"] == "ROOM_NOT_FOUND", answer
            return
        if device.user_id not in room.members:
            count = len(room.members) + 1
            self._tell(room.members, ("USER_JOINED", room.room_id, device.user_id, count))
            room.enter(device.user_id)
        assert answer["data"]["room_info"]["participants_count"] == len(room.members)
        recent = [one["message_id"] for one in answer["data"]["recent_messages"]]
        assert recent == sorted(room.messages)[-50:]

    @some_room
    @rule(pick=PICK, which=PICK)
    def leave(self, pick, which):
        """Leave: the longest-standing member becomes host, the last one closes the room."""
        device = self._device(pick)
        user_id, room = device.user_id, self._room(which, device.user_id)
        if self._refused(device.client.ask("EXIT_ROOM", {"room_id": room.room_id}), room, user_id):
            return
        room.members.remove(user_id)
        self._tell(room.members, ("USER_LEFT", room.room_id, user_id, len(room.members)))
        if room.host == user_id and room.members:
            room.host = room.members[0]
            self._tell(room.members, ("HOST_CHANGED", room.room_id, room.host))
        for other in (one for one in self.devices if one.user_id == user_id):
            # A reader who left a room gets nothing of it (section 4); receipts go to the author.
            other.behind = [
                one for one in other.behind if one[1][1] != room.room_id or one[1][0] == "MESSAGE_RECEIVED"
            ]

    @some_room
    @rule(pick=PICK, which=PICK, content=CONTENTS, client_id=st.none() | CLIENT_IDS)
    def send(self, pick, which, content, client_id):
        """Send a message, perhaps with an id that has been used before."""
        device = self._device(pick)
        room = self._room(which, device.user_id)
        request = self._message(room, content, client_id)
        self._check_sent(device, room, request, device.client.ask("SEND_MESSAGE", request))

    def _message(self, room, content, client_id):
        message = {"room_id": room.room_id, "content": content, "message_type": "text"}
        return message if client_id is None else message | {"client_message_id": client_id}

    def _check_sent(self, device, room, request, answer):
        """Check the answer to a SEND_MESSAGE, and note a message that is new (section 6)."""
        first = self.stored.get((room.room_id, device.user_id, request.get("client_message_id")))
        if first is not None and device.user_id in room.members and first[1] != request["content"]:
            assert answer["error_code"] == "CONFLICT", answer
        elif not self._refused(answer, room, device.user_id):
            message_id, again = answer["data"]["message_id"], answer["data"].get("duplicate", False)
            assert again == (first is not None), answer
            if again:
                assert message_id == first[0], answer
            else:
                self._add(device, room, request, message_id)

    def _add(self, device, room, request, message_id):
        """Note a message that has been stored: all devices but the sending one hear it."""
        assert message_id > max(room.messages, default=0)
        room.add(message_id, device.user_id)
        event = ("NEW_MESSAGE", room.room_id, message_id, device.user_id, request["content"])
        self._tell(room.members, event, but=device)
        if "client_message_id" in request:
            key = (room.room_id, device.user_id, request["client_message_id"])
            self.stored[key] = (message_id, request["content"])

    @some_room
    @rule(pick=PICK, which=PICK, every=st.integers(1, 3))
    def confirm(self, pick, which, every):
        """Confirm what has come since the join; the authors hear of what is new (section 6)."""
        device = self._device(pick)
        user_id, room = device.user_id, self._room(which, device.user_id)
        ids = room.since_join[user_id][::every] if user_id in room.members else []
        request = {"room_id": room.room_id, "message_ids": [*ids, NOWHERE]}
        answer = device.client.ask("CHECK_RECEIVE", request)
        if self._refused(answer, room, user_id):
            return
        new: dict[int, list[int]] = {}
        for message_id in ids:
            if message_id in room.unread[user_id]:
                new.setdefault(room.messages[message_id], []).append(message_id)
        room.unread[user_id].difference_update(ids)
        for author, confirmed in new.items():
            self._tell([author], ("MESSAGE_RECEIVED", room.room_id, user_id, *confirmed))
        data = answer["data"]
        assert (data["received_messages"], data["failed_messages"]) == (ids, [NOWHERE]), data
        pending = [one["message_id"] for one in data["pending_messages"]]
        assert pending == sorted(room.unread[user_id])[:100], data

    # --- trouble ---

    @some_online
    @rule(pick=PICK, noticed=st.booleans())
    def lose(self, pick, noticed):
        """Lose a connection; the server may not notice until the device is back."""
        device = self._device(pick)
        device.online = False
        if noticed:
            device.client.drop()

    @some_room
    @rule(pick=PICK, which=PICK, content=CONTENTS, client_id=CLIENT_IDS)
    def lose_answer(self, pick, which, content, client_id):
        """Lose a connection between SEND_MESSAGE and its answer: the message may be stored."""
        device = self._device(pick)
        room = self._room(which, device.user_id)
        request = self._begin(device, room, content, client_id)
        device.online = False
        device.client.drop()
        self._look(device, room, request)

    def _begin(self, device, room, content, client_id):
        """Send a message and let no turn pass."""
        request = self._message(room, content, client_id)
        device.client.begin(device.client.request("SEND_MESSAGE", request))
        device.unanswered.append((room, request))
        return request

    def _look(self, device, room, request):
        """Look into the database for a message whose answer was lost: the client cannot know."""
        key = (room.room_id, device.user_id, request["client_message_id"])
        where = f"(room_id, user_id, client_message_id) = ({key[0]}, {key[1]}, '{key[2]}')"
        found = self.world.query(f"SELECT message_id FROM messages WHERE {where}")  # noqa: S608
        assert len(found) <= 1, found
        if found and key not in self.stored:
            assert device.user_id in room.members
            self._add(device, room, request, found[0][0])

    @some_offline
    @rule(pick=PICK, node=PICK, how=st.sampled_from(["alone", "alone", "all", "all", "in vain"]))
    def resume(self, pick, node, how):
        """Come back: one device, or all; the answer to CONNECT may be lost as well."""
        device = self._device(pick, online=False)
        for one in [one for one in self.devices if not one.online] if how == "all" else [device]:
            self._resume(one, node, answered=how != "in vain")
            node += 1

    def _resume(self, device, node, *, answered):
        """Get what was missed, and send again what was not answered (section 4)."""
        client = self._client(node)
        token, asked = self._token(device.user_id), {"session_id": device.session_id}
        if not answered:
            data = {"jwt_token": token, "last_seq_id": device.last_seq_id}
            client.begin(client.request("CONNECT", data, **asked))
            client.drop()
            return
        answer = client.connect(token, last_seq_id=device.last_seq_id, **asked)
        missed = [place for place, one in enumerate(device.behind) if one[0] != device.session_id]
        self._check_info(answer, device.user_id, resumed=True, replayed=len(missed))
        device.client, device.session_id, device.online = client, client.session_id, True
        device.expected += [device.behind[place][1] for place in missed]
        device.behind = device.behind[missed[-1] + 1 :] if missed else device.behind
        unanswered, device.unanswered = device.unanswered, []
        for room, request in unanswered:
            self._check_sent(device, room, request, client.ask("SEND_MESSAGE", request))

    @some_online
    @rule(
        pick=PICK,
        which=PICK,
        then=PICK,
        begun=st.sampled_from(["nothing", "asked", "not committed", "committed"]),
    )
    def crash(self, pick, which, then, begun):
        """Kill a node, perhaps in the middle of a send."""
        device = self._device(pick)
        world, last = device.client.world, ()
        if begun != "nothing" and self.rooms:
            room = self._room(which, device.user_id)
            last = (device, room, self._begin(device, room, "안녕", "c1"))
            self._hang(world, begun)
        for one in self.devices:
            if one.client.world is world:
                one.online = False
        self.worlds.remove(world)
        world.crash()
        self.crashed(world.clock.seconds() + 1, then)
        if last:
            self._look(*last)

    def _hang(self, world, begun):
        """Let a node come as far with what has begun as is said, and no further."""
        if begun == "asked":
            return
        if begun == "committed":
            world.database.fall_silent()
        else:
            world.hold_database()
        for _ in range(12):
            world.clock.advance(0)

    @rule(seconds=st.sampled_from([1, 61]))
    def pass_time(self, seconds):
        """Let time pass, perhaps so much that the sessions of lost devices end (section 4)."""
        self._wait(seconds)

    def _wait(self, seconds):
        self.world.pass_time(seconds, step=2)
        for device in self.devices:
            if device.online:
                device.client.ask("PING")

    @invariant()
    def everything_was_heard(self):
        """Each connected device has heard what it should, in this order, nothing twice."""
        for device in self.devices:
            if device.online:
                assert not device.client.closed, device.client.all()
                device.read()
                assert device.heard == device.expected, (device.user_id, device.heard, device.expected)
                device.heard, device.expected = [], []


class ModelTests(SynchronousTestCase):
    def test_rooms(self):
        """Whatever happens, the server does what the model does."""
        run_state_machine_as_test(
            Rooms, settings=settings(settings(), stateful_step_count=60, report_multiple_bugs=False)
        )
        self.assertEqual(self.flushLoggedErrors(), [])

"""Promises 2 and 3 for several nodes on one database: the model of `tests.test_model`, over three nodes.

Devices hop between nodes. Nodes are killed, and nodes stand still: for a moment, after which they
go on, or for so long that the others give them up. Doorbells are lost.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.postgres import require_postgres
from tests.storage.databases import supply
from tests.test_model import PICK, Rooms
from tests.world import START_S, World, code_of

NODES = 3
LEASE_S = 10.0
GIVEN_UP_S = 16  # by when every node has looked often enough
POLLED_S = 1.25


class Cluster(Rooms):
    """Rooms on several nodes."""

    some_worlds = precondition(lambda self: len(self.worlds) > 1)

    def begin(self):
        """Have a database, and nodes on it."""
        self.database = supply().take(self)
        self.dropped: dict[str, int] = {}
        """When the sessions went offline whose devices have not come back since."""
        for _ in range(NODES):
            self.start_node(START_S)

    def start_node(self, start_s):
        """Start a node."""
        world = World(database=self.database, start_s=start_s, nodes=self.worlds, lease_s=LEASE_S)
        world.store.group_s = 60.0  # a slow machine needs no more turns than another

    def crashed(self, start_s, pick):
        """Start another node at once, or later; the clients of the old one are offline after its lease."""
        if len(self.worlds) == 1 or pick % 2:
            self.start_node(self.world.clock.seconds())
        if pick % 3:
            self._wait(POLLED_S)  # nobody may have rung for what it committed last
        else:
            self._wait(GIVEN_UP_S)
            self._expect_offline()

    def teardown(self):
        """Forget the database."""
        for one in self.worlds:
            one.crash()
        supply().give(self.database)

    def _sessions(self):
        rows = self.world.query("SELECT session_id, node, dropped_at FROM sessions")
        return {session_id: (node, dropped_at) for session_id, node, dropped_at in rows}

    def _expect_offline(self):
        """Check that only living nodes hold sessions, and note since when the others are offline."""
        alive = {one.node.services.node for one in self.worlds}
        assert {row[0] for row in self.world.query("SELECT node FROM nodes")} == alive
        for session_id, (node, dropped_at) in self._sessions().items():
            assert node is None or node in alive, (session_id, node, alive)
            if node is None:
                self.dropped.setdefault(session_id, dropped_at)

    def _resume(self, device, node, *, answered):
        """Come back on some node: this ends being offline."""
        self.dropped.pop(device.session_id, None)
        super()._resume(device, node, answered=answered)

    # --- trouble ---

    @precondition(lambda self: len(self.worlds) < NODES)
    @rule()
    def add(self):
        """Start another node."""
        self.start_node(self.world.clock.seconds())

    @Rooms.some_room
    @rule(sends=st.lists(st.tuples(PICK, PICK), min_size=1, max_size=4))
    def lose_rings(self, sends):
        """Send messages for which no doorbell rings: the others hear them when they look, or write."""
        self.database.rings_are_lost = True
        for pick, which in sends:
            self.send(pick, which, "안녕", None)
        self.database.rings_are_lost = False
        self._wait(POLLED_S)

    @some_worlds
    @rule(
        pick=PICK,
        seconds=st.sampled_from([2, GIVEN_UP_S]),
        sends=st.lists(st.tuples(PICK, PICK), max_size=3),
        hops=st.lists(PICK, max_size=2),
        asks=st.booleans(),
    )
    def stand_still(self, pick, seconds, sends, hops, asks):
        """Stop a node and let it go on: its clients hear all, or they are closed and can resume."""
        world = self.worlds.pop(pick % len(self.worlds))
        waiting = [one for one in self.devices if one.online and one.client.world is world]
        behind = {one: len(one.behind) for one in waiting}
        for one in waiting:
            one.online = False
        asked = self._ask_in_vain(waiting) if asks else ()
        for which, room in sends:
            if self.rooms and any(one.online for one in self.devices):
                self.send(which, room, "안녕", None)
        for place in hops[: len(waiting)]:
            self._resume(waiting.pop(place % len(waiting)), place, answered=True)
        self._wait(seconds)
        if seconds >= LEASE_S:
            self._expect_offline()
        self.worlds.append(world)
        world.clock.advance(self.world.clock.seconds() - world.clock.seconds())
        world.turn()
        for one in waiting:
            self._go_on(one, behind[one], lost=seconds >= LEASE_S)
        if asked:
            self._look(*asked)
        self._wait(POLLED_S)  # by when a node that was given up has joined anew

    def _ask_in_vain(self, waiting):
        """Have the first of some devices send a message to a node that stands still."""
        rooms = [room for room in self.rooms if waiting and waiting[0].user_id in room.members]
        return (waiting[0], rooms[0], self._begin(waiting[0], rooms[0], "안녕", "c2")) if rooms else ()

    def _go_on(self, device, behind, *, lost):
        """Check what a client that waited for its node is told, and what it has missed since."""
        if lost:
            said = [one for one in device.client.all() if one["action"] == "ERROR"]
            assert {code_of(one) for one in said} == {"SERVICE_UNAVAILABLE"}, said
            assert device.client.closed
            device.client.drop()
            return
        # What was behind before is not heard now: its own messages, of a session that may have ended.
        missed = [event for session_id, event in device.behind[behind:] if session_id != device.session_id]
        device.online = True
        device.expected += missed
        if missed:
            device.behind.clear()

    @invariant()
    def nobody_goes_twice(self):
        """Who is connected is with that node; who went offline with a node has done so once."""
        sessions = self._sessions()
        for device in self.devices:
            if device.online:
                node = device.client.world.node.services.node
                assert sessions[device.session_id] == (node, None), (sessions, node)
        for session_id, dropped_at in self.dropped.items():
            assert sessions.get(session_id, (None, dropped_at)) == (None, dropped_at), sessions


class ClusterModelTests(SynchronousTestCase):
    def test_rooms_on_three_nodes(self):
        """Whatever happens, and wherever, the nodes together do what the model does."""
        require_postgres()
        examples = settings().max_examples * 2 // 3  # one takes half a second
        chosen = settings(max_examples=examples, stateful_step_count=40, report_multiple_bugs=False)
        run_state_machine_as_test(Cluster, settings=chosen)
        self.assertEqual(self.flushLoggedErrors(), [])

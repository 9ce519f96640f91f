"""Rooms of which a client of the library does not know that it is a member: nothing is lost (§4.2)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from assa.client import Bookmark, NewMessage
from tests.test_client import Phone, online
from tests.world import World


def contents(phone: Phone) -> list[str]:
    """Return what was heard."""
    return [one.content for one in phone.events if isinstance(one, NewMessage)]


class UnawareTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have a server that replays nothing, and jun, who makes rooms."""
        self.world = World(limits={"replay_events": 0})
        self.jun = self.world.connected(2, "jun")

    def room(self, *, is_open: bool) -> int:
        """Return a room in which something was said, long before anybody joins."""
        created = self.jun.ask("CREATE_ROOM", {"name": "방", "is_open": is_open, "invited_user_ids": [1]})
        room_id: int = created["data"]["room_id"]
        self.jun.say(room_id, "old")
        self.world.pass_time(10)
        return room_id

    def says(self, room_id: int, *contents: str) -> None:
        """Have jun say something."""
        for content in contents:
            self.jun.say(room_id, content)

    def joins_elsewhere(self, room_id: int) -> None:
        """Have mina join on another device."""
        tablet = online(self.world)
        tablet.asks("JOIN_ROOM", {"room_id": room_id})
        tablet.client.close()

    def test_answer_lost(self) -> None:
        """A join whose answer was lost has taken effect: what is said from then on is heard."""
        for is_open in (True, False):
            room_id, mina = self.room(is_open=is_open), online(self.world)
            mina.road.losing = b"JOIN_ROOM_RESPONSE"
            joining = mina.asks("JOIN_ROOM", {"room_id": room_id})
            mina.road.losing = None
            mina.road.closed = True
            mina.road.cut()
            self.assertIsNotNone(joining.failure)
            self.says(room_id, "a", "b", "c")
            mina.road.closed = False
            self.world.pass_time(8)
            self.says(room_id, "d")
            self.assertEqual(contents(mina), ["a", "b", "c", "d"], is_open)
            mina.client.close()

    def test_other_device(self) -> None:
        """So is what is said where another device has joined, while this one was away or there."""
        for is_open in (True, False):
            for is_away in (True, False):
                room_id, mina = self.room(is_open=is_open), online(self.world)
                if not is_away:
                    self.joins_elsewhere(room_id)
                mina.road.closed = True
                mina.road.cut()
                if is_away:
                    self.joins_elsewhere(room_id)
                self.says(room_id, "a", "b", "c")
                mina.road.closed = False
                self.world.pass_time(8)
                self.says(room_id, "d")
                self.assertEqual(contents(mina), ["a", "b", "c", "d"], (is_open, is_away))
                mina.client.close()

    def test_bookmark(self) -> None:
        """A program that starts again hears it too, once."""
        room_id, mina = self.room(is_open=True), online(self.world)
        mina.client.close()
        self.joins_elsewhere(room_id)
        self.says(room_id, "a", "b")
        for expected in (["a", "b"], []):
            kept = mina.client.bookmark.to_json()
            mina = Phone(self.world)
            mina.connect(Bookmark.from_json(kept))
            self.assertEqual(contents(mina), expected)
            mina.client.close()

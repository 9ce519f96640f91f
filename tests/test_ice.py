"""Protocol section 8: the W3C RTCIceServer list, with TURN credentials that run out."""

from __future__ import annotations

import base64
import hashlib
import hmac

from twisted.trial.unittest import SynchronousTestCase

from assa.ice import IceServers
from tests.world import START_S, World

NOW_MS = 1_704_110_400_999


class IceServersTests(SynchronousTestCase):
    def test_nothing(self):
        """Without a configuration the list is empty."""
        self.assertEqual(IceServers()(7, NOW_MS), [])

    def test_stun(self):
        """STUN needs no credentials, and has no fields for them."""
        self.assertEqual(
            IceServers(stun_urls=["stun:a", "stun:b"])(7, NOW_MS), [{"urls": ["stun:a", "stun:b"]}]
        )

    def test_turn(self):
        """The user name is when it runs out and whom it is for; HMAC-SHA1 of it is the credential."""
        (server,) = IceServers(turn_urls=["turn:a"], turn_secret="s", turn_ttl_s=600)(7, NOW_MS)
        self.assertEqual(set(server), {"urls", "username", "credential"})
        self.assertEqual((server["urls"], server["username"]), (["turn:a"], "1704111000:7"))
        signature = hmac.new(b"s", b"1704111000:7", hashlib.sha1).digest()
        self.assertEqual(base64.b64decode(server["credential"], validate=True), signature)

    def test_both(self):
        """STUN and TURN are two entries: the credentials are for TURN alone."""
        servers = IceServers(stun_urls=["stun:a"], turn_urls=["turns:b"], turn_secret="s")(7, NOW_MS)
        self.assertEqual([one["urls"] for one in servers], [["stun:a"], ["turns:b"]])
        self.assertNotIn("credential", servers[0])

    def test_each_user(self):
        """Credentials differ from user to user and from time to time."""
        servers = IceServers(turn_urls=["turn:a"], turn_secret="s")
        found = {
            servers(user_id, now_ms)[0]["credential"]
            for user_id in (1, 2)
            for now_ms in (NOW_MS, NOW_MS + 1000)
        }
        self.assertEqual(len(found), 4)

    def test_secret_is_not_shown(self):
        """The shared secret is in no representation, as a log might have it."""
        self.assertNotIn("hush", repr(IceServers(turn_urls=["turn:a"], turn_secret="hush")))


class AnswerTests(SynchronousTestCase):
    def test_video_room(self):
        """JOIN_VIDEO_ROOM gives the list, GET_ICE_SERVERS newer credentials (section 8)."""
        world = World(ice_servers=IceServers(stun_urls=["stun:a"], turn_urls=["turn:a"], turn_secret="hush"))
        mina = world.connected(1)
        room_id = mina.ask("CREATE_ROOM", {"name": "방"})["data"]["room_id"]
        created = mina.ask("CREATE_VIDEO_ROOM", {"chat_room_id": room_id, "video_room_name": "회의"})
        room = {"video_room_id": created["data"]["video_room_id"]}
        first = mina.ask("JOIN_VIDEO_ROOM", room)["data"]["ice_servers"]
        self.assertEqual(first[0], {"urls": ["stun:a"]})
        self.assertEqual(first[1]["username"], f"{START_S + 3600}:1")
        world.pass_time(10, step=1)
        again = mina.ask("GET_ICE_SERVERS", room)["data"]
        self.assertEqual(set(again), {"video_room_id", "ice_servers"})
        self.assertEqual(again["ice_servers"][1]["username"], f"{START_S + 3610}:1")

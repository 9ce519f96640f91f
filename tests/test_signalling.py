"""The relay of SDP and ICE candidates: protocol section 8 (§7.3, §7.4)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.world import World

SDP = "v=0\r\no=- 123456789 123456789 IN IP4 192.168.1.1\r\ns=통화\r\n"
CANDIDATE = "candidate:1 1 UDP 2130706431 192.168.1.1 54400 typ host"


class InACall(SynchronousTestCase):
    """Mina and jun are in a call; sora is in the chat room."""

    def setUp(self) -> None:
        """Bring them together."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.sora = self.world.connected(3, "sora")
        room_id = self.world.room(self.mina, self.jun, self.sora)
        self.video = self.world.call(room_id, self.mina, self.jun)
        self.sora.all()

    def sdp(self, **more):
        """Return the data of an SDP to jun."""
        return {
            "video_room_id": self.video,
            "target_user_id": 2,
            "sdp_type": "offer",
            "sdp_data": SDP,
        } | more

    def ice(self, **more):
        """Return the data of an ICE_CANDIDATE to jun."""
        return {
            "video_room_id": self.video,
            "target_user_id": 2,
            "candidate": CANDIDATE,
            "sdp_mid": "0",
            "sdp_mline_index": 0,
        } | more


class RelayTests(InACall):
    def test_sdp(self) -> None:
        """`target_user_id` becomes `sender_user_id`; the rest is not changed; nobody else hears it."""
        for kind in ("offer", "answer", "pranswer", "rollback"):
            self.mina.tell("SDP", self.sdp(sdp_type=kind))
            heard = self.jun.heard("SDP")
            self.assertEqual(
                heard["data"],
                {"video_room_id": self.video, "sender_user_id": 1, "sdp_type": kind, "sdp_data": SDP},
            )
            self.assertEqual(set(heard), {"action", "data", "timestamp", "seq_id"})
        self.assertEqual((self.mina.actions(), self.sora.actions()), ([], []))

    def test_ice_candidate(self) -> None:
        """The relay has the example's shape."""
        self.mina.tell("ICE_CANDIDATE", self.ice())
        self.assertEqual(
            self.jun.heard("ICE_CANDIDATE")["data"],
            {
                "video_room_id": self.video,
                "sender_user_id": 1,
                "candidate": CANDIDATE,
                "sdp_mid": "0",
                "sdp_mline_index": 0,
            },
        )
        self.assertEqual((self.mina.actions(), self.sora.actions()), ([], []))

    def test_end_of_candidates(self) -> None:
        """`candidate` may be empty, `sdp_mid` and `sdp_mline_index` may be null."""
        self.mina.tell("ICE_CANDIDATE", self.ice(candidate="", sdp_mid=None, sdp_mline_index=None))
        data = self.jun.heard("ICE_CANDIDATE")["data"]
        self.assertEqual((data["candidate"], data["sdp_mid"], data["sdp_mline_index"]), ("", None, None))

    def test_neither_is_parsed(self) -> None:
        """What is no SDP and no candidate is relayed as it is."""
        self.mina.tell("SDP", self.sdp(sdp_data="무엇이든 \u2028 \t"))
        self.mina.tell("ICE_CANDIDATE", self.ice(candidate="무엇이든"))
        self.assertEqual(self.jun.heard("SDP")["data"]["sdp_data"], "무엇이든 \u2028 \t")
        self.assertEqual(self.jun.heard("ICE_CANDIDATE")["data"]["candidate"], "무엇이든")

    def test_order(self) -> None:
        """Relays from one sender to one target keep their order."""
        requests = [self.mina.request("SDP", self.sdp())]
        requests += [self.mina.request("ICE_CANDIDATE", self.ice(candidate=str(n))) for n in range(30)]
        self.mina.begin(*requests)
        self.world.turn(40)
        heard = self.jun.all()
        self.assertEqual(heard[0]["action"], "SDP")
        self.assertEqual([one["data"]["candidate"] for one in heard[1:]], [str(n) for n in range(30)])

    def test_target_is_the_session_that_joined(self) -> None:
        """A participation belongs to a session: the target's other devices hear nothing."""
        tablet = self.world.connected(2)
        self.mina.tell("SDP", self.sdp())
        self.assertEqual(tablet.actions(), [])
        self.assertEqual(self.jun.actions(), ["SDP"])
        tablet.ask("JOIN_VIDEO_ROOM", {"video_room_id": self.video})
        self.jun.all()
        self.mina.tell("SDP", self.sdp())
        self.assertEqual(tablet.actions(), ["SDP"])
        self.assertEqual(self.jun.actions(), [])

    def test_short_drop_loses_nothing(self) -> None:
        """Whoever resumes gets what was sent to him meanwhile, in order (section 4)."""
        self.jun.drop()
        self.mina.tell("SDP", self.sdp())
        self.mina.tell("ICE_CANDIDATE", self.ice())
        self.assertEqual(self.world.resumed(self.jun).actions(), ["SDP", "ICE_CANDIDATE"])


class RefusalTests(InACall):
    """On failure they get ERROR; the target hears nothing."""

    def refused(self, client, action: str, data) -> str:
        """Return the code of a relay that is refused."""
        code = client.refused(action, data)
        self.assertEqual(self.jun.actions(), [])
        return code

    def test_sender_takes_no_part(self) -> None:
        """Sender and target must both be participants, else USER_NOT_IN_ROOM."""
        self.assertEqual(self.refused(self.sora, "SDP", self.sdp()), "USER_NOT_IN_ROOM")
        self.assertEqual(self.refused(self.sora, "ICE_CANDIDATE", self.ice()), "USER_NOT_IN_ROOM")

    def test_sender_takes_part_from_another_device(self) -> None:
        """The participation is the session's."""
        tablet = self.world.connected(1)
        self.assertEqual(self.refused(tablet, "SDP", self.sdp()), "USER_NOT_IN_ROOM")

    def test_target_takes_no_part(self) -> None:
        """So for the target: in the chat room alone, or nowhere."""
        for other in (3, 999):
            self.assertEqual(
                self.refused(self.mina, "SDP", self.sdp(target_user_id=other)), "USER_NOT_IN_ROOM"
            )
            self.assertEqual(
                self.refused(self.mina, "ICE_CANDIDATE", self.ice(target_user_id=other)), "USER_NOT_IN_ROOM"
            )

    def test_no_such_room(self) -> None:
        """VIDEO_ROOM_NOT_FOUND."""
        self.assertEqual(self.refused(self.mina, "SDP", self.sdp(video_room_id=999)), "VIDEO_ROOM_NOT_FOUND")
        self.assertEqual(
            self.refused(self.mina, "ICE_CANDIDATE", self.ice(video_room_id=999)), "VIDEO_ROOM_NOT_FOUND"
        )

    def test_too_long(self) -> None:
        """`sdp_data` at most 128 KiB, `candidate` at most 4 KiB: MESSAGE_TOO_LONG."""
        self.mina.tell("SDP", self.sdp(sdp_data="a" * 131_072))
        self.mina.tell("ICE_CANDIDATE", self.ice(candidate="a" * 4_096))
        self.assertEqual(self.jun.actions(), ["SDP", "ICE_CANDIDATE"])
        self.assertEqual(self.refused(self.mina, "SDP", self.sdp(sdp_data="a" * 131_073)), "MESSAGE_TOO_LONG")
        self.assertEqual(
            self.refused(self.mina, "ICE_CANDIDATE", self.ice(candidate="a" * 4_097)), "MESSAGE_TOO_LONG"
        )

    def test_long_mid(self) -> None:
        """Nor is `sdp_mid` a way around the limit: it is as long as a candidate at most."""
        self.mina.tell("ICE_CANDIDATE", self.ice(sdp_mid="a" * 4_096))
        self.assertEqual(self.jun.actions(), ["ICE_CANDIDATE"])
        self.assertEqual(
            self.refused(self.mina, "ICE_CANDIDATE", self.ice(sdp_mid="a" * 4_097)), "MESSAGE_TOO_LONG"
        )

    def test_bytes_count(self) -> None:
        """A KiB is 1,024 bytes, not characters."""
        self.assertEqual(
            self.refused(self.mina, "ICE_CANDIDATE", self.ice(candidate="가" * 1_366)), "MESSAGE_TOO_LONG"
        )

    def test_malformed(self) -> None:
        """Another `sdp_type`, a wrong type, a missing field: INVALID_MESSAGE."""
        for bad in ({"sdp_type": "bye"}, {"sdp_type": None}, {"sdp_data": 5}, {"target_user_id": "2"}):
            self.assertEqual(self.refused(self.mina, "SDP", self.sdp(**bad)), "INVALID_MESSAGE", bad)
        for bad in ({"candidate": None}, {"sdp_mid": 0}, {"sdp_mline_index": "0"}, {"target_user_id": 0}):
            self.assertEqual(
                self.refused(self.mina, "ICE_CANDIDATE", self.ice(**bad)), "INVALID_MESSAGE", bad
            )
        self.assertEqual(self.refused(self.mina, "SDP", {"video_room_id": self.video}), "INVALID_MESSAGE")

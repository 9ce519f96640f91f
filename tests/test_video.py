"""Video rooms and their participants: protocol section 8 (§7.1, §7.2, §7.5 to §7.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from twisted.trial.unittest import SynchronousTestCase

from assa.ice import IceServers
from tests.world import World

BOTH_ON = {"audio_enabled": True, "video_enabled": True}


class InAChatRoom(SynchronousTestCase):
    """Mina and jun are in a chat room; sora is connected."""

    def setUp(self) -> None:
        """Bring them together."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.sora = self.world.connected(3, "sora")
        self.room_id = self.world.room(self.mina, self.jun)

    def create(self, client=None, **data):
        """Create a video room and return the answer's data."""
        asked = {"chat_room_id": self.room_id, "video_room_name": "회의"} | data
        return (client or self.mina).ask("CREATE_VIDEO_ROOM", asked)["data"]

    def join(self, client, video_room_id: int, **data):
        """Join a video room and return the answer's data."""
        return client.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id} | data)["data"]

    def participants(self, client, video_room_id: int):
        """Return the participants as GET_VIDEO_ROOM_PARTICIPANT shows them."""
        data = client.ask("GET_VIDEO_ROOM_PARTICIPANT", {"video_room_id": video_room_id})["data"]
        self.assertEqual(data["video_room_id"], video_room_id)
        return data["participants"]


class CreateTests(InAChatRoom):
    def test_created(self) -> None:
        """`participants` is empty, `max_participants` is 10 by default, the creator is host."""
        data = self.create()
        self.assertEqual(data["participants"], [])
        self.assertEqual(data["max_participants"], 10)
        self.assertEqual((data["host_user_id"], data["chat_room_id"]), (1, self.room_id))
        self.assertEqual(self.participants(self.jun, data["video_room_id"]), [])

    def test_chat_room_is_told(self) -> None:
        """v1.1: members of the chat room get VIDEO_ROOM_CREATED, shaped like the response's data."""
        data = self.create()
        self.assertEqual(self.jun.heard("VIDEO_ROOM_CREATED")["data"], data)
        self.assertEqual(self.sora.actions(), [])

    def test_members_only(self) -> None:
        """CREATE_VIDEO_ROOM is for members of `chat_room_id`."""
        asked = {"chat_room_id": self.room_id, "video_room_name": "회의"}
        self.assertEqual(self.sora.refused("CREATE_VIDEO_ROOM", asked), "USER_NOT_IN_ROOM")
        self.assertEqual(
            self.mina.refused("CREATE_VIDEO_ROOM", asked | {"chat_room_id": 999}), "ROOM_NOT_FOUND"
        )

    def test_max_participants_is_2_to_50(self) -> None:
        """`max_participants` is an integer from 2 to 50."""
        for good in (2, 50):
            self.assertEqual(self.create(max_participants=good)["max_participants"], good)
        for bad in (1, 51, "10", True):
            asked = {"chat_room_id": self.room_id, "video_room_name": "회의", "max_participants": bad}
            self.assertEqual(self.mina.refused("CREATE_VIDEO_ROOM", asked), "INVALID_MESSAGE", bad)

    def test_nobody_joins(self) -> None:
        """The room ends 5 minutes after creation if nobody joined: VIDEO_ROOM_CLOSED to the chat room."""
        video_room_id = self.create()["video_room_id"]
        self.jun.all()
        everybody = [self.mina, self.jun, self.sora]
        self.world.pass_time(298, alive=everybody)
        self.assertEqual(self.jun.actions(), [])
        self.world.pass_time(4, alive=everybody)
        closed = {"video_room_id": video_room_id, "chat_room_id": self.room_id}
        for one in (self.mina, self.jun):
            self.assertEqual(one.heard("VIDEO_ROOM_CLOSED")["data"], closed)
        self.assertEqual(self.sora.actions(), [])
        asked = {"video_room_id": video_room_id}
        self.assertEqual(self.jun.refused("JOIN_VIDEO_ROOM", asked), "VIDEO_ROOM_NOT_FOUND")

    def test_somebody_joined(self) -> None:
        """A room that somebody has joined does not end after 5 minutes."""
        video_room_id = self.world.call(self.room_id, self.mina)
        self.jun.all()
        self.world.pass_time(310, alive=[self.mina, self.jun])
        self.assertEqual(self.jun.actions(), [])
        self.assertEqual(len(self.participants(self.jun, video_room_id)), 1)


class JoinTests(InAChatRoom):
    def setUp(self) -> None:
        """There is a video room, for 2."""
        super().setUp()
        self.video = self.create(max_participants=2)["video_room_id"]
        self.jun.all()

    def test_roles_and_media(self) -> None:
        """The room's creator has role `host`, others `participant`; media default to enabled."""
        self.join(self.jun, self.video)
        shown = self.join(self.mina, self.video)["participants"]
        self.assertEqual(
            shown,
            [
                {"user_id": 2, "nickname": "jun", "role": "participant", "media_status": BOTH_ON},
                {"user_id": 1, "nickname": "mina", "role": "host", "media_status": BOTH_ON},
            ],
        )
        self.assertEqual(self.participants(self.jun, self.video), shown)

    def test_media_status(self) -> None:
        """`data.media_status` may say otherwise."""
        muted = {"audio_enabled": False, "video_enabled": True}
        shown = self.join(self.mina, self.video, media_status=muted)["participants"]
        self.assertEqual(shown[0]["media_status"], muted)
        asked = {"video_room_id": self.video, "media_status": {"audio_enabled": "no", "video_enabled": True}}
        self.assertEqual(self.jun.refused("JOIN_VIDEO_ROOM", asked), "INVALID_MESSAGE")

    def test_others_are_told(self) -> None:
        """v1.1: the other participants get PARTICIPANT_JOINED, not the whole chat room."""
        self.join(self.mina, self.video)
        participant = self.join(self.jun, self.video)["participants"][1]
        self.assertEqual(
            self.mina.heard("PARTICIPANT_JOINED")["data"],
            {"video_room_id": self.video, "participant": participant},
        )
        self.assertEqual(self.jun.actions(), [])

    def test_members_of_the_chat_room(self) -> None:
        """Others: USER_NOT_IN_ROOM, for every action on the room."""
        for action in (
            "JOIN_VIDEO_ROOM",
            "GET_VIDEO_ROOM_PARTICIPANT",
            "GET_ICE_SERVERS",
            "EXIT_VIDEO_ROOM",
        ):
            asked = {"video_room_id": self.video}
            self.assertEqual(self.sora.refused(action, asked), "USER_NOT_IN_ROOM", action)

    def test_no_such_room(self) -> None:
        """VIDEO_ROOM_NOT_FOUND, for every action on the room."""
        for action, more in (
            ("JOIN_VIDEO_ROOM", {}),
            ("EXIT_VIDEO_ROOM", {}),
            ("GET_VIDEO_ROOM_PARTICIPANT", {}),
            ("GET_ICE_SERVERS", {}),
            ("MEDIA_STATUS", BOTH_ON),
        ):
            asked = {"video_room_id": 999} | more
            self.assertEqual(self.mina.refused(action, asked), "VIDEO_ROOM_NOT_FOUND", action)

    def test_full(self) -> None:
        """A full room: MAX_PARTICIPANTS_REACHED, until somebody leaves."""
        self.sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.join(self.mina, self.video)
        self.join(self.jun, self.video)
        asked = {"video_room_id": self.video}
        self.assertEqual(self.sora.refused("JOIN_VIDEO_ROOM", asked), "MAX_PARTICIPANTS_REACHED")
        self.jun.ask("EXIT_VIDEO_ROOM", asked)
        self.assertEqual(len(self.join(self.sora, self.video)["participants"]), 2)

    def test_last_seat_is_taken_once(self) -> None:
        """Two who ask for the last seat at the same moment: one gets it."""
        self.sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.join(self.mina, self.video)
        asked = [
            (one, one.begin(one.request("JOIN_VIDEO_ROOM", {"video_room_id": self.video}))[0])
            for one in (self.jun, self.sora)
        ]
        self.world.turn()
        answers = [one.answer(seq_id).get("error_code") for one, seq_id in asked]
        self.assertEqual(answers, [None, "MAX_PARTICIPANTS_REACHED"])

    def test_joining_again(self) -> None:
        """Joining again from the same session takes no second seat."""
        self.join(self.mina, self.video)
        self.assertEqual(len(self.join(self.mina, self.video)["participants"]), 1)
        self.assertEqual(len(self.join(self.jun, self.video)["participants"]), 2)


class MovingTests(InAChatRoom):
    """A participation belongs to the session that joined."""

    def setUp(self) -> None:
        """Mina and jun are in a call; jun has a tablet too."""
        super().setUp()
        self.video = self.world.call(self.room_id, self.mina, self.jun, max_participants=2)
        self.tablet = self.world.connected(2)

    def test_moves(self) -> None:
        """Joining from a second device moves it, although the room is full; the first device is told."""
        shown = self.join(self.tablet, self.video)["participants"]
        self.assertEqual(sorted(one["user_id"] for one in shown), [1, 2])
        left = {"video_room_id": self.video, "user_id": 2, "nickname": "jun", "reason": "moved"}
        self.assertEqual(self.jun.heard("PARTICIPANT_LEFT")["data"], left)

    def test_first_device_is_out(self) -> None:
        """The first device hears nothing more of the call and cannot speak in it."""
        self.join(self.tablet, self.video)
        self.jun.all()
        self.mina.tell("MEDIA_STATUS", {"video_room_id": self.video} | BOTH_ON)
        self.assertEqual(self.jun.actions(), [])
        self.assertEqual(self.tablet.actions(), ["PARTICIPANT_MEDIA_STATUS"])
        asked = {"video_room_id": self.video}
        self.assertEqual(self.jun.refused("EXIT_VIDEO_ROOM", asked), "USER_NOT_IN_ROOM")
        self.assertEqual(self.jun.refused("MEDIA_STATUS", asked | BOTH_ON), "USER_NOT_IN_ROOM")

    def test_first_device_going_away_changes_nothing(self) -> None:
        """The seat is the tablet's: losing the phone does not give it up."""
        self.join(self.tablet, self.video)
        self.mina.all()
        self.jun.ask("DISCONNECT", {})
        self.world.pass_time(65, alive=[self.mina, self.tablet, self.sora])
        self.assertEqual(self.mina.actions(), [])
        self.assertEqual(len(self.participants(self.mina, self.video)), 2)

    def test_host_stays_host(self) -> None:
        """A host who moves to another device is still host."""
        shown = self.join(self.world.connected(1), self.video)["participants"]
        self.assertEqual({one["user_id"]: one["role"] for one in shown}, {1: "host", 2: "participant"})
        self.assertNotIn("VIDEO_HOST_CHANGED", self.jun.actions())

    def test_other_devices_are_not_in_the_call(self) -> None:
        """A user's other connections hear nothing of the call."""
        self.mina.tell("MEDIA_STATUS", {"video_room_id": self.video} | BOTH_ON)
        self.assertEqual(self.tablet.actions(), [])


class MediaTests(InAChatRoom):
    def test_others_are_told(self) -> None:
        """MEDIA_STATUS has no response; the other participants get PARTICIPANT_MEDIA_STATUS."""
        video = self.world.call(self.room_id, self.mina, self.jun)
        changed = {"audio_enabled": False, "video_enabled": True}
        self.mina.tell("MEDIA_STATUS", {"video_room_id": video} | changed)
        self.assertEqual(self.mina.actions(), [])
        self.assertEqual(
            self.jun.heard("PARTICIPANT_MEDIA_STATUS")["data"],
            {"video_room_id": video, "user_id": 1, "nickname": "mina"} | changed,
        )
        shown = {one["user_id"]: one["media_status"] for one in self.participants(self.jun, video)}
        self.assertEqual(shown, {1: changed, 2: BOTH_ON})

    def test_participants_only(self) -> None:
        """Not taking part: USER_NOT_IN_ROOM, members of the chat room too."""
        video = self.world.call(self.room_id, self.mina)
        for one in (self.jun, self.sora):
            asked = {"video_room_id": video} | BOTH_ON
            self.assertEqual(one.refused("MEDIA_STATUS", asked), "USER_NOT_IN_ROOM")

    def test_booleans(self) -> None:
        """Both fields are booleans."""
        video = self.world.call(self.room_id, self.mina)
        for bad in ({"audio_enabled": 1, "video_enabled": True}, {"audio_enabled": True}):
            asked = {"video_room_id": video} | bad
            self.assertEqual(self.mina.refused("MEDIA_STATUS", asked), "INVALID_MESSAGE", bad)


class LeavingTests(InAChatRoom):
    def setUp(self) -> None:
        """Mina, jun and sora are in a call, mina as host."""
        super().setUp()
        self.sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.video = self.world.call(self.room_id, self.mina, self.jun, self.sora)
        self.everybody = [self.mina, self.jun, self.sora]
        for one in self.everybody:
            one.all()

    def left(self, user_id: int, nickname: str, reason: str):
        """Return the data of a PARTICIPANT_LEFT."""
        return {"video_room_id": self.video, "user_id": user_id, "nickname": nickname, "reason": reason}

    def test_exit(self) -> None:
        """The others get PARTICIPANT_LEFT with reason `exit`; who left gets the answer alone."""
        self.jun.ask("EXIT_VIDEO_ROOM", {"video_room_id": self.video})
        for one in (self.mina, self.sora):
            self.assertEqual(one.heard("PARTICIPANT_LEFT")["data"], self.left(2, "jun", "exit"))
            self.assertEqual(one.actions(), [])
        self.mina.tell("MEDIA_STATUS", {"video_room_id": self.video} | BOTH_ON)
        self.assertEqual(self.jun.actions(), [])

    def test_host_changes(self) -> None:
        """When the host leaves, the longest-present participant becomes host."""
        self.mina.ask("EXIT_VIDEO_ROOM", {"video_room_id": self.video})
        for one in (self.jun, self.sora):
            self.assertEqual(one.heard("PARTICIPANT_LEFT")["data"]["user_id"], 1)
            self.assertEqual(
                one.heard("VIDEO_HOST_CHANGED")["data"], {"video_room_id": self.video, "host_user_id": 2}
            )
        shown = self.participants(self.mina, self.video)
        self.assertEqual([(one["user_id"], one["role"]) for one in shown], [(2, "host"), (3, "participant")])

    def test_last_one(self) -> None:
        """The room ends with its last participant: VIDEO_ROOM_CLOSED to the chat room."""
        for one in self.everybody:
            one.ask("EXIT_VIDEO_ROOM", {"video_room_id": self.video})
        closed = {"video_room_id": self.video, "chat_room_id": self.room_id}
        for one in self.everybody:
            self.assertEqual(one.heard("VIDEO_ROOM_CLOSED")["data"], closed)
        asked = {"video_room_id": self.video}
        self.assertEqual(self.mina.refused("JOIN_VIDEO_ROOM", asked), "VIDEO_ROOM_NOT_FOUND")

    def test_not_taking_part(self) -> None:
        """EXIT_VIDEO_ROOM by somebody who takes no part: USER_NOT_IN_ROOM."""
        asked = {"video_room_id": self.video}
        self.jun.ask("EXIT_VIDEO_ROOM", asked)
        self.assertEqual(self.jun.refused("EXIT_VIDEO_ROOM", asked), "USER_NOT_IN_ROOM")

    def test_disconnect(self) -> None:
        """DISCONNECT leaves video rooms at once: reason `disconnected` (section 3)."""
        self.jun.ask("DISCONNECT", {"reason": "user_logout"})
        self.assertEqual(self.mina.heard("PARTICIPANT_LEFT")["data"], self.left(2, "jun", "disconnected"))

    def test_drop_keeps_the_seat(self) -> None:
        """A drop gives up nothing for 60 s, then the seat: reason `disconnected` (section 4)."""
        self.jun.drop()
        alive = [self.mina, self.sora]
        self.world.pass_time(58, alive=alive)
        self.assertEqual(self.mina.actions(), [])
        self.assertEqual(len(self.participants(self.mina, self.video)), 3)
        self.world.pass_time(4, alive=alive)
        for one in alive:
            self.assertEqual(one.heard("PARTICIPANT_LEFT")["data"], self.left(2, "jun", "disconnected"))
        self.assertEqual(len(self.participants(self.mina, self.video)), 2)

    def test_resumed_in_time(self) -> None:
        """Who resumes within 60 s keeps the seat, and hears what happened in the call meanwhile."""
        self.jun.drop()
        self.mina.tell("MEDIA_STATUS", {"video_room_id": self.video} | BOTH_ON)
        self.world.pass_time(50, alive=[self.mina, self.sora])
        jun = self.world.resumed(self.jun)
        self.assertEqual(jun.session_id, self.jun.session_id)
        self.assertEqual(jun.welcome["data"]["reconnection_info"]["video_rooms"], [self.video])
        self.assertEqual(jun.actions(), ["PARTICIPANT_MEDIA_STATUS"])
        self.world.pass_time(70, alive=[self.mina, jun, self.sora])
        self.assertEqual(self.mina.actions(), [])
        jun.tell("MEDIA_STATUS", {"video_room_id": self.video} | BOTH_ON)
        self.assertEqual(self.mina.actions(), ["PARTICIPANT_MEDIA_STATUS"])

    def test_new_session_does_not_keep_the_seat(self) -> None:
        """Who connects anew without the session has to join again."""
        self.jun.drop()
        jun = self.world.connected(2)
        self.assertEqual(jun.welcome["data"]["reconnection_info"]["video_rooms"], [])
        self.world.pass_time(62, alive=[self.mina, jun, self.sora])
        self.assertEqual(self.mina.heard("PARTICIPANT_LEFT")["data"]["user_id"], 2)

    def test_leaving_the_chat_room(self) -> None:
        """EXIT_ROOM of the chat room leaves its video rooms."""
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        for one in (self.mina, self.sora):
            heard = one.all()
            self.assertEqual(sorted(each["action"] for each in heard), ["PARTICIPANT_LEFT", "USER_LEFT"])
        self.assertEqual([one["user_id"] for one in self.participants(self.mina, self.video)], [1, 3])
        asked = {"video_room_id": self.video}
        self.assertEqual(self.jun.refused("JOIN_VIDEO_ROOM", asked), "USER_NOT_IN_ROOM")

    def test_leaving_the_chat_room_from_another_device(self) -> None:
        """It is the user who leaves: a call on the phone ends when the tablet leaves the chat room."""
        self.world.connected(2).ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.mina.heard("PARTICIPANT_LEFT")["data"]["user_id"], 2)

    def test_end_of_the_chat_room(self) -> None:
        """A video room does not outlive its chat room."""
        for one in self.everybody:
            one.ask("EXIT_ROOM", {"room_id": self.room_id})
        asked = {"video_room_id": self.video}
        self.assertEqual(self.mina.refused("JOIN_VIDEO_ROOM", asked), "VIDEO_ROOM_NOT_FOUND")


class IceServersTests(SynchronousTestCase):
    """v1.1: the W3C RTCIceServer list from the configuration."""

    def in_a_call(self, **options):
        """Return a world, mina in a call, the call and the answer to JOIN_VIDEO_ROOM."""
        world = World(ice_servers=IceServers(**options))
        mina = world.connected(1, "mina")
        room_id = world.room(mina)
        video_room_id = world.call(room_id, mina)
        joined = mina.ask("JOIN_VIDEO_ROOM", {"video_room_id": video_room_id})["data"]
        return world, mina, video_room_id, joined["ice_servers"]

    def test_none_configured(self) -> None:
        """The field is there although the list is empty."""
        *_, ice_servers = self.in_a_call()
        self.assertEqual(ice_servers, [])

    def test_time_limited_turn_credentials(self) -> None:
        """With a TURN secret the user name is `expiry:user`, signed (HMAC-SHA1), and renewed."""
        world, mina, video_room_id, (stun, turn) = self.in_a_call(
            stun_urls=["stun:a.example"], turn_urls=["turn:b.example"], turn_secret="secret", turn_ttl_s=600
        )
        self.assertEqual(stun, {"urls": ["stun:a.example"]})
        expiry = int(world.clock.seconds()) + 600
        self.assertEqual(turn["username"], f"{expiry}:1")
        signature = hmac.digest(b"secret", turn["username"].encode(), hashlib.sha1)
        self.assertEqual(turn["credential"], base64.b64encode(signature).decode())
        world.pass_time(10)
        data = mina.ask("GET_ICE_SERVERS", {"video_room_id": video_room_id})["data"]
        self.assertEqual(data["video_room_id"], video_room_id)
        self.assertEqual(data["ice_servers"][1]["username"], f"{expiry + 10}:1")

"""Chat rooms: protocol section 5 (§4)."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.world import World

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def ids(participants) -> list[int]:
    """Return the user ids of a list of participants."""
    return [one["user_id"] for one in participants]


class CreateRoomTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina is connected."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")

    def create(self, **data):
        """Ask for a room and return the answer."""
        return self.mina.ask("CREATE_ROOM", {"name": "방"} | data)

    def test_creator_is_host(self) -> None:
        """The creator is host and the only member (section 5)."""
        data = self.create()["data"]
        self.assertEqual(data["host_user_id"], 1)
        self.assertEqual(data["participants"], [{"user_id": 1, "nickname": "mina", "role": "host"}])
        self.assertRegex(data["created_at"], TIME)

    def test_defaults(self) -> None:
        """A room is closed, for 50 people and without a description when nothing else is said."""
        room_id = self.create()["data"]["room_id"]
        info = self.mina.ask("ROOM_INFO", {"room_id": room_id})["data"]
        self.assertEqual((info["is_open"], info["max_participants"], info["description"]), (False, 50, ""))

    def test_name_has_1_to_100_characters(self) -> None:
        """`name` is required, 1 to 100 code points."""
        self.assertTrue(self.create(name="가" * 100)["success"])
        self.assertTrue(self.create(name="🎉" * 100)["success"])
        self.assertEqual(self.mina.refused("CREATE_ROOM", {"name": "가" * 101}), "INVALID_MESSAGE")
        self.assertEqual(self.mina.refused("CREATE_ROOM", {"name": ""}), "INVALID_MESSAGE")
        self.assertEqual(self.mina.refused("CREATE_ROOM", {"description": "없음"}), "INVALID_MESSAGE")

    def test_description_has_at_most_500_characters(self) -> None:
        """`description` is optional, at most 500 code points."""
        self.assertEqual(self.create(description="가" * 500)["data"]["description"], "가" * 500)
        self.assertEqual(
            self.mina.refused("CREATE_ROOM", {"name": "방", "description": "가" * 501}), "INVALID_MESSAGE"
        )

    def test_max_participants_is_2_to_1000(self) -> None:
        """`max_participants` is an integer from 2 to 1000."""
        for good in (2, 1000):
            self.assertTrue(self.create(max_participants=good)["success"])
        for bad in (1, 1001, 0, -5, "50", 50.0, True):
            asked = {"name": "방", "max_participants": bad}
            self.assertEqual(self.mina.refused("CREATE_ROOM", asked), "INVALID_MESSAGE", bad)

    def test_is_open_is_a_boolean(self) -> None:
        """Types are strict: 1 and "true" are no booleans (section 1)."""
        for bad in (1, 0, "true"):
            self.assertEqual(
                self.mina.refused("CREATE_ROOM", {"name": "방", "is_open": bad}), "INVALID_MESSAGE", bad
            )

    def test_invited_are_handled_as_with_invite(self) -> None:
        """`invited_user_ids` are invited: told at once or after the next CONNECT, and may join."""
        jun = self.world.connected(2, "jun")
        room_id = self.create(invited_user_ids=[2, 3])["data"]["room_id"]
        self.assertEqual(jun.heard("INVITATION_RECEIVED")["data"]["room_id"], room_id)
        sora = self.world.connected(3, "sora")
        self.assertEqual(sora.heard("INVITATION_RECEIVED")["data"]["room_id"], room_id)
        for one in (jun, sora):
            self.assertTrue(one.ask("JOIN_ROOM", {"room_id": room_id})["success"])

    def test_at_most_100_are_invited(self) -> None:
        """`invited_user_ids` has at most 100 positive ids."""
        self.assertTrue(self.create(invited_user_ids=list(range(2, 102)))["success"])
        for bad in (list(range(2, 103)), [0], [-1], ["2"], [2.0], [True], [2**53]):
            asked = {"name": "방", "invited_user_ids": bad}
            self.assertEqual(self.mina.refused("CREATE_ROOM", asked), "INVALID_MESSAGE", bad)

    def test_own_devices_hear_the_room(self) -> None:
        """Every connection of a member gets every event of the room (section 3)."""
        tablet = self.world.connected(1, "mina")
        room_id = self.create(is_open=True)["data"]["room_id"]
        self.world.connected(2, "jun").ask("JOIN_ROOM", {"room_id": room_id})
        for device in (self.mina, tablet):
            self.assertEqual(device.heard("USER_JOINED")["data"]["user"]["user_id"], 2)


class JoinRoomTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina, jun and sora are connected."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.sora = self.world.connected(3, "sora")

    def test_anyone_joins_an_open_room(self) -> None:
        """An open room needs no invitation; who joins is `member`."""
        room_id = self.world.room(self.mina)
        data = self.jun.ask("JOIN_ROOM", {"room_id": room_id})["data"]
        self.assertEqual([one["role"] for one in data["participants"]], ["host", "member"])
        self.assertEqual(data["room_info"]["participants_count"], 2)

    def test_closed_room_needs_an_invitation(self) -> None:
        """A room that is not open lets in the invited alone: PERMISSION_DENIED."""
        room_id = self.world.room(self.mina, is_open=False, invited_user_ids=[2])
        self.assertTrue(self.jun.ask("JOIN_ROOM", {"room_id": room_id})["success"])
        self.assertEqual(self.sora.refused("JOIN_ROOM", {"room_id": room_id}), "PERMISSION_DENIED")

    def test_others_hear_user_joined(self) -> None:
        """USER_JOINED goes to the other members, with one seq_id; not to who joins, nor to strangers."""
        room_id = self.world.room(self.mina, self.jun)
        stranger = self.world.connected(4, "yuna")
        self.sora.ask("JOIN_ROOM", {"room_id": room_id})
        heard = [one.heard("USER_JOINED") for one in (self.mina, self.jun)]
        self.assertEqual(heard[0], heard[1])
        self.assertEqual(
            heard[0]["data"],
            {
                "room_id": room_id,
                "user": {"user_id": 3, "nickname": "sora", "role": "member"},
                "participants_count": 3,
            },
        )
        self.assertEqual(self.sora.actions(), [])
        self.assertEqual(stranger.actions(), [])

    def test_joining_again_is_no_news(self) -> None:
        """A member joining again gets success, and no broadcast is sent."""
        room_id = self.world.room(self.mina, self.jun)
        again = self.jun.ask("JOIN_ROOM", {"room_id": room_id})
        self.assertTrue(again["success"])
        self.assertEqual(again["data"]["room_info"]["participants_count"], 2)
        self.assertEqual(self.mina.actions(), [])

    def test_room_full(self) -> None:
        """A room with `max_participants` members lets nobody in: ROOM_FULL."""
        room_id = self.world.room(self.mina, self.jun, max_participants=2)
        self.assertEqual(self.sora.refused("JOIN_ROOM", {"room_id": room_id}), "ROOM_FULL")
        self.jun.ask("EXIT_ROOM", {"room_id": room_id})
        self.assertTrue(self.sora.ask("JOIN_ROOM", {"room_id": room_id})["success"])

    def test_member_joins_again_although_full(self) -> None:
        """A member joining a full room again is not one more."""
        room_id = self.world.room(self.mina, self.jun, max_participants=2)
        self.assertTrue(self.jun.ask("JOIN_ROOM", {"room_id": room_id})["success"])

    def test_last_place_is_taken_once(self) -> None:
        """Two who ask for the last place at the same moment: one gets it."""
        room_id = self.world.room(self.mina, max_participants=2)
        asked = [
            (one, one.begin(one.request("JOIN_ROOM", {"room_id": room_id}))) for one in (self.jun, self.sora)
        ]
        self.world.turn()
        answers = [one.answer(seq_id) for one, (seq_id,) in asked]
        self.assertEqual([one.get("error_code") for one in answers], [None, "ROOM_FULL"])

    def test_no_such_room(self) -> None:
        """A room that does not exist: ROOM_NOT_FOUND."""
        for action in ("JOIN_ROOM", "EXIT_ROOM", "ROOM_INFO"):
            self.assertEqual(self.jun.refused(action, {"room_id": 999}), "ROOM_NOT_FOUND", action)

    def test_ids_are_positive_integers(self) -> None:
        """Ids are integers from 1 to 2^53 - 1, `data` and `room_id` are required (sections 1 and 2)."""
        for bad in (
            {"room_id": "1"},
            {"room_id": 1.0},
            {"room_id": 0},
            {"room_id": 2**53},
            {"room_id": None},
            {},
        ):
            for action in ("JOIN_ROOM", "EXIT_ROOM", "ROOM_INFO"):
                self.assertEqual(self.jun.refused(action, bad), "INVALID_MESSAGE", (action, bad))
        self.assertEqual(self.jun.refused("JOIN_ROOM"), "INVALID_MESSAGE")
        self.assertEqual(self.jun.refused("JOIN_ROOM", {"room_id": 2**53 - 1}), "ROOM_NOT_FOUND")

    def test_membership_is_durable(self) -> None:
        """Membership survives disconnects, until EXIT_ROOM."""
        room_id = self.world.room(self.mina, self.jun)
        self.jun.drop()
        self.world.pass_time(120, alive=[self.mina])
        jun = self.world.connected(2, "jun")
        self.assertEqual(jun.welcome["data"]["reconnection_info"]["existing_rooms"], [room_id])
        self.assertEqual(self.mina.say(room_id, "안녕")["room_id"], room_id)
        self.assertEqual(jun.heard("NEW_MESSAGE")["data"]["content"], "안녕")

    def test_membership_survives_a_restart(self) -> None:
        """Membership survives restarts."""
        path = self.mktemp()
        before = World(path=path)
        mina, jun = before.connected(1, "mina"), before.connected(2, "jun")
        room_id = before.room(mina, jun)
        before.crash()
        after = World(path=path, start_s=before.clock.seconds() + 5)
        mina, jun = after.connected(1), after.connected(2)
        jun.say(room_id, "다시")
        self.assertEqual(mina.heard("NEW_MESSAGE")["data"]["user"]["nickname"], "jun")


class HistoryTests(SynchronousTestCase):
    """What a member sees of what was said before: `recent_messages` (section 5)."""

    def setUp(self) -> None:
        """Mina and jun are connected."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")

    def recent(self, client, room_id: int) -> list[str]:
        """Join and return the texts of `recent_messages`."""
        data = client.ask("JOIN_ROOM", {"room_id": room_id})["data"]
        return [one["content"] for one in data["recent_messages"]]

    def test_open_room_shows_all(self) -> None:
        """In an open room a member sees all messages, oldest first."""
        room_id = self.world.room(self.mina)
        for content in ("하나", "둘", "셋"):
            self.mina.say(room_id, content)
        self.assertEqual(self.recent(self.jun, room_id), ["하나", "둘", "셋"])

    def test_newest_50(self) -> None:
        """`recent_messages` are the newest 50."""
        room_id = self.world.room(self.mina)
        for number in range(55):
            self.mina.say(room_id, str(number))
        self.assertEqual(self.recent(self.jun, room_id), [str(number) for number in range(5, 55)])

    def test_shaped_like_new_message(self) -> None:
        """Each of `recent_messages` is shaped like NEW_MESSAGE.data."""
        room_id = self.world.room(self.mina)
        sora = self.world.connected(3, "sora")
        sora.ask("JOIN_ROOM", {"room_id": room_id})
        first = self.mina.say(room_id, "하나")
        heard = [sora.heard("NEW_MESSAGE")["data"]]
        self.mina.say(room_id, "둘", reply_to_message_id=first["message_id"])
        heard.append(sora.heard("NEW_MESSAGE")["data"])
        recent = self.jun.ask("JOIN_ROOM", {"room_id": room_id})["data"]["recent_messages"]
        self.assertEqual(recent, heard)

    def test_closed_room_shows_what_came_after_the_join(self) -> None:
        """In a closed room a member sees messages from the join on."""
        room_id = self.world.room(self.mina, is_open=False, invited_user_ids=[2])
        self.mina.say(room_id, "전")
        self.assertEqual(self.recent(self.jun, room_id), [])
        self.mina.say(room_id, "후")
        self.assertEqual(self.recent(self.jun, room_id), ["후"])

    def test_latest_join_counts(self) -> None:
        """Who leaves a closed room and comes back sees messages from the latest join on."""
        room_id = self.world.room(self.mina, is_open=False, invited_user_ids=[2])
        self.jun.ask("JOIN_ROOM", {"room_id": room_id})
        self.mina.say(room_id, "전")
        self.jun.ask("EXIT_ROOM", {"room_id": room_id})
        self.mina.say(room_id, "동안")
        self.mina.ask("INVITE", {"room_id": room_id, "invited_user_ids": [2]})
        self.assertEqual(self.recent(self.jun, room_id), [])
        self.mina.say(room_id, "후")
        self.assertEqual(self.recent(self.jun, room_id), ["후"])

    def test_host_of_a_closed_room_sees_all(self) -> None:
        """The creator has joined before everything."""
        room_id = self.world.room(self.mina, is_open=False)
        self.mina.say(room_id, "혼잣말")
        self.assertEqual(self.recent(self.mina, room_id), ["혼잣말"])


class SnapshotTests(SynchronousTestCase):
    """JOIN_ROOM_RESPONSE is a snapshot at a position (section 5)."""

    def setUp(self) -> None:
        """Mina has an open room; jun is about to join."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina)

    def sending(self, *contents: str):
        """Return requests of mina's."""
        return [
            self.mina.request(
                "SEND_MESSAGE", {"room_id": self.room_id, "content": content, "message_type": "text"}
            )
            for content in contents
        ]

    def seen(self) -> tuple[list[str], list[str]]:
        """Return what jun sees in the snapshot and what he hears after it."""
        messages = self.jun.all()
        self.assertEqual(messages[0]["action"], "JOIN_ROOM_RESPONSE")
        later = [one["data"]["content"] for one in messages[1:] if one["action"] == "NEW_MESSAGE"]
        return [one["content"] for one in messages[0]["data"]["recent_messages"]], later

    def test_said_before(self) -> None:
        """What was said just before is in the snapshot and does not come as an event."""
        self.mina.begin(*self.sending("하나", "둘"))
        self.jun.begin(self.jun.request("JOIN_ROOM", {"room_id": self.room_id}))
        self.world.turn()
        self.assertEqual(self.seen(), (["하나", "둘"], []))

    def test_said_after(self) -> None:
        """What is said just after comes as an event, after the answer, and is not in the snapshot."""
        self.jun.begin(self.jun.request("JOIN_ROOM", {"room_id": self.room_id}))
        self.mina.begin(*self.sending("하나", "둘"))
        self.world.turn()
        self.assertEqual(self.seen(), ([], ["하나", "둘"]))

    def test_said_before_and_after(self) -> None:
        """Each message is in one of the two, in order."""
        self.mina.begin(*self.sending("하나"))
        self.jun.begin(self.jun.request("JOIN_ROOM", {"room_id": self.room_id}))
        self.mina.begin(*self.sending("둘"))
        self.world.turn()
        self.assertEqual(self.seen(), (["하나"], ["둘"]))

    def test_joining_and_speaking_in_one_segment(self) -> None:
        """Who is let in may speak at once: requests take effect in their order."""
        data = {"room_id": self.room_id, "content": "저 왔어요", "message_type": "text"}
        asked = self.jun.begin(
            self.jun.request("SEND_MESSAGE", data),
            self.jun.request("JOIN_ROOM", {"room_id": self.room_id}),
            self.jun.request("SEND_MESSAGE", data),
            self.jun.request("EXIT_ROOM", {"room_id": self.room_id}),
            self.jun.request("SEND_MESSAGE", data),
        )
        self.world.turn(20)
        answers = self.jun.all()
        self.assertEqual([one["seq_id"] for one in answers], asked)
        refused = [one.get("error_code") for one in answers]
        self.assertEqual(refused, ["USER_NOT_IN_ROOM", None, None, None, "USER_NOT_IN_ROOM"])
        self.assertEqual(self.mina.actions(), ["USER_JOINED", "NEW_MESSAGE", "USER_LEFT"])

    def test_other_device_hears_no_event_twice(self) -> None:
        """A member's second connection hears the room from the join of the first on."""
        tablet = self.world.connected(2, "jun")
        self.mina.begin(*self.sending("하나"))
        self.jun.begin(self.jun.request("JOIN_ROOM", {"room_id": self.room_id}))
        self.mina.begin(*self.sending("둘"))
        self.world.turn()
        self.assertEqual([one["data"]["content"] for one in tablet.all()], ["둘"])


class ExitRoomTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina, jun and sora are in a room, mina as host."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.sora = self.world.connected(3, "sora")
        self.room_id = self.world.room(self.mina, self.jun, self.sora)

    def test_others_hear_user_left(self) -> None:
        """The others get USER_LEFT; who left gets nothing more of the room."""
        answer = self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertEqual(answer["data"], {"room_id": self.room_id})
        left = {
            "room_id": self.room_id,
            "user": {"user_id": 2, "nickname": "jun", "role": "member"},
            "participants_count": 2,
        }
        for one in (self.mina, self.sora):
            self.assertEqual(one.heard("USER_LEFT")["data"], left)
        self.mina.say(self.room_id, "갔네")
        self.assertEqual(self.jun.actions(), [])

    def test_host_changes(self) -> None:
        """When the host leaves, the longest-standing member becomes host: HOST_CHANGED."""
        self.mina.ask("EXIT_ROOM", {"room_id": self.room_id})
        for one in (self.jun, self.sora):
            heard = one.all()
            self.assertEqual([each["action"] for each in heard], ["USER_LEFT", "HOST_CHANGED"])
            self.assertEqual(heard[0]["data"]["user"]["role"], "host")
            self.assertEqual(
                heard[1]["data"], {"room_id": self.room_id, "host_user_id": 2, "nickname": "jun"}
            )
        info = self.sora.ask("ROOM_INFO", {"room_id": self.room_id})["data"]
        self.assertEqual(info["host_user_id"], 2)
        self.assertEqual([one["role"] for one in info["participants"]], ["host", "member"])

    def test_coming_back_is_standing_shorter(self) -> None:
        """Longest-standing means since the latest join."""
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.jun.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.mina.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.jun.heard("HOST_CHANGED")["data"]["host_user_id"], 3)

    def test_member_who_leaves_changes_no_host(self) -> None:
        """HOST_CHANGED is for a host who leaves."""
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.mina.actions(), ["USER_LEFT"])

    def test_last_one_closes_the_room(self) -> None:
        """When the last member leaves, the room is closed: ROOM_NOT_FOUND from then on."""
        for one in (self.mina, self.jun, self.sora):
            self.assertTrue(one.ask("EXIT_ROOM", {"room_id": self.room_id})["success"])
        for action in ("JOIN_ROOM", "EXIT_ROOM", "ROOM_INFO"):
            self.assertEqual(self.mina.refused(action, {"room_id": self.room_id}), "ROOM_NOT_FOUND", action)
        said = {"room_id": self.room_id, "content": "누구?", "message_type": "text"}
        self.assertEqual(self.mina.refused("SEND_MESSAGE", said), "ROOM_NOT_FOUND")
        self.assertEqual(self.world.connected(1).welcome["data"]["reconnection_info"]["existing_rooms"], [])

    def test_not_a_member(self) -> None:
        """EXIT_ROOM by somebody who is no member: USER_NOT_IN_ROOM."""
        yuna = self.world.connected(4, "yuna")
        self.assertEqual(yuna.refused("EXIT_ROOM", {"room_id": self.room_id}), "USER_NOT_IN_ROOM")
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.jun.refused("EXIT_ROOM", {"room_id": self.room_id}), "USER_NOT_IN_ROOM")

    def test_all_devices_leave(self) -> None:
        """Membership is the user's: none of the connections hears the room any more."""
        tablet = self.world.connected(2, "jun")
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.mina.say(self.room_id, "갔네")
        self.assertNotIn("NEW_MESSAGE", tablet.actions())

    def test_leaving_frees_a_place(self) -> None:
        """A member who left is counted no more."""
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        info = self.mina.ask("ROOM_INFO", {"room_id": self.room_id})["data"]
        self.assertEqual(info["participants_count"], 2)
        self.assertEqual(ids(info["participants"]), [1, 3])


class RoomInfoTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina has a closed room into which jun is invited; sora has nothing to do with it."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.sora = self.world.connected(3, "sora")
        self.room_id = self.world.room(self.mina, is_open=False, invited_user_ids=[2])

    def test_members_and_invited_may_ask(self) -> None:
        """ROOM_INFO is for members and invited users."""
        for one in (self.mina, self.jun):
            data = one.ask("ROOM_INFO", {"room_id": self.room_id})["data"]
            self.assertEqual(data["participants_count"], 1)
            self.assertRegex(data["participants"][0]["joined_at"], TIME)

    def test_others_may_not(self) -> None:
        """Anybody else: PERMISSION_DENIED."""
        self.assertEqual(self.sora.refused("ROOM_INFO", {"room_id": self.room_id}), "PERMISSION_DENIED")

    def test_anyone_for_an_open_room(self) -> None:
        """ROOM_INFO of an open room is for anyone."""
        room_id = self.world.room(self.mina)
        self.assertTrue(self.sora.ask("ROOM_INFO", {"room_id": room_id})["success"])


class ListRoomsTests(SynchronousTestCase):
    """v1.1 LIST_ROOMS (section 5)."""

    def setUp(self) -> None:
        """Mina and jun share two rooms; the second is newer."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.one = self.world.room(self.mina, self.jun, name="하나")
        self.two = self.world.room(self.mina, self.jun, name="둘", is_open=False, invited_user_ids=[2])

    def listed(self, client):
        """Return the rooms of LIST_ROOMS."""
        return client.ask("LIST_ROOMS", {})["data"]["rooms"]

    def test_newest_activity_first(self) -> None:
        """The room where something was said last is first."""
        self.assertEqual([one["room_id"] for one in self.listed(self.jun)], [self.two, self.one])
        self.mina.say(self.one, "안녕")
        self.assertEqual([one["room_id"] for one in self.listed(self.jun)], [self.one, self.two])

    def test_unread_and_last_message(self) -> None:
        """`unread_messages` are those of others that are not confirmed; `last_message` is as heard."""
        said = [self.mina.say(self.one, content)["message_id"] for content in ("하나", "둘", "셋")]
        heard = [one["data"] for one in self.jun.all()]
        room = self.listed(self.jun)[0]
        self.assertEqual((room["unread_messages"], room["last_message"]), (3, heard[-1]))
        self.jun.ask("CHECK_RECEIVE", {"room_id": self.one, "message_ids": said[:2]})
        self.assertEqual(self.listed(self.jun)[0]["unread_messages"], 1)
        self.assertEqual(self.listed(self.mina)[0]["unread_messages"], 0)

    def test_no_message_yet(self) -> None:
        """`last_message` is null where nothing was said."""
        self.assertEqual([one["last_message"] for one in self.listed(self.mina)], [None, None])

    def test_last_message_is_one_that_the_user_may_see(self) -> None:
        """In a closed room what was said before the join is not shown here either."""
        room_id = self.world.room(self.mina, is_open=False, invited_user_ids=[2])
        self.mina.say(room_id, "비밀")
        self.jun.ask("JOIN_ROOM", {"room_id": room_id})
        room = self.listed(self.jun)[0]
        self.assertEqual((room["room_id"], room["last_message"], room["unread_messages"]), (room_id, None, 0))

    def test_only_own_rooms(self) -> None:
        """Rooms that the user left, or never joined, are not listed."""
        self.jun.ask("EXIT_ROOM", {"room_id": self.two})
        self.assertEqual([one["room_id"] for one in self.listed(self.jun)], [self.one])
        self.assertEqual(self.listed(self.world.connected(3, "sora")), [])

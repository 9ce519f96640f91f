"""Invitations: protocol section 7 (§6)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.world import World


class InviteTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Mina has a closed room; jun is connected, sora has never been here."""
        self.world = World()
        self.mina = self.world.connected(1, "mina", profile_image="/storage/profiles/1.jpg")
        self.jun = self.world.connected(2, "jun")
        self.room_id = self.world.room(self.mina, is_open=False, description="설명")

    def invite(self, *user_ids: int, client=None) -> list[tuple[int, str, str]]:
        """Invite and return id, nickname and status of each."""
        asked = {"room_id": self.room_id, "invited_user_ids": list(user_ids)}
        data = (client or self.mina).ask("INVITE", asked)["data"]
        self.assertEqual(data["room_id"], self.room_id)
        return [(one["user_id"], one["nickname"], one["status"]) for one in data["invited_users"]]

    def join(self, client):
        """Ask to join and return the answer."""
        return client.ask("JOIN_ROOM", {"room_id": self.room_id})

    def test_online(self) -> None:
        """`invited`: the user is online, INVITATION_RECEIVED is delivered to all connections."""
        tablet = self.world.connected(2, "jun")
        self.assertEqual(self.invite(2), [(2, "jun", "invited")])
        for device in (self.jun, tablet):
            self.assertEqual(
                device.heard("INVITATION_RECEIVED")["data"],
                {
                    "room_id": self.room_id,
                    "room_info": {"name": "방", "description": "설명", "participants_count": 1},
                    "inviter": {
                        "user_id": 1,
                        "nickname": "mina",
                        "profile_image": "/storage/profiles/1.jpg",
                    },
                },
            )
        self.assertEqual(self.mina.actions(), [])

    def test_offline(self) -> None:
        """`offline`: kept, and delivered after the next CONNECT, behind its response."""
        self.jun.drop()
        self.assertEqual(self.invite(2), [(2, "jun", "offline")])
        jun = self.world.client()
        seq_id = jun.tell("CONNECT", {"jwt_token": self.world.token(2)})
        connected, invited = jun.all()
        self.assertEqual((connected["seq_id"], connected["success"]), (seq_id, True))
        self.assertEqual(invited["action"], "INVITATION_RECEIVED")
        self.assertRegex(invited["seq_id"], r"^e[0-9]+$")
        self.assertEqual(invited["data"]["inviter"]["nickname"], "mina")
        self.assertTrue(self.join(jun)["success"])

    def test_delivered_once(self) -> None:
        """What was delivered after one CONNECT does not come after the next."""
        self.jun.drop()
        self.invite(2)
        jun = self.world.connected(2)
        self.assertEqual(jun.actions(), ["INVITATION_RECEIVED"])
        jun.drop()
        self.assertEqual(self.world.connected(2).actions(), [])

    def test_delivered_when_resuming(self) -> None:
        """A client that resumes its session gets what waited for it, once."""
        self.jun.drop()
        self.invite(2)
        jun = self.world.resumed(self.jun)
        self.assertEqual(jun.actions(), ["INVITATION_RECEIVED"])
        jun.drop()
        self.assertEqual(self.world.resumed(jun).actions(), [])

    def test_never_connected(self) -> None:
        """A user who never connected is a valid invitee: `offline`, `사용자<id>`."""
        self.assertEqual(self.invite(101112), [(101112, "사용자101112", "offline")])
        yuna = self.world.connected(101112, "yuna")
        self.assertEqual(yuna.actions(), ["INVITATION_RECEIVED"])
        self.assertEqual(self.invite(101112), [(101112, "yuna", "invited")])

    def test_waiting_invitation_survives_a_restart(self) -> None:
        """It is kept until delivered."""
        path = self.mktemp()
        before = World(path=path)
        mina = before.connected(1, "mina")
        room_id = before.room(mina, is_open=False, invited_user_ids=[2])
        before.crash()
        jun = World(path=path, start_s=before.clock.seconds() + 5).connected(2)
        self.assertEqual(jun.heard("INVITATION_RECEIVED")["data"]["room_id"], room_id)

    def test_member(self) -> None:
        """`member`: already in the room, nothing is delivered; so for oneself."""
        self.invite(2)
        self.join(self.jun)
        self.jun.all()
        self.assertEqual(self.invite(2, 1), [(2, "jun", "member"), (1, "mina", "member")])
        self.assertEqual(self.jun.actions(), [])

    def test_one_answer_for_all(self) -> None:
        """Each of the invited has a status of his own, in the order asked."""
        self.world.connected(3, "sora").ask("DISCONNECT", {})
        self.assertEqual(
            self.invite(3, 1, 2), [(3, "sora", "offline"), (1, "mina", "member"), (2, "jun", "invited")]
        )

    def test_any_member_invites(self) -> None:
        """Not the host alone: any member."""
        self.invite(2)
        self.join(self.jun)
        sora = self.world.connected(3, "sora")
        self.assertEqual(self.invite(3, client=self.jun), [(3, "sora", "invited")])
        invited = sora.heard("INVITATION_RECEIVED")["data"]
        self.assertEqual((invited["inviter"]["user_id"], invited["room_info"]["participants_count"]), (2, 2))

    def test_who_may_not(self) -> None:
        """A non-member, the invited too: USER_NOT_IN_ROOM. No such room: ROOM_NOT_FOUND."""
        self.invite(2)
        asked = {"room_id": self.room_id, "invited_user_ids": [3]}
        self.assertEqual(self.jun.refused("INVITE", asked), "USER_NOT_IN_ROOM")
        self.assertEqual(self.mina.refused("INVITE", asked | {"room_id": 999}), "ROOM_NOT_FOUND")

    def test_again(self) -> None:
        """Inviting again delivers it again."""
        for _ in range(2):
            self.assertEqual(self.invite(2), [(2, "jun", "invited")])
            self.assertEqual(self.jun.actions(), ["INVITATION_RECEIVED"])

    def test_stays_until_used(self) -> None:
        """An invitation stays over disconnects, until JOIN_ROOM uses it."""
        self.invite(2)
        self.jun.ask("DISCONNECT", {})
        self.world.pass_time(120, alive=[self.mina])
        self.assertTrue(self.join(self.world.connected(2))["success"])

    def test_used_up(self) -> None:
        """Used by JOIN_ROOM: who leaves needs another one."""
        self.invite(2)
        self.join(self.jun)
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.join(self.jun)["error_code"], "PERMISSION_DENIED")
        self.invite(2)
        self.assertTrue(self.join(self.jun)["success"])

    def test_refused_join_uses_nothing_up(self) -> None:
        """Who finds the room full keeps the invitation."""
        self.room_id = self.world.room(self.mina, is_open=False, max_participants=2, invited_user_ids=[2, 3])
        sora = self.world.connected(3, "sora")
        self.join(sora)
        self.assertEqual(self.join(self.jun)["error_code"], "ROOM_FULL")
        sora.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.assertTrue(self.join(self.jun)["success"])

    def test_closed_room_invites_nobody(self) -> None:
        """An invitation that waits for a room that is closed meanwhile is not delivered."""
        self.invite(3)
        self.mina.ask("EXIT_ROOM", {"room_id": self.room_id})
        sora = self.world.connected(3, "sora")
        self.assertEqual(sora.actions(), [])
        self.assertEqual(self.join(sora)["error_code"], "ROOM_NOT_FOUND")

    def test_1_to_100_ids(self) -> None:
        """At most 100 positive ids, and a list."""
        self.assertEqual(len(self.invite(*range(10, 110))), 100)
        for bad in (list(range(10, 111)), "2", [0], ["2"], [2.5], None):
            asked = {"room_id": self.room_id, "invited_user_ids": bad}
            self.assertEqual(self.mina.refused("INVITE", asked), "INVALID_MESSAGE", str(bad)[:20])

    def test_same_id_twice(self) -> None:
        """Somebody who is named twice is invited once."""
        self.assertEqual(self.invite(2, 2), [(2, "jun", "invited")])
        self.assertEqual(self.jun.actions(), ["INVITATION_RECEIVED"])

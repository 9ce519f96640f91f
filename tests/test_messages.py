"""Messages and receipts: protocol section 6 (§5)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.world import World, code_of

PHOTO = {
    "file_path": "/storage/messages/image_001.jpg",
    "file_name": "photo.jpg",
    "file_size": 1_024_000,
    "mime_type": "image/jpeg",
}


def text(room_id: int, content: str, **more) -> dict[str, object]:
    """Return the data of a SEND_MESSAGE."""
    return {"room_id": room_id, "content": content, "message_type": "text"} | more


def image(room_id: int, **more) -> dict[str, object]:
    """Return the data of a SEND_MESSAGE with a photo; a field that is None is left out."""
    photo = {key: value for key, value in (PHOTO | more).items() if value is not None}
    return {"room_id": room_id, "content": "", "message_type": "image", "file_info": photo}


class InARoom(SynchronousTestCase):
    """Mina and jun are in an open room; sora is connected."""

    def setUp(self) -> None:
        """Bring them together."""
        self.world = World()
        self.mina = self.world.connected(1, "mina")
        self.jun = self.world.connected(2, "jun")
        self.sora = self.world.connected(3, "sora")
        self.room_id = self.world.room(self.mina, self.jun)

    def refused(self, **data) -> str:
        """Have mina send what is refused and return the code; nobody hears it."""
        code = self.mina.refused("SEND_MESSAGE", text(self.room_id, "안녕") | data)
        self.assertEqual(self.jun.actions(), [])
        return code


class TextTests(InARoom):
    def test_1_to_5000_code_points(self) -> None:
        """A text has 1 to 5,000 Unicode code points, whatever their size in bytes."""
        for content in ("가", "가" * 5000, "😀" * 5000):
            self.assertEqual(self.mina.say(self.room_id, content)["content"], content)
            self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["content"], content)

    def test_too_long(self) -> None:
        """Over 5,000: MESSAGE_TOO_LONG."""
        self.assertEqual(self.refused(content="가" * 5001), "MESSAGE_TOO_LONG")
        self.assertEqual(self.refused(content="a" * 100_000), "MESSAGE_TOO_LONG")

    def test_empty_or_blank(self) -> None:
        """Empty or blank: INVALID_MESSAGE."""
        for content in ("", " ", "\n\t ", "\u3000"):
            self.assertEqual(self.refused(content=content), "INVALID_MESSAGE", repr(content))

    def test_kept_as_it_is(self) -> None:
        """The content is not changed: line breaks, spaces at the ends, quotes, other scripts."""
        content = ' 첫 줄\r\n"둘째" \\ 줄\u2028👩‍👩‍👧 é '
        self.mina.say(self.room_id, content)
        self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["content"], content)

    def test_nul_is_refused(self) -> None:
        """U+0000 in a text that is stored is refused (section 1)."""
        self.assertEqual(self.refused(content="a\0b"), "INVALID_MESSAGE")
        self.assertEqual(self.refused(client_message_id="a\0b"), "INVALID_MESSAGE")

    def test_message_type(self) -> None:
        """Neither text nor image: INVALID_MESSAGE_TYPE."""
        for other in ("video", "", "TEXT"):
            self.assertEqual(self.refused(message_type=other), "INVALID_MESSAGE_TYPE", other)

    def test_wrong_types_and_missing_fields(self) -> None:
        """Strict types, required fields: INVALID_MESSAGE."""
        wrong = (
            {"content": 5},
            {"content": None},
            {"message_type": 5},
            {"room_id": "1"},
            {"room_id": True},
            {"reply_to_message_id": "1"},
            {"client_message_id": 5},
        )
        for one in wrong:
            self.assertEqual(self.refused(**one), "INVALID_MESSAGE", one)
        for missing in ("room_id", "content", "message_type"):
            data = text(self.room_id, "안녕")
            del data[missing]
            self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "INVALID_MESSAGE", missing)


class ImageTests(InARoom):
    def test_answer_and_event_have_file_info(self) -> None:
        """The response and NEW_MESSAGE of an image carry `file_info`; those of a text do not."""
        sent = self.mina.ask("SEND_MESSAGE", image(self.room_id))["data"]
        self.assertEqual(sent["file_info"], PHOTO)
        self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["file_info"], PHOTO)
        self.assertNotIn("file_info", self.mina.say(self.room_id, "글"))
        self.assertNotIn("file_info", self.jun.heard("NEW_MESSAGE")["data"])

    def test_text_has_no_file(self) -> None:
        """`file_info` is an image's: with a text it counts for nothing."""
        data = text(self.room_id, "글", file_info=PHOTO)
        self.assertNotIn("file_info", self.mina.ask("SEND_MESSAGE", data)["data"])
        self.assertNotIn("file_info", self.jun.heard("NEW_MESSAGE")["data"])

    def test_caption_too_long(self) -> None:
        """A caption is a text: at most 5,000 characters."""
        data = image(self.room_id) | {"content": "가" * 5001}
        self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "MESSAGE_TOO_LONG")

    def test_caption(self) -> None:
        """`content` is a caption and may be empty."""
        self.mina.ask("SEND_MESSAGE", image(self.room_id) | {"content": "바다"})
        self.assertEqual(self.jun.heard("NEW_MESSAGE")["data"]["content"], "바다")

    def test_types(self) -> None:
        """`mime_type` is one of five."""
        for good in ("jpeg", "png", "gif", "webp", "heic"):
            data = image(self.room_id, mime_type=f"image/{good}")
            self.assertTrue(self.mina.ask("SEND_MESSAGE", data)["success"], good)
        for bad in ("image/svg+xml", "image/jpg", "text/html", "", "IMAGE/PNG"):
            data = image(self.room_id, mime_type=bad)
            self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "FILE_UPLOAD_FAILED", bad)

    def test_size(self) -> None:
        """`file_size` is 1 byte to 10 MiB."""
        for good in (1, 10_485_760):
            data = image(self.room_id, file_size=good)
            self.assertTrue(self.mina.ask("SEND_MESSAGE", data)["success"], good)
        for bad in (0, -1, 10_485_761, 2**60):
            data = image(self.room_id, file_size=bad)
            self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "FILE_UPLOAD_FAILED", bad)

    def test_path(self) -> None:
        """`file_path` is below the storage prefix, normalised, without "..", NUL or back-slash."""
        for bad in (
            "/etc/passwd",
            "storage/messages/a.jpg",
            "/storage/",
            "/storage",
            "/storage/../etc/passwd",
            "/storage/a/../b.jpg",
            "/storage//a.jpg",
            "/storage/./a.jpg",
            "/storage/a.jpg/",
            "/storage/a\\b.jpg",
            "/storage/a\0.jpg",
            "/storageroom/a.jpg",
            "",
        ):
            data = image(self.room_id, file_path=bad)
            self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "FILE_UPLOAD_FAILED", repr(bad))

    def test_name(self) -> None:
        """`file_name` is a bare name."""
        self.assertTrue(
            self.mina.ask("SEND_MESSAGE", image(self.room_id, file_name="휴가 사진 (1).jpg"))["success"]
        )
        for bad in ("", ".", "..", "a/b.jpg", "..\\a.jpg", "a\0.jpg"):
            data = image(self.room_id, file_name=bad)
            self.assertEqual(self.mina.refused("SEND_MESSAGE", data), "FILE_UPLOAD_FAILED", repr(bad))

    def test_file_info_is_required(self) -> None:
        """An image without `file_info`: FILE_UPLOAD_FAILED."""
        without = text(self.room_id, "", message_type="image")
        self.assertEqual(self.mina.refused("SEND_MESSAGE", without), "FILE_UPLOAD_FAILED")
        self.assertEqual(
            self.mina.refused("SEND_MESSAGE", without | {"file_info": None}), "FILE_UPLOAD_FAILED"
        )
        self.assertEqual(self.jun.actions(), [])


class DeliveryTests(InARoom):
    def test_everybody_but_the_sending_connection(self) -> None:
        """NEW_MESSAGE goes to every connection of every member but the one that sent it."""
        minas_tablet, juns_tablet = self.world.connected(1), self.world.connected(2)
        self.mina.say(self.room_id, "안녕")
        heard = [one.heard("NEW_MESSAGE") for one in (self.jun, juns_tablet, minas_tablet)]
        self.assertEqual(heard[0], heard[1])
        self.assertEqual(heard[0], heard[2])
        self.assertEqual(self.mina.actions(), [])
        self.assertEqual(self.sora.actions(), [])

    def test_event_and_answer_agree(self) -> None:
        """`message_id`, `created_at` and the rest are the same in both; the author is shown."""
        sent = self.mina.say(self.room_id, "안녕")
        data = self.jun.heard("NEW_MESSAGE")["data"]
        for key in ("message_id", "room_id", "content", "message_type", "created_at"):
            self.assertEqual(data[key], sent[key], key)
        self.assertEqual(data["user"], {"user_id": 1, "nickname": "mina", "profile_image": None})
        self.assertIsNone(data["reply_to_message_id"])

    def test_missing_nickname(self) -> None:
        """A missing nickname is `사용자<id>`, a missing `profile_image` is null (section 2)."""
        yuna = self.world.connected(77)
        yuna.ask("JOIN_ROOM", {"room_id": self.room_id})
        yuna.say(self.room_id, "저예요")
        author = self.jun.heard("NEW_MESSAGE")["data"]["user"]
        self.assertEqual(author, {"user_id": 77, "nickname": "사용자77", "profile_image": None})

    def test_profile_image_of_the_token(self) -> None:
        """`profile_image` is an optional claim (section 3)."""
        self.world.connected(1, "mina", profile_image="/storage/profiles/1.jpg")
        self.mina.say(self.room_id, "안녕")
        user = self.jun.heard("NEW_MESSAGE")["data"]["user"]
        self.assertEqual(user["profile_image"], "/storage/profiles/1.jpg")

    def test_message_id_grows(self) -> None:
        """`message_id` grows, and every member sees messages in its order."""
        for number in range(5):
            self.mina.say(self.room_id, str(number))
            self.jun.say(self.room_id, str(number))
        yuna = self.world.connected(4, "yuna")
        recent = yuna.ask("JOIN_ROOM", {"room_id": self.room_id})["data"]["recent_messages"]
        seen = [one["message_id"] for one in recent]
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(len(seen), 10)

    def test_order_in_a_burst(self) -> None:
        """What two people say at the same moment everybody else hears in `message_id` order."""
        self.sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        for one in (self.mina, self.jun, self.mina):
            one.begin(*(one.request("SEND_MESSAGE", text(self.room_id, str(n))) for n in range(4)))
        self.world.turn()
        heard = [one["data"]["message_id"] for one in self.sora.all() if one["action"] == "NEW_MESSAGE"]
        self.assertEqual(heard, sorted(heard))
        self.assertEqual(len(heard), 12)

    def test_positions_grow(self) -> None:
        """The `seq_id` of an event is `e` and a number that grows in delivery order (section 2)."""
        for content in ("하나", "둘", "셋"):
            self.mina.say(self.room_id, content)
        seqs = [one["seq_id"] for one in self.jun.all()]
        for one in seqs:
            self.assertRegex(one, r"^e[1-9][0-9]*$")
        positions = [int(one[1:]) for one in seqs]
        self.assertEqual(positions, sorted(set(positions)))

    def test_durable_before_the_answer(self) -> None:
        """The response is sent only after the message is durable."""
        self.world.hold_database()
        self.mina.tell("SEND_MESSAGE", text(self.room_id, "안녕"))
        self.assertEqual((self.mina.actions(), self.jun.actions()), ([], []))
        self.world.release_database()
        self.assertEqual(self.mina.actions(), ["SEND_MESSAGE_RESPONSE"])
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"])

    def test_acknowledged_survives_a_crash(self) -> None:
        """A message that was acknowledged is there after kill -9."""
        path = self.mktemp()
        before = World(path=path)
        mina = before.connected(1, "mina")
        room_id = before.room(mina)
        message_id = mina.say(room_id, "남아라")["message_id"]
        before.crash()
        after = World(path=path).connected(1)
        found = after.ask("GET_MESSAGES", {"room_id": room_id})["data"]["messages"]
        self.assertEqual([(one["message_id"], one["content"]) for one in found], [(message_id, "남아라")])

    def test_not_a_member(self) -> None:
        """By a non-member: USER_NOT_IN_ROOM; no such room: ROOM_NOT_FOUND (section 5)."""
        for action, data in (
            ("SEND_MESSAGE", text(self.room_id, "안녕")),
            ("CHECK_RECEIVE", {"room_id": self.room_id, "message_ids": []}),
            ("GET_MESSAGES", {"room_id": self.room_id}),
        ):
            self.assertEqual(self.sora.refused(action, data), "USER_NOT_IN_ROOM", action)
            self.assertEqual(self.sora.refused(action, data | {"room_id": 999}), "ROOM_NOT_FOUND", action)
        self.assertEqual(self.jun.actions(), [])


class ReplyTests(InARoom):
    def test_reply(self) -> None:
        """`reply_to_message_id` names a message of the same room."""
        first = self.mina.say(self.room_id, "몇 시?")["message_id"]
        self.jun.say(self.room_id, "세 시", reply_to_message_id=first)
        self.assertEqual(self.mina.heard("NEW_MESSAGE")["data"]["reply_to_message_id"], first)

    def test_message_not_found(self) -> None:
        """Any other id: MESSAGE_NOT_FOUND."""
        other = self.world.room(self.mina)
        elsewhere = self.mina.say(other, "다른 방")["message_id"]
        for bad in (999_999, elsewhere):
            self.assertEqual(self.refused(reply_to_message_id=bad), "MESSAGE_NOT_FOUND", bad)


class IdempotenceTests(InARoom):
    """`client_message_id` makes the send idempotent per user and room, for ever."""

    def send(self, client=None, room_id: int | None = None, **more):
        """Send with the client_message_id "a" and return the answer."""
        data = text(room_id or self.room_id, "안녕", client_message_id="a") | more
        return (client or self.mina).ask("SEND_MESSAGE", data)

    def test_again(self) -> None:
        """The same again returns the first response plus `duplicate`, and nothing is broadcast."""
        first = self.send()["data"]
        self.assertNotIn("duplicate", first)
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"])
        self.world.pass_time(2)
        self.assertEqual(self.send()["data"], first | {"duplicate": True})
        self.assertEqual(self.jun.actions(), [])

    def test_conflict(self) -> None:
        """Other content under the same id: CONFLICT; the first stays."""
        first = self.send()["data"]
        self.jun.all()
        for other in ({"content": "잘 가"}, {"reply_to_message_id": first["message_id"]}):
            self.assertEqual(code_of(self.send(**other)), "CONFLICT", other)
        changed = image(self.room_id) | {"content": "안녕", "client_message_id": "a"}
        self.assertEqual(self.mina.refused("SEND_MESSAGE", changed), "CONFLICT")
        self.assertEqual(self.jun.actions(), [])
        self.assertEqual(self.send()["data"], first | {"duplicate": True})

    def test_image(self) -> None:
        """`file_info` is content too."""
        data = image(self.room_id) | {"client_message_id": "a"}
        first = self.mina.ask("SEND_MESSAGE", data)["data"]
        self.assertEqual(self.mina.ask("SEND_MESSAGE", data)["data"], first | {"duplicate": True})
        other = image(self.room_id, file_size=5) | {"client_message_id": "a"}
        self.assertEqual(self.mina.refused("SEND_MESSAGE", other), "CONFLICT")

    def test_per_user_and_room(self) -> None:
        """Another user's, or another room's, is another message."""
        other_room = self.world.room(self.mina)
        sent = [self.send(), self.send(self.jun), self.send(room_id=other_room)]
        self.assertEqual(len({one["data"]["message_id"] for one in sent}), 3)
        self.assertEqual([one["data"].get("duplicate") for one in sent], [None, None, None])

    def test_other_device_of_the_same_user(self) -> None:
        """It is the user's, not the connection's."""
        first = self.send()["data"]
        self.assertEqual(self.send(self.world.connected(1))["data"], first | {"duplicate": True})

    def test_twice_in_one_burst(self) -> None:
        """Twice in one segment: stored once, the second answer is the first plus `duplicate`."""
        data = text(self.room_id, "안녕", client_message_id="a")
        asked = self.mina.begin(*(self.mina.request("SEND_MESSAGE", data) for _ in range(3)))
        self.world.turn()
        first, *again = [self.mina.answer(seq_id)["data"] for seq_id in asked]
        self.assertNotIn("duplicate", first)
        self.assertEqual(again, [first | {"duplicate": True}] * 2)
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"])

    def test_conflict_in_one_burst(self) -> None:
        """Other content in the same segment: CONFLICT for the second, and the third goes on."""
        asked = self.mina.begin(
            self.mina.request("SEND_MESSAGE", text(self.room_id, "하나", client_message_id="a")),
            self.mina.request("SEND_MESSAGE", text(self.room_id, "둘", client_message_id="a")),
            self.mina.request("SEND_MESSAGE", text(self.room_id, "셋", client_message_id="b")),
        )
        self.world.turn()
        answers = [self.mina.answer(seq_id) for seq_id in asked]
        self.assertEqual([one.get("error_code") for one in answers], [None, "CONFLICT", None])
        self.assertEqual([one["data"]["content"] for one in self.jun.all()], ["하나", "셋"])

    def test_burst_from_two_devices(self) -> None:
        """Two devices at the same moment: stored once."""
        tablet = self.world.connected(1)
        data = text(self.room_id, "안녕", client_message_id="a")
        asked = [(one, one.begin(one.request("SEND_MESSAGE", data))[0]) for one in (self.mina, tablet)]
        self.world.turn()
        answers = [one.answer(seq_id)["data"] for one, seq_id in asked]
        self.assertEqual(answers[1], answers[0] | {"duplicate": True})
        self.assertEqual(self.jun.actions(), ["NEW_MESSAGE"])

    def test_for_ever(self) -> None:
        """It holds after a crash too: what was acknowledged is not stored again."""
        path = self.mktemp()
        before = World(path=path)
        mina = before.connected(1, "mina")
        room_id = before.room(mina)
        first = self.send(mina, room_id)["data"]
        before.crash()
        mina = World(path=path, start_s=before.clock.seconds() + 86_400).connected(1)
        self.assertEqual(self.send(mina, room_id)["data"], first | {"duplicate": True})

    def test_absent(self) -> None:
        """Absent, it is null in the response, and equal messages are different ones."""
        sent = [self.mina.say(self.room_id, "안녕") for _ in range(2)]
        self.assertEqual([one["client_message_id"] for one in sent], [None, None])
        self.assertEqual(len({one["message_id"] for one in sent}), 2)

    def test_at_most_128_characters(self) -> None:
        """`client_message_id` has at most 128 characters."""
        sent = self.mina.say(self.room_id, "안녕", client_message_id="가" * 128)
        self.assertEqual(sent["client_message_id"], "가" * 128)
        self.jun.all()
        self.assertEqual(self.refused(client_message_id="가" * 129), "INVALID_MESSAGE")

    def test_what_was_refused_uses_nothing_up(self) -> None:
        """An id whose message was refused is free."""
        self.assertEqual(code_of(self.send(content=" ")), "INVALID_MESSAGE")
        self.assertNotIn("duplicate", self.send()["data"])


class ReceiptTests(InARoom):
    """CHECK_RECEIVE (§5.3)."""

    def check(self, client, *message_ids: int):
        """Confirm messages and return the answer's data."""
        return client.ask("CHECK_RECEIVE", {"room_id": self.room_id, "message_ids": list(message_ids)})[
            "data"
        ]

    def pending(self, client) -> list[int]:
        """Poll and return the ids of `pending_messages`."""
        return [one["message_id"] for one in self.check(client)["pending_messages"]]

    def said(self, *contents: str) -> list[int]:
        """Have mina say something and return the ids."""
        return [self.mina.say(self.room_id, content)["message_id"] for content in contents]

    def test_three_lists(self) -> None:
        """Confirmed ids, ids of no message of this room; the user's own are in neither list."""
        one, two, three = self.said("하나", "둘", "셋")
        own = self.jun.say(self.room_id, "넷")["message_id"]
        elsewhere = self.mina.say(self.world.room(self.mina), "다른 방")["message_id"]
        data = self.check(self.jun, two, own, 999_999, one, elsewhere)
        self.assertEqual(sorted(data["received_messages"]), [one, two])
        self.assertEqual(sorted(data["failed_messages"]), sorted([999_999, elsewhere]))
        self.assertEqual([each["message_id"] for each in data["pending_messages"]], [three])

    def test_confirmed_again(self) -> None:
        """Ids confirmed before are received again."""
        (one,) = self.said("하나")
        for _ in range(2):
            self.assertEqual(self.check(self.jun, one)["received_messages"], [one])

    def test_same_id_twice(self) -> None:
        """An id that is given twice is confirmed once."""
        (one,) = self.said("하나")
        self.assertEqual(self.check(self.jun, one, one)["received_messages"], [one])

    def test_gaps(self) -> None:
        """Confirmations leave gaps, which stay pending, oldest first."""
        one, two, three, four = self.said("하나", "둘", "셋", "넷")
        self.check(self.jun, two, four)
        self.assertEqual(self.pending(self.jun), [one, three])
        self.check(self.jun, one)
        self.assertEqual(self.pending(self.jun), [three])
        self.check(self.jun, three)
        self.assertEqual(self.pending(self.jun), [])
        (five,) = self.said("다섯")
        self.assertEqual(self.pending(self.jun), [five])

    def test_plain_poll(self) -> None:
        """`message_ids: []` confirms nothing."""
        (one,) = self.said("하나")
        data = self.check(self.jun)
        self.assertEqual((data["received_messages"], data["failed_messages"]), ([], []))
        self.assertEqual(self.pending(self.jun), [one])

    def test_since_the_user_joined(self) -> None:
        """Messages from before the join are never pending, in an open room either."""
        self.said("전")
        self.sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.pending(self.sora), [])
        (after,) = self.said("후")
        self.assertEqual(self.pending(self.sora), [after])

    def test_shape_of_pending(self) -> None:
        """As in the example, with `message_type`, `reply_to_message_id` and for images `file_info`."""
        first = self.mina.say(self.room_id, "하나")
        photo = self.mina.ask(
            "SEND_MESSAGE", image(self.room_id) | {"reply_to_message_id": first["message_id"]}
        )
        user = {"user_id": 1, "nickname": "mina"}
        self.assertEqual(
            self.check(self.jun)["pending_messages"],
            [
                {
                    "message_id": first["message_id"],
                    "content": "하나",
                    "user": user,
                    "created_at": first["created_at"],
                    "message_type": "text",
                    "reply_to_message_id": None,
                },
                {
                    "message_id": photo["data"]["message_id"],
                    "content": "",
                    "user": user,
                    "created_at": photo["data"]["created_at"],
                    "message_type": "image",
                    "reply_to_message_id": first["message_id"],
                    "file_info": PHOTO,
                },
            ],
        )

    def test_at_most_100_pending(self) -> None:
        """`pending_messages` are the oldest 100."""
        said = self.said(*(str(number) for number in range(103)))
        self.assertEqual(self.pending(self.jun), said[:100])

    def test_at_most_500_ids(self) -> None:
        """CHECK_RECEIVE takes at most 500 ids."""
        self.assertEqual(len(self.check(self.jun, *range(10_001, 10_501))["failed_messages"]), 500)
        for bad in (list(range(1, 502)), [0], ["1"], [1.0], [True], "1", None):
            data = {"room_id": self.room_id, "message_ids": bad}
            self.assertEqual(self.jun.refused("CHECK_RECEIVE", data), "INVALID_MESSAGE", str(bad)[:20])

    def test_author_is_told(self) -> None:
        """v1.1: the author's connections get MESSAGE_RECEIVED, nobody else."""
        tablet = self.world.connected(1)
        self.sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        one, two = self.said("하나", "둘")
        hers = self.sora.say(self.room_id, "셋")["message_id"]
        for each in (self.mina, self.jun, self.sora, tablet):
            each.all()
        self.check(self.jun, one, hers, two)
        for device in (self.mina, tablet):
            heard = device.heard("MESSAGE_RECEIVED")["data"]
            self.assertEqual((heard["room_id"], heard["user_id"]), (self.room_id, 2))
            self.assertEqual(sorted(heard["message_ids"]), [one, two])
        self.assertEqual(self.sora.heard("MESSAGE_RECEIVED")["data"]["message_ids"], [hers])
        self.assertEqual(self.jun.actions(), [])

    def test_author_is_told_of_old_messages_too(self) -> None:
        """Somebody who joined an open room later confirms what he found there."""
        (old,) = self.said("전")
        self.sora.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.mina.all()
        self.assertEqual(self.check(self.sora, old)["received_messages"], [old])
        self.assertEqual(
            self.mina.heard("MESSAGE_RECEIVED")["data"],
            {"room_id": self.room_id, "user_id": 3, "message_ids": [old]},
        )

    def test_unread_messages(self) -> None:
        """`unread_messages` counts others' unconfirmed messages in all rooms (section 4)."""
        one, *_ = self.said("하나", "둘")
        other = self.world.room(self.jun, self.mina)
        self.mina.say(other, "셋")
        self.jun.say(other, "넷")

        def unread(user_id: int) -> int:
            return self.world.connected(user_id).welcome["data"]["reconnection_info"]["unread_messages"]

        self.assertEqual((unread(2), unread(1), unread(3)), (3, 1, 0))
        self.check(self.jun, one)
        self.assertEqual(unread(2), 2)

    def test_confirmations_are_the_users(self) -> None:
        """What one device confirms no other has to."""
        (one,) = self.said("하나")
        self.check(self.jun, one)
        self.assertEqual(self.pending(self.world.connected(2)), [])

    def test_leaving_starts_anew(self) -> None:
        """Who leaves and joins again has nothing pending from before."""
        self.said("하나")
        self.jun.ask("EXIT_ROOM", {"room_id": self.room_id})
        self.said("둘")
        self.jun.ask("JOIN_ROOM", {"room_id": self.room_id})
        self.assertEqual(self.pending(self.jun), [])


class HistoryTests(InARoom):
    """v1.1 GET_MESSAGES."""

    def page(self, client=None, **data):
        """Return the ids of a page, and whether there is more."""
        answer = (client or self.jun).ask("GET_MESSAGES", {"room_id": self.room_id} | data)
        found = answer["data"]
        self.assertEqual(found["room_id"], self.room_id)
        return [one["message_id"] for one in found["messages"]], found["has_more"]

    def test_backwards(self) -> None:
        """`before_message_id`: the page just before it, oldest first, and whether there is more."""
        said = [self.mina.say(self.room_id, str(number))["message_id"] for number in range(5)]
        self.assertEqual(self.page(before_message_id=said[4], limit=2), (said[2:4], True))
        self.assertEqual(self.page(before_message_id=said[2], limit=2), (said[:2], False))
        self.assertEqual(self.page(before_message_id=said[0], limit=2), ([], False))

    def test_forwards(self) -> None:
        """`after_message_id`: the page just after it, oldest first."""
        said = [self.mina.say(self.room_id, str(number))["message_id"] for number in range(5)]
        self.assertEqual(self.page(after_message_id=said[0], limit=3), (said[1:4], True))
        self.assertEqual(self.page(after_message_id=said[3], limit=3), (said[4:], False))

    def test_limit(self) -> None:
        """`limit` is 1 to 100."""
        said = [self.mina.say(self.room_id, str(number))["message_id"] for number in range(103)]
        self.assertEqual(self.page(after_message_id=1, limit=100), (said[:100], True))
        for bad in (0, 101, -1, "5", 2.5):
            data = {"room_id": self.room_id, "limit": bad}
            self.assertEqual(self.jun.refused("GET_MESSAGES", data), "INVALID_MESSAGE", bad)

    def test_one_direction(self) -> None:
        """Before or after, not both."""
        data = {"room_id": self.room_id, "before_message_id": 5, "after_message_id": 1}
        self.assertEqual(self.jun.refused("GET_MESSAGES", data), "INVALID_MESSAGE")

    def test_shaped_like_new_message(self) -> None:
        """Messages are shaped like NEW_MESSAGE.data, images too."""
        self.mina.say(self.room_id, "하나")
        self.mina.ask("SEND_MESSAGE", image(self.room_id))
        heard = [one["data"] for one in self.jun.all()]
        found = self.jun.ask("GET_MESSAGES", {"room_id": self.room_id, "after_message_id": 1})
        self.assertEqual(found["data"]["messages"], heard)

    def test_closed_room(self) -> None:
        """In a closed room a member sees messages from the join on, in either direction."""
        room_id = self.world.room(self.mina, is_open=False, invited_user_ids=[2])
        self.mina.say(room_id, "전")
        self.jun.ask("JOIN_ROOM", {"room_id": room_id})
        after = self.mina.say(room_id, "후")["message_id"]
        for asked in ({"after_message_id": 1}, {"before_message_id": after + 100}):
            self.assertEqual(self.seen(room_id, asked), [after])

    def seen(self, room_id: int, asked) -> list[int]:
        """Return the ids that jun sees of a room."""
        found = self.jun.ask("GET_MESSAGES", {"room_id": room_id} | asked)["data"]
        self.assertFalse(found["has_more"])
        return [one["message_id"] for one in found["messages"]]

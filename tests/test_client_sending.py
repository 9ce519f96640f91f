"""What the client library makes of messages that get no answer, or none yet: order, patience (§10.2)."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from assa.client import BadAnswer, Disconnected, NewMessage, NoAnswer, Postponed, Rejected, SendMessage
from assa.protocol import FileInfo, MessageSent
from tests.scripted import NOW, Data, Refusal, message
from tests.test_client import Phone, online
from tests.test_client import Room as TwoInARoom
from tests.test_client_catching_up import App
from tests.world import UNLIMITED, World


def sent(data: Data) -> Data:
    """Return what answers SEND_MESSAGE."""
    kept = {name: data[name] for name in ("room_id", "content", "message_type", "client_message_id")}
    return kept | {"message_id": int(data["content"]) + 100, "created_at": NOW}


class OrderTests(SynchronousTestCase):
    def test_refused_for_now(self) -> None:
        """A message that is refused for now holds up those behind it in its room, and no others."""
        app = App(SEND_MESSAGE=Refusal("RATE_LIMITED", retry_after_ms=2_000))
        first = [app.client.send_text(1, str(number)) for number in range(3)]
        app.pass_time(0)
        app.server.answers["SEND_MESSAGE"] = sent
        other = app.client.send_text(2, "9")
        app.pass_time(0)
        self.assertEqual(self.successResultOf(other).message_id, 109)
        app.pass_time(1.75)
        for sending in first:
            self.assertNoResult(sending)
        app.pass_time(0.25)
        self.assertEqual([self.successResultOf(one).message_id for one in first], [100, 101, 102])
        self.assertEqual(
            [one["content"] for one in app.server.taken("SEND_MESSAGE")], ["0", "9", "0", "1", "2"]
        )
        (event,) = app.events
        assert isinstance(event, Postponed)
        self.assertEqual((event.room_id, event.delay_s, event.error.code), (1, 2.0, "RATE_LIMITED"))
        self.assertEqual(event.client_message_id, app.server.taken("SEND_MESSAGE")[0]["client_message_id"])

    def test_refused_for_now_is_not_in_doubt(self) -> None:
        """A message that was refused holds up no events: it was not stored, so none of them can be it."""
        app = App(SEND_MESSAGE=Refusal("RATE_LIMITED", retry_after_ms=30_000))
        app.server.delay_s = 0.2
        sending = app.client.send_text(1, "0")
        app.server.says("NEW_MESSAGE", message(7, user_id=1), seq_id="e101")
        app.server.says("NEW_MESSAGE", message(8, room_id=2), seq_id="e102")
        self.assertEqual(app.heard(), [])
        app.pass_time(0.25)
        self.assertEqual(app.heard(), [7, 8])
        app.server.says("NEW_MESSAGE", message(9, user_id=1), seq_id="e103")
        self.assertEqual(app.heard(), [7, 8, 9])
        app.server.answers["SEND_MESSAGE"] = sent
        app.pass_time(30.5)
        self.assertEqual(self.successResultOf(sending).message_id, 100)

    def test_refused_after_one_without_an_answer(self) -> None:
        """One that was sent before that, without an answer, may have been stored: it is in doubt."""
        app = App(SEND_MESSAGE=None)
        sending = app.client.send_text(1, "0")
        app.pass_time(0)
        app.server.answers["SEND_MESSAGE"] = Refusal("RATE_LIMITED", retry_after_ms=1_000)
        app.server.answers["LIST_ROOMS"] = {"rooms": []}
        app.lose()
        app.server.says("NEW_MESSAGE", message(100, user_id=1), seq_id="e101")
        app.server.says("NEW_MESSAGE", message(101), seq_id="e102")
        self.assertEqual(app.heard(), [])
        app.server.answers["SEND_MESSAGE"] = sent
        app.pass_time(1)
        self.assertEqual(self.successResultOf(sending).message_id, 100)
        self.assertEqual(app.heard(), [101])

    def test_limited_rate(self) -> None:
        """Whoever sends faster than the server takes it is slowed down; all arrives in order."""
        room = TwoInARoom(rate_limits=evolve(UNLIMITED, messages=2, messages_burst=3))
        sendings = [room.mina.asks("SEND_MESSAGE", room.text(str(number))) for number in range(10)]
        room.world.pass_time(6)
        self.assertTrue(all(one.result for one in sendings))
        heard = [one["data"]["content"] for one in room.jun.all() if one["action"] == "NEW_MESSAGE"]
        self.assertEqual(heard, [str(number) for number in range(10)])

    def test_patience(self) -> None:
        """After twenty refusals the sender is told, and the next one has its turn."""
        app = App(SEND_MESSAGE=Refusal("SERVICE_UNAVAILABLE", retry_after_ms=500))
        first, second = app.client.send_text(1, "0"), app.client.send_text(1, "1")
        app.pass_time(9.25)
        self.assertNoResult(first)
        app.pass_time(0.25)
        self.assertEqual(self.failureResultOf(first, Rejected).value.code, "SERVICE_UNAVAILABLE")
        app.server.answers["SEND_MESSAGE"] = sent
        app.pass_time(1)
        self.assertEqual(self.successResultOf(second).message_id, 101)

    def test_lost_while_it_waits(self) -> None:
        """A message that waits for its turn goes out with the next connection."""
        app = App(SEND_MESSAGE=Refusal("RATE_LIMITED", retry_after_ms=60_000))
        sending = app.client.send_text(1, "0")
        app.pass_time(0)
        app.server.answers["SEND_MESSAGE"] = sent
        app.lose()
        self.assertEqual(self.successResultOf(sending).message_id, 100)
        app.client.close()
        self.assertEqual(app.clock.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """A message that is refused for good fails alone."""
        app = App(SEND_MESSAGE=lambda data: Refusal("CONFLICT") if data["content"] == "0" else sent(data))
        first, second = app.client.send_text(1, "0"), app.client.send_text(1, "1")
        app.pass_time(0)
        self.assertEqual(self.failureResultOf(first, Rejected).value.code, "CONFLICT")
        self.assertEqual(self.successResultOf(second).message_id, 101)

    def test_cancelled(self) -> None:
        """Who no longer wants to send cancels: what was not sent yet is not; the others go on."""
        app = App(SEND_MESSAGE=Refusal("RATE_LIMITED", retry_after_ms=1_000))
        sendings = [app.client.send_text(1, str(number)) for number in range(3)]
        app.pass_time(0)
        app.server.answers["SEND_MESSAGE"] = sent
        for place in (1, 0):
            sendings[place].cancel()
            self.failureResultOf(sendings[place], CancelledError)
        app.pass_time(2)
        self.assertEqual(self.successResultOf(sendings[2]).message_id, 102)
        self.assertEqual([one["content"] for one in app.server.taken("SEND_MESSAGE")], ["0", "2"])

    def test_given_up(self) -> None:
        """When the connection is given up, all who wait are told."""
        app = App()
        ids = [f"mine-{number}" for number in range(3)]
        sendings = [
            app.client.ask(
                SendMessage(room_id=1, content="a", message_type="text", client_message_id=client_message_id)
            )
            for client_message_id in ids
        ]
        app.server.closed = True
        app.server.cut()
        app.pass_time(10)
        for sending in sendings:
            self.failureResultOf(sending, Disconnected)
        self.assertEqual([one["client_message_id"] for one in app.server.taken("SEND_MESSAGE")], ids[:1])
        self.failureResultOf(app.client.send_text(1, "late"), Disconnected)

    def test_no_answer_twice(self) -> None:
        """The one behind a message that was never answered has its turn."""
        app = App(SEND_MESSAGE=lambda data: sent(data) if data["content"] == "1" else None)
        first, second = app.client.send_text(1, "0"), app.client.send_text(1, "1")
        app.pass_time(22)
        self.failureResultOf(first, NoAnswer)
        self.assertEqual(self.successResultOf(second).message_id, 101)


class AnswersTests(SynchronousTestCase):
    def test_typed(self) -> None:
        """The class of a request says which class its answer has."""
        room = TwoInARoom()
        sending = room.mina.client.send_text(room.room_id, "안녕")
        room.world.turn()
        answer = self.successResultOf(sending)
        self.assertIsInstance(answer, MessageSent)
        self.assertEqual((answer.content, answer.duplicate), ("안녕", None))

    def test_image(self) -> None:
        """What is nested is there in its class, both ways (§5.2)."""
        room = TwoInARoom()
        file = FileInfo(
            file_path="/storage/a.jpg", file_name="a.jpg", file_size=1_024, mime_type="image/jpeg"
        )
        sending = room.mina.client.ask(
            SendMessage(room_id=room.room_id, content="", message_type="image", file_info=file)
        )
        room.world.turn()
        self.assertEqual(self.successResultOf(sending).file_info, file)
        self.assertEqual(room.jun.heard("NEW_MESSAGE")["data"]["file_info"]["file_size"], 1_024)

    def test_conveniences(self) -> None:
        """What programs do most has methods of its own."""
        world = World()
        mina, jun = online(world), online(world, 2, "jun")

        def done(doing: Any) -> Any:
            world.turn()
            return self.successResultOf(doing)

        room_id = done(mina.client.create_room("방", description="d", invite=[2])).room_id
        self.assertEqual(jun.heard(), ["INVITATION_RECEIVED"])
        self.assertEqual(done(jun.client.join_room(room_id)).room_info.description, "d")
        first = done(mina.client.send_text(room_id, "a")).message_id
        done(mina.client.send_text(room_id, "b", reply_to=first))
        (_, event) = jun.events
        assert isinstance(event, NewMessage)
        self.assertEqual(event.reply_to_message_id, first)
        self.assertEqual(done(jun.client.confirm(room_id, [first])).received_messages, [first])
        (listed,) = done(jun.client.list_rooms()).rooms
        self.assertEqual(listed.unread_messages, 1)
        page = done(jun.client.get_messages(room_id, limit=1))
        self.assertEqual(([one.content for one in page.messages], page.has_more), (["b"], True))
        page = done(jun.client.get_messages(room_id, before=event.message_id))
        self.assertEqual([one.content for one in page.messages], ["a"])
        self.assertEqual(done(jun.client.exit_room(room_id)).room_id, room_id)
        self.assertEqual((mina.client.user_id, jun.client.user_id), (1, 2))

    def test_bad_answer(self) -> None:
        """An answer that has not the form of the protocol is an exception of its own."""
        app = App(LIST_ROOMS={"rooms": 5}, SEND_MESSAGE={"message_id": "x"})
        asked, sending = app.client.list_rooms(), app.client.send_text(1, "a")
        app.pass_time(0)
        self.assertIn("LIST_ROOMS", str(self.failureResultOf(asked, BadAnswer).value))
        self.failureResultOf(sending, BadAnswer)

    def test_ask_while_waiting(self) -> None:
        """Whoever asks again when a request fails is told that there is no connection."""
        phone = Phone(World())
        phone.connect()
        asked = phone.client.list_rooms()
        again = []
        asked.addErrback(lambda _: again.append(phone.client.list_rooms()))
        phone.road.cut()
        self.failureResultOf(again[0], Disconnected)

"""What the client library checks before it sends, and what it does not show (§2.2, §9.1)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from assa.client import Client, SendMessage
from assa.client.forms import checked
from assa.protocol import Connect, GetMessages, Invite, SetMediaStatus
from tests.scripted import message
from tests.test_client_catching_up import App


class CheckedTests(SynchronousTestCase):
    def test_out_of_form(self) -> None:
        """A field of another type or out of bounds is told at once, by its name, and nothing is sent."""
        app = App()
        text = {"content": "a", "message_type": "text"}
        for request, words in (
            (Invite(room_id="x", invited_user_ids=[1]), "INVITE: room_id: expected an integer"),  # type: ignore[arg-type]
            (
                Invite(room_id=1, invited_user_ids=[10**21]),
                "INVITE: invited_user_ids: every item:",
            ),
            (Invite(room_id=1, invited_user_ids=[]), "INVITE: invited_user_ids: expected 1 to 100 items"),
            (GetMessages(room_id=1, limit=101), "GET_MESSAGES: limit: expected 1 to 100"),
            (SendMessage(room_id=0, **text), "SEND_MESSAGE: room_id: expected 1"),  # type: ignore[arg-type]
            (SendMessage(**(text | {"room_id": 1, "content": "\ud800"})), "SEND_MESSAGE: "),  # type: ignore[arg-type]
        ):
            wrong = self.assertRaises(ValueError, app.client.ask, request)
            self.assertIn(words, str(wrong))
        told = SetMediaStatus(video_room_id=1, audio_enabled="yes", video_enabled=True)  # type: ignore[arg-type]
        wrong = self.assertRaises(ValueError, app.client.tell, told)
        self.assertIn("MEDIA_STATUS: audio_enabled: expected true or false", str(wrong))
        self.assertEqual([one["action"] for one in app.server.requests], ["CONNECT"])

    def test_in_form(self) -> None:
        """What is checked is what is sent: fields that are not given stay away."""
        request = GetMessages(room_id=1, after_message_id=5)
        self.assertEqual(checked(request), {"room_id": 1, "after_message_id": 5, "limit": 50})

    def test_typed_methods(self) -> None:
        """`invite` and `get_messages` say what their names and arguments promise."""
        app = App(GET_MESSAGES={"room_id": 1, "messages": [message(6)], "has_more": False})
        app.server.answers["INVITE"] = {
            "room_id": 1,
            "invited_users": [{"user_id": 2, "nickname": "jun", "status": "invited"}],
        }
        inviting, getting = app.client.invite(1, (2,)), app.client.get_messages(1, after=5)
        app.pass_time(0)
        self.assertEqual(self.successResultOf(inviting).invited_users[0].status, "invited")
        self.assertEqual(self.successResultOf(getting).messages[0].message_id, 6)
        self.assertEqual(app.server.taken("INVITE"), [{"room_id": 1, "invited_user_ids": [2]}])
        self.assertEqual(app.server.taken("GET_MESSAGES")[0]["after_message_id"], 5)


class ListenersTests(SynchronousTestCase):
    def test_coroutine_functions(self) -> None:
        """Nobody would await what a coroutine function returns: it is no listener."""

        async def listener(_: Any) -> None:
            pass

        app = App()
        for name in ("heard", "changed"):
            self.assertRaises(TypeError, Client, app.server, app.clock, **{name: listener})

    def test_the_event_counts(self) -> None:
        """Inside `heard` the bookmark includes the event, whether `heard` fails or not."""
        app, marks = App(), []

        def heard(_: Any) -> None:
            marks.append(app.client.bookmark)
            raise OSError("the disk is full")

        app.client._core._heard = heard
        for number in (101, 102):
            app.server.says("NEW_MESSAGE", message(number), seq_id=f"e{number}")
        self.assertEqual(
            [(one.last_seq_id, one.rooms[0].newest) for one in marks], [("e101", 101), ("e102", 102)]
        )
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)


class SecretsTests(SynchronousTestCase):
    def test_token(self) -> None:
        """A request shows no token, wherever it is printed."""
        self.assertNotIn("secret", repr(Connect(jwt_token="secret")))

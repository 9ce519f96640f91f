"""What the client library fetches where a session is not resumed, from servers of every age (§5.3, §10.3)."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assa.client import Bookmark, Client, Event, Gap, NewMessage, Offline, Online, Token, Unknown, catching_up
from assa.client.inbox import Room
from tests.scripted import WELCOME_1_0, WELCOME_1_1, Data, Refusal, Scripted, message, pending
from tests.test_client import Phone, online
from tests.test_client import Room as TwoInARoom
from tests.world import START_S, World

LATER = "2024-01-01T12:05:00.000Z"
JWT = "nobody verifies it"
BEFORE = "2024-01-01T11:00:00.000Z"


def info(joined_at: str) -> Data:
    """Return what answers ROOM_INFO."""
    return {
        "room_id": 1,
        "name": "방",
        "description": "",
        "is_open": True,
        "host_user_id": 2,
        "participants_count": 2,
        "max_participants": 10,
        "created_at": BEFORE,
        "participants": [
            {"user_id": 2, "nickname": "jun", "role": "host", "joined_at": BEFORE},
            {"user_id": 1, "nickname": "mina", "role": "member", "joined_at": joined_at},
        ],
    }


class App:
    """A client of a scripted server, connected."""

    def __init__(self, **answers: Any) -> None:
        self.clock = Clock()
        self.clock.advance(START_S)
        self.server = Scripted(self.clock, **({"ROOM_INFO": info(BEFORE)} | answers))
        self.events: list[Event] = []
        self.states: list[Any] = []
        self.client = Client(
            self.server, self.clock, heard=self.events.append, changed=self.states.append, random=lambda: 0.0
        )
        self.connect()

    def connect(self, token: Token = JWT, resume: Bookmark | None = None) -> Deferred[Any]:
        """Connect."""
        connecting = Deferred.fromCoroutine(self.client.connect(token, resume=resume))
        self.pass_time(0)
        return connecting

    def pass_time(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass."""
        end = self.clock.seconds() + seconds
        while True:
            for _ in range(30):
                self.clock.advance(0)
            if self.clock.seconds() >= end:
                return
            self.clock.advance(min(step, end - self.clock.seconds()))

    def lose(self) -> None:
        """Lose the connection, and come back."""
        self.server.cut()
        self.pass_time(1.25)

    def heard(self) -> list[int]:
        """Return the ids of the messages that were heard."""
        return [one.message_id for one in self.events if isinstance(one, NewMessage)]


def history(*messages: Data) -> Any:
    """Return what answers GET_MESSAGES from these messages."""

    def get(data: Data) -> Data:
        limit = data["limit"]
        if "after_message_id" in data:
            found = [one for one in messages if one["message_id"] > data["after_message_id"]]
            page = found[:limit]
        else:
            before = data.get("before_message_id", 10_000)
            found = [one for one in messages if one["message_id"] < before]
            page = found[-limit:]
        return {"room_id": 1, "messages": page, "has_more": len(found) > len(page)}

    return get


def rooms(last: Data | None, room_id: int = 1) -> Data:
    """Return what answers LIST_ROOMS."""
    room = {"room_id": room_id, "name": "방", "description": "", "is_open": True, "host_user_id": 1}
    return {"rooms": [room | {"participants_count": 2, "unread_messages": 0, "last_message": last}]}


class PagesTests(SynchronousTestCase):
    def test_many_pages(self) -> None:
        """However much was missed, all of it comes, page by page, and before what happens meanwhile."""
        all_of_them = [message(number) for number in range(101, 451)]
        app = App(GET_MESSAGES=history(*all_of_them), LIST_ROOMS=rooms(all_of_them[-1]))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.server.delay_s = 0.2
        app.lose()
        self.assertIsInstance(app.client.state, Online)
        app.server.says("NEW_MESSAGE", message(450), seq_id="e450")
        app.server.says("NEW_MESSAGE", message(451), seq_id="e451")
        self.assertEqual(app.heard(), [101])
        app.pass_time(2)
        self.assertEqual(app.heard(), list(range(101, 452)))
        self.assertEqual(len(app.server.taken("GET_MESSAGES")), 4)
        self.assertFalse(app.states[-1].complete)
        self.assertEqual(app.client.bookmark.last_seq_id, "e451")

    def test_nothing_heard_before(self) -> None:
        """Where nothing was heard of a room yet, what is older than the first connection was not missed."""
        old = [message(number, created_at=BEFORE) for number in range(1, 300)]
        new = [message(number, created_at=LATER) for number in range(300, 420)]
        app = App(GET_MESSAGES=history(*old, *new), LIST_ROOMS=rooms(new[-1]))
        app.lose()
        self.assertEqual(app.heard(), list(range(300, 420)))
        self.assertEqual(len(app.server.taken("GET_MESSAGES")), 2)

    def test_no_server_time(self) -> None:
        """Where the server does not say when the first connection began, this machine does."""
        old, new = message(1, created_at=BEFORE), message(2, created_at=LATER)
        app = App(
            CONNECT=WELCOME_1_1 | {"server_time": ""}, GET_MESSAGES=history(old, new), LIST_ROOMS=rooms(new)
        )
        for _ in range(2):
            app.lose()
            self.assertEqual(app.heard(), [2])

    def test_nothing_missed(self) -> None:
        """A room whose last message was heard is not asked for."""
        app = App(LIST_ROOMS=rooms(message(101)))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        self.assertEqual((app.heard(), app.server.taken("GET_MESSAGES")), ([101], []))

    def test_room_of_another_device(self) -> None:
        """A room that was joined meanwhile, on another device, begins there: older ones are not heard."""
        times = (BEFORE, "2024-01-01T12:03:00.000Z", LATER, LATER)
        said = [message(500 + number, room_id=7, created_at=time) for number, time in enumerate(times)]
        app = App(
            LIST_ROOMS=rooms(said[-1], room_id=7),
            ROOM_INFO=info("2024-01-01T12:04:30.000Z"),
            GET_MESSAGES=history(*said),
        )
        app.lose()
        self.assertEqual(app.heard(), [502, 503])
        self.assertEqual(app.server.taken("ROOM_INFO"), [{"room_id": 7}])
        app.lose()
        self.assertEqual(len(app.server.taken("GET_MESSAGES")), 1)

    def test_room_of_another_device_that_cannot_be_fetched(self) -> None:
        """Where its messages cannot be fetched, there is a Gap, and they are fetched the next time."""
        said = message(501, room_id=7, created_at=LATER)
        app = App(LIST_ROOMS=rooms(said, room_id=7), GET_MESSAGES=Refusal("INTERNAL_ERROR"))
        app.lose()
        app.pass_time(16)
        self.assertEqual(app.events, [Gap(room_id=7, after_message_id=None, reason="INTERNAL_ERROR")])
        app.server.answers["GET_MESSAGES"] = history(said)
        app.lose()
        self.assertEqual(app.heard(), [501])

    def test_not_among_the_members(self) -> None:
        """Where the server does not tell when the user joined, it was since the first connection."""
        said = [message(1, created_at=BEFORE), message(2, created_at=LATER)]
        for odd in (info("soon"), info(BEFORE) | {"participants": []}):
            app = App(LIST_ROOMS=rooms(said[-1]), ROOM_INFO=odd, GET_MESSAGES=history(*said))
            app.lose()
            self.assertEqual(app.heard(), [2])

    def test_pages_without_end(self) -> None:
        """A server that gives the same page again and again is not asked for ever."""
        for heard in (True, False):
            page = {"room_id": 1, "messages": [message(102, created_at=LATER)], "has_more": True}
            app = App(LIST_ROOMS=rooms(message(103, created_at=LATER)), GET_MESSAGES=page)
            if heard:
                app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
            app.lose()
            app.pass_time(30)
            self.assertLessEqual(len(app.server.taken("GET_MESSAGES")), 10)
            (gap,) = [one for one in app.events if isinstance(one, Gap)]
            self.assertEqual(gap.reason, "GET_MESSAGES has more, and does not go on")
            app.server.says("NEW_MESSAGE", message(104), seq_id="e104")
            self.assertEqual(app.heard(), [101, 102, 104] if heard else [104])

    def test_too_much(self) -> None:
        """Of a room in which nothing was heard yet no more is kept than there is memory for."""
        self.patch(catching_up, "_PAGES", 3)
        said = [message(number, created_at=LATER) for number in range(1, 501)]
        app = App(LIST_ROOMS=rooms(said[-1]), GET_MESSAGES=history(*said))
        app.lose()
        self.assertEqual(app.heard(), list(range(201, 501)))
        self.assertEqual(
            app.events[-1], Gap(room_id=1, after_message_id=None, reason="more than 300 messages were missed")
        )

    def test_message_without_form(self) -> None:
        """A message that has not the form of the protocol costs no others; it is heard as what it is."""
        odd = message(103) | {"reply_to_message_id": "x"}
        app = App(LIST_ROOMS=rooms(message(104)), GET_MESSAGES=history(message(102), odd, message(104)))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        self.assertEqual(app.heard(), [101, 102, 104])
        self.assertEqual(app.events[2], Unknown(action="NEW_MESSAGE", data=odd))

    def test_join_begins_a_room(self) -> None:
        """What JOIN_ROOM has answered with is not heard as an event (§4.2)."""
        info = {"name": "방", "description": "", "host_user_id": 1, "participants_count": 2}
        answer = {
            "room_id": 3,
            "room_info": info,
            "participants": [],
            "recent_messages": [message(9, room_id=3)],
        }
        all_of_them = [message(8, room_id=3), message(9, room_id=3), message(10, room_id=3)]
        app = App(JOIN_ROOM=answer, LIST_ROOMS=rooms(all_of_them[-1], 3), GET_MESSAGES=history(*all_of_them))
        app.client.join_room(3)
        app.pass_time(0)
        app.lose()
        self.assertEqual(app.heard(), [10])

    def test_join_again(self) -> None:
        """A room that was left and joined again, here or on another device, begins with the last join."""
        info = {"name": "방", "description": "", "host_user_id": 1, "participants_count": 2}
        joined = {"room_id": 1, "room_info": info, "participants": []}
        all_of_them = [message(number) for number in range(101, 110)]
        app = App(
            EXIT_ROOM={"room_id": 1}, LIST_ROOMS=rooms(all_of_them[-1]), GET_MESSAGES=history(*all_of_them)
        )
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        for leaves, last in ((False, 105), (True, 107)):
            if leaves:
                app.client.exit_room(1)
            app.server.answers["JOIN_ROOM"] = joined | {"recent_messages": [message(last)]}
            app.client.join_room(1)
            app.pass_time(0)
            app.events.clear()
            app.lose()
            self.assertEqual(app.heard(), list(range(last + 1, 110)))


class InterruptionTests(SynchronousTestCase):
    def test_lost_meanwhile(self) -> None:
        """What was not fetched before the connection is lost again is fetched on the next, resumed or not."""
        all_of_them = [message(number) for number in range(101, 351)]
        app = App(LIST_ROOMS=rooms(all_of_them[-1]))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.server.says("NEW_MESSAGE", message(351), seq_id="e351")
        info = WELCOME_1_1["reconnection_info"] | {"resumed": True, "replayed_events": 0}
        app.server.answers |= {
            "CONNECT": WELCOME_1_1 | {"reconnection_info": info},
            "GET_MESSAGES": history(*all_of_them),
        }
        self.assertEqual(app.heard(), [101])
        app.lose()
        self.assertEqual(app.server.requests[-1]["action"], "GET_MESSAGES")
        self.assertEqual(app.server.taken("CONNECT")[-1]["last_seq_id"], "e351")
        self.assertEqual(app.heard(), list(range(101, 352)))

    def test_no_answer(self) -> None:
        """Where GET_MESSAGES gets no answer, another connection is tried."""
        app = App(LIST_ROOMS=rooms(message(102)))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.pass_time(10.5)
        app.server.answers["GET_MESSAGES"] = history(message(102))
        app.pass_time(1.5)
        self.assertEqual((len(app.server.attempts), app.heard()), (3, [101, 102]))

    def test_refused_for_now(self) -> None:
        """What is refused for now is asked again when the server says so."""
        app = App(LIST_ROOMS=rooms(message(102)), GET_MESSAGES=Refusal("RATE_LIMITED", retry_after_ms=3_000))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.server.answers["GET_MESSAGES"] = history(message(102))
        app.pass_time(2)
        self.assertEqual(app.heard(), [101])
        app.pass_time(1)
        self.assertEqual(app.heard(), [101, 102])

    def test_lost_while_it_waits(self) -> None:
        """What is to be asked again later is asked on the next connection, if that comes first."""
        app = App(LIST_ROOMS=rooms(message(102)), GET_MESSAGES=Refusal("RATE_LIMITED", retry_after_ms=60_000))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.server.answers["GET_MESSAGES"] = history(message(102))
        app.lose()
        self.assertEqual(app.heard(), [101, 102])
        app.client.close()
        self.assertEqual(app.clock.getDelayedCalls(), [])

    def test_odd_time(self) -> None:
        """Where the time of a message cannot be read, it counts as new."""
        app = App(
            LIST_ROOMS=rooms(message(102, created_at="soon")),
            GET_MESSAGES=history(message(102, created_at="")),
        )
        app.lose()
        self.assertEqual(app.heard(), [102])

    def test_never_answered(self) -> None:
        """Five connections on which GET_MESSAGES gets no answer are enough."""
        app = App(LIST_ROOMS=rooms(message(102)))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        for _ in range(6):
            app.pass_time(11.25)
            app.server.says("PING")
        self.assertEqual([type(one).__name__ for one in app.events], ["NewMessage", "Gap"])
        self.assertEqual(len(app.server.taken("GET_MESSAGES")), 5)
        self.assertIsInstance(app.client.state, Online)

    def test_gap(self) -> None:
        """What cannot be fetched in five tries is told, and what happens from then on is heard."""
        app = App(LIST_ROOMS=rooms(message(102)), GET_MESSAGES=Refusal("INTERNAL_ERROR"))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.server.says("NEW_MESSAGE", message(103), seq_id="e103")
        app.pass_time(1 + 2 + 4 + 8)
        gap = Gap(room_id=1, after_message_id=101, reason="INTERNAL_ERROR")
        self.assertEqual([type(one).__name__ for one in app.events], ["NewMessage", "NewMessage", "Gap"])
        self.assertEqual((app.events[2], app.heard()), (gap, [101, 103]))

    def test_room_that_was_left(self) -> None:
        """A room that the user has left meanwhile has nothing to fetch."""
        app = App(LIST_ROOMS=rooms(message(102)), GET_MESSAGES=Refusal("USER_NOT_IN_ROOM"))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.server.says("USER_LEFT", {"odd": 1}, seq_id="e103")
        self.assertEqual(len(app.server.taken("GET_MESSAGES")), 1)
        self.assertEqual([type(one).__name__ for one in app.events], ["NewMessage", "Unknown"])

    def test_no_list(self) -> None:
        """Without LIST_ROOMS the rooms are asked for that are known."""
        app = App(LIST_ROOMS=Refusal("INTERNAL_ERROR"), GET_MESSAGES=history(message(102)))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.pass_time(16)
        self.assertEqual(app.heard(), [101, 102])

    def test_bad_answer(self) -> None:
        """An answer without form is as none."""
        app = App(LIST_ROOMS={"rooms": 1})
        app.lose()
        app.pass_time(16)
        self.assertEqual(app.events, [])
        app.server.says("NEW_MESSAGE", message(103), seq_id="e103")
        self.assertEqual(app.heard(), [])
        app.server.answers["GET_MESSAGES"] = history(message(102, created_at=LATER))
        app.pass_time(16)
        self.assertEqual(app.heard(), [102, 103])

    def test_closed_by_the_listener(self) -> None:
        """Whoever hears a missed message may close, and hears nothing after that."""
        app = App(LIST_ROOMS=rooms(message(103)), GET_MESSAGES=history(message(102), message(103)))
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.client._core._heard = lambda event: (app.events.append(event), app.client.close())  # type: ignore[assignment]
        app.lose()
        self.assertEqual(app.heard(), [101, 102])
        self.assertEqual(app.clock.getDelayedCalls(), [])
        self.assertEqual(app.client.bookmark.rooms[0].newest, 102)
        app.client._core._heard = app.events.append
        app.connect(resume=app.client.bookmark)
        self.assertEqual(app.heard(), [101, 102, 103])


class OldServerTests(SynchronousTestCase):
    def test_pending(self) -> None:
        """A server of v1.0 is asked for what was not confirmed (§5.3)."""
        app = App(CONNECT=WELCOME_1_0, CHECK_RECEIVE=self.check(pending(100), pending(101), pending(103)))
        self.assertEqual(app.states[0].welcome.version, "1.0")
        app.server.says("NEW_MESSAGE", message(100), seq_id="broadcast_100")
        app.server.says("NEW_MESSAGE", message(101), seq_id="broadcast_101")
        app.lose()
        app.server.says("NEW_MESSAGE", message(103), seq_id="broadcast_103")
        app.server.says("NEW_MESSAGE", message(104), seq_id="broadcast_104")
        self.assertEqual(app.heard(), [100, 101, 103, 104])
        self.assertEqual(app.events[2].message_type, "text")  # type: ignore[union-attr]
        self.assertEqual(app.server.requests[-1]["data"], {"room_id": 1, "message_ids": [103]})
        self.assertFalse(app.states[-1].complete)

    def test_more_than_a_page(self) -> None:
        """What is confirmed makes room for the rest."""
        app = App(
            CONNECT=WELCOME_1_0, CHECK_RECEIVE=self.check(*(pending(number) for number in range(1, 351)))
        )
        app.lose()
        self.assertEqual(app.heard(), list(range(1, 351)))

    def test_old_ones(self) -> None:
        """What was unread before the first connection was not missed since."""
        old = [pending(number, created_at=BEFORE) for number in range(1, 151)]
        app = App(CONNECT=WELCOME_1_0, CHECK_RECEIVE=self.check(*old, pending(151, created_at=LATER)))
        app.lose()
        self.assertEqual(app.heard(), [151])

    def test_nothing_unread(self) -> None:
        """Nothing unread is nothing missed."""
        info = {"existing_rooms": [1], "unread_messages": 0}
        app = App(CONNECT=WELCOME_1_0 | {"reconnection_info": info})
        app.lose()
        self.assertEqual(app.server.taken("CHECK_RECEIVE"), [])
        app.server.says("NEW_MESSAGE", message(1), seq_id="b1")
        self.assertEqual(app.heard(), [1])

    def test_another_order(self) -> None:
        """An old server may send in another order than that of the ids: nothing is lost."""
        app = App(CONNECT=WELCOME_1_0)
        for number in (2, 1, 2, 3):
            app.server.says("NEW_MESSAGE", message(number), seq_id=f"b{number}")
        self.assertEqual(app.heard(), [2, 1, 3])

    def test_echo(self) -> None:
        """One's own message is not heard, though an old server may send it to everybody in the room."""
        app = App(CONNECT=WELCOME_1_0)
        for answer_first in (True, False):
            number = 10 + answer_first
            sent = {
                "message_id": number,
                "room_id": 1,
                "content": "a",
                "message_type": "text",
                "created_at": LATER,
            }
            app.server.answers["SEND_MESSAGE"] = sent | {"client_message_id": "x"}
            sending = app.client.send_text(1, "a")
            if answer_first:
                app.pass_time(0)
            app.server.says("NEW_MESSAGE", message(number, user_id=1), seq_id="b")
            app.server.says("NEW_MESSAGE", message(number + 10), seq_id="c")
            app.pass_time(0)
            self.assertEqual(self.successResultOf(sending).message_id, number)
        self.assertEqual(app.heard(), [21, 20])

    @staticmethod
    def check(*waiting: Data) -> Any:
        """Return what answers CHECK_RECEIVE, a hundred at a time."""
        confirmed: set[int] = set()

        def answer(data: Data) -> Data:
            confirmed.update(data["message_ids"])
            left = [one for one in waiting if one["message_id"] not in confirmed]
            return {
                "room_id": 1,
                "received_messages": data["message_ids"],
                "failed_messages": [],
                "pending_messages": left[:100],
            }

        return answer


class OwnMessagesTests(SynchronousTestCase):
    def test_other_device(self) -> None:
        """What the user sends on another device is heard, also where it is fetched; not what is sent here."""
        room = TwoInARoom(limits={"replay_events": 1})
        tablet = online(room.world)
        tablet.events.clear()
        tablet.client.send_text(room.room_id, "here")
        room.world.turn()
        tablet.road.closed = True
        tablet.road.cut()
        for content in ("a", "b", "c"):
            room.mina.asks("SEND_MESSAGE", room.text(content))
        tablet.road.closed = False
        room.world.pass_time(8)
        self.assertFalse(tablet.client.state.complete)
        self.assertEqual([event.content for event in tablet.events], ["a", "b", "c"])

    def test_stored_without_an_answer(self) -> None:
        """Nor is one whose answer was lost, and whose session is forgotten."""
        for options in ({}, {"limits": {"replay_events": 0}}):
            room = TwoInARoom(**options)
            room.mina.road.swallow()
            sending = room.mina.asks("SEND_MESSAGE", room.text("mine"))
            room.mina.road.cut()
            room.jun.say(room.room_id, "a")
            room.world.query("DELETE FROM sessions WHERE user_id = 1")
            room.world.pass_time(1.5)
            room.jun.say(room.room_id, "b")
            self.assertTrue(sending.result["duplicate"])
            self.assertEqual(
                [one.content for one in room.mina.events if isinstance(one, NewMessage)], ["a", "b"]
            )


class BookmarkTests(SynchronousTestCase):
    def test_another_process(self) -> None:
        """A program that starts again goes on where it was, whether the session can be resumed or not."""
        for options in ({}, {"limits": {"replay_events": 1}}):
            room = TwoInARoom(**options)
            room.jun.say(room.room_id, "a")
            room.mina.asks("SEND_MESSAGE", room.text("mine"))
            room.mina.client.close()
            kept = json.dumps(room.mina.client.bookmark.to_json())
            for content in ("b", "c", "d"):
                room.jun.say(room.room_id, content)
            later = Phone(room.world)
            later.connect(Bookmark.from_json(json.loads(kept)))
            self.assertEqual([one.content for one in later.events], ["b", "c", "d"])

    def test_of_events_that_wait(self) -> None:
        """What was received and not heard yet is before the bookmark: it comes again."""
        app = App(LIST_ROOMS=None)
        app.server.says("NEW_MESSAGE", message(101), seq_id="e101")
        app.lose()
        app.server.says("NEW_MESSAGE", message(103), seq_id="e103")
        app.client.close()
        self.assertEqual(app.heard(), [101])
        self.assertEqual(app.client.bookmark.last_seq_id, "e101")
        app.server.answers |= {
            "LIST_ROOMS": rooms(message(103)),
            "GET_MESSAGES": history(message(102), message(103)),
        }
        app.connect(resume=app.client.bookmark)
        self.assertEqual(app.heard(), [101, 102, 103])

    def test_nothing_after_the_end(self) -> None:
        """Whoever keeps the bookmark when it was given up hears nothing after that: it would come twice."""
        app = App()
        app.client.send_text(1, "stored?").addErrback(lambda _: None)
        app.pass_time(0)
        app.server.says("NEW_MESSAGE", message(101, user_id=1), seq_id="e101")
        app.server.closed = True
        app.server.cut()
        app.pass_time(8)
        self.assertIsInstance(app.client.state, Offline)
        self.assertEqual((app.events, app.client.bookmark.last_seq_id), ([], "e100"))

    def test_secret(self) -> None:
        """What names the session is in no log, whoever logs states and bookmarks."""
        app = App()
        self.assertEqual(app.client.bookmark.session_id, "session_abc123")
        self.assertNotIn("session_abc123", f"{app.client.bookmark} {app.states}")

    def test_damaged(self) -> None:
        """What is no bookmark is refused."""
        for data in ({"session_id": 5}, [], {"rooms": [{}]}):
            self.assertRaisesRegex(ValueError, "no bookmark", Bookmark.from_json, data)

    def test_twice(self) -> None:
        """Who is connected does not connect."""
        app = App()
        self.failureResultOf(app.connect(), RuntimeError)
        app.client.close()
        self.successResultOf(app.connect())


class MemoryTests(SynchronousTestCase):
    def test_ids_of_long_ago(self) -> None:
        """What is kept of a room is bounded, and what is forgotten stays known."""
        room = Room()
        for number in range(1, 10_001):
            room.heard(number)
            room.trim()
        self.assertLess(len(room._ids), 5_000)
        self.assertTrue(all(room.knows(number) for number in range(1, 10_001)))
        self.assertFalse(room.knows(10_001))


class ListenerTests(SynchronousTestCase):
    def test_state_of_a_listener_that_fails(self) -> None:
        """A defect of the listener is logged and costs the connection nothing."""
        world = World()
        phone = Phone(world)
        phone.client._core._changed = lambda _: 1 / 0  # type: ignore[assignment,return-value]
        phone.connect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIsInstance(phone.client.state, Online)

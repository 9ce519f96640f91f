"""The client library where tokens, listeners and closed connections do what nobody expects (§10.3)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from assa.client import Bookmark, Disconnected, Offline, Online, State, Token, Waiting
from tests.scripted import WELCOME_1_1, message
from tests.test_client_catching_up import App


def closes(app: App) -> Any:
    """Return an answer to DISCONNECT: the connection ends."""
    return lambda _: app.server.cut()


class Listening(App):
    """A client whose listener of states does something, once."""

    def __init__(self, kind: type[State], doing: Any, **answers: Any) -> None:
        super().__init__(**answers)
        self.done: list[Any] = []

        def changed(state: State) -> None:
            self.states.append(state)
            if isinstance(state, kind) and not self.done:
                self.done.append(None)
                self.done[0] = doing(self)

        self.client._core._changed = changed

    def kinds(self) -> list[str]:
        """Return which states there were."""
        return [type(one).__name__ for one in self.states]


class TokensTests(SynchronousTestCase):
    def returns(self, again: Any) -> App:
        """Lose a connection whose function for tokens does something else the second time."""
        asked: list[int] = []

        def token() -> Any:
            asked.append(1)
            return "first" if len(asked) == 1 else again()

        app = App()
        app.client.close()
        app.connect(token)
        app.server.cut()
        app.pass_time(60)
        self.assertEqual(len(asked), 4)
        self.assertEqual(app.clock.getDelayedCalls(), [])
        return app

    def test_no_token_on_return(self) -> None:
        """However a function for tokens fails, it is a failed attempt, and the third one is the last."""

        async def cancelled() -> str:
            raise asyncio.CancelledError

        def cancelled_at_once() -> str:
            raise asyncio.CancelledError

        for again, reason in (
            (lambda: fail(CancelledError()), "no token: CancelledError"),
            (cancelled, "no token: CancelledError"),
            (cancelled_at_once, "no token: CancelledError"),
            (lambda: None, "no token: a string was expected, not NoneType"),
            (lambda: succeed(None), "no token: a string was expected, not NoneType"),
            (lambda: "\ud800", "no token: it has characters that no JWT has"),
        ):
            app = self.returns(again)
            self.assertEqual(app.client.state, Offline(reason=reason))
            self.assertEqual([one.attempt for one in app.states if isinstance(one, Waiting)], [1, 2, 3])

    def test_no_token_at_first(self) -> None:
        """The first attempt fails with the same."""
        app = App()
        app.client.close()
        for token in (lambda: fail(CancelledError()), lambda: succeed(5), "\ud800"):
            wrong = self.failureResultOf(app.connect(token), Disconnected)  # type: ignore[arg-type]
            self.assertIn("no token", wrong.getErrorMessage())

    def test_closed_while_it_is_asked_for(self) -> None:
        """`close` cancels the function's Deferred, and there is no further attempt."""
        cancelled: list[Any] = []
        tokens: list[Token] = ["first"]  # type: ignore[list-item]
        app = App()
        app.client.close()
        app.connect(lambda: tokens.pop() if tokens else Deferred(cancelled.append))  # type: ignore[arg-type]
        app.lose()
        app.client.close()
        app.pass_time(20)
        self.assertEqual((len(cancelled), app.client.state), (1, Offline(reason="closed")))
        self.assertEqual(app.clock.getDelayedCalls(), [])


class GivenUpTests(SynchronousTestCase):
    def test_old_line(self) -> None:
        """A connection on which CONNECT got no answer is aborted; what it says later is not heard."""
        app = App()
        app.server.cut()
        app.server.answers["CONNECT"] = None
        app.pass_time(1.25)
        old, aborted = app.server.protocol, []
        app.server.transport.abortConnection = lambda: aborted.append(1)  # type: ignore[method-assign]
        app.server.transport.loseConnection = lambda: None  # type: ignore[method-assign]
        app.server.answers["CONNECT"] = WELCOME_1_1
        app.pass_time(12.5)
        self.assertIsInstance(app.client.state, Online)
        said = {"action": "NEW_MESSAGE", "data": message(7), "seq_id": "e900", "timestamp": ""}
        old.dataReceived(json.dumps(said).encode() + b"\n")
        app.client._core.link.received(old, said)
        self.assertEqual((aborted, app.heard()), ([1], []))
        self.assertEqual(app.client._core.link.session.last_seq_id, "e100")


class ClosingTests(SynchronousTestCase):
    def test_disconnect_while_connecting(self) -> None:
        """`disconnect` ends the first attempt: nothing comes of it."""
        app = App()
        app.client.close()
        app.states.clear()
        app.server.delay_s = 1.0
        connecting = app.connect()
        self.successResultOf(Deferred.fromCoroutine(app.client.disconnect()))
        app.pass_time(3)
        self.failureResultOf(connecting, Disconnected)
        self.assertEqual((app.states, app.clock.getDelayedCalls()), ([Offline(reason="disconnected")], []))

    def test_closed_and_connected_anew(self) -> None:
        """Whoever closes when he is told of a loss can connect as soon as he likes, there and then too."""

        def close(app: App) -> None:
            app.client.close()

        def disconnect(app: App) -> None:
            self.successResultOf(Deferred.fromCoroutine(app.client.disconnect()))

        def again(app: App) -> Any:
            app.client.close()
            return app.connect()

        for doing in (close, disconnect, again):
            app = Listening(Waiting, doing)
            app.server.cut()
            app.pass_time(0)
            self.successResultOf(app.done[0] if doing is again else app.connect())
            self.assertEqual(app.kinds(), ["Online", "Waiting", "Offline", "Online"])
            app.pass_time(20)
            self.assertIsInstance(app.client.state, Online)
            app.client.close()
            self.assertEqual(app.clock.getDelayedCalls(), [])

    def test_disconnected_and_connected_anew(self) -> None:
        """`disconnect` returns though whoever is told of its end connects anew."""
        app = Listening(Offline, lambda app: app.connect(resume=app.client.bookmark))
        app.server.answers["DISCONNECT"] = closes(app)
        ending = Deferred.fromCoroutine(app.client.disconnect())
        app.pass_time(5)
        self.successResultOf(ending)
        self.successResultOf(app.done[0])
        self.assertIsInstance(app.client.state, Online)

    def test_attempt_closed_and_connected_anew(self) -> None:
        """Whoever connects anew when he is told that an attempt was closed keeps the new connection."""
        app = Listening(Offline, lambda app: app.connect("second"))
        app.client._core._changed, changed = app.states.append, app.client._core._changed
        app.client.close()
        app.client._core._changed = changed
        first = app.connect(lambda: Deferred())  # noqa: PLW0108 - a function is a token
        app.client.close()
        app.pass_time(0)
        self.failureResultOf(first, Disconnected)
        self.successResultOf(app.done[0])
        self.assertIsInstance(app.client.state, Online)
        self.assertEqual(app.server.taken("CONNECT")[-1]["jwt_token"], "second")

    def test_return_closed_and_connected_anew(self) -> None:
        """So does who connects anew when an attempt to come back was closed: that one is over."""
        app = Listening(Offline, lambda app: app.connect(lambda: token))
        token: Deferred[str] = Deferred()
        app.server.answers["CONNECT"] = None
        app.lose()
        self.successResultOf(Deferred.fromCoroutine(app.client.disconnect()))
        self.assertIsInstance(app.client.state, Offline)
        app.server.answers["CONNECT"] = WELCOME_1_1
        token.callback("second")
        app.pass_time(0)
        self.successResultOf(app.done[0])
        app.pass_time(20)
        self.assertEqual(app.kinds(), ["Online", "Waiting", "Offline", "Online"])
        self.assertEqual(len(app.server.attempts), 3)

    def test_failed_attempt_keeps_the_bookmark(self) -> None:
        """After an attempt to go on that failed, `bookmark` is what it was to go on from."""
        app = App()
        app.client.close()
        kept: Bookmark = app.client.bookmark
        app.server.closed = True
        self.failureResultOf(app.connect(resume=kept), Disconnected)
        self.assertEqual(app.client.bookmark, kept)

    def test_renewal_outlived(self) -> None:
        """A token that comes when the connection is gone is not sent anywhere."""
        app = App()
        token: Deferred[str] = Deferred()
        renewing = Deferred.fromCoroutine(app.client.renew(lambda: token))
        app.client.close()
        token.callback("late")
        self.failureResultOf(renewing, Disconnected)

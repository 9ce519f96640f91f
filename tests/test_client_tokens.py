"""How the client library comes by tokens, and renews them in time, whoever the server is (v1.1 section 3)."""

from __future__ import annotations

import time
from typing import Any

import jwt
from twisted.internet.defer import Deferred, succeed
from twisted.internet.defer import fail as failed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assa.client import Disconnected, Offline, Online, Rejected, Waiting
from assa.client.tokens import expires_s, fresh
from tests.scripted import WELCOME_1_0, Data, Refusal
from tests.test_client import Outcome, Phone
from tests.test_client_catching_up import App
from tests.world import KEY, START_S, World


def token(lifetime_s: float, number: int = 0) -> str:
    """Return a token whose life begins when the tests do."""
    assert isinstance(KEY.material, bytes)
    return jwt.encode(
        {"user_id": 1, "exp": int(START_S + lifetime_s), "jti": str(number)}, KEY.material, "HS256"
    )


class SourceTests(SynchronousTestCase):
    def test_sources(self) -> None:
        """A token is a text, or what a function returns at once or later."""

        async def later() -> str:
            return await succeed("from a coroutine")

        clock = Clock()
        for source, expected in (
            ("text", "text"),
            (lambda: "from a function", "from a function"),
            (lambda: succeed("from a Deferred"), "from a Deferred"),
            (later, "from a coroutine"),
        ):
            got = Deferred.fromCoroutine(fresh(source, clock))  # type: ignore[arg-type] # they are of one kind each
            self.assertEqual(self.successResultOf(got), expected)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_failing(self) -> None:
        """A function that fails, or takes longer than 30 s, makes an attempt to connect fail."""
        clock = Clock()
        for source, words in (
            (lambda: 1 / 0, "no token: division by zero"),
            (lambda: failed(ValueError()), "no token: ValueError"),
        ):
            wrong = self.failureResultOf(Deferred.fromCoroutine(fresh(source, clock)), Disconnected)
            self.assertEqual(str(wrong.value), words)
        waiting = Deferred.fromCoroutine(fresh(lambda: Deferred(), clock))  # noqa: PLW0108 - a new one each time
        clock.advance(29)
        self.assertNoResult(waiting)
        clock.advance(1)
        self.failureResultOf(waiting, Disconnected)

    def test_before_the_connection(self) -> None:
        """The token is there before the connection, which the server would not keep waiting for it."""
        phone = Phone(World())
        asked: Deferred[str] = Deferred()
        connecting = Outcome(phone.client.connect(lambda: asked))
        phone.world.pass_time(20)
        self.assertEqual(phone.road.attempts, [])
        asked.callback(phone.token())
        phone.world.turn()
        self.assertIsNotNone(connecting.result)

    def test_fresh_one_for_each_connection(self) -> None:
        """Whoever comes back shows a new token; a service that fails for a moment costs one attempt."""
        world = World()
        phone = Phone(world)
        results: list[Any] = [phone.token(), ValueError("try later"), phone.token()]

        def fetch() -> Deferred[str]:
            result = results.pop(0)
            return failed(result) if isinstance(result, Exception) else succeed(result)

        phone.connect(token=fetch)
        phone.road.cut()
        world.pass_time(3.25)
        self.assertEqual([type(one) for one in phone.states], [Online, Waiting, Waiting, Online])
        self.assertEqual((phone.states[2].reason, results), ("no token: try later", []))

    def test_stale_token(self) -> None:
        """A token that is refused when the client comes back is replaced where there may be a newer one."""
        app = App()
        app.client.close()
        app.server.answers["CONNECT"] = lambda data: (
            WELCOME_1_0 if data["jwt_token"] in "ac" else Refusal("INVALID_TOKEN")
        )
        for tokens, expected in ((iter("abc"), Online), (iter("abbb"), Offline)):
            self.successResultOf(app.connect(lambda tokens=tokens: next(tokens)))
            app.server.cut()
            app.pass_time(8)
            self.assertIsInstance(app.client.state, expected)
            app.client.close()
        self.assertEqual(app.client.state.code, "INVALID_TOKEN")  # type: ignore[union-attr]

    def test_refused_at_first(self) -> None:
        """The first CONNECT fails at once."""
        app = App()
        app.client.close()
        app.server.answers["CONNECT"] = Refusal("INVALID_TOKEN")
        self.failureResultOf(app.connect(lambda: "another"), Rejected)
        app.pass_time(10)
        self.assertEqual(len(app.server.attempts), 2)


class ExpiryTests(SynchronousTestCase):
    def test_expiry(self) -> None:
        """A JWT says when it expires; what is none does not."""
        self.assertEqual(expires_s(token(60)), START_S + 60)
        for text in (
            "",
            "opaque",
            "a.b.c",
            "a.e30.c",
            "a.W10.c",
            "a.eyJleHAiOiJ4In0.c",
            "a.%%.c",
            "가.나.다",
        ):
            self.assertIsNone(expires_s(text), text)

    def renewals(self, *lives_s: float, server_time: str | None = None, seconds: float = 400) -> list[float]:
        """Return when the tokens of a callback were asked for, seconds after the beginning."""
        app = App(CONNECT=WELCOME_1_0 if server_time is None else WELCOME_1_0 | {"server_time": server_time})
        app.client.close()
        asked: list[float] = []

        def fetch() -> str:
            asked.append(app.clock.seconds() - START_S)
            return token(lives_s[min(len(asked), len(lives_s)) - 1])

        app.server.answers["CONNECT"] = lambda _: self.welcome(app.clock, server_time)
        app.connect(fetch)
        for _ in range(int(seconds / 20)):
            app.pass_time(20, step=1)
            if app.server.protocol is not None:
                app.server.says("PING")
        app.client.close()
        app.pass_time(0)
        self.assertEqual(app.clock.getDelayedCalls(), [])
        return asked

    @staticmethod
    def welcome(clock: Clock, server_time: str | None) -> Data:
        """Return what answers CONNECT at that time."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(clock.seconds()))
        return WELCOME_1_0 | {"server_time": server_time or now}

    def test_renewed_before(self) -> None:
        """Without TOKEN_EXPIRING, which v1.0 does not have, a token is renewed a minute before its end."""
        self.assertEqual(self.renewals(200, 340, 10_000), [0, 140, 280])

    def test_short_life(self) -> None:
        """Of a short life the second half is left; the same one again is not asked for all the time."""
        self.assertEqual(self.renewals(80, 10_000), [0, 40])
        self.assertEqual(self.renewals(40, seconds=60), [0, 20, 30, 35, 40])

    def test_wrong_clock(self) -> None:
        """What counts is the server's clock: this machine's may be hours wrong."""
        self.assertEqual(
            self.renewals(3_600 + 160, 100_000, server_time="2024-01-01T13:00:00.000Z"), [0, 100]
        )

    def test_odd_server_time(self) -> None:
        """Where the server's cannot be read it is this machine's."""
        self.assertEqual(self.renewals(160, 10_000, server_time="soon"), [0, 100])

    def test_opaque(self) -> None:
        """A token that says nothing is not renewed by itself."""
        app = App(CONNECT=WELCOME_1_0)
        app.client.close()
        app.connect(lambda: "opaque")
        self.assertEqual(len(app.clock.getDelayedCalls()), 1)  # the pulse

    def test_failed_renewal(self) -> None:
        """A renewal that fails is tried again after 15 s, as long as there is a connection."""
        app = App(CONNECT=WELCOME_1_0)
        app.client.close()
        asked: list[float] = []

        def fetch() -> str:
            asked.append(app.clock.seconds() - START_S)
            if len(asked) in (2, 3):
                raise ValueError("not now")
            return token(100 if len(asked) == 1 else 10_000)

        app.connect(fetch)
        for _ in range(3):
            app.pass_time(30, step=1)
            app.server.says("PING")
        self.assertEqual(asked, [0, 50, 65, 80])

    def test_both_reasons(self) -> None:
        """With TOKEN_EXPIRING and the token's own end it is renewed once."""
        world = World()
        phone = Phone(world)
        asked: list[float] = []

        def fetch() -> str:
            asked.append(world.clock.seconds() - START_S)
            return phone.token(lifetime_s=100)

        phone.connect(token=fetch)
        world.pass_time(200, step=1)
        self.assertEqual(asked, [0, 40, 80, 120, 160, 200])
        self.assertNotIn("ERROR", phone.heard())
        self.assertEqual(len(phone.road.attempts), 1)

    def test_server_that_knows_nothing_of_it(self) -> None:
        """Where a second CONNECT is refused, the connection goes on as long as the server lets it."""
        app = App(CONNECT=WELCOME_1_0)
        app.client.close()
        app.connect(lambda: token(100))
        app.server.answers["CONNECT"] = Refusal("AUTH_FAILED")
        app.pass_time(55)
        self.assertIsInstance(app.client.state, Online)

    def test_by_hand_while_away(self) -> None:
        """There is nothing to renew without a connection."""
        phone = Phone(World())
        self.failureResultOf(Deferred.fromCoroutine(phone.client.renew("new")), Disconnected)

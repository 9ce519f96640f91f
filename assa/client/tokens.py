"""Tokens: where they come from, and when a new one is due."""

from __future__ import annotations

import base64
import binascii
from asyncio import CancelledError as CancelledByAsyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, NoReturn

import orjson
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from assa.client.refusals import Disconnected

Token = str | Callable[[], "str | Awaitable[str]"]
"""A JWT, or a function that returns a fresh one, or what can be awaited for one: a Deferred, a coroutine."""
_PATIENCE_S: Final = 30.0
_MARGIN_S: Final = 60.0
"""A token is renewed so long before it expires, or in the middle of its life if that is later."""
_LEAST_S: Final = 5.0
_AGAIN_S: Final = 15.0


async def fresh(token: Token, reactor: IReactorTime) -> str:
    """Return the JWT itself.

    Raises:
        Disconnected: The function fails, takes longer than 30 s, or returns what can be no token.
    """
    if isinstance(token, str):
        return _checked(token)
    try:
        result = token()
    except (Exception, CancelledByAsyncio) as wrong:  # it may fail with what it likes
        raise _no_token(wrong) from wrong
    if isinstance(result, Awaitable):
        result = await _awaited(result).addTimeout(_PATIENCE_S, reactor, _too_late)
    return _checked(result)


def _awaited(token: Awaitable[str]) -> Deferred[str]:
    """Return what becomes of a token: it fails with CancelledError only where it was cancelled here."""

    def cancel(outcome: Deferred[str]) -> None:
        outcome.errback(CancelledError())
        asking.cancel()

    outcome: Deferred[str] = Deferred(cancel)
    asking = Deferred.fromCoroutine(_wait(token))
    asking.addErrback(_failed)
    asking.addBoth(lambda result: None if outcome.called else outcome.callback(result))
    return outcome


async def _wait(token: Awaitable[str]) -> str:
    return await token


def _failed(failure: Failure) -> NoReturn:
    raise _no_token(failure.value) from failure.value


def _too_late(_: object, seconds: float) -> NoReturn:
    raise Disconnected(f"no token: none came within {seconds:g} s")


def _no_token(wrong: BaseException | None) -> Disconnected:
    return Disconnected(f"no token: {str(wrong) or type(wrong).__name__}")


def _checked(token: object) -> str:
    """Return a token that can travel, without saying what is in it."""
    if not isinstance(token, str):
        raise Disconnected(f"no token: a string was expected, not {type(token).__name__}")
    if not token.isascii():
        raise Disconnected("no token: it has characters that no JWT has")
    return token


def expires_s(token: str) -> float | None:
    """Return when a JWT expires, seconds since the epoch, unverified; None where it does not say."""
    try:
        body = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None


class Renewal:
    """Has a connection's token renewed in time, whether or not the server says that it will expire.

    Args:
        reactor: The time.
        renew: Does it.
    """

    log = Logger()

    def __init__(self, reactor: IReactorTime, renew: Callable[[], Deferred[Any]]) -> None:
        self._reactor = reactor
        self._renew = renew
        self._due: IDelayedCall | None = None
        self._renewing: Deferred[Any] | None = None
        self._stopped = False

    def watch(self, token: str, server_time: str) -> None:
        """Renew before a token expires.

        Args:
            token: The one that the server knows.
            server_time: Its time, ISO 8601: the clock of this machine may be wrong.
        """
        self._cancel()
        self._stopped = False
        expires = expires_s(token)
        if expires is None:
            return
        try:
            now_s = datetime.fromisoformat(server_time).timestamp()
        except ValueError:
            now_s = self._reactor.seconds()
        left_s = expires - now_s
        if left_s > 0:
            self._wait(max(left_s - _MARGIN_S, left_s / 2, _LEAST_S))

    def now(self) -> None:
        """Renew at once."""
        if self._renewing is None:
            self._cancel()
            self._renewing = self._renew()
            self._renewing.addErrback(self._failed).addBoth(self._done)

    def stop(self) -> None:
        """Renew nothing: the connection is gone."""
        self._stopped = True
        self._cancel()
        if self._renewing is not None:
            self._renewing.cancel()

    def _wait(self, delay_s: float) -> None:
        self._due = self._reactor.callLater(delay_s, self.now)

    def _failed(self, failure: Any) -> None:
        if self._stopped:
            return
        self.log.warn(  # noqa: G010 - this logger is Twisted's
            "the token was not renewed: {reason}", reason=failure.getErrorMessage()
        )
        self._wait(_AGAIN_S)

    def _done(self, _: object) -> None:
        self._renewing = None

    def _cancel(self) -> None:
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due = None

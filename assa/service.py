"""Puts a server together out of its configuration: the only place that chooses."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from attrs import asdict
from twisted.application.service import Service
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from assa.actions import ALL
from assa.actions.system import Announcement
from assa.auth import Tokens
from assa.config import Config, create_state_dir, database_password, limits_of, signing_keys
from assa.hub import Hub
from assa.ice import IceServers
from assa.listening import ListenError, make_endpoint
from assa.node import Node
from assa.rates import RateLimits
from assa.registry import Services
from assa.settings import ConfigError
from assa.storage import Unavailable
from assa.storage.migrate import MigrationError
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread
from assa.tcp import ChatFactory

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from twisted.internet.interfaces import IListeningPort
    from twisted.python.failure import Failure

_CLOSE_STEP_S = 0.02


def now_ms() -> int:
    """Return the time, milliseconds since the epoch."""
    return int(time.time() * 1000)


def farewell(reconnect_after_ms: int) -> Announcement:
    """Return the announcement of a shutdown (v1.1)."""
    return Announcement(
        title="서버 종료 안내",
        message="서버가 곧 종료됩니다. 잠시 후 자동으로 다시 연결됩니다",
        priority="high",
        announcement_type="shutdown",
        reconnect_after_ms=reconnect_after_ms,
    )


def make_store(config: Config, reactor: Any, hub: Hub, *, listens: bool = True) -> Any:
    """Return the store that the configuration names, not open yet: :class:`assa.storage.Store`.

    Args:
        config: What to build.
        reactor: Where it runs.
        hub: Gets the events.
        listens: Whether it hears what other nodes write; not needed to work on the data alone.

    Raises:
        ConfigError: A password cannot be read, or what PostgreSQL needs is not installed.
    """
    if config.postgres:
        return _make_postgres(config, reactor, hub, listens=listens)
    if not config.storage.url:
        create_state_dir(config)
    return SqliteStore(config.sqlite_path, worker=DatabaseThread(reactor), deliver=hub.deliver, now_ms=now_ms)


def _make_postgres(config: Config, reactor: Any, hub: Hub, *, listens: bool) -> Any:
    try:
        # Only who uses it needs its drivers.
        from assa.storage.postgres import PostgresStore, with_password  # noqa: PLC0415
    except ImportError as wrong:
        raise ConfigError(f"storage.url: {wrong}; pip install 'assa[postgres]'") from None
    storage, password = config.storage, database_password(config)
    try:
        return PostgresStore(
            with_password(storage.url, password),
            reactor=reactor,
            deliver=hub.deliver,
            now_ms=now_ms,
            listens=listens,
            listen_url=storage.listen_url and with_password(storage.listen_url, password),
            size=storage.connections,
            poll_s=config.nodes.poll,
        )
    except ValueError as wrong:
        raise ConfigError(f"storage.url or storage.listen_url: {wrong}") from None


def make_node(config: Config, reactor: Any, hub: Hub, store: Any) -> Node:
    """Return the node that the configuration describes.

    Raises:
        ConfigError: A key cannot be read.
    """
    auth, calls = config.auth, config.calls
    tokens = Tokens(
        keys=signing_keys(config),
        audience=auth.audience,
        issuer=auth.issuer,
        leeway_s=auth.leeway,
        now=time.time,
    )
    services = Services(
        store=store,
        tokens=tokens,
        limits=limits_of(config),
        node=secrets.token_hex(6),
        now_ms=now_ms,
        ice_servers=IceServers(
            stun_urls=calls.stun_urls,
            turn_urls=calls.turn_urls,
            turn_secret=calls.turn_secret,
            turn_ttl_s=calls.turn_ttl,
        ),
        files_prefix=config.files.prefix,
    )
    return Node(
        services=services,
        actions=ALL,
        hub=hub,
        clock=reactor,
        monotonic=time.monotonic,
        rate_limits=RateLimits(**asdict(config.rate)),
        keep_expired=auth.expiry == "keep",
        lease_s=config.nodes.lease if config.postgres else None,
    )


class StartError(Exception):
    """The server cannot start; the text is one line that names the setting and the reason."""


class ChatService(Service):
    """A whole server: its store, its node and its listening ports.

    Args:
        config: What to build.
        reactor: Where it runs.

    Raises:
        ConfigError: A key cannot be read.
        StartError: An endpoint is not understood.
    """

    log = Logger()

    def __init__(self, config: Config, reactor: Any) -> None:
        self._config = config
        self._reactor = reactor
        hub = Hub()
        self._store = make_store(config, reactor, hub)
        self.node = make_node(config, reactor, hub, self._store)
        self.factory = ChatFactory(self.node)
        self._endpoints = [(text, self._endpoint(text)) for text in config.server.listen]
        self.ports: list[IListeningPort] = []

    def _endpoint(self, text: str) -> Any:
        try:
            return make_endpoint(text, self._reactor, reuse_port=self._config.server.reuse_port)
        except ListenError as wrong:
            raise StartError(f"{wrong}") from None

    def startService(self) -> None:
        """Open the database and listen.

        Raises:
            StartError: The database cannot be opened or an address cannot be listened on.
        """
        self._open_store()
        self._in_background(self.node.start())
        for text, endpoint in self._endpoints:
            self._listen(text, endpoint)
        self._accept_later()
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's
        if self._config.development:
            self.log.warn(  # noqa: G010 - this logger is Twisted's
                "no auth.* is configured: development mode with a secret of its own in {path};"
                " 'assa token --user 1' makes a token",
                path=str(create_state_dir(self._config) / "secret"),
            )

    def _open_store(self) -> None:
        """Open the database; one that is reached over a network may come later."""
        opening: Deferred[list[str]] = maybeDeferred(self._store.open)
        opening.addCallback(self._applied)
        if opening.called:
            failures: list[Failure] = []
            opening.addErrback(failures.append)
            for failure in failures:
                failure.trap(Unavailable, MigrationError)
                raise StartError(f"storage.url: {failure.getErrorMessage()}")
        else:
            opening.addErrback(
                lambda failure: self.log.error("storage.url: {reason}", reason=failure.getErrorMessage())
            )

    def _applied(self, names: list[str]) -> None:
        for name in names:
            self.log.info("applied migration {name}", name=name)

    def _listen(self, text: str, endpoint: Any) -> None:
        listening = endpoint.listen(self.factory)
        failures: list[Failure] = []
        listening.addCallbacks(self.ports.append, failures.append)
        if failures:
            raise StartError(f"server.listen: {text}: {failures[0].getErrorMessage()}")

    def _accept_later(self) -> None:
        """Have who connects early wait in the kernel's queue, rather than be refused for a moment."""
        if self.node.tried.called:
            return
        waiting = [port for port in self.ports if isinstance(port, FileDescriptor)]
        for port in waiting:
            port.stopReading()  # type: ignore[no-untyped-call]  # Twisted's
        self.node.tried.addCallback(lambda _: self._accept(waiting))

    def _accept(self, ports: Sequence[FileDescriptor]) -> None:
        for port in ports:
            if port.connected:
                port.startReading()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(lambda failure: self.log.failure("starting failed", failure))

    def stopService(self) -> Deferred[None]:
        """Drain (protocol v1.1, section 9): announce, finish, make durable, close resumably."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's
        return Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        await gatherResults([maybeDeferred(port.stopListening) for port in self.ports])
        await self.node.shutdown(farewell)
        deadline = self.node.monotonic() + self.node.limits.shutdown_s / 2
        while self.factory.connections and self.node.monotonic() < deadline:
            await deferLater(self._reactor, _CLOSE_STEP_S)
        for connection in tuple(self.factory.connections):
            connection.abort()
        await self._store.close()

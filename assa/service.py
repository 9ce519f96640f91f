"""A whole server as a Twisted service: opens its store, listens, drains when it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from assa.config import Config, create_state_dir
from assa.hub import Hub
from assa.listening import ListenError, make_endpoint
from assa.parts import farewell, make_node, make_store
from assa.sites import make_sites
from assa.storage import Unavailable
from assa.storage.migrate import MigrationError
from assa.tcp import ChatFactory

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from twisted.internet.interfaces import IListeningPort
    from twisted.python.failure import Failure

__all__ = ["ChatService", "StartError", "farewell", "make_node", "make_store"]

_CLOSE_STEP_S = 0.02


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
        self._sites = make_sites(config, reactor, self.factory)
        factories = {"server.listen": self.factory} | self._sites
        self._endpoints = [
            (f"{name}: {text}", self._endpoint(name, text), factories[name])
            for name, text in config.endpoints
        ]
        self.ports: list[IListeningPort] = []

    def _endpoint(self, name: str, text: str) -> Any:
        try:
            return make_endpoint(text, self._reactor, setting=name, reuse_port=self._config.server.reuse_port)
        except ListenError as wrong:
            raise StartError(f"{wrong}") from None

    def startService(self) -> None:
        """Open the database and listen.

        Raises:
            StartError: The database cannot be opened or an address cannot be listened on.
        """
        self._open_store()
        self._in_background(self.node.start())
        for where, endpoint, factory in self._endpoints:
            self._listen(where, endpoint, factory)
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

    def _listen(self, where: str, endpoint: Any, factory: Any) -> None:
        listening = endpoint.listen(factory)
        failures: list[Failure] = []
        listening.addCallbacks(self.ports.append, failures.append)
        if failures:
            raise StartError(f"{where}: {failures[0].getErrorMessage()}")

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
        for site in self._sites.values():
            site.stop()
        await self._store.close()

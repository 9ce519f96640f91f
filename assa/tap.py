"""``twistd assa``: the command-line options and the service (plug-in in twisted/plugins)."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from twisted.application.service import Service
from twisted.internet import reactor
from twisted.python import usage
from twisted.python.components import Componentized

from assa.config import Config, ConfigError, load
from assa.logs import write_json
from assa.service import ChatService, StartError

_YOUNG_OBJECTS = 50_000


class Options(usage.Options):
    """Options of ``twistd assa``."""

    optParameters: ClassVar[list[list[Any]]] = [
        ["config", "c", None, "The TOML file with the settings; without one every setting has its default."],
    ]
    config: Config

    def postOptions(self) -> None:
        """Read the configuration; a wrong one ends the program with one line."""
        try:
            self.config = load(self["config"], os.environ)
        except ConfigError as wrong:
            raise SystemExit(f"assa: {wrong}") from None


def tell_manager(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager how things stand, as sd_notify(3) does; nothing when none has asked."""
    place = environ.get("NOTIFY_SOCKET", "")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, suppress(OSError):
            told.connect(f"\0{place[1:]}" if place[0] == "@" else place)
            told.send(state.encode())


class _Reported(Service):
    """The service of the command line: what keeps it from starting is said in one line."""

    def __init__(self, service: ChatService, options: Options) -> None:
        self._service = service
        self._options = options

    def setServiceParent(self, parent: Any) -> None:  # noqa: N802 - Twisted's name
        # twistd looks next for what is to write its log; only here does a plug-in meet the application.
        if self._options.config.log.format == "json" and isinstance(parent, Componentized):
            write_json(parent, getattr(self._options, "parent", None) or {})
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]  # Twisted's

    def startService(self) -> None:
        # What is loaded now stays; and a turn in which many requests arrive makes many objects that
        # live until their commit: with Python's thresholds the collector looks at them in vain, for a
        # tenth of a request's cost.
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS, 20, 50)
        try:
            self._service.startService()
        except (ConfigError, StartError) as wrong:
            raise SystemExit(f"assa: {wrong}") from None
        self._service.node.tried.addCallback(lambda _: tell_manager("READY=1"))
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's

    def stopService(self) -> Any:
        tell_manager("STOPPING=1")
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's
        return self._service.stopService()


def makeService(options: Options) -> Service:
    """Return the service that the options describe."""
    try:
        return _Reported(ChatService(options.config, reactor), options)
    except (ConfigError, StartError) as wrong:
        raise SystemExit(f"assa: {wrong}") from None

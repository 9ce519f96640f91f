"""The log as JSON lines: one object a line, wherever twistd was told to write.

`time` (ISO 8601, UTC), `level`, `namespace`, `event` (the text), then the event's fields as far as JSON has a
form for them, and `traceback` of a failure. Control characters and all but ASCII are escaped, so that a line
stays a line whatever is in it.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import syslog
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from twisted.logger import FileLogObserver, ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

_OF_TWISTED: Final = frozenset(
    {"time", "level", "namespace", "event", "traceback", "message", "format", "isError", "system"}
    | {"logLevel", "why", "failure", "printed", "log"}
)
"""Names that are ours already, or that Twisted's old log has for what is in others."""
_PRIORITIES: Final = {
    LogLevel.debug: syslog.LOG_DEBUG,
    LogLevel.info: syslog.LOG_INFO,
    LogLevel.warn: syslog.LOG_WARNING,
    LogLevel.error: syslog.LOG_ERR,
    LogLevel.critical: syslog.LOG_ALERT,
}


def json_line(event: LogEvent) -> str:
    """Return a log event as a line, with its LF."""
    level = event.get("log_level", LogLevel.info)
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(event.get("log_time", 0.0), UTC).isoformat(timespec="milliseconds"),
        "level": level.name,
        "namespace": str(event.get("log_namespace", "")),
        "event": formatEvent(event),
    }
    line |= {
        name: value
        for name, value in event.items()
        if not name.startswith("log_") and name not in _OF_TWISTED and _has_form(value)
    }
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["traceback"] = failure.getTraceback()
    return json.dumps(line) + "\n"


def _has_form(value: object) -> bool:
    """Return whether JSON has a form for a value; of floats only for finite ones."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list | tuple):
        return all(map(_has_form, value))
    return value is None or isinstance(value, str | int)


@implementer(ILogObserver)
class SyslogObserver:
    """Writes JSON lines to syslog.

    Args:
        write: Writes a line of a priority.
    """

    def __init__(self, write: Callable[[int, str], None]) -> None:
        self._write = write

    def __call__(self, event: LogEvent) -> None:
        """Write a line."""
        priority = _PRIORITIES.get(event.get("log_level", LogLevel.info), syslog.LOG_INFO)
        self._write(priority, json_line(event).rstrip())


def json_observer(options: Mapping[str, Any]) -> Callable[[LogEvent], None]:
    """Return what writes JSON lines to where twistd's options say: the same place as that of its text.

    Raises:
        SystemExit: A daemon cannot write to standard output.
    """
    if options.get("syslog"):
        syslog.openlog(options.get("prefix") or "")
        return SyslogObserver(syslog.syslog)
    name = options.get("logfile") or ("-" if options.get("nodaemon") else "twistd.log")
    if name != "-":
        return FileLogObserver(_rotated(name), json_line)
    if not options.get("nodaemon"):
        raise SystemExit("assa: Daemons cannot log to stdout, exiting!")
    stdout: TextIO = sys.stdout
    return FileLogObserver(stdout, json_line)


def _rotated(name: str) -> Any:
    """Return a log file that begins anew when it is large, and on SIGUSR1, as twistd's own does."""
    file = LogFile.fromFullPath(name)

    def rotate(*_: object) -> None:
        # Only now: importing the reactor chooses it, and that is up to twistd.
        from twisted.internet import reactor  # noqa: PLC0415

        reactor.callFromThread(file.rotate)  # type: ignore[attr-defined]  # the module stands for it

    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, rotate)
    return file


def write_json(application: Componentized, options: Mapping[str, Any]) -> None:
    """Have twistd write JSON lines, unless `--logger` names an observer.

    Args:
        application: Where twistd looks for what is to write its log.
        options: twistd's own.
    """
    if not options.get("logger"):
        application.setComponent(ILogObserver, json_observer(options))

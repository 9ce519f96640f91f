"""The listeners of this node by channel, and the delivery of log entries to them.

Entries arrive in position order and leave in it. An event's bytes are made once and shared by
everyone who hears it.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from assa.tally import Deliveries
from assa.wire import seq_id_at, with_seq_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from assa.storage import Entry


class Listener(Protocol):
    """Receives events; one per connected client."""

    def hear(self, lines: bytes) -> None:
        """Take one or more encoded events, in order."""

    def replaced(self) -> None:
        """Give way to another connection of the same session or device."""


class Hub:
    """Who listens to what on this node."""

    def __init__(self) -> None:
        self._by_channel: dict[str, dict[Listener, None]] = {}
        self._channels: dict[Listener, set[str]] = {}
        self.delivered = 0
        """Position of the newest entry delivered."""
        self.deliveries = Deliveries()
        """What it has delivered so far."""

    def __len__(self) -> int:
        """Return the number of listeners."""
        return len(self._channels)

    def subscribe(self, listener: Listener, channels: Iterable[str]) -> None:
        """Let `listener` hear what is delivered from now on."""
        own = self._channels.setdefault(listener, set())
        for channel in channels:
            own.add(channel)
            self._by_channel.setdefault(channel, {})[listener] = None

    def unsubscribe(self, listener: Listener, channel: str) -> None:
        """Let `listener` hear nothing more of `channel`."""
        self._channels.get(listener, set()).discard(channel)
        self._forget(listener, channel)

    def remove(self, listener: Listener) -> None:
        """Forget a listener."""
        for channel in self._channels.pop(listener, ()):
            self._forget(listener, channel)

    def _forget(self, listener: Listener, channel: str) -> None:
        listeners = self._by_channel.get(channel)
        if listeners is not None:
            listeners.pop(listener, None)
            if not listeners:
                del self._by_channel[channel]

    def channels(self, listener: Listener) -> Collection[str]:
        """Return what `listener` listens to now."""
        return self._channels.get(listener, ())

    def listeners(self, channel: str) -> Sequence[Listener]:
        """Return who listens to `channel` now."""
        return tuple(self._by_channel.get(channel, ()))

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Hand entries to their listeners, in order, and carry out their effects."""
        if len(entries) == 1:
            self._deliver_run(entries)
        else:
            # One room's burst is joined once for everybody instead of once a listener.
            for _, run in groupby(entries, key=lambda entry: (entry.channel, entry.origin, entry.effect)):
                self._deliver_run(list(run))
        if entries:
            self.delivered = entries[-1].position

    def _deliver_run(self, run: Sequence[Entry]) -> None:
        first = run[0]
        if first.effect is not None and first.effect[0] == "-":
            self._change(first)
        lines = b"".join(
            [with_seq_id(one.body, seq_id_at(one.position)) for one in run if one.body is not None]
        )
        listeners = self._by_channel.get(first.channel)
        if listeners and lines:
            silent = self._by_channel.get(f"session:{first.origin}", ()) if first.origin else ()
            hearing = len(listeners)
            for one in silent:
                hearing -= one in listeners
            for entry in run:
                if entry.body is not None:
                    self.deliveries.add(entry.body, hearing)
            for listener in tuple(listeners):
                if listener not in silent:
                    listener.hear(lines)
        if first.effect is not None and first.effect[0] != "-":
            self._change(first)

    def _change(self, entry: Entry) -> None:
        assert entry.effect is not None  # noqa: S101 - the callers looked
        kind, target = entry.effect[0], entry.effect[1:]
        for listener in self.listeners(target):
            if kind == "+":
                self.subscribe(listener, (entry.channel,))
            elif kind == "-":
                self.unsubscribe(listener, entry.channel)
            else:
                listener.replaced()

"""Plays conversations against a server in memory."""

from __future__ import annotations

from collections import deque
from functools import singledispatchmethod
from typing import Any

from attrs import define, field

from assa.ice import IceServers
from tests.conversations import compare, script
from tests.conversations.script import Does, Hears, Passes, Person, Script, Sends, Step, TokensLast
from tests.world import Client, World

EVERY_REQUEST = "2.1-request"
EVERY_ANSWER = "2.3-answer"
ANY_TEXT = ("9.1-error",)
"""Examples whose `message` is a word that stands for others."""


class DepartureError(AssertionError):
    """The server said something else than the script."""


@define(eq=False)
class Connection:
    """A connection and what its client has heard and nobody has looked at."""

    client: Client
    inbox: deque[dict[str, Any]] = field(factory=deque)

    def next(self) -> dict[str, Any] | None:
        """Take the oldest message out of the inbox."""
        self.inbox.extend(self.client.all())
        return self.inbox.popleft() if self.inbox else None


class Play:
    """One performance of a script."""

    def __init__(self, played: Script) -> None:
        self._script = played
        self._world = World(ice_servers=IceServers(stun_urls=("stun:stun.example.org",)))
        self._people: dict[str, Person] = {}
        self._connections: dict[str, Connection] = {}
        self._names: dict[str, Any] = {}
        self._lifetime_s = 3600.0
        self._examples = script.examples()
        self._additions = script.additions()

    def run(self) -> None:
        """Play it to its end.

        Raises:
            DepartureError: With the script, the line and the difference.
        """
        for step in self._script.steps:
            try:
                self._do(step)
            except DepartureError as departure:
                raise DepartureError(
                    f"{self._script.path.name}:{step.line}: {step.text}\n{departure}"
                ) from None
        for name, connection in self._connections.items():
            if (more := connection.next()) is not None:
                raise DepartureError(
                    f"{self._script.path.name}: at the end {name} has heard this too: {more}"
                )

    @singledispatchmethod
    def _do(self, step: Step) -> None:
        raise NotImplementedError(type(step))

    @_do.register
    def _(self, step: Person) -> None:
        self._people[step.name] = step

    @_do.register
    def _(self, step: Passes) -> None:
        self._world.pass_time(step.seconds)

    @_do.register
    def _(self, step: TokensLast) -> None:
        self._lifetime_s = step.seconds

    @_do.register
    def _(self, step: Does) -> None:
        match step.what:
            case "opens":
                self._connections[step.name] = Connection(self._world.client())
            case "connects":
                client = self._world.client()
                self._connections[step.name] = Connection(client)
                device_id = step.name.partition(".")[2] or None
                if not client.connect(self._token(step.name), device_id=device_id)["success"]:
                    raise DepartureError("CONNECT failed")
            case "drops":
                self._connections[step.name].client.drop()
            case "hears nothing":
                heard = self._connections[step.name].next()
                if heard is not None:
                    raise DepartureError(f"heard {heard}")
            case "is closed":
                if not self._connections[step.name].client.closed:
                    raise DepartureError("the connection is open")

    def _token(self, name: str) -> str:
        person = self._people[name.partition(".")[0]]
        return self._world.token(
            person.user_id,
            nickname=person.nickname,
            lifetime_s=self._lifetime_s,
            profile_image=person.profile_image,
            scope=person.scope,
        )

    @_do.register
    def _(self, step: Sends) -> None:
        names = self._names | {"token": self._token(step.name)}
        message = compare.said(step.message, names)
        self._check(step.example, message)
        self._report(compare.strangers(self._examples[EVERY_REQUEST], message))
        self._connections[step.name].client.send(message)

    @_do.register
    def _(self, step: Hears) -> None:
        heard = self._connections[step.name].next()
        if heard is None:
            raise DepartureError("nothing was heard")
        wanted = compare.expected(step.message, heard, self._names)
        if not compare.same(wanted, heard):
            raise DepartureError(compare.difference(wanted, heard))
        self._check(step.example, heard)
        if "success" in heard:
            self._report(compare.strangers(self._examples[EVERY_ANSWER], heard))

    def _check(self, name: str | None, message: dict[str, Any]) -> None:
        """Compare a message with the example of that name."""
        if name is None:
            return
        example = self._examples[name]
        self._report(compare.departures(example, message, self._additions.get(name, ())))
        fixed = ("action",) if name in ANY_TEXT else ("action", "success", "message", "error_code")
        same = {key: example.get(key) for key in fixed}
        if same != {key: message.get(key) for key in fixed}:
            raise DepartureError(f"expected {same} as in the example {name}")

    @staticmethod
    def _report(departures: Any) -> None:
        found = list(departures)
        if found:
            raise DepartureError("\n".join(found))

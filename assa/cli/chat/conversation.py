"""A conversation: lines that are typed become requests, one after the other; events become lines."""

from __future__ import annotations

import random as random_numbers
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure

from assa.cli.chat import calls, general, messages, rooms
from assa.cli.chat.narration import Narrator
from assa.cli.chat.receipts import Receipts
from assa.cli.chat.talk import Command, Misuse, Quit, Talk, UsageMistaken
from assa.cli.chat.words import Words, harmless
from assa.client import (
    Client,
    Disconnected,
    Event,
    NewMessage,
    NoAnswer,
    Offline,
    Online,
    Postponed,
    Rejected,
    State,
    Waiting,
)
from assa.protocol import MessageReceived, TokenExpiring, VideoRoomClosed, VideoRoomCreated
from assa.schema import unstructure

COMMANDS: Final[dict[str, Command]] = {
    **rooms.commands.by_name,
    **messages.commands.by_name,
    **calls.commands.by_name,
    **general.commands.by_name,
}
_NOTICED_S: Final = 1.0
_ALSO: Final = {"exit": "quit", "q": "quit", "h": "help", "?": "help", "part": "leave"}


class Screen(Protocol):
    """Where the conversation is seen."""

    def show(self, line: str) -> None:
        """Show a line."""

    def prompt(self, text: str) -> None:
        """Show where what is typed will go."""


class Conversation:
    """One user's conversation.

    Args:
        endpoint: Where the server is.
        reactor: The time.
        screen: Where it is seen.
        words: The language.
        strict: Whether a command that fails counts in the end: a script's, not a person's.
        random: For the delays before attempts to come back.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: Any,
        screen: Screen,
        words: Words,
        *,
        strict: bool = False,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self.client = Client(endpoint, reactor, heard=self._heard, changed=self._changed, random=random)
        self._screen = screen
        self._words = words
        self._strict = strict
        self._narrator = Narrator(words)
        receipts = Receipts(reactor, self.client.confirm)
        self._talk = Talk(
            client=self.client,
            reactor=reactor,
            show=screen.show,
            words=words,
            narrator=self._narrator,
            receipts=receipts,
        )
        self._lines: DeferredQueue[str | None] = DeferredQueue()
        self._over: Deferred[int] = Deferred()
        self._mistakes = 0
        self._nickname = ""
        self._carrying_out = False

    def introduce(self, user_id: int, nickname: str | None) -> None:
        """Learn what the user is called."""
        if nickname:
            self._nickname = nickname
            self._narrator.person({"user_id": user_id, "nickname": nickname})

    # --- its course ---

    async def run(self) -> int:
        """Talk, once the client is connected, until the user or the server ends it; return the status."""
        working = Deferred.fromCoroutine(self._work())
        working.addCallbacks(lambda _: self.finish(1 if self._strict and self._mistakes else 0), self._defect)
        status = await self._over
        working.cancel()
        self._talk.receipts.stop()
        await self.client.disconnect()
        return status

    def finish(self, status: int) -> None:
        """End the conversation."""
        if not self._over.called:
            self._over.callback(status)

    def _defect(self, failure: Failure) -> None:
        if not failure.check(CancelledError) and not self._over.called:
            self._over.errback(failure)

    async def _work(self) -> None:
        """Carry out what was typed in its order, so that a piped script means what it says."""
        await self._safely("rooms", rooms.list_rooms(self._talk))
        self._prompt()
        while (line := await self._lines.get()) is not None:
            self._carrying_out = True
            try:
                await self._carry_out(line)
            except Quit:
                break
            finally:
                self._carrying_out = False
            self._prompt()
        await self._talk.receipts.flush()

    def _prompt(self) -> None:
        room_id = self._talk.room_id
        where = "" if room_id is None else f"[{room_id}] {harmless(self._narrator.room(room_id))}"
        self._screen.prompt(f"{where}> ")

    # --- what is typed ---

    def entered(self, line: str) -> None:
        """Take a line that was typed."""
        line = line.strip()
        name = _name(line)
        if name == "help":
            self._help()
        elif name == "quit" and not isinstance(self.client.state, Online):
            self.finish(0)  # what waits for the connection is not waited for
        elif line:
            self._lines.put(line)

    def overlong(self) -> None:
        """Take note that a line was too long."""
        self._mistake("too_long")

    def ended(self) -> None:
        """Finish what was typed, then end."""
        self._lines.put(None)

    async def _carry_out(self, line: str) -> None:
        name = _name(line)
        if name is None:
            await self._safely("", messages.send_text(self._talk, line.removeprefix("/")))
        elif name in COMMANDS:
            argument = line[1:].partition(" ")[2].strip()
            await self._safely(name, COMMANDS[name].run(self._talk, argument))
        else:
            self._mistake("unknown_command", name=name)

    async def _safely(self, name: str, doing: Any) -> None:
        """Say what goes wrong, and go on."""
        try:
            await doing
        except UsageMistaken:
            self._mistake("usage", usage=f"/{name} {COMMANDS[name].usage}")
        except Misuse as wrong:
            self._mistake(wrong.key, **wrong.fields)
        except Rejected as wrong:
            self._mistakes += 1
            self._screen.show(self._narrator.refusal(wrong))
        except Disconnected as wrong:
            self._mistake("not_connected", reason=str(wrong))
        except NoAnswer as wrong:
            self._mistake("no_answer", reason=str(wrong))

    def _mistake(self, key: str, **fields: Any) -> None:
        self._mistakes += 1
        self._talk.say(key, **fields)

    def _help(self) -> None:
        for name, command in COMMANDS.items():
            usage = f"/{name} {command.usage}".rstrip()
            self._screen.show(f"  {usage:<30} {command.help[self._words.language]}")

    # --- what happens ---

    def _heard(self, event: Event) -> None:
        if isinstance(event, TokenExpiring) and self.client.renews:
            return
        if isinstance(event, MessageReceived) and not self._talk.receipts_shown:
            return
        if isinstance(event, Postponed) and event.delay_s < _NOTICED_S:
            return
        self._note_call(event)
        self._screen.show(self._narrator.event(event))
        if isinstance(event, NewMessage):
            self._talk.confirm(event.room_id, unstructure(event))

    def _note_call(self, event: Event) -> None:
        """Know which calls there are, and whether one's own is over."""
        if isinstance(event, VideoRoomCreated):
            self._talk.open_calls[event.video_room_id] = event.chat_room_id
        elif isinstance(event, VideoRoomClosed):
            self._talk.open_calls.pop(event.video_room_id, None)
            if event.video_room_id == self._talk.call_id:
                self._talk.call_id = None

    def _changed(self, state: State) -> None:
        match state:
            case Online(welcome=welcome) if not self._talk.user_id:
                self._talk.user_id = welcome.user_id
                nickname = f" ({self._nickname})" if self._nickname else ""
                self._talk.say("connected", user_id=welcome.user_id, nickname=nickname)
            case Online(welcome=welcome, complete=True):
                key = {0: "resumed", 1: "resumed_one"}.get(welcome.replayed_events, "resumed_many")
                self._talk.say(key, count=welcome.replayed_events)
            case Online():
                self._talk.open_calls.clear()
                self._talk.say("not_resumed")
            case Waiting():
                self._talk.say(
                    "waiting" if state.attempt == 1 else "still_waiting",
                    reason=state.reason,
                    delay=f"{state.delay_s:.0f}",
                    attempt=state.attempt,
                    attempts=state.attempts,
                )
            case Offline():
                if not self._over.called:
                    self._lost_for_good(state)
                    self.finish(1)

    def _lost_for_good(self, state: Offline) -> None:
        if unsent := self._unsent():
            self._talk.say("unsent", count=unsent)
        # The same token would be refused again.
        refused = state.code in ("AUTH_FAILED", "INVALID_TOKEN", "PERMISSION_DENIED")
        self._talk.say("refused" if refused else "offline", reason=state.reason)

    def _unsent(self) -> int:
        """Return how many of the typed lines were not carried out."""
        waiting = sum(line is not None for line in self._lines.pending)
        return waiting + self._carrying_out


def _name(line: str) -> str | None:
    """Return the name of the command that a line is, or None for a text."""
    if not line.startswith("/") or line.startswith("//"):
        return None
    name = line[1:].partition(" ")[0].lower()
    return _ALSO.get(name, name)

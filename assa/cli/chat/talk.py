"""What a conversation knows, and the registry of what can be typed in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from attrs import define, field, frozen

from assa.cli.chat.narration import Data, Narrator
from assa.cli.chat.receipts import Receipts
from assa.cli.chat.words import Words
from assa.client import Client

_DIGITS: Final = 16
"""Ids are below 2**53."""


class Misuse(Exception):  # noqa: N818 - the user's, and told to him
    """A command cannot be carried out as typed.

    Args:
        key: What to say about it.
        fields: What that line needs.
    """

    def __init__(self, key: str, **fields: Any) -> None:
        super().__init__(key)
        self.key = key
        self.fields = fields


class UsageMistaken(Exception):  # noqa: N818 - likewise
    """The command has other arguments."""


class Quit(Exception):  # noqa: N818 - asked for
    """The user has had enough."""


@define(eq=False, kw_only=True)
class Talk:
    """A conversation: who takes part, and where what is typed goes.

    Args:
        client: The connection.
        reactor: The time.
        show: Shows a line.
        words: The language.
        narrator: Knows names.
        receipts: Confirms what is shown.
        user_id: Who types.
        room_id: Where text goes.
        call_id: The video room.
        open_calls: The rooms of the calls that were heard of, by the call's id.
        receipts_shown: Whether the receipts of others are worth a line each.
    """

    client: Client
    reactor: Any
    show: Callable[[str], None]
    words: Words
    narrator: Narrator
    receipts: Receipts
    user_id: int = 0
    room_id: int | None = None
    call_id: int | None = None
    open_calls: dict[int, int] = field(factory=dict)
    receipts_shown: bool = True

    def say(self, key: str, **fields: Any) -> None:
        """Show a line in the user's language."""
        self.show(self.words(key, **fields))

    async def ask(self, action: str, **data: Any) -> Data:
        """Send a request and return the data of its answer."""
        return await self.client.ask_raw(action, data)

    def here(self) -> int:
        """Return the room in which the user writes.

        Raises:
            Misuse: None yet.
        """
        if self.room_id is None:
            raise Misuse("no_room")
        return self.room_id

    def confirm(self, room_id: int, message: Data) -> None:
        """Confirm a message that is shown, unless it is one's own."""
        if message["user"]["user_id"] != self.user_id:
            self.receipts.add(room_id, message["message_id"])


@frozen(kw_only=True)
class Command:
    """One thing that can be typed.

    Args:
        usage: Its arguments.
        help: What it does, by language.
        run: Does it, with what was typed after the name.
    """

    usage: str
    help: dict[str, str]
    run: Callable[[Talk, str], Awaitable[None]]


@frozen
class Commands:
    """Commands by name."""

    by_name: dict[str, Command] = field(factory=dict)

    def on(
        self, name: str, usage: str = "", *, en: str, ko: str
    ) -> Callable[[Callable[[Talk, str], Awaitable[None]]], Callable[[Talk, str], Awaitable[None]]]:
        """Register the decorated coroutine function as what ``/name`` does."""

        def register(run: Callable[[Talk, str], Awaitable[None]]) -> Callable[[Talk, str], Awaitable[None]]:
            self.by_name[name] = Command(usage=usage, help={"en": en, "ko": ko}, run=run)
            return run

        return register


def number(text: str) -> int:
    """Return an id that was typed, with or without the sign that it is shown with.

    Raises:
        UsageMistaken: It is none.
    """
    digits = text.strip().lstrip("#").strip("[]")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
        raise UsageMistaken
    return int(digits)


def required(text: str) -> str:
    """Return an argument that must not be missing.

    Raises:
        UsageMistaken: It is.
    """
    if not text.strip():
        raise UsageMistaken
    return text.strip()

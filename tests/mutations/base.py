"""What a broken server is, and the faults that most are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from assa.mock import Fault, Item, Line, Message

Make = Callable[[], Callable[[Line], Fault]]
"""Makes the fault of one server, with what its connections share."""


@frozen
class Mutant:
    """A broken server.

    Attributes:
        make: Makes its fault.
        found: The rules that find it, `version section name`.
    """

    make: Make
    found: frozenset[str]


MUTANTS: dict[str, Mutant] = {}
"""By name: those that the rules have been looked at with."""
UNSEEN: dict[str, Mutant] = {}
"""By name: those that were made when the rules were finished."""


def mutant(*found: str, among: dict[str, Mutant] = MUTANTS) -> Callable[[Make], Make]:
    """Register a server and what finds it."""

    def register(make: Make) -> Make:
        among[make.__name__] = Mutant(make, frozenset(found))
        return make

    return register


def says(change: Callable[[Message], Iterable[Item] | None]) -> Callable[[Line], Fault]:
    """Return a fault that changes what the server says: in place, or into what `change` returns."""

    class Saying(Fault):
        def outgoing(self, message: Message) -> Iterable[Item]:
            changed = change(message)
            return [message] if changed is None else changed

    return Saying

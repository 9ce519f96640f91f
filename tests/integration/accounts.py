"""What became of the messages that many people sent while servers were hurt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen


class Talker(Protocol):
    """A member of the room, after everything."""

    sent: int
    resent: int
    duplicates: int
    moves: int
    acknowledged: dict[str, int]
    heard: list[tuple[int, str]]
    resumed: list[bool]
    refused: Counter[str]


def number_of(content: str) -> int:
    """Return the place of a message among its sender's."""
    return int(content.partition("-")[2])


@frozen(kw_only=True)
class Account:
    """What became of the messages of a load; all but the first ones have to be 0."""

    sent: int
    acknowledged: int
    stored: int
    resent: int
    already_stored: int
    seen: int
    comebacks: int
    moves: int
    lost: int
    doubled: int
    unseen: int
    seen_twice: int
    out_of_order: int
    not_resumed: int

    def check(self) -> None:
        """Acknowledged is stored, once; everybody has seen everything of the others, once, in one order."""
        wrong = {
            name: getattr(self, name)
            for name in ("lost", "doubled", "unseen", "seen_twice", "out_of_order", "not_resumed")
            if getattr(self, name)
        }
        assert not wrong, wrong
        assert self.sent == self.acknowledged == self.stored, self

    def __str__(self) -> str:
        """Return the figures."""
        return (
            f"sent {self.sent}, acknowledged {self.acknowledged}, stored {self.stored}, resent {self.resent}"
            f" (already stored {self.already_stored}), seen {self.seen}, come back {self.comebacks}"
            f" (elsewhere {self.moves}); lost {self.lost}, doubled {self.doubled}, not seen {self.unseen},"
            f" seen twice {self.seen_twice}, out of order {self.out_of_order}, not resumed {self.not_resumed}"
        )


def account_of(members: Sequence[Talker], stored: Sequence[tuple[int, str]]) -> Account:
    """Compare what was acknowledged, what is stored and what everybody heard.

    Out of order is a member that heard the others' messages otherwise than they are stored, and one
    whose own were told other ids; also one whose own are stored otherwise than they were said, unless
    some were refused and had to be said again.
    """
    acknowledged = {content: id_ for member in members for content, id_ in member.acknowledged.items()}
    times_stored = Counter(content for _, content in stored)
    unseen = twice = disorder = 0
    for member in members:
        heard = {id_ for id_, _ in member.heard}
        others = [one for one in stored if one[1] not in member.acknowledged]
        twice += len(member.heard) - len(heard)
        unseen += len({id_ for id_, _ in others} - heard)
        disorder += _in_disorder(member, stored, others)
    return Account(
        sent=sum(one.sent for one in members),
        acknowledged=len(acknowledged),
        stored=len(stored),
        resent=sum(one.resent for one in members),
        already_stored=sum(one.duplicates for one in members),
        seen=sum(len(one.heard) for one in members),
        comebacks=sum(len(one.resumed) for one in members),
        moves=sum(one.moves for one in members),
        lost=len(acknowledged.keys() - times_stored.keys()),
        doubled=len(stored) - len(times_stored),
        unseen=unseen,
        seen_twice=twice,
        out_of_order=disorder,
        not_resumed=sum(not resumed for one in members for resumed in one.resumed),
    )


def _in_disorder(
    member: Talker, stored: Sequence[tuple[int, str]], others: Sequence[tuple[int, str]]
) -> bool:
    own = {content: id_ for id_, content in stored if content in member.acknowledged}
    said = [number_of(content) for content in own]
    return (
        member.heard != others or own != member.acknowledged or (not member.refused and said != sorted(said))
    )

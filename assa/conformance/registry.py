"""The rules: sentences of the protocol, each with what tries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import frozen

from assa.conformance.stage import Stage

Case = Callable[[Stage], Awaitable[None]]
VERSIONS: Final = ("1.0", "1.1")


@frozen(kw_only=True)
class Rule:
    """One sentence of the protocol.

    Attributes:
        section: Of v1.0, such as ``5.1``: where the rule is said, or what an addition belongs to.
        version: The version that demands it.
        text: The sentence.
        name: What tests and reports know it by.
        case: What tries it; None for one of :mod:`assa.conformance.watching`, which all messages are held to.
        slow: Whether it waits for timers of the server, half a minute or more.
        alone: Whether others would notice that it is tried, so that it comes after them.
    """

    section: str
    version: str
    text: str
    name: str
    case: Case | None = None
    slow: bool = False
    alone: bool = False

    @property
    def order(self) -> tuple[str, list[int]]:
        """Return what rules are sorted by."""
        return self.version, [int(part) for part in self.section.split(".")]


RULES: Final[list[Rule]] = []
"""Those that have a case of their own, in the order of their modules."""


def rule(
    section: str, version: str = "1.0", *, slow: bool = False, alone: bool = False
) -> Callable[[Case], Case]:
    """Register a case; its docstring is the sentence.

    Args:
        section: As in :class:`Rule`.
        version: Likewise.
        slow: Likewise.
        alone: Likewise.
    """

    def register(case: Case) -> Case:
        sentence = (case.__doc__ or "").strip().rstrip(".")
        name = getattr(case, "__name__", "")
        made = Rule(
            section=section, version=version, text=sentence, name=name, case=case, slow=slow, alone=alone
        )
        RULES.append(made)
        return case

    return register

"""Servers that are wrong in one thing each: the mock, with a fault that no network makes.

Each says which rules have to find it. All others have to hold: a finding that is told in the wrong place
sends a developer to the wrong place.
"""

from tests.mutations import answers, late, rights  # noqa: F401 - importing them makes them known
from tests.mutations.base import MUTANTS, UNSEEN, Mutant

__all__ = ["MUTANTS", "UNSEEN", "Mutant"]

"""What the tests measure, at the end of the output where everybody sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_FIGURES = pytest.StashKey[list[str]]()

Figures = Callable[[str], None]


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Return a function that takes note of what a test has measured."""

    def note(text: str) -> None:
        request.config.stash.setdefault(_FIGURES, []).append(f"{request.node.name}: {text}")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures."""
    measured = config.stash.get(_FIGURES, [])
    if measured:
        terminalreporter.section("measured")
        for line in measured:
            terminalreporter.write_line(line)

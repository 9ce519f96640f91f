"""What the tests measure, at the end of the output where everybody sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_FIGURE = "figure"

Figures = Callable[[str], None]


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Return a function that takes note of what a test has measured."""

    def note(text: str) -> None:
        # With the report it comes from whichever process ran the test.
        request.node.user_properties.append((_FIGURE, text))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    measured = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for report in reports
        for name, value in report.user_properties
        if name == _FIGURE
    ]
    if measured:
        terminalreporter.section("measured")
        for line in measured:
            terminalreporter.write_line(line)

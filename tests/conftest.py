"""The order of the tests under pytest, and what a skipped one means."""

from __future__ import annotations

import os
import unittest
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.storage.databases import supply

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

NOTHING_MAY_BE_SKIPPED = os.environ.get("ASSA_REQUIRE") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run trial's TestCases before the tests of pytest-twisted.

    pytest-twisted keeps the reactor going between its tests. A TestCase that comes later
    finds what it left there and fails with DirtyReactorAggregateError.
    """

    def comes_later(item: pytest.Item) -> bool:
        return not issubclass(getattr(item, "cls", None) or object, unittest.TestCase)

    mixed = {one.path for one in items if comes_later(one)} & {
        one.path for one in items if not comes_later(one)
    }
    if mixed:  # pytest-xdist keeps a file together, so its functions would start the reactor too early
        raise pytest.UsageError(f"TestCases and functions in one file: {', '.join(map(str, sorted(mixed)))}")
    items.sort(key=comes_later)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped although `ASSA_REQUIRE=1` says that none may be."""
    report = yield
    return _required(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that was skipped as a whole, likewise."""
    report = yield
    return _required(report)


def _required(report: Report) -> Report:
    expected_to_fail = hasattr(report, "wasxfail")
    if NOTHING_MAY_BE_SKIPPED and report.skipped and not expected_to_fail:
        report.outcome = "failed"
        report.longrepr = f"skipped, but ASSA_REQUIRE=1: {report.longrepr}"
    return report


@pytest.fixture(autouse=True, scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Work in a directory of its own: a TestCase's mktemp() makes its files in the current one."""
    here = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(here)


@pytest.fixture(autouse=True)
def returned() -> Generator[None, None, None]:
    """Take the PostgreSQL databases of a test's Worlds back after it."""
    yield
    supply().give_all()

"""docs/conformance.rst: its commands against a server, its report from a server that is broken as it says."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assa.conformance.report import as_text
from assa.conformance.running import all_rules, selected
from tests.docs.commands import commands, run
from tests.docs.samples import take
from tests.integration.plain import SECRET, token
from tests.integration.server import LOOPBACK, running
from tests.mutants import MUTANTS
from tests.rehearsal import Rehearsal

DOCUMENT = "docs/conformance.rst"
SECRET_FILE = take(DOCUMENT, "pip install 'assa[conformance]'")
TOKENS_FILE = take(DOCUMENT, "assa conformance localhost:12345 --tokens")
REPORT = take(DOCUMENT, "ASSA protocol,")
IN_CI = take(DOCUMENT, "assa conformance localhost:12345 --secret-file secret --version 1.0 --format junit")


def alike(text: str) -> str:
    """Return a report without what differs from run to run: ids, times, how many rules there are."""
    return re.sub(r"\d+", "0", re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "now", text))


class DocumentTests(SynchronousTestCase):
    def test_commands(self) -> None:
        """What is typed works as it is typed, of the whole only a section."""
        with running() as server, commands() as path, tempfile.TemporaryDirectory() as name:
            Path(name, "secret").write_text(SECRET)
            Path(name, "tokens.txt").write_text("\n".join(token(user_id) for user_id in (1, 2, 3)))
            there = f"cd {shlex.quote(name)}; set -e\n"
            for typed in (f"{SECRET_FILE} --section 4.1", f"{TOKENS_FILE} --section 5.1", IN_CI):
                command = there + typed.replace("localhost:12345", f"{LOOPBACK}:{server.address[1]}")
                run(command, server.environment | path)
            self.assertIn('failures="0"', Path(name, "conformance.xml").read_text())

    def test_report(self) -> None:
        """The report looks as it is shown."""
        rules = selected(all_rules(), versions=("1.0",), sections=("5",))
        results = Rehearsal([MUTANTS["third_member_forgotten"].make()]).run(rules)
        self.assertEqual(alike(as_text("localhost:12345", results)).rstrip(), alike(REPORT))

    def test_options(self) -> None:
        """The options that the text names exist."""
        with commands() as path:
            shown = run("assa conformance --help", path | {"LC_ALL": "C.UTF-8"})
        text = Path(__file__).parents[2].joinpath(DOCUMENT).read_text("utf-8")
        for option in re.findall(r"``(--[\w-]+)", text):
            self.assertIn(option, shown)
        self.assertIn("ASSA_CONFORMANCE_SECRET", shown)

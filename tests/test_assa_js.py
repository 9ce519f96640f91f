"""The tests of the JavaScript (tests/js), run by Node.js: the protocol library and the web client's logic."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from twisted.trial.unittest import TestCase

import assa
from tests.javascript import SCRIPTS, counted, node, run_scripts

LIBRARY = Path(assa.__file__).parent / "web" / "assa"


class JavaScriptTests(TestCase):
    def test_scripts(self):
        """Everything that tests/js claims holds."""
        ended = run_scripts(sorted(SCRIPTS.glob("*.test.mjs")))
        self.assertEqual(ended.returncode, 0, ended.stdout)
        self.assertGreater(counted(ended.stdout, "pass"), 100)
        self.assertEqual(counted(ended.stdout, "skipped") + counted(ended.stdout, "todo"), 0, ended.stdout)

    def test_library_stands_alone(self):
        """A web team takes the directory as it is: no module of it imports anything from elsewhere."""
        script = f"import({str(LIBRARY / 'assa.js')!r}).then((all) => console.log(...Object.keys(all)))"
        told = subprocess.check_output([node(), "-e", script], text=True)
        self.assertEqual(set(told.split()), {"AssaError", "Call", "Connection"})
        imported = [
            name
            for module in LIBRARY.glob("*.js")
            for name in re.findall(r"(?:from|import) '([^']+)'", module.read_text())
        ]
        self.assertGreater(len(imported), 20)
        self.assertEqual([name for name in imported if not re.fullmatch(r"\./\w+\.js", name)], [])

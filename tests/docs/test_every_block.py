"""Every command and every sample of the documents is run by a test, or it says here why not."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import tests.docs
import tests.integration
from tests.docs.rst import Block, english, literal, text_of
from tests.docs.samples import TAKEN
from tests.integration.server import ROOT

CI = "a section of .ci/run does the same"
DRAWING = "a drawing, nothing to run"
MINUTES = ".ci/run starts the program with --quick; this takes minutes"
NOT_RUN = {
    (
        "clients/java/README.md",
        "apt-get install",
    ): "tests/integration/test_client_java.py builds it and runs it so",
    ("clients/typescript/README.md", "npm ci"): "tests/integration/test_client_typescript.py builds it so",
    ("clients/typescript/README.md", "ASSA_TOKEN="): "tests/integration/test_client_typescript.py runs it so",
    ("docs/tutorial.rst", "python3 -m venv"): CI,
    ("CONTRIBUTING.rst", "python3 -m venv"): CI,
    ("benchmarks/README.rst", "python benchmarks/run.py"): MINUTES,
    ("benchmarks/README.rst", "python benchmarks/nodes.py"): MINUTES,
    ("benchmarks/README.rst", "pip install autobahn"): "it installs what nothing else here needs",
    ("docs/architecture.rst", "bytes    connection"): DRAWING,
    ("docs/architecture.rst", "tap, cli"): DRAWING,
    ("docs/architecture.rst", "REQUEST_UPLOAD"): DRAWING,
    ("docs/operations.rst", "python3 -m venv"): CI,
    ("docs/operations.rst", "/opt/assa/bin/pip install '.[postgres]'"): CI,
    ("docs/operations.rst", "certbot"): "it asks an authority on the Internet for a name of one's own",
    ("docs/operations.rst", "LoadCredential=db-password"): "systemd reads it, which tests do not have",
    ("docs/operations.rst", "# /etc/turnserver.conf"): "coturn reads it, which is not part of ASSA",
    ("docs/operations.rst", "python benchmarks/run.py"): MINUTES,
}
GENERATED = ("reference",)
"""Documents that are made, with their samples, from what has tests of its own: `tests/test_spec*.py`."""


def documents() -> list[Path]:
    """Return the documents for people, in one language."""
    clients = (ROOT / "clients").glob("*/README.md")
    written = [one for one in english() if one.stem not in GENERATED]
    return [*written, ROOT / "assa" / "web" / "assa" / "README.md", *sorted(clients)]


def reason(document: str, block: Block) -> str | None:
    """Return why a block is not run."""
    for (name, beginning), why in NOT_RUN.items():
        if name == document and block.text.startswith(beginning):
            return why
    return None


def quoted(document: str, block: Block) -> bool:
    """Tell whether a block is of an example of a client in another language, all of which its tests run."""
    directory = (ROOT / document).parent / "examples"
    files = directory.rglob("*.*") if document.startswith("clients/") else ()
    return any(block.text in text_of(one) for one in files)


class EveryBlockTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Let all tests of documents take their blocks."""
        for package in (tests.docs, tests.integration):
            for module in pkgutil.iter_modules(package.__path__):
                if "docs.samples import" in text_of(Path(package.__path__[0], f"{module.name}.py")):
                    importlib.import_module(f"{package.__name__}.{module.name}")

    def test_run(self) -> None:
        """Each block is run, or there is a reason."""
        found = [(str(one.relative_to(ROOT)), block) for one in documents() for block in literal(one)]
        self.assertGreater(len(found), 100)
        missing = [one for one in found if one not in TAKEN and reason(*one) is None and not quoted(*one)]
        self.assertEqual([(name, block.text.partition("\n")[0]) for name, block in missing], [])

    def test_reasons(self) -> None:
        """What is not run is still there, and is indeed not run."""
        for (name, beginning), why in NOT_RUN.items():
            found = [one for one in literal(ROOT / name) if one.text.startswith(beginning)]
            self.assertEqual(len(found), 1, f"{name}: {beginning} ({why})")
            self.assertNotIn((name, found[0]), TAKEN)

"""The documents are well-formed, in both languages, and name what there is."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from assa.config import load
from assa.settings import Config
from tests.docs.rst import DOCS, blocks, everything, pairs, section, text_of, titles
from tests.docs.samples import take_all
from tests.integration.server import ROOT

try:
    from docutils.core import publish_doctree
except ImportError:
    publish_doctree = None


OUTSIDE = tuple(
    ROOT / name for name in ("README.rst", "CONTRIBUTING.rst", "CHANGELOG.rst", "benchmarks/README.rst")
)
SETTINGS = [*take_all("docs/operations.rst", "toml"), *take_all("docs/web.rst", "toml")]


class FormTests(SynchronousTestCase):
    def test_no_warnings(self) -> None:
        """Docutils has not a single complaint about those that are no pages of the site."""
        if publish_doctree is None:
            raise SkipTest("docutils is not installed: nobody has looked at the form of the documents")
        for path in OUTSIDE:
            stream = _Complaints()
            publish_doctree(
                text_of(path),
                source_path=path.name,
                settings_overrides={
                    "report_level": 1,
                    "halt_level": 5,
                    "warning_stream": stream,
                    "syntax_highlight": "none",
                },
            )
            self.assertEqual(stream.heard, [], path.name)

    def test_links(self) -> None:
        """What a document links to exists."""
        for path in everything():
            for target in re.findall(r"<([^<>\s:]+)>`__?|^\.\. image:: (\S+)$", text_of(path), re.MULTILINE):
                there = path.parent / "".join(target)
                self.assertTrue(there.exists(), f"{path.name}: {there}")

    def test_tests_that_prove(self) -> None:
        """The tests that the architecture names exist."""
        named = re.findall(r"``(tests/[\w/]+(?:\.py|/))((?:::\w+)*)``", text_of(DOCS / "architecture.rst"))
        self.assertGreater(len(named), 8)
        for path, names in named:
            if path == "tests/test_typing.py":
                continue  # of the example
            self.assertTrue((ROOT / path).exists(), path)
            for name in filter(None, names.split("::")):
                self.assertRegex(text_of(ROOT / path), rf"(def|class) {name}\b")

    def test_modules(self) -> None:
        """README names every module of the package, and none that is not there."""
        table = section(ROOT / "README.rst", "Where things are")
        named = {one.removeprefix("assa/") for one in re.findall(r"``([\w/]+(?:\.py|/))``", table)}
        package = ROOT / "assa"
        there = {
            one.name + ("/" if one.is_dir() else "") for one in package.iterdir() if one.suffix in (".py", "")
        }
        there -= {"__init__.py", "__main__.py", "__pycache__/"}
        self.assertEqual(there - named, set())
        self.assertEqual({one for one in named - there if not (ROOT / one).is_dir()}, set())

    def test_settings(self) -> None:
        """A setting that a document names exists."""
        config = Config()
        pattern = r"``(server|storage|nodes|auth|limits|rate|calls|http|files)\.(?!py)(\w+)"
        for path in everything():
            for name, key in re.findall(pattern, text_of(path)):
                module = ROOT / "assa" / name / f"{key}.py"
                known = module.exists() or hasattr(getattr(config, name), key)
                self.assertTrue(known, f"{path.name}: {name}.{key}")

    def test_toml(self) -> None:
        """Settings that a document shows are accepted."""
        for block in SETTINGS:
            file = Path(self.mktemp())
            file.write_text(block)
            load(str(file), {"HOME": "/nowhere"})


class _Complaints:
    """What docutils writes its complaints to."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def write(self, text: str) -> None:
        """Note a complaint."""
        self.heard.append(text)


class LanguageTests(SynchronousTestCase):
    """English and Korean say the same."""

    def test_sections(self) -> None:
        """The same sections in the same order; names of actions are the same words."""
        for english, korean in pairs():
            there, here = titles(english), titles(korean)
            self.assertEqual([level for level, _ in there], [level for level, _ in here], english.name)
            for (_, one), (_, other) in zip(there, here, strict=True):
                if re.fullmatch(r"[A-Z_]{3,}", one):
                    self.assertEqual(one, other)

    def test_blocks(self) -> None:
        """The same JSON, the same commands, the same Python and TOML."""
        for english, korean in pairs():
            self.assertEqual(blocks(english), blocks(korean), english.name)

    def test_words(self) -> None:
        """The same words of the protocol, each as often: fields, codes, settings, numbers of the tables."""
        for english, korean in pairs():
            there, here = (sorted(re.findall(r"``([^`]+)``", text_of(one))) for one in (english, korean))
            self.assertEqual(set(there) ^ set(here), set(), english.name)

    def test_items(self) -> None:
        """The same number of list items and table cells."""
        for english, korean in pairs():
            for bullet in (r"^ *\* (?!- )", r"^   [* ] - ", r"^\d\. "):
                counts = [len(re.findall(bullet, text_of(one), re.MULTILINE)) for one in (english, korean)]
                self.assertEqual(counts[0], counts[1], f"{english.name}: {bullet}")

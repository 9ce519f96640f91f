"""The documents as a site: it is built without a warning, and none of its links leads nowhere."""

from __future__ import annotations

import json
import posixpath
import re
import subprocess
import sys
import tempfile
import urllib.parse
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.docs.rst import DOCS, everything
from tests.javascript import node

TIMEOUT_S = 120


@cache
def site() -> Path:
    """Return the directory of the site, built at the first call; the test process removes it."""
    try:
        import furo  # noqa: F401, PLC0415 - or the tests are skipped
    except ImportError:
        raise SkipTest("no Sphinx here: `pip install 'assa[test]'`") from None
    _kept.append(tempfile.TemporaryDirectory(prefix="assa-site-"))
    out = Path(_kept[-1].name)
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-n", "-q"]
    done = subprocess.run(
        [*command, "-d", out / "doctrees", DOCS, out / "html"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


_kept: list[tempfile.TemporaryDirectory[str]] = []


class Page(HTMLParser):
    """What a page links to, what can be linked to in it, and its language."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.language = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what there is."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)
            elif (tag, name) == ("html", "lang"):
                self.language = value or ""


class SiteTests(SynchronousTestCase):
    def test_pages(self) -> None:
        """There is a page for each document, in its language; both lead to each other."""
        for path in (one for one in everything() if one.parent == DOCS):
            page = Page(site() / f"{path.stem}.html")
            language, other = ("ko", "en") if path.stem.endswith(".ko") else ("en", "ko")
            self.assertEqual(page.language, language, path.name)
            name = path.stem.removesuffix(".ko")
            there = f"{name}.ko.html" if other == "ko" else f"{name}.html"
            if (site() / there).exists():
                self.assertIn(there, page.links)

    def test_links(self) -> None:
        """Each link within the site leads to a file, and to something in it."""
        pages = {path.name: Page(path) for path in site().glob("*.html")}
        self.assertGreater(len(pages), 10)
        for name, page in pages.items():
            for link in page.links:
                address = urllib.parse.urlsplit(link)
                if address.scheme or address.netloc:
                    continue
                target = posixpath.normpath(urllib.parse.unquote(address.path) or name)
                self.assertTrue((site() / target).exists(), f"{name}: {link}")
                if address.fragment and target in pages and target != "search.html":
                    anchors = pages[target].anchors | {""}
                    self.assertIn(urllib.parse.unquote(address.fragment), anchors, f"{name}: {link}")

    def test_nothing_from_elsewhere(self) -> None:
        """A page loads nothing from another host: it can be read without a network."""
        for path in site().glob("*.html"):
            loaded = re.findall(
                r'<(?:script|img|link)[^>]+(?:src|href)="(https?://[^"]+)"', path.read_text("utf-8")
            )
            self.assertEqual(loaded, [], path.name)

    def test_search(self) -> None:
        """Who searches finds Korean words with other particles, and English ones."""
        index = json.loads(
            (site() / "searchindex.js").read_text("utf-8").removeprefix("Search.setIndex(")[:-1]
        )
        names = index["docnames"]
        words = {
            "메시지를": "protocol.ko",
            "백업은": "operations.ko",
            "CONNECT에서": "protocol.ko",
            "backup": "operations",
        }
        for word, document in words.items():
            stem = self.stemmed(word)
            pages = [index[kind].get(stem, []) for kind in ("terms", "titleterms")]
            found = {names[one] for page in pages for one in (page if isinstance(page, list) else [page])}
            self.assertIn(document, found, f"{word}: {stem}")

    def stemmed(self, word: str) -> str:
        """Return what the browser makes of a word, which is what Python made of it for the index."""
        data = (site() / "_static" / "language_data.js").read_text("utf-8")
        asked = f"console.log(new Stemmer().stemWord({json.dumps(word.lower())}))"
        script = f"globalThis.window = {{}};\n{data}\n{asked}"
        done = subprocess.run(
            [node(), "-e", script], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        )
        return done.stdout.strip()

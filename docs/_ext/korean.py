# ruff: noqa: INP001 - Sphinx finds it by its path
"""The search finds Korean words with and without their particles, and English ones as they are."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.search import SearchLanguage

# What may follow a noun; of several that fit, the longest is taken off. At least two letters stay.
PARTICLES = (
    "에게서|에서는|에서도|으로는|으로도|이라는|이라도|까지는|에게는|부터는|에서|에게|으로|부터|까지|처럼|마다|이나|이며|이고|"
    "이면|라는|와는|과는|에는|에도|로는|로도|보다|은|는|이|가|을|를|의|에|로|와|과|도|만"
)
WORD = rf"^([가-힣]{{2,}}?)(?:{PARTICLES})$"
FOREIGN = r"^([a-z0-9_]+)[가-힣]+$"  # a word of another script has its particle attached, as CONNECT에


class SearchKorean(SearchLanguage):
    """Words without their particles."""

    lang = "ko"
    language_name = "Korean"
    js_stemmer_code = f"""
var Stemmer = function () {{
  this.stemWord = function (w) {{
    return w.replace(/{FOREIGN}/, '$1').replace(/{WORD}/, '$1');
  }};
}};
"""

    def stem(self, word: str) -> str:
        """Return the word without its particle, as the JavaScript above does."""
        return re.sub(WORD, r"\1", re.sub(FOREIGN, r"\1", word.lower()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the language."""
    app.add_search_language(SearchKorean)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

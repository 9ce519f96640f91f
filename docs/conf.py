# ruff: noqa: INP001 - Sphinx finds it by its path
"""The documents as a site: `sphinx-build -W --keep-going -n docs OUT`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from assa import __version__  # noqa: E402 - found by way of the line above

project = "ASSA"
author = "ASSA contributors"
project_copyright = "ASSA contributors"
version = release = __version__

extensions = ["korean", "languages", "links"]
exclude_patterns = ["_*", "examples"]
templates_path = ["_templates"]
highlight_language = "none"  # of what follows `::`, which are commands mostly

html_theme = "furo"
html_title = f"ASSA {version}"
html_copy_source = False
html_search_language = "ko"
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/languages.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

# ruff: noqa: INP001 - Sphinx finds it by its path
"""Links between the documents, which are those of files in the repository, lead to pages of the site.

A site that hosts code follows `protocol.rst <protocol.rst>`__ and knows no ``:doc:``; Sphinx knows ``:doc:``
and not the other one. So the documents have the first and it is translated here. What is no page, such as a
program or a document of another directory, is put into the site for download.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

log = logging.getLogger(__name__)


def is_relative(uri: str) -> bool:
    """Tell whether a link leads to a file beside the document."""
    return not re.match(r"[a-z][a-z0-9+.-]*:|#|/", uri)


def slug(title: str) -> str:
    """Return what a site that hosts code makes of a title, for links to a section."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


class Downloads(SphinxTransform):
    """Links to files that are no documents of the site become downloads of it."""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        """Replace the nodes."""
        for node in list(self.document.findall(nodes.reference)):
            uri = node.get("refuri", "")
            if uri and is_relative(uri) and _page(self.env.docname, uri) not in self.env.found_docs:
                download = addnodes.download_reference(reftarget=uri, refdoc=self.env.docname)
                download += node.children
                node.replace_self(download)


def _page(docname: str, uri: str) -> str:
    path = posixpath.join(posixpath.dirname(docname), uri.partition("#")[0])
    return posixpath.normpath(path).removesuffix(".rst") if path.endswith(".rst") else ""


def lead_to_pages(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let links to documents lead to their pages, and there to the section; call pages by their titles."""
    for node in doctree.findall(nodes.reference):
        uri = node.get("refuri", "")
        target = _page(docname, uri) if is_relative(uri) else ""
        if target in app.env.found_docs:
            wanted = uri.partition("#")[2]
            fragment = f"#{_section(app, target, wanted, node)}" if wanted else ""
            node["refuri"] = app.builder.get_relative_uri(docname, target) + fragment
            node["internal"] = True
            if node.astext() == uri:  # a page has a title, where a file has a name
                node.children = [nodes.Text(app.env.titles[target].astext())]


def _section(app: Sphinx, target: str, wanted: str, node: nodes.Node) -> str:
    for section in app.env.get_doctree(target).findall(nodes.section):
        title: str = section.next_node(nodes.title).astext()  # type: ignore[union-attr]
        if wanted in (slug(title), *section["ids"]):
            return str(section["ids"][0])
    log.warning("%s has no section #%s", target, wanted, location=node)
    return wanted


def setup(app: Sphinx) -> dict[str, Any]:
    """Take part in the reading and in the writing."""
    app.add_transform(Downloads)
    app.connect("doctree-resolved", lead_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

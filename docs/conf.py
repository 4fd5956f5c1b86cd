"""How Sphinx makes a site of README.md, CONTRIBUTING.md, CHANGELOG.md and docs/ (``make docs``).

The pages are plain Markdown that is read on a code host, too; so what only the site needs is here:
the order of its pages among them. Sources are taken from the repository's folder, since a page of
docs/ links to the files above it, and these back into docs/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fleetlab

project = "fleetlab"
author = "the authors of fleetlab"
project_copyright = "the authors of fleetlab, Apache-2.0"
version = release = fleetlab.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "benchmarks/README.md"]
exclude_patterns = ["build", ".*", "**/node_modules", "tests", "fleetlab"]

NAVIGATION = {
    "Start": ["tutorial", "On one page <../README>"],
    "Coming from": [
        "The platform's reports <coming-from/reports>",
        "REST polling <coming-from/rest>",
        "pandas <coming-from/pandas>",
        "movingpandas <coming-from/movingpandas>",
        "Grafana <coming-from/grafana>",
    ],
    "How to": [
        "unattended",
        "sharing",
        *(
            f"howto/{name}"
            for name in (
                "account",
                "choose",
                "many-recordings",
                "large-recordings",
                "time-zones",
                "gaps",
                "attributes",
                "fuel",
                "trips",
                "working-hours",
                "export",
                "test-a-client",
            )
        ),
    ],
    "What there is": [
        "live",
        "charts",
        "analysis",
        "engines",
        "tracks",
        "report",
        "replay",
        "simulator",
    ],
    "To look up": [
        "data",
        "api/index",
        "conformance",
        "faults",
        "limits",
        "../CHANGELOG",
    ],
    "Inside": ["inside", "../CONTRIBUTING", "../benchmarks/README"],
}
"""The pages by heading, as paths from docs/, some with a shorter title; a page that is missing here
fails the build."""

default_role = "code"
html_theme = "furo"
html_title = "fleetlab"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_typehints = "none"  # the docstrings say it, with units
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_param = False  # as text: most types are words, not names to link to
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style"), ("Yields", "params_style")]


def add_navigation(_: Any, page: str, source: list[str]) -> None:
    """Give the first page the site's navigation, which the code host does not need."""
    if page != root_doc:
        return
    for caption, pages in NAVIGATION.items():
        listed = "\n".join(pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def add_front_door(app: Any, problem: Exception | None) -> None:
    """Lead whoever opens the site's folder to its first page."""
    if problem is None and app.builder.name == "html":
        Path(app.outdir, "index.html").write_text(
            '<!doctype html><meta charset="utf-8"><title>fleetlab</title>'
            '<meta http-equiv="refresh" content="0; url=docs/index.html">'
            '<a href="docs/index.html">fleetlab</a>\n',
            "utf-8",
        )


def keep_sentences(app: Any) -> None:
    """Keep Napoleon from reading what comes before a colon as the type of a property."""
    sentences: dict[str, list[str]] = {}

    def before(_: Any, what: str, name: str, __: Any, ___: Any, lines: list[str]) -> None:
        if what in ("property", "attribute"):
            sentences[name] = list(lines)

    def after(_: Any, __: str, name: str, ___: Any, ____: Any, lines: list[str]) -> None:
        lines[:] = sentences.get(name, lines)

    app.connect("autodoc-process-docstring", before, priority=400)
    app.connect("autodoc-process-docstring", after, priority=600)


def setup(app: Any) -> None:
    """Connect all that."""
    keep_sentences(app)
    app.connect("source-read", add_navigation)
    app.connect("build-finished", add_front_door)

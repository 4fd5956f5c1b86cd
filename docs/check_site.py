"""Check a built site: every link leads to something, and nothing is asked of the network.

Run by ``make docs`` as ``python docs/check_site.py build/site``.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = re.compile(r"""url\(\s*['"]?(https?:)?//|@import\s+(url\()?['"]?(https?:)?//""")
"""What a style sheet takes from elsewhere."""


class Page(HTMLParser):
    """What a page links to and loads, and the places that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.places: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value is not None}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        if "href" in found:
            (self.links if tag == "a" else self.loads).add(found["href"])
        if "src" in found:
            self.loads.add(found["src"])


def main() -> int:
    """Print what is wrong, and tell whether anything is."""
    site = Path(sys.argv[1]).resolve()
    pages = {path: Page(path) for path in site.rglob("*.html")}
    wrong = [f"{path.relative_to(site)}: {what}" for path in pages for what in _faults(path, pages)]
    wrong += [
        f"{path.relative_to(site)}: loads from elsewhere"
        for path in site.rglob("*.css")
        if LOADED.search(path.read_text("utf-8"))
    ]
    for line in sorted(wrong):
        print(line, file=sys.stderr)
    print(f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links")
    return 1 if wrong or not pages else 0


def _faults(path: Path, pages: dict[Path, Page]) -> list[str]:
    page, faults = pages[path], []
    for target in page.links | page.loads:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            if target in page.loads and parts.scheme != "data":
                faults.append(f"loads {target}")
            continue
        to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if to.is_dir():
            to /= "index.html"
        if not to.is_file():
            faults.append(f"{target} is not there")
        elif parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].places:
            faults.append(f"{target}: that page has no such place")
    return faults


if __name__ == "__main__":
    sys.exit(main())

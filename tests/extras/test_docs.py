"""The page on engines runs as it stands there."""

from __future__ import annotations

import pytest

from tests.test_readme import EXTRAS, PYTHON


@pytest.mark.timeout(300)
def test_the_snippets_of_the_page_run():
    names: dict[str, object] = {}
    snippets = PYTHON.findall(EXTRAS.read_text("utf-8"))
    assert len(snippets) >= 6
    for _, code in snippets:
        exec(compile(code, EXTRAS.name, "exec"), names)

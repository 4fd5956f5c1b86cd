"""The pages that need what most people don't run as they stand there."""

from __future__ import annotations

import pytest

from tests.test_readme import EXTRAS, PYTHON


@pytest.mark.filterwarnings("default")  # movingpandas warns of what it lacks, and of itself
@pytest.mark.parametrize("page", EXTRAS, ids=lambda page: page.stem)
def test_the_snippets_of_a_page_run(page):
    names: dict[str, object] = {}
    snippets = PYTHON.findall(page.read_text("utf-8"))
    assert len(snippets) >= 3
    for _, code in snippets:
        exec(compile(code, page.name, "exec"), names)

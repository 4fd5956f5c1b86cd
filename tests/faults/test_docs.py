"""docs/faults.md: each line names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_each_line_of_the_matrix_names_a_test_that_is_there():
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith(("| fault |", "| attack |"))]
    assert len(rows) > 40
    for row in rows:
        found = NAMED.search(row)
        assert found, row
        file, name = found.groups()
        path = ROOT / file if file.startswith("tests/") else ROOT / "tests" / "faults" / file
        assert f"\ndef {name}(" in path.read_text("utf-8"), row

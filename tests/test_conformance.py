"""docs/conformance.md: each line names tests that are there, or says why there is none."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "conformance.md"
NAME = r"`([\w/]+\.py)::(test_\w+)`"
NAMES = re.compile(rf"{NAME}(, {NAME})*")
REASON = re.compile(r"not applicable: \w.{8,}")


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests in a file below tests/."""
    path = TESTS / file
    if not path.is_file():
        return frozenset()
    found = ast.parse(path.read_text("utf-8")).body
    return frozenset(
        node.name for node in found if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of every line of the page's tables, without their headings."""
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()[2:]]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def faults_of(text: str) -> list[str]:
    """Return what is wrong with the tables of a page, each in a sentence."""
    faults = []
    for fact, *cells in rows_of(text):
        if not fact or not cells:
            faults.append(f"{fact!r} is no line of facts and tests")
        for cell in cells:
            if not NAMES.fullmatch(cell) and not REASON.fullmatch(cell):
                faults.append(f"{fact}: {cell!r} is neither tests nor a reason")
            for file, name in re.findall(NAME, cell):
                if name not in names_in(file):
                    faults.append(f"{fact}: there is no {file}::{name}")
    return faults


def test_each_fact_has_tests_that_are_there_or_a_reason():
    text = PAGE.read_text("utf-8")
    facts = [row[0] for row in rows_of(text)]
    assert len(facts) > 100
    assert len(set(facts)) == len(facts)
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("`test_wire.py::test_nothing_of_the_kind`", "there is no"),
        ("`nowhere.py::test_there_is_a_sample_of_every_event`", "there is no"),
        ("", "neither"),
        ("not applicable:", "neither"),
        ("see above", "neither"),
        ("`tables/test_wire.py::test_there_is_a_sample_of_every_event`, and more", "neither"),
        ("`test_wire.py::sample`", "neither"),
    ],
)
def test_a_line_without_either_is_found(cell, fault):
    text = f"| fact | client |\n|---|---|\n| a \\| b | {cell} |\n"
    [told] = faults_of(text)
    assert fault in told
    assert told.startswith("a \\| b")

"""Scalars of any JSON type: as a number, as text, and with the type that was sent."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetlab.tables.values import read_values, scalar


def read_one(raw: str):
    values = read_values([raw.encode()])
    return values.value[0], values.value_text[0], values.value_type[0]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("10", (10.0, "10", "int")),
        ("-0", (-0.0, "-0", "int")),
        ("9007199254740993", (9007199254740992.0, "9007199254740993", "int")),
        ("1.10", (1.1, "1.10", "float")),
        ("1e3", (1000.0, "1e3", "float")),
        ("1e400", (None, "1e400", "float")),
        ("-1e400", (None, "-1e400", "float")),
        ("1" * 400, (None, "1" * 400, "int")),
        ("0." + "3" * 400, (1 / 3, "0." + "3" * 400, "float")),
        ("1E-400", (0.0, "1E-400", "float")),
        ('"262.9138"', (262.9138, "262.9138", "string")),
        ('"-1.5E+2"', (-150.0, "-1.5E+2", "string")),
        ('"007"', (None, "007", "string")),
        ('"nan"', (None, "nan", "string")),
        ('"inf"', (None, "inf", "string")),
        ('" 5"', (None, " 5", "string")),
        ('"5\\n"', (None, "5\n", "string")),
        ('".5"', (None, ".5", "string")),
        ('"1_000"', (None, "1_000", "string")),
        ('""', (None, "", "string")),
        ('"Ünal \\u00e9 \\"q\\""', (None, 'Ünal é "q"', "string")),
        ('"\\""', (None, '"', "string")),
        ('"a\\u0000b"', (None, "a\0b", "string")),
        ('"\\u0031"', (1.0, "1", "string")),
        ("true", (None, "true", "bool")),
        ("false", (None, "false", "bool")),
        ("null", (None, None, "null")),
    ],
)
def test_each_json_scalar_gives_number_text_and_type(raw, expected):
    assert read_one(raw) == expected
    assert scalar(raw.encode()) == (expected[2], expected[1])


def test_objects_and_lists_are_no_values():
    values = read_values([b"1", b"{}", b"[1]"])
    assert values.faults == [1, 2]
    assert values.value_type.to_list() == ["int", None, None]
    assert values.value_text.to_list() == ["1", None, None]


NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def reference(raw: str):
    value = json.loads(raw)
    if value is None:
        return None, None, "null"
    if isinstance(value, bool):
        return None, raw, "bool"
    text = value if isinstance(value, str) else raw
    kind = "string" if isinstance(value, str) else "float" if isinstance(value, float) else "int"
    number = float(text) if NUMBER.fullmatch(text) else None
    if number is not None and math.isinf(number):
        number = None
    return number, text, kind


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.from_regex(NUMBER, fullmatch=True),
)


@given(values=st.lists(SCALARS, min_size=1), ascii_only=st.booleans())
def test_a_column_reads_like_json_and_the_rules_of_the_contract(values, ascii_only):
    raws = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
    read = read_values([raw.encode() for raw in raws])
    rows = zip(read.value, read.value_text, read.value_type, strict=True)
    assert list(rows) == [reference(raw) for raw in raws]
    assert [scalar(raw.encode()) for raw in raws] == [reference(raw)[:0:-1] for raw in raws]

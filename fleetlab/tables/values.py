"""Values that may be any JSON scalar: as a number, as text, and with the type that was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

__all__ = ["Values", "read_values", "scalar"]

NOT_A_SCALAR: Final = "Expected a number, text, true, false or null"

_NUMBER: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_KIND_NAMES: Final = ("int", "string", "bool", "null", None)
_NUMBER_KIND, _STRING_KIND, _BOOL_KIND, _NULL_KIND, _NO_KIND = range(5)
_FIRST: Final = {
    ord('"'): _STRING_KIND,
    ord("t"): _BOOL_KIND,
    ord("f"): _BOOL_KIND,
    ord("n"): _NULL_KIND,
    ord("{"): _NO_KIND,
    ord("["): _NO_KIND,
}
_KINDS: Final = bytes(_FIRST.get(first, _NUMBER_KIND) for first in range(256))
_TYPES: Final = {'"': "string", "t": "bool", "f": "bool", "n": "null", "{": None, "[": None}


class Values(NamedTuple):
    """The three columns of a value, and the rows that hold none.

    Attributes
    ----------
    value : polars.Series of Float64
        The number, or the number that a text is by JSON's grammar; null otherwise, and where it
        is too large for a Float64.
    value_text : polars.Series of String
        The decoded text of a string, the JSON text of the rest exactly as sent, null of a null.
    value_type : polars.Series of String
        ``int``, ``float``, ``string``, ``bool`` or ``null``; null where an object or a list came.
    faults : list of int
        The rows where an object or a list came.
    """

    value: pl.Series
    value_text: pl.Series
    value_type: pl.Series
    faults: list[int]


def scalar(raw: Raw | bytes) -> tuple[str | None, str | None]:
    """Return type and text of one raw JSON value, as in :class:`Values`."""
    text = bytes(raw).decode("utf-8", "replace")
    kind = _TYPES.get(text[:1], "number")
    if kind == "string":
        return kind, text[1:-1] if "\\" not in text else msgspec.json.decode(text)
    if kind == "number":
        return "float" if any(mark in text for mark in ".eE") else "int", text
    return kind, text if kind == "bool" else None


def read_values(raws: Sequence[bytes]) -> Values:
    """Read a column of raw JSON values.

    Parameters
    ----------
    raws : sequence of bytes
        One valid JSON value each.
    """
    kinds = [_KINDS[raw[0]] for raw in raws]
    raw, kind, text = pl.col("raw"), pl.col("kind"), pl.col("text")
    number, string = kind == _NUMBER_KIND, kind == _STRING_KIND
    # Patterns take their time, so what can't match is made null before it is looked at.
    read = pl.DataFrame(
        {
            "raw": pl.Series(raws, dtype=pl.Binary).cast(pl.String),
            "kind": pl.Series(kinds, dtype=pl.UInt8),
        }
    ).with_columns(
        text=pl.when(string)
        .then(pl.when(string).then(raw).str.strip_prefix('"').str.strip_suffix('"'))
        .when(kind <= _BOOL_KIND)
        .then(raw)
    )
    if b"\\" in b"".join(raws):
        escaped = [n for n, one in enumerate(raws) if one[:1] == b'"' and b"\\" in one]
        decoded = [msgspec.json.decode(raws[row], type=str) for row in escaped]
        read = read.with_columns(read["text"].scatter(escaped, decoded))
    numeric = number | pl.when(string).then(text).str.contains(_NUMBER).fill_null(value=False)
    value = pl.when(numeric).then(text).cast(pl.Float64)
    with_point = pl.when(number).then(raw).str.contains("[.eE]")
    names = pl.lit(pl.Series(_KIND_NAMES, dtype=pl.String)).gather(kind)
    columns = read.select(
        value=pl.when(value.is_finite()).then(value),
        value_text=text,
        value_type=pl.when(with_point).then(pl.lit("float")).otherwise(names),
    )
    faults = [row for row, one in enumerate(kinds) if one == _NO_KIND] if _NO_KIND in kinds else []
    return Values(columns["value"], columns["value_text"], columns["value_type"], faults)

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


def read_values(raws: Sequence[Raw | bytes]) -> Values:
    """Read a column of raw JSON values.

    Parameters
    ----------
    raws : sequence of msgspec.Raw or bytes
        One valid JSON value each.
    """
    raw = pl.Series("value_text", list(map(bytes, raws)), dtype=pl.Binary).cast(pl.String)
    first = raw.str.head(1)
    kind = first.replace_strict(_TYPES, default="number", return_dtype=pl.String)
    number = kind == "number"
    # The product of comparing with null is null: rows of objects and lists are neither.
    columns = pl.select(
        kind=pl.when(number)
        .then(pl.when(raw.str.contains("[.eE]")).then(pl.lit("float")).otherwise(pl.lit("int")))
        .otherwise(kind),
        text=pl.when(kind == "string")
        .then(raw.str.strip_prefix('"').str.strip_suffix('"'))
        .when(number | (kind == "bool"))
        .then(raw),
    )
    text = columns["text"]
    escaped = (kind.eq_missing("string") & raw.str.contains("\\", literal=True)).arg_true()
    if len(escaped):
        decoded = [msgspec.json.decode(raw[row], type=str) for row in escaped]
        text = text.scatter(escaped, decoded)
    numeric = kind.is_in(["number", "string"]).fill_null(value=False) & text.str.contains(_NUMBER)
    value = text.set(~numeric.fill_null(value=False), None).cast(pl.Float64)
    value = value.set(value.is_infinite(), None)
    faults = kind.is_null().arg_true().to_list()
    return Values(
        value.alias("value"),
        text.alias("value_text"),
        columns["kind"].alias("value_type"),
        faults,
    )

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
    # No JSON has this character in it, and one text is handed over faster than many.
    joined = b"\0".join(raws)
    column = pl.Series("raw", [joined], dtype=pl.Binary).cast(pl.String)
    raw = column.to_frame().select(_APART)["raw"][: len(raws)]
    # Of JSON, only a number reads as one.
    number = raw.cast(pl.Float64, strict=False).alias("number")
    columns = pl.DataFrame([raw, number]).select(_OF_NUMBERS).get_columns()
    faults = []
    if number.null_count():
        [others] = number.to_frame().select(_PLACES_OF_OTHERS)
        other = raw[others]
        read = _read_others(_without_escapes(other) if b"\\" in joined else other)
        columns = [column.scatter(others, read[column.name]) for column in columns]
        faults = others.filter(read["value_type"].is_null()).to_list()
    value, text, kind = columns
    return Values(value, text, kind, faults)


def _without_escapes(raws: pl.Series) -> pl.Series:
    """Put the characters that are meant into texts that have escapes."""
    escaped = [row for row, one in enumerate(raws) if one[0] == '"' and "\\" in one]
    texts = [msgspec.json.decode(raws[row], type=str) for row in escaped]
    return raws.scatter(escaped, [f'"{text}"' for text in texts])


def _read_others(raws: pl.Series) -> pl.DataFrame:
    """Read what is no number."""
    return raws.to_frame().with_columns(_TEXT).select(_OF_OTHERS)


# Made once: Polars takes longer to put expressions together than to compute them for a few rows.
_RAW, _TEXT_, _NUMBER_ = pl.col("raw"), pl.col("text"), pl.col("number")
_APART: Final = _RAW.str.split("\0").explode()
_PLACES_OF_OTHERS: Final = _NUMBER_.is_null().arg_true()
_OF_NUMBERS: Final = (
    pl.when(_NUMBER_.is_finite()).then(_NUMBER_).alias("value"),
    _RAW.alias("value_text"),
    pl.when(_RAW.str.contains("[.eE]"))
    .then(pl.lit("float"))
    .otherwise(pl.lit("int"))
    .alias("value_type"),
)
_IS_STRING: Final = _RAW.str.starts_with('"')
_IS_BOOL: Final = _RAW.is_in(["true", "false"])
_TEXT: Final = (
    pl.when(_IS_STRING)
    .then(_RAW.str.strip_prefix('"').str.strip_suffix('"'))
    .when(_IS_BOOL)
    .then(_RAW)
    .alias("text")
)
_IN_TEXT: Final = pl.when(_TEXT_.str.contains(_NUMBER)).then(_TEXT_).cast(pl.Float64)
_OF_OTHERS: Final = (
    pl.when(_IN_TEXT.is_finite()).then(_IN_TEXT).alias("value"),
    _TEXT_.alias("value_text"),
    pl.when(_IS_STRING)
    .then(pl.lit("string"))
    .when(_IS_BOOL)
    .then(pl.lit("bool"))
    .when(_RAW == "null")
    .then(pl.lit("null"))
    .alias("value_type"),
)

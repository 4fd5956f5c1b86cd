"""Which rows of a table look different than before, so that only these travel."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

__all__ = ["changed"]

_NAMING: Final = 2
"""The last columns, which travel only with a row that is new or has a new name."""


def changed(before: pl.DataFrame, shown: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows that differ: place, what they show, and their name where that is new.

    Rows keep their places, and new ones come last.
    """
    old = shown[: len(before)]

    def differs(columns: list[str]) -> pl.Series:
        pairs = ((old[name], before[name]) for name in columns)
        return (
            pl.DataFrame([a.ne_missing(b).alias(a.name) for a, b in pairs])
            .select(pl.any_horizontal(pl.all()))
            .to_series()
        )

    indexed = shown.with_row_index("n")
    values, names = shown.columns[:-_NAMING], shown.columns[-_NAMING:]
    renamed, moved = differs(names), differs(values)
    changed = indexed[: len(before)].filter(moved & ~renamed).select("n", *values).rows()
    named = indexed[: len(before)].filter(renamed).rows() + indexed[len(before) :].rows()
    return changed + named

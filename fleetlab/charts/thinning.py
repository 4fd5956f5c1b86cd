"""Fewer points with the same look: of each pixel column a line keeps what can be seen of it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["BUDGET", "share", "thinned", "within"]

BUDGET: Final = 12_000
"""Points in one chart; as JSON they have about one megabyte."""

_share: ContextVar[float] = ContextVar("share", default=1.0)

_KEPT: Final = 4  # points of a column: first, last, least, greatest
_COLUMNS: Final = 20  # that a line has at the least


@contextmanager
def share(part: float) -> Iterator[None]:
    """Have charts that are made in this block hold less: a page has many of them.

    Parameters
    ----------
    part : float
        The part of its budget that is left to each.
    """
    token = _share.set(part)
    try:
        yield
    finally:
        _share.reset(token)


def within(budget: int) -> int:
    """Return what is left of a chart's budget, see :func:`share`."""
    return int(budget * _share.get())


def thinned(
    points: pl.LazyFrame,
    value: str,
    start: datetime,
    end: datetime,
    *,
    lines: int,
    budget: int = BUDGET,
) -> tuple[pl.DataFrame, int]:
    """Thin lines to what can be drawn; none loses a peak, an end or a break.

    A line is cut into columns of equal time. Of each column its first and last points stay, its
    least and greatest values, and the points before and after a break (a null).

    Parameters
    ----------
    points : polars.LazyFrame
        ``line``, ``event_time`` and a value that is null where the line breaks; each line in the
        order of time.
    value : str
        The value's column.
    start, end : datetime.datetime
        What is drawn of time.
    lines : int
        How many lines share the budget.
    budget : int
        How many points they have together, about.

    Returns
    -------
    frame : polars.DataFrame
        Rows of ``points``.
    left_out : int
        How many were thinned out.
    """
    numbered = points.with_row_index("_place").collect()
    budget = within(budget)
    if len(numbered) <= budget:
        return numbered.drop("_place"), 0
    columns = max(_COLUMNS, budget // (_KEPT * max(1, lines)))
    micros = max(1, int((end - start).total_seconds() * 1_000_000 / columns))
    since = pl.col("event_time").dt.epoch("us") - int(start.timestamp() * 1_000_000)
    place, what = pl.col("_place"), pl.col(value)
    seen = (
        numbered.lazy()
        .group_by("line", since // micros)
        .agg(
            place.first().alias("first"),
            place.last().alias("last"),
            place.get(what.arg_min()).alias("least"),
            place.get(what.arg_max()).alias("greatest"),
        )
        .select(pl.concat_list("first", "last", "least", "greatest").explode())
        .collect()
        .to_series()
    )
    breaks = numbered.select(place.filter(what.is_null())).to_series().cast(pl.Int64)
    around = [breaks + step for step in (-1, 0, 1)]
    kept = pl.concat([seen.cast(pl.Int64), *around]).unique().drop_nulls()
    frame = numbered.filter(place.cast(pl.Int64).is_in(kept.implode())).drop("_place")
    return frame, len(numbered) - len(frame)

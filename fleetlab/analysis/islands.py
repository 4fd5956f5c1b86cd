"""Stretches of time in which something was so: the islands between changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import narwhals as nw

from fleetlab.analysis.timeline import over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.analysis.backends import Frame

__all__ = ["UNHEARD", "at_start", "held", "islands"]

UNHEARD: Final = ("signal_lost", "offline", "just_registered", "just_replaced")
"""What connection_status says of a device that isn't heard: nothing else is known of it then."""

_UNKNOWN: Final = "?"


def held(rows: Frame, names: Sequence[str]) -> Frame:
    """Let texts hold until the next one that isn't null, within each stretch without a gap.

    While the platform says that it doesn't hear the device they are unknown: null.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Rows of :func:`fleetlab.analysis.timeline.within`, with ``connection_status``.
    names : sequence of str
        Columns of text.
    """
    lost = nw.col("connection_status").is_in(list(UNHEARD)).fill_null(value=False)
    unknown = nw.lit(_UNKNOWN)
    rows = rows.with_columns(
        nw.when(lost).then(unknown).otherwise(nw.col(name)).alias(name) for name in names
    )
    by = ["tracker_id", "segment"]
    rows = rows.with_columns(
        nw.col(name).fill_null(strategy="forward").over(by, order_by="t") for name in names
    )
    return rows.with_columns(
        nw.when(nw.col(name) != unknown).then(nw.col(name)).alias(name) for name in names
    )


def islands(rows: Frame, value: str, *more: nw.Expr, max_gap_us: int | None = None) -> Frame:
    """Return the stretches in which a value stays the same and isn't null.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Rows of :func:`fleetlab.analysis.timeline.within`.
    value : str
        The column that makes the stretches.
    *more : narwhals.Expr
        Further aggregations; ``_begins`` tells the first row of each stretch.
    max_gap_us : int, optional
        A row that is followed by no other for longer is the end of its stretch.

    Returns
    -------
    narwhals.LazyFrame
        ``tracker_id``, the value, ``started_us``, ``ended_us``, ``n_points``,
        ``censored_start``, ``censored_end`` and what else was asked for.
    """
    apart = nw.lit(value=False)
    if max_gap_us is not None:
        apart = nw.col("until") - nw.col("t") > max_gap_us
    rows = rows.with_columns(_apart=apart)
    rows = rows.with_columns(
        _before=over(nw.col(value).shift(1)), _cut=over(nw.col("_apart").cast(nw.Int64).shift(1))
    )
    same = (nw.col("_before") == nw.col(value)).fill_null(value=False)
    begins = ~same | nw.col("first") | (nw.col("_cut") == 1).fill_null(value=False)
    # What was unknown just before may have been so already.
    unseen = nw.col("first") | nw.col("_before").is_null() | (nw.col("_cut") == 1)
    ends = nw.when(nw.col("_apart")).then(nw.col("t")).otherwise(nw.col("until"))
    rows = rows.with_columns(
        _begins=begins,
        _opens=begins.cast(nw.Int64),
        _unseen=(begins & unseen).cast(nw.Int64),
        _ends=ends,
    )
    rows = rows.with_columns(
        _island=over(nw.col("_opens").cum_sum()), _after=over(nw.col(value).shift(-1))
    )
    lost = nw.col("last") | nw.col("_apart") | nw.col("_after").is_null()
    rows = rows.filter(~nw.col(value).is_null()).with_columns(_lost=lost.cast(nw.Int64))
    found = rows.group_by("tracker_id", "_island").agg(
        nw.col(value).max(),
        nw.col("t").min().alias("started_us"),
        nw.col("_ends").max().alias("ended_us"),
        nw.len().alias("n_points"),
        nw.col("_unseen").max(),
        nw.col("_lost").max(),
        *more,
    )
    return found.with_columns(
        censored_start=nw.col("_unseen") == 1, censored_end=nw.col("_lost") == 1
    )


def at_start(name: str) -> nw.Expr:
    """Return the value of a column in the first row of a stretch, as an aggregation."""
    return nw.when(nw.col("_begins")).then(nw.col(name)).max().alias(name)

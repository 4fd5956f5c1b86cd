"""The rows of each tracker in the order of time, each with how long what it tells is known.

The time that counts is ``event_time``; how rows lie, and when they came, matters only where the
same moment was told more than once: then the row that came last counts. A state holds until the
next row; only gaps, and the time before the first row, are unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.sources import Source

__all__ = ["BY", "once", "over", "told", "within"]

BY: Final = "t"
_START, _CUT, _ROW, _END = 0, 1, 2, 3  # in this order where they are of the same moment


def over(expr: nw.Expr, *order_by: str, of: Sequence[str] = ("tracker_id",)) -> nw.Expr:
    """Return a window over each tracker's rows, or those of what `of` names, in order of time."""
    return expr.over(*of, order_by=list(order_by or (BY,)))


def once(rows: Frame, values: Sequence[str], *, of: Sequence[str] = ("tracker_id",)) -> Frame:
    """Let each moment of a line count once, and add ``t``, the moment from which a row holds.

    That is ``event_us``; of a snapshot, which tells what held before, it is the moment of its
    arrival, where that is known. What a snapshot told already is no news when it comes again. Of
    rows of the same moment the one that came last counts; where that isn't known, or they came in
    the same message, the one with the greatest values.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        As :meth:`Source.rows` gives them.
    values : sequence of str
        Columns that decide between rows that came together.
    of : sequence of str
        What makes a line of rows: a tracker, or one of its readings.
    """
    rows = rows.with_columns(_news=(~nw.col("snapshot")).cast(nw.Int64))
    order = ("event_us", "received_us", "seq", "_news", *values)
    old = nw.when(nw.col("snapshot")).then(nw.col("event_us")).otherwise(nw.lit(-(2**62)))
    rows = rows.with_columns(_old=old).with_columns(
        _told=over(nw.col("_old").cum_max(), *order, of=of)
    )
    rows = rows.with_columns(snapshot=nw.col("_told") == nw.col("event_us"))
    came = nw.max_horizontal("received_us", "event_us")
    rows = rows.with_columns(
        t=nw.when(nw.col("snapshot")).then(came).otherwise(nw.col("event_us")),
        _news=(~nw.col("snapshot")).cast(nw.Int64),
    )
    order = (BY, "_news", "received_us", "seq", *values)
    rows = rows.with_columns(_next=over(nw.col(BY).shift(-1), *order, of=of))
    last = nw.col("_next").is_null() | (nw.col("_next") > nw.col(BY))
    return rows.filter(last).drop("_next", "_news", "_old", "_told")


def told(rows: Frame, values: Sequence[str]) -> Frame:
    """Return what was told of status: a row a moment at which something may have changed.

    A device that has no fix any more goes on to tell of its ignition, with the moment of its last
    fix. What such a row tells holds since the server said so (``server_us``, else its arrival).

    Parameters
    ----------
    rows : narwhals.LazyFrame
        As :meth:`Source.rows` gives them, with ``server_us``.
    values : sequence of str
        The columns of status.

    Returns
    -------
    narwhals.LazyFrame
        The rows, each moment once, with ``t``; ``again`` tells of a row that its fix isn't new.
    """
    # By the server's moment last: rows alike in all else differ in when what they tell holds.
    order = ("event_us", "received_us", "seq", *values, "server_us")
    rows = rows.with_columns(_before=over(nw.col("event_us").shift(1), *order))
    again = (nw.col("_before") == nw.col("event_us")).fill_null(value=False)
    said = nw.max_horizontal(nw.coalesce("server_us", "received_us"), "event_us")
    moment = nw.when(again).then(said).otherwise(nw.col("event_us"))
    return once(rows.with_columns(event_us=moment, again=again).drop("_before"), values)


def within(rows: Frame, source: Source) -> Frame:
    """Cut what rows tell at gaps and bounds.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        With ``t``, once a moment, and ``event_us``, ``snapshot``.
    source : Source
        Its gaps and bounds.

    Returns
    -------
    narwhals.LazyFrame
        The rows and, added:

        ``t``: of a snapshot that is the first after a gap or the start, that moment.
        ``until``: until when the row is known to hold: the next row, a gap, the end. Of the last
        row of a bare frame, its own moment.
        ``segment``: number of the stretch without a gap that it lies in.
        ``first``, ``last``: whether it is the first, or the last, of its stretch.
    """
    names = rows.collect_schema()
    marks = _marks(rows, source)
    if marks is None:
        lines = rows.with_columns(_kind=nw.lit(_ROW), _end=nw.lit(None, nw.Int64))
    else:
        blank: list[Any] = [
            nw.lit(None, dtype).alias(name)
            for name, dtype in names.items()
            if name not in ("tracker_id", BY)
        ]
        order = [*names, "_kind", "_end"]
        marked = marks.with_columns(*blank).select(*order)
        lines = nw.concat(
            [rows.with_columns(_kind=nw.lit(_ROW), _end=nw.lit(None, nw.Int64)).select(*order),
             marked]
        )  # fmt: skip
    by = (BY, "_kind", "_end")
    lines = lines.with_columns(
        _kind_before=over(nw.col("_kind").shift(1), *by),
        _event_before=over(nw.col("event_us").shift(1), *by),
    )
    # An old state that is told again, with nothing missed in between, is nothing new.
    stale = (
        nw.col("snapshot")
        & (nw.col("_kind_before") == _ROW)
        & (nw.col("_event_before") >= nw.col("event_us"))
    ).fill_null(value=False)
    lines = lines.filter(~stale)
    cut = nw.col("_kind").is_in([_CUT, _END]).cast(nw.Int64)
    lines = lines.with_columns(
        _kind_before=over(nw.col("_kind").shift(1), *by),
        _end_before=over(nw.col("_end").fill_null(0).cum_max(), *by),
        _kind_next=over(nw.col("_kind").shift(-1), *by),
        _next=over(nw.col(BY).shift(-1), *by),
        segment=over(cut.cum_sum(), *by),
    )
    lines = lines.filter(nw.col("_kind") == _ROW)
    first = nw.col("_kind_before").fill_null(_START) != _ROW
    last = nw.col("_kind_next").fill_null(_CUT) != _ROW
    clamped = nw.when(nw.col("_end_before") < nw.col(BY)).then(nw.col("_end_before"))
    since = nw.when(nw.col("snapshot") & first & (nw.col("_end_before") > 0)).then(clamped)
    return lines.select(
        *(name for name in names if name != BY),
        nw.coalesce(since, nw.col(BY)).alias(BY),
        nw.coalesce("_next", BY).alias("until"),
        "segment",
        first.alias("first"),
        last.alias("last"),
    )


def _marks(rows: Frame, source: Source) -> Frame | None:
    """Return where each tracker's rows are cut: ``tracker_id``, ``t``, ``_kind``, ``_end``.

    A start is no cut, it only says since when a snapshot holds. Bounds never lie within a
    tracker's rows, whatever its clock says.
    """
    if source.observed is None and not source.gaps:
        return None
    trackers = source.trackers(rows)
    marks = []
    last = nw.col("last_us")
    if source.observed is not None:
        start, end = source.observed
        marks.append(_mark(trackers, nw.min_horizontal(nw.lit(start), "first_us"), _START, start))
        last = nw.max_horizontal(nw.lit(end), last)
        marks.append(_mark(trackers, last, _END, None))
    if source.gaps:
        gaps = trackers.join(source.gap_table(), how="cross")
        who = nw.col("gap_tracker")
        gaps = gaps.filter(
            (who.is_null() | (who == nw.col("tracker_id"))) & (nw.col("gap_start") <= last)
        )
        marks.append(
            gaps.select(
                "tracker_id",
                nw.col("gap_start").alias(BY),
                nw.lit(_CUT).alias("_kind"),
                nw.col("gap_end").alias("_end"),
            )
        )
    return nw.concat(marks)


def _mark(trackers: Frame, moment: nw.Expr, kind: int, end: int | None) -> Frame:
    return trackers.select(
        "tracker_id",
        moment.alias(BY),
        nw.lit(kind).alias("_kind"),
        nw.lit(end, nw.Int64).alias("_end"),
    )

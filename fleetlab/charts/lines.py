"""Values that hold until the next one, as lines that break where nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

from fleetlab.charts import frame
from fleetlab.charts.happenings import marks
from fleetlab.charts.theme import HEIGHT, LINES, WIDTH
from fleetlab.charts.thinning import BUDGET, thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.charts.source import Source

__all__ = ["MOST", "Lines", "colours", "draw", "faded", "held", "lines"]

MOST = len(LINES)
"""Lines in one panel that can be told apart."""


@dataclass(frozen=True)
class Lines:
    """Lines ready to be drawn.

    Attributes
    ----------
    points : polars.DataFrame
        ``line``, ``event_time``, ``value``; a null value breaks the line.
    shown : list of str
        The lines, most interesting first.
    of : int
        How many there were to choose from.
    left_out : int
        Points that were thinned out.
    """

    points: pl.DataFrame
    shown: list[str]
    of: int
    left_out: int

    def words(self, why: str) -> list[str]:
        """Return sentences on what was left out, and how to see it."""
        told = []
        if self.of > len(self.shown):
            told.append(
                f"{len(self.shown)} of {self.of:,} shown: {why}. Choose others with trackers=[…]."
            )
        if self.left_out:
            told.append(
                f"{self.left_out:,} points that change nothing to the eye are left out; "
                "start= and end= show a part in full."
            )
        return told


def lines(
    rows: pl.LazyFrame,
    source: Source,
    *,
    most: int = MOST,
    chosen: bool = False,
    budget: int = BUDGET,
) -> Lines:
    """Make lines of rows.

    Parameters
    ----------
    rows : polars.LazyFrame
        ``line``, ``event_time``, ``received_at``, ``snapshot`` and ``value``.
    source : Source
        What they are of.
    most : int
        How many lines are shown: those whose value varies most.
    chosen : bool
        Whether the caller named the lines, so that all are shown.
    budget : int
        How many points they have together, about.
    """
    if source.start is None or source.end is None:
        return Lines(rows.head(0).select("line", "event_time", "value").collect(), [], 0, 0)
    news = pl.col("value").filter(~pl.col("snapshot"), pl.col("event_time") >= source.start)
    ranks = (
        rows.group_by("line")
        .agg(spread=news.max() - news.min(), n=news.count(), any=pl.col("value").count())
        .filter(pl.col("any") > 0)
        .sort("spread", "n", "line", descending=[True, True, False], nulls_last=True)
        .collect()
    )
    shown = ranks["line"].to_list() if chosen else ranks["line"].head(most).to_list()
    points = held(rows.filter(pl.col("line").is_in(shown)), source)
    thin, left_out = thinned(
        points, "value", source.start, source.end, lines=len(shown), budget=budget
    )
    return Lines(thin, shown, len(ranks), left_out)


def held(rows: pl.LazyFrame, source: Source) -> pl.LazyFrame:
    """Return the points of lines whose values hold until the next one.

    What held before the beginning is drawn from there on; a gap ends a line where it begins; on
    a live connection the last value holds to the end.
    """
    assert source.start is not None
    assert source.end is not None
    # A gap that is on already as the drawing begins takes from it what held before.
    begun = source.gaps["started_at"].clip(lower_bound=source.start).sort()
    lost = pl.lit(source.start in begun) & (pl.col("event_time") <= source.start)
    # So does one that was over by then.
    before = pl.lit(value=False) if source.since is None else pl.col("received_at") < source.since
    known = (
        rows.select(
            "line",
            _seen_at(source).alias("event_time"),
            pl.when(~before.fill_null(value=False)).then("value").alias("value"),
        )
        .with_columns(value=pl.when(~lost).then("value"))
        .sort("line", "event_time", maintain_order=True)
        .with_columns(pl.col("event_time").clip(lower_bound=source.start))
        # Of several at one moment the last counts; what came before the beginning is at it now.
        .filter(_differs("line", -1) | _differs("event_time", -1))
        .with_columns(_rank=pl.lit(1))
        .collect()
        .lazy()
    )
    ends = [*begun.to_list(), source.end]
    names = known.select("line").unique()
    stops = (
        names.join(
            pl.LazyFrame({"event_time": pl.Series(ends, dtype=pl.Datetime("us", "UTC"))}),
            how="cross",
        )
        .sort("line", "event_time")
        .join_asof(
            known.with_columns(_since="event_time"),
            on="event_time",
            by="line",
            strategy="backward",
            check_sortedness=False,
        )
        # What was told before the last gap is not known any more.
        .with_columns(_gap=pl.col("event_time").shift(1).over("line"))
        .with_columns(
            value=pl.when((pl.col("_since") > pl.col("_gap")).fill_null(value=True)).then("value")
        )
        .select("line", "event_time", "value", pl.lit(2).alias("_rank"))
    )
    breaks = stops.filter(pl.col("event_time") != source.end).with_columns(
        pl.lit(None, pl.Float64).alias("value"), pl.lit(3).alias("_rank")
    )
    return (
        pl.concat([known, stops, breaks])
        .sort("line", "event_time", "_rank", maintain_order=True)
        # A break is one, however often it is told that nothing is known.
        .filter(
            pl.col("value").is_not_null()
            | pl.col("value").shift(1).is_not_null()
            | _differs("line", 1)
        )
        .drop("_rank")
    )


def _differs(column: str, step: int) -> pl.Expr:
    """Whether a column differs from what it is some rows before."""
    return pl.col(column).ne_missing(pl.col(column).shift(step))


def _seen_at(source: Source) -> pl.Expr:
    """The moment from which a row's value is known to hold.

    A snapshot tells what held before it was asked for: it counts from the beginning, or from the
    end of the gap that it came after.
    """
    ends = source.gaps["ended_at"].sort()
    begins = pl.concat([pl.Series([source.start], dtype=ends.dtype), ends])
    number = pl.lit(ends).search_sorted(pl.col("received_at"), side="right")
    since = pl.lit(begins).gather(number)
    moment = pl.col("event_time")
    return pl.when("snapshot").then(pl.max_horizontal(moment, since)).otherwise(moment)


def colours(shown: list[str]) -> alt.Color:
    """Return the colours of lines, in the order of the legend."""
    known = len(shown) <= MOST
    scale = alt.Scale(domain=shown, range=list(LINES)) if known else alt.Undefined
    return alt.Color("line:N", title=None, scale=scale, sort=shown)


def faded(lit: alt.Parameter | str) -> Any:
    """Return the opacity of lines of which some are picked."""
    return alt.when(lit).then(alt.value(1)).otherwise(alt.OpacityValue(0.1))


def draw(
    found: Lines,
    source: Source,
    *,
    y: alt.Y,
    tooltip: Sequence[alt.Tooltip],
    labels: bool = True,
    height: int = HEIGHT,
    what: str = "tracker",
    colour: alt.Color | None = None,
    lit: alt.Parameter | str | None = None,
) -> alt.LayerChart:
    """Draw lines, with a point of each for the pointer to meet, over gaps and notes.

    Parameters
    ----------
    found : Lines
        The lines.
    source : Source
        What they are of.
    y : altair.Y
        The axis of ``value``.
    tooltip : sequence of altair.Tooltip
        What is told of a point besides its line and time.
    labels : bool
        Whether the time axis is labelled.
    height : int
        Pixels.
    what : str
        What a line is of.
    colour : altair.Color, optional
        Colours of lines and their legend; :func:`colours` if left out.
    lit : altair.Parameter or str, optional
        Which lines are not faded, as a selection or an expression; those picked if left out.
    """
    base = (
        alt.Chart(frame.rows(found.points))
        .transform_calculate(**frame.clock(source.zone))
        .encode(
            x=frame.time_x(source, labels=labels),
            y=y,
            color=colours(found.shown) if colour is None else colour,
            opacity=faded(frame.picked() if lit is None else lit),
        )
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=1.6, clip=True)
    dots = base.mark_point(size=60, filled=True, clip=True).encode(
        opacity=alt.OpacityValue(0),
        tooltip=[
            alt.Tooltip("time:N", title=f"time ({source.zone.name})"),
            alt.Tooltip("line:N", title=what),
            *tooltip,
        ],
    )
    behind = marks(source, labels=labels)
    return alt.LayerChart(layer=[*behind, line, dots], width=WIDTH, height=height)

"""What charts are put together from: data, words, and what all time charts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import polars as pl

from fleetlab.charts.theme import HEIGHT, WIDTH
from fleetlab.charts.time_axis import Zone, milliseconds

if TYPE_CHECKING:
    from fleetlab.charts.source import Source

__all__ = ["clock", "domain", "nothing", "picked", "rows", "time_x", "title", "zoom"]

_ZOOM: Final = "fleetlab_time"
_PICK: Final = "fleetlab_pick"


def rows(frame: pl.DataFrame) -> alt.InlineData:
    """Return rows as a chart's data: moments as milliseconds since 1970 in UTC, no nulls told.

    The rows are the chart's own: Altair's limit of rows is for data that nobody has thinned.
    """
    plain = frame.with_columns(pl.col(pl.Datetime).dt.epoch("ms"))
    values = [
        {name: value for name, value in row.items() if value is not None}
        for row in plain.iter_rows(named=True)
    ]
    return alt.InlineData(values=values)


def domain(source: Source) -> list[int]:
    """Return what is drawn of time, in milliseconds since 1970 in UTC."""
    assert source.start is not None
    assert source.end is not None
    return [milliseconds(source.start), milliseconds(source.end)]


def time_x(source: Source, field: str = "event_time", *, labels: bool = True) -> alt.X:
    """Return the time axis of a chart: clipped to what is drawn, labelled in its zone."""
    scale = alt.Scale(type="utc", domain=domain(source), nice=False)
    return alt.X(f"{field}:T", scale=scale, axis=source.zone.axis(labels=labels))


def zoom() -> alt.Parameter:
    """Return what lets a reader zoom and pan on time."""
    return alt.selection_interval(name=_ZOOM, bind="scales", encodings=["x"])


def picked() -> alt.Parameter:
    """Return what lets a reader pick lines in the legend."""
    return alt.selection_point(name=_PICK, fields=["line"], bind="legend")


def clock(zone: Zone, field: str = "event_time") -> dict[str, str]:
    """Return the calculation of ``time``: a row's moment as its zone's clock shows it."""
    return {"time": zone.text(f"datum.{field}")}


def title(words: str, *lines: str | None) -> alt.TitleParams:
    """Return a title and the lines under it, less those that are None."""
    return alt.TitleParams(words, subtitle=[line for line in lines if line])


def nothing(words: str, why: str) -> alt.Chart:
    """Return a chart that says what is missing and why."""
    chart: alt.Chart = alt.Chart(alt.InlineData(values=[{"why": why}])).mark_text(fontSize=13)
    return chart.encode(text="why:N").properties(width=WIDTH, height=HEIGHT // 3, title=words)

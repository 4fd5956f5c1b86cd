"""What charts are put together from: data, words, and what all time charts share."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl
from altair.utils.schemapi import debug_mode

from fleetlab.charts.theme import HEIGHT, WIDTH
from fleetlab.charts.time_axis import Zone, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.charts.source import Source

__all__ = [
    "clock",
    "domain",
    "nothing",
    "picked",
    "rows",
    "selectable",
    "stacked",
    "time_x",
    "title",
    "zoom",
]

_ZOOM: Final = "fleetlab_time"
_PICK: Final = "fleetlab_pick"
_LETTERS: Final = 130  # of a subtitle's line that is as wide as a chart with its legend


def rows(frame: pl.DataFrame) -> alt.InlineData:
    """Return rows as a chart's data: moments as milliseconds since 1970 in UTC, no nulls told.

    The rows are the chart's own: Altair's limit of rows is for data that nobody has thinned.
    """
    plain = frame.with_columns(pl.col(pl.Datetime).dt.epoch("ms"))
    # Rows are what they are. To check each against Vega-Lite's schema, or to copy them all with
    # each step of a chart's making, as Altair does with lists, takes seconds.
    values: Any = tuple(
        {name: value for name, value in row.items() if value is not None}
        for row in plain.iter_rows(named=True)
    )
    with debug_mode(False):
        return alt.InlineData(values=values)


def domain(source: Source) -> list[int]:
    """Return what is drawn of time, in milliseconds since 1970 in UTC."""
    assert source.start is not None
    assert source.end is not None
    return [milliseconds(source.start), milliseconds(source.end)]


def time_x(source: Source, field: str = "event_time", *, labels: bool = True) -> alt.X:
    """Return the time axis of a chart: clipped to what is drawn, labelled in its zone."""
    # As a list, Vega-Lite would take it for another one where a layer has x2, and warn of that.
    scale = alt.Scale(type="utc", domain=alt.ExprRef(str(domain(source))), nice=False)
    return alt.X(f"{field}:T", scale=scale, axis=source.zone.axis(labels=labels))


def zoom() -> alt.Parameter:
    """Return what lets a reader zoom and pan on time."""
    return alt.selection_interval(name=_ZOOM, bind="scales", encodings=["x"])


def picked(*, legend: bool = True) -> alt.Parameter:
    """Return what lets a reader pick lines: in the legend, else by a click on one."""
    if legend:  # a click on a line, too, would keep the legend from working in some panels
        return alt.selection_point(name=_PICK, fields=["line"], bind="legend")
    return alt.selection_point(name=_PICK, fields=["line"])


def selectable(chart: alt.LayerChart, *parameters: alt.Parameter) -> alt.LayerChart:
    """Give a chart parameters, as its own method does, but without copies of all of its layers."""
    unit = _first(chart)
    alone = alt.LayerChart(layer=[unit.add_params(*parameters)])
    unit.name, chart.params = alone.layer[0].name, alone.params
    return chart


def stacked(
    panels: Sequence[alt.Chart | alt.LayerChart], words: alt.TitleParams, *, legend: bool
) -> alt.VConcatChart:
    """Put panels under one another, with one time axis; zoom and pick act on all of them.

    Parameters
    ----------
    panels : sequence of altair.Chart or altair.LayerChart
        The panels from above; only the lowest has a labelled time axis.
    words : altair.TitleParams
        The title of all.
    legend : bool
        Whether lines are picked in a legend, see :func:`picked`.
    """
    # Altair would give each panel parameters of its own, and then warn that they are the same.
    names = [f"panel_{number}" for number in range(len(panels))]
    for name, panel in zip(names, panels, strict=True):
        _first(panel).name = name
    chart = alt.VConcatChart(vconcat=list(panels), title=words, spacing=16)
    chart.resolve = alt.Resolve(scale={"x": "shared", "color": "independent"})
    parameters: list[Any] = [zoom().param, picked(legend=legend).param]
    chart.params = [
        alt.TopLevelSelectionParameter(**one.to_dict(), views=names) for one in parameters
    ]
    return chart


def _first(panel: Any) -> Any:
    """Return the lowest layer of a panel."""
    while isinstance(panel, alt.LayerChart):
        panel = panel.layer[0]
    return panel


def clock(zone: Zone, field: str = "event_time") -> dict[str, str]:
    """Return the calculation of ``time``: a row's moment as its zone's clock shows it."""
    return {"time": zone.text(f"datum.{field}")}


def title(words: str, *lines: str | None) -> alt.TitleParams:
    """Return a title and the lines under it, less those that are None, none wider than a chart."""
    told = [part for line in lines if line for part in textwrap.wrap(line, _LETTERS)]
    return alt.TitleParams(words, subtitle=told or alt.Undefined)


def nothing(words: str, why: str) -> alt.Chart:
    """Return a chart that says what is missing and why."""
    chart: alt.Chart = alt.Chart(alt.InlineData(values=[{"why": why}])).mark_text(fontSize=13)
    return chart.encode(text=alt.Text("why:N")).properties(
        width=WIDTH, height=HEIGHT // 3, title=words
    )

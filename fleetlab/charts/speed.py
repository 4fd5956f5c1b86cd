"""Speed over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from fleetlab.analysis.speeding import speeding
from fleetlab.analysis.stops import stops
from fleetlab.charts import frame
from fleetlab.charts.findings import findings, marks, over_time, told
from fleetlab.charts.lines import Lines, colours, draw, faded, lines
from fleetlab.charts.source import Source
from fleetlab.charts.states import UNHEARD, States, strips
from fleetlab.charts.thinning import BUDGET
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.charts.source import Drawable

__all__ = ["UNHEARD", "speed", "speeds"]

_BANDS: Final = 600_000  # bytes of the bands underneath
_STOP: Final = (alt.Tooltip("ignition_on_s:Q", title="of it with ignition on (s)", format=",.0f"),)
_SPEEDING: Final = (
    alt.Tooltip("max_speed_kmh:Q", title="top speed (km/h)", format=".0f"),
    alt.Tooltip("distance_m:Q", title="distance (m)", format=",.0f"),
)


def speed(
    data: Drawable,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    timezone: str | None = None,
    limit_kmh: float | None = None,
    panels: bool = False,
) -> alt.LayerChart | alt.VConcatChart | alt.Chart:
    """Draw speed over time, a line a tracker.

    A speed holds until the next one. The line breaks where nothing is known: in a gap of the
    connection, and while the platform says that the device is not heard. A bar along the bottom is
    a stop of five minutes or more, as :func:`fleetlab.stops` finds them.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, or rows of ``state_batch`` or ``state``: ``event_time`` (UTC), ``label``,
        ``speed_kmh`` (km/h).
    trackers : int, str, or iterable of them, optional
        Ids or labels; if left out and there are many, those whose speed varies most.
    start, end : datetime.datetime or str, optional
        What to draw of time; without an offset in the chart's zone.
    timezone : str, optional
        IANA name of the axis's zone; the recording's if left out.
    limit_kmh : float, optional
        A limit in km/h: it is drawn as a line, the time above it is shaded, and the top speed of
        each stretch that :func:`fleetlab.speeding` finds is marked over its length.
    panels : bool
        Whether movement and ignition of the same trackers are drawn underneath, on the same time
        axis; zooming, and picking a tracker in the legend, act on all.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart
        A chart of Altair's own; a VConcatChart with ``panels``.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    if limit_kmh is not None and not (isinstance(limit_kmh, int | float) and limit_kmh > 0):
        raise InvalidArgument(f"limit_kmh={limit_kmh!r} is no speed; give km/h above 0.")
    source = Source.of(data, trackers=trackers, start=start, end=end, timezone=timezone)
    budget = BUDGET if not panels else BUDGET // 2
    found = lines(speeds(source), source, chosen=trackers is not None, budget=budget)
    if not found.shown:
        return frame.nothing("Speed", source.asked("state_batch", "state"))
    y = alt.Y("value:Q", title="Speed (km/h)", scale=alt.Scale(zero=True))
    tooltip = [alt.Tooltip("value:Q", title="speed (km/h)", format=".0f")]
    chart = draw(found, source, y=y, tooltip=tooltip, labels=not panels)
    marked, words = _marked(found, source, limit_kmh, labels=not panels)
    if limit_kmh is not None:
        chart.layer = [*_above(found.points, limit_kmh, source, labels=not panels), *chart.layer]
    chart.layer = [*chart.layer, *marked]
    sentences = [*found.words("those whose speed varies most"), *words]
    if panels:
        bands = strips(
            States.of(source), source, found.shown, ("movement", "ignition"), budget=_BANDS
        )
        under = [
            bands.draw("movement", height=10, step=15, labels=False),
            bands.draw("ignition", height=10, step=15),
        ]
        title = frame.title("Speed", source.name, *sentences, bands.words)
        return frame.stacked([chart, *under], title, legend=True)
    chart.title = frame.title("Speed", source.name, *sentences)
    return frame.selectable(chart, frame.zoom(), frame.picked())


def speeds(source: Source) -> pl.LazyFrame:
    """Return the rows of lines of speed in km/h; null while the device is not heard."""
    heard = ~pl.col("connection_status").is_in(UNHEARD).fill_null(value=False)
    return source.states().select(
        "tracker_id",
        "event_time",
        "received_at",
        "snapshot",
        "line",
        value=pl.when(heard).then("speed_kmh"),
    )


def _marked(
    found: Lines, source: Source, limit: float | None, *, labels: bool
) -> tuple[list[alt.Chart], list[str]]:
    """Stops along the bottom, and the top of each stretch above the limit; and words on them."""
    shown, why = findings(stops, source, found.shown, "Stops")
    layers: list[tuple[pl.DataFrame, int, tuple[alt.Tooltip, ...]]] = []
    if len(shown):
        layers.append((shown.with_columns(y=pl.lit(0.0)), 6, _STOP))
    words = ["What is thick on the axis is a stop." if len(shown) else None, why]
    if limit is not None:
        over, why = findings(speeding, source, found.shown, "Stretches above it", limit_kmh=limit)
        if len(over):
            layers.append((over.with_columns(y="max_speed_kmh"), 3, _SPEEDING))
        words.append(why)
    charts = []
    for rows, width, figures in layers:
        chart: alt.Chart = (
            marks(rows, source)
            .mark_rule(strokeWidth=width, clip=True, strokeCap="butt")
            .encode(
                **over_time(source, labels=labels),
                y=alt.Y("y:Q", title="Speed (km/h)"),
                color=colours(found.shown),
                opacity=faded(frame.picked()),
                tooltip=told(source, *figures),
            )
        )
        charts.append(chart)
    return charts, [one for one in words if one]


def _above(points: pl.DataFrame, limit: float, source: Source, *, labels: bool) -> list[alt.Chart]:
    """The limit as a line, and the time above it shaded from the limit to the speed."""
    over = pl.when(pl.col("value") > limit).then("value")
    area: Any = (
        alt.Chart(frame.rows(points.with_columns(value=over)))
        .mark_area(interpolate="step-after", opacity=0.25, color="#D55E00", clip=True)
        .encode(
            x=frame.time_x(source, labels=labels),
            y=alt.Y("value:Q", title="Speed (km/h)"),
            y2=alt.Y2Datum(limit),
            detail=alt.Detail("line:N"),
        )
    )
    rule = alt.Chart(alt.InlineData(values=[{"limit": limit}])).mark_rule(
        strokeDash=[6, 4], color="#D55E00", tooltip=f"limit {limit:g} km/h"
    )
    return [area, rule.encode(y=alt.Y("limit:Q", title="Speed (km/h)"))]

"""Status over time: moving, stopped or parked, connection and ignition, a row a tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import polars as pl

from fleetlab.analysis.trips import trips
from fleetlab.charts import frame
from fleetlab.charts.findings import TRIP, findings, marks, over_time, told
from fleetlab.charts.happenings import noted
from fleetlab.charts.lines import faded
from fleetlab.charts.source import Source
from fleetlab.charts.states import WHAT, States, strips

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.charts.source import Drawable

__all__ = ["ROWS", "status"]

ROWS: Final = 40
"""Rows of a chart whose trackers nobody chose."""

_MOST: Final = 400  # rows of a chart whose trackers were chosen
_STEP: Final = 28


def status(
    data: Drawable,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    timezone: str | None = None,
    panels: bool = False,
) -> alt.LayerChart | alt.VConcatChart | alt.Chart:
    """Draw status over time, a row a tracker.

    The broad band says whether a tracker was moving, stopped, parked, blocked or removed. The two
    thin ones below it are ignition and, lowest, connection; with ``panels`` they are in panels of
    their own underneath, and a click on a tracker in one panel picks it in all. The line above
    them, without ``panels``, is a trip as :func:`fleetlab.trips` finds them.

    A status holds until the next one. Where nothing is known the band is grey, and its tooltip
    says why: not received (a gap of the connection), not yet known (before the first state, or
    the first after a gap), or signal_lost, offline, just_registered, just_replaced, as the
    platform says of a device that it doesn't hear.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, or rows of ``state_batch`` or ``state``: ``event_time`` (UTC), ``label``,
        ``movement_status``, ``connection_status``, ``ignition``. Blocked and removed are known of
        recordings only.
    trackers : int, str, or iterable of them, optional
        Ids or labels; if left out and there are more than 40, those whose status changes most.
    start, end : datetime.datetime or str, optional
        What to draw of time; without an offset in the chart's zone.
    timezone : str, optional
        IANA name of the axis's zone; the recording's if left out.
    panels : bool
        Whether ignition and connection are drawn underneath rather than in the same row.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart
        A chart of Altair's own; a VConcatChart with ``panels``.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    source = Source.of(data, trackers=trackers, start=start, end=end, timezone=timezone)
    if source.start is None or source.end is None or source.start >= source.end:
        return frame.nothing("Status", source.asked("state_batch", "state"))
    states = States.of(source)
    if not states.lines:
        return frame.nothing("Status", source.asked("state_batch", "state"))
    shown = states.lines[: ROWS if trackers is None else _MOST]
    strip = strips(states, source, shown, list(WHAT))
    left_out = (
        f"{len(shown)} of {len(states.lines):,} shown: those whose status changes most. "
        "Choose others with trackers=[…]."
        if len(shown) < len(states.lines)
        else None
    )
    drives, why = (pl.DataFrame(), None) if panels else findings(trips, source, shown, "Trips")
    key = "A line above the bands is a trip." if len(drives) else None
    title = frame.title("Status", source.name, key, left_out, strip.words, why)
    if panels:
        last = list(WHAT)[-1]
        first, *others = (
            strip.draw(what, height=12, step=18, labels=what == last) for what in WHAT
        )
        top = alt.LayerChart(layer=[first, *noted(source, labels=False)], height=alt.Step(18))
        return frame.stacked([top, *others], title, legend=False)
    layers = [
        strip.draw(what, height=height, offset=offset, step=_STEP, legend=legend)
        for what, height, offset, legend in (
            ("movement", 12, -5, "movement"),
            ("ignition", 4, 5, "ignition (thin)"),
            ("connection", 4, 10, "connection (lowest)"),
        )
    ]
    if len(drives):
        layers.append(_trips(drives, source, shown))
    layers += noted(source)
    chart = alt.LayerChart(layer=layers, title=title, height=alt.Step(_STEP))
    chart.resolve = alt.Resolve(scale={"color": "independent"})
    return frame.selectable(chart, frame.zoom(), frame.picked(legend=False))


def _trips(drives: pl.DataFrame, source: Source, shown: list[str]) -> alt.Chart:
    """Draw trips as lines above the bands, with what is known of each."""
    chart: alt.Chart = (
        marks(drives, source)
        .mark_bar(height=2, yOffset=-13, clip=True)
        .encode(
            **over_time(source),
            y=alt.Y("line:N", title=None, scale=alt.Scale(domain=shown)),
            opacity=faded(frame.picked(legend=False)),
            tooltip=told(source, *TRIP),
        )
    )
    return chart

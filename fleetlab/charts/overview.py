"""What happened in this time, on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import polars as pl

from fleetlab.charts import frame
from fleetlab.charts.arrivals import Arrivals, by_arrival
from fleetlab.charts.bars import bars
from fleetlab.charts.fuel_change import fuel_changes
from fleetlab.charts.happenings import shared, stacked, strip
from fleetlab.charts.shares import STATUSES, shares
from fleetlab.charts.source import Source
from fleetlab.charts.speed import speeds
from fleetlab.charts.theme import LINES, STATES, WIDTH
from fleetlab.charts.words import MINUS
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.charts.source import Drawable

__all__ = ["overview"]

_TOP: Final = 10
_UNITS: Final = 3
_HALF: Final = (WIDTH - 30) // 2
_SHARE_HEIGHT: Final = 150
_FIGURE_HEIGHT: Final = 52
_TENTH: Final = 0.1
_MILLION: Final = 1_000_000


def overview(
    data: Drawable,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    timezone: str | None = None,
    panels: bool = False,  # noqa: ARG001 - all charts are called alike
) -> alt.VConcatChart | alt.Chart:
    """Draw what happened: counts, top speeds, fuel, status over time, gaps and notes.

    Counts are of what arrived within the bounds; trackers, messages and rows of the trackers asked
    for, gaps and rejects of all. Top speeds are the greatest of each tracker that came as news,
    not as a snapshot. Fuel is each tank's last level less its first, in its own units, without
    detection of fills and drains. The status is that of all trackers heard of: a state holds until
    the next one, and is unknown in a gap, before the first, and while the platform says that the
    device is not heard.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, or a frame with the columns of one of its events; what that one doesn't tell
        is left out.
    trackers : int, str, or iterable of them, optional
        Ids or labels of the trackers to look at; all if left out.
    start, end : datetime.datetime or str, optional
        What to look at of time; without an offset in the chart's zone.
    timezone : str, optional
        IANA name of the zone of all times; the recording's if left out.
    panels : bool
        Has no effect: this chart is made of panels.

    Returns
    -------
    altair.VConcatChart
        A chart of Altair's own; an altair.Chart with a sentence where nothing was received.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    source = Source.of(data, trackers=trackers, start=start, end=end, timezone=timezone)
    if source.start is None:
        return frame.nothing("Overview", source.asked("state_batch", "readings_batch"))
    found = Arrivals.of(by_arrival(source, start=start, end=end))
    beside = [chart for chart in (_speeds(source), _fuel(source)) if chart is not None]
    charts = [
        _figures(found, source),
        *([alt.HConcatChart(hconcat=beside, spacing=30)] if beside else []),
        stacked([*_status(source), strip(source)]),
    ]
    page = alt.VConcatChart(
        vconcat=charts, spacing=24, title=frame.title("Overview", *_subtitle(source))
    )
    return shared(page)


def _subtitle(source: Source) -> list[str | None]:
    assert source.start is not None
    assert source.end is not None
    zone = source.zone
    return [source.name, f"{zone.shown(source.start)} to {zone.shown(source.end)} ({zone.name})"]


def _figures(found: Arrivals, source: Source) -> alt.LayerChart:
    """Counts as large figures in a row."""
    told: dict[str, int] = {
        "trackers heard": found.trackers,
        "messages": int(found.counts["messages"].sum()),
        "rows": int(found.counts["rows"].sum()),
    }
    if isinstance(source.data, Recording):
        within = pl.col("received_at").is_between(source.start, source.end)
        rejects = source.data.rejects.filter(within)
        told |= {"gaps": len(source.gaps), "parts not readable": len(rejects)}
    values = [
        {"what": what, "count": figure, "figure": _short(figure), "x": number * WIDTH / len(told)}
        for number, (what, figure) in enumerate(told.items())
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("x:Q", scale=None, axis=None), tooltip=alt.Tooltip("count:Q", format=",")
    )
    figures = base.mark_text(align="left", baseline="alphabetic", fontSize=26, fontWeight="bold")
    words = base.mark_text(align="left", baseline="alphabetic", fontSize=12)
    return alt.LayerChart(
        layer=[
            figures.encode(text=alt.Text("figure:N"), y=alt.value(26)),
            words.encode(text=alt.Text("what:N"), y=alt.value(46)),
        ],
        width=WIDTH,
        height=_FIGURE_HEIGHT,
    )


def _short(figure: int) -> str:
    return f"{figure / _MILLION:,.2f} M" if figure >= _MILLION else f"{figure:,}"


def _speeds(source: Source) -> alt.LayerChart | None:
    """The trackers that were fastest."""
    speed = pl.col("value")
    top = (
        speeds(source)
        .filter(~pl.col("snapshot"), pl.col("event_time") >= source.start)
        .filter(speed.is_not_null() & speed.is_finite())
        .group_by("line")
        .agg(speed.max().alias("top"), pl.col("event_time").get(speed.arg_max()))
        .with_columns(pl.col("line").cast(pl.String))
        .sort("top", "line", descending=[True, False])
        .collect()
    )
    moved = top.filter(pl.col("top") > 0)
    if moved.is_empty():
        return None
    more = f"{_TOP} of {len(moved):,} that moved" if len(moved) > _TOP else None
    words = pl.col("top").round(0).cast(pl.Int64).cast(pl.String) + " km/h"
    return bars(
        moved.head(_TOP).with_columns(words=words),
        length=pl.col("top"),
        width=_HALF,
        words="words",
        colour=alt.ColorValue(STATES["moving"]),
        tooltip=[
            alt.Tooltip("line:N", title="tracker"),
            alt.Tooltip("top:Q", title="top speed (km/h)", format=".1f"),
            alt.Tooltip("time:N", title=f"at ({source.zone.name})"),
        ],
        title=frame.title("Top speed", more),
        clock=frame.clock(source.zone),
    )


def _fuel(source: Source) -> alt.VConcatChart | None:
    """The tanks whose level changed most, those with the same units together."""
    changes = fuel_changes(source).filter(pl.col("change") != 0)
    by_units = (
        changes.group_by("units").len("tanks").sort("tanks", "units", descending=[True, False])
    )
    charts = []
    for units, tanks in by_units.head(_UNITS).iter_rows():
        most = max(1, _TOP // min(_UNITS, len(by_units)))
        shown = changes.filter(pl.col("units") == units).head(most)
        more = (
            f"{len(shown)} of {tanks:,} tanks whose level changed" if tanks > len(shown) else None
        )
        charts.append(
            bars(
                shown.with_columns(
                    words=pl.col("change").map_elements(_signed, return_dtype=pl.String)
                ),
                length=pl.col("change"),
                width=_HALF,
                words="words",
                colour=alt.when("datum.change < 0")
                .then(alt.value(LINES[4]))
                .otherwise(alt.ColorValue(LINES[5])),
                tooltip=[
                    alt.Tooltip("line:N", title="tank"),
                    alt.Tooltip("change:Q", title=f"change ({units})", format="+,.1f"),
                    alt.Tooltip("first:Q", title="first level", format=",.1f"),
                    alt.Tooltip("from:N", title=f"at ({source.zone.name})"),
                    alt.Tooltip("last:Q", title="last level", format=",.1f"),
                    alt.Tooltip("to:N", title="at"),
                ],
                title=frame.title(f"Change of fuel level ({units})", more),
                clock={
                    "from": source.zone.text("datum.first_at"),
                    "to": source.zone.text("datum.last_at"),
                },
            )
        )
    return alt.VConcatChart(vconcat=charts, spacing=14) if charts else None


def _signed(change: float) -> str:
    text = f"{change:+,.1f}" if abs(change) >= _TENTH else f"{change:+.1g}"
    return text.replace("-", MINUS)


def _status(source: Source) -> list[alt.LayerChart]:
    """The share of trackers in each state, as steps on top of each other."""
    told = source.states().filter(pl.col("tracker_id").is_not_null())
    if told.select(pl.col("movement_status").count()).collect().item() == 0:
        return []
    found = shares(source).with_columns(share=pl.col("count") / pl.col("of"))
    of = found["of"].item(0)
    statuses = [status for status in STATUSES if status in found["status"]]
    chart = (
        alt.Chart(frame.rows(found))
        .transform_calculate(**frame.clock(source.zone, "began"))
        .mark_rect(clip=True)
        .encode(
            x=frame.time_x(source, "began", labels=False),
            x2=alt.X2("ended:T"),
            y=alt.Y(
                "high:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(title=f"Share of {of:,} trackers", format="%", tickCount=4),
            ),
            y2=alt.Y2("low:Q"),
            color=alt.Color(
                "status:N",
                title=None,
                scale=alt.Scale(domain=statuses, range=[STATES[status] for status in statuses]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("time:N", title=f"at ({source.zone.name})"),
                alt.Tooltip("status:N"),
                alt.Tooltip("count:Q", title="trackers", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .add_params(frame.zoom())
    )
    return [alt.LayerChart(layer=[chart], width=WIDTH, height=_SHARE_HEIGHT)]

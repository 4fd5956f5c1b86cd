"""How well a recording came in: rates, delays, gaps, and devices that went silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from fleetlab.charts import frame
from fleetlab.charts.arrivals import Arrivals, by_arrival, delays
from fleetlab.charts.bars import bars
from fleetlab.charts.happenings import shade, shared, stacked, strip
from fleetlab.charts.silent import SILENT_S, silent
from fleetlab.charts.source import Source
from fleetlab.charts.theme import LINES, STATES, WIDTH
from fleetlab.charts.words import MINUS, lasted
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.charts.source import Drawable

__all__ = ["quality"]

_HEIGHT: Final = 110
_Y_AXIS: Final = 44  # pixels, the same in all panels, so that they stand under one another
_SILENT: Final = 20
_LOG_FROM_S: Final = 60.0
_TICKS: Final = {
    0: "0 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min",
    3_600: "1 h", 21_600: "6 h", 86_400: "1 d", 864_000: "10 d", 8_640_000: "100 d",
}  # fmt: skip


def quality(
    data: Drawable,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    timezone: str | None = None,
    panels: bool = False,  # noqa: ARG001 - all charts are called alike
) -> alt.VConcatChart | alt.Chart:
    """Draw how the data came in: messages and rows a second, delay, gaps, silent devices.

    The time axis is that of arrival here. Rates and delays are of buckets of a round width, at
    most 180 of them; gaps are shaded, for nothing is known of them. A message counts where it
    brought rows of these trackers. The delay goes from the moment that a row speaks of
    (``event_time``) to its arrival (``received_at``), by both ends' own clocks, so a device whose
    clock is ahead has a negative one; snapshots, which speak of the past, aren't counted. Silent
    is a device whose position was not updated for 5 minutes, the platform's rule; from 10 minutes
    on it counts as offline. What happened in a gap is unknown and no silence.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, or a frame with ``seq``, ``received_at`` and ``event_time`` (UTC), and
        ``gps_updated`` for silent devices.
    trackers : int, str, or iterable of them, optional
        Ids or labels of the trackers to count; all if left out.
    start, end : datetime.datetime or str, optional
        What to draw of time; without an offset in the chart's zone.
    timezone : str, optional
        IANA name of the axis's zone; the recording's if left out.
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
    source = by_arrival(source, start=start, end=end)
    if source.start is None:
        return frame.nothing("Quality", source.asked("state_batch"))
    found = Arrivals.of(source)
    if found.counts.is_empty():
        why = "Nothing was received in this time"
        if trackers is not None:
            why += " of these trackers"
        return frame.nothing("Quality", f"{why}.")
    over_time: list[alt.LayerChart] = [
        _rate(found, source, "messages", "Messages/s", legend=True).add_params(frame.zoom()),
        _rate(found, source, "rows", "Rows/s", legend=False),
        *_delay(found, source),
        *_overruns(found, source),
        strip(source),
    ]
    page = alt.VConcatChart(
        vconcat=[stacked(over_time), *_silent(source)],
        spacing=24,
        title=frame.title("Quality", *_subtitle(found, source)),
    )
    return shared(page)


def _subtitle(found: Arrivals, source: Source) -> list[str | None]:
    messages, rows = found.counts["messages"].sum(), found.counts["rows"].sum()
    told = [f"{messages:,} messages, {rows:,} rows of {found.trackers:,} trackers"]
    if isinstance(source.data, Recording):
        missing = lasted(float(source.gaps["duration_s"].sum()))
        gaps = len(source.gaps)
        many = f"{gaps:,} gap{'s'[: gaps != 1]}, {missing} in all"
        told.append(many if gaps else "no gaps")
        within = pl.col("received_at").is_between(source.start, source.end)
        told.append(f"{len(source.data.rejects.filter(within)):,} parts not readable")
    return [source.name, "; ".join(told) + f". One bar is {found.buckets.words}."]


def _y(title: str | list[str], **more: Any) -> alt.Axis:
    return alt.Axis(title=title, minExtent=_Y_AXIS, maxExtent=_Y_AXIS, tickCount=4, **more)


def _rate(
    found: Arrivals, source: Source, what: str, title: str, *, legend: bool
) -> alt.LayerChart:
    """Bars of what came in each bucket, events on top of each other."""
    events = found.events
    order = pl.DataFrame({"event": events}).with_row_index("order")
    seconds = (pl.col("ended") - pl.col("began")).dt.total_milliseconds() / 1000
    rates = (
        found.buckets.frame()
        .join(found.counts, on="bucket")
        .join(order, on="event")
        .sort("bucket", "order")
        .with_columns(value=pl.col(what) / seconds)
        .with_columns(top=pl.col("value").cum_sum().over("bucket"))
        .with_columns(bottom=pl.col("top") - pl.col("value"))
        .select("began", "ended", "event", "value", "top", "bottom", what)
    )
    colour = alt.Color(
        "event:N",
        title=None,
        scale=alt.Scale(domain=events, range=list(LINES)),
        legend=alt.Legend(orient="top") if legend else None,
    )
    bar = (
        alt.Chart(frame.rows(rates))
        .transform_calculate(**frame.clock(source.zone, "began"))
        .mark_rect(clip=True)
        .encode(
            x=frame.time_x(source, "began", labels=False),
            x2=alt.X2("ended"),
            y=alt.Y("top:Q", axis=_y(title)),
            y2=alt.Y2("bottom:Q"),
            color=colour,
            tooltip=[
                alt.Tooltip("time:N", title=f"from ({source.zone.name})"),
                alt.Tooltip("event:N"),
                alt.Tooltip("value:Q", title=f"{what} a second", format=",.2f"),
                alt.Tooltip(f"{what}:Q", title=f"{what} in {found.buckets.words}", format=","),
            ],
        )
    )
    return alt.LayerChart(layer=[*shade(source), bar], width=WIDTH, height=_HEIGHT)


def _delay(found: Arrivals, source: Source) -> list[alt.LayerChart]:
    """Median and 95 % of the delay by bucket: a mark, and a bar that reaches up from it."""
    values = found.buckets.frame().join(delays(source, found.buckets), on="bucket")
    if values.is_empty():
        return []
    low, high = values["median_s"].min(), values["p95_s"].max()
    assert isinstance(low, float)
    assert isinstance(high, float)
    wide = max(high, -low) > _LOG_FROM_S
    ticks = sorted({sign * tick for tick in _TICKS for sign in (1, -1)})
    if wide:
        scale = alt.Scale(type="symlog", constant=1)
        shown = [tick for tick in ticks if min(low, 0) <= tick <= max(high, 0)]
        words = "".join(f"abs(datum.value)=={tick}?'{text}':" for tick, text in _TICKS.items())
        axis = _y(
            ["Delay: median", "to 95 %, log scale"],
            values=shown,
            labelExpr=f"(datum.value<0?'{MINUS}':'')+({words}'')",
        )
    else:
        scale = alt.Scale(zero=True)
        axis = _y(["Delay (s):", "median to 95 %"])
    base = (
        alt.Chart(frame.rows(values.select("began", "ended", "median_s", "p95_s", "rows")))
        .transform_calculate(**frame.clock(source.zone, "began"))
        .encode(
            x=frame.time_x(source, "began", labels=False),
            x2=alt.X2("ended"),
            y=alt.Y("median_s:Q", axis=axis, scale=scale),
            tooltip=[
                alt.Tooltip("time:N", title=f"from ({source.zone.name})"),
                alt.Tooltip("median_s:Q", title="median (s)", format=",.2f"),
                alt.Tooltip("p95_s:Q", title="95 % (s)", format=",.2f"),
                alt.Tooltip("rows:Q", title="rows", format=","),
            ],
        )
    )
    reach = base.mark_rect(color=LINES[0], opacity=0.3, clip=True).encode(y2=alt.Y2("p95_s:Q"))
    median = base.mark_rule(color=LINES[0], strokeWidth=2.5, clip=True)
    return [alt.LayerChart(layer=[*shade(source), reach, median], width=WIDTH, height=_HEIGHT)]


def _overruns(found: Arrivals, source: Source) -> list[alt.LayerChart]:
    """How often a queue of a device's attribute was overrun; no panel where none was."""
    if not isinstance(source.data, Recording):
        return []
    names = source.data.trackers.lazy().select("tracker_id", "label")
    lost = source.data.gaps.lazy().filter(reason="queue_overrun")
    counts = (
        source.chosen(lost.join(names, on="tracker_id", how="left"))
        .filter(pl.col("ended_at").is_between(source.start, source.end))
        .group_by(found.buckets.number(pl.col("ended_at")))
        .agg(pl.len().alias("count"), pl.col("tracker_id").n_unique().alias("trackers"))
        .collect()
    )
    if counts.is_empty():
        return []
    drawn = found.buckets.frame().join(counts, on="bucket")
    bar = (
        alt.Chart(frame.rows(drawn.select("began", "ended", "count", "trackers")))
        .transform_calculate(**frame.clock(source.zone, "began"))
        .mark_rect(color=LINES[1], clip=True)
        .encode(
            x=frame.time_x(source, "began", labels=False),
            x2=alt.X2("ended"),
            y=alt.Y(
                "count:Q",
                axis=_y(["Overruns", "of queues"], format="~s", values=[0, drawn["count"].max()]),
            ),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("time:N", title=f"from ({source.zone.name})"),
                alt.Tooltip("count:Q", title="queues overrun", format=","),
                alt.Tooltip("trackers:Q", title="trackers", format=","),
            ],
        )
    )
    return [alt.LayerChart(layer=[*shade(source), bar], width=WIDTH, height=_HEIGHT // 2)]


def _silent(source: Source) -> list[alt.LayerChart]:
    """The devices that were silent longest."""
    found = silent(source)
    if found.is_empty():
        return []
    offline = found["offline"].sum()
    words = f"{len(found):,} silent for 5 min or more, {offline:,} of them for 10 (offline)"
    if len(found) > _SILENT:
        words += f"; the {_SILENT} silent longest are shown. Choose others with trackers=[…]"
    return [
        bars(
            found.head(_SILENT),
            length=(pl.col("silent_s") / SILENT_S).log() + 1,
            width=WIDTH,
            words="words",
            colour=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(
                    domain=["still silent at the end", "heard again"],
                    range=[STATES["offline"], STATES["active"]],
                ),
                legend=alt.Legend(orient="bottom"),
            ),
            tooltip=[
                alt.Tooltip("line:N", title="tracker"),
                alt.Tooltip("words:N", title="silent for"),
                alt.Tooltip("time:N", title=f"since ({source.zone.name})"),
                alt.Tooltip("until_text:N", title="until"),
                alt.Tooltip("kind:N", title="then"),
            ],
            title=frame.title("Position not updated (bars on a log scale)", f"{words}."),
            clock={
                **frame.clock(source.zone, "since"),
                "until_text": source.zone.text("datum.until"),
            },
        )
    ]

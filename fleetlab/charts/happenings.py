"""Gaps and notes on the time axis: as shades behind a panel, and as a strip of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from fleetlab.charts import frame
from fleetlab.charts.theme import STATES, UNKNOWN, WIDTH
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from fleetlab.charts.source import Source

__all__ = ["marks", "noted", "shade", "shared", "stacked", "strip"]

REASONS: Final = {
    "disconnected": STATES["ignition off"],
    "asleep": STATES["signal_lost"],
    "between_recordings": STATES[UNKNOWN],
}
_ROW: Final = 18  # pixels
_NOTE_ROWS: Final = 3
_NOTES_IN_WORDS: Final = 9
_NOTE_WIDTH: Final = WIDTH // 2 - 12


def shade(source: Source, *, labels: bool = True) -> list[alt.Chart]:
    """Return what shades the gaps behind a panel: one layer, or none where there is no gap."""
    if source.gaps.is_empty():
        return []
    chart = alt.Chart(frame.rows(_gaps(source))).mark_rect(
        color=STATES[UNKNOWN], opacity=0.35, clip=True
    )
    return [
        chart.transform_calculate(**_clock(source)).encode(
            x=frame.time_x(source, "began", labels=labels),
            x2=alt.X2("ended:T"),
            tooltip=_told(source),
        )
    ]


def marks(source: Source, *, labels: bool = True) -> list[alt.Chart]:
    """Return what shows gaps and notes behind a panel: a shade for a gap, a rule for a note."""
    return [*shade(source, labels=labels), *noted(source, labels=labels)]


def noted(source: Source, *, labels: bool = True) -> list[alt.Chart]:
    """Return what shows notes in a panel: a rule each, and its text above where there are few."""
    if source.notes.is_empty():
        return []
    base = (
        alt.Chart(frame.rows(source.notes.select(pl.col("noted_at").alias("began"), "text")))
        .transform_calculate(**frame.clock(source.zone, "began"))
        .encode(
            x=frame.time_x(source, "began", labels=labels),
            tooltip=[
                alt.Tooltip("time:N", title=f"note ({source.zone.name})"),
                alt.Tooltip("text:N", title="text"),
            ],
        )
    )
    rule = base.mark_rule(strokeDash=[2, 3], clip=True)
    if len(source.notes) > _NOTES_IN_WORDS:
        return [rule]
    words = base.mark_text(align="left", dx=-2, fontSize=10, limit=_NOTE_WIDTH, clip=False)
    return [rule, words.encode(y=alt.value(-6), text=alt.Text("text:N"))]


def strip(source: Source, *, labels: bool = True) -> alt.LayerChart:
    """Return a strip that shows gaps, by reason, and notes.

    Parameters
    ----------
    source : Source
        What they are of.
    labels : bool
        Whether the time axis is labelled.
    """
    x = frame.time_x(source, "began", labels=labels)
    layers: list[alt.Chart] = []
    if source.gaps.is_empty() and source.notes.is_empty():
        known = isinstance(source.data, Recording)
        sentence = (
            "No gaps, and no notes." if known else "A frame alone tells of no gaps, nor notes."
        )
        words = alt.Chart(alt.InlineData(values=[{"words": sentence}]))
        layers.append(
            words.mark_text(align="left", opacity=0.8).encode(
                x=alt.value(4), y=alt.value(_ROW / 2), text=alt.Text("words:N")
            )
        )
    # The axis is drawn even where there is nothing on it.
    gaps = alt.Chart(frame.rows(_gaps(source))).transform_calculate(**_clock(source))
    colour = alt.Color(
        "reason:N",
        title=None,
        scale=alt.Scale(domain=list(REASONS), range=list(REASONS.values())),
        legend=None
        if source.gaps.is_empty()
        else alt.Legend(orient="bottom", values=_reasons(source)),
    )
    layers.append(
        gaps.mark_rect(clip=True).encode(
            x=x,
            x2=alt.X2("ended:T"),
            y=alt.value(0),
            y2=alt.value(_ROW),
            color=colour,
            tooltip=_told(source),
        )
    )
    rows = 0
    if not source.notes.is_empty():
        rows = min(_NOTE_ROWS, len(source.notes))
        layers += _notes(source, x)
    return alt.LayerChart(layer=layers, width=WIDTH, height=_ROW * (1 + rows))


def stacked(panels: list[alt.LayerChart]) -> alt.VConcatChart:
    """Put panels with one time axis under one another, left edges in line."""
    return shared(alt.VConcatChart(vconcat=panels, spacing=12, bounds="flush"))


def shared(page: alt.VConcatChart) -> alt.VConcatChart:
    """Give all time panels of a page one time axis, and each panel colours of its own."""
    page.resolve = alt.Resolve(scale=alt.ScaleResolveMap(x="shared", color="independent"))
    return page


def _gaps(source: Source) -> pl.DataFrame:
    """Gaps, clipped to what is drawn; their true extent is told."""
    return source.gaps.select(
        "reason",
        "duration_s",
        pl.col("started_at").clip(lower_bound=source.start).alias("began"),
        pl.col("ended_at").clip(upper_bound=source.end).alias("ended"),
        pl.col("started_at").alias("first"),
        pl.col("ended_at").alias("last"),
    )


def _reasons(source: Source) -> list[str]:
    return [reason for reason in REASONS if reason in source.gaps["reason"]]


def _clock(source: Source) -> dict[str, str]:
    return {"from": source.zone.text("datum.first"), "to": source.zone.text("datum.last")}


def _told(source: Source) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("reason:N", title="gap"),
        alt.Tooltip("from:N", title=f"from ({source.zone.name})"),
        alt.Tooltip("to:N", title="to"),
        alt.Tooltip("duration_s:Q", title="lasted (s)", format=",.1f"),
    ]


def _notes(source: Source, x: alt.X) -> list[alt.Chart]:
    """A mark for each note, with its text where there are few."""
    notes = source.notes.sort("noted_at").select(
        pl.col("noted_at").alias("began"),
        "text",
        (_ROW * 1.5 + pl.int_range(pl.len()) % _NOTE_ROWS * _ROW).alias("y"),
    )
    assert source.start is not None
    assert source.end is not None
    middle = source.start + (source.end - source.start) / 2
    told = [
        alt.Tooltip("time:N", title=f"note ({source.zone.name})"),
        alt.Tooltip("text:N", title="text"),
    ]
    y = alt.Y("y:Q", scale=None, axis=None)
    layers = []
    # Text runs away from the nearer edge, so that none is cut off.
    for early in (True, False):
        found = notes.filter((pl.col("began") < middle) == early)
        if found.is_empty():
            continue
        base = (
            alt.Chart(frame.rows(found))
            .transform_calculate(**frame.clock(source.zone, "began"))
            .encode(x=x, y=y, tooltip=told)
        )
        layers.append(base.mark_point(shape="diamond", filled=True, size=60, opacity=1, clip=True))
        if len(notes) <= _NOTES_IN_WORDS:
            side: dict[str, Any] = (
                {"align": "left", "dx": 8} if early else {"align": "right", "dx": -8}
            )
            layers.append(base.mark_text(limit=_NOTE_WIDTH, **side).encode(text=alt.Text("text:N")))
    return layers

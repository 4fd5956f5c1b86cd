"""Fills and drains as marks on the level of fuel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import polars as pl

from fleetlab.analysis.fuel_events import fuel_events
from fleetlab.charts import frame
from fleetlab.charts.findings import crowded, marks, told, too_many_rows
from fleetlab.charts.lines import faded
from fleetlab.charts.together import detected, in_hand
from fleetlab.charts.words import MINUS
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.charts.source import Source

__all__ = ["fuel_marks", "legend", "marked"]

_WHAT: Final = "Fills and drains"
_SENSOR: Final = ("tracker_id", "sensor_id", "units")
_EDGE: Final = 30  # pixels
_WIDE, _HIGH = 0.05, 0.14  # of the chart: what the words of a mark take
_SHAPES: Final = {"fill": "triangle-up", "drain": "triangle-down", "unexplained_loss": "diamond"}
_WORDS: Final = {"unexplained_loss": "unexplained loss"}
_LEGEND: Final = {
    "fill": "a triangle up is a fill",
    "drain": "a triangle down is a drain",
    "unexplained_loss": "a diamond is a loss that nothing explains",
}


def marked(
    tanks: pl.DataFrame, source: Source, sensors: Iterable[int | str] | int | str | None
) -> tuple[pl.DataFrame, str | None]:
    """Return fills and drains of the tanks that are drawn, as :func:`fleetlab.fuel_events`.

    Parameters
    ----------
    tanks : polars.DataFrame
        ``tracker_id``, ``sensor_id``, ``units`` and ``tank``, its name.
    source : Source
        What is drawn.
    sensors : int, str, iterable of them, or None
        Those that the caller named.

    Returns
    -------
    frame : polars.DataFrame
        What the detector returns, and ``line``, the tank; none where there is too much.
    words : str or None
        A sentence, where there is too much to look through, or to mark.
    """
    own = tanks.lazy().select("tracker_id").unique()
    readings = source.readings().join(own, on="tracker_id", how="semi").drop("line")
    looked = [readings]
    if isinstance(source.data, Recording):
        looked.append(source.states().join(own, on="tracker_id", how="semi").drop("line"))
    counted = [rows.select(pl.len()) for rows in looked]
    why = too_many_rows(_WHAT, sum(n.item() for n in pl.collect_all(counted)))
    if why:
        none = fuel_events(in_hand(readings.head(0)), sensors)
        return none.with_columns(line=pl.lit(None, pl.String)), why

    def detect(readings: pl.DataFrame, states: pl.DataFrame | None = None) -> pl.DataFrame:
        found: pl.DataFrame = fuel_events(readings, sensors, states=states)
        return found

    found = detected(
        (fuel_events, repr(sensors)),
        detect,
        looked,
        lambda one: [one.readings(), one.states()],
    )
    named = tanks.select(*_SENSOR, line="tank")
    shown = found.join(named, on=_SENSOR, nulls_equal=True, maintain_order="left")
    return crowded(shown, source, _WHAT)


def legend(found: pl.DataFrame) -> str | None:
    """Say which mark is what, of those that are there."""
    kinds = set(found["kind"])
    words = ", ".join(words for kind, words in _LEGEND.items() if kind in kinds)
    return f"Of the marks {words}." if words else None


def fuel_marks(
    found: pl.DataFrame,
    source: Source,
    unit: str,
    title: str,
    colour: alt.Color,
    *,
    labels: bool,
) -> list[alt.Chart]:
    """Draw a mark at the end of each change, with its amount and time where there is room.

    Parameters
    ----------
    found : polars.DataFrame
        Of :func:`marked`, of tanks of one unit.
    source : Source
        What is drawn.
    unit, title : str
        Of the level.
    colour : altair.Color
        Of the tanks.
    labels : bool
        Whether the time axis is labelled.
    """
    if found.is_empty():
        return []
    rises = pl.col("kind") == "fill"
    sign = pl.when(rises).then(pl.lit("+")).otherwise(pl.lit(MINUS))
    rows = found.with_columns(
        is_written=pl.Series(_apart(found, source)),
        what=pl.col("kind").replace(_WORDS),
        amount=pl.concat_str(
            sign, pl.col("volume").round(1).cast(pl.String).str.strip_suffix(".0")
        ),
    )
    chart = marks(rows, source).transform_calculate(
        written=f"[datum.amount,{source.zone.text('datum.ended_at', '%H:%M')}]"
    )
    x = frame.time_x(source, "ended_at", labels=labels)
    y = alt.Y("level_after:Q", title=title)
    lit = faded(frame.picked())
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=list(_SHAPES), range=list(_SHAPES.values())),
        legend=None,
    )
    tooltip = told(
        source,
        alt.Tooltip("what:N"),
        alt.Tooltip("volume:Q", title=f"volume ({unit})", format=",.1f"),
        alt.Tooltip("level_before:Q", title=f"level before ({unit})", format=",.1f"),
        alt.Tooltip("level_after:Q", title=f"level after ({unit})", format=",.1f"),
        who="tank",
        seen=False,
    )
    points = chart.mark_point(
        filled=True, size=110, stroke="white", strokeWidth=1, clip=True
    ).encode(x=x, y=y, shape=shape, color=colour, opacity=lit, tooltip=tooltip)
    x_at, y_at = "scale('x',datum.ended_at)", "scale('y',datum.level_after)"
    fills, right = "datum.kind=='fill'", f"{x_at}>width-{_EDGE}"
    # Beyond the end of the change; where the chart ends there, beside the line that led to it.
    beside = f"({fills}?{y_at}<{_EDGE}:{y_at}>height-{_EDGE})"
    text = chart.transform_filter("datum.is_written").mark_text(
        align=alt.expr(f"{right}?'right':{beside}||{x_at}<{_EDGE}?'left':'center'"),
        dx=alt.expr(f"{beside}?({right}?-6:6):0"),
        dy=alt.expr(f"({fills})!={beside}?-31:10"),
        fontSize=11,
        lineHeight=12,
        baseline="top",
        clip=True,
    )
    return [points, text.encode(x=x, y=y, text=alt.Text("written:N"), color=colour, opacity=lit)]


def _apart(found: pl.DataFrame, source: Source) -> list[bool]:
    """Return which marks have room for words beside them, larger changes first."""
    assert source.start is not None
    assert source.end is not None
    span = (source.end - source.start).total_seconds() or 1.0
    high = found.select(pl.max_horizontal("level_before", "level_after").max()).item() or 1.0
    written: list[tuple[float, float]] = []
    shown = [False] * len(found)
    places = found.select(
        (pl.col("ended_at") - source.start).dt.total_seconds() / span, pl.col("level_after") / high
    ).rows()
    for n in found["volume"].arg_sort(descending=True):
        x, y = places[n]
        if all(abs(x - a) > _WIDE or abs(y - b) > _HIGH for a, b in written):
            written.append((x, y))
            shown[n] = True
    return shown

"""Fuel level by tank over time."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Final

import altair as alt
import polars as pl

from fleetlab.charts import frame
from fleetlab.charts.fuel_marks import fuel_marks, legend, marked
from fleetlab.charts.lines import Lines, draw, faded, lines
from fleetlab.charts.source import Source
from fleetlab.charts.speed import speeds
from fleetlab.charts.tanks import UNTOLD, Tanks
from fleetlab.charts.theme import HEIGHT, LINES, STATES
from fleetlab.charts.thinning import BUDGET

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.charts.source import Drawable

__all__ = ["fuel_level"]

_TITLE: Final = "Fuel level"
_HEADROOM: Final = 1.1
_LABEL: Final = 320  # pixels of a name in the legend


def fuel_level(
    data: Drawable,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    timezone: str | None = None,
    panels: bool = False,
    composite: bool = False,
    sensors: Iterable[int | str] | int | str | None = None,
) -> alt.LayerChart | alt.VConcatChart | alt.Chart:
    """Draw the fuel level over time, a line a tank: "tracker · sensor".

    What is drawn is ``value`` in ``units``, as the sensor is set up; ``converted_value`` is not
    used, so that the level and the full tank (``max_value``, dashed) are in one unit. Tanks of
    different units have axes of their own, one under another.

    Readings come when they change: a level holds until the next one. In a gap of the connection
    nothing is known, and the line breaks. Fills (▲), drains (▼) and losses that nothing explains
    (◆) are marked where they end, with amount and time, as :func:`fleetlab.fuel_events` finds them.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, or rows of ``readings_batch``: ``event_time`` (UTC), ``label``,
        ``sensor_label``, ``type`` (those of ``"fuel"`` count), ``value``, ``units``,
        ``max_value``.
    trackers : int, str, or iterable of them, optional
        Ids or labels; if left out and there are many tanks, those whose level varies most of what
        they hold.
    start, end : datetime.datetime or str, optional
        What to draw of time; without an offset in the chart's zone.
    timezone : str, optional
        IANA name of the axis's zone; the recording's if left out.
    panels : bool
        Whether the speed (km/h) of the same trackers is drawn underneath, on the same time axis.
    composite : bool
        Whether sensors are drawn that are made of others (``composite_sensor_ids``), such as the
        sum of all tanks.
    sensors : int, str, or iterable of them, optional
        Ids, labels or names of the fuel sensors to draw, composite ones too.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart
        A chart of Altair's own; a VConcatChart with ``panels``, or where tanks have different
        units.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    source = Source.of(data, trackers=trackers, start=start, end=end, timezone=timezone)
    found, why = Tanks.find(source, sensors, composite=composite, chosen=bool(trackers))
    if found is None:
        return frame.nothing(_TITLE, why or "")
    tanks = found.shown
    levels = lines(found.levels(), source, chosen=True, budget=BUDGET // 2 if panels else BUDGET)
    palette = dict(zip(tanks["tank"], cycle(LINES), strict=False))
    speed = _speed(tanks, source, palette) if panels else None
    changed, unmarked = marked(tanks, source, sensors)
    units = tanks["units"].unique(maintain_order=True).to_list()
    parts = [
        _panel(
            tanks.filter(pl.col("units").eq_missing(unit)),
            levels.points,
            changed,
            source,
            # The first panel's legend is that of all.
            colour=_colour(palette, alt.Legend(labelLimit=_LABEL) if number == 0 else None),
            labels=number == len(units) - 1 and speed is None,
            height=HEIGHT if len(units) == 1 else HEIGHT * 2 // 3,
        )
        for number, unit in enumerate(units)
    ]
    words = frame.title(
        _TITLE,
        source.name,
        *replace(levels, of=found.of).words("those that vary most of what they hold"),
        why,
        legend(changed),
        unmarked,
        *_about_speed(speed, tanks, source, panels=panels),
    )
    frame.selectable(parts[0], frame.zoom(), frame.picked())
    if len(parts) == 1 and speed is None:
        parts[0].title = words
        return parts[0]
    stack = alt.VConcatChart(vconcat=[*parts, *([speed] if speed else [])], title=words)
    whole: alt.VConcatChart = stack.resolve_scale(x="shared", color="independent")
    return whole


def _panel(
    tanks: pl.DataFrame,
    points: pl.DataFrame,
    found: pl.DataFrame,
    source: Source,
    *,
    colour: alt.Color,
    labels: bool,
    height: int,
) -> alt.LayerChart:
    """Draw the tanks of one unit, each with its full level, and their fills and drains."""
    unit = tanks["units"].to_list()[0] or UNTOLD
    shown = tanks["tank"].to_list()
    title = f"{_TITLE} ({unit})"
    own = points.filter(pl.col("line").is_in(shown))
    # Room above what is highest, so that a full tank and the mark of its fill are seen whole.
    top = pl.concat([own["value"], tanks["full"]]).max()
    scale = alt.Scale(zero=True)
    if isinstance(top, float) and top > 0:
        scale = alt.Scale(zero=True, nice=False, domainMax=_HEADROOM * top)
    curves = draw(
        Lines(own, shown, len(shown), 0),
        source,
        y=alt.Y("value:Q", title=title, scale=scale),
        tooltip=[alt.Tooltip("value:Q", title=f"level ({unit})", format=",.1f")],
        labels=labels,
        height=height,
        what="tank",
        colour=colour,
    )
    changes = found.filter(pl.col("line").is_in(shown))
    marks = fuel_marks(changes, source, unit, title, colour, labels=labels)
    return alt.LayerChart(layer=[curves, *_full(tanks, unit, title, colour), *marks])


def _full(tanks: pl.DataFrame, unit: str, title: str, colour: alt.Color) -> list[alt.Chart]:
    """Draw each tank's full level, and say what it is; one that several tanks have is grey."""
    name = pl.col("tank")
    full = (
        tanks.drop_nulls("full")
        .group_by("full", maintain_order=True)
        .agg(pl.when(name.len() == 1).then(name.first()).alias("line"), tanks=name.str.join(", "))
    )
    shared = alt.when("!isValid(datum.line)").then(alt.value(STATES["offline"]))
    levels: alt.Chart = alt.Chart(frame.rows(full)).encode(
        y=alt.Y("full:Q", title=title),
        color=shared.otherwise(colour),
        opacity=faded(frame.picked()),
        tooltip=[
            alt.Tooltip("tanks:N", title="tank"),
            alt.Tooltip("full:Q", title=f"full ({unit})"),
        ],
    )
    rule = levels.mark_rule(strokeDash=[6, 4], strokeWidth=1.2)
    words = levels.mark_text(text="full", align="right", baseline="bottom", dx=-3, fontSize=10)
    return [rule, words.encode(x=alt.value("width"))]


def _colour(palette: dict[str, str], legend: alt.Legend | None) -> alt.Color:
    scale = alt.Scale(domain=list(palette), range=list(palette.values()))
    return alt.Color("line:N", title=None, scale=scale, sort=list(palette), legend=legend)


def _speed(tanks: pl.DataFrame, source: Source, palette: dict[str, str]) -> alt.LayerChart | None:
    """Draw the speed of the tanks' trackers, each in the colour of its first tank."""
    of = tanks.group_by("tracker_id", "tracker", maintain_order=True).agg(pl.col("tank"))
    rows = (
        speeds(source)
        .drop("line")
        .join(of.lazy().select("tracker_id", line="tracker"), on="tracker_id")
    )
    found = lines(rows, source, chosen=True, budget=BUDGET // 2)
    if not found.shown:
        return None
    named = dict(of.select("tracker", "tank").iter_rows())
    colour = _colour({name: palette[own[0]] for name, own in named.items()}, legend=None)
    # A tracker is lit while any of its tanks is picked in the legend.
    pick = f"{frame.picked().name}.line"
    own = f"({json.dumps(named, ensure_ascii=False)})[datum.line]"
    most = max(len(tanks) for tanks in named.values())
    lit = "||".join(f"indexof({pick},{own}[{n}])>=0" for n in range(most))
    return draw(
        found,
        source,
        y=alt.Y("value:Q", title="Speed (km/h)", scale=alt.Scale(zero=True)),
        tooltip=[alt.Tooltip("value:Q", title="speed (km/h)", format=".0f")],
        height=HEIGHT // 2,
        colour=colour,
        lit=f"!isValid({pick})||{lit}",
    )


def _about_speed(
    speed: alt.LayerChart | None, tanks: pl.DataFrame, source: Source, *, panels: bool
) -> list[str]:
    """Say what can't be seen of the panel of speed."""
    if panels and speed is None:
        return [f"Without speed: {source.asked('state_batch', 'state')}"]
    if speed is not None and tanks["tracker"].is_duplicated().any():
        return ["A tracker's speed has the colour of its first tank."]
    return []

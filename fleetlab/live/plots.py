"""What a moving chart shows, in numbers and texts that a page can draw.

The lines and bands are those that the charts of :mod:`fleetlab.charts` are drawn of; only ink and
paper are another's. Times are milliseconds from the left edge.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.charts.bands import colours
from fleetlab.charts.lines import lines
from fleetlab.charts.speed import speeds
from fleetlab.charts.states import WHAT, States, strips
from fleetlab.charts.tanks import UNTOLD, Tanks
from fleetlab.charts.theme import HEIGHT, LINES, STATES
from fleetlab.charts.time_axis import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from fleetlab.charts.source import Source

__all__ = ["axis", "fuel_levels", "scale", "speed", "statuses"]

POINTS: Final = 3_000
"""Points of all lines together, about."""

BANDS: Final = 60_000
"""Bytes of all bands together, about."""

_TICKS: Final = 6
_SPAN: Final = 1e-6  # of a scale, at the least
_TITLES: Final = {
    "movement": "movement",
    "ignition": "ignition (thin)",
    "connection": "connection (lowest)",
}


def axis(source: Source, end: datetime) -> dict[str, Any]:
    """Return the axis of time, and what is marked on it.

    Parameters
    ----------
    source : Source
        What is drawn.
    end : datetime.datetime
        The axis's right edge.
    """
    assert source.start is not None
    low, high = milliseconds(source.start), milliseconds(end)
    gaps = source.gaps.select("started_at", "ended_at", "reason").rows()
    return {
        "from": low,
        "to": high,
        "title": source.zone.title,
        "offsets": [list(one) for one in source.zone.offsets],
        "ticks": [(at - low, *texts) for at, *texts in source.zone.ticks(low, high)],
        "gaps": [
            (max(0, milliseconds(since) - low), milliseconds(until) - low, reason)
            for since, until, reason in gaps
        ],
        "notes": [
            (milliseconds(at) - low, text)
            for at, text in source.notes.select("noted_at", "text").rows()
        ],
    }


def speed(source: Source, place: Callable[[str], int]) -> list[dict[str, Any]]:
    """Return the panel of speed; ``place`` gives the number of a line's colour."""
    found = lines(speeds(source), source, chosen=True, budget=POINTS)
    if not found.shown:
        return []
    return [_panel("Speed (km/h)", "km/h", source, found.points, found.shown, place, digits=0)]


def fuel_levels(
    source: Source,
    place: Callable[[str], int],
    sensors: Iterable[int | str] | int | str | None,
    *,
    composite: bool,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a panel of levels for each unit, and a sentence on what is not shown."""
    tanks, why = Tanks.find(source, sensors, composite=composite, chosen=True)
    if tanks is None:
        return [], why
    found = lines(tanks.levels(), source, chosen=True, budget=POINTS)
    units = tanks.shown["units"].unique(maintain_order=True).to_list()
    panels = []
    for unit in units:
        own = tanks.shown.filter(pl.col("units").eq_missing(unit))
        names = own["tank"].to_list()
        points = found.points.filter(pl.col("line").is_in(names))
        title = f"Fuel level ({unit or UNTOLD})"
        panel = _panel(title, unit or "", source, points, names, place, digits=1, own=own)
        panels.append(panel | {"height": HEIGHT if len(units) == 1 else HEIGHT * 2 // 3})
    return panels, why


def _panel(
    title: str,
    unit: str,
    source: Source,
    points: pl.DataFrame,
    names: list[str],
    place: Callable[[str], int],
    *,
    digits: int,
    own: pl.DataFrame | None = None,
) -> dict[str, Any]:
    assert source.start is not None
    low = milliseconds(source.start)

    def paint(name: str) -> str:
        return LINES[place(name) % len(LINES)]

    numbers = points.select(
        pl.col("line").cast(pl.String),
        at=pl.col("event_time").dt.epoch("ms") - low,
        value=pl.col("value").round(2),
    )
    by_line = numbers.rows_by_key("line")
    full = {} if own is None else dict(own.select("tank", "full").drop_nulls().rows())
    most = max([0.0, *numbers["value"].drop_nulls(), *full.values()])
    least = min([0.0, *numbers["value"].drop_nulls()])
    return {
        "kind": "lines",
        "title": title,
        "unit": unit,
        "digits": digits,
        "height": HEIGHT,
        "ticks": scale(least, most),
        "full": _full(full, paint),
        "lines": [
            {"name": name, "colour": paint(name), "points": by_line.get(name, [])}
            for name in sorted(names, key=place)
        ],
    }


def _full(full: dict[str, float], paint: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return the full levels; one that several tanks have is grey."""
    by_value: dict[float, list[str]] = {}
    for name, value in full.items():
        by_value.setdefault(value, []).append(name)
    return [
        {
            "value": value,
            "names": names,
            "colour": paint(names[0]) if len(names) == 1 else STATES["offline"],
        }
        for value, names in by_value.items()
    ]


def scale(least: float, most: float) -> list[float]:
    """Return round numbers that hold all from the least to the most."""
    span = max(most - least, _SPAN)
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(power * n for n in (1, 2, 5, 10) if span / (power * n) <= _TICKS)
    first, last = math.floor(least / step), math.ceil(most / step)
    return [round(n * step, 10) for n in range(first, max(last, first + 1) + 1)]


def statuses(source: Source, place: Callable[[str], int]) -> list[dict[str, Any]]:
    """Return the panel of bands, a row a tracker."""
    assert source.start is not None
    states = States.of(source)
    shown = sorted(states.lines, key=place)
    if not shown:
        return []
    found = strips(states, source, shown, list(WHAT), budget=BANDS)
    low = milliseconds(source.start)
    rows: dict[str, dict[str, Any]] = {name: {"name": name} for name in shown}
    legend = []
    for what, bands in found.bands.items():
        palette = colours(bands["state"].unique().to_list())
        legend.append({"title": _TITLES[what], "what": what, "colours": list(palette.items())})
        numbers = bands.select(
            "line",
            since=pl.col("since").dt.epoch("ms") - low,
            until=pl.col("until").dt.epoch("ms") - low,
            state="state",
            told="told",
        )
        by_line = numbers.rows_by_key("line")
        for name, row in rows.items():
            row[what] = by_line.get(name, [])
    return [{"kind": "bands", "rows": list(rows.values()), "legend": legend}]

"""Tracks and last positions on a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import altair as alt
import polars as pl

from fleetlab.analysis.trips import trips
from fleetlab.charts import frame
from fleetlab.charts.findings import TRIP, findings, marks, told
from fleetlab.charts.mercator import View
from fleetlab.charts.source import Source
from fleetlab.charts.theme import STATES, UNKNOWN, WIDTH
from fleetlab.charts.tiles import ground, host_of
from fleetlab.charts.trails import last_positions, positions, segments, spots, trails
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.charts.source import Drawable

__all__ = ["map"]

_TITLE: Final = "Map"
_TRACKS: Final = 50  # of more nobody can tell which is whose
_NAMED: Final = 40  # trackers whose names are written beside them, where there is room
_FEW: Final = 150  # dots that are drawn large
_DOT: Final = 7  # half a dot's height and a little, in pixels
_LETTER: Final = 6.4  # pixels of a letter, about
# From slow to fast: ever lighter, also for the colour-blind, and seen on white and on black.
_SPEEDS: Final = ("#4B3C9B", "#9A3F9C", "#D8576B", "#F58B47", "#FDC328")


def map(  # noqa: A001 - the chart's name in the contract
    data: Drawable,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    timezone: str | None = None,
    colour: Literal["speed", "status"] = "speed",
    tiles: str | None = None,
) -> alt.LayerChart | alt.Chart:
    """Draw tracks and last positions on a map; without the network unless ``tiles`` is given.

    Mercator's projection on a grid of degrees, with a scale bar. Each piece of a track has the
    colour of the speed or the status that held on it; a large dot is a tracker's last position.
    Click one to see its track alone; the wheel zooms.

    A track is never drawn where it isn't known: it breaks in a gap of the connection, while the
    platform says that the device is not heard, after 20 minutes without a position, and where it
    would be faster than 300 km/h. Snapshots and positions of cell towers are last positions
    (those of cell towers hollow), no part of a track; 0, 0 is no position. A small ring is where a
    trip began, and a small square where it ended, as :func:`fleetlab.trips` finds them.

    Layers of your own fit on it with ``x`` as the longitude and ``y`` as
    ``degrees(log(tan(pi / 4 + radians(lat) / 2)))``.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, or rows of ``state_batch`` or ``state``: ``event_time`` (UTC), ``label``,
        ``lat`` and ``lng`` (°, WGS 84), ``speed_kmh`` (km/h), ``movement_status``.
    trackers : int, str, or iterable of them, optional
        Ids or labels; if left out and there are many, the tracks of those that got around most.
    start, end : datetime.datetime or str, optional
        What to draw of time; without an offset in the chart's zone.
    timezone : str, optional
        IANA name of the zone that times are told in; the recording's if left out.
    colour : {"speed", "status"}
        What the colours tell: speed in km/h, or moving, stopped, parked.
    tiles : str, optional
        Address of a server's map pictures, such as ``"https://tile.example/{z}/{x}/{y}.png"``,
        to draw the map on. Whoever looks at the chart then asks that server for them, which tells
        it where the fleet is; credit it as its terms say. They are those of the first view, and
        grow as the reader zooms.

    Returns
    -------
    altair.LayerChart
        A chart of Altair's own. Its width and height belong to its scales: change both alike.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    if colour not in ("speed", "status"):
        raise InvalidArgument(f"colour={colour!r} is neither 'speed' nor 'status'.")
    host = None if tiles is None else host_of(tiles)
    source = Source.of(data, trackers=trackers, start=start, end=end, timezone=timezone)
    told = positions(source)
    known = last_positions(told)
    placed = known.drop_nulls("lat")
    if placed.is_empty():
        return frame.nothing(_TITLE, _no_position(known, source))
    moved = placed.filter(pl.col("squares") > 0)
    shown = moved if trackers is not None else moved.head(_TRACKS)
    points = trails(told, shown)
    view = View.around(pl.concat([one.select("lat", "lng") for one in (placed, points)]))
    ways, left_out = segments(points, view)
    drives, why = findings(trips, source, shown["line"], "Trips")
    last = spots(placed, view)
    tint = _tint(colour, pl.concat([one.select("speed", "status") for one in (ways, last)]))
    chart = alt.LayerChart(
        layer=[
            *([] if tiles is None else [ground(tiles, view)]),
            *_tracks(ways, source, view, tint),
            *_ends(drives, source, view),
            *_last(last, source, view, tint),
            *view.scale_bar(),
        ],
        width=WIDTH,
        height=view.height,
    )
    chart.title = frame.title(
        _TITLE,
        source.name,
        "A dot is a tracker's last position"
        + (", a line its track." if len(ways) else "; none of them moved.")
        + (" A ring is where a trip began, a square where it ended." if len(drives) else ""),
        _chosen(ways["line"].n_unique(), len(moved), len(shown)),
        _thin(left_out),
        why,
        _spots(last, placed),
        _unplaced(known, placed),
        host and f"Map pictures: {host}",
    )
    return chart


def _tint(colour: str, rows: pl.DataFrame) -> Any:
    """Return the colours of speed or status; grey where it isn't known."""
    if colour == "status":
        found = set(rows["status"].to_list())
        domain = [name for name in STATES if name in found] + sorted(found - set(STATES))
        colours = [STATES.get(name, STATES[UNKNOWN]) for name in domain]
        return alt.Color("status:N", title="Status", scale=alt.Scale(domain=domain, range=colours))
    greatest = max(rows["speed"].drop_nulls().to_list(), default=0.0)
    scale = alt.Scale(
        domain=[0, greatest or 1.0], range=list(_SPEEDS), interpolate="lab", clamp=True
    )
    speed = alt.Color("speed:Q", title="Speed (km/h)", scale=scale)
    return alt.when("isValid(datum.speed)").then(speed).otherwise(alt.ColorValue(STATES[UNKNOWN]))


def _pick() -> alt.Parameter:
    """Return what lets a reader pick a tracker by a click."""
    return alt.selection_point(name="fleetlab_tracker", fields=["line"], on="click")


def _told(source: Source) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("line:N", title="tracker"),
        alt.Tooltip("time:N", title=f"time ({source.zone.name})"),
        alt.Tooltip("speed:Q", title="speed (km/h)", format=".0f"),
        alt.Tooltip("status:N", title="status"),
    ]


def _tracks(ways: pl.DataFrame, source: Source, view: View, tint: Any) -> list[alt.Chart]:
    """Draw tracks, with a point of each for the pointer to meet."""
    x, y = view.axes()
    faded = alt.when(_pick()).then(alt.value(0.9)).otherwise(alt.OpacityValue(0.06))
    base = (
        alt.Chart(frame.rows(ways))
        .transform_calculate(**view.placed(), **view.placed("lat2", "lng2", "2"))
        .encode(x=x, y=y)
    )
    line: alt.Chart = (
        base.transform_filter("isValid(datum.lat2)")
        .mark_rule(strokeWidth=2.5, strokeCap="round", clip=True)
        .encode(x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), color=tint, opacity=faded)
    )
    zoom = alt.selection_interval(name="fleetlab_map", bind="scales")
    dots: alt.Chart = (
        base.transform_calculate(**frame.clock(source.zone))
        .mark_point(size=80, filled=True, clip=True)
        .encode(opacity=alt.OpacityValue(0), tooltip=_told(source))
        .add_params(zoom)
    )
    return [line, dots]


def _ends(drives: pl.DataFrame, source: Source, view: View) -> list[alt.Chart]:
    """Draw where trips began and ended, with what is known of each."""
    if drives.is_empty():
        return []
    x, y = view.axes()
    faded = alt.when(_pick()).then(alt.value(1)).otherwise(alt.OpacityValue(0.06))
    charts = []
    for end, shape in (("start", "circle"), ("end", "square")):
        rows = drives.with_columns(lat=f"{end}_lat", lng=f"{end}_lng")
        chart: alt.Chart = (
            marks(rows, source)
            .transform_calculate(**view.placed())
            .mark_point(shape=shape, size=28, filled=False, strokeWidth=1.4, clip=True)
            .encode(x=x, y=y, opacity=faded, tooltip=told(source, *TRIP))
        )
        charts.append(chart)
    return charts


def _last(last: pl.DataFrame, source: Source, view: View, tint: Any) -> list[alt.Chart]:
    """Draw last positions, with names where they are few."""
    x, y = view.axes()
    few = len(last) <= _FEW
    others = [alt.Tooltip("others:Q", title="more trackers here")] if last["others"].max() else []
    towers = [alt.Tooltip("fix:N", title="position")] if last["towers"].any() else []
    rows = last.with_columns(_sides(last, view)).select(
        "line",
        "side",
        "event_time",
        "lat",
        "lng",
        "speed",
        "status",
        *(["others"] if others else []),
        *([pl.when("towers").then(pl.lit("cell towers")).alias("fix")] if towers else []),
    )
    base = (
        alt.Chart(frame.rows(rows))
        .transform_calculate(**view.placed(), **frame.clock(source.zone))
        .encode(x=x, y=y)
    )
    dots: alt.Chart = (
        base.mark_circle(
            size=80 if few else 24, stroke="#FFFFFF", strokeWidth=0.8 if few else 0.2, clip=True
        )
        .encode(
            color=tint,
            opacity=alt.when(_pick()).then(alt.value(1)).otherwise(alt.OpacityValue(0.15)),
            fillOpacity=alt.when("datum.fix=='cell towers'")
            .then(alt.value(0.2))
            .otherwise(alt.FillOpacityValue(1)),
            tooltip=[*_told(source), *others, *towers],
        )
        .add_params(_pick())
    )
    names: alt.Chart = (
        base.transform_filter("isValid(datum.side)")
        .mark_text(
            align=alt.ExprRef("datum.side=='left'?'right':'left'"),
            dx=alt.ExprRef("datum.side=='left'?-8:8"),
            clip=True,
        )
        .encode(text=alt.Text("line:N"))
    )
    return [dots, names]


def _sides(last: pl.DataFrame, view: View) -> pl.Series:
    """Return on which side of its dot a name is written; null where it has no room."""
    places = view.pixels(last)
    taken = [(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in places]
    sides: list[str | None] = [None] * len(last)
    for row, ((x, y), name) in enumerate(zip(places, last["line"], strict=True)):
        if row == _NAMED:
            break
        long = _LETTER * len(str(name))
        for side, begin in (("right", x + _DOT), ("left", x - _DOT - long)):
            box = (begin, y - _DOT, begin + long, y + _DOT)
            if begin >= 0 and box[2] <= WIDTH and not any(_meet(box, one) for one in taken):
                taken.append(box)
                sides[row] = side
                break
    return pl.Series("side", sides, dtype=pl.String)


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _no_position(known: pl.DataFrame, source: Source) -> str:
    if known.is_empty():
        return source.asked("state_batch", "state")
    return f"None of {len(known):,} trackers has told a position."


def _chosen(drawn: int, moved: int, shown: int) -> str | None:
    if moved == shown:
        return None
    return (
        f"{drawn} of {moved:,} tracks drawn: of those that got around most. "
        "Choose others with trackers=[…]."
    )


def _thin(left_out: int) -> str | None:
    if not left_out:
        return None
    return (
        f"{left_out:,} points that change little to the eye are left out; "
        "start= and end= show a part in full."
    )


def _spots(last: pl.DataFrame, placed: pl.DataFrame) -> str | None:
    if len(last) == len(placed):
        return None
    return f"{len(last):,} dots stand for {len(placed):,} trackers, where those are close together."


def _unplaced(known: pl.DataFrame, placed: pl.DataFrame) -> str | None:
    n = len(known) - len(placed)
    if not n:
        return None
    return f"{n:,} {'tracker has' if n == 1 else 'trackers have'} told no position."

"""Visits: how long trackers were at places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number
from fleetlab.analysis.geometry import unit_vector, with_distance
from fleetlab.analysis.islands import islands
from fleetlab.analysis.movement import Rules
from fleetlab.analysis.positions import COLUMNS, VALUES, believable
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import once
from fleetlab.analysis.timeline import within as cut
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts

__all__ = ["within"]

_US: Final = 1_000_000
_MOST: Final = 1_000  # corners of a place
_CORNERS: Final = 3  # at least
_COLUMNS: Final = {
    "place": nw.String,
    "n_points": nw.Int64,
    "censored_start": nw.Boolean,
    "censored_end": nw.Boolean,
}
_Ring = list[tuple[float, float]]


def within(
    data: Any,
    places: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    shifts: Shifts | None = None,
    timezone: str | None = None,
    min_duration_s: float = 0.0,
    explain: bool = False,
) -> Any:
    """Find visits: from the first position inside a place to the first outside it.

    Where a tracker was between two positions isn't known, so what lies between the last position
    inside and the next counts as inside. A gap or a bound of the recording cuts a visit. Positions
    that can't be believed don't count (:func:`fleetlab.clean_positions`).

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``label``, ``event_time`` (UTC), ``snapshot``, ``lat``, ``lng``
        (°, WGS 84).
    places : sequence, mapping, or object with ``__geo_interface__``
        A polygon as a sequence of ``(lat, lng)``; a circle as ``(lat, lng, radius_m)``; GeoJSON of
        a Polygon or MultiPolygon, whose holes are outside, or a Feature of it, or what has one, as
        Shapely's objects. Several places as a mapping of names to these. Sides are straight on a
        map with lines of latitude and longitude, and may cross the antimeridian; a polygon around
        a pole is none.
    gaps, observed, states, shifts, timezone
        As of :func:`fleetlab.trips`.
    min_duration_s : float
        Shorter ones are left out.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker, start and place: ``tracker_id``, ``label``,
        ``started_at`` and ``ended_at`` (UTC), ``duration_s``; ``place``, its name, or ``place``;
        ``n_points``, the positions inside; ``censored_start`` and ``censored_end``, true where the
        arrival, or the departure, was not seen.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    least = number("min_duration_s", min_duration_s, 0, 864_000, "s")
    named = places if isinstance(places, Mapping) and "type" not in places else {"place": places}
    if not named:
        raise InvalidArgument("places= is empty; give a polygon, a circle, or several by name.")
    rules = Rules()
    source = Source.of(
        data, gaps=gaps, observed=observed, rows=states, shifts=shifts, timezone=timezone
    )

    def detect(source: Source) -> Any:
        rows = believable(
            once(source.rows(*COLUMNS), VALUES),
            max_jump_kmh=rules.max_jump_kmh,
            min_satellites=rules.min_satellites,
            max_cell_kmh=rules.max_cell_kmh,
        )
        rows = cut(rows.filter(~nw.col("lat").is_null(), ~nw.col("lng").is_null()), source)
        found = []
        for name, place in named.items():
            inside = _inside(rows, str(name), place).with_columns(
                inside=nw.col("inside").cast(nw.Int64)
            )
            visits = islands(inside, "inside").filter(nw.col("inside") == 1)
            found.append(visits.with_columns(place=nw.lit(str(name))).drop("inside"))
        visits = nw.concat(found)
        visits = visits.filter(nw.col("ended_us") - nw.col("started_us") >= round(least * _US))
        shown = {"min_duration_s": least} if explain else None
        return source.findings(visits, _COLUMNS, shown, by=("place",))

    return by_tracker(detect, source)


def _inside(rows: Frame, name: str, place: Any) -> Frame:
    """Add whether a position is inside a place."""
    if _is_numbers(place, 3):
        lat, lng, radius = (float(one) for one in place)
        _check(name, lat, lng)
        number(f"places[{name!r}] radius", radius, 0, 20_000_000, "m")
        centre = rows.with_columns(_lat=nw.lit(lat), _lng=nw.lit(lng))
        centre = centre.with_columns(*unit_vector("_lat", "_lng", "_c"))
        far = with_distance(centre, "", "_c", "_metres")
        return far.with_columns(inside=nw.col("_metres") <= radius).drop(
            "_lat", "_lng", "_cx", "_cy", "_cz", "_metres"
        )
    rings = _rings(name, place)
    if sum(map(len, rings)) > _MOST:
        raise InvalidArgument(
            f"places[{name!r}] has {sum(map(len, rings)):,} corners; {_MOST:,} are the most. "
            "Simplify it first, for example with Shapely's simplify()."
        )
    # Longitudes count from the first corner on, the short way round.
    origin = rings[0][0][1]
    delta = nw.col("lng") - origin
    west = nw.when(delta <= -180).then(delta + 360).otherwise(delta)  # noqa: PLR2004
    turned = nw.when(delta > 180).then(delta - 360).otherwise(west)  # noqa: PLR2004
    rows = rows.with_columns(_x=turned)
    crossings: nw.Expr | None = None
    for ring in rings:
        xs = [(lng - origin + 540) % 360 - 180 for _, lng in ring]
        corners = list(zip(xs, (lat for lat, _ in ring), strict=True))
        for (a, y), (u, v) in zip(corners, corners[1:] + corners[:1], strict=True):
            if y == v:
                continue
            north = nw.col("lat")
            side = (north - y) * ((u - a) / (v - y)) + a
            spans = (north >= min(y, v)) & (north < max(y, v)) & (nw.col("_x") < side)
            crossing = spans.cast(nw.Int64)
            crossings = crossing if crossings is None else crossings + crossing
    if crossings is None:
        raise InvalidArgument(f"places[{name!r}] has no area.")
    return rows.with_columns(inside=crossings % 2 == 1).drop("_x")


def _rings(name: str, place: Any) -> list[_Ring]:
    """Return the rings of a polygon as ``(lat, lng)``; an even number of them around is outside."""
    place = getattr(place, "__geo_interface__", place)
    if isinstance(place, Mapping):
        shape = place.get("geometry") if place.get("type") == "Feature" else place
        kind = shape.get("type") if isinstance(shape, Mapping) else None
        rings: Any = shape.get("coordinates", ()) if isinstance(shape, Mapping) else ()
        if kind == "MultiPolygon":
            rings = [ring for polygon in rings for ring in polygon]
        elif kind != "Polygon":
            raise InvalidArgument(
                f"places[{name!r}] is GeoJSON of {kind}; give a Polygon or a MultiPolygon."
            )
        found = [[(lat, lng) for lng, lat, *_ in ring] for ring in rings]
    else:
        found = [list(place)] if isinstance(place, Sequence) and not isinstance(place, str) else []
    for ring in found:
        if len(ring) < _CORNERS or not all(_is_numbers(corner, 2) for corner in ring):
            found = []
            break
    if not found:
        raise InvalidArgument(
            f"places[{name!r}] is no place; give three or more corners (lat, lng), a circle "
            "(lat, lng, radius_m), or GeoJSON of a polygon."
        )
    for ring in found:
        for lat, lng in ring:
            _check(name, lat, lng)
    return found


def _is_numbers(value: Any, n: int) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == n
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    )


def _check(name: str, lat: float, lng: float) -> None:
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):  # noqa: PLR2004
        raise InvalidArgument(
            f"places[{name!r}]: ({lat}, {lng}) is no place on earth; corners are (lat, lng), "
            "latitude first."
        )

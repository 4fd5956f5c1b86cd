"""One row a tracker: what a fleet's manager asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.backends import backend_of
from fleetlab.analysis.checks import number
from fleetlab.analysis.fuel_consumption import fuel_consumption
from fleetlab.analysis.idling import idling
from fleetlab.analysis.mileage import mileage
from fleetlab.analysis.silences import silences
from fleetlab.analysis.sources import Source
from fleetlab.analysis.trips import trips

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts

__all__ = ["fleet_summary"]

_WORTH_M: Final = 1_000.0  # litres for 100 km of less way than that tell nothing
_COLUMNS: Final = (
    "distance_m", "distance_by", "n_trips", "max_speed_kmh", "moving_s", "idling_s", "idling_l",
    "fuel_units", "filled", "drained", "consumed", "per_100_km", "n_silences", "silent_s",
)  # fmt: skip


def fleet_summary(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    readings: Any = None,
    shifts: Shifts | None = None,
    timezone: str | None = None,
    idling_l_per_h: float | Mapping[int, float] = 1.0,
    min_idling_s: float = 60.0,
) -> Any:
    """Return for each tracker how far it drove, what it burnt, how long it idled and was silent.

    It is made of what the detectors find, each with its own defaults: :func:`fleetlab.mileage`,
    :func:`fleetlab.trips`, :func:`fleetlab.idling`, :func:`fleetlab.fuel_consumption` and
    :func:`fleetlab.silences`.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States, as of :func:`fleetlab.trips`.
    gaps, observed, states, timezone
        As of :func:`fleetlab.trips`.
    readings : frame, optional
        Rows of ``readings_batch``, of the kind of `data`, for odometer and fuel; a recording
        brings its own.
    shifts : mapping, optional
        Working hours, as of :func:`fleetlab.trips`. They add two columns: how many trips began
        outside them, and how long these were.
    idling_l_per_h : float, or mapping of tracker to float
        What an engine burns while it idles, in litres an hour: sensors of level are too coarse to
        tell. Trackers that a mapping lacks have no litres.
    min_idling_s : float
        Shorter idling, as at traffic lights, doesn't count.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker: ``tracker_id``, ``label``; ``started_at`` and
        ``ended_at``, its first and last row (UTC), ``duration_s`` between them; ``distance_m``, by
        what ``distance_by`` tells: ``odometer`` where that was read twice, else ``positions`` of
        trips; ``n_trips``, ``max_speed_kmh`` in them, ``moving_s``; ``idling_s`` and ``idling_l``;
        ``filled``, ``drained``, ``consumed`` and ``per_100_km`` of all tanks in ``fuel_units``, all
        null where there is no sensor, or where tanks have different units; ``n_silences`` and
        ``silent_s``. With shifts ``off_shift_trips`` and ``off_shift_m``.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    rates = idling_l_per_h if isinstance(idling_l_per_h, Mapping) else {None: idling_l_per_h}
    for who, rate in rates.items():
        name = "idling_l_per_h" if who is None else f"idling_l_per_h[{who!r}]"
        number(name, rate, 0, 1000, "l/h")
    number("min_idling_s", min_idling_s, 0, 864_000, "s")
    source = Source.of(data, gaps=gaps, observed=observed, rows=states, timezone=timezone)
    # What several detectors look at is opened once.
    data = source.recording or data
    common: dict[str, Any] = {"gaps": gaps, "observed": observed, "states": states}
    days = _frame(mileage(data, readings=readings, timezone=timezone, **common))
    found = days.group_by("tracker_id").agg(
        nw.col("label").max(),
        nw.col("started_at").min(),
        nw.col("ended_at").max(),
        nw.col("distance_m", "moving_s", "n_trips").sum(),
        # A sum of nothing is 0 in one engine, and null in another.
        nw.col("odometer_km").max().alias("_read"),
        nw.col("odometer_km").sum(),
    )
    driven = trips(data, shifts=shifts, timezone=timezone, **common)
    found = _beside(found, _trips(_frame(driven), shifted=shifts is not None))
    idle = _frame(idling(data, min_duration_s=min_idling_s, **common))
    found = _beside(
        found, idle.group_by("tracker_id").agg(nw.col("duration_s").sum().alias("idling_s"))
    )
    silent = _frame(silences(data, **common)).group_by("tracker_id")
    found = _beside(
        found,
        silent.agg(nw.len().alias("n_silences"), nw.col("duration_s").sum().alias("silent_s")),
    )
    if source.recording is not None or readings is not None:
        told = source.recording if readings is None else readings
        beside = states if source.recording is not None or states is not None else data
        found = _beside(found, _fuel(_frame(fuel_consumption(told, states=beside))))
    else:
        units = nw.lit(None, nw.String)
        nothing = {name: nw.lit(None, nw.Float64) for name in ("filled", "drained", "consumed")}
        found = found.with_columns(fuel_units=units, **nothing)
    return _given(source, _figures(found, rates), shifted=shifts is not None)


def _frame(native: Any) -> Frame:
    return backend_of(native)[0]


def _beside(found: Frame, more: Frame) -> Frame:
    return found.join(more, on="tracker_id", how="left")


def _trips(driven: Frame, *, shifted: bool) -> Frame:
    outside = nw.col("shift").is_null() if shifted else nw.lit(value=False)
    driven = driven.with_columns(
        _off=outside.cast(nw.Int64), _off_m=nw.when(outside).then(nw.col("distance_m"))
    )
    return driven.group_by("tracker_id").agg(
        nw.col("max_speed_kmh").max(),
        nw.col("_off").sum().alias("off_shift_trips"),
        nw.col("_off_m").sum().alias("off_shift_m"),
    )


def _fuel(burnt: Frame) -> Frame:
    """Return what all tanks of a tracker took, where they have one unit."""
    tanks = burnt.group_by("tracker_id").agg(
        nw.col("units").min().alias("_one"),
        nw.col("units").max().alias("_other"),
        nw.col("filled", "drained", "consumed").sum(),
    )
    one = nw.col("_one") == nw.col("_other")
    return tanks.with_columns(
        nw.when(one).then(nw.col(name)).alias(name) for name in ("filled", "drained", "consumed")
    ).select(
        "tracker_id", "filled", "drained", "consumed", fuel_units=nw.when(one).then(nw.col("_one"))
    )


def _figures(found: Frame, rates: Mapping[Any, float]) -> Frame:
    by_odometer = ~nw.col("_read").is_null()
    distance = nw.when(by_odometer).then(nw.col("odometer_km") * 1000.0)
    rate = nw.lit(rates.get(None), nw.Float64)
    for who, value in rates.items():
        if who is not None:
            rate = nw.when(nw.col("tracker_id") == who).then(nw.lit(float(value))).otherwise(rate)
    zeros = ("idling_s", "silent_s", "n_silences", "off_shift_trips", "off_shift_m")
    found = found.with_columns(
        *(nw.col(name).fill_null(0) for name in zeros),
        distance_m=distance.otherwise(nw.col("distance_m")),
        distance_by=nw.when(by_odometer).then(nw.lit("odometer")).otherwise(nw.lit("positions")),
        _rate=rate,
    )
    enough = nw.col("distance_m") >= _WORTH_M
    return found.with_columns(
        idling_l=nw.col("idling_s") / 3600.0 * nw.col("_rate"),
        per_100_km=nw.when(enough).then(nw.col("consumed") / nw.col("distance_m") * 1e5),
    )


def _given(source: Source, found: Frame, *, shifted: bool) -> Any:
    """Return it as the user gets it, with how long each tracker was watched."""
    frame = source.backend.micros(
        found.with_columns(_first=nw.col("started_at"), _last=nw.col("ended_at")),
        ["_first", "_last"],
    )
    lasted = (nw.col("_last") - nw.col("_first")).cast(nw.Float64) / 1e6
    counts = ("n_trips", "n_silences", "off_shift_trips")
    frame = frame.with_columns(*(nw.col(name).cast(nw.Int64) for name in counts), duration_s=lasted)
    head = ["tracker_id", "label", "started_at", "ended_at", "duration_s"]
    more = ["off_shift_trips", "off_shift_m"] if shifted else []
    return source.ordered(frame, [*head, *_COLUMNS, *more])

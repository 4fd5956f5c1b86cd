"""Fuel that came and went otherwise than through the engine: fills, drains, unexplained losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number
from fleetlab.analysis.levels import levels_of, sources_of
from fleetlab.analysis.movement import yes
from fleetlab.analysis.smoothing import SENSOR, TANK, of_tank

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts
    from fleetlab.analysis.sources import Source

__all__ = ["RISE", "FuelRules", "changes", "fuel_events", "steps"]

_US: Final = 1_000_000
_HOUR_US: Final = 3600 * _US
_PAUSE_US: Final = 300 * _US  # what begins again within it is one event
_DROVE_M: Final = 1_000.0  # a vehicle that is so far from where it was has burnt fuel
_STEP_M: Final = 100.0  # less way than that is no measure of what was burnt on it
_LITTLE: Final = 0.05  # of a change; noise before and after it is no part of its time
_PART: Final = 0.25  # of what counts; a run of changes that is less is noise
_FALL, _LOSS, _OTHER = -1, -2, 0
RISE: Final = 1
"""What a step is that may be of a fill."""

_COLUMNS: Final = {
    "kind": nw.String,
    **SENSOR,
    "volume": nw.Float64,
    "level_before": nw.Float64,
    "level_after": nw.Float64,
    "lat": nw.Float64,
    "lng": nw.Float64,
    "n_points": nw.Int64,
}


@dataclass(frozen=True)
class FuelRules:
    """What counts as a fill, a drain or a loss; as in :func:`fleetlab.analysis.fuel_events`."""

    accuracy_percent: float = 10.0
    min_drain_per_h: float = 120.0
    max_per_100_km: float | None = None
    ignore_moving: bool = False
    moving_margin_s: float = 300.0
    max_silence_s: float = 600.0
    tank_volume: float | None = None

    def __post_init__(self) -> None:
        """Check them."""
        number("accuracy_percent", self.accuracy_percent, 0.1, 100, "%")
        number("min_drain_per_h", self.min_drain_per_h, 0, 1_000_000, "units an hour")
        number("moving_margin_s", self.moving_margin_s, 0, 86_400, "s")
        number("max_silence_s", self.max_silence_s, 1, 864_000, "s")
        if self.max_per_100_km is not None:
            number("max_per_100_km", self.max_per_100_km, 0, 1_000_000, "units")
        if self.tank_volume is not None:
            number("tank_volume", self.tank_volume, 1e-6, 1e9, "units")


def fuel_events(
    data: Any,
    sensor: Iterable[int | str] | int | str | None = None,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    shifts: Shifts | None = None,
    timezone: str | None = None,
    accuracy_percent: float = 10.0,
    min_drain_per_h: float = 120.0,
    max_per_100_km: float | None = None,
    ignore_moving: bool = False,
    moving_margin_s: float = 300.0,
    max_silence_s: float = 600.0,
    tank_volume: float | None = None,
    explain: bool = False,
) -> Any:
    """Find fills and drains of fuel, by the platform's rules for its own reports.

    A **fill** is a rise of more than 10 % of what the tank holds; rises that follow one another
    are one fill. A **drain** is a fall of more than that, and faster than 120 units an hour.
    Readings come on change, so a change happened after the device's last sign of life before it,
    not after the reading before; while the engine ran, it may have happened since that reading, so
    that a sensor that sticks while driving makes no theft. A slower fall right before or after a
    fast one, with the engine off, is its beginning or its end. A fall across a silence of more than
    10 minutes, or a gap of the recording, has no known rate and is an **unexplained_loss**, unless
    the vehicle was farther than 1 km away afterwards and the fall is no faster than that.

    Noise is taken out first. What a sensor reads within half a minute is one level, their median,
    which is how sloshing goes away; of five such levels one that lasts less than two minutes
    counts only if it is the middle one. Less than 2 % of the tank for less than two minutes is
    what a sensor shows without power, as the ignition is switched on. Changes of less than a
    quarter of what counts are noise and end nothing, but pauses of 5 minutes do.

    Sensors are those of type ``fuel``; those that are made of others (composite) count where none
    of these was heard of. Of a tracker without any, readings and then queues count whose names are
    those of raw attributes: ``lls_level_1``, ``can_fuel_level`` and the like.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        Rows of ``readings_batch``: ``tracker_id``, ``label``, ``event_time``, ``server_time``,
        ``received_at`` (UTC), ``snapshot``, ``reading``, ``sensor_id``, ``name``,
        ``sensor_label``, ``type``, ``units``, ``value``, ``max_value``. Or of ``iot_monitor``:
        ``field``, ``value``. A recording has both.
    sensor : int, str, or iterable of them, optional
        Ids, labels or names of the sensors to take, or attributes.
    gaps, observed
        Taken for the sake of one signature: in a gap nothing is heard, which is what counts.
    states : frame, optional
        States, of the kind of `data`, which tell when the device was heard, whether the engine ran
        and where it was; those of the recording if left out. Without any, readings are the only
        signs of life, and the place is null.
    shifts, timezone
        As of :func:`fleetlab.trips`.
    accuracy_percent : float
        How much of the tank a level may be off.
    min_drain_per_h : float
        A fall is a drain if it is faster, in units an hour.
    max_per_100_km : float, optional
        While driving, a fall is a drain, too, if it is more than this, in units for 100 km.
    ignore_moving : bool
        Whether falls don't count while the vehicle moves.
    moving_margin_s : float
        Nor, then, so long before and after it.
    max_silence_s : float
        A silence that is longer hides the rate of a fall.
    tank_volume : float, optional
        What a tank holds, in the sensor's units. If left out, the sensor's ``max_value``; else 100
        of a percentage, and what was most in it of others.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker and start: ``tracker_id``, ``label``, ``started_at``
        and ``ended_at`` (UTC), ``duration_s``; ``kind`` (``fill``, ``drain``,
        ``unexplained_loss``), ``sensor_id``, ``sensor`` (its label, else name or attribute),
        ``units``; ``volume``, by how much the level changed, ``level_before``, ``level_after``,
        all in `units`; ``lat`` and ``lng`` (°) where it began; ``n_points``, the readings in it.
        A row a sensor: a vehicle with two tanks that are filled has two.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    rules = FuelRules(
        accuracy_percent, min_drain_per_h, max_per_100_km, ignore_moving, moving_margin_s,
        max_silence_s, tank_volume,
    )  # fmt: skip
    sources = sources_of(
        data, gaps=gaps, observed=observed, states=states, shifts=shifts, timezone=timezone
    )

    def detect(*parts: Source) -> Any:
        source, levels = levels_of(dict(zip(sources, parts, strict=True)), sensor, tank_volume)
        what = nw.col("what")
        fallen = nw.when(what == _FALL).then(nw.lit("drain")).otherwise(nw.lit("unexplained_loss"))
        found = changes(steps(levels, rules), rules).with_columns(
            kind=nw.when(what == RISE).then(nw.lit("fill")).otherwise(fallen)
        )
        shown = vars(rules) if explain else None
        return source.findings(found, _COLUMNS, shown, by=("sensor", "kind"))

    return by_tracker(detect, *sources.values())


def steps(levels: Frame, rules: FuelRules) -> Frame:
    """Add to each level what its change from the one before may be.

    Added are ``before``, the level before; ``since_us``, when the change began at the earliest;
    ``previous_us``, when the level before was read last; ``silent``, whether nothing was heard for
    long before it; ``what``, 1 of a rise, -1 of a fall that is fast, -2 of one across a silence
    that nothing explains, else 0.
    """
    levels = levels.with_columns(
        before=of_tank(nw.col("level").shift(1), "first_us"),
        previous_us=of_tank(nw.col("last_us").shift(1), "first_us"),
        _engine=nw.col("engine_us") - of_tank(nw.col("engine_us").shift(1), "first_us"),
        _way=nw.col("way_m") - of_tank(nw.col("way_m").shift(1), "first_us"),
    )
    since = nw.max_horizontal("previous_us", "life_us")
    levels = levels.with_columns(
        since_us=since,
        silent=yes(nw.col("first_us") - since > round(rules.max_silence_s * _US)),
        _fall=nw.col("before") - nw.col("level"),
    )
    fall = nw.col("_fall")
    limit = rules.min_drain_per_h / _HOUR_US
    lasted = nw.max_horizontal(nw.col("last_us") - nw.col("since_us"), "_engine")
    drain = fall > lasted * limit
    if rules.max_per_100_km is not None:
        way = nw.col("_way")
        drain = drain | yes((way >= _STEP_M) & (fall > way * (rules.max_per_100_km / 1e5)))
    burnt = nw.col("away_m") >= _DROVE_M
    burnt = yes(burnt & (fall <= (nw.col("first_us") - nw.col("since_us")) * limit))
    loss = nw.when(burnt).then(nw.lit(_OTHER)).otherwise(nw.lit(_LOSS))
    fast = nw.when(drain).then(nw.lit(_FALL)).otherwise(nw.lit(_OTHER))
    if rules.ignore_moving:
        margin = round(rules.moving_margin_s * _US)
        near = yes(nw.col("moved_us") >= nw.col("since_us") - margin)
        near = near | yes(nw.col("moves_us") <= nw.col("last_us") + margin)
        fast = nw.when(near).then(nw.lit(_OTHER)).otherwise(fast)
    falls = nw.when(nw.col("silent")).then(loss).otherwise(fast)
    what = nw.when(fall < 0).then(nw.lit(RISE)).otherwise(nw.when(fall > 0).then(falls))
    levels = levels.with_columns(what=what.fill_null(_OTHER))
    # Half of the time before a drain's first reading may have been before the drain.
    is_next = of_tank(nw.col("what").shift(-1), "first_us") == _FALL
    is_next = is_next & (
        of_tank(nw.col("since_us").shift(-1), "first_us") - nw.col("last_us") <= _PAUSE_US
    )
    is_before = of_tank(nw.col("what").shift(1), "first_us") == _FALL
    is_before = is_before & (nw.col("since_us") - nw.col("previous_us") <= _PAUSE_US)
    levels = levels.with_columns(_beside=yes(is_next) | yes(is_before))
    part = (nw.col("what") == _OTHER) & nw.col("_beside") & (fall > 0) & (nw.col("_engine") == 0)
    if rules.ignore_moving:
        part = part & ~near
    levels = levels.with_columns(
        what=nw.when(yes(part) & ~nw.col("silent")).then(nw.lit(_FALL)).otherwise("what")
    )
    return levels.drop("_engine", "_way", "_fall", "_beside")


def changes(rows: Frame, rules: FuelRules, *also: str) -> Frame:
    """Return fills, drains and losses: ``what``, ``started_us``, ``ended_us``, levels and place.

    Runs of steps of one kind that follow one another are put together, those that are too small
    are left out as noise, and what then follows one another is put together again. Columns of
    `also` are the same in all steps of one.
    """
    counts = nw.col("tank") * (rules.accuracy_percent / 100)
    rows = _runs(rows.filter(nw.col("before") != nw.col("level")))
    rows = _runs(rows.filter(nw.col("volume") >= counts * _PART))
    rows = rows.filter(nw.col("what") != _OTHER, nw.col("volume") > counts)
    # It lasts from when the level has changed by a little until all but a little has.
    done = (nw.col("level") - nw.col("level_before")).abs()
    little = nw.col("volume") * _LITTLE
    begun, over = done > little, done >= nw.col("volume") - little
    rows = rows.with_columns(
        _start=nw.when(begun).then("since_us"), _end=nw.when(over).then("last_us")
    )
    at_start = nw.col("_start") == nw.col("_start").min().over(*TANK, "_run")
    rows = rows.with_columns(
        nw.when(at_start).then(nw.col(name)).alias(name) for name in ("lat", "lng")
    )
    return rows.group_by(*TANK, "_run").agg(
        nw.col("what", *SENSOR, "volume", "level_before", "level_after", *also).max(),
        nw.col("_start").min().alias("started_us"),
        nw.col("_end").min().alias("ended_us"),
        nw.col("lat", "lng").max(),
        nw.col("n").sum().alias("n_points"),
    )


def _runs(rows: Frame) -> Frame:
    """Number the runs of steps of one kind that follow one another, with their levels."""
    what = nw.col("what")
    pause = nw.col("since_us") - of_tank(nw.col("last_us").shift(1), "first_us")
    same = (of_tank(what.shift(1), "first_us") == what) & (what != _LOSS)
    begins = ~yes(same & (pause <= _PAUSE_US))
    rows = rows.with_columns(_begins=begins, _opens=begins.cast(nw.Int64))
    rows = rows.with_columns(_run=of_tank(nw.col("_opens").cum_sum(), "first_us"))
    risen = what == RISE
    low, high = nw.col("before").min(), nw.col("before").max()
    rows = rows.with_columns(
        _low=low.over(*TANK, "_run"),
        _high=high.over(*TANK, "_run"),
        _lowest=nw.col("level").min().over(*TANK, "_run"),
        _highest=nw.col("level").max().over(*TANK, "_run"),
    )
    rows = rows.with_columns(
        level_before=nw.when(risen).then("_low").otherwise("_high"),
        level_after=nw.when(risen).then("_highest").otherwise("_lowest"),
    )
    return rows.with_columns(volume=(nw.col("level_after") - nw.col("level_before")).abs())

"""What levels of fuel tell once noise is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import narwhals as nw

from fleetlab.analysis.timeline import over

if TYPE_CHECKING:
    from fleetlab.analysis.backends import Frame

__all__ = ["SENSOR", "TANK", "cleaned", "of_tank", "smooth"]

TANK: Final = ("tracker_id", "reading")
"""What makes a tank."""

SENSOR: Final = {"sensor_id": nw.Int64, "sensor": nw.String, "units": nw.String}
"""What a finding tells of the sensor."""

_US: Final = 1_000_000
_STEP_US: Final = 30 * _US  # what is read within it is one level, the median
_SETTLED_US: Final = 120 * _US  # a level that holds for so long is no spike
_BOTTOM: Final = 0.02  # of the tank; what shows less may be a sensor without power
_PERCENT: Final = 100.0
_AT_FIRST: Final = ("life_us", "away_m", "way_before_m")
_AT_LAST: Final = ("engine_us", "way_m", "moved_us", "until_us", "way_until_m", "lat", "lng")


def of_tank(expr: nw.Expr, *order_by: str) -> nw.Expr:
    """Return a window over the rows of a tank in the order of time."""
    return over(expr, *order_by, of=TANK)


def cleaned(rows: Frame, device: Frame, tank_volume: float | None) -> Frame:
    """Add ``tank`` and the device's timeline; drop what a sensor shows without power.

    Such a sensor shows the bottom of its tank for some seconds as the ignition is switched on. So
    what is less than 2 % of the tank doesn't count if more is read within two minutes, nor if it
    isn't known whether it is.
    """
    rows = rows.join(device, on=["tracker_id", "t"], how="left")
    full = nw.lit(tank_volume, nw.Float64)
    percent = nw.when(nw.col("units").is_in(["%", "percent"])).then(nw.lit(_PERCENT))
    told = nw.when(nw.col("max_value") > 0).then("max_value")  # a 0 tells nothing
    tank = nw.coalesce(full, told, percent).max().over(*TANK)
    rows = rows.with_columns(tank=tank, _most=nw.col("value").max().over(*TANK))
    rows = rows.with_columns(tank=nw.coalesce("tank", "_most"))
    floor = nw.coalesce(nw.col("min_value"), nw.lit(0.0)) + nw.col("tank") * _BOTTOM
    shows = nw.when(nw.col("value") > floor).then(nw.col("t"))
    rows = rows.with_columns(_shows=shows)
    rows = rows.with_columns(_shows=of_tank(nw.col("_shows").fill_null(strategy="backward")))
    brief = nw.coalesce("_shows", "until_us", "t") - nw.col("t") < _SETTLED_US
    rows = rows.filter((nw.col("value") > floor) | ~brief)
    rows = rows.with_columns(_before=of_tank(nw.col("value").shift(1)))
    return rows.filter(nw.col("_before").is_null() | (nw.col("_before") != nw.col("value")))


def smooth(rows: Frame) -> Frame:
    """Return a row for each half a minute: the median of its readings, without spikes."""
    # The first may have held for long before, whatever comes right after it.
    first = of_tank(nw.col("t").shift(1)).is_null()
    rows = rows.with_columns(_first=first)
    slot = nw.when(~nw.col("_first")).then(nw.col("t") // _STEP_US).otherwise(nw.lit(-1))
    rows = rows.with_columns(_slot=slot)
    begins = of_tank(nw.col("_slot").shift(1)) != nw.col("_slot")
    rows = rows.with_columns(_begins=begins.fill_null(value=True))
    at_first = [nw.when(nw.col("_begins")).then(nw.col(name)).alias(name) for name in _AT_FIRST]
    rows = rows.with_columns(*at_first)
    levels = rows.group_by(*TANK, "_slot").agg(
        nw.col("value").median().alias("level"),
        nw.col("t").min().alias("first_us"),
        nw.col("moment_us").min().alias("_since"),
        nw.col("t").max().alias("last_us"),
        nw.len().alias("n"),
        nw.col(*SENSOR, "tank").max(),
        nw.col(*_AT_FIRST).max(),
        nw.col(*_AT_LAST).max(),
        nw.col("moves_us").min(),
    )
    # A spike, of less than a minute, is none of the three in the middle of five.
    at = {n: of_tank(nw.col("level").shift(n), "_slot") for n in (-2, -1, 1, 2)}
    levels = levels.with_columns(
        *(value.alias(f"_at{n}") for n, value in at.items()),
        _next_us=of_tank(nw.col("first_us").shift(-1), "_slot"),
    )
    # What comes last, or first, is confirmed by its neighbour, or not at all.
    a, b, d, e = "_at2", "_at1", "_at-1", "_at-2"
    levels = levels.with_columns(
        nw.coalesce(a, b, d).alias(a),
        nw.coalesce(b, d).alias(b),
        nw.coalesce(d, b).alias(d),
        nw.coalesce(e, d, b).alias(e),
    )
    levels = levels.with_columns(
        _low=nw.max_horizontal(nw.min_horizontal(a, b), nw.min_horizontal(d, e)),
        _high=nw.min_horizontal(nw.max_horizontal(a, b), nw.max_horizontal(d, e)),
    )
    lower = nw.min_horizontal("_low", "_high")
    higher = nw.max_horizontal("_low", "_high")
    middle = nw.max_horizontal(lower, nw.min_horizontal(higher, "level"))
    until = nw.coalesce("_next_us", "until_us", "first_us")
    brief = until - nw.col("_since") < _SETTLED_US
    return levels.with_columns(
        level=nw.when(brief).then(nw.coalesce(middle, "level")).otherwise("level")
    )

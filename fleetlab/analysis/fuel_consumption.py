"""How much fuel vehicles burnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number
from fleetlab.analysis.fuel_events import RISE, FuelRules, changes, steps
from fleetlab.analysis.levels import levels_of, sources_of
from fleetlab.analysis.movement import yes
from fleetlab.analysis.smoothing import SENSOR, TANK, of_tank

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.sources import Source

__all__ = ["fuel_consumption"]

_US: Final = 1_000_000
_WORTH_M: Final = 1_000.0  # litres for 100 km of less way than that tell nothing
_COLUMNS: Final = {
    **SENSOR,
    **dict.fromkeys(
        ("level_start", "level_end", "filled", "drained", "consumed", "distance_m", "per_100_km"),
        nw.Float64,
    ),
}


def fuel_consumption(
    data: Any,
    sensor: Iterable[int | str] | int | str | None = None,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    accuracy_percent: float = 10.0,
    min_drain_per_h: float = 120.0,
    max_silence_s: float = 1800.0,
    tank_volume: float | None = None,
    explain: bool = False,
) -> Any:
    """Return how much fuel was burnt, by tank: initial level + fills - drains - final level.

    This is the platform's rule. Fills and drains are those of :func:`fleetlab.fuel_events`, with
    its defaults for all that isn't an argument here; a loss that nothing explains counts among the
    drains. A silence of the device, or a gap of the recording, of more than 30 minutes breaks the
    line: a tank has a row for each stretch without one, and what changed meanwhile is in none.

    Parameters
    ----------
    data, sensor, gaps, observed, states, accuracy_percent, min_drain_per_h, tank_volume
        As of :func:`fleetlab.fuel_events`.
    max_silence_s : float
        A silence that is longer breaks the line.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker, start and sensor: ``tracker_id``, ``label``;
        ``started_at`` and ``ended_at`` (UTC), the stretch's first level and the last sign of life
        in it, ``duration_s``; ``sensor_id``, ``sensor``, ``units``; in these units
        ``level_start``, ``level_end``, ``filled``, ``drained`` and ``consumed``, which is never
        negative; ``distance_m``, the way in it, null without states; ``per_100_km``, consumed on
        100 km, null where it drove less than 1 km.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    rules = FuelRules(accuracy_percent, min_drain_per_h, tank_volume=tank_volume)
    silence = number("max_silence_s", max_silence_s, 1, 864_000, "s")
    named = ("accuracy_percent", "min_drain_per_h", "tank_volume")
    shown = {**{name: vars(rules)[name] for name in named}, "max_silence_s": silence}
    sources = sources_of(data, gaps=gaps, observed=observed, states=states)

    def detect(*parts: Source) -> Any:
        source, levels = levels_of(dict(zip(sources, parts, strict=True)), sensor, tank_volume)
        found = _found(levels, rules, round(silence * _US))
        return source.findings(found, _COLUMNS, shown if explain else None, by=("sensor",))

    return by_tracker(detect, *sources.values())


def _found(levels: Frame, rules: FuelRules, silence_us: int) -> Frame:
    """Return the stretches without a long silence, and what was filled, drained and burnt."""
    rows = _stretches(steps(levels, rules), silence_us)
    found = rows.group_by(*TANK, "stretch").agg(
        nw.col(*SENSOR).max(),
        nw.col("first_us").min().alias("started_us"),
        nw.col("_ended_us").max().alias("ended_us"),
        nw.col("level_start", "level_end").max(),
        (nw.col("_way_end").max() - nw.col("_way_start").max()).alias("distance_m"),
    )
    names = ("tracker_id", "reading", "stretch")
    volume, what = nw.col("volume"), nw.col("what")
    events = changes(rows, rules, "stretch").select(
        *names,
        nw.when(what == RISE).then(volume).alias("filled"),
        nw.when(what != RISE).then(volume).alias("drained"),
    )
    events = events.group_by(*names).agg(nw.col("filled", "drained").sum())
    found = found.join(events, on=list(names), how="left")
    found = found.with_columns(nw.col("filled", "drained").fill_null(0.0))
    start, end = nw.col("level_start"), nw.col("level_end")
    consumed = start + nw.col("filled") - nw.col("drained") - end
    found = found.with_columns(consumed=nw.max_horizontal(consumed, nw.lit(0.0)))
    way = nw.col("distance_m")
    return found.with_columns(
        per_100_km=nw.when(way >= _WORTH_M).then(nw.col("consumed") / way * 1e5)
    )


def _stretches(rows: Frame, silence_us: int) -> Frame:
    """Number the stretches without a long silence, with their levels and how far it drove."""
    broken = yes(nw.col("first_us") - nw.col("since_us") > silence_us)
    opens = nw.col("before").is_null() | broken
    rows = rows.with_columns(_opens=opens, _new=opens.cast(nw.Int64))
    after = {
        "_next": "_new",
        "_heard": "since_us",
        "_way": "way_before_m",
    }
    rows = rows.with_columns(
        stretch=of_tank(nw.col("_new").cum_sum(), "first_us"),
        **{name: of_tank(nw.col(of).shift(-1), "first_us") for name, of in after.items()},
    )
    begins = nw.col("_opens")
    last = nw.col("_next").is_null()
    ends = last | (nw.col("_next") == 1)
    heard = nw.when(last).then("until_us").otherwise("_heard")
    way = nw.when(last).then("way_until_m").otherwise("_way")
    return rows.with_columns(
        # What changed in the silence is no event of either stretch.
        before=nw.when(~begins).then("before"),
        level_start=nw.when(begins).then("level"),
        level_end=nw.when(ends).then("level"),
        _ended_us=nw.max_horizontal(nw.when(ends).then(heard), "last_us"),
        _way_start=nw.when(begins).then("way_m"),
        _way_end=nw.when(ends).then(way),
    )

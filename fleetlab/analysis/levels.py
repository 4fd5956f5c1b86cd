"""Fuel levels: which sensors tell them, and since when each holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.device import device_timeline
from fleetlab.analysis.movement import yes
from fleetlab.analysis.smoothing import TANK, cleaned, of_tank, smooth
from fleetlab.analysis.sources import Source, labels_of
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts

__all__ = ["levels_of", "sources_of"]

ATTRIBUTES: Final = r"^(lls_(.*_)?level|((can|obd|ble)_(.*_)?)?fuel_(level|volume|litres))"
"""Names of raw attributes that tell a level of fuel."""

_KINDS: Final = ("input", "virtual_sensor")
_READINGS: Final = ("reading", "kind", "name", "sensor_label", "type", "units")
_NUMBERS: Final = ("sensor_id", "value", "min_value", "max_value")
_TOLD: Final = (
    *TANK, "name", "sensor_label", "units", *_NUMBERS, "seq", "snapshot", "rank",
    "moment_us", "came_us", "said_us",
)  # fmt: skip
_FUEL_TYPE, _FUEL_NAME, _FUEL_FIELD, _OTHER = range(4)


def sources_of(
    data: Any,
    *,
    gaps: Any,
    observed: Any,
    states: Any,
    shifts: Shifts | None = None,
    timezone: str | None = None,
) -> dict[str, Source]:
    """Return where levels of fuel are told, and states: ``readings``, ``attributes``, ``states``.

    Parameters
    ----------
    data, gaps, observed, states, shifts, timezone
        As of :func:`fleetlab.fuel_events`.

    Raises
    ------
    InvalidArgument
        If `data` have no levels' columns.
    """
    first = Source.of(
        data,
        events=("readings_batch",),
        gaps=gaps,
        observed=observed,
        shifts=shifts,
        timezone=timezone,
    )
    if first.recording is not None:
        queues = Source.of(first.recording, events=("iot_monitor",))
        beside = Source.of(first.recording, rows=states)
        return {"readings": first, "attributes": queues, "states": beside}
    found = first.frame.collect_schema()
    if "value" not in found or not {"reading", "field"} & set(found):
        raise InvalidArgument(
            "Fuel is found in rows of readings_batch or iot_monitor, which have the columns "
            f"value, and reading or field; the frame has {', '.join(found) or 'none'}."
        )
    told = {"readings" if "reading" in found else "attributes": first}
    return told if states is None else {**told, "states": Source.of(states)}


def levels_of(
    sources: dict[str, Source],
    sensor: Iterable[int | str] | int | str | None,
    tank_volume: float | None,
) -> tuple[Source, Frame]:
    """Return the levels of all tanks that were asked for.

    Parameters
    ----------
    sources : dict of str to Source
        As of :func:`sources_of`.
    sensor, tank_volume
        As of :func:`fleetlab.fuel_events`.

    Returns
    -------
    source : Source
        Of the readings.
    rows : narwhals.LazyFrame
        A row for each half a minute in which something new was read of a tank: ``tracker_id``,
        ``reading``, ``sensor_id``, ``sensor``, ``units``, ``tank`` (what it holds), ``level``;
        ``first_us`` and ``last_us``, its readings, and ``n``, how many; and what
        :func:`fleetlab.analysis.device.device_timeline` tells of these moments: ``life_us``,
        ``away_m`` and ``way_before_m`` of the first, ``moved_us``, ``moves_us``, ``engine_us``,
        ``way_m``, ``lat`` and ``lng`` of the last, and ``until_us``.

    Raises
    ------
    InvalidArgument
        If `sensor` is of another kind.
    """
    wanted = None if sensor is None else _wanted(sensor)
    ways = {"readings": _of_readings, "attributes": _of_attributes}
    rows = nw.concat(
        [way(sources[name]).select(*_TOLD) for name, way in ways.items() if name in sources]
    )
    heard = rows.select("tracker_id", nw.col("moment_us").alias("t"), heard=~nw.col("snapshot"))
    if wanted is None:
        best = nw.col("rank").min().over("tracker_id")
        wanted = (nw.col("rank") == best) & (nw.col("rank") < _OTHER)
    rows = _once(rows.filter(~nw.col("value").is_null()).filter(wanted))
    news = rows.select("tracker_id", "t", heard=~nw.col("snapshot"))
    device = device_timeline(sources.get("states"), (heard, news))
    told = [sources[name] for name in ways if name in sources]
    return labels_of(*told), smooth(cleaned(rows, device, tank_volume))


def _wanted(sensor: Iterable[int | str] | int | str) -> nw.Expr:
    """Return whether a row is of a sensor that was asked for."""
    chosen = [sensor] if isinstance(sensor, int | str) else list(sensor)
    if not chosen or not all(isinstance(one, int | str) for one in chosen):
        raise InvalidArgument(
            f"sensor={sensor!r} doesn't fit; give ids, labels or names of sensors, or attributes."
        )
    names = [one for one in chosen if isinstance(one, str)]
    wanted = nw.col("sensor_id").is_in([one for one in chosen if isinstance(one, int)])
    for name in ("sensor_label", "name", "reading"):
        wanted = yes(wanted) | yes(nw.col(name).is_in(names))
    return wanted


def _of_readings(source: Source) -> Frame:
    """Return readings, each with its rank: those of the lowest that a tracker has are of fuel.

    A sensor that is made of others is left out where one of these was heard of.
    """
    rows = source.rows(*_READINGS, *_NUMBERS, "server_time")
    sensor = nw.col("kind").fill_null("input").is_in(list(_KINDS)) & yes(nw.col("type") == "fuel")
    named = yes(nw.col("name").str.contains(ATTRIBUTES))
    by_name = nw.when(named).then(nw.lit(_FUEL_NAME)).otherwise(nw.lit(_OTHER))
    rows = rows.with_columns(
        rank=nw.when(sensor).then(nw.lit(_FUEL_TYPE)).otherwise(by_name),
        moment_us=nw.col("event_us"),
        came_us=nw.coalesce("received_us", "server_us", "event_us"),
        said_us=nw.max_horizontal(nw.coalesce("server_us", "received_us"), "event_us"),
    )
    sums = _sums(source)
    if sums is None:
        return rows
    rows = rows.join(sums, on=list(TANK), how="left")
    is_sum = ~nw.col("is_sum").is_null()
    return rows.with_columns(rank=nw.when(is_sum).then(nw.lit(_OTHER)).otherwise(nw.col("rank")))


def _sums(source: Source) -> Frame | None:
    """Return ``tracker_id`` and ``reading`` of sensors whose parts were heard of."""
    parts, ids = "composite_sensor_ids", ["tracker_id", "sensor_id"]
    if not {parts, *TANK, "sensor_id"} <= set(source.frame.collect_schema()):
        return None
    sensors = source.frame.select(*ids).unique(ids)
    made = source.frame.filter(nw.col(parts).list.len() > 0).select(*TANK, parts)
    made = made.unique(list(TANK)).explode(parts)
    made = made.select(*TANK, nw.col(parts).alias("sensor_id"))
    made = made.join(sensors, on=ids, how="semi")
    return made.select(*TANK).unique(list(TANK)).with_columns(is_sum=nw.lit(1))


def _of_attributes(source: Source) -> Frame:
    """Return queues of attributes as readings; what a queue held before was measured, too."""
    rows = source.rows("field", "value", "queue")
    named = yes(nw.col("field").str.contains(ATTRIBUTES))
    texts = ("sensor_label", "units")
    numbers = ("min_value", "max_value")
    return rows.filter(nw.col("queue").fill_null("nonnull") == "nonnull").with_columns(
        *(nw.lit(None, nw.String).alias(name) for name in texts),
        *(nw.lit(None, nw.Float64).alias(name) for name in numbers),
        sensor_id=nw.lit(None, nw.Int64),
        reading=nw.col("field"),
        name=nw.col("field"),
        rank=nw.when(named).then(nw.lit(_FUEL_FIELD)).otherwise(nw.lit(_OTHER)),
        snapshot=nw.lit(value=False),
        moment_us=nw.col("event_us"),
        came_us=nw.col("event_us"),
        said_us=nw.col("event_us"),
    )


def _once(rows: Frame) -> Frame:
    """Let each moment of a tank count once, and add ``t``, from when on a level holds.

    A device whose position stays the same dates all that it reads by it; what it tells anew counts
    from when the server said so. What we got because we subscribed is old news if it was heard
    already; heard for the first time, it holds from then on.
    """
    moment, came = nw.col("moment_us"), ("came_us", "seq", "moment_us", "value")
    rows = rows.with_columns(_latest=of_tank(moment.cum_max(), *came))
    rows = rows.with_columns(
        _latest=of_tank(nw.col("_latest").shift(1), *came),
        _told=of_tank(nw.col("value").shift(1), *came),
    )
    heard = nw.col("_latest")
    same = (moment == heard) & (nw.col("value") == nw.col("_told"))
    rows = rows.filter(~yes(nw.col("snapshot") & ((moment < heard) | same)))
    order = ("moment_us", "came_us", "seq", "value")
    rows = rows.with_columns(_again=yes(of_tank(moment.shift(1), *order) == moment))
    first = nw.col("snapshot") & heard.is_null()
    held = nw.when(first).then(nw.max_horizontal("came_us", "moment_us")).otherwise("moment_us")
    rows = rows.with_columns(t=nw.when(nw.col("_again")).then("said_us").otherwise(held))
    order = ("t", "came_us", "seq", "value")
    rows = rows.with_columns(_next=of_tank(nw.col("t").shift(-1), *order))
    rows = rows.filter(nw.col("_next").is_null() | (nw.col("_next") > nw.col("t")))
    label = nw.when(nw.col("sensor_label") != "").then("sensor_label")
    return rows.with_columns(sensor=nw.coalesce(label, "name", "reading"))

"""Numbers in place of names: of trackers, of sensors, of recordings."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.schemas import EVENTS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from fleetlab.recording import Recording

__all__ = ["Pseudonyms"]

_DIGITS: Final = 1e9
"""Numbers from here on are more likely to be somebody's than to be measured."""

# Words of names whose values tell who or which one it is, or where a cell tower stands.
_TELLING: Final = (
    r"(?i)imei|imsi|iccid|msisdn|phone|driver|ibutton|rfid|beacon|passport|licen[cs]e|"
    r"(?:^|[^a-z])(?:vin|ids?|keys?|mac|pin|sim|tag|name|plate|card|user|login|serial|address|ip|"
    r"apn|operator|mcc|mnc|lac|cell|cid)(?:$|[^a-z])"
)
_CAMEL: Final = ("([a-z0-9])([A-Z])", "${1}_${2}")
_UNITS: Final = (
    r"(?i)^(?:%|percent|lit(?:er|re)s?|m?l|gal(?:lons?)?|celsius|fahrenheit|°[cf]?|deg|[cmk]?m|mi|"
    r"km/h|mph|m/s|rpm|m?v|volts?|ma|ah?|k?wh?|k?g|t|lbs?|h|s|min|hours?|bar|k?pa|psi|l/h|"
    r"l/100 ?km|mpg|lux|ppm|g?/?m³)$"
)
_ASKED: Final = ("type", "rate_limit", "format", "sensor_type", "include_components", "filtered")
_NAMED: Final = ("input", "virtual_sensor")
_SENSOR: Final = pl.coalesce(pl.col("sensor_id").cast(pl.String), "reading")


class Pseudonyms:
    """New names for all that a recording names, in an order that chance makes.

    Parameters
    ----------
    recording : Recording
        What is to be shared.
    name : str
        The new name of the recording; of several in one, what it begins with.
    """

    def __init__(self, recording: Recording, name: str) -> None:
        self._trackers = _numbered(_trackers(recording))
        self._sensors = _numbered(_sensors(recording))
        names = _distinct(recording, "recording", EVENTS)
        several = len(names) > 1
        self._names = {
            old: f"{name}-{number}" if several else name for number, old in enumerate(names, 1)
        }

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what was asked for, with the new numbers of its trackers."""
        asked = request.get("trackers")
        if isinstance(asked, list):
            asked = sorted(self._trackers[one] for one in asked)
        return {"trackers": asked} | {name: request[name] for name in _ASKED if name in request}

    def replaced(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame with new names for old ones, and without the values that tell them.

        Rows of the same message come in the order of the new numbers: theirs was that of the ids.
        """
        found = frame.columns
        if name == "readings_batch":
            frame = self._readings(frame)
        elif name == "iot_monitor":
            frame = frame.with_columns(_values("field"))
        if "tracker_id" in found:
            frame = frame.with_columns(_new("tracker_id", self._trackers, pl.Int64()))
        if "label" in found:
            frame = frame.with_columns(label=pl.format("Vehicle {}", "tracker_id"))
        if "recording" in found:
            frame = frame.with_columns(_new("recording", self._names, pl.String()))
            frame = frame.sort(pl.col("seq").rle_id(), "tracker_id", maintain_order=True)
        return frame

    def _readings(self, frame: pl.DataFrame) -> pl.DataFrame:
        number = _new(_SENSOR, self._sensors, pl.Int64())
        is_sensor = pl.col("kind").is_in(_NAMED)
        part = _new(pl.element().cast(pl.String), self._sensors, pl.Int64())
        return frame.with_columns(
            *_values("name", "reading", "sensor_label"),
            pl.when(pl.col("sensor_id").is_not_null()).then(number).alias("sensor_id"),
            pl.when(is_sensor)
            .then(pl.format("{}:{}", "kind", number))
            .otherwise("reading")
            .alias("reading"),
            pl.when(is_sensor).then(pl.format("Sensor {}", number)).alias("sensor_label"),
            pl.when(pl.col("units").str.contains(_UNITS)).then("units").alias("units"),
            pl.col("composite_sensor_ids").list.eval(part),
        )


def _values(*names: str) -> list[pl.Expr]:
    """Return the values of rows, and null for those that may tell who it is."""
    split = (pl.col(one).fill_null("").str.replace_all(*_CAMEL) for one in names)
    told = pl.any_horizontal(words.str.contains(_TELLING) for words in split)
    is_measure = pl.col("value").abs() < _DIGITS
    harmless = ~told & (is_measure.fill_null(value=False) | (pl.col("value_type") == "bool"))
    values = ["value", "value_text"]
    if "reading" in names:
        values.append("converted_value")
    return [pl.when(harmless).then(value).alias(value) for value in values]


def _new(column: pl.Expr | str, names: dict[Any, Any], dtype: pl.DataType) -> pl.Expr:
    found = pl.col(column) if isinstance(column, str) else column
    return found.replace_strict(list(names), list(names.values()), default=None, return_dtype=dtype)


def _numbered(found: Iterable[Hashable]) -> dict[Any, int]:
    """Return a number from 1 on for each, which tells nothing of their order."""
    names = list(found)
    random.SystemRandom().shuffle(names)
    return {name: number for number, name in enumerate(names, 1)}


def _trackers(recording: Recording) -> set[int]:
    found = set(_distinct(recording, "tracker_id", EVENTS))
    for table in (recording.trackers, recording.gaps, recording.rejects):
        found.update(table["tracker_id"].drop_nulls())
    for request in recording.info.requests:
        if isinstance(request.get("trackers"), list):
            found.update(request["trackers"])
    return found


def _sensors(recording: Recording) -> set[str]:
    rows = recording.scan("readings_batch")
    named = rows.filter(pl.col("kind").is_in(_NAMED)).select(_SENSOR.alias("sensor"))
    any_id = rows.select(pl.col("sensor_id").cast(pl.String).alias("sensor"))
    parts = rows.select(pl.col("composite_sensor_ids").explode().cast(pl.String).alias("sensor"))
    found = pl.concat([one.unique() for one in (named, any_id, parts)])
    return set(found.unique().drop_nulls().collect()["sensor"])


def _distinct(recording: Recording, column: str, events: Iterable[str]) -> list[Any]:
    frames = [recording.scan(event).select(column).unique() for event in events]
    return list(pl.concat(frames).unique().drop_nulls().sort(column).collect()[column])

"""What analysts write today with Polars: json.loads, then pl.DataFrame(dicts, schema)."""

from __future__ import annotations

import json

import polars as pl

from benchmarks.ways import PLACE, STATE_TIMES, queues_of
from benchmarks.wire import ZONE, Wire

_GPS = pl.Struct(
    {
        "updated": pl.String,
        "signal_level": pl.Float64,
        "location": pl.Struct({"lat": pl.Float64, "lng": pl.Float64}),
        "heading": pl.Float64,
        "speed": pl.Float64,
        "alt": pl.Float64,
        "precision": pl.Float64,
        "gsm_lbs": pl.Boolean,
    }
)
_GSM = pl.Struct(
    {
        "updated": pl.String,
        "signal_level": pl.Float64,
        "network_name": pl.String,
        "roaming": pl.Boolean,
    }
)
_KEY = pl.Struct({"value": pl.String, "updated": pl.String})
STATE = {
    "source_id": pl.Int64,
    "gps": _GPS,
    "connection_status": pl.String,
    "movement_status": pl.String,
    "movement_status_update": pl.String,
    "ignition": pl.Boolean,
    "ignition_update": pl.String,
    "last_update": pl.String,
    "gsm": _GSM,
    "battery_level": pl.Float64,
    "battery_update": pl.String,
    "inputs": pl.List(pl.Boolean),
    "inputs_update": pl.String,
    "outputs": pl.List(pl.Boolean),
    "outputs_update": pl.String,
    "additional": pl.Struct({"hardware_key": _KEY}),
    "actual_track_update": pl.String,
}
READING = {
    "tracker_id": pl.Int64,
    "server_time": pl.String,
    "kind": pl.String,
    "sensor_id": pl.Int64,
    "label": pl.String,
    "units": pl.String,
    "name": pl.String,
    "type": pl.String,
    "min_value": pl.Float64,
    "max_value": pl.Float64,
    "value": pl.String,
    "value_type": pl.String,
    "units_type": pl.String,
    "converted_units_type": pl.String,
    "converted_value": pl.Float64,
    "update_time": pl.String,
    "composite_sensor_ids": pl.List(pl.Int64),
    "field": pl.String,
}


class States:
    """json.loads, pl.DataFrame(dicts, schema), then times and labels as expressions."""

    def __init__(self, wire: Wire) -> None:
        self._trackers = pl.DataFrame(
            [(source, tracker, label) for tracker, (source, label) in wire.trackers.items()],
            schema={"source_id": pl.Int64, "tracker_id": pl.Int64, "name": pl.String},
            orient="row",
        )

    def feed(self, messages: list[bytes]) -> int:
        frames = []
        for text in messages:
            message = json.loads(text)
            frame = pl.DataFrame(message["data"], schema=STATE)
            frames.append(frame.with_columns(server_time=pl.lit(message["user_time"])))
        frame = pl.concat(frames)
        gps = frame["gps"].struct.unnest().rename(lambda name: f"gps.{name}")
        gsm = frame["gsm"].struct.unnest().rename(lambda name: f"gsm.{name}")
        frame = pl.concat([frame.drop("gps", "gsm"), gps, gsm], how="horizontal")
        frame = frame.with_columns(to_utc(name) for name in ("server_time", *STATE_TIMES))
        frame = frame.with_columns(event_time=pl.coalesce("gps.updated", "last_update"))
        return len(frame.join(self._trackers, on="source_id", how="left"))


class Readings:
    """json.loads, one dict a reading, pl.DataFrame(dicts, schema)."""

    def __init__(self, wire: Wire) -> None:
        self._labels = labels_of(wire)

    def feed(self, messages: list[bytes]) -> int:
        rows = []
        for text in messages:
            message = json.loads(text)
            for item in message["data"]:
                for tracker, parts in item.items():
                    more = {"tracker_id": int(tracker), "server_time": message["user_time"]}
                    for part, entries in parts.items():
                        for entry in entries:
                            value = entry.get("value")
                            row = {**more, "kind": part, **entry}
                            row["value"] = value if value is None else str(value)
                            row["value_type"] = type(value).__name__
                            rows.append(row)
        frame = pl.DataFrame(rows, schema=READING)
        frame = frame.with_columns(
            to_utc("server_time"),
            to_utc("update_time"),
            number=pl.col("value").cast(pl.Float64, strict=False),
        )
        return len(frame.join(self._labels, on="tracker_id", how="left"))


class Iot:
    """json.loads, one dict a value, pl.DataFrame(dicts, schema), anti-join with last contents."""

    def __init__(self, wire: Wire) -> None:
        self._labels = labels_of(wire)
        self._last: pl.DataFrame | None = None
        self._times = 0

    def feed(self, messages: list[bytes]) -> int:
        rows = [
            {
                **{name: one[name] for name in (*PLACE, "time")},
                "msg_time": value["msg_time"],
                "srv_time": value["srv_time"],
                "value_type": type(value["value"]).__name__,
                "value_text": None if value["value"] is None else str(value["value"]),
            }
            for one in queues_of(messages, self._times)
            for value in one["values"]
        ]
        self._times += len(messages)
        key = [*PLACE, "msg_time", "srv_time", "value_type", "value_text"]
        dtypes = dict.fromkeys(key, pl.String) | {"tracker_id": pl.Int64, "time": pl.Int64}
        times = [
            pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%#z", time_unit="us", time_zone="UTC")
            for name in ("msg_time", "srv_time")
        ]
        frame = pl.DataFrame(rows, schema=dtypes).with_columns(
            *times,
            number=pl.col("value_text").cast(pl.Float64, strict=False),
            copy=pl.int_range(pl.len()).over(*key, "time"),
        )
        both = frame if self._last is None else pl.concat([self._last, frame])
        # A value is new when the queue's content before holds none of it, or one less.
        contents = both.select(*PLACE, "time").unique(maintain_order=True)
        contents = contents.with_columns(next=pl.col("time").shift(-1).over(PLACE))
        before = (
            both.join(contents, on=[*PLACE, "time"])
            .drop("time")
            .rename({"next": "time"})
            .drop_nulls("time")
        )
        new = frame.join(before, on=[*key, "copy", "time"], how="anti", nulls_equal=True)
        self._last = both.filter(pl.col("time") == pl.col("time").max().over(PLACE))
        return len(new.join(self._labels, on="tracker_id", how="left").sort("time", "msg_time"))


def to_utc(name: str) -> pl.Expr:
    """Parse times of the user's zone."""
    local = pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
    zoned = local.dt.replace_time_zone(ZONE, ambiguous="null", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def labels_of(wire: Wire) -> pl.DataFrame:
    """Labels by tracker."""
    return pl.DataFrame(
        [(tracker, label) for tracker, (_, label) in wire.trackers.items()],
        schema={"tracker_id": pl.Int64, "tracker": pl.String},
        orient="row",
    )

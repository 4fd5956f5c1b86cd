"""Ways from wire text to typed frames in UTC with labels: fleetlab's, and what analysts write.

Each way is fed a list of messages at a time and returns how many rows it made of them. They do
the same work: typed columns, times parsed and converted from the user's zone to UTC, trackers and
labels joined, readings in long form, resent values of the queues left out exactly.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import msgspec
import orjson
import pandas as pd
import polars as pl

from benchmarks.wire import ZONE, Wire
from fleetlab.records import ConnectionRecord, MessageRecord, RestRecord
from fleetlab.tables.decoder import Decoder

AT = 1_782_896_400_000_000
STATE_TIMES = (
    "gps.updated",
    "gsm.updated",
    "movement_status_update",
    "ignition_update",
    "last_update",
    "battery_update",
    "inputs_update",
    "outputs_update",
    "actual_track_update",
)
PANDAS = {
    **dict.fromkeys(("gps.speed", "gps.heading", "gps.alt", "gps.signal_level"), "float64"),
    **dict.fromkeys(("gps.precision", "gsm.signal_level", "battery_level"), "float64"),
    **dict.fromkeys(("gps.gsm_lbs", "ignition", "gsm.roaming"), "boolean"),
    **dict.fromkeys(("connection_status", "movement_status", "gsm.network_name"), "string"),
}
PARTS = ("inputs", "states", "virtual_sensors", "counters")
QUEUES = {"nonnull_fields": "nonnull", "all_fields": "all"}
PLACE = ["tracker_id", "queue", "field"]


class Way(Protocol):
    """One way to frames."""

    def feed(self, messages: list[bytes]) -> int:
        """Decode messages and return the number of rows."""


class Fleetlab:
    """fleetlab's decoder, with its strict checks."""

    def __init__(self, wire: Wire) -> None:
        self._decoder = Decoder()
        self._seq = 0
        facts = {"recording": "bench", "timezone": ZONE, "requests": []}
        self._decoder.feed(ConnectionRecord(AT, "started", facts=facts))
        items = [
            {"id": tracker, "label": label, "source": {"id": source}}
            for tracker, (source, label) in wire.trackers.items()
        ]
        self._decoder.feed(RestRecord(AT, "tracker/list", {"list": items}))
        self._decoder.decode()

    def feed(self, messages: list[bytes]) -> int:
        for message in messages:
            self._seq += 1
            self._decoder.feed(MessageRecord(self._seq, AT + self._seq, message))
        frames = self._decoder.decode()
        if "rejects" in frames:
            raise AssertionError(frames["rejects"])
        return sum(map(len, frames.values()))


# -- json.loads and pandas.json_normalize --------------------------------------------------------


class PandasStates:
    """json.loads, json_normalize, then times and labels column by column."""

    def __init__(self, wire: Wire) -> None:
        self._trackers = pd.DataFrame(
            [(source, tracker, label) for tracker, (source, label) in wire.trackers.items()],
            columns=["source_id", "tracker_id", "label"],
        )

    def feed(self, messages: list[bytes]) -> int:
        frames = []
        for text in messages:
            message = json.loads(text)
            frame = pd.json_normalize(message["data"])
            frame["server_time"] = message["user_time"]
            frames.append(frame)
        frame = pd.concat(frames, ignore_index=True)
        for name in ("server_time", *STATE_TIMES):
            frame[name] = pandas_utc(frame[name])
        frame = frame.astype({name: kind for name, kind in PANDAS.items() if name in frame})
        frame["event_time"] = frame["gps.updated"].fillna(frame["last_update"])
        return len(frame.merge(self._trackers, on="source_id", how="left"))


class PandasReadings:
    """json.loads and json_normalize of each of the four parts."""

    def __init__(self, wire: Wire) -> None:
        self._labels = pd.DataFrame(
            [(tracker, label) for tracker, (_, label) in wire.trackers.items()],
            columns=["tracker_id", "label"],
        )

    def feed(self, messages: list[bytes]) -> int:
        records = []
        for text in messages:
            message = json.loads(text)
            for item in message["data"]:
                for tracker, parts in item.items():
                    more = {"tracker_id": int(tracker), "server_time": message["user_time"]}
                    records.append(more | {part: parts.get(part, []) for part in PARTS})
        frames = []
        for part in PARTS:
            frame = pd.json_normalize(records, part, ["tracker_id", "server_time"])
            frame["kind"] = part
            frames.append(frame)
        frame = pd.concat([one for one in frames if len(one)], ignore_index=True)
        for name in ("server_time", "update_time"):
            frame[name] = pandas_utc(frame[name])
        frame["number"] = pd.to_numeric(frame["value"], errors="coerce")
        frame["value_type"] = frame["value"].map(lambda value: type(value).__name__)
        frame["value"] = frame["value"].astype(str)
        frame = frame.astype({"tracker_id": "int64", "sensor_id": "Int64"})
        measures = ("min_value", "max_value", "converted_value")
        frame = frame.astype(dict.fromkeys(measures, "float64"))
        return len(frame.merge(self._labels, on="tracker_id", how="left"))


class PandasIot:
    """json.loads, json_normalize of the queues, and an anti-join with each one's last content."""

    def __init__(self, wire: Wire) -> None:
        self._last = None
        self._times = 0
        self._labels = pd.DataFrame(
            [(tracker, label) for tracker, (_, label) in wire.trackers.items()],
            columns=["tracker_id", "label"],
        )

    def feed(self, messages: list[bytes]) -> int:
        frame = pd.json_normalize(
            list(queues_of(messages, self._times)), "values", [*PLACE, "time"]
        )
        self._times += len(messages)
        for name in ("msg_time", "srv_time"):
            frame[name] = pd.to_datetime(frame[name], format="ISO8601", utc=True)
        frame["value_type"] = frame["value"].map(lambda value: type(value).__name__)
        frame["value_text"] = frame["value"].astype(str)
        frame["number"] = pd.to_numeric(frame["value"], errors="coerce")
        frame = frame.drop(columns="value").astype({"tracker_id": "int64", "time": "int64"})
        key = [*PLACE, "msg_time", "srv_time", "value_type", "value_text"]
        frame["copy"] = frame.groupby([*key, "time"], dropna=False, sort=False).cumcount()
        both = frame if self._last is None else pd.concat([self._last, frame])
        # A value is new when the queue's content before holds none of it, or one less.
        times = both[[*PLACE, "time"]].drop_duplicates()
        times["next"] = times.groupby(PLACE, sort=False)["time"].shift(-1)
        before = both[[*key, "copy", "time"]].merge(times, on=[*PLACE, "time"])
        before = before.drop(columns="time").rename(columns={"next": "time"}).dropna(subset="time")
        found = frame.merge(before, on=[*key, "copy", "time"], how="left", indicator=True)
        new = found[found["_merge"] == "left_only"]
        self._last = both[both["time"] == both.groupby(PLACE, sort=False)["time"].transform("max")]
        return len(new.merge(self._labels, on="tracker_id", how="left").sort_values("msg_time"))


def pandas_utc(texts: Any) -> Any:
    """Parse times of the user's zone."""
    local = pd.to_datetime(texts, format="%Y-%m-%d %H:%M:%S")
    zoned = local.dt.tz_localize(ZONE, ambiguous="NaT", nonexistent="NaT")
    return zoned.dt.tz_convert("UTC")


# -- json.loads and pl.DataFrame(dicts, schema) --------------------------------------------------

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


class PolarsStates:
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
        frame = frame.with_columns(polars_utc(name) for name in ("server_time", *STATE_TIMES))
        frame = frame.with_columns(event_time=pl.coalesce("gps.updated", "last_update"))
        return len(frame.join(self._trackers, on="source_id", how="left"))


class PolarsReadings:
    """json.loads, one dict a reading, pl.DataFrame(dicts, schema)."""

    def __init__(self, wire: Wire) -> None:
        self._labels = polars_labels(wire)

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
            polars_utc("server_time"),
            polars_utc("update_time"),
            number=pl.col("value").cast(pl.Float64, strict=False),
        )
        return len(frame.join(self._labels, on="tracker_id", how="left"))


class PolarsIot:
    """json.loads, one dict a value, pl.DataFrame(dicts, schema), anti-join with last contents."""

    def __init__(self, wire: Wire) -> None:
        self._labels = polars_labels(wire)
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


def polars_utc(name: str) -> pl.Expr:
    """Parse times of the user's zone."""
    local = pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
    zoned = local.dt.replace_time_zone(ZONE, ambiguous="null", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def polars_labels(wire: Wire) -> pl.DataFrame:
    """Labels by tracker."""
    return pl.DataFrame(
        [(tracker, label) for tracker, (_, label) in wire.trackers.items()],
        schema={"tracker_id": pl.Int64, "tracker": pl.String},
        orient="row",
    )


def queues_of(messages: list[bytes], first: int) -> Any:
    """Yield each queue of each message as a dict, with the number of its message."""
    for time, text in enumerate(messages, first):
        for device in json.loads(text)["data"]["iot_last_values"]:
            for part, queue in QUEUES.items():
                for name, values in device[part].items():
                    yield {
                        "tracker_id": device["tracker_id"],
                        "queue": queue,
                        "field": name,
                        "time": time,
                        "values": values,
                    }


# -- a bare parse, which makes no frame ----------------------------------------------------------


class Parse:
    """A parser alone: the limit of what can be done in Python."""

    def __init__(self, name: str) -> None:
        if name == "json":
            self._loads: Any = json.loads
        elif name == "orjson":
            self._loads = orjson.loads
        else:
            self._loads = msgspec.json.decode

    def feed(self, messages: list[bytes]) -> int:
        for message in messages:
            self._loads(message)
        return 0

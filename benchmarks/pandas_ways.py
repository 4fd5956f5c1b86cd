"""What analysts write today with pandas: json.loads, then json_normalize."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from benchmarks.ways import PLACE, STATE_TIMES, queues_of
from benchmarks.wire import ZONE, Wire

PARTS = ("inputs", "states", "virtual_sensors", "counters")
TYPES = {
    **dict.fromkeys(("gps.speed", "gps.heading", "gps.alt", "gps.signal_level"), "float64"),
    **dict.fromkeys(("gps.precision", "gsm.signal_level", "battery_level"), "float64"),
    **dict.fromkeys(("gps.gsm_lbs", "ignition", "gsm.roaming"), "boolean"),
    **dict.fromkeys(("connection_status", "movement_status", "gsm.network_name"), "string"),
}


class States:
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
            frame[name] = to_utc(frame[name])
        frame = frame.astype({name: kind for name, kind in TYPES.items() if name in frame})
        frame["event_time"] = frame["gps.updated"].fillna(frame["last_update"])
        return len(frame.merge(self._trackers, on="source_id", how="left"))


class Readings:
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
            frame[name] = to_utc(frame[name])
        frame["number"] = pd.to_numeric(frame["value"], errors="coerce")
        frame["value_type"] = frame["value"].map(lambda value: type(value).__name__)
        frame["value"] = frame["value"].astype(str)
        frame = frame.astype({"tracker_id": "int64", "sensor_id": "Int64"})
        measures = ("min_value", "max_value", "converted_value")
        frame = frame.astype(dict.fromkeys(measures, "float64"))
        return len(frame.merge(self._labels, on="tracker_id", how="left"))


class Iot:
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


def to_utc(texts: Any) -> Any:
    """Parse times of the user's zone."""
    local = pd.to_datetime(texts, format="%Y-%m-%d %H:%M:%S")
    zoned = local.dt.tz_localize(ZONE, ambiguous="NaT", nonexistent="NaT")
    return zoned.dt.tz_convert("UTC")

"""A second decoder, slow and plain, written from the contract alone: one loop, one dict a row.

It shares no code with fleetlab. Tests hold the fast one against it, cell by cell. It reads valid
messages only; what it can't read is a KeyError or worse.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

try:
    from compression import zstd
except ImportError:
    from backports import zstd

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

STATE_FIELDS = {
    "source_id": "source_id",
    "connection_status": "connection_status",
    "movement_status": "movement_status",
    "ignition": "ignition",
    "inputs": "inputs",
    "outputs": "outputs",
}
STATE_MEASURES = {"battery_level": "battery_level"}
STATE_TIMES = [
    "movement_status_update",
    "ignition_update",
    "last_update",
    "battery_update",
    "inputs_update",
    "outputs_update",
    "actual_track_update",
]
GPS_MEASURES = {
    "speed": "speed_kmh",
    "heading": "heading_deg",
    "alt": "alt_m",
    "signal_level": "gps_signal_level",
    "precision": "precision_m",
}
KNOWN_STATE = {
    *STATE_FIELDS,
    *STATE_MEASURES,
    *STATE_TIMES,
    "gps",
    "gsm",
    "additional",
}
KNOWN_GPS = {*GPS_MEASURES, "updated", "location", "lat", "lng", "gsm_lbs"}
KNOWN_GSM = {"updated", "signal_level", "network_name", "roaming"}
PARTS = {
    "inputs": "input",
    "states": "state",
    "virtual_sensors": "virtual_sensor",
    "counters": "counter",
}
KNOWN_READING = {
    "sensor_id",
    "label",
    "units",
    "name",
    "type",
    "min_value",
    "max_value",
    "value",
    "units_type",
    "converted_units_type",
    "converted_value",
    "update_time",
    "composite_sensor_ids",
    "field",
}


class Text(str):
    """A number's JSON text, told apart from a string."""

    __slots__ = ()


def loads(text: str) -> Any:
    return json.loads(text, parse_int=Text, parse_float=Text)


def number(value: Any) -> float | None:
    return None if value is None else float(value)


def whole(value: Any) -> int | None:
    return None if value is None else int(value)


def scalar(value: Any) -> tuple[float | None, str | None, str]:
    if value is None:
        return None, None, "null"
    if isinstance(value, bool):
        return None, str(value).lower(), "bool"
    kind = "string"
    if isinstance(value, Text):
        kind = "float" if set(value) & set(".eE") else "int"
    parsed = float(value) if NUMBER.fullmatch(value) else None
    if parsed is not None and math.isinf(parsed):
        parsed = None
    return parsed, str(value), kind


@dataclass
class Reference:
    """The state that decoding needs from one message to the next."""

    recording: str
    zone: str
    trackers: list[dict[str, Any]] = field(default_factory=list)
    asked: set[int] | None = None
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seen: set[Any] = field(default_factory=set)
    queues: dict[Any, Counter[Any]] = field(default_factory=dict)

    def subscribed(self) -> None:
        self.seen = set()

    def time(self, text: str | None, at: datetime) -> datetime | None:
        if text is None:
            return None
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        both = sorted(
            moment.replace(tzinfo=ZoneInfo(self.zone), fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        return both[1] if both[1] <= at + timedelta(seconds=60) else both[0]

    def tracker_of(self, source: int) -> int | None:
        mine = [t for t in self.trackers if t.get("source", {}).get("id") == source]
        wanted = [t for t in mine if self.asked is None or t["id"] in self.asked] or mine
        wanted.sort(key=lambda t: (bool(t.get("clone")), t["id"]))
        return wanted[0]["id"] if wanted else None

    def label_of(self, tracker: int | None) -> str | None:
        return next((t.get("label") for t in self.trackers if t["id"] == tracker), None)

    def is_first(self, *key: Any) -> bool:
        first = key not in self.seen
        self.seen.add(key)
        return first

    def feed(self, seq: int, at: int, text: str) -> None:  # noqa: C901 - plain on purpose
        """Decode one frame."""
        if not text.startswith("{"):
            return
        message = loads(text)
        if message["type"] != "event":
            return
        now = EPOCH + timedelta(microseconds=at)
        base = {
            "recording": self.recording,
            "seq": seq,
            "received_at": now,
            "server_time": self.time(message.get("user_time"), now),
        }
        data = message["data"]
        event = message["event"]
        if event in ("state", "state_batch", "readings_batch"):
            items = data if isinstance(data, list) else [data]
            if all(key.isdigit() for item in items for key in item) and items:
                for item in items:
                    for tracker, parts in item.items():
                        self.readings(base, int(tracker), parts, now)
            else:
                for item in items:
                    self.state(event, base, item, now)
        elif event == "iot_monitor":
            for device in data["iot_last_values"]:
                self.iot(base, device, now)
        elif event == "lifecycle":
            tracker = self.tracker_of(int(data["source_id"]))
            self.add(
                event,
                base
                | {
                    "event_time": now,
                    "snapshot": False,
                    "tracker_id": tracker,
                    "label": self.label_of(tracker),
                    "source_id": int(data["source_id"]),
                    "lifecycle_event": data["lifecycle_event"],
                },
            )
        elif event == "logout":
            self.add(
                event,
                base
                | {
                    "event_time": now,
                    "snapshot": False,
                    "tracker_id": None,
                    "label": None,
                    "reason": data,
                },
            )

    def add(self, event: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(event, []).append(row)

    def state(self, event: str, base: dict[str, Any], item: dict[str, Any], now: datetime) -> None:
        if "source_id" not in item and "state" in item:
            item = item["state"]
        event = "state" if event == "state" else "state_batch"
        source = int(item["source_id"])
        gps = item.get("gps") or {}
        gsm = item.get("gsm") or {}
        location = gps.get("location") or {}
        tracker = self.tracker_of(source)
        row = base | {name: item.get(key) for key, name in STATE_FIELDS.items()}
        row |= {name: number(item.get(key)) for key, name in STATE_MEASURES.items()}
        row |= {name: self.time(item.get(name), now) for name in STATE_TIMES}
        row |= {name: number(gps.get(key)) for key, name in GPS_MEASURES.items()}
        for name in ("lat", "lng"):
            inside = location.get(name)
            row[name] = number(gps.get(name) if inside is None else inside)
        row |= {
            "source_id": source,
            "tracker_id": tracker,
            "label": self.label_of(tracker),
            "snapshot": self.is_first(event, source),
            "gps_updated": self.time(gps.get("updated"), now),
            "gsm_lbs": gps.get("gsm_lbs"),
            "gsm_updated": self.time(gsm.get("updated"), now),
            "gsm_signal_level": number(gsm.get("signal_level")),
            "gsm_network_name": gsm.get("network_name"),
            "gsm_roaming": gsm.get("roaming"),
            "extra": self.extra(item, KNOWN_STATE, gps=KNOWN_GPS, gsm=KNOWN_GSM),
            "additional": None,
        }
        if item.get("additional") is not None:
            row["additional"] = [
                {
                    "key": key,
                    "value": scalar((part or {}).get("value"))[1],
                    "updated": self.time((part or {}).get("updated"), now),
                }
                for key, part in item["additional"].items()
            ]
        row["event_time"] = row["gps_updated"] or row["last_update"] or now
        self.add(event, row)

    def extra(self, item: dict[str, Any], known: set[str], **inner: set[str]) -> Any:
        """Unknown fields as parsed JSON; compare with the column after parsing that."""
        found = {name: value for name, value in item.items() if name not in known}
        for name, names in inner.items():
            part = {k: v for k, v in (item.get(name) or {}).items() if k not in names}
            if part:
                found[name] = part
        return found or None

    def readings(
        self, base: dict[str, Any], tracker: int, parts: dict[str, Any], now: datetime
    ) -> None:
        first = self.is_first("readings_batch", tracker)
        for part, kind in PARTS.items():
            for entry in parts.get(part) or []:
                value, text, value_type = scalar(entry.get("value"))
                name = {"state": entry.get("field"), "counter": entry.get("type")}.get(
                    kind, entry.get("name")
                )
                sensor = whole(entry.get("sensor_id"))
                updated = self.time(entry.get("update_time"), now)
                ids = entry.get("composite_sensor_ids")
                self.add(
                    "readings_batch",
                    base
                    | {
                        "event_time": updated or now,
                        "snapshot": first,
                        "tracker_id": tracker,
                        "label": self.label_of(tracker),
                        "kind": kind,
                        "reading": f"{kind}:{name if sensor is None else sensor}",
                        "sensor_id": sensor,
                        "name": name,
                        "sensor_label": entry.get("label"),
                        "type": None if kind == "counter" else entry.get("type"),
                        "units": entry.get("units") or entry.get("units_type"),
                        "value": value,
                        "value_text": text,
                        "value_type": value_type,
                        "min_value": number(entry.get("min_value")),
                        "max_value": number(entry.get("max_value")),
                        "converted_value": number(entry.get("converted_value")),
                        "converted_units": entry.get("converted_units_type"),
                        "composite_sensor_ids": None if ids is None else [int(id_) for id_ in ids],
                        "updated_at": updated,
                        "extra": self.extra(entry, KNOWN_READING),
                    },
                )

    def iot(self, base: dict[str, Any], device: dict[str, Any], now: datetime) -> None:
        tracker = int(device["tracker_id"])
        rows = []
        for part, queue in (("nonnull_fields", "nonnull"), ("all_fields", "all")):
            fields = device.get(part) or {}
            if isinstance(fields, list):
                fields = {name: values for one in fields for name, values in one.items()}
            first = bool(fields) and self.is_first("iot_monitor", tracker, queue)
            for name, values in fields.items():
                content = [
                    (
                        self.time(v.get("msg_time"), now),
                        self.time(v.get("srv_time"), now),
                        *scalar(v.get("value")),
                    )
                    for v in values
                ]
                left = self.queues.get((tracker, queue, name), Counter()).copy()
                self.queues[tracker, queue, name] = Counter(content)
                new = []
                for entry in reversed(content):
                    if left[entry] > 0:
                        left[entry] -= 1
                    else:
                        new.append(entry)
                rows += [
                    base
                    | {
                        "event_time": msg_time or now,
                        "snapshot": first,
                        "tracker_id": tracker,
                        "label": self.label_of(tracker),
                        "queue": queue,
                        "field": name,
                        "msg_time": msg_time,
                        "srv_time": srv_time,
                        "value": value,
                        "value_text": text,
                        "value_type": value_type,
                    }
                    for msg_time, srv_time, value, text, value_type in new
                ]
        self.rows.setdefault("iot_monitor", []).extend(rows)


def journal_lines(folder: Path) -> list[dict[str, Any]]:
    """Read a recording's journal with nothing but zstd and JSON."""
    lines: list[dict[str, Any]] = []
    for segment in sorted((folder / "raw").iterdir()):
        with zstd.open(segment, "rt", encoding="utf-8", newline="\n") as file:
            lines += [json.loads(line) for line in file]
    return lines

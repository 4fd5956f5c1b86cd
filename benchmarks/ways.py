"""Ways from wire text to typed frames in UTC with labels: fleetlab's, and a bare parse.

Each way is fed a list of messages at a time and returns how many rows it made of them. They do
the same work: typed columns, times parsed and converted from the user's zone to UTC, trackers and
labels joined, readings in long form, resent values of the queues left out exactly. What analysts
write today is in `pandas_ways.py` and `polars_ways.py`.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import msgspec
import orjson

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

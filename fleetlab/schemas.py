"""The one declaration of every frame: columns, types, units, and where each value comes from.

Types follow one rule: moments are ``Datetime("us", "UTC")``, ids and ``seq`` are ``Int64``, all
that is measured is ``Float64``, flags are ``Boolean``, the rest is ``String``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EVENTS", "FRAMES", "TABLES", "Column", "empty", "schema", "table"]

TIME = pl.Datetime("us", "UTC")
ID = pl.Int64()
REAL = pl.Float64()
FLAG = pl.Boolean()
TEXT = pl.String()


@dataclass(frozen=True)
class Column:
    """One column of a frame.

    Attributes
    ----------
    name : str
        Its name; never a reserved word of SQL.
    dtype : polars.DataType
        Its declared type.
    meaning : str
        What it says, in a sentence.
    source : str
        The field of the wire that it comes from; empty where fleetlab makes it.
    unit : str
        Unit of a measure; empty where it has none.
    """

    name: str
    dtype: Any
    meaning: str
    source: str = ""
    unit: str = ""


_COMMON = (
    Column("recording", TEXT, "name of the recording"),
    Column("seq", ID, "number of the frame in the recording, from 1, heartbeats counted"),
    Column("received_at", TIME, "when it arrived here"),
    Column("server_time", TIME, "the server's clock as the event was sent", "user_time"),
    Column("event_time", TIME, "the moment that the row speaks of"),
    Column("snapshot", FLAG, "came because we subscribed, not because something changed"),
    Column("tracker_id", ID, "the tracker; null where the source isn't known"),
    Column("label", TEXT, "the tracker's label; null where the source isn't known"),
)

_STATE = (
    *_COMMON,
    Column("source_id", ID, "the device's id, which is not the tracker's", "source_id"),
    Column("gps_updated", TIME, "when the position was fixed", "gps.updated"),
    Column("lat", REAL, "latitude, WGS 84", "gps.location.lat", "°"),
    Column("lng", REAL, "longitude, WGS 84", "gps.location.lng", "°"),
    Column("speed_kmh", REAL, "speed", "gps.speed", "km/h"),
    Column("heading_deg", REAL, "course over ground, clockwise from north", "gps.heading", "°"),
    Column("alt_m", REAL, "altitude", "gps.alt", "m"),
    Column("gps_signal_level", REAL, "strength of the satellite signal", "gps.signal_level", "%"),
    Column("precision_m", REAL, "radius that the position is good for", "gps.precision", "m"),
    Column("gsm_lbs", FLAG, "the position comes from cell towers", "gps.gsm_lbs"),
    Column(
        "connection_status",
        TEXT,
        "signal_lost, just_registered, just_replaced, offline, idle, active",
        "connection_status",
    ),
    Column("movement_status", TEXT, "moving, stopped, parked", "movement_status"),
    Column(
        "movement_status_update", TIME, "since when it moves or stands", "movement_status_update"
    ),
    Column("ignition", FLAG, "ignition is on", "ignition"),
    Column("ignition_update", TIME, "since when the ignition is so", "ignition_update"),
    Column("last_update", TIME, "when the device was last heard", "last_update"),
    Column("gsm_updated", TIME, "when the mobile network was last reported", "gsm.updated"),
    Column("gsm_signal_level", REAL, "strength of the mobile signal", "gsm.signal_level", "%"),
    Column("gsm_network_name", TEXT, "the mobile operator", "gsm.network_name"),
    Column("gsm_roaming", FLAG, "the SIM is roaming", "gsm.roaming"),
    Column("battery_level", REAL, "charge of the device's own battery", "battery_level", "%"),
    Column("battery_update", TIME, "when the battery was last reported", "battery_update"),
    Column("inputs", pl.List(FLAG), "the device's discrete inputs, first to last", "inputs"),
    Column("inputs_update", TIME, "when the inputs were last reported", "inputs_update"),
    Column("outputs", pl.List(FLAG), "the device's outputs, first to last", "outputs"),
    Column("outputs_update", TIME, "when the outputs were last reported", "outputs_update"),
    Column("actual_track_update", TIME, "when the current track began", "actual_track_update"),
    Column(
        "additional",
        pl.List(pl.Struct({"key": TEXT, "value": TEXT, "updated": TIME})),
        "further values by name",
        "additional",
    ),
    Column("extra", TEXT, "JSON text of the fields that are unknown today"),
)

_VALUE = (
    Column("value", REAL, "the number, or the text's number where it is one by JSON's grammar"),
    Column("value_text", TEXT, "the text, or the JSON text exactly as sent", "value"),
    Column("value_type", TEXT, "JSON type as sent: int, float, string, bool, null"),
)

EVENTS: Mapping[str, tuple[Column, ...]] = {
    "state": _STATE,
    "state_batch": _STATE,
    "readings_batch": (
        *_COMMON,
        Column("kind", TEXT, "input, state, virtual_sensor or counter"),
        Column("reading", TEXT, "its name, unique within a tracker, such as input:37641"),
        Column("sensor_id", ID, "the sensor's id", "sensor_id"),
        Column("name", TEXT, "the input's name, the state's field, the counter's type", "name"),
        Column("sensor_label", TEXT, "the sensor's label", "label"),
        Column("type", TEXT, "metering type of a sensor, such as fuel", "type"),
        Column("units", TEXT, "units as shown, else the type of units", "units, units_type"),
        *_VALUE,
        Column("min_value", REAL, "least value of the sensor", "min_value"),
        Column("max_value", REAL, "greatest value of the sensor; a tank's volume", "max_value"),
        Column("converted_value", REAL, "the value in the user's units", "converted_value"),
        Column("converted_units", TEXT, "the user's units", "converted_units_type"),
        Column(
            "composite_sensor_ids",
            pl.List(ID),
            "the sensors that this one is made of",
            "composite_sensor_ids",
        ),
        Column("updated_at", TIME, "when the value was measured", "update_time"),
        Column("extra", TEXT, "JSON text of the fields that are unknown today"),
    ),
    "iot_monitor": (
        *_COMMON,
        Column("queue", TEXT, "nonnull or all: the queue that the value came in"),
        Column("field", TEXT, "name of the device's attribute"),
        Column("msg_time", TIME, "the device's clock as it measured", "msg_time"),
        Column("srv_time", TIME, "the platform's clock as it received", "srv_time"),
        *_VALUE,
    ),
    "lifecycle": (
        *_COMMON,
        Column("source_id", ID, "the device's id", "source_id"),
        Column("lifecycle_event", TEXT, "block, unblock, corrupt (removed)", "lifecycle_event"),
    ),
    "logout": (*_COMMON, Column("reason", TEXT, "why the session ended", "data")),
}
"""Event frames by name."""

TABLES: Mapping[str, tuple[Column, ...]] = {
    "trackers": (
        Column("tracker_id", ID, "the tracker's id", "id"),
        Column("label", TEXT, "the name that people gave it", "label"),
        Column("group_id", ID, "the group that it belongs to", "group_id"),
        Column("source_id", ID, "id of its device", "source.id"),
        Column("device_id", TEXT, "the device's own id, such as its IMEI", "source.device_id"),
        Column("model", TEXT, "the device's model", "source.model"),
        Column("clone", FLAG, "a second tracker of another one's device", "clone"),
        Column("blocked", FLAG, "blocked at the time of the list", "source.blocked"),
        *(
            Column(name, TEXT, f"the server's word on {name}: normal, blocked, unknown, disallowed")
            for name in ("state", "state_batch", "readings_batch", "iot_monitor")
        ),
    ),
    "connection": (
        Column("logged_at", TIME, "when it happened"),
        Column("what", TEXT, "connected, subscribed, lost, retry, refused, closed, …"),
        Column("attempt", ID, "number of the attempt since the last success"),
        Column("code", ID, "close code of the WebSocket or status code of the platform"),
        Column("detail", TEXT, "a sentence on it"),
        Column(
            "steady_s",
            REAL,
            "since the recording began, by a clock that nobody sets and that goes on in sleep",
            unit="s",
        ),
    ),
    "gaps": (
        Column("started_at", TIME, "from when data may be missing"),
        Column("ended_at", TIME, "until when data may be missing"),
        Column("duration_s", REAL, "how long, by a clock that nobody sets", unit="s"),
        Column("reason", TEXT, "disconnected, asleep, queue_overrun, between_recordings"),
        Column("event", TEXT, "the event that it concerns; null: all"),
        Column("tracker_id", ID, "the tracker that it concerns; null: all"),
        Column("field", TEXT, "the attribute that it concerns; null: all"),
    ),
    "rejects": (
        Column("seq", ID, "number of the frame in the recording"),
        Column("received_at", TIME, "when it arrived here"),
        Column("event", TEXT, "the event's name; null where it could not be read"),
        Column("tracker_id", ID, "the tracker, where known"),
        Column("path", TEXT, "JSON path of the part that could not be read"),
        Column("reason", TEXT, "why"),
        Column("raw", TEXT, "the part as it came"),
    ),
    "notes": (
        Column("noted_at", TIME, "the moment that the note speaks of"),
        Column("text", TEXT, "the note"),
    ),
}
"""Other frames of a recording by name."""

FRAMES: Mapping[str, tuple[Column, ...]] = {**EVENTS, **TABLES}
"""All frames by name."""


@cache
def schema(name: str) -> pl.Schema:
    """Return the Polars schema of a frame.

    Parameters
    ----------
    name : str
        Name of an event or a table, such as ``"state_batch"`` or ``"gaps"``.
    """
    return pl.Schema({column.name: column.dtype for column in FRAMES[name]})


def empty(name: str) -> pl.DataFrame:
    """Return a frame of that name with its full schema and no rows."""
    return pl.DataFrame(schema=schema(name))


def table(name: str, rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Return a frame of that name made of rows whose moments are microseconds since 1970."""
    wanted = schema(name)
    if not rows:
        return empty(name)
    plain = {
        column: pl.Int64() if isinstance(dtype, pl.Datetime) else dtype
        for column, dtype in wanted.items()
    }
    return pl.DataFrame(rows, schema=plain, orient="row").cast(dict(wanted))  # type: ignore[arg-type]

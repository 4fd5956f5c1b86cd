"""The one declaration of every frame: columns, types, units, and where each value comes from.

Types follow one rule: moments are ``Datetime("us", "UTC")``, ids and ``seq`` are ``Int64``, all
that is measured is ``Float64``, flags are ``Boolean``, the rest is ``String``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EVENTS", "FRAMES", "TABLES", "Column", "empty", "schema", "table"]

TIME = pl.Datetime("us", "UTC")
ID = pl.Int64()
REAL = pl.Float64()
FLAG = pl.Boolean()
TEXT = pl.String()
FLAGS = pl.List(FLAG)
IDS = pl.List(ID)
NAMED = pl.List(pl.Struct({"key": TEXT, "value": TEXT, "updated": TIME}))

NEVER: Final = "never"


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
    null : str
        When it is null; if left out, where it was not sent, or never where it has no source. What
        is sent as null counts as not sent, and so does what can't be read, which ``rejects`` names.
    """

    name: str
    dtype: Any
    meaning: str
    source: str = ""
    unit: str = ""
    null: str = ""

    def __post_init__(self) -> None:
        """Fill in when it is null, where that is left out."""
        if not self.null:
            object.__setattr__(self, "null", "not sent" if self.source else NEVER)


def _common(moment: str, tracker: str = NEVER, server_time: str = "not sent") -> tuple[Column, ...]:
    """Return what every event frame starts with; when its tracker is null, and whose moment."""
    label = "the tracker isn't known, or has none"
    return (
        Column("recording", TEXT, "name of the recording"),
        Column("seq", ID, "number of the frame in the recording, from 1, heartbeats counted"),
        Column("received_at", TIME, "when it arrived here"),
        Column("server_time", TIME, "the server's clock at sending", "user_time", "", server_time),
        Column("event_time", TIME, f"the moment that the row speaks of: {moment}"),
        Column("snapshot", FLAG, "came because we subscribed, not because something changed"),
        Column("tracker_id", ID, "the tracker", null=tracker),
        Column("label", TEXT, "the tracker's label", null=tracker if tracker == _NONE else label),
    )


_NONE: Final = "always: it is of the whole session"
_UNKNOWN: Final = "the source is of no tracker that is known"
_BY_ITSELF: Final = "this event carries none"
_FULL: Final = 'not sent; always with format="compact"'
_OF_SENSORS: Final = "not sent; states and counters have none"

_EXTRA = Column("extra", TEXT, "JSON text of fields unknown today", null="there are none")

_STATE = (
    *_common("gps_updated, else last_update, else received_at", _UNKNOWN),
    Column("source_id", ID, "the device's id, which is not the tracker's", "source_id", null=NEVER),
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
    Column("gsm_updated", TIME, "when the network was last reported", "gsm.updated", "", _FULL),
    Column(
        "gsm_signal_level", REAL, "strength of the mobile signal", "gsm.signal_level", "%", _FULL
    ),
    Column("gsm_network_name", TEXT, "the mobile operator", "gsm.network_name", "", _FULL),
    Column("gsm_roaming", FLAG, "the SIM is roaming", "gsm.roaming", "", _FULL),
    Column("battery_level", REAL, "the device's own battery", "battery_level", "%", _FULL),
    Column("battery_update", TIME, "when the battery was last told", "battery_update", "", _FULL),
    Column("inputs", FLAGS, "the device's discrete inputs, first to last", "inputs", "", _FULL),
    Column("inputs_update", TIME, "when the inputs were last told", "inputs_update", "", _FULL),
    Column("outputs", FLAGS, "the device's outputs, first to last", "outputs", "", _FULL),
    Column("outputs_update", TIME, "when the outputs were last told", "outputs_update", "", _FULL),
    Column(
        "actual_track_update",
        TIME,
        "when the current track began",
        "actual_track_update",
        "",
        _FULL,
    ),
    Column("additional", NAMED, "further values by name", "additional", "", _FULL),
    _EXTRA,
)

_NO_NUMBER: Final = "it is no number by JSON's grammar, or larger than a Float64 can hold"
_NO_TEXT: Final = "what was sent is null, a list or an object"
_NO_TYPE: Final = "what was sent is a list or an object"
_NAMELESS: Final = "of an input or a virtual sensor: not sent"

_VALUE = (
    Column("value", REAL, "the number, or that of a text that is one", "value", "", _NO_NUMBER),
    Column("value_text", TEXT, "the text, or the JSON text exactly as sent", "value", "", _NO_TEXT),
    Column("value_type", TEXT, "JSON type: int, float, string, bool, null", "value", "", _NO_TYPE),
)

EVENTS: Mapping[str, tuple[Column, ...]] = {
    "state": _STATE,
    "state_batch": _STATE,
    "readings_batch": (
        *_common("updated_at, else received_at"),
        Column("kind", TEXT, "input, state, virtual_sensor or counter"),
        Column("reading", TEXT, "its name, unique within a tracker, such as input:37641"),
        Column("sensor_id", ID, "the sensor's id", "sensor_id", null=_OF_SENSORS),
        Column("name", TEXT, "of an input, a state, a counter", "name, field, type", "", _NAMELESS),
        Column("sensor_label", TEXT, "the sensor's label", "label", null=_OF_SENSORS),
        Column("type", TEXT, "metering type of a sensor, such as fuel", "type", null=_OF_SENSORS),
        Column("units", TEXT, "units as shown, else their type", "units, units_type"),
        *_VALUE,
        Column("min_value", REAL, "least value of the sensor", "min_value"),
        Column("max_value", REAL, "greatest value of the sensor; a tank's volume", "max_value"),
        Column("converted_value", REAL, "the value in the user's units", "converted_value"),
        Column("converted_units", TEXT, "the user's units", "converted_units_type"),
        Column("composite_sensor_ids", IDS, "sensors that it is made of", "composite_sensor_ids"),
        Column("updated_at", TIME, "when the value was measured", "update_time"),
        _EXTRA,
    ),
    "iot_monitor": (
        *_common("msg_time, else received_at", server_time=_BY_ITSELF),
        Column("queue", TEXT, "nonnull or all: the queue that the value came in"),
        Column("field", TEXT, "name of the device's attribute"),
        Column("msg_time", TIME, "the device's clock as it measured", "msg_time"),
        Column("srv_time", TIME, "the platform's clock as it received", "srv_time"),
        *_VALUE,
    ),
    "lifecycle": (
        *_common("received_at", _UNKNOWN, _BY_ITSELF),
        Column("source_id", ID, "the device's id", "source_id"),
        Column("lifecycle_event", TEXT, "block, unblock, corrupt (removed)", "lifecycle_event"),
    ),
    "logout": (
        *_common("received_at", _NONE, _BY_ITSELF),
        Column("reason", TEXT, "why the session ended", "data"),
    ),
}
"""Event frames by name."""

_DAMAGE: Final = "the reject is of a damaged file"
_LISTED: Final = "the tracker list didn't tell it"
_WORDS: Final = "normal, blocked, unknown, disallowed"
_NO_ATTEMPT: Final = "it is about no attempt to connect"
_ALL: Final = "all of them"

TABLES: Mapping[str, tuple[Column, ...]] = {
    "trackers": (
        Column("tracker_id", ID, "the tracker's id", "id", null=NEVER),
        Column("label", TEXT, "the name that people gave it", "label", null=_LISTED),
        Column("group_id", ID, "the group that it belongs to", "group_id", null=_LISTED),
        Column("source_id", ID, "id of its device", "source.id", null=_LISTED),
        Column("device_id", TEXT, "its own id, such as an IMEI", "source.device_id", "", _LISTED),
        Column("model", TEXT, "the device's model", "source.model", null=_LISTED),
        Column("clone", FLAG, "a second tracker of another one's device", "clone", null=_LISTED),
        Column("blocked", FLAG, "blocked at the time of the list", "source.blocked", null=_LISTED),
        *(
            Column(name, TEXT, f"the server's word on {name}: {_WORDS}", null="not asked for")
            for name in ("state", "state_batch", "readings_batch", "iot_monitor")
        ),
    ),
    "connection": (
        Column("logged_at", TIME, "when it happened"),
        Column("what", TEXT, "connected, subscribed, lost, retry, refused, closed, …"),
        Column("attempt", ID, "number of the attempt since the last success", null=_NO_ATTEMPT),
        Column("code", ID, "close code of the WebSocket, or the platform's", null="there was none"),
        Column("detail", TEXT, "a sentence on it", null="there is nothing to add"),
        Column(
            "steady_s",
            REAL,
            "since the recording began, by a clock that nobody sets and that goes on in sleep",
            unit="s",
            null="an older fleetlab recorded it",
        ),
    ),
    "gaps": (
        Column("started_at", TIME, "from when data may be missing"),
        Column("ended_at", TIME, "until when data may be missing", null="it goes on"),
        Column("duration_s", REAL, "by a clock that nobody sets", unit="s", null="it goes on"),
        Column("reason", TEXT, "disconnected, asleep, queue_overrun, between_recordings"),
        Column("event", TEXT, "the event that it concerns", null=_ALL),
        Column("tracker_id", ID, "the tracker that it concerns", null=_ALL),
        Column("field", TEXT, "the attribute that it concerns", null=_ALL),
    ),
    "rejects": (
        Column("seq", ID, "number of the frame in the recording", null=_DAMAGE),
        Column("received_at", TIME, "when it arrived here", null=_DAMAGE),
        Column("event", TEXT, "the event's name", null="it could not be read, or it is a file's"),
        Column("tracker_id", ID, "the tracker", null="it isn't known"),
        Column("path", TEXT, "JSON path of the part that could not be read, or the file's name"),
        Column("reason", TEXT, "why"),
        Column("raw", TEXT, "the part as it came, at most 2,000 characters of it"),
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

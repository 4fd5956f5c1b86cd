"""Columns that detectors look at, and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMNS", "TIMES", "column"]

TIMES: Final = frozenset(
    {"event_time", "received_at", "server_time", "gps_updated", "updated_at", "msg_time",
     "srv_time", "last_update"}
)  # fmt: skip
"""Columns of moments."""

_DTYPES: Final[dict[str, Any]] = {
    "seq": nw.Int64, "snapshot": nw.Boolean, "tracker_id": nw.Int64, "label": nw.String,
    "lat": nw.Float64, "lng": nw.Float64, "speed_kmh": nw.Float64, "satellites": nw.Float64,
    "gsm_lbs": nw.Boolean, "ignition": nw.Boolean, "movement_status": nw.String,
    "connection_status": nw.String, "sensor_id": nw.Int64, "value": nw.Float64,
    "min_value": nw.Float64, "max_value": nw.Float64,
}  # fmt: skip
COLUMNS: Final = frozenset(
    {*TIMES, *_DTYPES, "reading", "kind", "name", "sensor_label", "type", "units", "field",
     "queue", "composite_sensor_ids"}
)  # fmt: skip
"""All columns that detectors look at."""


def column(name: str, found: Mapping[str, Any]) -> nw.Expr:
    """Return a column in its declared type; null where the frame lacks it."""
    if name in TIMES:
        short = name.removesuffix("_at").removesuffix("_time") + "_us"
        made = nw.col(name) if name in found else nw.lit(None, nw.Int64)
        return made.cast(nw.Int64).alias(short)
    dtype = _DTYPES.get(name, nw.String)
    # One tracker without an id has a number meanwhile, since nulls don't join.
    lacks = 0 if name == "tracker_id" else None
    made = nw.col(name).cast(dtype) if name in found else nw.lit(lacks, dtype)
    if name == "snapshot":
        return made.fill_null(value=False).alias(name)
    if dtype is nw.Float64 and name in found:
        return nw.when(~made.is_nan()).then(made).alias(name)
    return made.alias(name)

"""What is known of devices' attributes, as a frame, as JSON, and as it travels to a browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl

from fleetlab.live.queues import QUEUES

if TYPE_CHECKING:
    from fleetlab.live.queues import Look

__all__ = ["frame", "head", "json", "messages"]

_TYPES: Final = pl.Enum(["null", "bool", "int", "float", "string"])
"""As the script has them, in this order."""

_FRAME: Final = (
    "tracker_id",
    "label",
    "queue",
    "field",
    "depth",
    "msg_time",
    "srv_time",
    "delay_s",
    "value",
    "value_text",
    "value_type",
)


def frame(look: Look) -> pl.DataFrame:
    """Return all values, a row each; of an attribute the newest first.

    Returns
    -------
    polars.DataFrame
        ``tracker_id``, ``label``, ``queue``, ``field``, ``depth`` (0: the newest), ``msg_time`` and
        ``srv_time`` (UTC), ``delay_s`` (s, from the first to the second), ``value``,
        ``value_text``, ``value_type``.
    """
    places = pl.DataFrame(
        [(who, label, n) for n, (who, label, _) in enumerate(look.devices)],
        schema={"tracker_id": pl.Int64, "label": pl.String, "column": pl.Int64},
        orient="row",
    )
    depth = pl.int_range(pl.len()).reverse().over("tracker_id", "queue", "field")
    delay = (pl.col("srv_time") - pl.col("msg_time")).dt.total_microseconds() / 1_000_000
    return (
        look.values.with_columns(depth=depth, delay_s=delay)
        .join(places, on="tracker_id", how="left")
        .sort("column", pl.col("queue").cast(pl.Enum(QUEUES)), "field", "depth")
        .select(_FRAME)
    )


def json(rows: pl.DataFrame) -> str:
    """Return such a frame as JSON, a row a line, each number with all the digits that were sent."""
    return "[\n" + ",\n".join(map(_object, rows.iter_rows(named=True))) + "\n]\n"


def _object(row: dict[str, Any]) -> str:
    if row["value"] is not None:
        row["value"] = msgspec.Raw(row["value_text"].encode())
    return msgspec.json.encode(row).decode()


def head(look: Look) -> dict[str, Any]:
    """Return what travels each time: the moment, the devices, and what is to be said."""
    devices = [
        (str(who), label, heard_at and heard_at.timestamp())
        for who, label, heard_at in look.devices
    ]
    return {"now": time.time(), "devices": devices, "notice": look.notice}


def messages(values: pl.DataFrame) -> dict[str, Any]:
    """Return values as they came: what a device told of a moment, attribute by attribute."""
    names = values["field"].unique().sort()
    told = ["tracker_id", "queue", "t", "msg_time", "srv_time"]
    found = (
        values.with_columns(
            pl.col("tracker_id").cast(pl.String),
            pl.col("t", "msg_time", "srv_time").dt.epoch("us"),
            pl.col("field").cast(pl.Enum(names)).to_physical(),
            pl.col("value_type").cast(_TYPES, strict=False).to_physical(),
        )
        .group_by(pl.struct(told).rle_id().alias("message"), maintain_order=True)
        .agg(pl.col(told).first(), pl.col("field", "value_type", "value_text"))
    )
    return {"fields": names.to_list(), "messages": found.drop("message").rows()}

"""A recording put together in memory, with the gaps that a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fleetlab.recording.manifest import Info
from fleetlab.recording.recording import Recording
from fleetlab.schemas import EVENTS, TABLES, empty, schema

if TYPE_CHECKING:
    from datetime import datetime


def readings(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return a frame of fuel readings; what a row doesn't tell is a tank of 100 litre's."""
    tank = {
        "snapshot": False,
        "tracker_id": 1,
        "label": "one",
        "kind": "input",
        "reading": "input:7",
        "sensor_id": 7,
        "name": "lls_1",
        "sensor_label": "Tank",
        "type": "fuel",
        "units": "litre",
        "max_value": 100.0,
    }
    full = [{"received_at": row["event_time"], **tank, **row} for row in rows]
    wanted = schema("readings_batch")
    return pl.DataFrame(
        {name: [row.get(name) for row in full] for name in wanted}, schema=dict(wanted)
    )


def recorded(
    frames: dict[str, pl.DataFrame],
    start: datetime,
    end: datetime,
    *gaps: tuple[datetime, datetime],
) -> Recording:
    """Return a recording of frames, with gaps in the connection."""
    lost = [
        {
            "started_at": since,
            "ended_at": until,
            "duration_s": (until - since).total_seconds(),
            "reason": "disconnected",
        }
        for since, until in gaps
    ]
    info = Info(
        name="made",
        started_at=start,
        ended_at=end,
        server="demo",
        timezone="Europe/Madrid",
        requests=[{"type": name} for name in frames],
    )
    tables = {name: empty(name) for name in TABLES}
    return Recording(
        info,
        None,
        {name: [] for name in EVENTS},
        {name: [frames[name]] if name in frames else [] for name in EVENTS},
        {**tables, "gaps": pl.DataFrame(lost, schema=schema("gaps"))},
    )

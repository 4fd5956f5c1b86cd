"""Fleets as a test says they are, one row after another."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from fleetlab.live.fleet import Fleet
from fleetlab.live.standing import Standing
from fleetlab.recording import Recording
from tests.charts.recordings import at, recording, rows_of


def state(second: float, who: int = 1, **more):
    more = {"movement_status": "moving", "connection_status": "active"} | more
    return {"tracker_id": who, "event_time": at(second), **more}


def fuel(second: float, value: float | None, sensor: int = 7, who: int = 1, **more):
    more = {"units": "litre", "kind": "input", "type": "fuel"} | more
    told = {"tracker_id": who, "event_time": at(second), "updated_at": at(second)}
    return {**told, "reading": f"input:{sensor}", "sensor_id": sensor, "value": value, **more}


def row_of(source, who: int = 1) -> dict:
    table = source.frame if isinstance(source, Fleet) else Standing().look(source)
    return table.row(by_predicate=pl.col("tracker_id") == who, named=True)


def grown(*batches, labels=None, asked: object = "all", **more) -> Recording:
    """A recording with its rows in pieces, as one that goes on has them."""
    rec = recording(labels=labels, **more)
    rec.info = replace(rec.info, requests=[{"type": "state_batch", "trackers": asked}])
    for event, rows in batches:
        rec._tail.setdefault(event, []).append(rows_of(event, rows))
    return rec

"""Fleets as a test says they are, one row after another, and jobs that go on as it says."""

from __future__ import annotations

import threading
from dataclasses import replace

import polars as pl

import fleetlab as fl
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


class Job(fl.Job):
    """A job that goes on as the test says."""

    def __init__(self, rec: Recording) -> None:
        self.rec, self.runs, self.error = rec, threading.Event(), None
        self.runs.set()

    running = property(lambda self: self.runs.is_set())
    recording = property(lambda self: self.rec)

    def result(self):
        if self.error:
            raise self.error
        return self.rec


LABELS = {1: "a", 2: "b", 3: "c"}


def job_of(*batches) -> Job:
    rec = grown(*batches, labels=LABELS)
    return Job(Recording(replace(rec.info, ended_at=None), None, {}, rec._tail, rec._tables))


def add(job: Job, *rows, event: str = "state_batch", labels=LABELS) -> None:
    tail = {name: list(frames) for name, frames in job.rec._tail.items()}
    tail.setdefault(event, []).append(rows_of(event, rows))
    tables = grown(labels=labels)._tables
    job.rec = Recording(job.rec.info, None, {}, tail, tables)


def end(job: Job) -> None:
    info = replace(job.rec.info, ended_at=at(600), stopped_because="stop")
    job.rec = Recording(info, None, {}, job.rec._tail, job.rec._tables)
    job.runs.clear()

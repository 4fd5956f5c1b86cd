"""A recording in which everything happens that a recording can tell of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import fleetlab as fl
from fleetlab import pipeline
from fleetlab.recording.journal import JournalWriter
from fleetlab.schemas import EVENTS, TABLES
from fleetlab.simulator import Oddity, Simulator
from tests.conftest import eventually


@contextlib.contextmanager
def small_files(rows: int) -> Iterator[None]:
    """Make parts and segments end early."""
    segments = {"segment_bytes": 1_000_000, "flush_bytes": 100_000}
    writer = JournalWriter.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "PART_ROWS", rows)
        patch.setattr(writer, "__kwdefaults__", writer.__kwdefaults__ | segments)
        yield


def record(folder: Path, *, part_rows: int = 150, steps: int = 12, **more: Any) -> fl.Recording:
    """Record several parts, gaps, rejects, queues of attributes, clones, a block and a logout."""
    with (
        small_files(part_rows),
        Simulator(vehicles=12, seed=3, tick=None, record=True, oddities=tuple(Oddity)) as sim,
    ):
        ids = sim.tracker_ids
        job = fl.start(
            server=sim.base_url,
            api_key=sim.api_key,
            save_to=folder,
            rate_limit="1s",
            view=False,
            events=[
                fl.State(trackers=ids[:5]),
                "state_batch",
                "readings_batch",
                fl.IotMonitor(trackers=ids[:10]),
            ],
            **more,
        )

        def arrived() -> None:
            count = len(sim.ledger)
            eventually(lambda: job.progress().messages >= count, "what was sent has arrived")

        def go_on() -> None:
            for _ in range(steps):
                sim.step(1.0)
                arrived()

        eventually(lambda: sim.requests, "the client subscribes")
        go_on()
        for text in ("rubbish", '{"type":"event","event":"comet","data":1}'):
            sim.say(text)
        sim.block(ids[1])
        go_on()
        sim.cut()
        eventually(lambda: len(sim.requests) == 2, "the client subscribes again")
        sim.unblock(ids[1])
        go_on()
        sim.logout()
        rec = job.result()
    rec.annotate("2026-11-23T19:05:00+01:00", "the depot's gate was shut")
    assert rec.info.stopped_because == "logout"
    for name in (*(set(EVENTS) - {"logout"}), *TABLES):
        assert not frame(rec, name).is_empty(), f"{name} would not be tested"
    return rec


def frame(rec: fl.Recording, name: str) -> pl.DataFrame:
    return rec.frames[name] if name in EVENTS else getattr(rec, name)


def same(one: fl.Recording, other: fl.Recording) -> None:
    """Assert that two recordings tell the same, whatever folder they are in."""
    for name in (*EVENTS, *TABLES):
        assert_frame_equal(frame(one, name), frame(other, name))
    assert told(one) == told(other)


def told(rec: fl.Recording) -> dict[str, Any]:
    return {name: value for name, value in vars(rec.info).items() if name != "path"}

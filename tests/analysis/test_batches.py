"""Many rows are looked at some trackers at a time, and what is found stays the same."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import fleetlab as fl
from fleetlab.analysis import batches
from tests.analysis import devices
from tests.charts.recordings import recording

NAMES = ("trips", "stops", "idling", "speeding", "status_spans", "silences", "mileage", "latency",
         "within", "fuel_events", "fuel_consumption", "fleet_summary")  # fmt: skip


@pytest.fixture(scope="module")
def day():
    return devices.days(10, seed=5, days=0.6)


def found(name: str, states, readings):
    more = {"places": (40.4168, -3.7038, 3000)} if name == "within" else {}
    if name.startswith("fuel_"):
        return getattr(fl, name)(readings, states=states)
    if name in ("mileage", "fleet_summary"):
        more["readings"] = readings
    return getattr(fl, name)(states, **more)


@pytest.mark.parametrize("name", NAMES)
def test_in_batches_a_detector_finds_the_same(name, day, monkeypatch):
    at_once = found(name, day.states, day.readings)
    assert not at_once.is_empty()
    seen = []
    split = batches._batches
    monkeypatch.setattr(batches, "ROWS", 5000)
    monkeypatch.setattr(
        batches, "_batches", lambda frames: seen.append(list(split(frames))) or seen[-1]
    )
    # Which other trackers there are makes no difference, but for the last digits of a sum.
    assert_frame_equal(found(name, day.states, day.readings), at_once)
    assert max(map(len, seen)) >= 3
    lazy = found(name, day.states.lazy(), day.readings.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), at_once)


def test_a_recording_is_read_in_batches(day, monkeypatch):
    rec = recording(state_batch=day.states.to_dicts(), minutes=900)
    at_once = fl.trips(rec)
    assert at_once.height > 10
    monkeypatch.setattr(batches, "ROWS", 5000)
    assert_frame_equal(fl.trips(rec), at_once)


def test_there_are_never_more_than_some_twenty(day, monkeypatch):
    monkeypatch.setattr(batches, "ROWS", 1)
    made = list(batches._batches([day.states.lazy()]))
    assert 2 < len(made) <= 21
    assert pl.concat(made).to_list() == day.states["tracker_id"].unique().sort().to_list()

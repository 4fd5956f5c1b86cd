"""Charts that move: what they choose, what they send, how they end, and what they hand over."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise

import altair as alt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fleetlab as fl
from fleetlab.live import moving, over_time, plots
from fleetlab.recording import Recording
from tests.charts.recordings import at, recording
from tests.conftest import eventually
from tests.live.fleets import fuel, grown, state

HOSTILE = '</text><script>alert("1")</script>\u202e'


def names(view, panel: int = 0) -> list[str]:
    parts = view.picture["panels"][panel]
    return [one["name"] for one in parts.get("lines", parts.get("rows"))]


def drive(who: int = 1, **more):
    return [state(n, who, speed_kmh=10.0 + n % 7, **more) for n in range(0, 600, 5)]


def still(who: int):
    return [state(n, who, speed_kmh=0.0, movement_status="parked") for n in range(0, 600, 60)]


def test_of_a_recording_the_last_minutes_are_shown_as_the_chart_draws_them():
    came = [row for row in drive() + still(2) if not at(300) <= row["event_time"] < at(360)]
    rec = recording(state_batch=came, gaps=[(300, 360, "disconnected")])
    view = fl.live.speed(rec, minutes=5)
    axis, [panel] = view.picture["axis"], view.picture["panels"]
    assert axis["to"] - axis["from"] == 300_000
    assert axis["gaps"] == [(0, 60_000, "disconnected")]
    assert axis["title"] == "Time (Europe/Madrid)"
    line = {one["name"]: one for one in panel["lines"]}["Truck 1"]
    assert line["points"][:2] == [(0, None), (60_000, 13.0)]
    assert line["points"][-1] == (300_000, line["points"][-2][1])
    assert panel["ticks"] == [0, 5, 10, 15, 20]
    assert "ended, as of 2026-07-01 09:10:00 UTC" in view.words
    chart = view.chart()
    assert isinstance(chart, alt.LayerChart)
    drawn = json.dumps(chart.to_dict())
    assert "Truck 2" in drawn
    assert '"event_time": 1782897060000' not in drawn  # nothing in the gap
    assert set(view.recording.state_batch["tracker_id"]) == {1, 2}


def test_a_line_breaks_in_a_gap():
    rec = recording(state_batch=drive(), gaps=[(400, 460, "disconnected")])
    [panel] = fl.live.speed(rec, minutes=5).picture["panels"]
    [line] = panel["lines"]
    broken = [moment for moment, value in line["points"] if value is None]
    assert broken == [100_000]


def test_levels_are_in_their_unit_and_the_full_tank_is_told():
    levels = [fuel(n, 50.0 - n / 100, max_value=80.0) for n in range(0, 600, 10)]
    other = [fuel(n, 30.0, 8, units="%", max_value=100.0) for n in range(0, 600, 60)]
    view = fl.live.fuel_level(recording(readings_batch=levels + other))
    assert [one["title"] for one in view.picture["panels"]] == [
        "Fuel level (litre)",
        "Fuel level (%)",
    ]
    assert [one["full"][0]["value"] for one in view.picture["panels"]] == [80.0, 100.0]
    assert isinstance(view.chart(), alt.VConcatChart)
    only = fl.live.fuel_level(recording(readings_batch=levels + other), sensors=[7])
    assert len(only.picture["panels"]) == 1


def test_a_status_is_a_row_with_three_bands_and_grey_where_nothing_is_known():
    rows = [state(0, ignition=True), state(300, movement_status="parked", ignition=False)]
    rec = recording(state_batch=rows, gaps=[(400, 420, "disconnected")])
    [panel] = fl.live.status(rec).picture["panels"]
    [row] = panel["rows"]
    grey = ["unknown", "unknown"]
    assert [one[2] for one in row["movement"]] == ["moving", "parked", *grey]
    assert [one[2] for one in row["ignition"]] == ["ignition on", "ignition off", *grey]
    told = [one[3] for one in row["movement"][2:]]
    assert told == ["unknown: not received: disconnected", "unknown: not yet known"]
    assert {one["what"] for one in panel["legend"]} == {"movement", "ignition", "connection"}


class Job(fl.Job):
    """A job that goes on as the test says."""

    def __init__(self, rec: Recording) -> None:
        info = replace(rec.info, ended_at=None, stopped_because=None)
        self.rec, self.runs = Recording(info, None, {}, rec._tail, rec._tables), True

    running = property(lambda self: self.runs)
    recording = property(lambda self: self.rec)

    def result(self):
        return self.rec

    def add(self, *rows, event: str = "state_batch") -> None:
        more = grown((event, rows))._tail[event]
        tail = {name: list(frames) for name, frames in self.rec._tail.items()}
        tail.setdefault(event, []).extend(more)
        self.rec = Recording(self.rec.info, None, {}, tail, self.rec._tables)


@pytest.fixture
def job(monkeypatch):
    """A capture whose clock stands ten minutes after its beginning."""
    monkeypatch.setattr(moving, "datetime", FixedClock)
    made = Job(grown(("state_batch", still(1))))
    yield made
    made.runs = False


class FixedClock(moving.datetime):
    @classmethod
    def now(cls, _=None):
        return at(600)


def test_the_first_that_change_are_shown_and_each_keeps_its_place_and_colour(job):
    view = fl.live.speed(job, every=3600)
    assert view.picture["panels"] == []
    assert view.picture["why"] == "Of 1 trackers none has changed yet."
    job.add(*drive(5))
    view._look()
    assert names(view) == ["Truck 5"]
    job.add(*drive(3), *(state(n, 3, speed_kmh=90.0) for n in (500, 510)))
    view._look()
    assert names(view) == ["Truck 5", "Truck 3"]
    colours = [one["colour"] for one in view.picture["panels"][0]["lines"]]
    for who in range(20, 40):
        job.add(*drive(who))
    view._look()
    assert names(view)[:2] == ["Truck 5", "Truck 3"]
    assert [one["colour"] for one in view.picture["panels"][0]["lines"]][:2] == colours
    assert len(names(view)) == 8
    assert view.picture["remarks"][0].startswith("8 of 23 trackers:")
    job.add(*(state(n, 99, speed_kmh=float(n)) for n in range(0, 600, 5)))
    view._look()
    assert len(names(view)) == 8
    assert 99 not in view.recording.state_batch["tracker_id"]  # nor kept any more
    view.stop()


def test_after_a_while_places_that_are_free_go_to_those_that_rest(job, monkeypatch):
    view = fl.live.speed(job, every=3600)
    monkeypatch.setattr(moving, "PATIENCE_S", 0.0)
    view._look()
    assert names(view) == ["Truck 1"]
    view.stop()


def test_rows_of_status_are_there_at_once_and_what_moves_comes_first(job):
    job.add(*(state(1, who, movement_status="parked") for who in range(2, 30)), state(1, 77))
    view = fl.live.status(job, every=3600)
    assert len(names(view)) == over_time.ROWS
    assert names(view)[0] == "Truck 77"
    view.stop()


@pytest.mark.parametrize("trackers", [[2, "Truck 3"], ("Truck 3", 2)])
def test_trackers_are_chosen_by_id_or_label(job, trackers):
    job.add(*drive(1), *drive(2), *drive(3))
    view = fl.live.speed(job, trackers=trackers, every=3600)
    assert set(names(view)) == {"Truck 2", "Truck 3"}
    assert view.picture["remarks"] == []
    view.stop()


def test_of_chosen_trackers_that_are_known_only_their_rows_are_kept():
    labels = {1: "a", 2: "b", 3: "c"}
    rec = recording(labels=labels, state_batch=drive(1) + drive(2) + drive(3))
    view = fl.live.speed(rec, trackers=[2, "c"])
    assert set(view.recording.state_batch["tracker_id"]) == {2, 3}
    nothing = fl.live.speed(rec, trackers=["nobody"])
    assert nothing.picture["panels"] == []
    assert nothing.picture["why"]


def test_it_looks_by_itself_and_ends_with_the_job(job):
    view = fl.live.speed(job, every=0.1)
    job.add(*drive(5))
    eventually(lambda: view.picture["panels"], "it has looked")
    info = replace(job.rec.info, ended_at=at(610), stopped_because="stop")
    job.rec = Recording(info, None, {}, job.rec._tail, job.rec._tables)
    job.runs = False
    view._thread.join(5)
    assert not view._thread.is_alive()
    assert view.words == "ended, as of 2026-07-01 09:10:10 UTC"
    axis = view.picture["axis"]
    assert axis["to"] - axis["from"] == 600_000
    assert view.errors == ()


def test_a_growing_one_has_room_for_all_of_its_minutes(job):
    job.add(*drive(5))
    view = fl.live.speed(job, minutes=60, every=3600)
    axis = view.picture["axis"]
    assert axis["to"] - axis["from"] == 3_600_000
    assert view.picture["panels"][0]["lines"][0]["points"][-1][0] == 600_000
    view.stop()


def test_names_are_never_markup_and_all_travels_as_json():
    rows = [state(n, label=HOSTILE, speed_kmh=float(n)) for n in range(5)]
    rec = recording(state_batch=rows, notes=[(3, HOSTILE)])
    for view in (fl.live.speed(rec), fl.live.status(rec)):
        assert names(view) == [HOSTILE]
        json.dumps(view.picture, allow_nan=False)
        assert "innerHTML" not in view._esm


def test_what_was_not_asked_for_is_said():
    rec = recording(state_batch=drive())
    rec.info = replace(rec.info, requests=[{"type": "state_batch"}])
    view = fl.live.fuel_level(rec)
    assert "without readings_batch" in view.picture["why"]


def test_wrong_arguments_are_sentences():
    rec = recording(state_batch=drive())
    with pytest.raises(fl.InvalidArgument, match=r"minutes= must be from 0.1 to 1,440"):
        fl.live.speed(rec, minutes=0)
    with pytest.raises(fl.InvalidArgument, match="minutes= is a number"):
        fl.live.status(rec, minutes="10")
    with pytest.raises(fl.InvalidArgument, match="speed takes a job"):
        fl.live.speed(pl.DataFrame())
    with pytest.raises(fl.InvalidArgument, match="no time zone"):
        fl.live.fuel_level(recording(readings_batch=[fuel(1, 5.0)]), timezone="Madrid")


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_scale_is_round_and_holds_all(least, span):
    ticks = plots.scale(least, least + span)
    assert ticks[0] <= least + 1e-6
    assert ticks[-1] >= least + span - 1e-6
    assert 2 <= len(ticks) <= 9
    if span > 1e-2:
        step = ticks[1] - ticks[0]
        assert all(math.isclose(b - a, step, rel_tol=1e-6) for a, b in pairwise(ticks))
        assert f"{step:.6e}"[0] in "125"

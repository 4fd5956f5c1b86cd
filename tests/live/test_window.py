"""The last minutes of a recording that grows say the same as the whole of it does of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fleetlab.charts.lines import lines
from fleetlab.charts.source import Source
from fleetlab.charts.speed import speeds
from fleetlab.charts.states import WHAT, States, strips
from fleetlab.live.window import Window
from fleetlab.recording import Recording
from tests.charts.recordings import START, at, recording, rows_of
from tests.live.fleets import state

ALL = {"state_batch": pl.lit(value=True), "state": pl.lit(value=True)}
LENGTH = timedelta(seconds=120)
quick = settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))


def growing(rows, gaps=()) -> Recording:
    rec = recording(gaps=gaps, state_batch=[])
    info = replace(rec.info, ended_at=None, stopped_because=None)
    return Recording(info, None, {}, {"state_batch": [rows_of("state_batch", rows)]}, rec._tables)


def drawn(rec: Recording, start, end):
    source = Source.of(rec, start=start, end=end)
    found = lines(speeds(source), source, chosen=True)
    states = States.of(source)
    bands = strips(states, source, sorted(states.lines), list(WHAT)).bands
    points = (
        found.points.with_columns(pl.col("line").cast(pl.String))
        .sort("line", maintain_order=True)
        # Where nothing is known yet, there is nothing to break.
        .filter(pl.col("value").is_not_null() | pl.col("value").shift(1).over("line").is_not_null())
    )
    return points.rows(), {name: one.rows() for name, one in bands.items()}


ROW = st.fixed_dictionaries(
    {
        "tracker_id": st.integers(1, 3),
        "late": st.sampled_from([0.0, 0.0, 0.5, 20.0]),
        "speed_kmh": st.one_of(st.none(), st.integers(0, 90).map(float)),
        "movement_status": st.sampled_from(["moving", "stopped", "parked"]),
        "connection_status": st.sampled_from(["active", "active", "signal_lost"]),
    }
)


@quick
@given(
    st.lists(st.tuples(st.integers(1, 30), ROW), min_size=1, max_size=40),
    st.lists(st.integers(0, 40), max_size=5),
    st.sampled_from([(), ((100, 130, "disconnected"),)]),
)
def test_it_draws_what_the_whole_recording_draws_of_these_minutes(steps, looks, gaps):
    rows, second = [], 0.0
    for step, row in steps:
        second += step
        late = row["late"]
        more = {name: value for name, value in row.items() if name != "late"}
        more["label"] = f"Truck {row['tracker_id']}"
        rows.append({**more, "event_time": at(second - late), "received_at": at(second)})
    window = Window(ALL, LENGTH)
    for many in sorted(min(one, len(rows)) for one in looks):
        moment = rows[many - 1]["received_at"] if many else at(0)
        known = [gap for gap in gaps if at(gap[1]) <= moment]
        window.look(growing(rows[:many], known), at=moment)
    whole = growing(rows, [gap for gap in gaps if at(gap[1]) <= rows[-1]["received_at"]])
    end = rows[-1]["received_at"] + timedelta(seconds=1)
    part = window.look(whole, at=end)
    assert window.now == end
    assert window.start == max(START, end - LENGTH)
    assert drawn(part, window.start, end) == drawn(whole, window.start, end)


def test_it_grows_from_the_beginning_of_the_recording_and_then_moves():
    window = Window(ALL, LENGTH)
    for second, start in ((10, 0), (120, 0), (121, 1), (500, 380)):
        window.look(growing([state(1)]), at=at(second))
        assert (window.start, window.now) == (at(start), at(second))
        assert window.end == at(start) + LENGTH


def test_what_is_too_old_is_let_go_but_for_the_last_of_each_tracker():
    rows = [state(n, n % 3 + 1, speed_kmh=float(n)) for n in range(300)]
    window = Window(ALL, LENGTH)
    kept = window.look(growing(rows), at=at(299)).state_batch
    assert len(kept) == 121 + 3
    assert kept["speed_kmh"].min() == 176.0


def test_only_rows_of_the_trackers_that_are_shown_are_kept():
    window = Window(ALL, LENGTH)
    rows = [state(n, n % 3 + 1) for n in range(60)]
    window.look(growing(rows[:30]), at=at(30))
    window.trackers = frozenset({2})
    assert set(window.look(growing(rows), at=at(60)).state_batch["tracker_id"]) == {2}


def test_a_replay_is_seen_on_its_own_clock_gaps_included():
    """A day later, ten times as fast; the connection was away from 90 s to 150 s."""
    day = timedelta(days=1)

    def played(second: float):
        return START + day + timedelta(seconds=second / 10)

    seconds = [*range(0, 90, 10), *range(150, 240, 10)]
    rows = [
        state(n, received_at=played(n), speed_kmh=float(n), snapshot=n in (0, 150)) for n in seconds
    ]
    rec = growing(rows)
    info = replace(rec.info, started_at=START + day)
    away = ((86_400 + 8.5, 86_400 + 14.9, "disconnected"),)
    tables = growing([], away)._tables
    rec = Recording(info, None, {}, rec._tail, tables)
    window = Window(ALL, timedelta(minutes=10))
    part = window.look(rec, at=played(230))
    assert window.now == at(230)
    assert window.start == at(10)  # of what came by itself
    assert part.gaps.select("started_at", "ended_at").rows() == [(at(80), at(160))]
    source = Source.of(part, start=window.start, end=window.now)
    points = lines(speeds(source), source, chosen=True).points
    assert points.filter(pl.col("value").is_null())["event_time"].to_list() == [at(80)]
    assert points["value"].to_list()[-1] == 230.0


def test_a_long_recording_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr("fleetlab.live.news.PIECE", 7)
    rows = [state(n, n % 3 + 1, speed_kmh=float(n)) for n in range(100)]
    some, whole = Window(ALL, LENGTH), Window(ALL, LENGTH)
    part = some.look(growing(rows), at=at(100)).state_batch
    monkeypatch.undo()
    assert part.equals(whole.look(growing(rows), at=at(100)).state_batch)

"""Values hold until the next one, and lines break where nothing is known."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import fleetlab as fl
from fleetlab import charts
from fleetlab.charts.lines import MOST, held
from fleetlab.charts.source import Source
from fleetlab.recording.manifest import Info
from fleetlab.recording.recording import Recording
from fleetlab.schemas import TABLES, empty, schema, table
from tests.charts.pictures import data_of, states, utc

START = utc("2026-07-01T09:00:00")
END = START + timedelta(minutes=10)


def at(minutes: float):
    return START + timedelta(minutes=minutes)


def recording(rows: list[dict[str, Any]], gaps=()) -> Recording:
    """A recording in memory of ten minutes from START on, with gaps from and to such minutes."""
    tables = {name: empty(name) for name in TABLES}
    micros = [[int(at(one).timestamp()) * 1_000_000 for one in gap] for gap in gaps]
    tables["gaps"] = table(
        "gaps", [(a, b, (b - a) / 1e6, "disconnected", None, None, None) for a, b in micros]
    )
    info = Info(
        name="ten minutes",
        started_at=START,
        ended_at=END,
        server="demo",
        timezone="Europe/Madrid",
        requests=[{"type": "state_batch"}],
        stopped_because="time",
    )
    return Recording(info, None, {}, {"state_batch": [states(rows)]}, tables)


def drawn(chart) -> list[tuple[float, float | None]]:
    """Minutes and value of what is drawn."""
    return [
        ((row["event_time"] / 1000 - START.timestamp()) / 60, row.get("value"))
        for row in data_of(chart)
        if "line" in row
    ]


def speed(minutes: float, kmh: float | None, **more: Any) -> dict[str, Any]:
    return {"event_time": at(minutes), "speed_kmh": kmh, "connection_status": "active", **more}


def test_a_speed_holds_until_the_next_one_and_the_last_to_the_end():
    chart = charts.speed(recording([speed(1, 30.0), speed(4, 50.0)]))
    assert drawn(chart) == [(1, 30), (4, 50), (10, 50)]
    assert {layer.mark.interpolate for layer in chart.layer[:1]} == {"step-after"}


def test_a_gap_is_never_bridged():
    rec = recording([speed(1, 30.0), speed(8, 50.0)], gaps=[(3, 6)])
    assert drawn(charts.speed(rec)) == [(1, 30), (3, 30), (3, None), (8, 50), (10, 50)]


def test_a_part_that_begins_in_a_gap_knows_nothing_until_something_comes():
    rec = recording([speed(1, 30.0), speed(8, 50.0)], gaps=[(3, 6)])
    chart = charts.speed(rec, start=at(4))
    assert drawn(chart) == [(4, None), (8, 50), (10, 50)]


def test_what_was_told_before_a_gap_is_not_known_after_it():
    rec = recording([speed(1, 30.0)], gaps=[(3, 5), (7, 8)])
    assert drawn(charts.speed(rec)) == [(1, 30), (3, 30), (3, None)]


def test_what_was_told_before_a_gap_that_ended_before_the_beginning_is_not_known():
    rec = recording([speed(1, 30.0), speed(8, 50.0)], gaps=[(3, 5)])
    assert drawn(charts.speed(rec, start=at(6))) == [(6, None), (8, 50), (10, 50)]


def test_what_was_told_after_that_gap_holds_at_the_beginning():
    rec = recording([speed(1, 30.0), speed(5.5, 50.0)], gaps=[(3, 5)])
    assert drawn(charts.speed(rec, start=at(6))) == [(6, 50), (10, 50)]


def test_a_gap_that_is_still_open_ends_the_line():
    rec = recording([speed(1, 30.0)], gaps=[(3, 6)])
    still = pl.lit(None, pl.Datetime("us", "UTC"))
    length = pl.lit(None, pl.Float64)
    rec._tables["gaps"] = rec.gaps.with_columns(ended_at=still, duration_s=length)
    assert drawn(charts.speed(rec)) == [(1, 30), (3, 30), (3, None)]
    for chart in (charts.status, charts.quality, charts.overview):
        chart(rec).to_dict()


def test_what_held_before_begins_with_the_recording_and_never_stretches_the_axis():
    before = speed(-9_000, 20.0, snapshot=True, received_at=at(0))
    chart = charts.speed(recording([before, speed(5, 60.0)]))
    assert drawn(chart) == [(0, 20), (5, 60), (10, 60)]
    for layer in chart.to_dict()["layer"]:
        domain = layer["encoding"]["x"]["scale"]["domain"]
        assert json.loads(domain["expr"]) == [START.timestamp() * 1000, END.timestamp() * 1000]


def test_a_snapshot_after_a_gap_says_nothing_of_the_gap():
    again = speed(4, 40.0, snapshot=True, received_at=at(6.5))
    rec = recording([speed(1, 30.0), again], gaps=[(3, 6)])
    assert drawn(charts.speed(rec)) == [(1, 30), (3, 30), (3, None), (6, 40), (10, 40)]


@pytest.mark.parametrize("status", ["signal_lost", "offline"])
def test_the_line_breaks_while_the_device_is_not_heard(status):
    rows = [speed(1, 30.0), speed(3, 30.0, connection_status=status), speed(6, 40.0)]
    assert drawn(charts.speed(recording(rows))) == [(1, 30), (3, None), (6, 40), (10, 40)]


def test_the_same_moment_sent_twice_counts_once():
    rows = [speed(1, 30.0), speed(1, 31.0)]
    assert drawn(charts.speed(recording(rows))) == [(1, 31), (10, 31)]


def test_a_part_of_the_time_begins_with_what_held_then():
    rec = recording([speed(1, 30.0), speed(5, 50.0)])
    chart = charts.speed(rec, start=at(2), end="2026-07-01 11:06")
    assert drawn(chart) == [(2, 30), (5, 50), (6, 50)]


def test_trackers_of_one_label_are_two_lines():
    rows = [speed(1, 1.0, tracker_id=n, label="Van") for n in (1, 2)]
    lines = {row["line"] for row in data_of(charts.speed(recording(rows)))}
    assert lines == {"Van (1)", "Van (2)"}


def test_of_too_many_trackers_those_are_shown_that_vary_most_and_it_is_said():
    rows = [
        speed(minute, float(n * minute), tracker_id=n, label=f"Van {n}")
        for n in range(1, 31)
        for minute in (1, 2)
    ]
    chart = charts.speed(recording(rows))
    assert {row["line"] for row in data_of(chart)} == {f"Van {n}" for n in range(30, 30 - MOST, -1)}
    assert "8 of 30 shown: those whose speed varies most" in " ".join(chart.title.subtitle)
    chosen = charts.speed(recording(rows), trackers=[1, "Van 2"])
    assert {row["line"] for row in data_of(chosen)} == {"Van 1", "Van 2"}


def test_a_bare_frame_is_drawn_from_its_first_to_its_last_moment():
    frame = states([speed(1, 30.0), speed(4, 50.0)])
    thin = frame.select("event_time", "tracker_id", "speed_kmh")
    for data in (frame, frame.lazy(), thin):
        assert drawn(charts.speed(data)) == [(1, 30), (4, 50), (4, 50)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start": "yesterday"}, r"start= is no moment"),
        ({"start": "2026-07-01 12:00"}, r"no time between"),
        ({"timezone": "Mars"}, r"'Mars' is no time zone"),
        ({"limit_kmh": -1}, r"limit_kmh=-1 is no speed"),
    ],
)
def test_what_cannot_be_drawn_is_told(arguments, words):
    with pytest.raises(fl.InvalidArgument, match=words):
        charts.speed(recording([speed(1, 30.0)]), **arguments)


def test_other_things_than_recordings_and_frames_are_refused():
    with pytest.raises(fl.InvalidArgument, match="Polars frame, not dict"):
        charts.speed({})
    with pytest.raises(fl.InvalidArgument, match="no column event_time or received_at"):
        charts.speed(pl.DataFrame({"a": [1]}))


@pytest.mark.parametrize("rows", [[], [speed(1, None)]])
def test_no_speed_is_a_chart_that_says_so(rows):
    [row] = data_of(charts.speed(recording(rows)))
    assert row["why"] == "state_batch brought no rows of this."


@pytest.mark.parametrize("chart", [charts.speed, charts.status])
def test_notes_are_drawn_where_they_belong(chart):
    rec = recording([speed(1, 30.0)])
    rec._tables["notes"] = pl.DataFrame(
        {"noted_at": [at(3), at(30)], "text": ["shift begins", "much later"]},
        schema=dict(schema("notes")),
    )
    notes = [row for row in data_of(chart(rec)) if "text" in row]
    assert notes == [{"began": at(3).timestamp() * 1000, "text": "shift begins"}]


def test_lines_of_many_gaps_stay_in_order():
    gaps = [(n, n + 0.5) for n in range(1, 9)]
    told = [speed(n + 0.75, float(n)) for n in range(9)]
    source = Source.of(recording(told, gaps=gaps))
    rows = source.states().select(
        "line", "event_time", "received_at", "snapshot", value="speed_kmh"
    )
    found = held(rows, source).collect()
    assert found["event_time"].is_sorted()
    assert found["value"].is_null().sum() == len(gaps)


def test_a_break_is_one_however_often_it_is_told():
    rows = [speed(1, 30.0), *(speed(n / 10, None) for n in range(20, 50)), speed(8, 50.0)]
    assert drawn(charts.speed(recording(rows))) == [(1, 30), (2, None), (8, 50), (10, 50)]


def test_a_row_that_speaks_of_long_ago_does_not_stretch_a_bare_frame():
    old = speed(-9_000, 10.0, received_at=at(0))
    news = [speed(minute, 30.0 + minute) for minute in range(1, 11)]
    assert drawn(charts.speed(states([old, *news])))[0] == (1, 31)


def test_a_bare_frame_of_nothing_but_the_past_is_drawn_where_it_speaks_of():
    rows = [speed(minute, 30.0 + minute, received_at=at(9_000)) for minute in (1, 9)]
    assert drawn(charts.speed(states(rows))) == [(1, 31), (9, 39), (9, 39)]

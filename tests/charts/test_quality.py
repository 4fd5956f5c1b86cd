"""How the data came in: rates, delays, gaps, silent devices."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetlab import charts
from fleetlab.charts.arrivals import Arrivals
from fleetlab.charts.buckets import MOST, Buckets
from fleetlab.charts.silent import silent
from fleetlab.charts.source import Source
from tests.charts.pictures import data_of, is_valid, png_of
from tests.charts.recordings import (
    START,
    at,
    charts_of,
    drawn,
    micros,
    panel_titles,
    recording,
    rows_of,
)


def state(seconds: float, *, gps: float | None = None, seq: int | None = None, **more):
    """A state that arrives so many seconds after START; fresh unless it says otherwise."""
    moment = at(seconds - 1 if gps is None else gps)
    return {
        "seq": int(seconds * 10) if seq is None else seq,
        "received_at": at(seconds),
        "event_time": moment,
        "gps_updated": moment,
        **more,
    }


def told(chart) -> str:
    return " ".join(chart.title["subtitle"])


def test_a_message_counts_once_and_all_its_rows_do():
    rows = [state(12, seq=1, tracker_id=who) for who in range(6)] + [state(13, seq=2)]
    readings = [state(14, seq=3, kind="input", reading="input:1")]
    chart = charts.quality(recording(state_batch=rows, readings_batch=readings))
    rates = {row["event"]: row["value"] for row in drawn(chart, "Messages/s")}
    assert rates == {"state_batch": 2 / 5, "readings_batch": 1 / 5}
    rates = {row["event"]: row["value"] for row in drawn(chart, "Rows/s")}
    assert rates == {"state_batch": 7 / 5, "readings_batch": 1 / 5}
    assert "3 messages, 8 rows of 6 trackers" in told(chart)
    assert "One bar is 5 s." in told(chart)
    assert [row["began"] for row in drawn(chart, "Rows/s")] == [at(10).timestamp() * 1000] * 2


def test_events_stand_on_top_of_each_other():
    rows = {"state_batch": [state(1), state(2)], "readings_batch": [state(3)]}
    chart = charts.quality(recording(**rows))
    edges = [row[edge] for row in drawn(chart, "Rows/s") for edge in ("bottom", "top")]
    assert edges == pytest.approx([0, 2 / 5, 2 / 5, 3 / 5])


def test_recordings_that_each_count_from_1_are_told_apart():
    rows = [state(1, seq=7, recording=name) for name in ("one", "two")]
    chart = charts.quality(recording(state_batch=rows))
    assert "2 messages, 2 rows" in told(chart)


def test_delays_are_those_of_news_with_median_and_95_percent():
    waits = [0.5, 1, 1.5, 2, 8]
    rows = [state(30 + one / 100, gps=30 + one / 100 - one) for one in waits]
    rows.append(state(31, gps=-9_000, snapshot=True))
    gone = [state(32, gps=32, lifecycle_event="block")]
    chart = charts.quality(recording(state_batch=rows, lifecycle=gone))
    [row] = drawn(chart, "Delay (s)")
    assert row["rows"] == 5
    assert row["median_s"] == pytest.approx(median(waits))
    assert row["p95_s"] == pytest.approx(2 + 0.8 * 6)


def test_a_device_whose_clock_is_ahead_has_a_negative_delay():
    chart = charts.quality(recording(state_batch=[state(30, gps=33)]))
    assert [row["median_s"] for row in drawn(chart, "Delay (s)")] == [-3]


def test_long_delays_are_on_a_log_axis_that_says_so():
    rows = [state(30, gps=29), state(60, gps=-9_000), state(90, gps=95)]
    chart = charts.quality(recording(state_batch=rows))
    title = next(one for one in panel_titles(chart) if one.startswith("Delay"))
    assert "log scale" in title
    axes = [one["encoding"]["y"] for one in charts_of(chart.to_dict()) if "y" in one["encoding"]]
    [scale] = {one["scale"]["type"] for one in axes if "log scale" in str(one.get("axis"))}
    assert scale == "symlog"


def test_gaps_are_shaded_and_told_with_their_reason():
    gaps = [(120, 180, "disconnected"), (300, 330, "asleep")]
    rows = [state(second) for second in (*range(0, 120, 5), *range(180, 300, 5), 335)]
    chart = is_valid(charts.quality(recording(state_batch=rows, gaps=gaps)))
    assert "2 gaps, 1 min 30 s in all" in told(chart)
    spec = chart.to_dict()
    shades = [one for one in charts_of(spec) if "reason" in str(one["encoding"].get("tooltip"))]
    assert len(shades) == 4  # behind three panels, and in the strip
    for one in shades:
        shown = spec["datasets"][one["data"]["name"]]
        assert [(row["reason"], row["began"]) for row in shown] == [
            ("disconnected", micros(120) // 1000),
            ("asleep", micros(300) // 1000),
        ]
    png_of(chart)


def test_a_gap_that_began_before_is_clipped_and_told_whole():
    rec = recording(state_batch=[state(400)], gaps=[(100, 350, "disconnected")])
    chart = charts.quality(rec, start=at(200))
    [gap] = {tuple(row.items()) for row in data_of(chart) if "reason" in row}
    assert (dict(gap)["began"], dict(gap)["first"]) == (micros(200) // 1000, micros(100) // 1000)


def test_overruns_of_queues_are_counted_by_time_and_tracker():
    rec = recording(
        state_batch=[state(1)],
        overruns=[(11, 1), (12, 1), (13, 2), (500, 2)],
        labels={1: "Truck 1", 2: "Truck 2"},
    )
    counts = [(row["count"], row["trackers"]) for row in drawn(charts.quality(rec), "Overruns")]
    assert counts == [(3, 2), (1, 1)]
    only = charts.quality(recording(state_batch=[state(1)]))
    assert not any(title.startswith("Overruns") for title in panel_titles(only))
    one = charts.quality(rec, trackers="Truck 1")
    assert [row["count"] for row in drawn(one, "Overruns")] == [2]


def silences(rec) -> dict[str, tuple[float, str]]:
    found = silent(Source.of(rec)).select("line", "silent_s", "kind").rows()
    return {line: (seconds, kind) for line, seconds, kind in found}


def test_silent_is_whose_position_was_not_updated_for_five_minutes():
    fresh = [state(second, tracker_id=1) for second in range(0, 600, 30)]
    rows = [
        *fresh,
        state(10, gps=0, tracker_id=2),  # until the end
        state(10, gps=0, tracker_id=3),
        state(402, gps=400, tracker_id=3),  # heard again
        state(10, gps=301, tracker_id=4),  # a second less than five minutes
        state(5, gps=-1000, tracker_id=5, snapshot=True),
        state(20, gps=-1000, tracker_id=5),  # heard, but without a position
    ]
    assert silences(recording(state_batch=rows)) == {
        "Truck 5": (1600, "still silent at the end"),
        "Truck 2": (600, "still silent at the end"),
        "Truck 3": (400, "heard again"),
    }


def test_what_happened_in_a_gap_is_no_silence():
    gaps = [(100, 500, "disconnected")]
    rows = [state(90), state(501, gps=495, snapshot=True), state(599)]
    assert silences(recording(state_batch=rows, gaps=gaps)) == {}
    still = [state(90), state(501, gps=89, snapshot=True)]
    assert silences(recording(state_batch=still, gaps=gaps)) == {
        "Truck 1": (511, "still silent at the end")
    }


def test_of_many_silent_devices_20_are_shown_and_the_rest_is_told():
    rows = [state(5, gps=5 - who, tracker_id=who) for who in range(1, 31)]
    chart = is_valid(charts.quality(recording(state_batch=rows)))
    shown = drawn(chart, "Position not updated")
    assert [row["line"] for row in shown] == [f"Truck {who}" for who in range(30, 10, -1)]
    words = str(chart.to_dict()["vconcat"][-1]["title"]["subtitle"])
    assert "30 silent for 5 min or more" in words
    assert "20 silent longest" in words
    assert "trackers=" in words


def test_only_the_trackers_asked_for_count_also_from_a_generator():
    rows = [state(second, tracker_id=who) for second in range(10) for who in (1, 2, 3)]
    chart = charts.quality(recording(state_batch=rows), trackers=(who for who in (1, "Truck 3")))
    assert "20 rows of 2 trackers" in told(chart)


def test_a_part_of_the_time_is_drawn_alone():
    rows = [state(second) for second in range(600)]
    chart = charts.quality(recording(state_batch=rows), start="2026-07-01 11:05", end=at(359.5))
    assert "60 rows" in told(chart)
    assert "Europe/Madrid" in str(chart.to_dict())


def test_a_frame_is_drawn_by_its_arrivals():
    rows = rows_of("state_batch", [state(1_000, gps=0), state(1_001, gps=1)])
    for frame in (rows, rows.lazy().drop("recording", "snapshot", "label")):
        subtitle = charts.quality(frame).title["subtitle"]
        assert subtitle == ["2 messages, 2 rows of 1 trackers. One bar is 1 s."]
    is_valid(charts.quality(rows.head(1)))


@pytest.mark.parametrize("trackers", [None, 99])
def test_where_nothing_came_the_chart_says_so(trackers):
    for data in (recording(), rows_of("state_batch", [])):
        chart = charts.quality(data, trackers=trackers)
        [words] = [row["why"] for row in data_of(chart)]
        assert words.endswith(".")


@given(st.floats(0.001, 400 * 86_400))
def test_buckets_cover_all_of_the_time_and_are_not_too_many(seconds):
    end = START + timedelta(seconds=seconds)
    least = timedelta(seconds=seconds) / MOST
    buckets = Buckets.over(Source.of(rows_of("state", []), start=START, end=max(end, at(0.01))))
    frame = buckets.frame()
    assert 1 <= len(frame) <= MOST
    assert (frame["began"][0], frame["ended"][-1]) == (buckets.start, buckets.end)
    assert frame["began"][1:].to_list() == frame["ended"][:-1].to_list()
    assert buckets.seconds >= least.total_seconds()
    last = (frame["ended"][-1] - frame["began"][-1]).total_seconds()
    assert len(frame) == 1 or last >= buckets.seconds / 2


def test_every_arrival_is_in_a_bucket_that_is_drawn():
    rows = [state(second / 10) for second in range(6_001)]
    found = Arrivals.of(Source.of(recording(state_batch=rows, minutes=10.04)))
    assert found.counts["rows"].sum() == 6_001
    numbers = found.buckets.frame()["bucket"]
    assert found.counts["bucket"].is_in(numbers.implode()).all()


def test_thousands_of_trackers_make_no_larger_chart():
    rows = [state(second, tracker_id=who) for who in range(3_000) for second in range(0, 600, 60)]
    chart = charts.quality(recording(state_batch=rows))
    assert len(chart.to_json(indent=None)) < 150_000

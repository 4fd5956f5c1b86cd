"""What happened in this time, on one page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetlab import charts
from fleetlab.charts.fuel_change import fuel_changes
from fleetlab.charts.shares import STATUSES, shares
from fleetlab.charts.source import Source
from fleetlab.charts.words import lasted
from tests.charts.pictures import data_of, is_valid, png_of
from tests.charts.recordings import at, drawn, panel_titles, recording, rows_of


def state(seconds: float, kmh: float = 0.0, who: int = 1, **more: Any) -> dict[str, Any]:
    defaults = {"seq": int(seconds), "event_time": at(seconds), "movement_status": "moving"}
    return {**defaults, "speed_kmh": kmh, "tracker_id": who, **more}


def level(seconds: float, value: float, who: int = 1, **more: Any) -> dict[str, Any]:
    tank = {"sensor_id": 7, "reading": "input:7", "sensor_label": "Tank 1", "units": "litre"}
    return {
        "event_time": at(seconds),
        "type": "fuel",
        "kind": "input",
        "value": value,
        "tracker_id": who,
        **tank,
        **more,
    }


def figures(chart) -> dict[str, str]:
    return {row["what"]: row["figure"] for row in data_of(chart) if "what" in row}


def test_counts_are_large_figures():
    rows = [state(second, 10, who) for second in range(0, 600, 10) for who in (1, 2)]
    rec = recording(
        state_batch=rows,
        gaps=[(100, 160, "disconnected")],
        overruns=[(30, 1)],
        rejects=[(5, "wrong type"), (9, "wrong type")],
    )
    assert figures(charts.overview(rec)) == {
        "trackers heard": "2",
        "messages": "60",
        "rows": "120",
        "gaps": "1",
        "parts not readable": "2",
    }
    part = charts.overview(rec, trackers=2, start=at(300))
    assert (figures(part)["trackers heard"], figures(part)["rows"]) == ("1", "30")
    assert (figures(part)["gaps"], figures(part)["parts not readable"]) == ("0", "0")


def test_the_ten_fastest_are_shown_with_their_moment():
    rows = [
        state(second, who * 10 + second / 100, who) for who in range(1, 15) for second in (5, 9)
    ]
    rows.append(state(7, 300.0, 99, snapshot=True))
    rows.append(state(8, 250.0, 98, connection_status="offline"))
    rows.append(state(8, float("nan"), 97))
    top = drawn(charts.overview(recording(state_batch=rows)), "Top speed")
    assert [row["line"] for row in top] == [f"Truck {who}" for who in range(14, 4, -1)]
    assert [row["top"] for row in top[:2]] == [140.09, 130.09]
    assert {row["event_time"] for row in top} == {at(9).timestamp() * 1000}
    lengths = [row["_to"] - row["_from"] for row in top]
    assert lengths[1] / lengths[0] == pytest.approx(130.09 / 140.09)


def test_fuel_is_the_last_level_less_the_first_by_units():
    rows = [
        level(-500, 80.0, snapshot=True),
        level(100, 70.0),
        level(500, 72.5),
        level(10, 50.0, 2, units="%"),
        level(20, 90.0, 2, units="%"),
        level(10, 30.0, 3),
        level(20, 30.0, 3),  # no change
        level(700, 1.0),  # after the end
    ]
    chart = charts.overview(recording(readings_batch=rows))
    assert [
        (row["line"], row["change"]) for row in drawn(chart, "Change of fuel level (litre)")
    ] == [("Truck 1", -7.5)]
    [percent] = drawn(chart, "Change of fuel level (%)")
    assert (percent["first"], percent["last"], percent["words"]) == (50, 90, "+40.0")


def test_a_sensor_made_of_others_is_left_out_where_those_were_heard():
    def tank(sensor: int, first: float, last: float, who: int = 1, of: list[int] | None = None):
        same = {"sensor_id": sensor, "reading": f"input:{sensor}", "composite_sensor_ids": of}
        name = {"sensor_label": f"Tank {sensor}"}
        return [level(1, first, who, **same, **name), level(2, last, who, **same, **name)]

    rows = [*tank(1, 10, 20), *tank(2, 10, 15), *tank(9, 20, 35, of=[1, 2])]
    rows += tank(9, 20, 30, who=2, of=[1, 2])
    found = fuel_changes(Source.of(recording(readings_batch=rows)))
    assert found.select("line", "change").rows() == [
        ("Tank 1 · Truck 1", 10),
        ("Truck 2", 10),
        ("Tank 2 · Truck 1", 5),
    ]


def shown_at(found: pl.DataFrame, moment: datetime) -> dict[str, int]:
    now = found.filter(pl.col("began") <= moment, pl.col("ended") > moment)
    return {status: count for status, count in now.select("status", "count").rows() if count}


def test_the_status_holds_and_is_unknown_before_the_first_in_a_gap_and_while_unheard():
    rows = [
        state(0, who=1, snapshot=True, movement_status="parked"),
        state(100, who=1),
        state(310, who=1, snapshot=True, movement_status="stopped"),
        state(200, who=2),
        state(310, who=2, snapshot=True),
        state(400, who=2, connection_status="offline"),
    ]
    found = shares(Source.of(recording(state_batch=rows, gaps=[(250, 300, "disconnected")])))
    assert shown_at(found, at(50)) == {"parked": 1, "unknown": 1}
    assert shown_at(found, at(150)) == {"moving": 1, "unknown": 1}
    assert shown_at(found, at(220)) == {"moving": 2}
    assert shown_at(found, at(270)) == {"unknown": 2}
    assert shown_at(found, at(350)) == {"moving": 1, "stopped": 1}
    assert shown_at(found, at(450)) == {"stopped": 1, "unknown": 1}


status = st.sampled_from(["moving", "stopped", "parked", "strange", None])
change = st.tuples(st.integers(0, 119), st.integers(1, 4), status, st.booleans())


@settings(max_examples=25)
@given(st.lists(change, min_size=1, max_size=30), st.sets(st.integers(1, 110), max_size=2))
def test_at_any_moment_all_trackers_are_in_some_state(changes, losses):
    gaps = [(5 * one, 5 * one + 5) for one in losses if one + 1 not in losses]
    rows = []
    for moment, who, value, unheard in sorted(changes, key=lambda one: one[:2]):
        second = 5 * moment
        if not any(start <= second <= end for start, end in gaps):
            more = {"connection_status": "offline" if unheard else "active"}
            rows.append(state(second, who=who, movement_status=value, **more))
    if not rows:
        return
    source = Source.of(
        recording(state_batch=rows, gaps=[(start, end, "asleep") for start, end in gaps])
    )
    found = shares(source)
    trackers = {row["tracker_id"] for row in rows}
    for moment in range(120):
        second = 5 * moment
        counts = dict.fromkeys(STATUSES, 0)
        for who in trackers:
            since = max([end for _, end in gaps if end <= second], default=0)
            lost = any(start <= second < end for start, end in gaps)
            before = [
                row
                for row in rows
                if row["tracker_id"] == who and at(since) <= row["event_time"] <= at(second)
            ]
            last = before[-1] if before and not lost else {}
            unheard = last.get("connection_status") == "offline"
            value = "unknown" if unheard else last.get("movement_status")
            counts[value if value in STATUSES else "unknown"] += 1
        expected = {name: count for name, count in counts.items() if count}
        assert shown_at(found, at(second + 0.5)) == expected
    edges = found.filter(pl.col("count") > 0).sort("began", "low")
    assert edges["low"].min() == 0
    assert edges["high"].max() == pytest.approx(1)


def test_notes_and_gaps_stand_on_the_time_axis_and_the_page_is_not_too_wide():
    notes = [(120, "gate <b>closed</b>"), (590, "a note at the end that is rather long")]
    rows = [state(second, second % 90, who) for second in range(600) for who in range(1, 12)]
    fuel = [level(second, second, who) for second in (1, 2) for who in range(12)]
    rec = recording(state_batch=rows, readings_batch=fuel, notes=notes, gaps=[(200, 260, "asleep")])
    chart = is_valid(charts.overview(rec, timezone="Asia/Kathmandu"))
    told = {row["text"]: row["began"] for row in data_of(chart) if "text" in row}
    assert told == {text: at(second).timestamp() * 1000 for second, text in notes}
    assert "Asia/Kathmandu" in chart.title["subtitle"][1]
    assert "2026-07-01 14:45:00" in chart.title["subtitle"][1]
    assert int.from_bytes(png_of(chart)[16:20], "big") <= 800


def test_of_a_frame_only_what_it_tells_is_shown():
    chart = charts.overview(rows_of("readings_batch", [level(1, 5.0), level(9, 4.0)]).lazy())
    assert panel_titles(chart) == ["Change of fuel level (litre)"]
    assert "gaps" not in figures(chart)
    chart = charts.overview(rows_of("state_batch", [state(1, 5.0)]))
    assert panel_titles(chart)[0] == "Top speed"


def test_where_nothing_came_the_page_says_so():
    assert figures(charts.overview(recording()))["rows"] == "0"
    is_valid(charts.overview(recording(), trackers=5))
    [words] = [row["why"] for row in data_of(charts.overview(rows_of("state_batch", [])))]
    assert words == "The frame has no rows to draw."


def test_thousands_of_trackers_make_no_larger_page():
    rows = [state(second, 9, who) for who in range(3_000) for second in range(0, 600, 60)]
    chart = charts.overview(recording(state_batch=rows))
    assert len(chart.to_json(indent=None)) < 150_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (7, "7 s"), (60, "1 min"), (3_599, "59 min 59 s"), (3_601, "1 h"),
     (90_000, "1 d 1 h"), (86_460, "1 d")],
)  # fmt: skip
def test_how_long_something_lasted_is_told_in_two_units(seconds, words):
    assert lasted(seconds) == words

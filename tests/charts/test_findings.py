from __future__ import annotations

from typing import Any

import pytest

import fleetlab as fl
from fleetlab import charts
from fleetlab.charts import findings
from tests.charts.pictures import is_valid, png_of
from tests.charts.recordings import START, at, recording


def drive(*parts: tuple[float, float, float], tracker: int = 1, **more: Any) -> list[dict]:
    """A row each ten seconds, from and to such seconds at such a speed, eastwards in Madrid."""
    rows, lng = [], -3.7
    for since, until, kmh in parts:
        for second in range(int(since), int(until), 10):
            lng += kmh / 3.6 * 10 / 84_700
            rows.append(
                {
                    "event_time": at(second),
                    "tracker_id": tracker,
                    "lat": 40.4,
                    "lng": lng,
                    "speed_kmh": kmh,
                    "movement_status": "moving" if kmh else "stopped",
                    "connection_status": "active",
                    "ignition": kmh > 0,
                    **more,
                }
            )
    return rows


DRIVE = drive((0, 600, 50), (600, 1_200, 0), (1_200, 1_500, 110), (1_500, 1_800, 40))


def marked(chart: Any, column: str) -> list[dict[str, Any]]:
    """Rows of a chart that have a column, times in seconds from START on."""
    rows = [row for rows in chart.to_dict()["datasets"].values() for row in rows if column in row]
    return [
        row
        | {
            name: row[name] / 1000 - START.timestamp()
            for name in ("started_at", "ended_at")
            if name in row
        }
        for row in rows
    ]


def test_a_stop_is_marked_along_the_bottom_of_the_speed_from_its_beginning_to_its_end():
    rec = recording(state_batch=DRIVE, minutes=30)
    chart = is_valid(charts.speed(rec))
    [stop] = marked(chart, "ignition_on_s")
    [found] = fl.stops(rec).to_dicts()
    assert (stop["started_at"], stop["ended_at"], stop["y"]) == (600, 1_200, 0)
    assert found["duration_s"] == 600
    assert png_of(chart)


def test_what_is_above_the_limit_is_marked_at_its_top_speed():
    chart = is_valid(charts.speed(recording(state_batch=DRIVE, minutes=30), limit_kmh=90))
    [over] = marked(chart, "max_speed_kmh")
    assert (over["started_at"], over["ended_at"], over["y"]) == (1_200, 1_500, 110)
    assert not marked(charts.speed(recording(state_batch=DRIVE, minutes=30)), "max_speed_kmh")


def test_a_trip_is_a_line_above_the_status_and_says_what_of_it_was_not_seen():
    chart = is_valid(charts.status(recording(state_batch=DRIVE, minutes=30)))
    first, second = marked(chart, "avg_speed_kmh")
    assert (first["started_at"], first["ended_at"]) == (0, 600)
    assert (first["unseen"], second["unseen"]) == ("its beginning", "its end")
    assert png_of(chart)


def test_a_map_shows_where_trips_began_and_ended():
    chart = is_valid(charts.map(recording(state_batch=DRIVE, minutes=30)))
    rows = marked(chart, "avg_speed_kmh")
    found = fl.trips(recording(state_batch=DRIVE, minutes=30))
    ends = [*found["start_lng"], *found["end_lng"]]
    assert [row["lng"] for row in rows] == pytest.approx(ends)
    assert png_of(chart)


def test_only_trackers_that_are_drawn_are_looked_at():
    rows = DRIVE + drive((0, 600, 30), (600, 1_800, 0), tracker=2)
    chart = charts.speed(recording(state_batch=rows, minutes=30), trackers=[2])
    assert {row["tracker_id"] for row in marked(chart, "ignition_on_s")} == {2}


def test_what_is_over_before_the_beginning_is_not_marked():
    rec = recording(state_batch=DRIVE, minutes=30)
    assert marked(charts.speed(rec, start=at(1_250)), "ignition_on_s") == []
    [stop] = marked(charts.speed(rec, start=at(1_000)), "ignition_on_s")
    assert stop["started_at"] == 600


@pytest.mark.parametrize(
    ("limit", "words"),
    [("ROWS", "Stops are not marked over so much"), ("MARKS", "1 stops are too many to be marked")],
)
def test_where_there_is_too_much_to_look_through_or_to_mark_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, limit: str, words: str
):
    monkeypatch.setattr(findings, limit, 0)
    chart = charts.speed(recording(state_batch=DRIVE, minutes=30))
    assert any(words in line for line in chart.to_dict()["title"]["subtitle"])
    assert not marked(chart, "ignition_on_s")


def test_a_bare_frame_has_its_findings_marked_too():
    frame = recording(state_batch=DRIVE, minutes=30).state_batch
    for data in (frame, frame.lazy()):
        assert len(marked(charts.speed(data), "ignition_on_s")) == 1


def test_a_frame_without_positions_is_drawn_without_trips():
    frame = recording(state_batch=DRIVE, minutes=30).state_batch.drop("lat", "lng")
    assert marked(charts.status(frame), "avg_speed_kmh") == []

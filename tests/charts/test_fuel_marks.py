"""Fills and drains as marks on the level of fuel."""

from __future__ import annotations

import json
import re

from fleetlab.charts import fuel_level
from tests.charts.pictures import data_of, is_valid, png_of, svg_of
from tests.charts.recordings import at, recording

TANK = {"kind": "input", "reading": "input:1", "sensor_id": 1, "sensor_label": "Tank 1",
        "type": "fuel", "units": "litre", "max_value": 100.0}  # fmt: skip


def told(*levels: tuple[float, float], **more):
    return [{**TANK, "event_time": at(t), "value": value, **more} for t, value in levels]


def heard(until: int, **more):
    return [{"event_time": at(t), "speed_kmh": 0.0, **more} for t in range(0, until, 30)]


def changed(chart) -> list[dict]:
    return [row for row in data_of(chart) if "volume" in row]


def test_fills_and_drains_are_marked_with_amount_and_time():
    rows = told((0, 40.0), (600, 60.0), (660, 90.0), (2400, 70.0), (2430, 60.0))
    rows += told((0, 50.0), (1200, 50.5), sensor_id=2, reading="input:2", sensor_label="Tank 2")
    chart = is_valid(
        fuel_level(
            recording(readings_batch=rows, state_batch=heard(3600), minutes=60),
            timezone="Asia/Tokyo",
        )
    )
    marks = changed(chart)
    shown = [(row["line"], row["kind"], row["amount"]) for row in marks]
    assert shown == [
        ("Truck 1 · Tank 1", "fill", "+50"),
        ("Truck 1 · Tank 1", "drain", "\N{MINUS SIGN}30"),
    ]
    assert [row["is_written"] for row in marks] == [True, True]
    words = " ".join(chart.to_dict()["title"]["subtitle"])
    assert "a triangle up is a fill, a triangle down is a drain." in words
    assert "diamond" not in words
    drawn = svg_of(chart)
    assert "18:11" in drawn
    assert "18:40" in drawn
    assert png_of(chart)


def test_only_tanks_that_are_drawn_and_times_that_are_drawn_have_marks():
    rows = told((0, 40.0), (600, 90.0))
    rows += told((0, 10.0), (620, 70.0), sensor_id=2, reading="input:2", sensor_label="Tank 2")
    rec = recording(readings_batch=rows, state_batch=heard(3600), minutes=60)
    assert {row["line"] for row in changed(fuel_level(rec))} == {
        "Truck 1 · Tank 1",
        "Truck 1 · Tank 2",
    }
    one = fuel_level(rec, sensors="Tank 2")
    assert [row["amount"] for row in changed(one)] == ["+60"]
    late = fuel_level(rec, start=at(1200))
    assert changed(late) == []


def test_words_beside_marks_don_t_lie_on_each_other():
    rows = [
        row
        for n in range(4)
        for row in told(
            (0, 20.0), (600 + n, 80.0), sensor_id=n, reading=f"input:{n}", sensor_label=f"Tank {n}"
        )
    ]
    rec = recording(readings_batch=rows, state_batch=heard(3600), minutes=60)
    marks = changed(fuel_level(rec))
    assert len(marks) == 4
    assert sum(row["is_written"] for row in marks) == 1


def test_words_beside_marks_are_not_cut_at_the_top_or_at_the_bottom():
    rows = told((0, 40.0), (600, 100.0), (1800, 0.0), (3000, 98.0))
    chart = fuel_level(recording(readings_batch=rows, state_batch=heard(3600), minutes=60))
    height = chart.to_dict()["height"]
    words = svg_of(chart).partition('mark-text role-mark layer_4_marks"')[2].partition("</g>")[0]
    first_lines = [float(y) for y in re.findall(r"translate\([-.\d]+,([-.\d]+)\)", words)]
    assert len(first_lines) == 3
    assert all(9 <= y <= height - 12 for y in first_lines)


def test_more_than_can_be_looked_through_is_said(monkeypatch):
    monkeypatch.setattr("fleetlab.charts.findings.ROWS", 100)
    rec = recording(
        readings_batch=told((0, 40.0), (600, 90.0)), state_batch=heard(3600), minutes=60
    )
    chart = fuel_level(rec)
    assert changed(chart) == []
    assert "not marked over so much" in json.dumps(chart.to_dict())

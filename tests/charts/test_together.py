"""Charts of one page, for which detectors look once."""

from __future__ import annotations

import pytest

from fleetlab import charts
from fleetlab.analysis import batches
from tests.charts.recordings import at, recording
from tests.test_report import read, state


def rows_in(spec: dict) -> list[dict]:
    """All rows that are drawn, less what sums of floats may differ by."""
    return [
        {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for rows in spec["datasets"].values()
        for row in rows
    ]


@pytest.mark.parametrize(("rows", "looks"), [(250_000, 1), (150, 3)])
def test_trackers_are_looked_through_together_and_drawn_as_each_is_alone(
    tmp_path, monkeypatch, rows, looks
):
    tank = {"reading": "input:1", "sensor_id": 1, "type": "fuel", "units": "litre"}
    stands = [
        state(s, 60.0 if s < 60 else 0.0, who, lat=40.4, lng=-3.7 + min(s, 60) * 2e-4)
        for who in (1, 2, 3)
        for s in range(0, 600, 6)
    ]
    levels = [
        {**tank, "event_time": at(s), "tracker_id": who, "value": 20.0 * who if s > 300 else 90.0}
        for who in (1, 2, 3)
        for s in range(0, 600, 20)
    ]
    rec = recording(state_batch=stands, readings_batch=levels)
    calls, in_turn = [], batches._in_turn
    monkeypatch.setattr("fleetlab.charts.findings.ROWS", rows)
    monkeypatch.setattr(batches, "_in_turn", lambda *given: calls.append(0) or in_turn(*given))
    _, parsed = read(rec, tmp_path / "a.html")
    kinds = {
        charts.speed: "ignition_on_s",
        charts.status: "avg_speed_kmh",
        charts.fuel_level: "volume",
    }
    assert len(calls) == looks * len(kinds)
    for who in (1, 2, 3):
        for place, (draw, mark) in enumerate(kinds.items()):
            drawn = rows_in(parsed.specs[who * 3 - 1 + place])
            assert drawn == rows_in(draw(rec, trackers=who).to_dict())
            assert any(mark in row for row in drawn)

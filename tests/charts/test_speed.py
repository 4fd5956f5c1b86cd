"""Speed over time: its axis, its limit, its tooltips."""

from __future__ import annotations

import altair as alt
import pytest

from fleetlab import charts
from tests.charts.pictures import is_valid, png_of
from tests.charts.test_lines import recording, speed


def test_the_axis_has_its_unit_and_a_point_tells_all():
    chart = is_valid(charts.speed(recording([speed(1, 30.0), speed(2, 95.0)])))
    line, dots = chart.to_dict()["layer"]
    assert line["encoding"]["y"]["title"] == "Speed (km/h)"
    told = [tip["title"] for tip in dots["encoding"]["tooltip"]]
    assert told == ["time (Europe/Madrid)", "tracker", "speed (km/h)"]
    png_of(chart)


def test_the_time_above_a_limit_is_shaded():
    rows = [speed(1, 30.0), speed(2, 95.0), speed(3, 50.0)]
    chart = is_valid(charts.speed(recording(rows), limit_kmh=90))
    spec = chart.to_dict()
    area, rule, *_ = spec["layer"]
    shaded = [row.get("value") for row in spec["datasets"][area["data"]["name"]]]
    assert (area["mark"]["type"], shaded) == ("area", [None, 95, None, None])
    assert area["encoding"]["y2"] == {"datum": 90}
    assert spec["datasets"][rule["data"]["name"]] == [{"limit": 90}]
    png_of(chart)


def test_a_users_own_layer_goes_on_top():
    chart = charts.speed(recording([speed(1, 30.0)]))
    own = alt.Chart(alt.InlineData(values=[{"event_time": 1, "value": 2}])).mark_point()
    both = chart + own.encode(x="event_time:T", y="value:Q")
    assert isinstance(both, alt.LayerChart)
    is_valid(both)


@pytest.mark.parametrize("limit", [None, 40.0])
def test_with_panels_movement_and_ignition_of_the_same_trackers_are_underneath(
    limit: float | None,
):
    rows = [
        speed(0, 50.0, movement_status="moving", ignition=True),
        speed(5, 0.0, movement_status="parked", ignition=False),
        speed(0, None, movement_status="parked", label="silent", tracker_id=2),
    ]
    chart = is_valid(charts.speed(recording(rows), panels=True, limit_kmh=limit))
    spec = chart.to_dict()
    top, *under = spec["vconcat"]
    assert [panel["encoding"]["y"]["scale"]["domain"] for panel in under] == [["one"], ["one"]]
    drawn = [[row["state"] for row in spec["datasets"][one["data"]["name"]]] for one in under]
    assert drawn == [["moving", "parked"], ["ignition on", "ignition off"]]
    assert spec["resolve"]["scale"]["x"] == "shared"
    while "layer" in top:
        top = top["layer"][0]
    names = [top["name"], *(panel["name"] for panel in under)]
    assert [one["views"] for one in spec["params"]] == [names, names]
    axes = [panel["encoding"]["x"]["axis"]["title"] for panel in (top, *under)]
    assert axes == [None, None, "Time (Europe/Madrid)"]
    png_of(chart)

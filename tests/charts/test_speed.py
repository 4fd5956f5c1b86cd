"""Speed over time: its axis, its limit, its tooltips."""

from __future__ import annotations

import altair as alt

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
    area, rule, _lines = spec["layer"]
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

"""Fuel level by tank: what is drawn, on which axis, and what is said of the rest."""

from __future__ import annotations

import re
from datetime import timedelta

import altair as alt
import polars as pl
import pytest

from fleetlab.charts import fuel_level
from fleetlab.errors import InvalidArgument
from tests.charts.pictures import data_of, is_valid, png_of, states, svg_of, utc
from tests.charts.recorded import readings, recorded

T = utc("2026-07-01T10:00:00")
END = T + timedelta(minutes=10)


def after(minutes):
    return T + timedelta(minutes=minutes)


def levels(chart, line):
    """Minutes and value of each point of a line."""
    points = [row for row in data_of(chart) if row.get("line") == line and "event_time" in row]
    start = T.timestamp() * 1000
    return [((row["event_time"] - start) / 60_000, row.get("value")) for row in points]


def lines_of(chart):
    return {row["line"] for row in data_of(chart) if "event_time" in row}


def subtitle(chart):
    return " ".join(chart.to_dict()["title"]["subtitle"])


def two_readings(**what):
    return readings(
        [
            {"event_time": after(1), "value": 80.0, **what},
            {"event_time": after(6), "value": 70.0, **what},
        ]
    )


def test_a_level_holds_until_the_next_reading_and_to_the_end():
    chart = fuel_level(recorded({"readings_batch": two_readings()}, T, END))
    assert levels(chart, "one · Tank") == [(1, 80), (6, 70), (10, 70)]


def test_a_gap_of_the_connection_breaks_the_line():
    rows = pl.concat(
        [
            two_readings().head(1),
            readings(
                [
                    {
                        "event_time": after(4),
                        "received_at": after(5),
                        "value": 60.0,
                        "snapshot": True,
                    }
                ]
            ),
        ]
    )
    gap = (after(3), after(5))
    chart = fuel_level(recorded({"readings_batch": rows}, T, END, gap))
    assert levels(chart, "one · Tank") == [(1, 80), (3, 80), (3, None), (5, 60), (10, 60)]


def test_a_reading_that_has_no_value_breaks_the_line():
    rows = readings([{"event_time": after(1), "value": 80.0}, {"event_time": after(3)}])
    chart = fuel_level(recorded({"readings_batch": rows}, T, END))
    assert levels(chart, "one · Tank")[:2] == [(1, 80), (3, None)]
    assert all(value is None for _, value in levels(chart, "one · Tank")[1:])


def test_a_snapshot_of_weeks_ago_is_the_level_from_the_beginning():
    rows = readings(
        [
            {
                "event_time": T - timedelta(weeks=3),
                "received_at": after(0),
                "value": 55.0,
                "snapshot": True,
            }
        ]
    )
    chart = fuel_level(recorded({"readings_batch": rows}, T, END))
    assert levels(chart, "one · Tank") == [(0, 55), (10, 55)]


def test_only_fuel_is_drawn():
    others = [two_readings(type=kind, reading=f"input:{kind}") for kind in ("rpm", "temperature")]
    counters = two_readings(kind="counter", type=None, reading="counter:odometer")
    virtual = two_readings(kind="virtual_sensor", reading="virtual_sensor:9", sensor_label="Sum")
    chart = fuel_level(pl.concat([two_readings(), *others, counters, virtual]))
    assert lines_of(chart) == {"one · Tank", "one · Sum"}


def test_the_value_is_drawn_in_its_own_unit_and_not_the_converted_one():
    rows = two_readings(converted_value=18.5, converted_units="gallon")
    chart = fuel_level(rows)
    assert {value for _, value in levels(chart, "one · Tank")} == {80, 70}
    assert "Fuel level (litre)" in svg_of(chart)
    assert "gallon" not in chart.to_json()


def test_different_units_are_never_on_one_axis():
    percent = two_readings(units="%", reading="input:8", sensor_label="CAN", tracker_id=2)
    untold = two_readings(units=None, reading="input:9", sensor_label="Raw")
    chart = fuel_level(pl.concat([two_readings(), percent, untold]))
    assert isinstance(chart, alt.VConcatChart)
    titles = [
        {
            layer["encoding"]["y"]["title"]
            for layer in [*part["layer"][0]["layer"], part["layer"][1]]
        }
        for part in chart.to_dict()["vconcat"]
    ]
    assert sorted(titles, key=str) == [
        {"Fuel level (%)"},
        {"Fuel level (litre)"},
        {"Fuel level (no unit told)"},
    ]
    png_of(chart)


def test_a_sensor_whose_unit_changed_is_two_lines():
    rows = pl.concat([two_readings().head(1), two_readings(units="gallon").tail(1)])
    assert lines_of(fuel_level(rows)) == {"one · Tank (7) (litre)", "one · Tank (7) (gallon)"}


def test_each_tank_has_a_line_for_full_and_tanks_alike_share_a_grey_one():
    tanks = [
        two_readings(reading=f"input:{n}", sensor_id=n, sensor_label=f"Tank {n}", max_value=full)
        for n, full in enumerate((480.0, 300.0, 300.0, None))
    ]
    chart = fuel_level(pl.concat(tanks))
    rows = [row for row in data_of(chart) if "full" in row]
    assert sorted(rows, key=lambda row: row["full"]) == [
        {"full": 300.0, "tanks": "one · Tank 1, one · Tank 2"},
        {"full": 480.0, "line": "one · Tank 0", "tanks": "one · Tank 0"},
    ]
    assert len(re.findall(r"<text[^>]*>full</text>", svg_of(chart))) == 2


def test_sensors_of_one_name_are_told_apart_by_their_ids():
    rows = pl.concat([two_readings(), two_readings(reading="input:8", sensor_id=8)])
    assert lines_of(fuel_level(rows)) == {"one · Tank (7)", "one · Tank (8)"}


def test_trackers_of_one_name_are_told_apart():
    rows = pl.concat([two_readings(), two_readings(tracker_id=2)])
    assert lines_of(fuel_level(rows)) == {"one (1) · Tank", "one (2) · Tank"}


def test_composite_sensors_are_drawn_when_asked_for_and_told_of_when_not():
    whole = two_readings(reading="input:9", sensor_id=9, sensor_label="All")
    whole = whole.with_columns(composite_sensor_ids=[7, 8])
    rows = pl.concat([two_readings(), whole])
    chart = fuel_level(rows)
    assert lines_of(chart) == {"one · Tank"}
    assert "1 composite sensor is left out" in subtitle(chart)
    assert lines_of(fuel_level(rows, composite=True)) == {"one · Tank", "one · All"}
    assert lines_of(fuel_level(rows, sensors="All")) == {"one · All"}
    assert "composite=True" in str(fuel_level(whole).to_dict()["datasets"])


def test_sensors_are_chosen_by_id_label_or_name_and_an_unknown_one_is_answered():
    other = two_readings(reading="input:8", sensor_id=8, sensor_label="Second", name="lls_2")
    rows = pl.concat([two_readings(), other])
    for sensors in (8, "Second", ["lls_2"], "input:8"):
        assert lines_of(fuel_level(rows, sensors=sensors)) == {"one · Second"}
    [why] = data_of(fuel_level(rows, sensors="Third"))
    assert why["why"] == "No fuel sensor is called 'Third'. There are: Tank, Second."


def test_of_many_tanks_those_that_vary_most_of_what_they_hold_are_shown():
    many = [
        readings(
            [
                {
                    "event_time": after(minute),
                    "value": 50.0 + minute * n * scale,
                    "max_value": 100.0 * scale,
                    "units": units,
                    "tracker_id": n,
                    "label": f"{units} {n}",
                }
                for minute in (1, 6)
            ]
        )
        for units, scale, ids in (("litre", 5, range(10)), ("%", 1, range(20, 23)))
        for n in ids
    ]
    chart = fuel_level(pl.concat(many))
    # In litres the 9 vary more than the percents do, but less of what they hold.
    assert {f"% {n} · Tank" for n in (20, 21, 22)} < lines_of(chart)
    assert len(lines_of(chart)) == 8
    assert "8 of 13 shown" in subtitle(chart)
    every = fuel_level(pl.concat(many), trackers=[*range(10), *range(20, 23)])
    assert len(lines_of(every)) == 13


def test_panels_draw_the_speed_of_the_same_trackers_underneath():
    moving = states(
        [
            {"event_time": after(n), "tracker_id": who, "label": "one", "speed_kmh": 10.0 * who}
            for who in (1, 2)
            for n in (0, 5)
        ]
    )
    rec = recorded({"readings_batch": two_readings(), "state_batch": moving}, T, END)
    chart = fuel_level(rec, panels=True)
    fuel, speed = chart.to_dict()["vconcat"]
    assert speed["layer"][0]["encoding"]["y"]["title"] == "Speed (km/h)"
    assert fuel["layer"][0]["layer"][0]["encoding"]["x"]["axis"]["labels"] is False
    # The other tracker has the same label, and no tank.
    assert {row["value"] for row in data_of(chart) if row.get("line") == "one"} == {10}
    assert chart.to_dict()["resolve"]["scale"]["x"] == "shared"
    png_of(is_valid(chart))


def test_panels_without_states_say_so():
    chart = fuel_level(recorded({"readings_batch": two_readings()}, T, END), panels=True)
    assert isinstance(chart, alt.LayerChart)
    assert "Without speed: made was recorded without state_batch" in subtitle(chart)


def test_no_fill_or_drain_is_lost_to_thinning():
    n = 20_000
    every = pl.DataFrame(
        {
            "event_time": [T + timedelta(seconds=i) for i in range(n)],
            "value": [
                50 - i / n + (40 if i == 11_234 else -45 if i == 15_678 else 0) for i in range(n)
            ],
        }
    )
    row = readings([{"event_time": T, "value": 0.0}]).drop("event_time", "value").lazy()
    chart = fuel_level(row.join(every.lazy(), how="cross").collect())
    values = [row["value"] for row in data_of(chart) if "value" in row]
    assert max(values) == every["value"].max()
    assert min(values) == every["value"].min()
    assert "left out" in subtitle(is_valid(chart))


def test_nothing_to_draw_is_said_and_raises_nothing():
    for rows in (readings([]), two_readings(type="rpm"), readings([]).lazy()):
        [why] = data_of(fuel_level(rows))
        assert why["why"]
    rec = recorded({"state_batch": states([])}, T, END)
    [why] = data_of(fuel_level(rec))
    assert "recorded without readings_batch" in why["why"]


def test_what_is_not_data_is_refused():
    with pytest.raises(InvalidArgument, match="dict"):
        fuel_level({})
